"""From boxes to poses: what is kept, with which score, and what AP says of it."""
from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Tuple

import mxnet as mx
import numpy as np
import pytest

from experiments import table6, table6_stages
from integral_pose.commands import evaluate
from integral_pose.commands import table as command
from integral_pose.datasets import coco
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.datasets.dataset import Candidates
from integral_pose.errors import InputError
from integral_pose.evaluation import evaluate as evaluation
from integral_pose.evaluation import topdown
from integral_pose.evaluation.evaluate import outcome_file
from integral_pose.evaluation.submission import submission, submit
from integral_pose.geometry import Array
from integral_pose.metrics import average_precision
from integral_pose.profiles import PROFILES, smoke
from integral_pose.run import Run
from integral_pose.run_folder import Site
from integral_pose.storage import array_files
from tests.commands.test_table import arguments
from tests.helpers.printed import words


def small(run: Run) -> Run:
    """The smoke profile, with a network of fewer layers."""
    return smoke(run).everywhere(backbone="resnet18")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the smoke profile's synthetic COCO."""
    root = tmp_path_factory.mktemp("data")
    Catalogue(root).of(smoke(table6.H1)).people("test")
    return root


def truth_as_found(run: Run, root: Path, times: int = 1) -> Tuple[Candidates, Array, Array]:
    """Everybody annotated, found `times` times, a tenth of a pixel apart: all of the first before any of the second."""
    found = Catalogue(root).of(run).candidates("annotated")
    joints = np.stack([sample.joints for sample in found.samples])
    scores = np.concatenate([np.linspace(1, 0.5, len(joints)) - i / 1000 for i in range(times)])
    everybody = Candidates(list(found.samples) * times, np.tile(found.images, times), scores)
    shifted = np.concatenate([joints + i / 10 for i in range(times)])
    return everybody, shifted, np.ones(shifted.shape[:2])


def precision(run: Run, root: Path, poses: topdown.Poses) -> float:
    matches = average_precision.match(Catalogue(root).of(run).truth_file, poses.images, poses.joints, poses.scores)
    return average_precision.score(matches)["AP"]


def test_everybody_found_once_is_all_there_is(scenes: Path) -> None:
    run = smoke(table6.H1)
    assert precision(run, scenes, topdown.settled(run, *truth_as_found(run, scenes))) == pytest.approx(100)


def test_everybody_found_twice_is_so_only_without_duplicates(scenes: Path) -> None:
    run = smoke(table6.H1)
    twice = truth_as_found(run, scenes, times=2)
    assert precision(run, scenes, topdown.settled(run, *twice)) > 99.9
    assert precision(run, scenes, topdown.settled(replace(run, suppressed=False), *twice)) < 90


@pytest.mark.parametrize("elsewhere", [0, 3])
def test_boxes_in_pictures_without_annotations_are_counted_with_the_numbers(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: int
) -> None:
    run, site = smoke(table6.H1), Site(scenes, tmp_path, (mx.cpu(),))
    found = truth_as_found(run, scenes)
    monkeypatch.setattr(coco.Coco, "candidates", lambda *_: found[0]._replace(elsewhere=elsewhere))
    monkeypatch.setattr(topdown, "poses", lambda run, site, candidates: topdown.settled(run, candidates, *found[1:]))
    protocol = evaluation._in_pictures(run, site).protocol
    assert protocol.endswith("|boxes in other images: 3") == (elsewhere == 3)
    assert ("other images" in protocol) == (elsewhere == 3)


def test_a_score_is_the_boxs_times_its_joints(scenes: Path) -> None:
    run = replace(smoke(table6.I1), suppressed=False)
    found, joints, _ = truth_as_found(run, scenes)
    sure = np.random.default_rng(1).uniform(0.3, 1, joints.shape[:2])
    found = found._replace(scores=np.linspace(0.1, 1, len(joints)))
    np.testing.assert_allclose(topdown.settled(run, found, joints, sure).scores, found.scores * sure.mean(axis=1))
    plain = topdown.settled(replace(run, rescored=False), found, joints, sure)
    np.testing.assert_array_equal(plain.scores, found.scores)


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_an_integrals_joint_counts_from_a_fifth_of_its_gaussians_peak(scenes: Path, sigma: float) -> None:
    """As H1's does: its Gaussian has a peak of 1, a normalized one on the paper's 64 x 64 cells of 0.16 or less."""
    run = smoke(table6.I1).everywhere(sigma=sigma, suppressed=False)
    found, joints, _ = truth_as_found(run, scenes)
    from_centre = np.arange(64) - 32.0
    along = np.exp(-(from_centre**2) / (2 * sigma**2))
    peak = np.outer(along, along).max() / np.outer(along, along).sum()
    scores = np.full(joints.shape[:2], peak)
    scores[:, 0] = 0.19 * peak
    found = found._replace(scores=np.ones(len(joints)))
    np.testing.assert_allclose(topdown.settled(run, found, joints, scores).scores, peak)
    scores[:, 0] = 0.21 * peak
    assert (topdown.settled(run, found, joints, scores).scores < 0.96 * peak).all()


@pytest.mark.parametrize(("changes", "words"), [
    ({}, ["box: detected", "above 0.032 (its normalized map's peak)", "OKS-NMS: 0.9"]),
    ({"joint_score": "mass"}, ["above 0.2 (the map's mass"]),
    ({"joint_score": "one"}, ["(1)"]),
    ({"boxes": "annotated", "rescored": False}, ["box: annotated", "score: the box's|"]),
    ({"suppressed": False}, ["NMS: no"]),
    ({"output": "heat map", "loss": "gaussian-mse", "start": None, "joint_score": "mass"}, ["above 0.2 (its peak)"]),
])
def test_the_protocol_says_how_poses_were_scored(changes: Dict[str, Any], words: Any) -> None:
    line = topdown.protocol(replace(table6.I1, **changes))
    assert all(word in line for word in words)


@pytest.fixture(scope="module")
def finished(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which Table 6 and its stages were run in smoke, with small networks."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(PROFILES, "smoke", small)
        for table in (table6.TABLE, table6_stages.TABLE):
            with pytest.raises(SystemExit) as left:
                command.main(table, arguments(scenes, folder))
            assert left.value.code == 0
    return folder


def lines_of(finished: Path, table: str) -> Any:
    with open(finished / f"results/smoke/{table}.csv", newline="") as handle:
        return list(csv.DictReader(handle))


def site_of(scenes: Path, finished: Path) -> Site:
    return Site(scenes, finished / "runs/smoke", (mx.cpu(),))


def test_the_table_has_everybodys_rows_and_ours(finished: Path) -> None:
    lines = [line for line in lines_of(finished, "table6") if line["metric"] == "AP"]
    assert [(line["row"], line["paper"], bool(line["ours"])) for line in lines] == [
        ("CMU-Pose[29]", "61.8", False), ("Mask R-CNN[25]", "63.1", False), ("G-RMI[36]", "64.9", False),
        ("H1", "66.3", True), ("I1", "67.8", True),
    ]
    assert (finished / "results/smoke/table6.jpg").read_bytes().startswith(b"\xff\xd8")


def test_stages_are_left_out_of_the_networks_of_table_6(finished: Path) -> None:
    trained = {line["run_key"] for line in lines_of(finished, "table6") if line["ours"]}
    stages = lines_of(finished, "table6_stages")
    assert {line["run_key"] for line in stages} == trained and len(trained) == 2
    assert len({(line["row"], line["column"]) for line in stages}) == 20
    assert len({line["protocol"] for line in stages}) > 6


@pytest.mark.parametrize("row", ["H1", "I1"])
def test_the_result_file_scores_what_the_table_says(
    scenes: Path, finished: Path, row: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = small(getattr(table6, row))
    site = site_of(scenes, finished)
    truth = next(scenes.glob("*/annotations/person_keypoints_val2017.json"))
    arguments = ["coco", "--annotations", str(truth), "--predictions", str(submission(run, site)), "--json"]
    assert evaluate.main(arguments) == 0
    scored = json.loads(capsys.readouterr().out)
    ours = next(line for line in lines_of(finished, "table6") if line["row"] == row and line["metric"] == "AR")
    assert float(ours["ours"]) == pytest.approx(scored["AR"], abs=6e-4)


def test_test_devs_pictures_are_predicted_where_they_are(scenes: Path, finished: Path, tmp_path: Path) -> None:
    run, site = small(table6.H1), site_of(scenes, finished)
    asked = Catalogue(scenes).of(run).official_test
    assert asked is not None
    folder = asked.parents[1]
    content = json.loads((folder / "annotations/person_keypoints_val2017.json").read_text())
    pictures = content["images"][:2]
    detections = json.loads(next((folder / "person_detection_results").glob("*val2017*")).read_text())
    wanted = [d for d in detections if d["image_id"] in {picture["id"] for picture in pictures}]
    asked.write_text(json.dumps({"images": pictures}))
    (folder / "test2017").symlink_to(folder / "val2017")
    (folder / "person_detection_results" / coco.PARTS[coco.TEST_DEV].detections).write_text(json.dumps(wanted))
    try:
        path = submit(run, site)
    finally:
        asked.unlink()
    assert path is not None and "test-dev2017" in path.name
    images, *_ = coco.read_results(path)
    assert 0 < len(images) <= len(wanted) and set(images) <= {picture["id"] for picture in pictures}


def test_what_is_saved_are_the_poses_of_the_protocol(scenes: Path, finished: Path) -> None:
    run, site = small(table6.I1), site_of(scenes, finished)
    arrays, signature = array_files.read(outcome_file(run, site))
    again = topdown.poses(run, site)
    for name, values in zip(topdown.SAVED, again):
        np.testing.assert_allclose(arrays[name], values, rtol=1e-5)
    assert topdown.protocol(run) in signature["protocol"] and "flip: joints averaged" in signature["protocol"]


def test_missing_detections_are_found_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "data"
    Catalogue(root).of(smoke(table6.H1)).people("test")
    for path in root.glob("*/person_detection_results/*"):
        path.unlink()
    with pytest.raises(SystemExit) as left:
        command.main(table6.TABLE, arguments(root, tmp_path))
    assert left.value.code == 2 and "detections" in words(capsys.readouterr().err)
    assert not list((tmp_path / "runs").glob("smoke/*/run.json"))
    with pytest.raises(InputError, match="person_detection_results"):
        Catalogue(root).of(smoke(table6.H1)).candidates("detected")
