"""Pictures or a film in, a folder of joints and overlays out."""
from __future__ import annotations

import time
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Tuple

import cv2
import mxnet as mx
from tqdm import tqdm

from integral_pose.errors import InputError
from integral_pose.inference import media, output
from integral_pose.inference.boxes import Boxes
from integral_pose.inference.estimator import FOCAL, Estimator, Seen, meaning_of_confidence, square
from integral_pose.inference.media import CAMERA, Gathered, Picture, Shown, Unread
from integral_pose.inference.overlay import overlay
from integral_pose.models.saved import Trained
from integral_pose.storage import image_files

Save = Callable[[Path, Seen], None]  # an overlay, into a folder


@dataclass(frozen=True)
class Task:
    """What to look with, where, and where to put it."""

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

    @property
    def in_space(self) -> bool:
        """Whether the network gives joints in 3 coordinates."""
        return self.trained.run.coordinates == 3

    @property
    def notes(self) -> List[str]:
        """What goes with the numbers, in sentences."""
        if not self.in_space:
            return self.trained.notes
        focal = f"{self.focal:g} px" if self.focal else f"{FOCAL} times the picture's longer side, which is assumed"
        return [
            *self.trained.notes,
            f"Without a camera's calibration millimetres are relative to the root: x to the right, y down, z away from "
            f"the camera. They rest on a focal length of {focal}, and on the box showing 2 m at the root's depth.",
        ]


@dataclass
class Outcome:
    """What came of it."""

    pictures: int = 0
    people: List[Dict[str, Any]] = field(default_factory=list)
    failed: List[Unread] = field(default_factory=list)
    seconds: float = 0.0


def on_pictures(task: Task, gathered: Gathered) -> Outcome:
    """Looks at pictures and writes the folder; what cannot be read is left out, and is in the outcome.

    Raises:
        InputError: none can be read, nothing can be written, or the network's parameters are damaged.
        RunFailed: the network's joints are not finite.
    """
    def save(place: Path, seen: Seen) -> None:
        output.write_picture(place / seen.picture.name, overlay(seen, estimator.skeleton, task.in_space))

    estimator, paths = _estimator(task), gathered.pictures
    shown = chain(gathered.unread, media.pictures(paths, task.workers, task.most_pixels))
    with output.draft(task.out) as place:
        return _written(task, estimator, place, shown, len(paths) + len(gathered.unread), save)


def on_film(task: Task, name: str, most: int = 0) -> Outcome:
    """Looks at a video or a camera, `most` frames if that is not 0; a camera until Ctrl-C.

    Raises:
        InputError, RunFailed: as `on_pictures`; or there is no camera, or the film drawn over was cut short.
    """
    def save(place: Path, seen: Seen) -> None:
        video.add(overlay(seen, estimator.skeleton, task.in_space))

    estimator = _estimator(task)
    with media.opened(name) as film, output.draft(task.out) as place:
        video = output.Video(place / output.OVERLAYS / f"{Path(name).stem}.mp4", film.rate)
        total = min(most or film.frames, film.frames or most)
        with closing(video), media.interruptible() if name == CAMERA else nullcontext(lambda: False) as stopped:
            outcome = _written(task, estimator, place, media.frames(film, most, stopped), total, save, name)
        video.check()
        return outcome


def _estimator(task: Task) -> Estimator:
    return Estimator(task.trained, task.device, task.batch, task.workers, task.focal)


def _written(
    task: Task, estimator: Estimator, place: Path, shown: Iterable[Shown], total: int, save: Save, film: str = ""
) -> Outcome:
    """Looks at all that is shown, and writes it into a draft."""
    outcome, started = Outcome(), time.time()
    views = _views(task, shown, outcome, total)
    for seen in estimator.seen(views):
        numbers = range(len(seen.people))
        outcome.people += [output.record(seen, i, estimator.skeleton, bool(film)) for i in numbers]
        outcome.pictures += 1
        if task.overlays:
            _draw(save, place / output.OVERLAYS, seen, outcome)
    outcome.seconds = time.time() - started
    if not outcome.pictures:
        reasons = [unread.reason for unread in outcome.failed] or [f"{film or 'nothing'}: has no pictures."]
        raise InputError(" ".join(reasons[:3]))
    output.write(place, _head(task, estimator, outcome, film), outcome.people, estimator.skeleton.joints)
    return outcome


def _draw(save: Save, place: Path, seen: Seen, outcome: Outcome) -> None:
    """Saves an overlay; where OpenCV cannot draw it, says so and keeps the joints."""
    try:
        save(place, seen)
    except cv2.error as error:
        name = seen.picture.name
        reason = f"{name}: has its joints, but could not be drawn over ({' '.join(str(error).split())})."
        outcome.failed.append(Unread(name, reason))


def _views(task: Task, shown: Iterable[Shown], outcome: Outcome, total: int) -> Iterator[Tuple[Picture, Boxes]]:
    """What can be read, with its boxes, under a progress bar; the rest goes into the outcome."""
    for one in tqdm(shown, total=total or None, unit="picture", desc="predict", leave=False, dynamic_ncols=True):
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


def _head(task: Task, estimator: Estimator, outcome: Outcome, film: str) -> Dict[str, Any]:
    """What stands in joints.json before the people."""
    run, skeleton = task.trained.run, estimator.skeleton
    units = {
        "x, y": "px of the picture as it is seen, to the right and down; the middle of the first pixel is 0",
        "box": "x, y, width and height in px, counted from the picture's top left edge",
        "confidence": meaning_of_confidence(run),
    }
    if task.in_space:
        units["x_mm, y_mm, z_mm"] = f"mm from the {skeleton.root}: to the right, down, away from the camera"
    return {
        "run": run.key, "data": f"{run.data}, {run.extra}" if run.extra else run.data,
        **({"film": film} if film else {}), "pictures": outcome.pictures, "boxes": task.boxes_from,
        "units": units, "notes": task.notes,
        **({"focal_px": task.focal or f"{FOCAL} x the longer side"} if task.in_space else {}),
        "joints": list(skeleton.joints), "root": skeleton.root,
        "limbs": [[skeleton.joints[joint] for joint in limb] for limb in skeleton.limbs],
        "failed": [unread.reason for unread in outcome.failed],
    }
