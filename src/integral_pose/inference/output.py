"""The output of a prediction: joints.json, joints.csv and overlays/, all of them or none."""
from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import cv2

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.inference.estimator import Person, Seen, from_root
from integral_pose.skeletons import Skeleton
from integral_pose.storage import image_files
from integral_pose.storage.file_kinds import printable
from integral_pose.storage.opencv_names import for_opencv

JSON, CSV, OVERLAYS = "joints.json", "joints.csv", "overlays"
VIEW, SUMMARY = "view.html", "summary.png"
WRITTEN = (OVERLAYS, CSV, "coco.json", "trc", "bvh", VIEW, SUMMARY, JSON)
PART = "people.part"  # of joints.json, in a draft: a line for each person
UNFINISHED = "joints-unfinished.csv"  # what a killed prediction had
MM = ("x_mm", "y_mm", "z_mm")


@contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """Gives a folder to write into; its files are moved to `folder` at the end, or discarded.

    Raises:
        InputError: `folder` cannot be written into, or holds overlays/ that no prediction wrote.
    """
    replaced(folder)
    _remove_left_over(folder)
    place = folder / f".draft-{os.getpid()}"
    existed = folder.is_dir()
    try:
        (place / OVERLAYS).mkdir(parents=True)
    except OSError as error:
        raise InputError(f"--out {folder}: cannot be written to ({error.strerror}). Choose another folder.") from error
    try:
        yield place
        _put(place, folder)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if not existed and not any(folder.iterdir()):
            folder.rmdir()


def _remove_left_over(folder: Path) -> None:
    """Drafts of processes that were killed; of the joints that were found before, the CSV file is kept."""
    for left in folder.glob(".draft-*"):
        if not Path("/proc", left.name[len(".draft-"):]).exists():
            if (left / PART).is_file() and (left / PART).stat().st_size:
                os.replace(left / CSV, folder / UNFINISHED)
            shutil.rmtree(left, ignore_errors=True)


def replaced(folder: Path) -> List[str]:
    """The files of an earlier prediction in a folder, which will be replaced.

    Raises:
        InputError: a folder is there and joints.json is not, so another program may have written it.
    """
    there = [name for name in (JSON, CSV, *WRITTEN) if (folder / name).exists()]
    foreign = next((name for name in there if (folder / name).is_dir() and JSON not in there), None)
    if foreign:
        raise InputError(f"{folder / foreign}: exists already, and is not from an earlier prediction. Choose another "
                         "folder with --out.")
    return list(dict.fromkeys(there))


def _put(place: Path, folder: Path) -> None:
    """Moves what was written to where it belongs, in place of what is there. Without overlays there is no folder."""
    with suppress(OSError):
        (place / OVERLAYS).rmdir()  # removes an empty folder only
    old = place / "old"
    old.mkdir()
    for name in WRITTEN:
        if (folder / name).exists():
            os.replace(folder / name, old / name)
        if (place / name).exists():
            os.replace(place / name, folder / name)


class Results:
    """joints.json and joints.csv of a draft, written person by person: memory does not grow with them."""

    def __init__(self, place: Path, skeleton: Skeleton, in_3d: bool, video: bool) -> None:
        self.people = 0  # so many were added
        self.begins: Dict[int, float] = {}  # the seconds at which each person of a video is first there
        self._place, self._picture = place, ("frame", "seconds") if video else ("image",)
        self._values = ("x", "y", *(MM if in_3d else ()), "confidence")
        self._video = video
        self._part = (place / PART).open("w", encoding="utf-8")
        self._csv = (place / CSV).open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._csv)
        self._writer.writerow([*self._picture, "person", "joint", *self._values, *(["filled"] if video else [])])

    def add(self, people: Sequence[Dict[str, Any]]) -> None:
        """The records of a picture's people, as `record` gives them: a line for each person, and for each joint."""
        for person in people:
            self._part.write((",\n" if self.people else "") + json.dumps(person, allow_nan=False))
            self.people += 1
            if self._video:
                self.begins.setdefault(person["person"], person["seconds"])
            owner = [person[column] for column in (*self._picture, "person")]
            filled = [int(person.get("filled", False))] if self._video else []
            for name, values in person["joints"].items():
                self._writer.writerow([*owner, name, *(values[column] for column in self._values), *filled])
        self._part.flush()
        self._csv.flush()

    def finish(self, head: Dict[str, Any]) -> None:
        """Puts what is known of all people, such as the units, before them in joints.json."""
        self.close()
        start = json.dumps(head, indent=1, allow_nan=False)[:-2]
        with open(self._place / JSON, "w", encoding="utf-8") as whole:
            whole.write(f'{start},\n "people": [\n')
            with open(self._place / PART, encoding="utf-8") as part:
                shutil.copyfileobj(part, whole)
            whole.write("\n]}\n")
        (self._place / PART).unlink()

    def close(self) -> None:
        self._part.close()
        self._csv.close()


def people_of(place: Path) -> Iterator[Dict[str, Any]]:
    """The people of a joints.json that `Results` wrote, one after the other, without reading all at once."""
    with open(place / JSON, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith('{"'):
                yield json.loads(line.rstrip().rstrip(","))


def record(seen: Seen, number: int, skeleton: Skeleton) -> Dict[str, Any]:
    """A picture's person, counted from 0, for `Results`: px to a hundredth, mm to a tenth, seconds to a ten-thousandth.

    `person` is the identity where people are tracked, else the number.
    """
    person, name, seconds = seen.people[number], seen.picture.name, seen.picture.seconds
    picture: Dict[str, Any] = {"image": name}
    if seconds is not None:
        picture = {"frame": int(name), "seconds": round(seconds, 4)}
    return {
        **picture, "person": number if person.identity is None else person.identity,
        **({"filled": True} if person.filled else {}),
        "box": [round(value, 2) for value in person.box.tolist()], "score": round(person.score, 6),
        "joints": {name: _values(person, joint, skeleton) for joint, name in enumerate(skeleton.joints)},
    }


def described(skeleton: Skeleton) -> Dict[str, Any]:
    """The names of a network's joints, its root and its limbs (parent, child), for joints.json."""
    return {
        "joints": list(skeleton.joints), "root": skeleton.root,
        "limbs": [[skeleton.joints[joint] for joint in limb] for limb in skeleton.limbs],
    }


def _values(person: Person, joint: int, skeleton: Skeleton) -> Dict[str, float]:
    x, y = person.joints[joint].round(2).tolist()
    values = {"x": x, "y": y, "confidence": round(float(person.confidence[joint]), 4)}
    if person.space is None:
        return values
    mm = from_root(person.space, skeleton.index(skeleton.root))[joint].round(1)
    return {**values, **dict(zip(MM, (mm + 0.0).tolist()))}


def write_picture(path: Path, pixels: Array) -> None:
    """Writes an image in the format of its name, or with another ending if that format cannot be written.

    Raises:
        InputError: it cannot be written.
    """
    try:
        image_files.write(path, pixels)
    except OSError as error:
        raise InputError(f"{printable(path.name)}: the image drawn over could not be written ({error.strerror}). Is "
                         "the disk full?") from error


class Video:
    """An MP4 file, begun with its first frame: H.264 with the sound of its source where ffmpeg is there, else MPEG-4
    part 2 without sound."""

    def __init__(self, path: Path, rate: float, source: Optional[Path] = None) -> None:
        """`source` is a file that the sound is taken from."""
        self._path, self._rate, self._source, self._frames = path, rate, source, 0
        self._sounding = source is not None
        self._writer: Any = None
        self._ffmpeg, self._log = _ffmpeg(), path.with_suffix(".log")  # of ffmpeg

    @property
    def kind(self) -> str:
        """What is written, in a sentence."""
        if not self._ffmpeg:
            return ("The video drawn over is MPEG-4 part 2 without sound, which some browsers do not play. Install "
                    "ffmpeg for H.264 with the sound of the source.")
        return "The video drawn over is H.264" + (", with the sound of the source if it has any." if self._sounding else
                                                  ", without sound.")

    def add(self, pixels: Array) -> None:
        """A frame (h, w, 3), of one size for all; an odd row or column is left out, for MPEG-4 has none.

        Raises:
            InputError: OpenCV was built without MP4, or ffmpeg ended early.
        """
        height, width = (side - side % 2 for side in pixels.shape[:2])
        if self._writer is None:
            self._writer = self._piped(width, height) if self._ffmpeg else self._opened(width, height)
        frame = pixels[:height, :width]
        if isinstance(self._writer, subprocess.Popen):
            try:
                self._stdin.write(frame.tobytes())
            except BrokenPipeError as error:
                raise InputError(f"{self._path.name}: ffmpeg ended early. Is the disk full? {self._said()}") from error
        else:
            self._writer.write(frame)
        self._frames += 1

    def _opened(self, width: int, height: int) -> Any:
        code = cv2.VideoWriter.fourcc(*"mp4v")
        with for_opencv(str(self._path)) as name:
            writer = cv2.VideoWriter(name, code, self._rate, (width, height))
        if not writer.isOpened():
            raise InputError(f"{self._path}: OpenCV cannot write MP4 here. Leave the video out with --no-overlays.")
        return writer

    def _piped(self, width: int, height: int) -> Any:
        command = [
            self._ffmpeg, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{width}x{height}",
            "-r", f"{self._rate:.6f}", "-i", "-", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-movflags", "+faststart",
            str(self._path),
        ]
        # In a session of its own, for Ctrl-C to end the prediction and not ffmpeg.
        with self._log.open("w") as log:
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, start_new_session=True)
        self._stdin: Any = process.stdin
        return process

    def _said(self) -> str:
        return " ".join(self._log.read_text(errors="replace").split())[:300] if self._log.is_file() else ""

    def close(self) -> None:
        """Ends the file."""
        if isinstance(self._writer, subprocess.Popen):
            with suppress(BrokenPipeError):
                self._stdin.close()
            self._writer.wait()
            if self._source and self._frames:
                self._add_sound(self._source)
            if self._log.is_file() and not self._log.stat().st_size:
                self._log.unlink()
            self._source = None  # what is closed twice has its sound already
        elif self._writer is not None:
            self._writer.release()

    def _add_sound(self, source: Path) -> None:
        """Takes the sound of the source, as long as the video is; without it where ffmpeg cannot."""
        whole = self._path.with_name(f".sound-{self._path.name}")
        found = subprocess.run([
            self._ffmpeg, "-y", "-loglevel", "error", "-i", str(self._path), "-i", str(source), "-map", "0:v", "-map",
            "1:a?", "-c:v", "copy", "-c:a", "aac", "-t", f"{self._frames / self._rate:.6f}", "-movflags", "+faststart",
            str(whole),
        ], capture_output=True)
        if found.returncode == 0:
            os.replace(whole, self._path)
        elif whole.exists():
            whole.unlink()

    def check(self) -> None:
        """Checks that all frames are in the closed file, since OpenCV does not report a full disk.

        Raises:
            InputError: they are not.
        """
        there = 0
        if self._frames and self._path.is_file():
            with for_opencv(str(self._path)) as name:
                there = int(cv2.VideoCapture(name).get(cv2.CAP_PROP_FRAME_COUNT))
        if there != self._frames:
            said = f" {self._said()}" if isinstance(self._writer, subprocess.Popen) else ""
            raise InputError(f"{self._path.name}: could not be written whole. Is the disk full?{said}")


@lru_cache(maxsize=None)
def _ffmpeg() -> str:
    """The ffmpeg that can write H.264, "" where there is none."""
    found = shutil.which("ffmpeg")
    if not found:
        return ""
    listed = subprocess.run([found, "-hide_banner", "-encoders"], capture_output=True, text=True)
    return found if "libx264" in listed.stdout else ""
