"""The pictures of a custom data set: each is opened once before training, and is the one that was annotated.

A photograph may be stored turned, with an EXIF tag that says how it is seen. Some tools show, and annotate, the one;
some the other. The width and height in the file of annotations tell which; where they cannot, the user is asked. So is
the user of a file with joints outside the picture that they tell of: some tools write the size of the one picture, and
joints in the other.
"""
from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from tqdm import tqdm

from integral_pose.datasets.formats.records import is_file_name
from integral_pose.errors import InputError
from integral_pose.storage import image_files, image_paths
from integral_pose.storage.atomic import replacing
from integral_pose.storage.file_kinds import printable

SEEN, STORED = LABELS_OF = ("seen", "stored")
THREADS = 8
NAMED = 5  # pictures of one fault
SLACK = 1.02  # joints are placed a little outside pictures without meaning it
Size = Tuple[float, float]  # width and height, px


class Image(NamedTuple):
    """A picture that was decoded without a fault."""

    hash: str  # SHA-256 of the file
    size: Size  # as it is stored
    orientation: int  # EXIF's
    upright: bool = False  # whether it is annotated as it is seen, and not as it is stored

    @property
    def seen(self) -> Size:
        """Its size as it is seen."""
        return self.size[::-1] if self.orientation > 4 else self.size

    @property
    def annotated(self) -> Size:
        """The size of the picture that its joints are px of."""
        return self.seen if self.upright else self.size


Found = Union[Image, str]  # or what is wrong with it


def check(
    path: Path, sizes: Mapping[Path, Size], memory: Path, labels_of: str = "", most: int = image_files.MOST_PIXELS,
    reaches: Optional[Mapping[Path, Size]] = None,
) -> Dict[Path, Image]:
    """Decodes all pictures of a file of annotations, unless that was done before and a picture has not changed.

    Args:
        path: the file of annotations, for messages.
        sizes: what it says of the pictures' width and height.
        memory: a JSON file where it is kept which pictures are good, by their size in bytes and time of change.
        labels_of: whether photographs with a tag are annotated as they are "seen" or "stored", whatever their sizes
            tell; "": as the sizes tell.
        most: pixels that a picture may have; 0: any number.
        reaches: the largest x and y of each picture's joints, px.

    Raises:
        InputError: pictures are missing, cannot be read or are of another size, or it cannot be told whether they are
            annotated as they are seen or as they are stored.
    """
    found = _found(list(sizes), memory, most)
    _refuse(path, [(image, fault) for image, fault in found.items() if isinstance(fault, str)])
    good = {image: one for image, one in found.items() if isinstance(one, Image)}
    _refuse(path, [
        (image, f"{printable(image)}: is {_written(one.size)} px, and {path.name} says {_written(sizes[image])}. Use "
                "the images that were annotated, or scale the annotations accordingly.")
        for image, one in good.items() if sizes[image] not in (one.size, one.seen)
    ])
    told = {image: _told(one, sizes[image]) for image, one in good.items()}
    if not labels_of:
        _ask(path, told)
        known = reaches or {}
        _doubt(path, [image for image, one in good.items() if _contradicts(one, told[image], known.get(image))])
    return {image: one._replace(upright=one.orientation > 1 and (labels_of or told[image]) == SEEN)
            for image, one in good.items()}


def with_sizes(path: Path, content: Dict[str, Any], folder: Path, labels_of: str, most: int) -> Dict[str, Any]:
    """The content of a file of annotations with the pictures' own sizes where it has none: they are missing or 0.

    Args:
        folder: the images'.
        labels_of, most: as `check` takes them.

    Raises:
        InputError: such a picture cannot be read, or has a tag that turns it, and `labels_of` is "".
    """
    rows = content["images"]
    bare = {number: str(row["file_name"]) for number, row in enumerate(rows) if isinstance(row, dict)
            and not row.get("width") and not row.get("height") and is_file_name(row.get("file_name"))}
    sized = list(rows)
    for number, image in zip(bare, image_paths.below(path, folder, list(bare.values()))):
        known = image_files.header(image, most)
        if known.orientation > 1 and not labels_of:
            raise InputError(f"{printable(image)}: an EXIF tag rotates it, and {path} has no width and height for it. "
                             "So it is unknown whether joints are in px of the image as displayed or as stored. "
                             "Choose one: --labels-of seen or --labels-of stored.")
        width, height = known.seen if labels_of == SEEN else known.stored
        sized[number] = {**rows[number], "width": width, "height": height}
    return {**content, "images": sized}


def _told(image: Image, size: Size) -> str:
    """Whether a picture is annotated as seen or stored, by the size that was written; "" where both are of it."""
    if image.orientation == 1:
        return STORED  # which is as it is seen
    return "" if image.size == image.seen else SEEN if size == image.seen else STORED


def _contradicts(image: Image, told: str, reach: Optional[Size]) -> bool:
    """Whether joints lie outside the picture that the size tells of, and inside the other one."""
    if image.size == image.seen or not reach:
        return False
    told_of, other = (image.size, image.seen) if told == STORED else (image.seen, image.size)
    return not _holds(told_of, reach) and _holds(other, reach)


def _holds(size: Size, reach: Size) -> bool:
    return reach[0] <= SLACK * size[0] and reach[1] <= SLACK * size[1]


def _doubt(path: Path, images: Sequence[Path]) -> None:
    if images:
        raise InputError(
            f"{path}: {len(images)} photographs with an EXIF tag that turns them, the first {printable(images[0])}, "
            "have joints outside the image by its width and height, and inside it if these change places. So the "
            "file may have the size of the image as it is stored and joints in the one that is seen, as exports of "
            "Label Studio do, or the other way round. Say which image the joints are px of: --labels-of seen or "
            "--labels-of stored."
        )


def _ask(path: Path, told: Mapping[Path, str]) -> None:
    asked = [image for image, which in told.items() if not which]
    if not asked:
        return
    sure = sum(which == SEEN for which in told.values())
    hint = f" {sure} other images of the file are annotated as displayed." if sure else ""
    raise InputError(
        f"{path}: {len(asked)} images have an EXIF tag that rotates or mirrors them without changing their width and "
        f"height, the first: {printable(asked[0])}. So it is unknown whether they were annotated as displayed, as in "
        f"CVAT and Label Studio, or as stored.{hint} Choose one: --labels-of seen or --labels-of stored."
    )


def _refuse(path: Path, faults: Sequence[Tuple[Path, str]]) -> None:
    """Names the first few pictures that cannot be used."""
    if not faults:
        return
    said = " ".join(fault for _, fault in faults[:NAMED])
    more = f" And {len(faults) - NAMED} more." if len(faults) > NAMED else ""
    raise InputError(f"{path}: {len(faults)} of its images cannot be used. {said}{more}")


def _written(size: Size) -> str:
    return f"{size[0]:g} x {size[1]:g}"


def _found(images: Sequence[Path], memory: Path, most: int) -> Dict[Path, Found]:
    """What is known of each picture: kept from an earlier time, or found out now on several threads."""
    kept = _kept(memory)
    stamps = {image: _stamp(image) for image in images}
    known: Dict[Path, Found] = {}
    for image, stamp in stamps.items():
        before = kept.get(str(image.absolute()))
        if before and before[0] == stamp and not 0 < most < before[1].size[0] * before[1].size[1]:
            known[image] = before[1]
    new = [image for image in images if image not in known]
    try:
        with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1)) as pool:
            opened = pool.map(lambda image: _opened(image, most), new)
            bar = tqdm(opened, desc="check", total=len(new), unit="image", leave=False, disable=None if new else True)
            for image, one in zip(new, bar):
                known[image] = one
                if isinstance(one, Image):
                    kept[str(image.absolute())] = stamps[image], one
    finally:
        if new:
            _keep(memory, kept)
    return known


def _opened(image: Path, most: int) -> Found:
    try:
        known = image_files.header(image, most)
        image_files.read(image, most=most)
        return Image(hashlib.sha256(image.read_bytes()).hexdigest(), known.stored, known.orientation)
    except InputError as error:
        return str(error)
    except OSError as error:
        return f"{printable(image)}: cannot be read ({error.strerror})."


def _stamp(image: Path) -> List[int]:
    """What distinguishes a file from its replacement; nothing for a missing file."""
    try:
        status = image.stat()
    except OSError:
        return []
    return [status.st_mtime_ns, status.st_size]


Kept = Dict[str, Tuple[List[int], Image]]


def _kept(memory: Path) -> Kept:
    """What was found earlier; nothing where that cannot be read, for it can be found again."""
    try:
        rows: Dict[str, Any] = json.loads(memory.read_text(encoding="utf-8"))
        return {name: (list(stamp), Image(str(digest), (size[0], size[1]), int(orientation)))
                for name, (stamp, digest, size, orientation) in rows.items()}
    except (OSError, ValueError, TypeError, IndexError, AttributeError):
        return {}


def _keep(memory: Path, kept: Kept) -> None:
    rows = {name: [stamp, image.hash, image.size, image.orientation] for name, (stamp, image) in kept.items()}
    with replacing(memory) as draft:
        draft.write_text(json.dumps(rows, indent=0), encoding="utf-8")
