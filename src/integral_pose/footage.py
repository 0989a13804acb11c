"""Anyone's pictures, videos and cameras, as one picture after the other; what cannot be read is said."""
from __future__ import annotations

import signal
from collections import Counter
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any, Callable, Iterator, List, NamedTuple, Sequence, Union

import cv2

from integral_pose.batches import ahead
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.storage import image_files

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
VIDEOS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm")
CAMERA = "camera"
USUAL_RATE = 25.0  # frames a second, where a video or camera does not say


class Picture(NamedTuple):
    """One picture, or frame of a film."""

    name: str  # a file's name, or a frame's number, counted from 0
    pixels: Array  # (h, w, 3), BGR uint8, upright


class Unread(NamedTuple):
    """What could not be read."""

    name: str
    reason: str


Shown = Union[Picture, Unread]


class Film(NamedTuple):
    """A video or camera, opened."""

    capture: Any  # cv2.VideoCapture
    name: str
    rate: float  # frames a second
    frames: int  # as the file says; 0 where that is not known


def pictures_in(places: Sequence[Path]) -> List[Path]:
    """The pictures among files and folders; of a folder those directly in it, by name.

    Raises:
        InputError: there are none, one is missing, or two have the same name.
    """
    pictures: List[Path] = []
    for place in places:
        pictures += _in_folder(place) if place.is_dir() else [place]
    missing = next((path for path in pictures if not path.is_file()), None)
    if missing:
        raise InputError(f"{missing}: there is no such file or folder. Check the path.")
    twice = [name for name, times in Counter(path.name for path in pictures).items() if times > 1]
    if twice:
        raise InputError(f"{twice[0]}: several pictures have this name. Give their folders one at a time.")
    return pictures


def _in_folder(folder: Path) -> List[Path]:
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not pictures:
        raise InputError(f"{folder}: has no pictures. They are files ending in {', '.join(PICTURES)}.")
    return pictures


def pictures(paths: Sequence[Path], workers: int) -> Iterator[Shown]:
    """Reads pictures ahead on `workers` threads; people's photographs are turned as their EXIF tag says."""
    return ahead(lambda number: _picture(paths[number]), 0, len(paths), workers)


def _picture(path: Path) -> Shown:
    try:
        return Picture(path.name, image_files.read(path, upright=True))
    except InputError as error:
        return Unread(path.name, str(error))
    except (OSError, cv2.error) as error:  # OpenCV raises where a picture would be larger than it reads
        return Unread(path.name, f"{path}: cannot be read ({error}).")


@contextmanager
def opened(name: str) -> Iterator[Film]:
    """A video file, or "camera" for the first one of the machine, closed again at the end.

    Raises:
        InputError: there is none, or OpenCV cannot read it.
    """
    before = cv2.setLogLevel(0)  # or OpenCV says itself, at length, that there is no camera
    capture = cv2.VideoCapture(0 if name == CAMERA else name)
    try:
        if not capture.isOpened():
            raise InputError(_unopened(name))
        rate, frames = capture.get(cv2.CAP_PROP_FPS), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        yield Film(capture, name, rate if 1 <= rate <= 1000 else USUAL_RATE, max(0, frames))
    finally:
        capture.release()
        cv2.setLogLevel(before)


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Gives what says whether Ctrl-C was pressed; a second one interrupts the process as usual."""
    pressed = Event()
    before = signal.getsignal(signal.SIGINT)

    def handler(number: int, frame: Any) -> None:
        pressed.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, handler)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _unopened(name: str) -> str:
    if name == CAMERA:
        return ("camera: no camera answers as this machine's first one (/dev/video0). Plug one in, let your user use "
                "it (group `video`), or give pictures or a video.")
    if not Path(name).is_file():
        return f"{name}: there is no such file. Check the path."
    return f"{name}: the video cannot be read; it may be damaged or of a kind OpenCV does not know. Copy it again."


def frames(film: Film, most: int = 0, stopped: Callable[[], bool] = lambda: False) -> Iterator[Shown]:
    """The film's frames, `most` at most if that is not 0, until somebody has stopped it.

    A file that ends before it should gives what there is, then says so.
    """
    for number in count():
        if (most and number == most) or stopped():
            return
        there, pixels = film.capture.read()
        if not there:
            break
        yield Picture(str(number), pixels)
    if number < 0.98 * film.frames:  # containers miscount by a frame or two
        yield Unread(film.name, f"{film.name}: ends after {number} of {film.frames} frames; it may be damaged.")
