"""Comparisons of what the paper leaves open in its schedule: their runs, and what is read from their logs."""
from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import mxnet as mx
import pytest

from experiments import schedule
from integral_pose.methods import H1, I1, I_STAR
from integral_pose.report.curves import LOG
from integral_pose.run import Run
from integral_pose.run_folder import Site

KEPT = ("output", "loss", "batch", "rate", "low_rate", "steps", "max_epochs", "scale", "turn", "shift")


@pytest.mark.parametrize("setting, method", [("patience", I_STAR), ("sharpening", I1)])
def test_runs_have_the_papers_schedule_and_differ_in_one_setting_alone(setting: str, method: Run) -> None:
    runs = [run for name, run in schedule.compared(setting, schedule.VALUES[setting]).items() if name != "H1"]
    field = {"patience": "patience", "sharpening": "logit_scale"}[setting]
    assert [getattr(run, field) for run in runs] == schedule.VALUES[setting]
    assert {replace(run, **{field: 1}) for run in runs} == {replace(runs[0], **{field: 1})}
    for run, papers in zip(runs[0].chain, method.chain):
        assert all(getattr(run, name) == getattr(papers, name) for name in KEPT)


def test_the_papers_own_value_is_compared() -> None:
    assert Run().patience in schedule.VALUES["patience"] and 1 in schedule.VALUES["sharpening"]


def test_integrals_start_from_the_heat_maps_beside_them() -> None:
    h1, *integrals = schedule.compared("sharpening", [1, 20]).values()
    assert h1.loss == H1.loss and all(run.start == h1 for run in integrals)


def test_phases_are_told_by_their_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "_pck", lambda run, site, split: 50.0)
    run, site = schedule.small(I_STAR), Site(tmp_path, tmp_path, (mx.cpu(),))
    site.folder(run).mkdir()
    lines = [(1e-3, 0.5), (1e-3, 0.3), (1e-3, 0.4), (1e-3, 0.35), (1e-5, 0.25), (1e-5, 0.31), (1e-5, 0.28)]
    with open(site.folder(run) / LOG, "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerows([schedule.LOGGED, *((*line, 10 * line[1]) for line in lines)])
    found = schedule.measured(run, site)
    assert (found["epochs_at_1e-3"], found["epochs_at_1e-5"]) == ("4", "3")
    assert (found["held_out_loss_at_1e-3"], found["held_out_loss"]) == ("0.30000", "0.25000")
    assert (found["held_out_px"], found["pck_held-out"], found["run_key"]) == ("2.50", "50.00", run.key)


@pytest.mark.parametrize("setting", schedule.VALUES)
def test_without_photographs_the_command_says_where_it_looked(
    setting: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert schedule.main([setting, *(f"--{name}={tmp_path / name}" for name in ("data", "runs", "results"))]) == 2
    assert str(tmp_path / "data") in capsys.readouterr().err


@pytest.mark.parametrize("value", ["2.5", "0", "-1", "many"])
def test_values_are_whole_numbers_above_0(value: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        schedule.main(["patience", "--values", value])
    assert ended.value.code == 2 and "--values" in capsys.readouterr().err
