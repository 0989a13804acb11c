"""The command that prints what networks cost: which are the same, their counts, and a step that is really made."""
from __future__ import annotations

from dataclasses import replace

import pytest

from experiments import table1, table2, table7
from integral_pose.run import Run
from integral_pose.tables import Row, Table
from scripts import costs

TINY = Run(patch=64, width=0.0625, backbone="resnet18", pretrained=False)
IN_3D = replace(TINY, data="human36m", coordinates=3, upsamplings=1)


@pytest.mark.parametrize("table, rows, columns", [
    (table1, [["R1"], ["H1"], ["H2"], ["H3"], ["I*", "I1", "I2", "I3"]], [["ResNet-50"]] * 5),
    (table2, [["H1"]] * 4 + [["I1"]] * 4, [[column] for column in table2.COLUMNS] * 2),
    (table7, [["R1"], ["H1"], ["H1"], ["H2"], ["H2"], ["I*", "I1", "I2"]],
     [["Strategy 1", "Strategy 2"], ["Strategy 1"], ["Strategy 2"], ["Strategy 1"], ["Strategy 2"],
      ["Strategy 1", "Strategy 2"]]),
])
def test_every_distinct_network_is_there_once(table, rows, columns):
    found = costs.networks(table.TABLE)
    assert [network.rows for network in found] == rows
    assert [network.columns for network in found] == columns


def test_prints_what_table_2_counts(capsys):
    assert costs.main(["table2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["row", "column", "patch", "cells", "1e9", "multiply-adds", "1e6", "parameters"]
    assert [line.split()[-6:] for line in lines[1:3]] == [
        ["256", "64", "x", "64", "7.25", "34.00"], ["256", "32", "x", "32", "6.16", "32.95"],
    ]
    assert len(lines) == 9 and len({len(line) for line in lines}) == 1


def test_each_step_is_measured_and_want_of_memory_said(monkeypatch, capsys):
    runs = (replace(TINY, output="direct"), replace(IN_3D, output="heat map", loss="gaussian-mse"))
    rows = tuple(Row(name, (run,)) for name, run in zip(("R1", "H1"), runs))
    limits = iter([200_000_000, 8_000_000_000])
    monkeypatch.setattr(table1, "TABLE", Table("table1", "tiny", ("a column",), rows))
    monkeypatch.setattr(costs, "_free", lambda: next(limits))
    assert costs.main(["table1", "--step", "--batch", "3"]) == 0
    heading, direct, volumes = capsys.readouterr().out.splitlines()
    assert heading.endswith("copy of the logits, GB  memory, GB    seconds")
    assert "0.000  out of 0.2 GB of memory (" in direct
    copy, memory, seconds = map(float, volumes.split()[-3:])
    assert copy == pytest.approx(4 * 3 * 18 * 4**3 / 1e9, abs=1e-3)
    assert 0.05 < memory < 2 and 0 <= seconds < 60
    assert len(heading) == len(volumes)


@pytest.mark.parametrize("run", [
    replace(TINY, output="direct"), replace(TINY, output="heat map", loss="disc-bce"), IN_3D,
    replace(IN_3D, output="heat map", loss="softmax-ce"),
    replace(IN_3D, output="heat map", loss="softmax-ce", extra="mpii"),
    replace(IN_3D, output="heat map", loss="gaussian-mse", extra="mpii"),
])
def test_every_kind_of_network_makes_a_step(run):
    assert costs.step(run, 2).memory > 1e7


def test_memory_is_that_of_a_process_of_its_own():
    here = bytearray(10**9)
    here[::4096] = b"1" * len(here[::4096])
    assert costs.measure(TINY, 1).memory < 0.8e9 < costs._peak()


@pytest.mark.parametrize("arguments, said", [
    (["table99"], "Choose one of table1, table2, table3"), (["bases"], "no such table"),
    (["../setup"], "no such table"),
    (["table1", "--batch", "0"], "--batch 0"),
])
def test_wrong_input_is_one_paragraph_and_exit_code_2(capsys, arguments, said):
    assert costs.main(arguments) == 2
    printed = capsys.readouterr()
    assert not printed.out and printed.err.count("\n") == 1 and said in printed.err


def test_help_shows_an_example_and_what_is_measured(capsys):
    with pytest.raises(SystemExit):
        costs.main(["--help"])
    printed = capsys.readouterr().out
    assert "python -m scripts.costs table7 --step" in printed and "two training steps" in printed
