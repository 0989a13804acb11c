"""The frames a joint lives in, and every movement between them.

    world    mm, right-handed
    camera   mm, x right, y down, z away from the camera
    image    px, 0-based, a pixel's centre at whole numbers, so an image spans -0.5 to width - 0.5
    patch    px, the same convention, in the square that is cut out for the network
    fraction 0 to 1 across the patch: (patch px + 0.5) / patch size; cell i of n has centre (i + 0.5) / n,
             so that mirroring is exactly 1 - x
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Tuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Box:
    """A square around a person: centre and side in image px."""

    x: float
    y: float
    side: float


@dataclass(frozen=True)
class Patch:
    """A square cut out of an image, turned and mirrored, resampled to `size` x `size` px.

    `turn` is in degrees, clockwise on the screen; the mirror is applied last.
    """

    box: Box
    size: int
    turn: float = 0.0
    mirror: bool = False

    @property
    def matrix(self) -> Array:
        """Affine map from image px to patch px, (2, 3)."""
        scale = self.size / self.box.side
        cos, sin = np.cos(np.radians(self.turn)), np.sin(np.radians(self.turn))
        linear = scale * np.array([[cos, -sin], [sin, cos]])
        if self.mirror:
            linear[0] *= -1
        centre = (self.size - 1) / 2
        offset = centre - linear @ np.array([self.box.x, self.box.y])
        return np.column_stack([linear, offset])

    def to_fraction(self, points: Array) -> Array:
        """Image px (..., 2) -> fractions of the patch (..., 2)."""
        matrix = self.matrix
        return (points @ matrix[:, :2].T + matrix[:, 2] + 0.5) / self.size

    def to_image(self, fractions: Array) -> Array:
        """Fractions of the patch (..., 2) -> image px (..., 2); inverse of `to_fraction`."""
        matrix = self.matrix
        return (fractions * self.size - 0.5 - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T


@dataclass(frozen=True)
class Camera:
    """A pinhole camera: X_camera = rotation @ (X_world - position)."""

    rotation: Array  # (3, 3), world to camera
    position: Array  # (3,), mm in the world
    focal: Tuple[float, float]  # px
    centre: Tuple[float, float]  # px, principal point

    def from_world(self, points: Array) -> Array:
        """World mm (..., 3) -> camera mm (..., 3)."""
        return (points - self.position) @ self.rotation.T

    def to_world(self, points: Array) -> Array:
        """Camera mm (..., 3) -> world mm (..., 3)."""
        return points @ self.rotation + self.position

    def project(self, points: Array) -> Array:
        """Camera mm (..., 3) -> image px (..., 2)."""
        return points[..., :2] / points[..., 2:] * np.array(self.focal) + np.array(self.centre)

    def unproject(self, pixels: Array, depth: Array) -> Array:
        """Image px (..., 2) at depths (...) in mm -> camera mm (..., 3); inverse of `project`."""
        rays = (pixels - np.array(self.centre)) / np.array(self.focal)
        return np.concatenate([rays * depth[..., None], depth[..., None]], axis=-1)
