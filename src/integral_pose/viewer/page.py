"""Writes the page: frames with their pictures and poses, in one HTML file without a server or an external request.

The page's content may be kept by itself, as JSON, and be put into a page later: so a table keeps poses for the report.
"""
from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import cv2
import numpy as np

from integral_pose.geometry import Array
from integral_pose.skeletons import LEFT, MIDDLE, RIGHT, Skeleton

TEMPLATE = Path(__file__).with_name("viewer.html")
MARK = "/*DATA*/null"
MOST = 300  # frames: of a longer video every second is left out, and again, until there are fewer
LONGEST = 480  # px of the longer side of a picture
QUALITY = 75  # of its JPEG


class Pose(NamedTuple):
    """One person of a frame."""

    name: str
    joints: Optional[Array]  # (K, 2), px of the picture; None where it is not known
    space: Array  # (K, 3), mm from the root: to the right, down, away from the camera
    confidence: Array  # (K,)
    filled: bool = False


class Page:
    """The frames of a page, added one after the other. Memory is that of `MOST` frames, however many are added."""

    def __init__(self, title: str, skeleton: Skeleton, dashed: str = "filled in") -> None:
        """`dashed` is what poses drawn with dashed lines are, those that are `filled`."""
        self.title, self.skeleton, self._dashed = title, skeleton, dashed
        self.step = 1  # of so many frames one is shown
        self._frames: List[Dict[str, Any]] = []
        self._count = 0

    def add(self, name: str, seconds: Optional[float], pixels: Array, poses: Sequence[Pose]) -> None:
        """A frame, with its picture (h, w, 3), BGR uint8."""
        number, self._count = self._count, self._count + 1
        if number % self.step:
            return
        self._frames.append({"name": name, "seconds": seconds, **_picture(pixels), "people": [
            _person(pose, max(pixels.shape[:2])) for pose in poses]})
        if len(self._frames) > MOST:
            self._frames, self.step = self._frames[::2], 2 * self.step

    @property
    def note(self) -> str:
        """What is left out, in a sentence, or nothing."""
        return "" if self.step == 1 else f"One in {self.step} frames is shown."

    def write(self, path: Path) -> None:
        """Writes the page."""
        before, after = TEMPLATE.read_text(encoding="utf-8").split(MARK)
        with path.open("w", encoding="utf-8") as file:
            file.write(before)
            file.writelines(self.content())
            file.write(after)

    def content(self) -> Iterator[str]:
        """What the page shows, as parts of a JSON text. A picture that an earlier frame has is that frame's number."""
        data = {
            "title": self.title, "note": self.note, "dashed": self._dashed, "joints": self.skeleton.joints,
            "limbs": self.skeleton.limbs,
            "colours": [{"l_": LEFT, "r_": RIGHT}.get(name[:2], MIDDLE) for name in self.skeleton.joints],
        }
        yield f'{_text(data)[:-1]},"frames":['
        first: Dict[str, int] = {}
        for number, frame in enumerate(self._frames):
            same = first.setdefault(frame["picture"], number)
            yield ("," if number else "") + _text(frame if same == number else {**frame, "picture": same})
        yield "]}"


def page_of(content: Any) -> str:
    """The page of what `Page.content` gave, read from its JSON text.

    Raises:
        ValueError: it is something else.
    """
    names = ("title", "note", "dashed", "joints", "limbs", "colours", "frames")
    if not isinstance(content, dict) or set(content) != set(names) or not content["frames"]:
        raise ValueError(f"it must have {', '.join(names)}")
    return TEMPLATE.read_text(encoding="utf-8").replace(MARK, _text(content))


def script() -> str:
    """The page's program, the same for every content: what a content security policy needs the hash of."""
    return TEMPLATE.read_text(encoding="utf-8").rpartition("<script>")[2].partition("</script>")[0]


def _text(value: Any) -> str:
    """JSON that may stand in a script of a page."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _picture(pixels: Array) -> Dict[str, Any]:
    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    small = cv2.resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))),
                       interpolation=cv2.INTER_AREA)
    jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
    return {"picture": base64.b64encode(jpeg.tobytes()).decode("ascii"), "size": [width, height]}


def _person(pose: Pose, longest: int) -> Dict[str, Any]:
    flat = None if pose.joints is None else np.clip(pose.joints, -longest, 2 * longest).round(1).tolist()
    return {
        "name": pose.name, "joints": flat, "space": pose.space.round().astype(int).tolist(),
        "sure": (pose.confidence >= 0.2).astype(int).tolist(), **({"filled": True} if pose.filled else {}),
    }
