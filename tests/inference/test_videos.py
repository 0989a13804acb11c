"""Videos, cameras and streams: upright frames with their times, and what is said where there are none."""
from __future__ import annotations

import functools
import http.server
import os
import signal
import socket
import threading
import time
import wave
from contextlib import closing
from pathlib import Path
from typing import Any, List

import integral_pose  # isort: skip  # noqa: F401

import cv2
import numpy as np
import pytest

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.inference import output, videos
from integral_pose.inference.media import Picture, Unread
from integral_pose.storage import processes
from tests.helpers import clips


def source(path: Any) -> videos.Source:
    found = videos.source(str(path))
    assert found
    return found


def read(path: Path) -> List[Picture]:
    with videos.opened(source(path)) as video:
        return [one for one in videos.frames(video) if isinstance(one, Picture)]


def corner() -> Array:
    """A frame of 48 x 64 px, white in its upper left quarter."""
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:24, :32] = 255
    return frame


@pytest.mark.parametrize("folder, name", [(b"caf\xe9", b"a.mp4"), (b"b", b"caf\xe9.mp4"), (b"caf\xe9", b"\xe9.mp4")])
def test_names_that_are_not_utf_8_are_opened(folder: bytes, name: bytes, tmp_path: Path) -> None:
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + folder))
    place.mkdir()
    path = clips.plain(tmp_path / "plain.mp4", 3).rename(Path(os.fsdecode(os.fsencode(place) + b"/" + name)))
    assert [one.name for one in read(path)] == ["0", "1", "2"]
    source(path).stem.encode()
    drawn = clips.plain(place / f"{source(path).stem}-drawn.mp4", 4)
    assert drawn.is_file() and len(read(drawn)) == 4
    video = output.Video(place / "b.mp4", 10)
    video.add(np.zeros((48, 64, 3), np.uint8))
    video.close()
    video.check()
    unknown = Path(os.fsdecode(os.fsencode(place) + b"/\xe9.dat"))
    unknown.write_bytes(bytes(3000))
    assert videos.source(str(unknown)) is None


@pytest.mark.parametrize("ending", [".mp4", ".wmv", ".mkv", ".avi", ""])
def test_frames_come_in_order_with_their_times(ending: str, tmp_path: Path) -> None:
    codec = {".wmv": "WMV2", ".avi": "MJPG"}.get(ending, "mp4v")
    path = tmp_path / f"a{ending or '.mkv'}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 12.5, (64, 48))
    for number in range(7):
        writer.write(np.full((48, 64, 3), 20 * number, np.uint8))
    writer.release()
    with videos.opened(source(path.rename(tmp_path / f"a{ending}"))) as opened:
        assert (opened.rate, opened.frames, opened.endless) == (12.5, 7, False)
        shown = list(videos.frames(opened))
        assert opened.even and opened.untimed == 0 and opened.mean_rate == pytest.approx(12.5)
    assert [one.name for one in shown] == [str(i) for i in range(7)]
    assert [one.pixels.shape for one in shown if isinstance(one, Picture)] == [(48, 64, 3)] * 7
    assert [round(one.pixels.mean() / 20) for one in shown if isinstance(one, Picture)] == list(range(7))
    assert [one.seconds for one in shown if isinstance(one, Picture)] == pytest.approx(np.arange(7) / 12.5)


@pytest.mark.parametrize("degrees, times", [(90, 3), (180, 2), (270, 1)])
def test_a_phones_video_is_turned_upright(degrees: int, times: int, tmp_path: Path) -> None:
    path = clips.turned(clips.write(tmp_path / "a.mp4", [corner()] * 3), degrees)
    upright = np.rot90(corner(), times)  # numpy turns to the left
    for one in read(path):
        assert one.pixels.shape == upright.shape
        assert np.abs(one.pixels.astype(int) - upright).mean() < 8


def test_uneven_frames_keep_their_times(tmp_path: Path) -> None:
    path = clips.timed(clips.plain(tmp_path / "a.mp4", 5), [40, 160, 40, 400, 40])
    with videos.opened(source(path)) as opened:
        shown = [one for one in videos.frames(opened) if isinstance(one, Picture)]
        assert not opened.even and opened.mean_rate == pytest.approx(4 / 0.64)
    assert [one.seconds for one in shown] == pytest.approx([0, 0.04, 0.2, 0.24, 0.64])


def test_pixels_that_are_not_square_are_known(tmp_path: Path) -> None:
    with videos.opened(source(clips.stretched(clips.plain(tmp_path / "a.mp4", 2), 4, 3))) as opened:
        assert opened.stretch == pytest.approx(4 / 3)
    with videos.opened(source(clips.plain(tmp_path / "b.mp4", 2))) as opened:
        assert opened.stretch == 1


@pytest.mark.parametrize("stamp", [0.0, -3.6893488147419104e20])  # the second is OpenCV's where there is no time stamp
def test_frames_without_time_stamps_go_by_the_rate(stamp: float) -> None:
    class Untimed:
        def get(self, what: int) -> float:
            return stamp

        def read(self) -> Any:
            return True, corner()

    video = videos.OpenVideo(Untimed(), videos.Source("a", "a", "a"), 20.0, 3)
    assert len(list(videos.frames(video, 3))) == 3
    assert video.times == [0, 0.05, 0.1] and video.untimed == 2


def test_frames_that_are_read_ahead_are_the_same_and_those_not_taken_do_not_count(tmp_path: Path) -> None:
    path = clips.plain(tmp_path / "a.mp4", 12)
    with videos.opened(source(path)) as opened, closing(videos.frames(opened, 0, 3)) as shown:
        ahead = [one for one in shown if isinstance(one, Picture)]
        assert opened.mean_rate == pytest.approx(12.5) and len(opened.times) == 12
    for one, other in zip(ahead, read(path)):
        assert one.name == other.name and one.seconds == other.seconds and (one.pixels == other.pixels).all()
    with videos.opened(source(path)) as opened:
        with closing(videos.frames(opened, 0, 3)) as shown:
            assert [next(shown).name, next(shown).name] == ["0", "1"]
        assert opened.times == pytest.approx([0, 0.08]) and 3 <= opened.capture.get(cv2.CAP_PROP_POS_FRAMES) <= 5


def test_a_video_can_end_early_and_says_so_if_it_should_not(tmp_path: Path) -> None:
    with videos.opened(source(clips.plain(tmp_path / "a.mp4", 7))) as opened:
        assert len(list(videos.frames(opened, 3))) == 3
        opened.frames = 50
        rest = list(videos.frames(opened))
    assert isinstance(rest[-1], Unread) and "ends after 4 of 50 frames" in rest[-1].reason


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_to_stop_and_a_second_one_does_as_before(number: int) -> None:
    def ended(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(number, ended)
    try:
        with processes.stoppable() as stopped:
            assert stopped() == 0
            os.kill(os.getpid(), number)
            assert stopped() == number
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
                time.sleep(1)
        assert signal.getsignal(number) is ended
    finally:
        signal.signal(number, before)


def test_a_video_that_was_cut_short_while_it_was_written_is_noticed(tmp_path: Path) -> None:
    video = output.Video(tmp_path / "a.mp4", 10)
    for _ in range(6):
        video.add(np.zeros((48, 64, 3), np.uint8))
    video.close()
    video.check()
    (tmp_path / "a.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:300])
    with pytest.raises(InputError, match="could not be written whole"):
        video.check()


@pytest.mark.parametrize("word, what, name, stem", [
    ("camera", 0, "camera", "camera"), ("camera:1", 1, "camera:1", "camera1"),
    ("/dev/video2", 2, "/dev/video2", "video2"),
    ("https://a.org/b/dance.mp4?token=1", "https://a.org/b/dance.mp4?token=1", "https://a.org/b/dance.mp4", "dance"),
    ("rtsp://me:secret@10.0.0.1:554/live", "rtsp://me:secret@10.0.0.1:554/live", "rtsp://10.0.0.1:554/live", "live"),
    ("rtsp://10.0.0.1", "rtsp://10.0.0.1", "rtsp://10.0.0.1", "10.0.0.1"),
    ("b/nowhere.WMV", "b/nowhere.WMV", "b/nowhere.WMV", "nowhere"),
])
def test_words_name_videos_cameras_and_addresses(word: str, what: Any, name: str, stem: str) -> None:
    assert videos.source(word) == (what, name, stem)


def test_pictures_are_no_videos_whatever_their_names(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    for name in ("a.jpg", "b"):
        (tmp_path / name).write_bytes(bytes(cv2.imencode(".jpg", corner())[1]))
    (tmp_path / "c.txt").write_text("words")
    (tmp_path / "d").write_bytes(np.random.default_rng(0).bytes(600))
    for name in ("a.jpg", "b", "c.txt", "d", "nowhere.jpg", ""):
        assert videos.source(str(tmp_path / name)) is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("word, said", [
    ("camera:x", "name a camera as"), ("camera:", "name a camera as"),
    ("camera:99999999999", "name a camera as"), ("s3://bucket/a.mp4", "s3://: such addresses"),
    ("https://me:secret@a.org/b.jpg?k=1", "https://a.org/b.jpg: is the address of an image"),
    ("http://[", "not a valid address"),
])
def test_words_that_cannot_be_opened_are_told(word: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        videos.source(word)
    assert "secret" not in str(refused.value)


def test_an_address_is_opened_as_it_is(tmp_path: Path) -> None:
    clips.plain(tmp_path / "a.mp4", 4)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        with videos.opened(source(f"{address}/a.mp4")) as opened:
            assert [one.name for one in videos.frames(opened)] == ["0", "1", "2", "3"]
        said = "A server answers at port .* but gives no video .* Check the path"
        with pytest.raises(InputError, match=said), videos.opened(source(f"{address}/b")):
            pass
        server.shutdown()


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_an_address_that_cannot_be_reached_is_told(scheme: str, capfd: pytest.CaptureFixture) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # nobody listens
        address = f"{scheme}://me:secret@127.0.0.1:{unused.getsockname()[1]}/a.mp4"
        said = r"could not be opened, .* cannot be reached \(Connection refused\)"
        with pytest.raises(InputError, match=said) as told, videos.opened(source(address)):
            pass
    assert "secret" not in str(told.value) and capfd.readouterr() == ("", "")


def unreadable(folder: Path, name: str) -> Path:
    """A file of a name that nothing can be read of."""
    path = folder / name
    if name == "text.mp4":
        path.write_text("not a video")
    elif name == "empty.mp4":
        path.touch()
    elif name == "page.mp4":
        path.write_text("<!DOCTYPE html><html></html>")
    elif name == "sound.wav":
        with wave.open(str(path), "wb") as sound:
            sound.setparams((1, 2, 8000, 0, "NONE", ""))
            sound.writeframes(bytes(800))
    elif name != "nowhere.mp4":
        clips.plain(path, 3)
    if name == "sound.mp4":
        clips.sound(path)
    if name == "begun.mp4":  # without the index, which stands at the end
        path.write_bytes(path.read_bytes()[:200])
    if name in ("av01.mp4", "vvc1.mp4"):
        clips.coded(path, name[:4].encode())
    return path


@pytest.mark.parametrize("name, said", [
    ("nowhere.mp4", "there is no such file"), ("text.mp4", "is a text, and no video"),
    ("empty.mp4", r"is empty \(0 bytes\), and no video"), ("page.mp4", "is a web page, and no video"),
    ("sound.wav", "is a sound file, and no video"), ("sound.mp4", "is a sound file, without images"),
    ("begun.mp4", "lacks its index .* interrupted"),
    ("vvc1.mp4", r"its video is VVC \(H.266\), for which this OpenCV has no decoder. Convert it"),
])
def test_what_is_no_video_is_told(name: str, said: str, tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    path = unreadable(tmp_path, name)
    with pytest.raises(InputError, match=f"{name}: {said}"), videos.opened(source(path)):
        pass
    assert capfd.readouterr() == ("", "")


def test_a_codec_without_a_decoder_is_named_and_ffmpegs_own_words_are_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    with videos.opened(source(unreadable(tmp_path, "av01.mp4"))) as opened:
        (only,) = videos.frames(opened)
    assert isinstance(only, Unread)
    assert "The video is AV1, for which this OpenCV may have no decoder" in only.reason
    assert "ffmpeg -i av01.mp4" in only.reason and capfd.readouterr() == ("", "")


def test_a_camera_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", lambda number, real=cv2.VideoCapture: real(f"no-device-{number}"))
    with pytest.raises(InputError, match="camera:1: no camera .* /dev/video1"), videos.opened(source("camera:1")):
        pass
    assert capfd.readouterr() == ("", "")


def test_a_cameras_times_count_from_its_first_frame() -> None:
    class Camera:
        def read(self) -> Any:
            time.sleep(0.02)
            return True, corner()

    video = videos.OpenVideo(Camera(), source("camera"), 30.0, 0)
    first, second, third = (one.seconds for one in videos.frames(video, 3) if isinstance(one, Picture))
    assert first == 0 and second is not None and third is not None and 0.01 < second < third and video.endless


def test_a_camera_that_is_unplugged_is_told() -> None:
    class Unplugged:
        left = 2

        def read(self) -> Any:
            self.left -= 1
            return self.left >= 0, corner()

    *frames, last = videos.frames(videos.OpenVideo(Unplugged(), source("camera"), 30.0, 0))
    assert len(frames) == 2 and isinstance(last, Unread) and "no more images after 2" in last.reason
