"""The 3D poses of one person over a video, from joints.json, for formats that other programs read."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence

import numpy as np

from integral_pose.geometry import Array
from integral_pose.inference.output import MM, people_of

UPRIGHT = np.array([1.0, -1.0, -1.0])  # camera axes -> x to the right, y up, z towards the viewer


@dataclass(frozen=True, eq=False)
class Motion:
    """One person: N frames in which they are, and K joints in mm from the root, y up."""

    person: int
    frames: Array  # (N,), numbers
    seconds: Array  # (N,)
    poses: Array  # (N, K, 3)


def motions(place: Path, joints: Sequence[str]) -> List[Motion]:
    """The people of a joints.json with millimetres. Images without a time count as frames of a second each."""
    people: Dict[int, List[Any]] = {}
    numbers: Dict[str, int] = {}
    for record in people_of(place):
        number = record["frame"] if "frame" in record else numbers.setdefault(record["image"], len(numbers))
        pose = np.array([[record["joints"][name][axis] for axis in MM] for name in joints], np.float32)
        people.setdefault(record["person"], []).append((number, record.get("seconds", float(number)), pose))
    return [_motion(person, rows) for person, rows in sorted(people.items())]


def _motion(person: int, rows: Sequence[Any]) -> Motion:
    numbers, seconds, poses = zip(*rows)
    return Motion(person, np.array(numbers), np.array(seconds), np.stack(poses) * UPRIGHT)
