"""Shared by the readers of Human3.6M's formats: the requested subjects and frames, and the result."""
from __future__ import annotations

from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

from integral_pose.geometry import Array, Camera
from integral_pose.metrics.mpjpe import ACTIONS

ACTION_IDS: Dict[int, str] = dict(enumerate(ACTIONS, start=2))  # the data set's number of each action
CAMERA_IDS: Dict[str, int] = {"54138969": 1, "55011271": 2, "58860488": 3, "60457274": 4}
JOINTS = 17  # as annotated; the thorax is added later


class Wanted(NamedTuple):
    """Which subjects and which of their frames a split needs."""

    protocol: int
    part: str  # "train" or "test"
    subjects: Tuple[int, ...]
    every: int  # of a clip's frames, counted from its first

    def reason(self, subject: int) -> str:
        """Why the subject is needed, for the user."""
        return f"protocol {self.protocol} {'trains' if self.part == 'train' else 'tests'} on subject {subject}"


class View(NamedTuple):
    """N frames of one clip, seen by one camera."""

    subject: int
    action: int  # a key of ACTION_IDS
    subaction: int  # 1 or 2
    camera_id: int  # 1 to 4
    camera: Camera
    frames: Array  # (N,), 0-based, rising
    joints: Array  # (N, 17, 3), camera mm
    images: Sequence[Path]

    @property
    def key(self) -> Tuple[int, int, int, int]:
        """Subject, action, sub-action and camera."""
        return self[:4]

    @property
    def clip(self) -> str:
        """The clip's name, the same for all of its cameras, such as S1/Directions-1.

        It decides who is held out. The CRC-32 of names that differ in digits alone falls on one or two subjects; with
        the action spelt out, on all.
        """
        return f"S{self.subject}/{ACTION_IDS[self.action]}-{self.subaction}"


Views = List[View]
