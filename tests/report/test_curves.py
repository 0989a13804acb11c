"""Training logs and PCKh curves as CSV files."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Callable, List, Sequence

import numpy as np
import pytest

from integral_pose.errors import InputError
from integral_pose.metrics import pckh
from integral_pose.report import curves
from integral_pose.run import Run
from integral_pose.storage import csv_files

H1 = Run(output="heat map", loss="gaussian-mse", seed=3)
I1 = replace(H1, output="integral", loss="joint-l1", start=H1)
HEADER = ("step", "rate", "train_loss", "validation_loss", "validation_error_px", "images_per_s")


def logged(root: Path, run: Run, validations: int) -> None:
    """A log as training writes it; the numbers say which line they are of."""
    lines = [(10 * i, 1e-3, i + 0.5, i + 0.25, i + 0.125, 80.0) for i in range(1, validations + 1)]
    csv_files.write(root / run.key / "log.csv", HEADER, lines)


def folder(root: Path) -> Callable[[Run], Path]:
    return lambda run: root / run.training.key


def test_each_phase_is_read_back(tmp_path: Path) -> None:
    logged(tmp_path, H1, 2)
    logged(tmp_path, I1, 3)
    curves.write_training([("I1", "b", I1)], folder(tmp_path), tmp_path / "out" / "t.csv")
    found = curves.read_training(tmp_path / "out" / "t.csv", "")
    assert [(v.row, v.column, v.seed, v.phase, v.key, v.step) for v in found] == [
        *(("I1", "b", 3, 1, H1.key, step) for step in (10, 20)),
        *(("I1", "b", 3, 2, I1.key, step) for step in (10, 20, 30)),
    ]
    assert found[-1][6:] == (3.5, 3.25, 3.125)


def test_a_run_tested_in_another_way_has_the_log_of_its_training(tmp_path: Path) -> None:
    logged(tmp_path, H1, 2)
    curves.write_training([("H1", "b", replace(H1, flip_test=True))], folder(tmp_path), tmp_path / "t.csv")
    assert {v.key for v in curves.read_training(tmp_path / "t.csv", "")} == {H1.key}


@pytest.mark.parametrize("validations", [0, 1, 39, 40, 41, 300])
def test_long_logs_are_thinned_from_the_first_line_to_the_last(tmp_path: Path, validations: int) -> None:
    logged(tmp_path, H1, validations)
    curves.write_training([("H1", "b", H1)], folder(tmp_path), tmp_path / "t.csv")
    steps = [v.step for v in curves.read_training(tmp_path / "t.csv", "")]
    assert len(set(steps)) == len(steps) == min(validations, curves.MOST_LINES)
    assert steps == sorted(steps) and (not steps or (steps[0], steps[-1]) == (10, 10 * validations))


def test_a_run_without_a_log_is_left_out(tmp_path: Path) -> None:
    curves.write_training([("H1", "b", H1)], folder(tmp_path), tmp_path / "t.csv")
    assert curves.read_training(tmp_path / "t.csv", "") == []


def test_a_damaged_log_is_named(tmp_path: Path) -> None:
    logged(tmp_path, H1, 4)
    log = tmp_path / H1.key / "log.csv"
    log.write_text(log.read_text()[:-2])
    with pytest.raises(InputError, match=rf"{H1.key}/log.csv, line 5.*Move it away"):
        curves.write_training([("H1", "b", H1)], folder(tmp_path), tmp_path / "t.csv")


def validations(losses: Sequence[float], seed: int = 0, phase: int = 2, every: int = 10) -> List[curves.Validation]:
    return [curves.Validation("I1", "b", seed, phase, "k", every * i, 9.0, loss, 5.0)
            for i, loss in enumerate(losses, start=1)]


def test_the_end_of_a_curve_is_the_last_fifth_of_its_last_phase() -> None:
    given = [*validations([1, 2, 3, 4], phase=1), *validations([10, 8, 6, 4, 3])]
    (ending,) = curves.endings(given)
    assert (ending.steps, ending.before, ending.after) == (50, 4, 3) and ending.change == pytest.approx(-25)
    (between,) = curves.endings(validations([10, 8, 6, 4]))  # 32 of 40 steps, between two validations
    assert between.before == pytest.approx(5.6)
    assert curves.endings(validations([10])) == []


def test_how_far_networks_are_from_converged_is_written_for_each_seed(tmp_path: Path) -> None:
    found = curves.endings([*validations([10, 10, 10, 10, 8]), *validations([5, 5, 5, 5, 5.5], seed=1)])
    assert curves.changes(found) == pytest.approx({("I1", "b"): (-20 + 10) / 2})
    curves.write_endings(found, tmp_path / "c.csv")
    lines = csv_files.read(tmp_path / "c.csv", {"seed": int, "steps": int, "change_percent": float}, "")
    assert [tuple(line.values()) for line in lines] == [(0, 50, -20.0), (1, 50, 10.0)]


def test_pckh_is_the_mean_over_seeds_at_every_threshold(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    seeds = [rng.exponential(0.3, (7, 16)) for _ in range(3)]
    curves.write_pckh({("H1", "b"): seeds, ("I1", "b"): seeds[:1]}, tmp_path / "c.csv")
    found = curves.read_pckh(tmp_path / "c.csv", "")
    ours = [point for point in found if point.row == "H1"]
    assert [point.threshold for point in ours] == pytest.approx(list(pckh.THRESHOLDS))
    mean = np.mean([pckh.curve(seed) for seed in seeds], axis=0)
    assert [point.pckh for point in ours] == pytest.approx(mean, abs=1e-3)
    assert len(found) == 2 * 51 and mean[-1] > 0
