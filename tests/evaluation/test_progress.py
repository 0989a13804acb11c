"""How far runs are, and how long the rest takes."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Optional

import mxnet as mx
import pytest

from integral_pose.evaluation import progress
from integral_pose.evaluation.cells import Cell
from integral_pose.methods import H1, I1, R1
from integral_pose.metrics import flops
from integral_pose.models import build
from integral_pose.profiles import quick
from integral_pose.run import Run
from integral_pose.run_folder import Site

FIRST, SECOND = quick(I1).chain  # 1000 steps of 8 each


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "data", tmp_path / "runs", (mx.cpu(),))


def at_step(run: Run, site: Site, step: int, speed: float, done: bool = False) -> None:
    """Leaves in the run's folder what training leaves there."""
    folder = site.folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log.csv").write_text(f"step,images_per_s\n1,5.0\n{step},{speed}\n")
    if done:
        (folder / "trained.json").write_text(json.dumps({"step": step}))


def left(site: Site, *runs: Run, processes: int = 1) -> Optional[float]:
    cells = [Cell("row", "column", run, False) for run in runs]
    return progress.seconds_left(progress.of_table(cells, site), processes)


def test_nothing_is_known_before_a_run_was_validated(site: Site) -> None:
    assert left(site, SECOND) is None
    assert progress.UNKNOWN in progress.summary("t", [Cell("I1", "c", SECOND, False)], site, 1)


def test_a_run_that_others_start_from_counts_once_and_processes_share(site: Site) -> None:
    at_step(FIRST, site, 100, 40.0)
    assert left(site, FIRST, SECOND) == pytest.approx((900 + 1000) * 8 / 40)
    assert left(site, FIRST, SECOND, processes=2) == pytest.approx((900 + 1000) * 8 / 80)


def test_of_another_network_the_multiply_adds_tell(site: Site) -> None:
    at_step(FIRST, site, 1000, 40.0, done=True)
    small = replace(quick(R1), backbone="resnet18", start=None)
    here, there = (flops.multiply_adds(build.network(replace(run, start=None)), run.patch) for run in (FIRST, small))
    assert left(site, small) is None
    assert left(site, FIRST, small) == pytest.approx(small.steps * 8 / (40 * here / there), rel=0.2)


def test_runs_without_a_fixed_budget_have_no_estimate(site: Site) -> None:
    at_step(H1, site, 100, 40.0)
    assert left(site, H1) is None
    assert progress.OPEN_END in progress.summary("t", [Cell("H1", "c", H1, False)], site, 1)


def test_states_are_told_of_the_whole_chain(site: Site) -> None:
    cell = Cell("I1", "ResNet-50", SECOND, False)
    assert "not begun" in progress.status("t", [cell], site, 1)
    at_step(FIRST, site, 500, 40.0)
    assert "25 % of 2000 steps" in progress.status("t", [cell], site, 1)
    at_step(FIRST, site, 1000, 40.0, done=True)
    at_step(SECOND, site, 1000, 40.0, done=True)
    said = progress.status("t", [cell], site, 1)
    assert "trained, not tested yet" in said and "2 of 2 runs are trained; no training is left" in said


@pytest.mark.parametrize("text", ["", "step\n", "step,images_per_s\nx,y\n", "\0"])
def test_damaged_logs_count_as_missing(site: Site, text: str) -> None:
    site.folder(FIRST).mkdir(parents=True)
    (site.folder(FIRST) / "log.csv").write_text(text)
    (site.folder(FIRST) / "trained.json").write_text(text)
    assert progress.of_run(FIRST, site)[1:] == (0, False, None)


@pytest.mark.parametrize("seconds, words", [(5, "under a minute"), (200, "about 3 min"), (7300, "about 2 h 2 min")])
def test_times_are_told_as_exactly_as_they_are_known(seconds: float, words: str) -> None:
    assert progress.in_words(seconds) == words
