"""Pictures or a video in, a folder of joints and overlays out.

Three threads share the work: one reads, the main one cuts patches out and predicts, one draws and writes. Between them
a few pictures wait, in their order, so results are the same as those of one thread.
"""
from __future__ import annotations

import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import mxnet as mx
from tqdm import tqdm

from integral_pose.errors import InputError, RunFailed
from integral_pose.evaluation.topdown import least_score
from integral_pose.inference import media, output, videos
from integral_pose.inference.boxes import Boxes, FrameBoxes, PictureBoxes, listed
from integral_pose.inference.estimator import FOCAL, Estimator, Seen, from_root, meaning_of_confidence, square
from integral_pose.inference.formats import export
from integral_pose.inference.formats.summary import Summary
from integral_pose.inference.media import Gathered, Picture, Shown, Unread
from integral_pose.inference.overlay import Overlays, overlay
from integral_pose.inference.tracking import gaps
from integral_pose.inference.tracking.cuts import Cuts
from integral_pose.inference.tracking.following import Following
from integral_pose.inference.tracking.identity import Tracker
from integral_pose.inference.tracking.smoothing import smoothed
from integral_pose.inference.videos import OpenVideo, Source
from integral_pose.inference.window import Window
from integral_pose.models.saved import Trained
from integral_pose.skeletons import Skeleton
from integral_pose.storage import image_files
from integral_pose.storage.file_kinds import printable
from integral_pose.storage.processes import stoppable
from integral_pose.storage.threads import behind
from integral_pose.viewer.page import Page, Pose

View = Tuple[Picture, Boxes]
Save = Callable[[Path, Seen], None]  # an overlay, into a folder
PeopleOf = Callable[[Iterator[View]], Iterator[Seen]]  # the people of each picture
Use = Callable[[Seen], None]  # what is done with a picture and its people
MOST_NAMED = 5  # frames in a sentence
MOST_WAITING = 64 << 20  # bytes of frames that wait for the network, and as many for the drawing
PICTURES_WAITING = 2  # for the drawing, since they may be large


class Uses(NamedTuple):
    """What is done with each picture and its people."""

    all: Sequence[Use]
    waiting: int  # pictures, at most, that wait for a thread to do all this; 0: it is done at once
    before: Sequence[Use] = ()  # what does not wait


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
    track: bool = False  # whether the people of a video keep their identity from frame to frame
    detect_every: int = 1  # frames of a video; between them boxes follow who is tracked
    fill: int = 0  # frames that a tracked person may be away and is filled in
    smooth: bool = False  # whether the joints of a video are filtered
    formats: Sequence[str] = ()  # of `formats.export` that are written too
    show: bool = False  # whether overlays are shown in a window as they come
    waiting: int = 8  # pictures, at most, that wait for a thread; 0: one thread does all

    @property
    def in_3d(self) -> bool:
        """Whether the network predicts joints in 3 coordinates."""
        return self.trained.run.coordinates == 3

    @property
    def notes(self) -> List[str]:
        """Notes about the numbers, in sentences."""
        if not self.in_3d:
            return [*self.trained.notes, *self.of_boxes]
        focal = f"{self.focal:g} px" if self.focal else f"{FOCAL} times the image's longer side, which is assumed"
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
    people: int = 0  # in all pictures together
    identities: int = 0  # different people, where they are tracked
    filled: int = 0  # of the people
    written: List[str] = field(default_factory=list)  # files and folders besides joints.json, joints.csv, overlays/
    failed: List[Unread] = field(default_factory=list)
    seconds: float = 0.0
    stopped: int = 0  # the signal that ended it before all was looked at
    endless: bool = False  # whether nothing but a signal would have ended it
    notes: List[str] = field(default_factory=list)  # what came to light only while looking
    empty: List[str] = field(default_factory=list)  # names of the pictures, not of a video's frames, without people


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
        with closing(output.Results(place, estimator.skeleton, task.in_3d, video=False)) as results:
            page = _page(task, estimator, f"{len(paths)} images")
            _look(task, estimator.seen, shown, Uses([
                _recorded(results, estimator), _drawing(task, place, save, outcome), _noting_empty(outcome),
                *([page.use] if page else []),
            ], min(task.waiting, PICTURES_WAITING)), outcome)
            if not isinstance(task.boxes, PictureBoxes):  # a file's notes have said so
                outcome.notes += _without_people(outcome)
            results.finish(_head(task, estimator, outcome, None))
        _write_more(task, estimator, place, outcome, page, 1.0)
        return outcome


def on_video(task: Task, source: Source, most: int = 0) -> Outcome:
    """Looks at a video, camera or stream, `most` frames if that is not 0.

    Ctrl-C or SIGTERM ends it: what was done so far is written. So is what was done before an error.

    Raises:
        InputError, RunFailed, KeyboardInterrupt: as `on_pictures`; or there is no such video, or the video drawn over
            was cut short.
    """
    def save(place: Path, seen: Seen) -> None:
        drawn.add(overlays.whole(seen))

    estimator = _estimator(task)
    overlays = Overlays(estimator.skeleton, task.in_3d)
    with videos.opened(source) as video, output.draft(task.out) as place:
        outcome = Outcome(of=min(most or video.frames, video.frames or most), endless=video.endless)
        if isinstance(task.boxes, FrameBoxes):
            outcome.notes += task.boxes.before(video.frames)
        file = _file(source)
        drawn = output.Video(place / output.OVERLAYS / f"{source.stem}.mp4", video.rate, file)
        results = output.Results(place, estimator.skeleton, task.in_3d, video=True)
        title = printable(file.name) if file else source.name  # pages are passed on: nothing of this machine's folders
        steps, page = VideoSteps(task, estimator), _page(task, estimator, title)
        summary = Summary(title, estimator.skeleton, overlays)
        uses = [_recorded(results, estimator), _drawing(task, place, save, outcome), summary.add]
        uses += [page.use] if page else []
        waiting = _waiting(task, video)
        with closing(drawn), closing(results), _shown(task, source, estimator) as window:
            with closing(videos.frames(video, most, waiting)) as frames:
                _look(steps.task, steps, frames, Uses(uses, waiting, window), outcome)
            drawn.close()
            if task.overlays:
                drawn.check()
                outcome.notes.append(drawn.kind)
            if isinstance(task.boxes, FrameBoxes):
                outcome.notes += task.boxes.after(len(video.times), not (most == len(video.times) or outcome.stopped))
            outcome.notes += [*_about(video, task.overlays), *steps.notes(outcome)]
            if video.times:
                outcome.notes += export.late(task.formats, results.begins, video.times[0], video.mean_rate)
            results.finish(_head(task, estimator, outcome, video))
        summary.write(place / output.SUMMARY)
        outcome.written.append(output.SUMMARY)
        _write_more(task, estimator, place, outcome, page, video.mean_rate)
        return outcome


def _waiting(task: Task, video: OpenVideo) -> int:
    """Frames that may wait: fewer large ones, for the memory; one of a camera, for it not to be late."""
    if video.endless:
        return min(task.waiting, 1)
    return min(task.waiting, max(1, MOST_WAITING // max(1, video.frame_bytes)))


def _file(source: Source) -> Optional[Path]:
    """The file of a video; None of a camera or stream."""
    return Path(source.what) if isinstance(source.what, str) and "://" not in source.what else None


class _Poses:
    """The page with the poses of a 3D network."""

    def __init__(self, title: str, skeleton: Skeleton) -> None:
        self.page, self._root = Page(title, skeleton), skeleton.index(skeleton.root)

    def use(self, seen: Seen) -> None:
        """Adds a picture."""
        poses = [
            Pose(str(number if person.identity is None else person.identity), person.joints,
                 from_root(person.space, self._root), person.confidence, person.filled)
            for number, person in enumerate(seen.people) if person.space is not None
        ]
        self.page.add(seen.picture.name, seen.picture.seconds, seen.picture.pixels, poses)


def _page(task: Task, estimator: Estimator, title: str) -> Optional[_Poses]:
    return _Poses(title, estimator.skeleton) if task.in_3d else None


@contextmanager
def _shown(task: Task, source: Source, estimator: Estimator) -> Iterator[List[Use]]:
    """What shows overlays in a window, if that is asked for."""
    if not task.show:
        yield []
        return
    with closing(Window(source.name)) as window:
        yield [lambda seen: window.show(overlay(seen, estimator.skeleton, task.in_3d))]


def _write_more(
    task: Task, estimator: Estimator, place: Path, outcome: Outcome, page: Optional[_Poses], rate: float
) -> None:
    """The page and other formats, into a draft that has joints.json; `rate` is of frames, a second."""
    if page:
        page.page.write(place / output.VIEW)
        outcome.written.append(output.VIEW)
    least = least_score(estimator.run)
    outcome.written += export.write(place, task.formats, estimator.skeleton, rate, least)


class VideoSteps:
    """What is done with a video's frames, from boxes to people who are tracked, filled in and smoothed."""

    def __init__(self, task: Task, estimator: Estimator) -> None:
        self._estimator, self._skeleton = estimator, estimator.skeleton
        self._following = Following(task.boxes, Tracker(self._skeleton), Cuts(), task.detect_every)
        self.task = replace(task, boxes=self._following) if task.track else task

    def __call__(self, views: Iterator[View]) -> Iterator[Seen]:
        """The people of each frame, in order."""
        seen = self._identified(views) if self.task.track else self._estimator.seen(views)
        if self.task.track and self.task.fill:
            seen = gaps.filled(seen, self.task.fill)
        return smoothed(seen, self._skeleton.index(self._skeleton.root)) if self.task.smooth else seen

    def _identified(self, views: Iterator[View]) -> Iterator[Seen]:
        """Frame by frame: the boxes of the next follow the joints of the last."""
        yield from self._following.tracker.certain(
            self._following.saw(seen) for view in views for seen in self._estimator.seen([view]))

    def notes(self, outcome: Outcome) -> List[str]:
        """What is worth saying of who was tracked, in sentences; counts them."""
        tracker, cuts = self._following.tracker, self._following.cuts.frames
        outcome.identities = tracker.count
        notes = []
        if cuts:
            frames = ", ".join(cuts[:MOST_NAMED]) + (", …" if len(cuts) > MOST_NAMED else "")
            notes.append(f"The video has cuts: a scene begins with frame {frames}. Whoever is in the next scene is "
                         "counted as somebody new.")
        if tracker.doubtful:
            notes.append(f"{tracker.doubtful} boxes were found once, without anybody in them before or after, and are "
                         "left out; --no-track keeps them.")
        return notes


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


def _look(task: Task, people_of: PeopleOf, shown: Iterable[Shown], uses: Uses, outcome: Outcome) -> None:
    """Looks at all that is shown, until a signal, and gives each picture with its people to all uses.

    An error ends it early if something was done before, and is kept in the outcome.
    """
    def use(seen: Seen) -> None:
        for each in uses.all:
            each(seen)
        outcome.pictures += 1
        outcome.people += len(seen.people)
        outcome.filled += sum(person.filled for person in seen.people)

    started = time.time()
    with stoppable() as stopped:
        try:
            with behind(use, uses.waiting) as hand:
                for seen in people_of(_views(task, shown, outcome, stopped)):
                    for each in uses.before:
                        each(seen)
                    hand(seen)
        except (InputError, RunFailed, cv2.error) as error:
            if not outcome.pictures:
                raise
            reason = " ".join(str(error).split())
            outcome.failed.append(Unread("", f"{reason} Ended after {outcome.pictures} images, which are kept."))
    outcome.seconds = time.time() - started
    if not outcome.pictures and outcome.stopped:
        raise KeyboardInterrupt(128 + outcome.stopped)
    if not outcome.pictures:
        raise InputError(" ".join([unread.reason for unread in outcome.failed][:3]) or "There is nothing to predict.")


def _recorded(results: output.Results, estimator: Estimator) -> Use:
    """Writes the people of a picture."""
    def use(seen: Seen) -> None:
        results.add([output.record(seen, number, estimator.skeleton) for number in range(len(seen.people))])

    return use


def _noting_empty(outcome: Outcome) -> Use:
    """Keeps the names of the pictures in which nobody is found."""
    def use(seen: Seen) -> None:
        if not seen.people:
            outcome.empty.append(seen.picture.name)

    return use


def _without_people(outcome: Outcome) -> List[str]:
    """Which pictures have nobody, in a sentence; nothing if that is so of all of them or of none."""
    if not outcome.empty or not outcome.people:
        return []
    return [f"Nobody was found in {listed(outcome.empty)}."]


def _drawing(task: Task, place: Path, save: Save, outcome: Outcome) -> Use:
    """Saves an overlay; where OpenCV cannot draw it, says so and keeps the joints."""
    def use(seen: Seen) -> None:
        if not task.overlays:
            return
        try:
            save(place / output.OVERLAYS, seen)
        except cv2.error as error:
            name = seen.picture.name
            reason = f"{name}: has its joints, but could not be drawn over ({' '.join(str(error).split())})."
            outcome.failed.append(Unread(name, reason))

    return use


def _views(
    task: Task, shown: Iterable[Shown], outcome: Outcome, stopped: Callable[[], int]
) -> Iterator[View]:
    """What can be read, with its boxes, under a progress bar; the rest goes into the outcome."""
    for one in tqdm(shown, total=outcome.of or None, unit="image", desc="predict", leave=False, dynamic_ncols=True,
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
        "network": task.trained.name, "run": run.key, "data": f"{run.data}, {run.extra}" if run.extra else run.data,
        **(_of_video(video, task.overlays) if video else {}), "images": outcome.pictures,
        **({"stopped_early": True} if outcome.stopped and not outcome.endless else {}),
        "boxes": task.boxes_from, **_of_tracking(task, outcome),
        "units": units, "notes": [*task.notes, *outcome.notes],
        **({"focal_px": task.focal or f"{FOCAL} x the longer side"} if task.in_3d else {}),
        **output.described(skeleton),
        "failed": [unread.reason for unread in outcome.failed],
        **({} if video else {"without_people": outcome.empty}),
    }


def _of_tracking(task: Task, outcome: Outcome) -> Dict[str, Any]:
    """How the people of a video hang together."""
    if not task.track and not task.smooth:
        return {}
    tracked = {"identities": outcome.identities, "filled": outcome.filled, "detected_every": task.detect_every}
    return {"tracked": tracked if task.track else False, "smoothed": task.smooth}


def _of_video(video: OpenVideo, overlays: bool) -> Dict[str, Any]:
    drawn = {"overlay_frames_per_second": video.rate} if overlays else {}
    return {"video": video.source.name, "frames_per_second": round(video.mean_rate, 4), **drawn}
