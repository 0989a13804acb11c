"""Imported networks over the test people of data sets, scored with their protocols."""
from __future__ import annotations

import json
from pathlib import Path
from typing import List

import mxnet as mx
import numpy as np
import pytest

from integral_pose.commands import evaluate
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.evaluation import network
from integral_pose.evaluation.network import Options
from integral_pose.metrics import pckh
from integral_pose.models import saved
from integral_pose.profiles import smoke
from integral_pose.published.names import Anatomy
from integral_pose.run import Run
from tests.helpers import published_forms as forms
from tests.helpers.printed import words


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small networks as others publish them, and synthetic people in the formats of the real data sets."""
    folder = tmp_path_factory.mktemp("place")
    for name, layout, maps, beside in (
        ("pose_resnet_18_256x256.pth", "baseline", 16, ()), ("pose_resnet_18_256x192.pth", "baseline", 17, ()),
        ("snapshot_24.pth.tar", "volumes", 18 * 64, ("optimizer",)), ("a_384x288.pth", "release", 18 * 72, ()),
    ):
        anatomy = Anatomy(layout, 18, forms.NARROW, 3, maps)
        forms.write(folder / name, forms.renamed(anatomy, forms.values(anatomy)), beside)
    return folder


def made(smoke_people: Path, name: str) -> Path:
    """The folder of the smoke profile's people."""
    in_3d = name == "human36m"
    run = smoke(Run(data=name, coordinates=3, upsamplings=3) if in_3d else Run(data=name, upsamplings=3))
    data_set = Catalogue(smoke_people).of(run)
    data_set.people("test")
    return data_set.folder


def test_mpii_is_scored_as_predictions_in_a_file_are(
    place: Path, smoke_people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file = made(smoke_people, "mpii"), place / "pose_resnet_18_256x256.pth"
    assert evaluate.main(["mpii", "--network", str(file), "--data", str(data), "--flip", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    found = network.on_people(saved.at(file), "mpii", Options(data, mx.cpu(), flip=True, batch=5))
    truth = [np.stack([getattr(one, name) for one in found.samples]) for name in ("joints", "annotated")]
    result = pckh.score(found.joints, *truth, np.array([sample.head_size for sample in found.samples]))
    assert shown["at_05"] == pytest.approx(result.at_05) and found.joints.std() > 1
    assert "network: simple-baseline-mpii" in shown["protocol"] and "256 x 256 px" in shown["protocol"]
    assert "maps averaged with those of the mirrored patch, shifted by a cell" in shown["protocol"]
    assert shown["protocol"].endswith("a quarter cell to the higher neighbours, cells at i / n")


@pytest.mark.parametrize("boxes", ["detected", "annotated"])
def test_coco_is_scored_in_patches_that_are_not_square(
    boxes: str, place: Path, smoke_people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, file = made(smoke_people, "coco"), place / "pose_resnet_18_256x192.pth"
    assert evaluate.main(["coco", "--network", str(file), "--data", str(data), "--boxes", boxes]) == 0
    shown = capsys.readouterr().out
    assert "AP" in shown and f"box: {boxes}" in shown and "256 x 192 px" in shown


@pytest.mark.parametrize("name", ["snapshot_24.pth.tar", "a_384x288.pth"])
def test_human36m_is_scored_in_the_publishers_boxes(
    name: str, place: Path, smoke_people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = made(smoke_people, "human36m")
    assert evaluate.main(["human36m", "--network", str(place / name), "--data", str(data), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert 50 < shown["mpjpe"] < 3000 and "expectation, cells at i / n" in shown["protocol"]


@pytest.mark.parametrize("options, message", [
    (["mpii"], "Give --annotations and --predictions, to score a file, or --network and --data"),
    (["mpii", "--network", "people", "--annotations", "a"], "leave out --annotations and --predictions"),
    (["mpii", "--network", "people"], "--network: predicts the joints of lspet (r_ankle, r_knee, r_hip, …), not those"),
    (["human36m", "--network", "people"], "--network: predicts joints in 2D, and human36m has them in 3D"),
])
def test_what_does_not_go_together_is_refused(
    options: List[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert evaluate.main(options) == 2
    assert message in words(capsys.readouterr().err)
