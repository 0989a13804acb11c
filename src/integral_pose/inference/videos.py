"""Videos, cameras and streams as upright frames, one after the other, each with its time."""
from __future__ import annotations

import os
import re
import socket
import struct
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, Generator, Iterator, List, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

import cv2

from integral_pose.errors import InputError
from integral_pose.inference.media import PICTURES, Picture, Shown, Unread
from integral_pose.storage import image_files
from integral_pose.storage.file_kinds import AUDIO, UNKNOWN, VIDEO, printable
from integral_pose.storage.opencv_names import for_opencv
from integral_pose.storage.threads import made_ahead

VIDEOS = (
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg",
    ".mpg", ".mts", ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv", ".y4m",
)
CAMERA = "camera"
STREAMS = ("http", "https", "rtmp", "rtmps", "rtp", "rtsp", "rtsps", "srt", "tcp", "udp")  # that FFmpeg opens
PORTS = {"http": 80, "https": 443, "rtmp": 1935, "rtmps": 443, "rtsp": 554, "rtsps": 322, "tcp": 0}  # by TCP
ANSWER = 5.0  # s that a host has to answer
USUAL_RATE = 25.0  # frames a second, where a video or camera does not tell
_LONGEST = 1e9  # s; beyond it is what OpenCV makes of a missing time stamp
UNEVEN = 0.2  # of the mean time between frames: containers round times to milliseconds or so
NAMED_CODECS = {"av01": "AV1", "hevc": "HEVC (H.265)", "hvc1": "HEVC (H.265)", "hev1": "HEVC (H.265)",
                "vvc1": "VVC (H.266)", "vp09": "VP9", "apch": "ProRes", "apcn": "ProRes", "dvh1": "Dolby Vision"}
CONVERT = "Convert it, for example with `ffmpeg -i {name} -c:v libx264 converted.mp4`."

# OpenCV reads this when FFmpeg is first used. Left alone, FFmpeg writes lines of its own about what it cannot decode.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


class Source(NamedTuple):
    """Where frames come from."""

    what: Union[int, str]  # as OpenCV opens it: a camera's number, a file or an address
    name: str  # as messages and files have it, without a password
    stem: str  # of the file that is drawn


@dataclass
class OpenVideo:
    """A video, camera or stream, opened; what is known of its time grows with the frames that are given out."""

    capture: Any  # cv2.VideoCapture
    source: Source
    rate: float  # frames a second, as the file says
    frames: int  # as the file says; 0 where that is not known
    times: List[float] = field(default_factory=list)  # of the frames given out, s
    untimed: int = 0  # how many of these have no time stamp, so that it follows from the rate

    @property
    def endless(self) -> bool:
        """Whether it is a camera or stream, which ends only when it is stopped."""
        return not self.frames and (isinstance(self.source.what, int) or "://" in self.source.what)

    @property
    def frame_bytes(self) -> int:
        """Of a frame in memory; 0 where that is not known."""
        width, height = (self.capture.get(what) for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return 3 * int(width) * int(height)

    @property
    def stretch(self) -> float:
        """How many times as wide as high a pixel is to be shown: 1 but for some cameras' and DVDs' videos."""
        across, down = (self.capture.get(what) for what in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
        return across / down if across > 0 and down > 0 else 1.0

    @property
    def mean_rate(self) -> float:
        """Frames a second, by the times of the frames read."""
        length = self.times[-1] - self.times[0] if self.times else 0
        return (len(self.times) - 1) / length if length > 0 else self.rate

    @property
    def even(self) -> bool:
        """Whether all frames read follow one another after about the same time."""
        gaps = [after - before for before, after in zip(self.times, self.times[1:])]
        return not gaps or max(gaps) - min(gaps) <= 2 * UNEVEN / self.mean_rate


def source(word: str) -> Optional[Source]:
    """The video, camera or stream that a word of the command names; None where it names pictures.

    Raises:
        InputError: it is a camera's or an address of a kind that cannot be opened.
    """
    if word.startswith(f"{CAMERA}:") or word == CAMERA:
        return _camera(word)
    if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", word):
        return _stream(word)
    path = Path(word)
    if re.fullmatch(r"/dev/video[0-9]{1,4}", word):
        return Source(int(word[len("/dev/video"):]), word, path.name)
    return Source(word, printable(word), printable(path.stem)) if _is_video(path) else None


def _camera(word: str) -> Source:
    number = word[len(CAMERA) + 1:] or "0"
    if not re.fullmatch(r"[0-9]{1,4}", number) or word.endswith(":"):
        raise InputError(f"{word}: name a camera as {CAMERA}, {CAMERA}:1, {CAMERA}:2 and so on.")
    return Source(int(number), word, word.replace(":", ""))


def _stream(address: str) -> Source:
    """An address, whose user and password stay out of everything that is written."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise InputError(f"This is not a valid address ({error}); check it.") from None
    if parts.scheme not in STREAMS:
        raise InputError(f"{parts.scheme}://: such addresses are not supported; {', '.join(STREAMS)} are. Download the "
                         "video and give the file.")
    path = Path(parts.path)
    name = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    if path.suffix.lower() in PICTURES:
        raise InputError(f"{name}: is the address of an image. Download the image and give the file.")
    return Source(address, name, path.stem or parts.hostname or "stream")


def _is_video(path: Path) -> bool:
    if path.suffix.lower() in VIDEOS or not path.is_file():
        return path.suffix.lower() in VIDEOS and not path.is_dir()
    kind = image_files.kind(path)
    return kind in (VIDEO, AUDIO) or (kind is UNKNOWN and _opens(path))


def _opens(path: Path) -> bool:
    """Whether FFmpeg finds a video in a file whose kind nothing else tells."""
    with _quiet(), for_opencv(str(path)) as name:
        capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        try:
            return bool(capture.isOpened())
        finally:
            capture.release()


@contextmanager
def _quiet() -> Iterator[None]:
    """Without OpenCV's own words, at length, about what it cannot open."""
    before = cv2.setLogLevel(0)
    try:
        yield
    finally:
        cv2.setLogLevel(before)


def _capture(of: Source) -> Any:
    if isinstance(of.what, int):
        return cv2.VideoCapture(of.what)
    with for_opencv(of.what) as name:
        return cv2.VideoCapture(name)


@contextmanager
def opened(of: Source) -> Iterator[OpenVideo]:
    """A video, camera or stream, closed again at the end.

    Raises:
        InputError: there is none, or OpenCV cannot read it.
    """
    if isinstance(of.what, str) and "://" not in of.what and not Path(of.what).is_file():
        raise InputError(f"{of.name}: there is no such file. Check the path.")
    with _quiet():
        capture = _capture(of)
        try:
            if not capture.isOpened():
                raise InputError(_unopened(of))
            capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)  # turns frames by the file's tag; not every build does so
            rate, frames = capture.get(cv2.CAP_PROP_FPS), capture.get(cv2.CAP_PROP_FRAME_COUNT)
            known = 0 < frames < 2**31  # of streams FFmpeg gives numbers far below 0
            yield OpenVideo(capture, of, rate if 1 <= rate <= 1000 else USUAL_RATE, int(frames) if known else 0)
        finally:
            capture.release()


def frames(video: OpenVideo, most: int = 0, waiting: int = 0) -> Generator[Shown, None, None]:
    """The video's frames, `most` at most if that is not 0.

    A file that ends before it should gives what there is, then says so.

    Args:
        waiting: frames that a thread reads ahead. It ends with this generator, which is closed before the video.
    """
    with closing(made_ahead(_read(video, most), waiting)) as shown:
        for one, timed in shown:
            if isinstance(one, Picture):
                video.times.append(one.seconds or 0.0)
                video.untimed += not timed
            yield one


def _read(video: OpenVideo, most: int) -> Iterator[Tuple[Shown, bool]]:
    """What is read, and whether its time is the source's own."""
    clock = _camera_clock() if isinstance(video.source.what, int) else _clock(video)
    number = 0
    while not most or number < most:
        there, pixels = video.capture.read()
        if not there:
            yield from ((Unread(video.source.name, reason), True) for reason in _why_over(video, number))
            return
        seconds, timed = next(clock)
        yield Picture(str(number), pixels, seconds), timed
        number += 1


def _why_over(video: OpenVideo, number: int) -> Iterator[str]:
    """What is to be said where no frame follows after so many."""
    name = video.source.name
    if number == 0:
        yield _undecoded(video)
    elif isinstance(video.source.what, int):
        yield f"{name}: the camera gave no more images after {number}. Was it unplugged?"
    elif number < 0.98 * video.frames:  # containers miscount by a frame or two
        yield f"{name}: ends after {number} of {video.frames} frames; the file may be damaged."


def _camera_clock() -> Iterator[Tuple[float, bool]]:
    """The time since the first frame, asked for after each frame."""
    started = time.monotonic()
    yield 0.0, True
    while True:
        yield time.monotonic() - started, True


def _clock(video: OpenVideo) -> Iterator[Tuple[float, bool]]:
    """The time of each frame, asked for after it: the container's or, where it has none, by the rate."""
    first = last = 0.0
    for number in count():
        stamp = float(video.capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        stamp = stamp if abs(stamp) < _LONGEST else 0.0
        first = first if number else stamp
        timed = number == 0 or stamp > last
        last = stamp if timed else first + number / video.rate
        yield last, timed


# ---------------------------------------------------------------- why there are no frames


def _unopened(of: Source) -> str:
    if isinstance(of.what, int):
        return (f"{of.name}: no camera answers at /dev/video{of.what}. Plug one in, let your user use it (group "
                "`video`), or give images or a video.")
    if "://" in of.what:
        return _unreached(of.name, of.what)
    path, remedy = Path(of.what), CONVERT.format(name=printable(Path(of.what).name))
    kind = image_files.kind(path)
    if kind is not VIDEO:
        return f"{of.name}: is {kind.name}, and no video. Check which file you meant, or copy it again."
    tracks = _mp4_tracks(path)
    if tracks == []:
        return (f"{of.name}: lacks its index (`moov`), so the recording or the copy was interrupted. Copy it again, or "
                "repair it, for example with untrunc.")
    if tracks and not any(handler == "vide" for handler, _ in tracks):
        return f"{of.name}: is a sound file, without images. Give a video."
    codecs = [codec for handler, codec in tracks or [] if handler == "vide"]
    what = f"its video is {_codec(codecs[0])}, for which" if codecs else "is damaged, or of a kind for which"
    return f"{of.name}: {what} this OpenCV has no decoder. {remedy}"


def _unreached(name: str, address: str) -> str:
    """Of an address that could not be opened: whether its host answers, as far as a connection tells."""
    parts = urlsplit(address)
    port = PORTS.get(parts.scheme)
    try:
        port = parts.port or port
        if port:
            socket.create_connection((parts.hostname or "", port), ANSWER).close()
    except (OSError, ValueError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or "no answer"
        return (f"{name}: this address could not be opened, because its host cannot be reached ({reason}). Check the "
                "address for mistakes, whether the camera or server is on, and your network, proxy and firewall.")
    where = f"A server answers at port {port}, but gives" if port else "It gives"
    return (f"{name}: this address could not be opened. {where} no video that OpenCV can read. Check the path after "
            "the host, user and password, and try it in a player such as VLC; of a web page that shows a video, "
            "download the video and give the file.")


def _undecoded(video: OpenVideo) -> str:
    """Of what could be opened, and gives no frame."""
    name, what = video.source.name, video.source.what
    if isinstance(what, int):
        return f"{name}: the camera gives no image. Check whether another program uses it."
    code = int(video.capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little", signed=True)
    codec = code.decode("latin-1")
    path = Path(urlsplit(what).path) if "://" in what else Path(what)
    return (f"{name}: no frame can be decoded. The video is {_codec(codec)}, for which this OpenCV may have no "
            f"decoder; or the file is damaged. {CONVERT.format(name=printable(path.name))}")


def _codec(code: str) -> str:
    return NAMED_CODECS.get(code.lower(), f"of the codec {code!r}")


def _mp4_tracks(path: Path) -> Optional[List[Tuple[str, str]]]:
    """The kind and codec of each track of an MP4, such as ("vide", "av01"); none where its index is missing.

    None of what is no MP4.
    """
    with open(path, "rb") as stream:
        if stream.read(8)[4:] not in (b"ftyp", b"moov", b"mdat", b"free", b"wide"):
            return None
        return [(_find(stream, track, ("mdia", "hdlr"), 8), _find(stream, track, ("mdia", "minf", "stbl", "stsd"), 12))
                for place in _boxes(stream, 0, path.stat().st_size, "moov") for track in _boxes(stream, *place, "trak")]


def _find(stream: BinaryIO, within: Tuple[int, int], names: Tuple[str, ...], offset: int) -> str:
    """Four letters, `offset` bytes into the box that this path leads to; "" where there is none."""
    for name in names:
        found = list(_boxes(stream, *within, name))
        if not found:
            return ""
        within = found[0]
    stream.seek(within[0] + offset)
    return stream.read(4).decode("latin-1")


def _boxes(stream: BinaryIO, start: int, end: int, name: str) -> Iterator[Tuple[int, int]]:
    """Where the content of boxes of this name begins and ends, among those from `start` on."""
    while start + 8 <= end:
        stream.seek(start)
        size, kind = struct.unpack(">I4s", stream.read(8).ljust(8, b"\0"))
        head = 8
        if size == 1:  # 64 bits follow
            size, head = struct.unpack(">Q", stream.read(8).ljust(8, b"\0"))[0], 16
        size = size or end - start
        if kind == name.encode():
            yield start + head, min(start + size, end)
        start += max(size, head)
