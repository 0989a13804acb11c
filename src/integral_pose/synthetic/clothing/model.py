"""A figure under construction: capsules and prints fixed to joints, which a posture then puts into the world."""
from __future__ import annotations

from typing import Callable, List, Mapping, NamedTuple, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.synthetic.drawing.solids import BOX, Prints, Solids
from integral_pose.synthetic.motion.body import TREE, Posture

_NUMBER = {joint.name: number for number, joint in enumerate(TREE)}
Triple = Tuple[float, float, float]
_Placing = Callable[[List["Spot"]], Tuple[Array, Array]]


class Spot(NamedTuple):
    """A point in mm in a joint's frame: x forwards, y to the person's left, z up at rest."""

    joint: str
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0

    @property
    def place(self) -> Triple:
        return self.x, self.y, self.z


class _Part(NamedTuple):
    start: Spot
    end: Spot
    radii: Tuple[float, float]
    axes: Triple
    colour: Array


class _Mark(NamedTuple):
    part: int
    centre: Spot
    half: Triple
    colour: Array
    norm: int
    period: float


class Model:
    """Collects parts by the names of their colours."""

    def __init__(self, colours: Mapping[str, Array]) -> None:
        self._colours = colours
        self._parts: List[_Part] = []
        self._marks: List[_Mark] = []

    def capsule(
        self, start: Spot, end: Spot, radii: Tuple[float, float], colour: str, axes: Triple = (1, 1, 1)
    ) -> int:
        """A capsule whose radii are times `axes`, at most 1 each, along the axes of its start's frame; its number."""
        self._parts.append(_Part(start, end, radii, axes, self._colours[colour]))
        return len(self._parts) - 1

    def ball(self, centre: Spot, half: Triple, colour: str) -> int:
        """An ellipsoid of given half axes in mm."""
        size = max(half)
        return self.capsule(centre, centre, (size, size), colour, (half[0] / size, half[1] / size, half[2] / size))

    def mark(
        self, part: int, centre: Spot, half: Triple, colour: str, norm: int = BOX, period: float = 0.0
    ) -> None:
        """Print on a part whatever lies in a region of given half axes in mm, repeated every `period` mm along z."""
        self._marks.append(_Mark(part, centre, half, self._colours[colour], norm, period))

    def solids(self, posture: Posture) -> Solids:
        """The figure in the posture's world."""
        joints, frames = np.stack(list(posture.joints.values())), np.stack(list(posture.frames.values()))

        def at(spots: List[Spot]) -> Tuple[Array, Array]:
            """Points (n, 3) and the transposed frames (n, 3, 3) of their joints."""
            numbers = [_NUMBER[spot.joint] for spot in spots]
            turned = frames[numbers]
            place = np.array([spot.place for spot in spots])
            return joints[numbers] + (turned @ place[..., None])[..., 0], turned.transpose(0, 2, 1)

        start, turned = at([part.start for part in self._parts])
        end, _ = at([part.end for part in self._parts])
        axes = np.array([part.axes for part in self._parts], float)
        return Solids(
            start, end, np.array([part.radii for part in self._parts]), turned / axes[..., None],
            np.array([part.colour for part in self._parts]), self._prints(at),
        )

    def _prints(self, at: _Placing) -> Prints:
        marks = sorted(self._marks, key=lambda mark: mark.part)
        centre, turned = at([mark.centre for mark in marks])
        half = np.array([mark.half for mark in marks], float)
        matrix = turned / half[..., None]
        return Prints(
            np.array([mark.part for mark in marks]), matrix, -(matrix @ centre[..., None])[..., 0],
            np.array([mark.period for mark in marks]) / half[:, 2], np.array([mark.norm for mark in marks]),
            np.array([mark.colour for mark in marks]),
        )
