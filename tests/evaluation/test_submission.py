"""A run's submission to MPII's server, from predictions to the file and back."""
from __future__ import annotations

import contextlib
import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest

from experiments import table5
from integral_pose.commands import evaluate
from integral_pose.commands import table as command
from integral_pose.datasets.formats import mpii_submission
from integral_pose.datasets.mpii import RELEASE
from integral_pose.errors import InputError, RunFailed
from integral_pose.evaluation.submission import can_submit, submission, submit
from integral_pose.geometry import Array
from integral_pose.models import build
from integral_pose.profiles import smoke
from integral_pose.run import Run
from integral_pose.run_folder import PARAMETERS, Site
from tests.datasets.formats.test_mpii_submission import write_release

TINY = Run(output="direct", width=0.03, patch=32, batch=2, pretrained=False, everybody=True, flip_test=True)


@pytest.fixture(scope="module")
def finished(smoke_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Table 5's row R1 was run in smoke."""
    folder = tmp_path_factory.mktemp("finished")
    argv = ["--jobs", "1", "--profile", "smoke", "--data", str(smoke_people), "--runs", str(folder / "runs"),
            "--results", str(folder), "--rows", "R1"]
    with contextlib.suppress(SystemExit):
        command.main(table5.TABLE, argv)
    return folder


@pytest.fixture
def official(tmp_path: Path) -> Site:
    """MPII's own file with its pictures, and a network of random weights in the run's folder."""
    write_release(tmp_path)
    (tmp_path / "images").mkdir()
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (400, 500, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"images/0{number}.jpg"), noise)
    site = Site(tmp_path, tmp_path / "runs", (mx.cpu(),))
    net = build.network(TINY)
    net.initialize()
    net(mx.nd.zeros((1, 3, TINY.patch, TINY.patch)))
    site.folder(TINY).mkdir(parents=True)
    net.save_parameters(str(site.folder(TINY) / PARAMETERS))
    return site


def test_the_file_of_synthetic_people_scores_what_the_table_says(
    finished: Path, smoke_people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = smoke(table5.R1)
    path = submission(run, Site(smoke_people, finished / "runs/smoke", ()))
    truth = next(smoke_people.glob("*/annot/gt_valid.mat"))
    assert evaluate.main(["mpii", "--annotations", str(truth), "--predictions", str(path), "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    with open(finished / "smoke/table5.csv", newline="") as handle:
        table = {line["metric"]: line for line in csv.DictReader(handle) if line["row"] == "R1"}
    for metric, name in (("@0.5", "at_05"), ("@0.1", "at_01"), ("AUC", "auc")):
        assert float(table[metric]["ours"]) == pytest.approx(scored[name], abs=6e-4) and scored["auc"] > 0
    assert table["@0.5"]["run_key"] == run.training.key != run.key


def test_mpiis_own_test_people_are_predicted_from_their_pictures(official: Site) -> None:
    path = submit(TINY, official)
    assert path is not None and path.name == "pred_keypoints_mpii.mat"
    subjects = mpii_submission.read_subjects(official.data)
    joints = mpii_submission.read_submission(path, subjects)
    assert joints.shape == (3, 16, 2) and np.ptp(joints, axis=0).min() > 1
    boxes = [sample.box for sample in subjects.samples]
    for person, box in zip(joints, boxes):
        assert np.abs(person - [box.x, box.y]).max() < 3 * box.side


def test_a_written_file_is_left_alone(official: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    path = submit(TINY, official)
    monkeypatch.setattr("integral_pose.evaluation.submission.predict", lambda *_: pytest.fail("predicted again"))
    assert submit(TINY, official) == path


def test_without_mpiis_file_there_is_nothing_to_submit(official: Site) -> None:
    (official.data / "annot" / RELEASE).unlink()
    assert not can_submit(TINY, official) and submit(TINY, official) is None


def test_a_missing_picture_of_the_test_is_named(official: Site) -> None:
    (official.data / "images/02.jpg").unlink()
    with pytest.raises(InputError, match=r"02\.jpg"):
        submit(TINY, official)
    assert not submission(TINY, official).exists()


def test_what_does_not_come_back_is_not_kept(official: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def shifted(*args: object) -> Array:
        return mpii_submission.read_submission(*args) + 0.01  # type: ignore[arg-type]

    monkeypatch.setattr("integral_pose.evaluation.submission.read_submission", shifted)
    with pytest.raises(RunFailed, match="not those that were written"):
        submit(TINY, official)
    assert not submission(TINY, official).exists()


def test_runs_tested_otherwise_have_submissions_of_their_own(official: Site) -> None:
    once = replace(TINY, flip_test=False)
    assert official.folder(once) == official.folder(TINY)
    assert submission(once, official) != submission(TINY, official)
