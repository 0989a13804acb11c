"""Solid shapes in the world, and what is printed on their surfaces."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from integral_pose.geometry import Array

BALL, BOX, DIAMOND = range(3)  # the norms of a print's region


@dataclass(frozen=True, eq=False)
class Prints:
    """M regions of space in which the surface of a solid has another colour: eyes, buttons, stripes.

    A point p of the surface lies inside where `matrix @ p + shift` is shorter than 1 by the region's norm. With a
    `period`, the third coordinate is first brought to within half a period of 0, so the region repeats. Where two of a
    solid's regions overlap, the later one is seen.
    """

    solid: Array  # (M,) int, ascending: whose surface it is on
    matrix: Array  # (M, 3, 3), per mm
    shift: Array  # (M, 3)
    period: Array  # (M,); 0 where the region does not repeat
    norm: Array  # (M,) int: BALL, BOX or DIAMOND
    colour: Array  # (M, 3), BGR 0-255

    def moved(self, by: Array) -> Prints:
        """The same prints, (3,) mm further."""
        return Prints(self.solid, self.matrix, self.shift - self.matrix @ by, self.period, self.norm, self.colour)


def no_prints() -> Prints:
    """Surfaces of one colour each."""
    return Prints(
        np.zeros(0, int), np.zeros((0, 3, 3)), np.zeros((0, 3)), np.zeros(0), np.zeros(0, int), np.zeros((0, 3))
    )


@dataclass(frozen=True, eq=False)
class Solids:
    """N tapered capsules in the world, mm.

    A capsule is the hull of two balls in a space that `shape` (3, 3) maps the world to; where it is not the
    identity it stretches a direction in which the body is flat.
    """

    start: Array  # (N, 3)
    end: Array  # (N, 3)
    radius: Array  # (N, 2), at start and end
    shape: Array  # (N, 3, 3)
    colour: Array  # (N, 3), BGR 0-255
    prints: Prints = field(default_factory=no_prints)

    def moved(self, by: Array) -> Solids:
        """The same solids, (3,) mm further."""
        return Solids(
            self.start + by, self.end + by, self.radius, self.shape, self.colour, self.prints.moved(by)
        )

    @property
    def lowest(self) -> float:
        """Height in mm of the lowest point of any of them; flattened ones count by their thinner side."""
        thin = self.radius / np.linalg.norm(self.shape, axis=(1, 2), ord=2)[:, None]
        return float(min((self.start[:, 2] - thin[:, 0]).min(), (self.end[:, 2] - thin[:, 1]).min()))
