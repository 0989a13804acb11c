"""What comes with the program, and what it shows."""
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict

import integral_pose  # isort: skip  # noqa: F401

import pytest

from experiments import table3
from integral_pose import run
from integral_pose.commands import demo
from integral_pose.models import saved
from integral_pose.profiles import quick

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "src" / "integral_pose" / "pretrained"


def test_it_shows_poses_that_are_about_right(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert demo.main(["--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    px, mm = (float(number) for number in re.findall(r"joints (\d+) ", said))
    assert px < 15 and mm < 150  # of people some 150 px high; one half of a shin
    assert "photographs" in said
    for part, count in (("people-synthetic", len(demo.STILLS)), ("people-3d", len(demo.CLIPS))):
        assert str(tmp_path / part / "overlays") in said
        assert len(list((tmp_path / part / "overlays").glob("*.jpg"))) == count
        assert "synthetic" in " ".join(json.loads((tmp_path / part / "joints.json").read_text())["notes"])


def test_a_place_that_cannot_be_written_gets_a_sentence(capsys: pytest.CaptureFixture) -> None:
    assert demo.main(["--out", "/proc/nothing"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_2d_network_is_of_the_quick_profile_and_none_was_trained_on_what_is_shown() -> None:
    assert demo.SEED != 0  # the seed of all that is trained on
    of = run.read(MODELS / "people-synthetic.json")
    before: Dict[str, Any] = {"batch": 16, "steps": 500, "rate": 3e-3, "low_rate": 3e-4, "validate_every": 125}
    assert of == quick(table3.TABLE.rows[1].runs[0]).everywhere(trunk=None, **before).training
    line = next(line for line in (MODELS / "README.md").read_text().splitlines() if "`people-synthetic.params`" in line)
    assert f"`{of.key}`" in line and " 40.9 " in line


def test_they_are_a_few_megabytes_and_one_is_what_predict_takes() -> None:
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) < 25e6
    assert saved.shipped()[saved.DEFAULT] == MODELS / "people.params"
