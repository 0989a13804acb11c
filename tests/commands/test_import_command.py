"""The command that imports published networks, and what uses them afterwards."""
from __future__ import annotations

import integral_pose  # isort: skip

import importlib
from pathlib import Path
from typing import List

import cv2
import numpy as np
import pytest

from integral_pose.commands import predict
from integral_pose.models import saved, weights
from integral_pose.published.names import Anatomy
from tests.helpers import published_forms as forms
from tests.helpers.printed import words

COMMAND = importlib.import_module("integral_pose.commands.import")
COCO = Anatomy("baseline", 18, forms.NARROW, 3, 17)
MPII = Anatomy("baseline", 18, forms.NARROW, 3, 16)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    forms.write(Path("pose_resnet_18_256x192.pth.tar"), forms.renamed(COCO, forms.values(COCO)))
    forms.write(Path("mpii.pth"), forms.renamed(MPII, forms.values(MPII)))
    picture = cv2.resize(np.random.default_rng(0).integers(0, 255, (4, 5, 3)).astype(np.uint8), (100, 120))
    cv2.imwrite("a.png", picture)


def test_an_imported_network_predicts_as_its_file_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMAND.main(["pose_resnet_18_256x192.pth.tar", "--as", "coco"]) == 0
    shown = capsys.readouterr().out
    assert "SimpleBaseline on COCO" in shown and "256 x 192 px, 17 joints in 2D" in shown
    assert "predict --run coco photo.jpg" in shown
    found = saved.find("coco", Path("runs"))
    assert found.finished and found.run.patch_width == 192
    by_file, by_name = integral_pose.load("pose_resnet_18_256x192.pth.tar"), integral_pose.load("coco")
    boxes = [[10.0, 5.0, 60.0, 90.0]]
    assert (by_file("a.png", boxes)[0].xy == by_name("a.png", boxes)[0].xy).all()
    assert predict.main(["a.png", "--run", "coco", "--out", "one", "--no-overlays"]) == 0
    assert predict.main(["a.png", "--checkpoint", "pose_resnet_18_256x192.pth.tar", "--out", "two", "--flip"]) == 0
    assert Path("one/joints.csv").read_text().count("\n") == 18


@pytest.mark.parametrize("options, message", [
    (["mpii.pth", "--as", "a"], "Import it with --patch 256x256 or --patch 384x384"),
    (["mpii.pth", "--as", "a", "--source", "gluoncv"], "is not of --source gluoncv, but of simple-baseline-mpii"),
    (["mpii.pth", "--as", "../a"], "a name has letters, digits, dots"),
    (["none.pth", "--as", "a"], "none.pth: cannot be read (No such file or directory)"),
    (["a.png", "--as", "a"], "a.png: is neither a file of PyTorch's"),
])
def test_bad_input_is_refused(options: List[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMAND.main(options) == 2
    assert message in words(capsys.readouterr().err) and not Path("runs").exists()


def test_a_name_is_given_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMAND.main(["mpii.pth", "--as", "a", "--patch", "256x256"]) == 0
    assert COMMAND.main(["mpii.pth", "--as", "a", "--patch", "256x256"]) == 2
    assert "there is a network of this name already" in words(capsys.readouterr().err)


def test_a_network_of_the_zoo_is_downloaded_by_gluoncv(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []
    monkeypatch.setattr(weights, "download", lambda *of: asked.append(of) or Path("pose_resnet_18_256x192.pth.tar"))
    assert COMMAND.main(["simple_pose_resnet18_v1b", "--as", "zoo"]) == 0
    assert asked == [("simple_pose_resnet18_v1b", Path("data/models"))]
