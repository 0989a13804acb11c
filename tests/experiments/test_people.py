"""The comparison of synthetic people of two versions: its runs, its numbers and its page."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, Optional

import mxnet as mx
import numpy as np
import pytest

from experiments import people
from experiments.people import BASELINE, CANDIDATE, ROWS, Measured
from integral_pose.geometry import Array, Box
from integral_pose.models import saved
from integral_pose.report.curves import LOG, LOGGED
from integral_pose.run_folder import DONE, Site
from integral_pose.samples import Sample
from integral_pose.skeletons import MPII
from integral_pose.synthetic import make_mpii

FOUND = Measured(60, 57, 63, 10, 30, 5)


def test_rows_differ_in_the_people_and_in_the_start_alone() -> None:
    before, after = ROWS[BASELINE], ROWS[CANDIDATE]
    assert before.start and after.start and after.start.trunk and not before.start.trunk
    first = replace(after.start, data=before.data, trunk=None)
    assert replace(after, data=before.data, start=first) == before
    assert len({run.key for run in ROWS.values()}) == len(ROWS) == 4
    assert {run.data for run in ROWS.values()} == {"synthetic-mpii-v2", "synthetic-mpii-v3"}


@pytest.fixture()
def truth() -> Array:
    return np.random.default_rng(0).uniform(0, 300, (5, 16, 2))


def _measured(found: Array, truth: Array) -> Measured:
    return people.measured(found, truth, np.ones((5, 16)), np.full(5, 20.0))


def test_whoever_finds_all_joints_has_all_and_whoever_is_a_little_off_no_precise_ones(truth: Array) -> None:
    assert _measured(truth, truth) == Measured(100, 100, 100, 100, 100, 0)
    off = _measured(truth + np.array([0.3 * 20, 0]), truth)
    assert (off.at_05, off.at_01) == (100, 0) and 0 < off.auc < 50


def test_exchanged_sides_are_counted(truth: Array) -> None:
    assert _measured(truth[:, MPII.mirror], truth).exchanged == 100
    half = np.where(np.arange(5)[:, None, None] < 2, truth[:, MPII.mirror], truth)
    one = _measured(half, truth)
    assert one.exchanged == pytest.approx(40, abs=6) and one.low < one.at_05 < one.high
    hidden = people.measured(truth, truth, np.tile(np.arange(16) == 6, (5, 1)) | (np.arange(16) == 9), np.full(5, 20.0))
    assert np.isnan(hidden.exchanged)


@pytest.mark.parametrize("version", [2, 3])
def test_head_sizes_are_those_of_the_people_in_the_pictures(version: int) -> None:
    job = make_mpii.Job("", "train", 4, 0, version)
    record, head = make_mpii.annotation(job, job.shot())
    sample = Sample(Path("images/train_000004.jpg"), np.zeros((16, 2)), np.ones(16), Box(0, 0, 1), float("nan"))
    assert people.head_size(sample, version) == pytest.approx(0.6 * np.hypot(*(head[1] - head[0])))
    assert people.head_size(sample, version) <= 25 * record["scale"] + 1e-9


@pytest.mark.parametrize("found, said", [
    ({BASELINE: FOUND, CANDIDATE: FOUND}, "third version is taken"),
    ({BASELINE: FOUND, CANDIDATE: FOUND._replace(at_05=59.9)}, "second version stays"),
    ({BASELINE: FOUND}, "Not decided"),
])
def test_the_rule_decides_by_the_pretrained_network_on_the_third_version(found: Dict[str, Measured], said: str) -> None:
    assert said in people.decision(found) and said in people.page(found)


def test_nobody_trains_a_backbone_of_photographs_unasked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(saved, "trunk", lambda run: None)
    folders = [f"--{name}={tmp_path / name}" for name in ("data", "runs", "results")]
    assert people.main(["--rows", BASELINE, CANDIDATE, *folders]) == 2
    assert "experiments.photos trunks" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("trained", [None, BASELINE])
def test_the_page_has_what_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Optional[str]) -> None:
    monkeypatch.setattr(people, "measure", lambda run, site: FOUND)
    monkeypatch.setattr(people, "SHOWN", 2)
    site = Site(tmp_path, tmp_path / "runs", (mx.cpu(),))
    if trained:
        for link in ROWS[trained].chain:
            site.folder(link).mkdir(parents=True)
            (site.folder(link) / LOG).write_text(",".join(LOGGED) + "\n125,2,1.5,20\n250,1,1,15\n")
            (site.folder(link) / DONE).write_text("{}")
    assert "Not decided" in people.write(site, tmp_path / "results")
    page = (tmp_path / "results/README.md").read_text()
    assert ("| v2, from nothing | 60.0 | 57.0 to 63.0 | 10.0 | 30.0 | 5.0 |" in page) == bool(trained)
    for name in ("curves.png", "v2.jpg", "v3.jpg"):
        assert name in page and (tmp_path / "results" / name).stat().st_size > 1000
    lines = (tmp_path / "results/training.csv").read_text().splitlines()
    assert len(lines) == (5 if trained else 1)
