"""Image files of any origin, one after the other; unreadable ones are reported."""
from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

import cv2

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.storage import image_files
from integral_pose.storage.file_kinds import FOLDER, UNOPENED, VIDEO, Kind, advice, printable, refusal
from integral_pose.storage.threads import ahead

PICTURES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".jp2")
IGNORED = re.compile(r"\..*|Thumbs\.db|desktop\.ini", re.IGNORECASE)  # what systems add, such as ._a.jpg
NAMED = 3  # files of a kind


class Picture(NamedTuple):
    """One picture, or frame of a video."""

    name: str  # a file's name, or a frame's number, counted from 0
    pixels: Array  # (h, w, 3), BGR uint8, upright
    seconds: Optional[float] = None  # of a frame: its time in the video


class Unread(NamedTuple):
    """A file that could not be read."""

    name: str
    reason: str


Shown = Union[Picture, Unread]


class Gathered(NamedTuple):
    """The images to predict."""

    pictures: Sequence[Path]
    unread: Sequence[Unread] = ()  # pictures in folders, of kinds that cannot be read
    skipped: Sequence[str] = ()  # sentences about the other files of folders


def gathered(places: Sequence[Path]) -> Gathered:
    """The pictures among files and folders; of a folder those directly in it, by name, whatever their endings.

    Raises:
        InputError: there are none, one is missing, or two have the same name.
    """
    found = [_in_folder(place) if place.is_dir() else Gathered([place]) for place in places]
    pictures = [path for one in found for path in one.pictures]
    missing = next((path for path in pictures if not path.is_file()), None)
    if missing:
        raise InputError(f"{printable(missing)}: there is no such file or folder. Check the path.")
    twice = [name for name, times in Counter(path.name for path in pictures).items() if times > 1]
    if twice:
        raise InputError(f"{printable(twice[0])}: several images have this name. Give their folders one at a time.")
    return Gathered(pictures, [one for of in found for one in of.unread], [said for of in found for said in of.skipped])


def _in_folder(folder: Path) -> Gathered:
    files = sorted(path for path in folder.iterdir() if not IGNORED.fullmatch(path.name))
    kinds = {path: _kind(path) for path in files}
    pictures = [path for path, kind in kinds.items() if kind.readable]
    unread = [path for path, kind in kinds.items()
              if not kind.readable and (kind.photograph or path.suffix.lower() in PICTURES)]
    failed = [Unread(printable(path.name), refusal(path, kinds[path])) for path in unread]
    skipped = _skipped(folder, {path: kind for path, kind in kinds.items() if path not in {*pictures, *unread}})
    if not pictures:
        reasons = " ".join([*(one.reason for one in failed[:NAMED]), *skipped])
        raise InputError(f"{printable(folder)}: has no images that can be read. {reasons}".strip())
    return Gathered(pictures, failed, skipped)


def _kind(path: Path) -> Kind:
    try:
        return FOLDER if path.is_dir() else image_files.kind(path)
    except InputError:
        return UNOPENED


def _skipped(folder: Path, others: Dict[Path, Kind]) -> List[str]:
    """A sentence for each kind of file in a folder that is no picture."""
    by_kind: Dict[str, List[Path]] = {}
    for path, kind in others.items():
        by_kind.setdefault(kind.name, []).append(path)
    lines = []
    for name, paths in by_kind.items():
        named = ", ".join(printable(path.name) for path in paths[:NAMED]) + (", …" if len(paths) > NAMED else "")
        hint = f" {advice(paths[0], others[paths[0]])}" if others[paths[0]] in (VIDEO, FOLDER) else ""
        are = "is" if len(paths) == 1 else "are each"
        lines.append(f"{printable(folder)}: left out {len(paths)} that {are} {name}: {named}.{hint}")
    return lines


def pictures(
    paths: Sequence[Path], workers: int, most: int = image_files.MOST_PIXELS, upright: bool = True
) -> Iterator[Shown]:
    """Reads pictures ahead on `workers` threads.

    Args:
        most: pixels that one may have; 0: any number.
        upright: as they are seen, turned by their EXIF tag; else as they are stored.
    """
    return ahead(lambda number: _picture(paths[number], most, upright), 0, len(paths), workers)


def _picture(path: Path, most: int, upright: bool) -> Shown:
    name = printable(path.name)
    try:
        return Picture(name, image_files.read(path, upright, most))
    except InputError as error:
        return Unread(name, str(error))
    except (OSError, MemoryError, cv2.error) as error:
        reason = " ".join(str(error).split()) or "memory is short"
        return Unread(name, f"{printable(path)}: cannot be read ({reason}).")
