"""Reads and writes images, as displayed or as stored; errors name the problem and the remedy.

A camera held upright stores a picture that lies on its side, with a tag that says how to turn it (EXIF's orientation).
People, and the tools they annotate with, see the turned one. Names are opened by Python and never by OpenCV, which
ends the process at a name that is not UTF-8.
"""
from __future__ import annotations

import io
import re
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Iterator, Mapping, NamedTuple, Optional, Tuple

import cv2
import numpy as np
from PIL import Image

from integral_pose.errors import InputError
from integral_pose.storage.file_kinds import JPEG, PNG, RAW, START, TIFF, Kind, kind_of, printable, refusal

MOST_PIXELS = 128_000_000  # of a picture, unless the user allows more: 12000 x 9000 px and a little; 384 MB decoded
LONGEST_SIDE = 32_766  # px: OpenCV cuts patches out of nothing longer
ORIENTATION = 0x0112  # EXIF's tag
REDUCED, DNG = 0x00FE, 0xC612  # TIFF's tags: of a raw file the first picture is a small preview
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "MPO")  # Pillow's names of what is read
WRITTEN = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")  # endings that OpenCV writes colours for
MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # of JPEG: neither a byte of the scan nor a restart in it
START_OF_IMAGE, END_OF_IMAGE = 0xD8, 0xD9
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # of JPEG: the segments that have the picture's size
SIZES = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
         8: cv2.IMREAD_REDUCED_COLOR_8}  # by how many times smaller the picture is to be
_sizing = threading.Lock()
cv2.setLogLevel(0)  # what OpenCV and Pillow print of a damaged file is said here, with the file's name
warnings.filterwarnings("ignore", module=r"PIL\.")


class Header(NamedTuple):
    """The header of an image file."""

    kind: Kind
    stored: Tuple[int, int]  # width and height of the pixels as they are stored, px
    orientation: int = 1  # EXIF's, 1 to 8: how what is stored has to be turned or mirrored to be seen upright

    @property
    def seen(self) -> Tuple[int, int]:
        """Width and height of the image as displayed, px."""
        return self.stored[::-1] if self.orientation > 4 else self.stored


def header(path: Path, most: int = MOST_PIXELS) -> Header:
    """The sizes and orientation of a picture, of which no pixel is decoded.

    Args:
        most: pixels that it may have; 0: any number.

    Raises:
        InputError: the file is missing, is no picture that can be read, or has more pixels.
    """
    with _opened(path) as stream:
        start = stream.read(START)
        return _header(path, start, stream, most)


def read(path: Path, upright: bool = False, most: int = MOST_PIXELS, times: int = 1) -> np.ndarray:
    """The picture as (height, width, 3) BGR uint8.

    Args:
        upright: as it is seen, turned by its EXIF tag; else as it is stored, which is what the annotations of MPII,
            COCO and Human3.6M are of.
        most: pixels that it may have, by its header, before any is decoded; 0: any number.
        times: 2, 4 or 8 for a picture that is so many times smaller, of sides rounded up. JPEGs are decoded in that
            size, which is faster; others are decoded and then reduced.

    Raises:
        InputError: the file is missing, is no picture that can be read, is damaged, or has more pixels.
    """
    with _opened(path) as stream:
        start = stream.read(START)
        found = _refuse_foreign(path, start)
        content = start + stream.read()
    size, orientation = None if upright else _quick_size(found, content), 1
    if size:
        _refuse_large(path, size, most)
    else:
        orientation = _header(path, start, io.BytesIO(content), most).orientation
    at_once = found is JPEG and not (upright and orientation > 1)  # turned, reduced px would begin at another edge
    pixels = _decoded(path, content, times if at_once else 1) if found is not JPEG or _is_whole(content) else None
    if pixels is None:
        raise _damaged(path, found)
    if found is TIFF and not upright:  # OpenCV has turned it, whatever it was asked
        pixels = _turned(pixels, {6: 8, 8: 6}.get(orientation, orientation))
    elif found is not TIFF and upright:
        pixels = _turned(pixels, orientation)
    return pixels if at_once else _reduced(pixels, times)


def write(path: Path, pixels: np.ndarray) -> Path:
    """Writes (height, width, 3) BGR uint8 in the format that the name's ending asks for; returns the file written.

    Where OpenCV does not write that format, or none so large, the name gets another ending: `a.jfif` becomes
    `a.jfif.jpg`, and `a.pgm` becomes `a.pgm.png`.

    Raises:
        OSError: it cannot be written.
    """
    ending = path.suffix.lower()
    if ending not in WRITTEN:
        path = path.with_name(path.name + (".jpg" if ending in ("", ".jfif", ".jpe") else ".png"))
    content = _encoded(path.suffix.lower(), pixels)
    if content is None:
        path = path.with_name(f"{path.name}.png")
        content = _encoded(".png", pixels)
    assert content is not None  # PNG takes all sizes
    path.write_bytes(content)
    return path


def kind(path: Path) -> Kind:
    """The kind of a file, from its first bytes.

    Raises:
        InputError: the file is missing or cannot be opened.
    """
    with _opened(path) as stream:
        return kind_of(stream.read(START), path.name)


def _opened(path: Path) -> BinaryIO:
    if not path.is_file():
        raise InputError(
            f"{printable(path)}: the image is missing. Put the data set's images there, or give its folder with --data."
        )
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"{printable(path)}: cannot be opened ({error.strerror}). Check its permissions.") from error


def _refuse_foreign(path: Path, start: bytes) -> Kind:
    found = kind_of(start, path.name)
    if not found.readable:
        raise InputError(refusal(path, found))
    return found


def _header(path: Path, start: bytes, stream: BinaryIO, most: int) -> Header:
    found = _refuse_foreign(path, start)
    try:
        image = _sized(stream)
        tags = getattr(image, "tag_v2", {})  # TIFF's
        if DNG in tags or tags.get(REDUCED, 0) & 1:
            raise InputError(refusal(path, RAW))
        known = Header(found, image.size, _orientation(image, found, stream))
    except InputError:
        raise
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise _damaged(path, found) from error
    _refuse_large(path, known.stored, most)
    return known


def _sized(stream: BinaryIO) -> Image.Image:
    """The picture, not decoded. Pillow's own limit is off meanwhile: it cannot be set for one picture, and warns."""
    with _sizing:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(stream, formats=FORMATS)
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _orientation(image: Image.Image, found: Kind, stream: BinaryIO) -> int:
    """1 to 8; 1 where there is no tag, or none that can be read."""
    with suppress(Exception):  # a damaged tag turns nothing, as in every viewer
        value = _tags(image, found, stream).get(ORIENTATION, 1)
        return int(value) if value in range(1, 9) else 1
    return 1


def _tags(image: Image.Image, found: Kind, stream: BinaryIO) -> Mapping[int, Any]:
    """EXIF's, of the picture itself."""
    if found is TIFF:
        return getattr(image, "tag_v2", {})
    content = image.info.get("exif") or (_late_tags(stream) if found is PNG else None)
    tags = Image.Exif()
    if content:
        tags.load(content)
    return tags


def _late_tags(stream: BinaryIO) -> Optional[bytes]:
    """EXIF that stands after a PNG's pixels, where ExifTool puts it."""
    stream.seek(8)
    while True:
        length, name = int.from_bytes(stream.read(4), "big"), stream.read(4)
        if name == b"eXIf":
            return stream.read(length)
        if name in (b"", b"IEND"):
            return None
        stream.seek(length + 4, io.SEEK_CUR)


def _refuse_large(path: Path, size: Tuple[int, int], most: int) -> None:
    width, height = size
    if max(size) > LONGEST_SIDE:
        raise InputError(f"{printable(path)}: is {width} x {height} px, and no side may be longer than "
                         f"{LONGEST_SIDE:,} px. Cut or shrink it.")
    if 0 < most < width * height:
        raise InputError(
            f"{printable(path)}: is {width} x {height} px, which takes {3 * width * height / 1e9:.1f} GB of memory, "
            f"and images of up to {most:,} pixels are read. Shrink it or, if it comes from somebody you trust, allow "
            f"more with --max-pixels {width * height}."
        )


def _is_whole(content: bytes) -> bool:
    """Whether a JPEG's first image has its end: OpenCV makes up the rest of one cut short, and says nothing.

    Phones put a video behind it, and cameras further images, so that its markers are followed from the beginning.
    """
    if content.endswith(bytes([0xFF, END_OF_IMAGE])):
        return True
    return any(marker == END_OF_IMAGE for marker, _ in _segments(content))


def _segments(content: bytes) -> Iterator[Tuple[int, int]]:
    """The markers of a JPEG, in their order, and the places behind them; what a segment holds is passed over."""
    found = MARKER.search(content)
    while found:
        marker, place = found[1][0], found.end()
        yield marker, place
        if marker not in (1, START_OF_IMAGE, END_OF_IMAGE):  # all others have a length
            place += int.from_bytes(content[place : place + 2], "big")
        found = MARKER.search(content, place)


def _quick_size(found: Kind, content: bytes) -> Optional[Tuple[int, int]]:
    """Width and height of a JPEG or PNG in a tenth of the time that Pillow takes: training reads thousands a minute."""
    if found is PNG and content[12:16] == b"IHDR":
        return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    if found is JPEG:
        place = next((place for marker, place in _segments(content) if marker in FRAMES), None)
        if place:
            return (int.from_bytes(content[place + 5 : place + 7], "big"),
                    int.from_bytes(content[place + 3 : place + 5], "big"))
    return None


def _decoded(path: Path, content: bytes, times: int) -> Optional[np.ndarray]:
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), SIZES[times] | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise InputError(f"{printable(path)}: OpenCV cannot decode it ({' '.join(str(error).split())}). Convert it to "
                         "JPEG or PNG, or copy it again from its source.") from error


def _reduced(pixels: np.ndarray, times: int) -> np.ndarray:
    """Means of times x times px; at the right and at the bottom the last px stands for those that are missing."""
    if times == 1:
        return pixels
    height, width = pixels.shape[:2]
    filled = cv2.copyMakeBorder(pixels, 0, -height % times, 0, -width % times, cv2.BORDER_REPLICATE)
    return cv2.resize(filled, (-(-width // times), -(-height // times)), interpolation=cv2.INTER_AREA)


def _damaged(path: Path, found: Kind) -> InputError:
    if found is TIFF:  # has varieties that OpenCV does not read, and no telling of them from damage
        return InputError(f"{printable(path)}: is {found.name} that cannot be decoded: it is truncated or otherwise "
                          "damaged, or of a variety that is not read, such as one with fractional values. Copy it "
                          "again from its source, or save it as PNG.")
    return InputError(f"{printable(path)}: is {found.name} that cannot be decoded: it is truncated or otherwise "
                      "damaged. Copy it again from its source.")


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """What is stored, as EXIF's orientation has it seen."""
    if orientation in (5, 7):
        pixels = cv2.transpose(pixels)
    if orientation in (2, 4):
        return cv2.flip(pixels, 1 if orientation == 2 else 0)
    turn = {3: cv2.ROTATE_180, 6: cv2.ROTATE_90_CLOCKWISE, 7: cv2.ROTATE_180, 8: cv2.ROTATE_90_COUNTERCLOCKWISE}
    return cv2.rotate(pixels, turn[orientation]) if orientation in turn else pixels


def _encoded(ending: str, pixels: np.ndarray) -> Optional[bytes]:
    """The file's content; None where OpenCV cannot, which has the size's limits of the format."""
    with suppress(cv2.error):
        done, content = cv2.imencode(ending, pixels)
        return content.tobytes() if done else None
    return None
