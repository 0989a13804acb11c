"""The comparison of patiences: its runs, and what it reads from their logs."""
from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import mxnet as mx
import pytest

from experiments import patience
from integral_pose.methods import I_STAR
from integral_pose.report.curves import LOG
from integral_pose.run import Run
from integral_pose.run_folder import Site


def test_runs_have_the_papers_schedule_and_differ_in_patience_alone() -> None:
    runs = [patience.small(count) for count in patience.PATIENCES]
    assert {replace(run, patience=0) for run in runs} == {replace(runs[0], patience=0)}
    assert Run().patience in patience.PATIENCES
    kept = ("output", "loss", "start", "batch", "rate", "low_rate", "steps", "max_epochs", "scale", "turn", "shift")
    for name in kept:
        assert getattr(runs[0], name) == getattr(I_STAR, name)


def test_phases_are_told_by_their_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_pck", lambda run, site, split: 50.0)
    run, site = patience.small(2), Site(tmp_path, tmp_path, (mx.cpu(),))
    site.folder(run).mkdir()
    lines = [(1e-3, 0.5), (1e-3, 0.3), (1e-3, 0.4), (1e-3, 0.35), (1e-5, 0.25), (1e-5, 0.31), (1e-5, 0.28)]
    with open(site.folder(run) / LOG, "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerows([("step", "rate", "validation_loss"), *((i, *line) for i, line in enumerate(lines))])
    found = patience.measured(run, site)
    assert (found["epochs_at_1e-3"], found["epochs_at_1e-5"]) == ("4", "3")
    assert (found["held_out_loss_at_1e-3"], found["held_out_loss"]) == ("0.30000", "0.25000")
    assert (found["pck_held-out"], found["run_key"]) == ("50.00", run.key)


def test_without_photographs_the_command_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert patience.main([f"--{name}={tmp_path / name}" for name in ("data", "runs", "results")]) == 2
    assert str(tmp_path / "data") in capsys.readouterr().err
