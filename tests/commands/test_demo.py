"""What comes with the program, and what it shows."""
from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import integral_pose  # isort: skip  # noqa: F401

import pytest

from integral_pose import run
from integral_pose.commands import demo
from integral_pose.models import saved

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "src" / "integral_pose" / "pretrained"


def test_it_shows_poses_that_are_about_right(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert demo.main(["--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    px, mm = (float(number) for number in re.findall(r"joints (\d+) ", said))
    assert px < 15 and mm < 160  # of people some 150 px high; one half of a shin
    assert "photographs" in said
    for part, count in (("people-synthetic", len(demo.STILLS)), ("people-3d", len(demo.CLIPS))):
        assert str(tmp_path / part / "overlays") in said
        assert len(list((tmp_path / part / "overlays").glob("*.jpg"))) == count
        assert "synthetic" in " ".join(json.loads((tmp_path / part / "joints.json").read_text())["notes"])


def test_a_place_that_cannot_be_written_gets_a_sentence(capsys: pytest.CaptureFixture) -> None:
    assert demo.main(["--out", "/proc/nothing"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_the_networks_are_of_the_quick_profile_and_were_not_trained_on_what_is_shown() -> None:
    assert demo.SEED != 0  # the seed of all that is trained on
    for part, table in (("people-synthetic", "table3"), ("people-3d", "table7")):
        of = run.read(MODELS / f"{part}.json")
        assert "synthetic" in of.data and of.width == 0.25
        with open(ROOT / "results" / "quick" / f"{table}.csv", newline="") as handle:
            lines = [line for line in csv.DictReader(handle) if of.key in line["run_key"]]
        quoted = {line["metric"]: float(line["ours"]) for line in lines}
        number = quoted["AUC" if part == "people-synthetic" else "MPJPE"]
        row = next(line for line in (MODELS / "README.md").read_text().splitlines() if f"`{part}.params`" in line)
        assert f"`{of.key}`" in row and f" {number:.1f} " in row


def test_they_are_a_few_megabytes_and_one_is_what_predict_takes() -> None:
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) < 25e6
    assert saved.shipped()[saved.DEFAULT] == MODELS / "people.params"
