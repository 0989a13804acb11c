"""Pictures or a video in, a folder of joints and overlays out."""
from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import cv2
import mxnet as mx
from tqdm import tqdm

from integral_pose.errors import InputError
from integral_pose.inference import media, output, videos
from integral_pose.inference.boxes import Boxes, FrameBoxes
from integral_pose.inference.estimator import FOCAL, Estimator, Seen, meaning_of_confidence, square
from integral_pose.inference.media import Gathered, Picture, Shown, Unread
from integral_pose.inference.overlay import overlay
from integral_pose.inference.videos import OpenVideo, Source
from integral_pose.models.saved import Trained
from integral_pose.storage import image_files
from integral_pose.storage.processes import stoppable

Save = Callable[[Path, Seen], None]  # an overlay, into a folder


@dataclass(frozen=True)
class Task:
    """The network, the device, the boxes and the output folder of a prediction."""

    trained: Trained
    device: mx.Context
    boxes: Callable[[Picture], Boxes]
    boxes_from: str  # said in joints.json
    out: Path
    batch: int = 8
    workers: int = 2
    focal: float = 0.0  # px; 0: assumed
    overlays: bool = True
    most_pixels: int = image_files.MOST_PIXELS  # of a picture
    of_boxes: Sequence[str] = ()  # what is to be said of the boxes' file, in sentences

    @property
    def in_3d(self) -> bool:
        """Whether the network predicts joints in 3 coordinates."""
        return self.trained.run.coordinates == 3

    @property
    def notes(self) -> List[str]:
        """Notes about the numbers, in sentences."""
        if not self.in_3d:
            return [*self.trained.notes, *self.of_boxes]
        focal = f"{self.focal:g} px" if self.focal else f"{FOCAL} times the picture's longer side, which is assumed"
        return [
            *self.trained.notes, *self.of_boxes,
            f"Without a camera's calibration millimetres are relative to the root: x to the right, y down, z away from "
            f"the camera. They rest on a focal length of {focal}, and on the box showing 2 m at the root's depth.",
        ]


@dataclass
class Outcome:
    """The result."""

    pictures: int = 0
    of: int = 0  # so many were to be looked at; 0 where that is not known
    people: List[Dict[str, Any]] = field(default_factory=list)
    failed: List[Unread] = field(default_factory=list)
    seconds: float = 0.0
    stopped: int = 0  # the signal that ended it before all was looked at
    endless: bool = False  # whether nothing but a signal would have ended it
    notes: List[str] = field(default_factory=list)  # what came to light only while looking


def on_pictures(task: Task, gathered: Gathered) -> Outcome:
    """Predicts images and writes the folder; unreadable images are skipped, and listed in the outcome.

    Ctrl-C or SIGTERM ends it: what was done so far is written.

    Raises:
        InputError: none can be read, nothing can be written, or the network's parameters are damaged.
        RunFailed: the network's joints are not finite.
        KeyboardInterrupt: it was stopped before anything was done.
    """
    def save(place: Path, seen: Seen) -> None:
        output.write_picture(place / seen.picture.name, overlay(seen, estimator.skeleton, task.in_3d))

    estimator, paths = _estimator(task), gathered.pictures
    shown = chain(gathered.unread, media.pictures(paths, task.workers, task.most_pixels))
    with output.draft(task.out) as place:
        outcome = Outcome(of=len(paths) + len(gathered.unread))
        _look(task, estimator, place, shown, save, outcome)
        _write(task, estimator, place, outcome)
        return outcome


def on_video(task: Task, source: Source, most: int = 0) -> Outcome:
    """Looks at a video, camera or stream, `most` frames if that is not 0.

    Ctrl-C or SIGTERM ends it: what was done so far is written.

    Raises:
        InputError, RunFailed, KeyboardInterrupt: as `on_pictures`; or there is no such video, or the video drawn over
            was cut short.
    """
    def save(place: Path, seen: Seen) -> None:
        drawn.add(overlay(seen, estimator.skeleton, task.in_3d))

    estimator = _estimator(task)
    with videos.opened(source) as video, output.draft(task.out) as place:
        outcome = Outcome(of=min(most or video.frames, video.frames or most), endless=video.endless)
        if isinstance(task.boxes, FrameBoxes):
            outcome.notes += task.boxes.before(video.frames)
        drawn = output.Video(place / output.OVERLAYS / f"{source.stem}.mp4", video.rate)
        with closing(drawn):
            _look(task, estimator, place, videos.frames(video, most), save, outcome)
        drawn.check()
        if isinstance(task.boxes, FrameBoxes):
            outcome.notes += task.boxes.after(len(video.times), not (most == len(video.times) or outcome.stopped))
        outcome.notes += _about(video, task.overlays)
        _write(task, estimator, place, outcome, video)
        return outcome


def _about(video: OpenVideo, overlays: bool) -> List[str]:
    """What is worth saying of the frames and their times, in sentences."""
    notes = []
    if video.stretch != 1:
        notes.append(f"{video.source.name}: its pixels are to be shown {video.stretch:.4g} times as wide as high. "
                     "Boxes, joints and overlays are of the frames as they are stored, not stretched.")
    if video.untimed:
        notes.append(f"{video.source.name}: {video.untimed} of {len(video.times)} frames have no time stamp; theirs "
                     f"follow from {video.rate:g} frames a second.")
    if not video.even:
        notes.append(f"{video.source.name}: its frames do not follow one another evenly; `seconds` is each frame's own "
                     "time.")
    if overlays and len(video.times) > 1 and (not video.even or abs(video.mean_rate / video.rate - 1) > 0.05):
        notes.append(f"The video drawn over has an even {video.rate:.4g} frames a second, where the frames came at "
                     f"{video.mean_rate:.4g} a second on average: it may play faster or slower.")
    return notes


def _estimator(task: Task) -> Estimator:
    return Estimator(task.trained, task.device, task.batch, task.workers, task.focal)


def _look(
    task: Task, estimator: Estimator, place: Path, shown: Iterable[Shown], save: Save, outcome: Outcome
) -> None:
    """Looks at all that is shown, until a signal; draws into a draft and keeps people in the outcome."""
    started = time.time()
    with stoppable() as stopped:
        for seen in estimator.seen(_views(task, shown, outcome, stopped)):
            numbers = range(len(seen.people))
            outcome.people += [output.record(seen, number, estimator.skeleton) for number in numbers]
            outcome.pictures += 1
            if task.overlays:
                _draw(save, place / output.OVERLAYS, seen, outcome)
    outcome.seconds = time.time() - started
    if not outcome.pictures and outcome.stopped:
        raise KeyboardInterrupt(128 + outcome.stopped)
    if not outcome.pictures:
        raise InputError(" ".join([unread.reason for unread in outcome.failed][:3]) or "There is nothing to predict.")


def _draw(save: Save, place: Path, seen: Seen, outcome: Outcome) -> None:
    """Saves an overlay; where OpenCV cannot draw it, says so and keeps the joints."""
    try:
        save(place, seen)
    except cv2.error as error:
        name = seen.picture.name
        reason = f"{name}: has its joints, but could not be drawn over ({' '.join(str(error).split())})."
        outcome.failed.append(Unread(name, reason))


def _write(
    task: Task, estimator: Estimator, place: Path, outcome: Outcome, video: Optional[OpenVideo] = None
) -> None:
    """joints.json and joints.csv, into a draft."""
    head = _head(task, estimator, outcome, video)
    output.write(place, head, outcome.people, estimator.skeleton.joints)


def _views(
    task: Task, shown: Iterable[Shown], outcome: Outcome, stopped: Callable[[], int]
) -> Iterator[Tuple[Picture, Boxes]]:
    """What can be read, with its boxes, under a progress bar; the rest goes into the outcome."""
    for one in tqdm(shown, total=outcome.of or None, unit="picture", desc="predict", leave=False, dynamic_ncols=True,
                    disable=None):
        outcome.stopped = stopped()
        if outcome.stopped:
            return
        if isinstance(one, Unread):
            outcome.failed.append(one)
            continue
        try:
            boxes = task.boxes(one)
            for box in boxes.edges:
                square(one, box, task.trained.run)
        except InputError as error:
            outcome.failed.append(Unread(one.name, str(error)))
            continue
        yield one, boxes


def _head(task: Task, estimator: Estimator, outcome: Outcome, video: Optional[OpenVideo]) -> Dict[str, Any]:
    """What stands in joints.json before the people."""
    run, skeleton = task.trained.run, estimator.skeleton
    units = {
        **({"seconds": "s, the frame's own time in the video; of a camera from its first frame on"} if video else {}),
        "x, y": "px of the image as displayed, to the right and down; the centre of the first pixel is 0",
        "box": "x, y, width and height in px, from the image's top left corner",
        "confidence": meaning_of_confidence(run),
    }
    if task.in_3d:
        units["x_mm, y_mm, z_mm"] = f"mm from the {skeleton.root}: to the right, down, away from the camera"
    return {
        "run": run.key, "data": f"{run.data}, {run.extra}" if run.extra else run.data,
        **(_of_video(video, task.overlays) if video else {}), "pictures": outcome.pictures,
        **({"stopped_early": True} if outcome.stopped and not outcome.endless else {}), "boxes": task.boxes_from,
        "units": units, "notes": [*task.notes, *outcome.notes],
        **({"focal_px": task.focal or f"{FOCAL} x the longer side"} if task.in_3d else {}),
        **output.described(skeleton),
        "failed": [unread.reason for unread in outcome.failed],
    }


def _of_video(video: OpenVideo, overlays: bool) -> Dict[str, Any]:
    drawn = {"overlay_frames_per_second": video.rate} if overlays else {}
    return {"video": video.source.name, "frames_per_second": round(video.mean_rate, 4), **drawn}
