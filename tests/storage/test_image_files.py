"""Reading and writing pictures: turned or as stored, whole or damaged, large, of other kinds, of any name."""
from __future__ import annotations

import io
import os
import re
import struct
import zlib
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import cv2
import numpy as np
import pytest
from PIL import Image

from integral_pose.errors import InputError
from integral_pose.storage import file_kinds, image_files
from integral_pose.storage.image_files import Header

NOISE = np.random.default_rng(9).integers(0, 256, (40, 50, 3), np.uint8)  # BGR
SMOOTH = cv2.resize(np.random.default_rng(1).integers(0, 255, (4, 5, 3)).astype(np.uint8), (40, 24))
SEEN: Dict[int, Callable[[Any], Any]] = {  # EXIF's orientation -> what is seen of what is stored, spelled out
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}
FORMATS: Dict[str, Dict[str, Any]] = {
    "JPEG": {"quality": 95}, "PNG": {}, "WEBP": {"lossless": True}, "TIFF": {},
}


def tagged(orientation: int, kind: str = "JPEG", pixels: Any = SMOOTH) -> bytes:
    """A file with an EXIF tag, as Pillow writes it."""
    tags, file = Image.Exif(), io.BytesIO()
    tags[0x0112] = orientation
    Image.fromarray(pixels[..., ::-1]).save(file, kind, exif=tags, **FORMATS[kind])
    return file.getvalue()


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def encoded(suffix: str, pixels: Any = NOISE) -> bytes:
    return bytes(cv2.imencode(suffix, pixels)[1])


# ---------------------------------------------------------------- pixels


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation, upright", [(1, False), (1, True), (6, False), (6, True), (3, True)])
@pytest.mark.parametrize("times", [2, 4, 8])
def test_a_reduced_picture_has_the_means_of_the_whole(
    tmp_path: Path, kind: str, orientation: int, upright: bool, times: int
) -> None:
    pixels = cv2.resize(np.random.default_rng(1).integers(0, 255, (4, 5, 3)).astype(np.uint8), (85, 71))
    path = put(tmp_path / "a", tagged(orientation, kind, pixels))
    whole, reduced = (image_files.read(path, upright, times=n).astype(float) for n in (1, times))
    height, width = (-(-side // times) for side in whole.shape[:2])
    assert reduced.shape == (height, width, 3)
    inner = whole[: height * times - times, : width * times - times]  # of which no px is missing
    means = inner.reshape(height - 1, times, width - 1, times, 3).mean(axis=(1, 3))
    assert np.abs(reduced[:-1, :-1] - means).mean() < 1.5  # a px more to one side is some four levels


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif", ".ppm", ".jpe", ".jfif", ""])
def test_a_picture_is_read_whatever_its_ending(tmp_path: Path, suffix: str) -> None:
    image = np.full((14, 23, 3), (10, 120, 240), np.uint8)
    path = put(tmp_path / f"good{suffix}", encoded(suffix if suffix not in (".jfif", "") else ".jpg", image))
    np.testing.assert_allclose(image_files.read(path), image, atol=3)
    assert image_files.header(path).stored == (23, 14)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_pixels_as_stored_are_opencvs_to_the_bit(tmp_path: Path, suffix: str) -> None:
    path = put(tmp_path / f"a{suffix}", encoded(suffix))
    how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    expected = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), how)
    np.testing.assert_array_equal(image_files.read(path), expected)
    np.testing.assert_array_equal(image_files.read(path, upright=True), expected)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("orientation", SEEN)
def test_a_tagged_picture_is_read_as_seen_and_as_stored(tmp_path: Path, kind: str, orientation: int) -> None:
    path = put(tmp_path / "a", tagged(orientation, kind))
    for upright, expected in ((True, SEEN[orientation](SMOOTH)), (False, SMOOTH)):
        found = image_files.read(path, upright)
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).mean() < (3 if kind == "JPEG" else 0.01)
    known = image_files.header(path)
    assert (known.stored, known.seen) == ((40, 24), SEEN[orientation](SMOOTH).shape[1::-1])


def test_the_tag_of_a_png_is_found_behind_its_pixels(tmp_path: Path) -> None:
    plain = encoded(".png", SMOOTH)
    tags = Image.Exif()
    tags[0x0112] = 6
    body = b"eXIf" + tags.tobytes()[6:]
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    path = put(tmp_path / "a.png", plain[:-12] + chunk + plain[-12:])
    assert image_files.header(path).orientation == 6
    np.testing.assert_array_equal(image_files.read(path, upright=True), SEEN[6](SMOOTH))


@pytest.mark.parametrize("value", [0, 9, 77])
def test_a_tag_that_says_nothing_turns_nothing(tmp_path: Path, value: int) -> None:
    assert image_files.header(put(tmp_path / "a.jpg", tagged(value))).orientation == 1


def test_a_damaged_tag_turns_nothing(tmp_path: Path) -> None:
    content = tagged(6)
    start = content.index(b"Exif\0\0") + 6
    path = put(tmp_path / "a.jpg", content[:start] + b"\xff" * 8 + content[start + 8:])
    assert image_files.read(path, upright=True).shape == SMOOTH.shape


def test_colours_are_of_eight_bits_and_three_channels(tmp_path: Path) -> None:
    kinds = {"grey": NOISE[..., 0], "deep": NOISE.astype(np.uint16) * 257, "clear": np.dstack([NOISE] * 2)[..., :4]}
    for name, pixels in kinds.items():
        found = image_files.read(put(tmp_path / f"{name}.png", encoded(".png", pixels)))
        assert found.shape == (40, 50, 3) and found.dtype == np.uint8


# ---------------------------------------------------------------- damage


def test_what_follows_the_end_of_a_jpeg_is_no_damage(tmp_path: Path) -> None:
    """A video, as motion photographs have: with bytes in it that would begin a scan, and none that end one."""
    behind = b"\0\0\0\x18ftypmp42\0\0\0\0" + b"\xff\xda\0\x0c" * 3 + bytes(range(256)).replace(b"\xff\xd9", b"") * 4
    scans = [cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2]
    for suffix, options in ((".jpg", []), (".jpeg", scans)):
        whole = bytes(cv2.imencode(".jpg", NOISE, options)[1])
        path = put(tmp_path / f"tail{suffix}", whole + behind)
        np.testing.assert_array_equal(image_files.read(path), cv2.imdecode(np.frombuffer(whole, np.uint8), 1))
        with pytest.raises(InputError, match="truncated"):
            image_files.read(put(tmp_path / f"cut{suffix}", whole[:-300] + behind))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif", ".ppm"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.98])
def test_a_truncated_image_is_refused(
    tmp_path: Path, suffix: str, share: float, capfd: pytest.CaptureFixture[str]
) -> None:
    content = encoded(suffix)
    path = put(tmp_path / f"short{suffix}", content[: int(share * len(content))])
    with pytest.raises(InputError, match=rf"short\{suffix}: is a .*truncated.*Copy it again"):
        image_files.read(path)
    assert capfd.readouterr().err == ""  # OpenCV says nothing itself


def test_a_truncated_jpeg_with_a_whole_thumbnail_is_refused(tmp_path: Path) -> None:
    whole = encoded(".jpg")
    thumbnail = b"\xff\xe1" + (len(whole) + 2).to_bytes(2, "big") + whole  # as EXIF carries it, before the scan
    content = whole[:2] + thumbnail + whole[2:]
    assert image_files.read(put(tmp_path / "thumb.jpg", content)).shape == (40, 50, 3)
    with pytest.raises(InputError, match="thumb.jpg"):
        image_files.read(put(tmp_path / "thumb.jpg", content[:-400]))


@pytest.mark.parametrize("make", [lambda path: None, Path.mkdir], ids=["nothing", "folder"])
def test_a_missing_image_is_named(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    make(tmp_path / "absent.jpg")
    with pytest.raises(InputError, match="absent.jpg: the image is missing.*--data"):
        image_files.read(tmp_path / "absent.jpg")


# ---------------------------------------------------------------- other kinds of files


def ftyp(brand: bytes, compatible: bytes = b"") -> bytes:
    return struct.pack(">I", 16 + len(compatible)) + b"ftyp" + brand + bytes(4) + compatible + bytes(100)


def raw_file() -> bytes:
    """Laid out as a TIFF whose first picture is a small preview."""
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "TIFF", tiffinfo={254: 1})
    return file.getvalue()


@pytest.mark.parametrize("name, content, command", [
    ("a.jpg", ftyp(b"heic"), "heif-convert a.jpg a-converted.jpg"), ("a.PNG", ftyp(b"avif"), "a.PNG a-converted.png"),
    ("a.mp4", b"GIF89a" + bytes(30), "a.mp4 a-converted.mp4"), ("a.heic", ftyp(b"heic"), "heif-convert a.heic a.jpg"),
])
def test_a_command_that_converts_a_file_does_not_overwrite_it(
    tmp_path: Path, name: str, content: bytes, command: str
) -> None:
    path = put(tmp_path / name, content)
    with pytest.raises(InputError, match=command):
        image_files.read(path)


@pytest.mark.parametrize("content, said", [
    (b"", r"empty \(0 bytes\). Copy"), (b"not an image", "a text"), ("größer".encode("utf-16"), "a text"),
    (ftyp(b"heic"), "HEIC.*heif-convert a.b a.jpg"), (ftyp(b"mif1", b"heic"), "HEIC"), (ftyp(b"avif"), "AVIF"),
    (ftyp(b"mif1", b"avif"), "AVIF"), (ftyp(b"crx "), "raw file.*darktable"), (ftyp(b"isom"), "a video.*by itself"),
    (ftyp(b"qt  "), "a video"), (b"RIFF\0\0\0\0AVI LIST", "a video"), (b"\x1aE\xdf\xa3" + bytes(30), "a video"),
    (b"0&\xb2u\x8ef\xcf\x11" + bytes(30), "a video"), (b"%PDF-1.7\n", "PDF.*pdftoppm -png a.b a"),
    (b"PK\3\4" + bytes(30), "ZIP.*Unpack"), (b"\x1f\x8b" + bytes(30), "gzip"),
    (b"GIF89a" + bytes(30), "GIF.*ffmpeg.*magick"),
    (b"<!DOCTYPE html><html>", "web page.*Download"), (b"<svg xmlns='x'></svg>", "SVG"), (bytes(200), "not known"),
    (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS.*git lfs pull"), (b"\0\5\x16\7" + bytes(60), "macOS"),
    (raw_file(), "raw file"), (b"II*\0\x10\0\0\0CR\2\0", "raw file"), (b"8BPS" + bytes(30), "Photoshop"),
])
def test_what_is_no_picture_is_called_what_it_is(tmp_path: Path, content: bytes, said: str) -> None:
    path = put(tmp_path / "a.b", content)
    for function in (image_files.read, image_files.header):
        with pytest.raises(InputError, match=f"a.b: is .*{said}"):
            function(path)


def test_a_tiff_of_fractions_is_not_said_to_be_damaged_only(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif: .*or of a variety that is not read.*save it as PNG"):
        image_files.read(tmp_path / "a.tif")


def test_a_raw_file_is_told_from_a_tiff_by_its_ending(tmp_path: Path) -> None:
    content = encoded(".tif")
    assert image_files.read(put(tmp_path / "a.tif", content)).shape == (40, 50, 3)
    with pytest.raises(InputError, match="a.NEF: is a camera's raw file"):
        image_files.read(put(tmp_path / "a.NEF", content))


# ---------------------------------------------------------------- large pictures


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is so large; of its pixels there are hardly any."""
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def test_a_bomb_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(tmp_path / "bomb.png", png_of(32000, 32000))
    monkeypatch.setattr(cv2, "imdecode", None)  # nothing is decoded
    said = "bomb.png: is 32000 x 32000 px, which takes 3.1 GB.*up to 128,000,000 pixels.*--max-pixels 1024000000"
    for function in (image_files.read, image_files.header):
        with pytest.raises(InputError, match=said):
            function(path)
    assert image_files.header(path, most=0).stored == (32000, 32000)
    with pytest.raises(InputError, match="no side may be longer than 32,766 px"):
        image_files.header(put(path, png_of(40000, 10)))
    assert Image.MAX_IMAGE_PIXELS  # others' limit is as it was


@pytest.mark.parametrize("suffix, options", [
    (".jpg", []), (".jpg", [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]), (".png", []), (".webp", []), (".tif", []),
])
@pytest.mark.parametrize("upright", [False, True])
def test_every_format_has_its_size_read_first(
    suffix: str, options: List[int], upright: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(cv2.imencode(suffix, NOISE, options)[1])
    if suffix == ".jpg":  # a thumbnail of another size, as cameras put it before the picture's own size
        small = encoded(".jpg", NOISE[:8, :8])
        content = content[:2] + b"\xff\xe1" + (len(small) + 2).to_bytes(2, "big") + small + content[2:]
    path = put(tmp_path / f"a{suffix}", content)
    assert image_files.read(path, upright, most=2000).shape == (40, 50, 3)
    monkeypatch.setattr(cv2, "imdecode", None)
    with pytest.raises(InputError, match="is 50 x 40 px"):
        image_files.read(path, upright, most=1999)


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    path = put(tmp_path / "a.png", encoded(".png"))
    assert image_files.read(path, most=2000).shape == (40, 50, 3)
    with pytest.raises(InputError, match="--max-pixels 2000"):
        image_files.read(path, most=1999)


# ---------------------------------------------------------------- names and writing


def test_names_may_be_any_bytes(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    assert image_files.write(path, NOISE) == path and b"caf\xe9.png" in os.listdir(os.fsencode(tmp_path))
    np.testing.assert_array_equal(image_files.read(path), NOISE)
    path.write_bytes(b"")
    with pytest.raises(InputError, match=re.escape(r"caf\xe9.png: is empty")) as caught:
        image_files.read(path)
    str(caught.value).encode()  # which text with half a character cannot be
    assert file_kinds.printable("größer.jpg") == "größer.jpg"


@pytest.mark.parametrize("name, written", [
    ("a.jpg", "a.jpg"), ("a.PNG", "a.PNG"), ("a.webp", "a.webp"), ("a.tif", "a.tif"), ("a.bmp", "a.bmp"),
    ("a.jfif", "a.jfif.jpg"), ("a", "a.jpg"), ("a.pgm", "a.pgm.png"), ("a.b.c", "a.b.c.png"),
])
def test_pictures_are_written_in_a_format_that_can_be(tmp_path: Path, name: str, written: str) -> None:
    assert image_files.write(tmp_path / name, SMOOTH) == tmp_path / written
    assert [path.name for path in tmp_path.iterdir()] == [written]
    assert np.abs(image_files.read(tmp_path / written).astype(int) - SMOOTH).mean() < 8


def test_a_picture_too_long_for_its_format_is_written_as_png(tmp_path: Path) -> None:
    wide = np.zeros((1, 17000, 3), np.uint8)  # WebP ends at 16383 px
    assert image_files.write(tmp_path / "a.webp", wide) == tmp_path / "a.webp.png"
    assert image_files.read(tmp_path / "a.webp.png").shape == wide.shape


def test_a_header_tells_what_is_seen() -> None:
    sizes: List[Tuple[int, Tuple[int, int]]] = [(1, (4, 3)), (4, (4, 3)), (5, (3, 4)), (8, (3, 4))]
    for orientation, seen in sizes:
        assert Header(file_kinds.JPEG, (4, 3), orientation).seen == seen
