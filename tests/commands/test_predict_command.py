"""The command that finds joints in people's own pictures."""
from __future__ import annotations

import csv
import functools
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, List, Tuple

import integral_pose  # isort: skip  # noqa: F401

import cv2
import numpy as np
import pytest

from integral_pose.commands import predict
from integral_pose.errors import InputError, RunFailed
from integral_pose.inference import detector, output, pipeline
from integral_pose.models import int8, saved
from tests.helpers import clips, trained_forms
from tests.helpers.printed import words

ROOT = Path(__file__).resolve().parents[2]
SIZES = {"a.jpg": (80, 120), "b.png": (90, 70), "c.webp": (64, 64)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in photos/, a video, and two runs in runs/smoke/."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for name, (height, width) in SIZES.items():
        pixels = cv2.resize(rng.integers(0, 255, (4, 5, 3)).astype(np.uint8), (width, height))
        cv2.imwrite(str(folder / "photos" / name), pixels)
    video = output.Video(folder / "video.mp4", 10)
    for _ in range(5):
        video.add(cv2.resize(rng.integers(0, 255, (4, 5, 3)).astype(np.uint8), (96, 80)))
    video.close()
    for changes in ({}, {"data": "human36m", "coordinates": 3}):
        run = trained_forms.tiny(**changes)
        trained_forms.write(run, folder / "runs" / "smoke" / run.key, f"{run.coordinates}D")
    return folder


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


class Found(detector.Detector):
    """Two people in every picture, of whom one is hardly there."""

    def __init__(self, *arguments: Any) -> None: ...

    def people(self, image: Any) -> Any:
        return np.array([[2.0, 3, 20, 30], [5, 5, 20, 30]]), np.array([0.9, 0.2])


def key(coordinates: int = 2) -> str:
    changes = {"data": "human36m", "coordinates": 3} if coordinates == 3 else {}
    return trained_forms.tiny(**changes).key


def content(out: Path) -> Any:
    return json.loads((out / "joints.json").read_text())


def test_a_folder_gives_joints_and_overlays(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert predict.main(["photos", "--run", key()[:4], "--out", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("3 people in 3 images") and "images/s" in said.out
    assert "synthetic people" in said.err
    found = content(tmp_path)
    assert [(one["image"], one["person"], one["box"]) for one in found["people"]] == [
        (name, 0, [0, 0, width, height]) for name, (height, width) in SIZES.items()]
    assert found["joints"] == list(found["people"][0]["joints"]) and "l_wrist" in found["joints"]
    assert found["boxes"] == "all of each image" and found["failed"] == []
    assert found["run"] == found["network"] == key()
    assert "share of the joint's heat map" in found["units"]["confidence"]
    for name, (height, width) in SIZES.items():
        drawn = cv2.imread(str(tmp_path / "overlays" / name))
        assert drawn.shape[0] % height == 0 and drawn.shape[1] % width == 0
    with open(tmp_path / "joints.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 3 * 16
    for row in rows:
        joint = next(one for one in found["people"] if one["image"] == row["image"])["joints"][row["joint"]]
        assert {name: float(row[name]) for name in joint} == joint


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """--boxes find gives each picture a person, for pictures that show nobody."""
    monkeypatch.setattr(predict, "SURE", 0.0)


def test_a_person_is_found(tmp_path: Path, capsys: pytest.CaptureFixture, always: None) -> None:
    assert predict.main(["photos", "--run", key(), "--out", str(tmp_path), "--boxes", "find"]) == 0
    assert "At most one person is found in each image" in " ".join(capsys.readouterr().err.split())
    found = content(tmp_path)
    assert len(found["people"]) == 3 and found["boxes"] == "found by the networks finder and people"
    for one in found["people"]:
        height, width = SIZES[one["image"]]
        x, y, w, h = one["box"]
        assert x >= 0 and y >= 0 and x + w <= width and y + h <= height and (w, h) != (width, height)


def test_in_3d_it_says_what_is_assumed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert predict.main(["photos/a.jpg", "--run", key(3), "--out", str(tmp_path)]) == 0
    assert "1.15 times the image's longer side, which is assumed" in " ".join(capsys.readouterr().err.split())
    found = content(tmp_path)
    assert found["focal_px"] == "1.15 x the longer side" and any("assumed" in note for note in found["notes"])
    assert [found["people"][0]["joints"]["pelvis"][axis] for axis in output.MM] == [0, 0, 0]
    assert cv2.imread(str(tmp_path / "overlays" / "a.jpg")).shape == (320, 480 + 160, 3)
    before = found["people"]
    assert predict.main(["photos/a.jpg", "--run", key(3), "--out", str(tmp_path), "--focal", "90"]) == 0
    found = content(tmp_path)
    assert found["focal_px"] == 90 and not any("assumed" in note for note in found["notes"])
    assert found["people"] != before
    said = words(capsys.readouterr().err)
    replaced = "joints.json, joints.csv, overlays, view.html of an earlier prediction will be replaced"
    assert replaced in " ".join(said.split())


def test_damaged_pictures_are_passed_over_and_told(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in SIZES:
        (tmp_path / name).write_bytes((place / "photos" / name).read_bytes())
    (tmp_path / "cut.jpg").write_bytes((place / "photos" / "a.jpg").read_bytes()[:400])
    assert predict.main([str(tmp_path), "--run", key(), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr()
    assert "cut.jpg" in said.err and said.out.startswith("3 people in 3 images, 1 could not be used")
    assert len(content(tmp_path / "out")["failed"]) == 1
    assert predict.main([str(tmp_path / "cut.jpg"), "--run", key(), "--out", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()


def test_pictures_of_any_ending_are_drawn_over_and_others_are_told(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    content_of = (place / "photos" / "a.jpg").read_bytes()
    for name in ("shot.jfif", "noending", "._shot.jfif"):
        (tmp_path / name).write_bytes(content_of)
    (tmp_path / "g.pgm").write_bytes(b"P5 40 30 255\n" + bytes(1200))
    (tmp_path / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (tmp_path / "notes.txt").write_text("words")
    out = tmp_path / "out"
    assert predict.main([str(tmp_path), "--run", key(), "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("3 people in 3 images, 1 could not be used")
    told = " ".join(said.err.split())
    assert "is a HEIC" in told and "left out 1 that is a text: notes.txt" in told
    assert sorted(path.name for path in (out / "overlays").iterdir()) == ["g.pgm.png", "noending.jpg", "shot.jfif.jpg"]
    assert "IMG_1.HEIC: is a HEIC" in content(out)["failed"][0]
    draw = pipeline.overlay

    def drawn(seen: Any, *how: Any) -> Any:
        if seen.picture.name == "g.pgm":
            raise cv2.error("too large")
        return draw(seen, *how)

    monkeypatch.setattr(pipeline, "overlay", drawn)
    assert predict.main([str(tmp_path), "--run", key(), "--out", str(out)]) == 1
    assert len(content(out)["people"]) == 3 and "g.pgm: has its joints" in content(out)["failed"][1]
    assert predict.main([str(tmp_path / "g.pgm"), "--run", key(), "--max-pixels", "99", "--out", str(out)]) == 2
    assert "is 40 x 30 px" in " ".join(capsys.readouterr().err.split())


def test_a_name_that_is_not_utf_8_is_written_as_text_that_is(place: Path, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    path.write_bytes((place / "photos" / "a.jpg").read_bytes())
    assert predict.main([str(tmp_path), "--run", key(), "--out", str(tmp_path / "out")]) == 0
    assert content(tmp_path / "out")["people"][0]["image"] == r"caf\xe9.jpg"
    assert (tmp_path / "out" / "joints.csv").read_text(encoding="utf-8").splitlines()[1].startswith(r"caf\xe9.jpg,0,")
    assert (tmp_path / "out" / "overlays" / r"caf\xe9.jpg").is_file()


def test_a_video_gives_a_video(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert predict.main(["video.mp4", "--run", key(3), "--out", str(tmp_path), "--batch", "2"]) == 0
    assert capsys.readouterr().out.startswith("5 people in 5 frames")
    found = content(tmp_path)
    assert [one["frame"] for one in found["people"]] == [0, 1, 2, 3, 4] and found["video"] == "video.mp4"
    video = cv2.VideoCapture(str(tmp_path / "overlays" / "video.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    assert video.read()[1].shape == (400, 480 + 200, 3)
    assert (tmp_path / "joints.csv").read_text().startswith("frame,seconds,person,joint,x,y,x_mm")
    assert predict.main(["video.mp4", "--run", key(), "--out", str(tmp_path), "--frames", "2", "--no-overlays"]) == 0
    assert len(content(tmp_path)["people"]) == 2
    assert not (tmp_path / "overlays").exists()


def test_a_phones_video_is_upright_with_boxes_times_and_overlay(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Turned by its tag and uneven: what is found is what is found in its frames as pictures."""
    frame = cv2.imread(str(place / "photos" / "a.jpg"))  # 120 x 80
    path = clips.timed(clips.turned(clips.write(tmp_path / "phone.mp4", 3 * [frame], 10), 90), [40, 300, 100])
    upright = clips.write(tmp_path / "up.mp4", 3 * [np.rot90(frame, 3).copy()], 10)
    cv2.imwrite(str(tmp_path / "up.png"), cv2.VideoCapture(str(upright)).read()[1])
    box = {"bbox": [5, 10, 50, 40]}
    (tmp_path / "boxes.json").write_text(json.dumps([{"image_id": name, **box} for name in ("000000", 1, 2.0, "up")]))
    found = {}
    for name in (path.name, "up.png"):
        command = [str(tmp_path / name), "--run", key(), "--boxes", str(tmp_path / "boxes.json")]
        assert predict.main([*command, "--out", str(tmp_path / name[:2])]) == 0
        found[name[:2]] = content(tmp_path / name[:2])
    people = found["ph"]["people"]
    assert [(one["frame"], one["seconds"]) for one in people] == [(0, 0), (1, 0.04), (2, 0.34)]
    for joint, values in found["up"]["people"][0]["joints"].items():
        assert [people[0]["joints"][joint][axis] for axis in "xy"] == pytest.approx([values["x"], values["y"]], abs=2)
    with open(tmp_path / "ph" / "joints.csv", newline="") as handle:
        assert [row["seconds"] for row in csv.DictReader(handle)] == 16 * ["0.0"] + 16 * ["0.04"] + 16 * ["0.34"]
    drawn = cv2.VideoCapture(str(tmp_path / "ph" / "overlays" / "phone.mp4"))
    assert drawn.read()[1].shape == (480, 320, 3)
    said = " ".join(capsys.readouterr().err.split())
    assert "its frames do not follow one another evenly; `seconds` is each frame's own time" in said
    assert "The video drawn over has an even 6.818 frames a second, where the frames came at 5.882 a second" in said
    assert any("do not follow one another evenly" in note for note in found["ph"]["notes"])
    assert found["ph"]["frames_per_second"] == pytest.approx(2 / 0.34, abs=1e-3)


@pytest.mark.parametrize("number, what", [(signal.SIGINT, "video.mp4"), (signal.SIGTERM, "video.mp4"),
                                          (signal.SIGTERM, "photos")])
def test_what_was_done_before_a_signal_is_kept(
    number: int, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Pressing(Found):
        pictures = 0

        def people(self, image: Any) -> Any:
            self.pictures += 1
            if self.pictures == 2:
                os.kill(os.getpid(), number)
            return super().people(image)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background begins deaf to it
    monkeypatch.setattr(predict, "Detector", Pressing)
    try:
        command = [what, "--run", key(), "--boxes", "detect", "--detect-every", "1", "--out", str(tmp_path)]
        command += ["--batch", "1"]
        assert predict.main(command) == 128 + number
    finally:
        signal.signal(signal.SIGINT, before)
    total = 5 if what == "video.mp4" else 3
    said = capsys.readouterr()
    assert said.out.startswith(f"Stopped early, of {total}; what was done so far is kept: 2 people in 2 ")
    found = content(tmp_path)
    assert found["stopped_early"] and found["images"] == 2 == len(found["people"])
    assert not list(tmp_path.glob(".draft*"))
    if what == "video.mp4":
        assert cv2.VideoCapture(str(tmp_path / "overlays" / what)).get(cv2.CAP_PROP_FRAME_COUNT) == 2
    assert len((tmp_path / "joints.csv").read_text().splitlines()) == 1 + 2 * 16


def test_a_signal_before_anything_was_done_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def ended(*_: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(predict.boxes, "whole", ended)
    monkeypatch.setattr("integral_pose.inference.pipeline._estimator", ended)
    assert predict.main(["photos", "--run", key(), "--out", str(tmp_path / "out")]) == 128 + signal.SIGTERM
    assert "Stopped. Nothing was written." in words(capsys.readouterr().err) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("boxes, exit_code, people, said", [
    ([{"image_id": "val2017/a.jpg", "category_id": "1", "bbox": [1, 2, 30, 40]}], 0, 1, "no box for 2 of 3 images"),
    ([{"image_id": "aa.jpg", "bbox": [1, 2, 30, 40]}, {"image_id": "b.png", "bbox": [1, 2, 30, 40]}], 0, 1,
     "1 of its 2 images were not given: aa.jpg."),
    ([{"image_id": "c.webp", "bbox": [0.25, 0.25, 0.5, 0.5]}], 0, 1, "taken as fractions"),
    ([{"image_id": "z.jpg", "bbox": [1, 2, 30, 40]}], 2, 0, "none of its 1 images (z.jpg) was given"),
    ([{"image_id": "a.jpg", "category_id": 18, "bbox": [1, 2, 30, 40]}], 2, 0, "their categories are 18"),
    ([], 0, 0, "has no box for 3 of 3 images"),
])
def test_boxes_that_do_not_fit_are_told(
    boxes: List[Any], exit_code: int, people: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    command = ["photos", "--run", key(), "--boxes", str(tmp_path / "boxes.json"), "--out", str(tmp_path / "out")]
    assert predict.main(command) == exit_code
    assert said in " ".join(capsys.readouterr().err.split())
    if exit_code == 0:
        found = content(tmp_path / "out")
        assert len(found["people"]) == people and any(said in note for note in found["notes"])
        assert "c.webp" not in said or found["people"][0]["box"] == [16, 16, 32, 32]
    else:
        assert not (tmp_path / "out").exists()


def test_frames_counted_from_1_are_asked_about(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "boxes.csv").write_text("".join(f"{number},{number},2,30,40\n" for number in range(1, 6)))
    command = ["video.mp4", "--run", key(), "--boxes", str(tmp_path / "boxes.csv"), "--out", str(tmp_path / "out")]
    assert predict.main(command) == 2
    assert "its frames are 1 to 5, and the video's are 0 to 4" in " ".join(capsys.readouterr().err.split())
    assert predict.main([*command, "--first-frame", "1"]) == 0
    assert [(one["frame"], one["box"][0]) for one in content(tmp_path / "out")["people"]] == [
        (frame, frame + 1) for frame in range(5)]


def test_a_focal_length_that_is_not_used_is_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert predict.main(["photos/a.jpg", "--run", key(), "--focal", "900", "--out", str(tmp_path)]) == 0
    assert "--focal is not used: this network gives joints in px" in " ".join(capsys.readouterr().err.split())


def test_boxes_come_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    boxes = [{"image_id": "b.png", "category_id": 1, "bbox": [3, 4, 30, 50], "score": 0.8},
             {"image_id": "b.png", "category_id": 1, "bbox": [20, 4, 40, 50], "score": 0.3},
             {"image_id": "a.jpg", "category_id": 1, "bbox": [300, 4, 40, 50], "score": 0.9}]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    command = ["photos", "--run", key(), "--boxes", str(tmp_path / "boxes.json"), "--out", str(tmp_path / "out")]
    assert predict.main(command) == 1
    assert "a.jpg: the box" in words(capsys.readouterr().err)
    found = content(tmp_path / "out")
    assert [(one["image"], one["box"], one["score"]) for one in found["people"]] == [("b.png", [3, 4, 30, 50], 0.8)]
    assert found["images"] == 2
    assert predict.main([*command, "--min-score", "0.2"]) == 1
    assert [one["person"] for one in content(tmp_path / "out")["people"]] == [0, 1]


def test_the_detectors_boxes_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "Detector", Found)
    assert predict.main(["photos/a.jpg", "--run", key(), "--boxes", "detect", "--out", str(tmp_path)]) == 0
    assert [one["box"] for one in content(tmp_path)["people"]] == [[2, 3, 20, 30]]


def test_without_the_detectors_weights_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def refuse(*arguments: Any) -> None:
        raise InputError("put the weights into data/models, or name such a file with --weights.")

    monkeypatch.setattr(detector.Detector, "__init__", refuse)
    assert predict.main(["photos", "--run", key(), "--boxes", "detect", "--out", str(tmp_path / "out")]) == 2
    assert "--weights" in words(capsys.readouterr().err) and not (tmp_path / "out").exists()


def commands(page: str) -> List[List[str]]:
    """What a page of docs/ has people type, without the program."""
    lines = (ROOT / "docs" / page).read_text().splitlines()
    return [shlex.split(line)[3:] for line in lines if line.startswith(".venv/bin/python -m scripts.predict")]


@pytest.mark.parametrize("words", commands("predict.md"), ids=" ".join)
def test_the_commands_of_the_page_work(
    words: List[str], place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, always: None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").symlink_to(place / "runs")
    for name, source in {"photos": "photos", "photo.jpg": "photos/a.jpg", "other.png": "photos/b.png",
                         "dance.mp4": "video.mp4"}.items():
        (tmp_path / name).symlink_to(place / source)
    (tmp_path / "boxes.json").write_text('{"photo.jpg": [[1, 2, 30, 40]]}')
    monkeypatch.setattr(predict, "Detector", Found)
    monkeypatch.setattr(cv2, "VideoCapture", lambda what, real=cv2.VideoCapture: real(what or "dance.mp4"))
    words = [word.replace("quick/1a2b3c4d5e", f"smoke/{key()}").replace("1a2b3c", key()[:6]) for word in words]
    assert predict.main(words) == ("camera" in words)  # what stands for it has no 100 frames, which is told
    out = Path(words[words.index("--out") + 1] if "--out" in words else "predictions")
    found = content(out)  # the frames are unrelated, so nobody whom --boxes find looks for is seen twice
    assert (found["people"] or ("camera" in words and found["images"] == 5)) and list((out / "overlays").iterdir())


def test_nobody_is_found_where_nobody_is(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    cv2.imwrite(str(tmp_path / "sky.png"), np.full((90, 120, 3), (200, 150, 90), np.uint8))
    assert predict.main([str(tmp_path / "sky.png"), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert content(tmp_path / "out")["people"] == [] and "Nobody was found. --boxes find was not sure" in told
    assert "--min-score" not in told and "found in" not in told


@pytest.mark.parametrize("kind, remedy", [("find", "--boxes FILE"), ("hog", "--boxes find")])
def test_the_remedy_is_one_for_these_boxes(
    kind: str, remedy: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    cv2.imwrite(str(tmp_path / "sky.png"), np.full((90, 120, 3), (200, 150, 90), np.uint8))
    words = [str(tmp_path / "sky.png"), "--run", str(place / "runs/smoke" / key()), "--boxes", kind]
    assert predict.main([*words, "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert remedy in told.split("Nobody was found.")[1] and "--min-score" not in told


def test_pictures_without_people_are_named(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(7):
        cv2.imwrite(str(tmp_path / f"sky{number}.png"), np.full((90, 120, 3), (200, 150, 90), np.uint8))
    (tmp_path / "person.jpg").symlink_to(place / "photos/a.jpg")

    def people(pixels: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        number = 0 if pixels.shape[:2] == (90, 120) else 1
        return np.array([[1.0, 1.0, 20.0, 20.0]] * number).reshape(-1, 4), np.ones(number)

    monkeypatch.setattr(predict.hog, "people", people)
    run, out = str(place / "runs/smoke" / key()), str(tmp_path / "out")
    assert predict.main([str(tmp_path), "--run", run, "--boxes", "hog", "--out", out]) == 0
    note = "Nobody was found in sky0.png, sky1.png, sky2.png, sky3.png, sky4.png and 2 more."
    found = content(tmp_path / "out")
    assert note in capsys.readouterr().err and note in found["notes"]
    assert found["without_people"] == [f"sky{number}.png" for number in range(7)]


def test_min_score_is_also_the_least_score_of_whom_find_finds(
    place: Path, tmp_path: Path, always: None, capsys: pytest.CaptureFixture
) -> None:
    words = ["photos/a.jpg", "--out", str(tmp_path), "--no-overlays"]
    assert predict.main(words) == 0
    score = content(tmp_path)["people"][0]["score"]
    for least, number in ((score / 2, 1), (min(1.0, 2 * score), 0)):
        assert predict.main([*words, "--min-score", str(least)]) == 0
        assert len(content(tmp_path)["people"]) == number


def test_the_network_that_comes_with_the_program_is_the_default(tmp_path: Path, always: None) -> None:
    assert predict.main(["photos/a.jpg", "--out", str(tmp_path)]) == 0
    found = content(tmp_path)
    assert found["run"] == json.loads(saved.shipped()["people"].with_suffix(".json").read_text())["key"]
    assert found["network"] == "people"
    assert "networks finder" in found["boxes"] and len(found["people"][0]["joints"]) == 14
    assert predict.main(["photos/a.jpg", "--checkpoint", "people-synthetic", "--out", str(tmp_path)]) == 0
    assert content(tmp_path)["boxes"] == "all of each image"


def test_a_mirrored_look_changes_something(tmp_path: Path) -> None:
    for options in ([], ["--flip"]):
        assert predict.main(["photos/a.jpg", "--run", key(), *options, "--out", str(tmp_path / str(len(options)))]) == 0
    assert content(tmp_path / "0")["people"] != content(tmp_path / "1")["people"]


@pytest.mark.parametrize("network", ["people", "people-3d"])
def test_8_bits_are_told_and_change_little(network: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    command = ["photos", "--checkpoint", network, "--boxes", "whole", "--no-overlays"]
    for options in ([], ["--int8"]):
        assert predict.main([*command, *options, "--out", str(tmp_path / str(len(options)))]) == 0
    exact, found = content(tmp_path / "0"), content(tmp_path / "1")
    assert found["notes"] == [*exact["notes"][:-1], int8.NOTE, exact["notes"][-1]] if network == "people-3d" else (
        [*exact["notes"], int8.NOTE])
    assert "in 8 bits (--int8)" in words(capsys.readouterr().err)
    assert {**exact, "people": 0, "notes": 0} == {**found, "people": 0, "notes": 0}
    places = [[[(joint["x"], joint["y"]) for joint in one["joints"].values()] for one in each["people"]]
              for each in (exact, found)]
    moved = np.linalg.norm(np.subtract(*places), axis=2)
    assert moved.shape[0] == 3 and 0 < np.median(moved) < 2


@pytest.mark.parametrize("options, said", [
    (["nowhere.jpg"], "no such file or folder"), (["nowhere.mp4"], "no such file"),
    (["photos", "video.mp4"], "by themselves"), (["camera", "photos"], "by themselves"),
    (["photos", "--run", "zz"], "no run matches"), (["photos", "--min-score", "7"], "--min-score 7"),
    (["photos", "--checkpoint", "photos/a.jpg"], "is neither a file"), (["photos", "--focal", "-3"], "--focal -3"),
    (["photos", "--focal", "nan"], "--focal nan"), (["photos", "--int8"], "net.int8.json: there is no such file"),
    (["photos", "--gpus", "0,1"], "GPU"),
    (["photos", "--boxes", "nowhere.json"], "nowhere.json: there is no such file"),
    (["photos", "--out", "video.mp4"], "is a file"), (["photos", "--out", "/proc/nothing"], "cannot be written"),
])
def test_wrong_input_gets_a_sentence(options: List[str], said: str, capsys: pytest.CaptureFixture) -> None:
    network = [] if {"--run", "--checkpoint"} & set(options) else ["--run", key()]
    out = [] if "--out" in options else ["--out", "never"]
    assert predict.main([*options, *network, *out]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not Path("never").exists()


def test_damaged_parameters_are_named(tmp_path: Path, place: Path, capsys: pytest.CaptureFixture) -> None:
    folder = place / "runs" / "smoke" / key()
    (tmp_path / "run.json").write_bytes((folder / "run.json").read_bytes())
    (tmp_path / "net.params").write_bytes((folder / "net.params").read_bytes()[:5000])
    assert predict.main(["photos", "--checkpoint", str(tmp_path / "net.params"), "--out", str(tmp_path / "out")]) == 2
    assert "net.params: these are not the parameters" in " ".join(capsys.readouterr().err.split())


def test_it_runs_as_a_command_and_its_help_teaches() -> None:
    command = [sys.executable, "-m", "scripts.predict", "--help"]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert asked.returncode == 0
    for word in ("examples:", "joints.csv", "--int8", "FILE.int8.json", "--boxes", "camera --frames", "whole"):
        assert word in asked.stdout


def test_people_of_a_video_are_tracked_with_a_detectors_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "Detector", Found)
    command = ["video.mp4", "--run", key(), "--boxes", "detect", "--out", str(tmp_path)]
    assert predict.main([*command, "--min-score", "0.1", "--detect-every", "2"]) == 0
    found = content(tmp_path)
    assert found["tracked"]["detected_every"] == 2 and found["smoothed"]
    assert found["tracked"]["identities"] == 1 + max(one["person"] for one in found["people"])
    assert (tmp_path / "joints.csv").read_text().splitlines()[0].endswith(",confidence,filled")
    assert predict.main([*command, "--no-track", "--no-smooth"]) == 0
    assert "tracked" not in content(tmp_path) and [one["person"] for one in content(tmp_path)["people"]] == [0] * 5
    assert predict.main(["video.mp4", "--run", key(), "--boxes", "hog", "--out", str(tmp_path)]) == 0
    assert content(tmp_path)["people"] == [] and "HOG" in content(tmp_path)["boxes"]


def test_several_videos_each_have_a_folder_and_formats(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    clips.plain(tmp_path / "second.mp4", 3)
    (tmp_path / "broken.mp4").write_text("words")
    names = ["video.mp4", str(tmp_path / "broken.mp4"), str(tmp_path / "second.mp4")]
    command = [*names, "--run", key(3), "--formats", "trc,bvh", "--no-overlays", "--out", str(tmp_path / "out")]
    assert predict.main(command) == 1
    said = capsys.readouterr()
    assert "5 people in 5 frames" in said.out and "3 people in 3 frames" in said.out and "broken.mp4: is a" in said.err
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["second", "video"]
    for name in ("joints.json", "view.html", "summary.png", "trc/person-0.trc", "bvh/person-0.bvh"):
        assert (tmp_path / "out" / "video" / name).is_file(), name
    assert predict.main(["video.mp4", "video.mp4", "--run", key(), "--out", str(tmp_path / "never")]) == 2
    assert predict.main(["video.mp4", "--run", key(), "--formats", "bvh", "--out", str(tmp_path / "never")]) == 2
    assert "needs joints in mm" in words(capsys.readouterr().err) and not (tmp_path / "never").exists()


def test_a_signal_in_one_of_several_videos_names_those_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Pressing(Found):
        def people(self, image: Any) -> Any:
            os.kill(os.getpid(), signal.SIGTERM)
            return super().people(image)

    for name in ("second.mp4", "third.mp4"):
        clips.plain(tmp_path / name, 3)
    monkeypatch.setattr(predict, "Detector", Pressing)
    names = ["video.mp4", str(tmp_path / "second.mp4"), str(tmp_path / "third.mp4")]
    command = [*names, "--run", key(), "--boxes", "detect", "--out", str(tmp_path / "out"), "--batch", "1"]
    assert predict.main(command) == 128 + signal.SIGTERM
    said = capsys.readouterr()
    assert "Stopped early, of 5" in said.out
    assert f"Stopped before {names[1]}, {names[2]}, of which nothing was done." in words(said.err)
    monkeypatch.setattr("integral_pose.inference.pipeline._estimator", lambda _: os.kill(os.getpid(), signal.SIGTERM))
    assert predict.main(command) == 128 + signal.SIGTERM
    said = words(capsys.readouterr().err)
    assert "Nothing was written of video.mp4." in said and f"Stopped before {names[1]}, {names[2]}" in said


def test_formats_that_may_mix_people_are_told(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "boxes.csv").write_text("image,x,y,w,h\n0,2,3,20,30\n0,5,5,20,30\n")
    command = ["video.mp4", "--run", key(3), "--formats", "BVH,trc", "--no-overlays", "--out", str(tmp_path / "out")]
    for options, mixed in ((["--boxes", str(tmp_path / "boxes.csv"), "--no-track"], True), ([], False),
                           (["--boxes", str(tmp_path / "boxes.csv")], False)):
        assert predict.main([*command, *options]) == 0
        assert ("may mix several people. --track keeps people apart" in words(capsys.readouterr().err)) == mixed


def test_a_bvh_that_begins_after_the_video_is_told_and_pages_have_the_files_name(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "boxes.csv").write_text("image,x,y,w,h\n2,2,3,60,80\n")
    video, out = Path("video.mp4").resolve(), tmp_path / "out"
    assert predict.main([str(video), "--run", key(3), "--formats", "bvh", "--no-overlays", "--boxes",
                         str(tmp_path / "boxes.csv"), "--first-frame", "0", "--out", str(out)]) == 0
    said = "Not all BVH files begin with the video, whose first frame is 1: person-0.bvh with frame 3."
    assert said in words(capsys.readouterr().err) and any(said in note for note in content(out)["notes"])
    page = (out / "view.html").read_text()
    assert '"title":"video.mp4"' in page and str(video.parent) not in page


@pytest.mark.parametrize("number", ["-1", "51", "x"])
def test_a_gap_that_cannot_be_filled_is_told(number: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        predict.main(["video.mp4", "--fill", number])
    assert f"--fill: {number} is not a number of frames from 0 to 50" in words(capsys.readouterr().err)


def test_a_window_that_cannot_be_opened_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert predict.main(["video.mp4", "--run", key(), "--show", "--out", str(tmp_path / "out")]) == 2
    assert "--show:" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_joints_of_a_prediction_that_was_killed_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    draft = tmp_path / f".draft-{2**22 + 1}"
    draft.mkdir()
    (draft / "people.part").write_text("{}")
    (draft / "joints.csv").write_text("frame,seconds\n0,0.0\n")
    assert predict.main(["photos/a.jpg", "--run", key(), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "joints-unfinished.csv").read_text() == "frame,seconds\n0,0.0\n" and not draft.exists()
    assert "joints-unfinished.csv has the joints of an earlier prediction" in words(capsys.readouterr().err)


def test_an_error_on_the_way_keeps_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Failing(Found):
        pictures = 0

        def people(self, image: Any) -> Any:
            self.pictures += 1
            if self.pictures == 3:
                raise RunFailed("the network's joints are not finite numbers.")
            return super().people(image)

    monkeypatch.setattr(predict, "Detector", Failing)
    command = ["video.mp4", "--run", key(), "--boxes", "detect", "--detect-every", "1", "--out", str(tmp_path)]
    assert predict.main(command) == 1
    assert "not finite numbers. Ended after 2 images, which are kept." in words(capsys.readouterr().err)
    found = content(tmp_path)
    assert found["images"] == 2 == len(found["people"]) and "Ended after 2" in found["failed"][0]
    assert cv2.VideoCapture(str(tmp_path / "overlays" / "video.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 2


@pytest.mark.parametrize("number, of_video, said", [
    (0, True, ""), (0, False, ""), (2, False, ", 2 could not be used"), (1, True, ", with 1 problem named above"),
    (2, True, ", with 2 problems named above"),
])
def test_a_video_that_ends_early_has_not_lost_one_frame_alone(number: int, of_video: bool, said: str) -> None:
    assert predict._failures(number, of_video) == said


def outputs(out: Path) -> Any:
    """What a prediction has written, to the byte, and the frames that it has drawn."""
    drawn, frames = cv2.VideoCapture(str(out / "overlays" / "video.mp4")), []
    while True:
        there, pixels = drawn.read()
        if not there:
            return [(out / name).read_bytes() for name in (output.JSON, output.CSV, output.SUMMARY)], frames
        frames.append(pixels.tobytes())


@pytest.mark.parametrize("options", [["whole"], ["detect"], ["detect", "--detect-every", "1", "--batch", "1"]])
@pytest.mark.parametrize("ends", [False, True], ids=["to the end", "to an error in drawing"])
def test_threads_change_nothing_that_is_written(
    options: List[str], ends: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def add(video: output.Video, pixels: Any) -> None:
        if ends and video._frames == 3:
            raise InputError("video.mp4: ffmpeg ended early.")
        added(video, pixels)

    monkeypatch.setattr(predict, "Detector", Found)
    added, found = output.Video.add, []
    monkeypatch.setattr(output.Video, "add", add)
    for waiting in (0, 1, 8):
        monkeypatch.setattr(predict, "Task", functools.partial(pipeline.Task, waiting=waiting))
        command = ["video.mp4", "--run", key(), "--out", str(tmp_path / str(waiting)), "--boxes", *options]
        assert predict.main(command) == int(ends)
        assert ("ended early. Ended after 3 images, which are kept." in words(capsys.readouterr().err)) == ends
        found.append(outputs(tmp_path / str(waiting)))
    assert found[0] == found[1] == found[2] and len(found[0][1]) == (3 if ends else 5)
