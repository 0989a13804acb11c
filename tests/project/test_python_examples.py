"""The Python of the README, docs/api.md and docs/tour.ipynb runs, and does what the text says."""
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, List

import integral_pose  # isort: skip

import cv2
import matplotlib
import numpy as np
import pytest

from integral_pose.inference.search import Search
from integral_pose.run import read
from tests.helpers import clips, trained_forms

ROOT = Path(__file__).resolve().parents[2]
README, API, TOUR = ROOT / "README.md", ROOT / "docs/api.md", ROOT / "docs/tour.ipynb"


def examples(page: Path) -> List[str]:
    """The blocks of Python of a page."""
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


def cells() -> List[Dict[str, Any]]:
    """The notebook's cells of code."""
    return [cell for cell in json.loads(TOUR.read_text())["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the examples are about: a photo, a video and a run."""
    coarse = np.random.default_rng(0).integers(0, 255, (5, 6, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "photo.jpg"), cv2.resize(coarse, (320, 240)))
    clips.plain(tmp_path / "dance.mp4", 3)
    trained_forms.write(trained_forms.tiny(), tmp_path / "runs/quick/1a2b3c4d5e")
    monkeypatch.chdir(tmp_path)
    # the photo shows nobody
    monkeypatch.setattr(Search, "shipped", lambda device, least=0.0, real=Search.shipped: real(device, 0.0))


def test_the_lines_of_the_readme_run(capsys: pytest.CaptureFixture) -> None:
    (lines,) = examples(README)
    known: Dict[str, Any] = {}
    exec(lines, known)
    assert len(lines.splitlines()) == 4
    x, y = known["people"][0].joints["l_wrist"].xy
    assert f"({x}, {y})" in capsys.readouterr().out and -80 < x < 400


def test_the_examples_of_the_api_run(capsys: pytest.CaptureFixture) -> None:
    known: Dict[str, Any] = {}
    blocks = examples(API)
    for block in blocks:
        exec(block, known)
    said = capsys.readouterr().out
    assert len(known["person"].names) == 18 and cv2.imread("overlay.png").shape[1] > 480  # two views beside
    promised = re.findall(r"# (missing\.jpg: .*|Run\(.*)", "\n".join(blocks))
    assert len(promised) == 2 and all(line in said for line in promised)
    mx, net, loss = known["mx"], known["net"], known["loss"]
    joints, images, error = known["joints"], known["images"], known["error"].mean().asscalar()
    for _ in range(30):
        with mx.autograd.record():
            after = loss(net(images), joints, mx.nd.ones_like(joints))
        after.backward()
        known["trainer"].step(len(images))
    assert after.mean().asscalar() < error
    assert "Integral(joints=16, height=16, width=16, depth=1" in repr(net)


def test_every_name_has_its_example() -> None:
    text = "\n".join(examples(API))
    for name in (*integral_pose.__all__, *dir(integral_pose.People), *dir(integral_pose.Person), "notes", "video"):
        shown = re.search(rf"\b{name}\b", text)
        described = re.search(rf"`(integral_pose\.)?{name}(\(\))?`", API.read_text())
        assert shown or described or name.startswith("_") or name in ("count", "index", "image"), name


def test_the_tour_runs_and_was_run(capsys: pytest.CaptureFixture) -> None:
    matplotlib.use("agg")
    known: Dict[str, Any] = {}
    for number, cell in enumerate(cells(), 1):
        assert cell["execution_count"] == number, "run it whole: docs/tour.ipynb"
        exec("".join(cell["source"]), known)
    kinds = {kind for cell in cells() for output in cell["outputs"] for kind in output.get("data", ())}
    assert "image/png" in kinds
    assert not any(output["output_type"] == "error" for cell in cells() for output in cell["outputs"])
    assert read(Path(known["pose"].parameters).with_suffix(".json")) == known["pose"].run
