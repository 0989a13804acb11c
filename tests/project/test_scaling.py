"""The estimate of what tables cost on GPUs: its sums, by hand, and its lines."""
from __future__ import annotations

import pytest

from experiments import table1, table2
from integral_pose.tables import Row, Table
from scripts import scaling

V100S = scaling.Machine(gpus=2, rate=1000.0, bandwidth=0.5e9)
NETWORK = scaling.Network(giga=5.0, mega=30.0)


def test_a_step_computes_and_then_exchanges_gradients() -> None:
    alone = 64 * 3 * 5.0 / (1000.0 * 2)
    assert V100S.step(NETWORK, 64) == pytest.approx(alone)
    assert V100S.step(NETWORK, 64, machines=4) == pytest.approx(alone / 4 + 2 * 3 / 4 * 120e6 / 0.5e9)


def test_hours_are_those_of_one_gpu() -> None:
    run = table1.TABLE.rows[0].runs[0]
    assert scaling.hours(run, NETWORK, V100S) == pytest.approx(3e6 * 3 * 5.0 / 1000.0 / 3600)


def test_what_runs_start_from_counts_too_and_once() -> None:
    found = scaling.links(table1.TABLE)
    assert len(found) == 8 and all(run.key == key for key, run in found.items())  # H1, H2 and H3 are rows themselves
    assert len({**found, **scaling.links(table2.TABLE)}) == 14  # setting (b) is that of Table 1


def test_prints_a_line_a_table_and_their_sum(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    some = [row.runs[0] for row in table1.TABLE.rows[:3]]
    both = [Table("one", "", ("a column",), tuple(Row(str(i), (run,)) for i, run in enumerate(runs)))
            for runs in (some[:2], some[1:])]
    monkeypatch.setattr(scaling, "tables", lambda: zip(("one", "two"), both))
    assert scaling.main([]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["one", "2"], ["two", "2"]] and "GPU-hours" in heading
    assert lines[2].split()[:4] == ["all", "of", "them", "3"] and {len(line) for line in lines} == {len(heading)}


def test_every_table_is_there() -> None:
    assert [name for name, _ in scaling.tables()][:3] == ["table1", "table2", "table3"]
