"""Videos as phones and editors leave them, made from those that OpenCV writes: turned, uneven, of another codec."""
from __future__ import annotations

import struct
from pathlib import Path
from typing import Callable, Dict, Sequence

import integral_pose  # isort: skip  # noqa: F401

import cv2
import numpy as np

from integral_pose.geometry import Array
from integral_pose.storage.opencv_names import for_opencv

PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
TURNS = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}  # degrees to the right: a, b, c, d


def write(path: Path, frames: Sequence[Array], rate: float = 12.5) -> Path:
    """A video of frames (h, w, 3): MPEG-4 part 2 also where ffmpeg is there, since what follows changes its layout."""
    height, width = frames[0].shape[:2]
    with for_opencv(str(path)) as name:
        video = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*"mp4v"), rate, (width, height))
        for frame in frames:
            video.write(frame)
        video.release()
    return path


def plain(path: Path, count: int) -> Path:
    """Frames of 48 x 64 px, each 20 brighter than the one before."""
    return write(path, [np.full((48, 64, 3), 20 * number, np.uint8) for number in range(count)])


def turned(path: Path, degrees: int) -> Path:
    """Has players turn an MP4's frames to the right, as a phone's tag does."""
    matrix = [value << 16 for value in TURNS[degrees]]
    packed = struct.pack(">9i", matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, 0, 0, 1 << 30)
    return _changed(path, {b"tkhd": lambda content: content[:40] + packed + content[76:]})


def timed(path: Path, milliseconds: Sequence[int]) -> Path:
    """Gives each frame of an MP4 its own time on the screen."""
    entries, whole = b"".join(struct.pack(">2I", 1, time) for time in milliseconds), sum(milliseconds)
    return _changed(path, {
        b"stts": lambda _: struct.pack(">2I", 0, len(milliseconds)) + entries,
        b"mdhd": lambda old: old[:12] + struct.pack(">2I", 1000, whole) + old[20:],
        b"edts": lambda old: old[:16] + struct.pack(">I", whole) + old[20:],  # what of the track is shown
    })


def coded(path: Path, codec: bytes) -> Path:
    """Names another codec in an MP4, which its frames are not of."""
    return _changed(path, {b"stsd": lambda content: content.replace(b"mp4v", codec).replace(b"esds", b"free")})


def stretched(path: Path, across: int, down: int) -> Path:
    """Has players show an MP4's pixels so many times as wide as high."""
    def with_aspect(old: bytes) -> bytes:
        aspect = struct.pack(">I4s2I", 16, b"pasp", across, down)
        return old[:8] + struct.pack(">I", len(old) - 8 + len(aspect)) + old[12:] + aspect

    return _changed(path, {b"stsd": with_aspect})


def sound(path: Path) -> Path:
    """Names an MP4's only track one of sound."""
    return _changed(path, {b"hdlr": lambda content: content.replace(b"vide", b"soun")})


def _changed(path: Path, changes: Dict[bytes, Callable[[bytes], bytes]]) -> Path:
    """Frames stand before the index in these files, so it may grow."""
    path.write_bytes(_boxes(path.read_bytes(), changes))
    return path


def _boxes(content: bytes, changes: Dict[bytes, Callable[[bytes], bytes]]) -> bytes:
    made = b""
    while content:
        size, name = struct.unpack(">I4s", content[:8])
        inside, content = content[8:size], content[size:]
        if name in PARENTS:
            inside = _boxes(inside, changes)
        inside = changes.get(name, lambda same: same)(inside)
        made += struct.pack(">I4s", 8 + len(inside), name) + inside
    return made
