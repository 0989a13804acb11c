"""The kind of a file, from its first bytes and not its name, and advice for files that are not readable images."""
from __future__ import annotations

import re
from pathlib import PurePath
from typing import NamedTuple, Tuple, Union

START = 512  # bytes that are enough to tell
HALVES = re.compile("[\\ud800-\\udfff]")  # of characters: Python's stand-ins for bytes of names that are not UTF-8


class Kind(NamedTuple):
    """A kind of file."""

    name: str  # with its article: "a PDF document"
    remedy: str = ""  # a sentence for somebody who gave it as a picture
    readable: bool = False  # as a picture
    photograph: bool = False  # shows what the user may want looked at, though it cannot be read


def _readable(name: str) -> Kind:
    return Kind(name, readable=True)


_WRITTEN = (".jpg", ".png", ".mp4")  # by the commands below
_CONVERT = "Convert it to JPEG or PNG, for example with ImageMagick: `magick {name} {stem}.png`."
_ANIMATED = ("If it moves, convert it to a video: `ffmpeg -i {name} {stem}.mp4`. If it does not, convert it to PNG, "
             "for example with ImageMagick: `magick {name} {stem}.png`.")
EMPTY = Kind("empty (0 bytes)", "Copy it again from its source.")
JPEG = _readable("a JPEG image")
PNG = _readable("a PNG image")
WEBP = _readable("a WebP image")
TIFF = _readable("a TIFF image")
BMP = _readable("a BMP image")
PNM = _readable("a PNM image")
JPEG_2000 = _readable("a JPEG 2000 image")
RAW = Kind(
    "a camera's raw file", "Develop it to JPEG, for example with darktable, RawTherapee or the camera maker's program.",
    photograph=True,
)
HEIF = Kind(
    "a HEIC (HEIF) photograph",
    "Convert it to JPEG, for example with `heif-convert {name} {stem}.jpg` (Debian's package libheif-examples), or "
    "have the phone take JPEG: on an iPhone under Settings, Camera, Formats, Most Compatible.",
    photograph=True,
)
AVIF = Kind("an AVIF image", _CONVERT, photograph=True)
VIDEO = Kind(
    "a video", "Give it to predict by itself; where images are needed, write its frames with "
    "`ffmpeg -i {name} {stem}_%05d.png`.",
)
AUDIO = Kind("a sound file", "Give an image or a video.")
PDF = Kind("a PDF document", "Write its pages as images, for example with `pdftoppm -png {name} {stem}`.")
WEB_PAGE = Kind("a web page", "Its download probably failed. Download the image again.")
LFS = Kind("a Git LFS pointer, not the file itself", "Fetch the file with `git lfs pull`.")
TEXT = Kind("a text", "Give an image.")
APPLE_DOUBLE = Kind("a macOS file of attributes, without an image in it", "Give the file without `._` in its name.")
FOLDER = Kind("a folder", "Give it too, if you want predictions for its images.")
UNOPENED = Kind("a file or link that does not open", "Check that it is there and who may read it.", photograph=True)
UNKNOWN = Kind("of a kind that is not known here", "If it is an image, convert it to JPEG or PNG.")
_ARCHIVE = "Unpack it and give what is in it."

# Where they stand in a file, the bytes, and what they say. The first that fits counts.
_MARKS: Tuple[Tuple[int, bytes, Kind], ...] = (
    (0, b"\xff\xd8\xff", JPEG), (0, b"\x89PNG\r\n\x1a\n", PNG), (8, b"WEBP", WEBP), (0, b"BM", BMP),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", JPEG_2000), (0, b"\xff\x4f\xff\x51", JPEG_2000),
    (8, b"CR\2", RAW), (0, b"IIU\0", RAW), (0, b"IIRO", RAW), (0, b"IIRS", RAW), (0, b"MMOR", RAW),
    (0, b"FUJIFILMCCD-RAW", RAW), (0, b"FOVb", RAW), (0, b"\0MRM", RAW),
    (0, b"II*\0", TIFF), (0, b"MM\0*", TIFF), (0, b"II+\0", TIFF), (0, b"MM\0+", TIFF),
    (0, b"GIF8", Kind("a GIF", _ANIMATED, photograph=True)),
    (0, b"8BPS", Kind("a Photoshop file", _CONVERT, photograph=True)),
    (0, b"\0\0\0\x0cJXL ", Kind("a JPEG XL image", _CONVERT, photograph=True)),
    (0, b"\xff\x0a", Kind("a JPEG XL image", _CONVERT, photograph=True)),
    (0, b"v/1\1", Kind("an OpenEXR image", _CONVERT, photograph=True)),
    (0, b"#?RADIANCE", Kind("a Radiance HDR image", _CONVERT, photograph=True)),
    (0, b"\0\0\1\0", Kind("an icon", _CONVERT)), (128, b"DICM", Kind("a DICOM image", _CONVERT, photograph=True)),
    (8, b"AVI ", VIDEO), (0, b"\x1aE\xdf\xa3", VIDEO), (0, b"0&\xb2u\x8ef\xcf\x11", VIDEO), (0, b"FLV\1", VIDEO),
    (28, b"\1vorbis", AUDIO), (28, b"OpusHead", AUDIO), (28, b"\x7fFLAC", AUDIO), (8, b"WAVE", AUDIO),
    (0, b"ID3", AUDIO), (0, b"\xff\xfb", AUDIO), (0, b"\xff\xf3", AUDIO), (0, b"\xff\xf1", AUDIO), (0, b"fLaC", AUDIO),
    (0, b"\0\0\1\xba", VIDEO), (0, b"\0\0\1\xb3", VIDEO), (0, b"OggS", VIDEO),
    (4, b"moov", VIDEO), (4, b"mdat", VIDEO),
    (0, b"%PDF", PDF), (0, b"PK\3\4", Kind("a ZIP archive or an office document", _ARCHIVE)),
    (0, b"Rar!", Kind("a RAR archive", _ARCHIVE)), (0, b"7z\xbc\xaf\x27\x1c", Kind("a 7z archive", _ARCHIVE)),
    (0, b"\x1f\x8b", Kind("a gzip archive", _ARCHIVE)), (257, b"ustar", Kind("a tar archive", _ARCHIVE)),
    (0, b"\0\5\x16\7", APPLE_DOUBLE), (0, b"version https://git-lfs", LFS),
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"heif")
RAW_ENDINGS = (
    ".3fr", ".arw", ".cr2", ".cr3", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".nef", ".nrw", ".orf", ".pef",
    ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
)


def kind_of(start: bytes, name: str = "") -> Kind:
    """The kind of a file with these first `START` bytes.

    Args:
        name: the file's; its ending tells a camera's raw file from the TIFF that it is laid out as.
    """
    if not start:
        return EMPTY
    if start[4:8] == b"ftyp":
        return _boxed(start[8:12], start)
    if start[:1] == b"P" and start[1:2] in b"1234567Ff" and start[2:3].isspace():
        return PNM
    found = next((kind for place, mark, kind in _MARKS if start[place : place + len(mark)] == mark), None)
    if found is TIFF and PurePath(name).suffix.lower() in RAW_ENDINGS:
        return RAW
    return found or _written(start)


def _boxed(brand: bytes, start: bytes) -> Kind:
    """Of the container of MP4, by the brand it names first."""
    if brand in (b"avif", b"avis") or (brand in _HEIF_BRANDS and b"avif" in start[16:64]):
        return AVIF
    if brand in (b"M4A ", b"M4B "):
        return AUDIO
    return HEIF if brand in _HEIF_BRANDS else RAW if brand == b"crx " else VIDEO


def _written(start: bytes) -> Kind:
    """Of what may be text."""
    words = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if words.startswith((b"<!doctype html", b"<html")):
        return WEB_PAGE
    if words.startswith(b"<svg") or (words.startswith(b"<?xml") and b"<svg" in words):
        return Kind("an SVG drawing", _CONVERT, photograph=True)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or not set(start) & _NO_TEXT:
        return TEXT
    return UNKNOWN


_NO_TEXT = set(range(9)) | set(range(14, 27)) | set(range(28, 32)) | {127}  # control characters that texts lack


def printable(name: Union[str, PurePath]) -> str:
    r"""A file's name as text that can be written anywhere: a byte that is no UTF-8 becomes \xe9, or alike."""
    return HALVES.sub(lambda half: r"\x" + f"{ord(half[0]) - 0xDC00:02x}", str(name))


def refusal(path: PurePath, kind: Kind) -> str:
    """The message about a file that is not a readable image: its kind and the remedy."""
    what = f"is {kind.name}" if kind is EMPTY else f"is {kind.name}, which cannot be read as an image"
    return f"{printable(path)}: {what}. {advice(path, kind)}"


def advice(path: PurePath, kind: Kind) -> str:
    """The remedy, with the file's name in its commands; what they write has another name, whatever the file's is."""
    stem = f"{path.stem}-converted" if path.suffix.lower() in _WRITTEN else path.stem
    return kind.remedy.format(name=printable(path.name), stem=printable(stem))
