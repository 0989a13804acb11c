"""COCO's results, TRC and BVH, read back by others; the summary picture; videos with ffmpeg; a window."""
from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any, Dict, List, Optional

import integral_pose  # isort: skip  # noqa: F401

import bvhio
import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure
from trc import TRCData

from integral_pose.commands import evaluate
from integral_pose.datasets import coco
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.inference import output, window
from integral_pose.inference.estimator import Person, Seen
from integral_pose.inference.formats import bvh, coco_results, export
from integral_pose.inference.formats.motion import motions
from integral_pose.inference.formats.summary import Summary
from integral_pose.inference.media import Picture
from integral_pose.inference.overlay import Overlays
from integral_pose.inference.tracking import gaps
from integral_pose.inference.tracking.smoothing import smoothed
from integral_pose.metrics import average_precision
from integral_pose.skeletons import COCO, HUMAN36M, LSP, MPII, Skeleton
from integral_pose.synthetic.motion.activities import ACTIVITIES
from integral_pose.synthetic.motion.body import draw_physique, pose
from tests.helpers import coco_forms

PIXELS = np.full((120, 160, 3), 90, np.uint8)
TO_CAMERA = np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]])  # a body that looks along x, as a camera before it sees it


def walk(count: int, seed: int = 0) -> Array:
    """Poses (N, 18, 3), camera mm, of a synthetic person with constant bones who walks towards the camera."""
    physique = draw_physique(np.random.default_rng(seed))
    walking = next(activity for activity in ACTIVITIES if activity.name == "walking")
    angles = np.stack([walking.varied(number / 25, np.zeros_like(walking.at(0))) for number in range(count)])
    joints = pose(physique, angles).joints
    return np.stack([joints[name] for name in HUMAN36M.joints], axis=1) @ TO_CAMERA.T + (0, 0, 4000)


def person(space: Optional[Array], skeleton: Skeleton, **changes: Any) -> Person:
    count = len(skeleton.joints)
    joints = np.column_stack([20 + 5 * np.arange(count), 10 + 4 * np.arange(count)]).astype(float)
    return Person(np.array([5.0, 5, 90, 100]), 0.8, joints, np.linspace(0.1, 0.9, count), space)._replace(**changes)


def written(place: Path, frames: List[Seen], skeleton: Skeleton, video: bool = True) -> Path:
    in_3d = any(one.space is not None for seen in frames for one in seen.people)
    results = output.Results(place, skeleton, in_3d, video)
    for seen in frames:
        results.add([output.record(seen, number, skeleton) for number in range(len(seen.people))])
    results.finish({})
    return place


def walked(place: Path, missing: Any = (), times: Optional[List[float]] = None) -> Array:
    """A joints.json of somebody who walks, with a second person in the first frames; returns the poses."""
    poses = walk(20)
    frames = [Seen(Picture(str(n), PIXELS, times[n] if times else n / 25), [
        *([] if n in missing else [person(poses[n], HUMAN36M, identity=0)]),
        *([person(poses[0], HUMAN36M, identity=1)] if n < 4 else [])]) for n in range(20)]
    written(place, frames, HUMAN36M)
    return poses


def test_trc_is_read_by_another_program(tmp_path: Path) -> None:
    poses = walked(tmp_path, missing=(7, 8))
    assert export.write(tmp_path, ["trc"], HUMAN36M, 25.0) == ["trc/"]
    assert sorted(path.name for path in (tmp_path / "trc").iterdir()) == ["person-0.trc", "person-1.trc"]
    read = TRCData()
    read.load(str(tmp_path / "trc" / "person-0.trc"))
    assert (read["DataRate"], read["NumFrames"], read["NumMarkers"], read["Units"]) == (25, 20, 18, "mm")
    assert read["Markers"] == list(HUMAN36M.joints)
    assert read["Time"] == pytest.approx(np.arange(20) / 25)
    relative = (poses - poses[:, :1]) * (1, -1, -1)
    for joint, name in enumerate(HUMAN36M.joints):
        for frame in set(range(20)) - {7, 8}:
            np.testing.assert_allclose(read[name][frame], relative[frame, joint], atol=0.1)
    text = (tmp_path / "trc" / "person-0.trc").read_text()
    lines = text.splitlines()
    assert "-0.00\t" not in text
    assert lines[6 + 7].split("\t")[2:] == [""] * 54 and len(lines[6 + 6].split("\t")) == 2 + 54


def test_trc_keeps_the_times_of_an_uneven_video(tmp_path: Path) -> None:
    times = np.cumsum([0.04, 0.1] * 10).tolist()
    walked(tmp_path, times=times)
    export.write(tmp_path, ["trc"], HUMAN36M, 14.0)
    lines = (tmp_path / "trc" / "person-0.trc").read_text().splitlines()[6:]
    assert [float(line.split("\t")[1]) for line in lines] == pytest.approx(times, abs=1e-4)


def test_trc_of_somebody_who_comes_later_counts_the_videos_frames(tmp_path: Path) -> None:
    walked(tmp_path, missing=range(5))
    export.write(tmp_path, ["trc"], HUMAN36M, 25.0)
    read = TRCData()
    read.load(str(tmp_path / "trc" / "person-0.trc"))
    assert (read["OrigDataStartFrame"], read["NumFrames"], read["Frame#"][0], read["Frame#"][-1]) == (6, 15, 6, 20)
    assert read["Time"][0] == pytest.approx(5 / 25)


def test_bvh_files_that_begin_after_the_video_are_named() -> None:
    def said(*begins: float) -> str:
        return " ".join(export.late(["bvh"], dict(enumerate(begins)), 10.0, 25.0))

    assert "first frame is 1: person-1.bvh with frame 21, person-2.bvh with frame 2. Give" in said(10, 10.8, 10.04)
    assert "person-5.bvh with frame 26 and 2 more. Give" in said(10, *[11.0] * 7)
    assert not said(10, 10.001) and not export.late(["trc"], {0: 20.0}, 10.0, 25.0)


def places(root: Any) -> Dict[str, Array]:
    """Where a BVH's joints are, by name, in the frame that is loaded."""
    return {joint.Name: np.array(joint.PositionWorld) for joint, _, _ in root.layout()}


def test_bvh_is_read_by_another_program_and_has_the_poses(tmp_path: Path) -> None:
    poses = walked(tmp_path)
    export.write(tmp_path, ["bvh"], HUMAN36M, 25.0)
    path = tmp_path / "bvh" / "person-0.bvh"
    assert bvhio.readAsBvh(str(path)).FrameCount == 20
    root = bvhio.readAsHierarchy(str(path))
    relative = (poses - poses[:, :1]) * (1, -1, -1) / 10
    lengths = []
    for frame in (0, 9, 19):
        found = places(root.loadPose(frame))
        assert next(iter(found)) == "pelvis" and set(HUMAN36M.joints) <= set(found)
        errors = [np.linalg.norm(found[name] - relative[frame, joint]) for joint, name in enumerate(HUMAN36M.joints)]
        assert np.mean(errors) < 1.5 and max(errors) < 5  # cm: pelvis and thorax turn as one with all that leads on
        lengths.append([np.linalg.norm(found[HUMAN36M.joints[a]] - found[HUMAN36M.joints[b]])
                        for a, b in HUMAN36M.limbs])
    np.testing.assert_allclose(lengths[1:], [lengths[0]] * 2, atol=1e-3)
    real = [np.linalg.norm(relative[0, a] - relative[0, b]) for a, b in HUMAN36M.limbs]
    np.testing.assert_allclose(lengths[0], real, atol=0.02)


def test_bvh_has_an_even_rate_whatever_the_videos(tmp_path: Path) -> None:
    times = np.cumsum([0.04, 0.12] * 10).tolist()
    walked(tmp_path, times=times)
    (motion, _) = motions(tmp_path, HUMAN36M.joints)
    bvh.write(tmp_path / "a.bvh", motion, HUMAN36M, 12.5)
    read = bvhio.readAsBvh(str(tmp_path / "a.bvh"))
    assert read.FrameTime == pytest.approx(0.08) and read.FrameCount == round((times[-1] - times[0]) * 12.5) + 1


def test_turns_bring_bones_where_they_are_seen_even_by_half_a_circle() -> None:
    start = np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 1], [1, 2, 3]])
    end = np.array([[-1.0, 0, 0], [0, -1, 0], [0, 1, 0], [2, 4, 6]])
    turned = bvh._shortest(start, end).apply(start)
    np.testing.assert_allclose(turned / np.linalg.norm(start, axis=1, keepdims=True),
                               end / np.linalg.norm(end, axis=1, keepdims=True), atol=1e-9)


@pytest.mark.parametrize("video", [False, True])
def test_coco_results_have_cocos_numbers(video: bool, tmp_path: Path) -> None:
    seconds = 0.5 if video else None
    frames = [Seen(Picture(name, PIXELS, seconds), [person(None, COCO, identity=4 if video else None)])
              for name in (("0", "1") if video else ("000000000785.jpg", "a.jpg"))]
    written(tmp_path, frames, COCO, video)
    coco_results.write(tmp_path / "coco.json", tmp_path)
    found = json.loads((tmp_path / "coco.json").read_text())
    assert [one["image_id"] for one in found] == ([0, 1] if video else [785, "a.jpg"])
    assert found[0].get("track_id") == (4 if video else None) and found[0]["category_id"] == 1
    keypoints = np.reshape(found[0]["keypoints"], (17, 3))
    np.testing.assert_allclose(keypoints[:, :2], person(None, COCO).joints)
    confidence = person(None, COCO).confidence
    assert found[0]["score"] == pytest.approx(0.8 * confidence[confidence > 0.2].mean(), abs=1e-4)
    export.write(tmp_path, ["coco"], COCO, 25.0, least=0.5)  # as a network's scores ask for
    counted_less = json.loads((tmp_path / "coco.json").read_text())[0]["score"]
    assert counted_less == pytest.approx(0.8 * confidence[confidence > 0.5].mean(), abs=1e-4) != found[0]["score"]
    written(tmp_path, [], COCO, video)
    coco_results.write(tmp_path / "coco.json", tmp_path)
    assert json.loads((tmp_path / "coco.json").read_text()) == []


def test_evaluate_reads_coco_results_to_the_same_ap(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    rng = np.random.default_rng(0)
    content = coco_forms.truth(rng)
    coco_forms.write(tmp_path, content)
    found = coco_forms.found(rng, content)
    frames = [Seen(Picture(f"{image:012d}.jpg", PIXELS), [
        person(None, COCO, joints=joints, score=score, confidence=np.ones(17))
        for joints, score in zip(found.joints[found.images == image], found.scores[found.images == image].tolist())])
        for image in np.unique(found.images).tolist()]
    written(tmp_path, frames, COCO, video=False)
    coco_results.write(tmp_path / "coco.json", tmp_path)
    truth = coco.truth_file(tmp_path)
    expected = average_precision.score(average_precision.match(truth, *found))
    command = ["coco", "--annotations", str(truth), "--predictions", str(tmp_path / "coco.json"), "--json"]
    assert evaluate.main(command) == 0
    read = json.loads(capsys.readouterr().out)
    assert 5 < expected["AP"] < 95 and read["AP"] == pytest.approx(expected["AP"], abs=0.01)


@pytest.mark.parametrize("formats, skeleton, in_3d, said", [
    (["fbx"], HUMAN36M, True, "fbx is no format. Choose from coco, trc, bvh, with commas"),
    (["xml", "bvh", "csv"], HUMAN36M, True, "xml, csv are no formats"), (["coco"], MPII, False, "17 joints"),
    (["bvh"], MPII, False, "Choose a 3D"), (["trc", "coco"], COCO, False, "--formats trc: needs joints in mm"),
    (["bvh"], Skeleton(LSP.joints, "neck", LSP.paths[:1]), True, "not all joined"),
])
def test_what_cannot_be_written_is_told(formats: List[str], skeleton: Skeleton, in_3d: bool, said: str) -> None:
    with pytest.raises(InputError, match=said):
        export.demand(formats, skeleton, in_3d)
    export.demand(["trc", "bvh"], HUMAN36M, True)


def test_without_people_no_file_is_said_to_be_written(tmp_path: Path) -> None:
    written(tmp_path, [Seen(Picture("0", PIXELS, 0.0), [])], HUMAN36M)
    assert export.write(tmp_path, ["coco", "trc", "bvh"], HUMAN36M, 25.0) == ["coco.json"]
    assert json.loads((tmp_path / "coco.json").read_text()) == [] and not (tmp_path / "trc").exists()


@pytest.mark.parametrize("text, names", [("trc,bvh", ["trc", "bvh"]), (" TRC , bvh,trc,", ["trc", "bvh"]), ("", [])])
def test_formats_are_named_in_any_case_and_once(text: str, names: List[str]) -> None:
    assert export.named(text) == names


def test_everybodys_curves_are_over_the_same_time_and_one_moment_is_a_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: List[Any] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.extend(figure.axes[1:]))
    summary = Summary("dance.mp4", HUMAN36M, Overlays(HUMAN36M, True))
    for number in range(10):
        people = [person(None, HUMAN36M, identity=0), *([person(None, HUMAN36M, identity=1)] if number == 4 else [])]
        summary.add(Seen(Picture(str(number), PIXELS, number / 25), people))
    summary.write(tmp_path / "summary.png")
    often, once = drawn
    assert often.get_xlim() == once.get_xlim() and often.get_xlim()[0] < 0 < 9 / 25 < often.get_xlim()[1]
    marks = [line for line in once.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in marks] == [[4 / 25]] * 5
    assert all(not len(line.get_xdata()) for line in often.lines if line.get_marker() == "o")
    box = often.get_legend().get_window_extent()
    assert box.y0 >= often.get_window_extent().y1  # hides no curve


def test_a_summary_has_frames_and_curves_and_does_not_grow(tmp_path: Path) -> None:
    summary = Summary("dance.mp4", HUMAN36M, Overlays(HUMAN36M, True))
    summary.write(tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
    for number in range(60):
        people = [person(None, HUMAN36M, identity=0)] if number % 7 else []
        summary.add(Seen(Picture(str(number), PIXELS, number / 25), people))
        assert len(summary._pictures) < 24
    summary.write(tmp_path / "summary.png")
    drawn = cv2.imread(str(tmp_path / "summary.png"))
    assert drawn.shape[1] == 13 * 80 and drawn.std() > 20


# ---------------------------------------------------------------- ffmpeg, and a window


FFMPEG = """#!/bin/sh
case "$*" in *-encoders*) echo " V..... libx264"; exit 0;; esac
for last; do :; done
echo "$*" > "$last.words"
case "$*" in *"-i -"*) cat > "$last.raw";; *) exit 1;; esac
"""


def test_with_ffmpeg_a_video_is_h264_with_the_sources_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ffmpeg").write_text(FFMPEG)
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    output._ffmpeg.cache_clear()
    try:
        video = output.Video(tmp_path / "a.mp4", 12.5, tmp_path / "dance.mov")
        for number in range(3):
            video.add(np.full((33, 41, 3), number, np.uint8))
        video.close()
        assert "-s 40x32 -r 12.500000 -i -" in (tmp_path / "a.mp4.words").read_text()
        given = (tmp_path / ".sound-a.mp4.words").read_text()
        assert f"-i {tmp_path}/dance.mov -map 0:v -map 1:a?" in given and "-t 0.240000" in given
        assert (tmp_path / "a.mp4.raw").stat().st_size == 3 * 40 * 32 * 3
        assert "H.264, with the sound" in video.kind and "without sound" in output.Video(tmp_path / "b.mp4", 10).kind
        with pytest.raises(InputError, match="could not be written whole"):
            video.check()
    finally:
        output._ffmpeg.cache_clear()


def test_without_a_screen_a_window_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(InputError, match="--show: .* overlays"):
        window.Window("a")


def test_people_of_a_video_do_not_stay_in_memory(tmp_path: Path) -> None:
    """Their records, dicts of 16 joints each, would take 2 MB."""
    results = output.Results(tmp_path, MPII, False, True)
    frames = (Seen(Picture(str(n), PIXELS, n / 25), [person(None, MPII, identity=0)] if n % 9 else [])
              for n in range(300))
    tracemalloc.start()
    for seen in smoothed(gaps.filled(frames), 0):
        results.add([output.record(seen, number, MPII) for number in range(len(seen.people))])
    results.finish({})
    assert sum(1 for _ in output.people_of(tmp_path)) == results.people == 299  # the first has nobody before it
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
