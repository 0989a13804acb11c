"""The command that imports published networks, and what uses them afterwards."""
from __future__ import annotations

import integral_pose  # isort: skip

import importlib
from pathlib import Path
from typing import List, NoReturn, Optional

import cv2
import numpy as np
import pytest

from integral_pose.commands import export, predict
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
    (["mpii.pth", "--as", "people"], "a network of this name comes with the program"),
    (["mpii.pth", "--as", "a.pth.tar"], "would be taken for a file"),
    (["mpii.pth", "--as", "a", "--patch", "256x256", "--style", "caffe"], "leave out --style caffe"),
    (["none.pth", "--as", "a"], "none.pth: cannot be read (No such file or directory)"),
    (["a.png", "--as", "a"], "a.png: is neither a file of PyTorch's"),
])
def test_bad_input_is_refused(options: List[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMAND.main(options) == 2
    assert message in words(capsys.readouterr().err) and not Path("runs").exists()


@pytest.mark.parametrize("name, content, message", [
    ("a.pth", b"<html>", "a.pth: is neither a file of PyTorch's"),
    ("a.params", b"\x12\x01\0\0\0\0\0\0", "the file a.json or run.json beside it must describe the network"),
    ("folder", None, "folder: is a folder. Give it with --run"),
])
def test_predict_names_what_a_checkpoint_is_not(
    name: str, content: Optional[bytes], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is None:
        Path(name).mkdir()
    else:
        Path(name).write_bytes(content)
    assert predict.main(["a.png", "--checkpoint", name]) == 2
    assert message in words(capsys.readouterr().err)


def test_settings_beside_a_published_file_are_not_its_own() -> None:
    Path("run.json").write_text("{}")
    assert saved.at(Path("pose_resnet_18_256x192.pth.tar")).run.published.startswith("simple-baseline-coco")


def test_an_import_that_is_stopped_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(_: Path) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(weights, "saving", stop)
    assert COMMAND.main(["mpii.pth", "--as", "a", "--patch", "256x256"]) == 130
    assert "Nothing was written" in capsys.readouterr().err and not Path("runs/imported/a").exists()


def test_what_was_exported_to_pytorch_is_not_taken_for_simple_baselines(capsys: pytest.CaptureFixture[str]) -> None:
    assert COMMAND.main(["mpii.pth", "--as", "a", "--patch", "256x256"]) == 0
    assert export.main(["a", "--to", "torch"]) == 0
    shown = words(capsys.readouterr().out)
    assert "how patches are cut and maps read." in shown and "not as in" not in shown
    (path,) = Path("exported").glob("*.pth")
    assert COMMAND.main([str(path), "--as", "b", "--patch", "256x256"]) == 2
    assert "was written by export --to torch from a network of this program" in words(capsys.readouterr().err)


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
