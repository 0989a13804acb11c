"""A whole video with us, by threads and by one, in float32 and in 8 bits, beside rtmlib's way of doing it."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import cv2
import mxnet as mx
import numpy as np

from benchmarks.contest import Contender, Contest, Prepared
from integral_pose.geometry import Array
from integral_pose.inference import output, pipeline, videos
from integral_pose.inference.boxes import Boxes
from integral_pose.inference.estimator import Estimator
from integral_pose.inference.pipeline import Task
from integral_pose.models import export, saved
from integral_pose.runtime import cores
from integral_pose.synthetic import make_video

HERE = "benchmarks.whole_video"
SIZE = (1280, 720)  # px
SECONDS = 8.0
PEOPLE = (1, 4)  # in each frame
NEAR = 60.0  # px: how far the mean of a person's joints may differ, since the rival shrinks patches without blurring


def contests(folder: Path, threads: int, seconds: float = SECONDS) -> Iterator[Contest]:
    """With one person in each frame, and with four."""
    (clip, frames), graph = write_clip(folder / "clip.mp4", seconds), folder / "people.onnx"
    export.write_onnx(export.read(saved.at(Path(saved.DEFAULT))), graph)
    for people in PEOPLE:
        given = {"clip": clip, "edges": columns(people)}
        ours = (
            Contender(name, f"{HERE}.ours:predicting", {**given, "out": str(folder / name), **how})
            for name, how in (("ours", {}), ("ours, one thread", {"waiting": 0}), ("ours, 8 bits", {"in_8_bits": True}))
        )
        contenders = (
            *ours,
            Contender("one by one, ONNX Runtime", f"{HERE}.one_by_one:predicting",
                      {**given, "graph": str(graph), "threads": threads}, rival=True),
        )
        name = f"video, {people} {'person' if people == 1 else 'people'}"
        yield Contest(name, contenders, threads, frames, NEAR)


def write_clip(path: Path, seconds: float) -> Tuple[str, int]:
    """Writes a synthetic video; returns its name and the number of its frames."""
    count = 0
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), make_video.RATE, SIZE)
    for frame in make_video.frames(0, seconds):
        writer.write(cv2.resize(frame.pixels, SIZE, interpolation=cv2.INTER_CUBIC))
        count += 1
    writer.release()
    return str(path), count


def columns(people: int) -> List[List[float]]:
    """Boxes side by side, (N, 4). The time does not depend on what they show."""
    width, height = SIZE
    wide = width / max(people, 2)
    return [[wide * (number + (people == 1) / 2), 0.0, wide, float(height)] for number in range(people)]


def predicting(
    clip: str, edges: List[List[float]], out: str, waiting: int = Task.waiting, in_8_bits: bool = False
) -> Prepared:
    """What the command does with a video, without following people and smoothing; the turn gives each person's mean."""
    setattr(output, "_ffmpeg", lambda: "")  # noqa: B010  OpenCV encodes, as for the other
    trained, source = saved.at(Path(saved.DEFAULT)), videos.source(clip)
    run = replace(trained.run, flip_test=False)  # the exported network has none either
    trained = trained._replace(run=run, int8=in_8_bits)
    estimator = Estimator(trained, mx.cpu(), workers=cores())
    setattr(pipeline, "_estimator", lambda _: estimator)  # noqa: B010  it is prepared, as the other's session is
    boxes = Boxes(np.array(edges), np.ones(len(edges)))
    task = Task(trained, mx.cpu(), lambda _: boxes, "", Path(out), workers=cores(), waiting=waiting)
    assert source

    def turn() -> Any:
        pipeline.on_video(task, source)
        return lambda: means(Path(out), len(edges))

    return str(mx.__version__), turn


def means(folder: Path, people: int) -> Array:
    """The mean of each person's joints in all frames, (N, 2), px."""
    joints = [[[joint["x"], joint["y"]] for joint in person["joints"].values()] for person in output.people_of(folder)]
    return np.array(joints).reshape(-1, people, len(joints[0]), 2).mean(axis=(0, 2))
