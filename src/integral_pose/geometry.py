"""The frames a joint lives in, and every movement between them.

    world    mm, right-handed
    camera   mm, x right, y down, z away from the camera
    image    px, 0-based, a pixel's centre at whole numbers, so an image spans -0.5 to width - 0.5
    patch    px, the same convention, in the square that is cut out for the network
    fraction 0 to 1 across the patch: (patch px + 0.5) / patch size; cell i of n has centre (i + 0.5) / n,
             so that mirroring is exactly 1 - x; in depth 0 to 1 across as many mm as the patch shows at the
             root's depth
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Tuple

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
TINY = 1e-9  # px², under a fraction
REDUCTIONS = (1, 2, 4, 8)  # of a JPEG's sides, that a decoder can make at once
UNDISTORT_UNTIL = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 50, 1e-12)


@dataclass(frozen=True)
class Box:
    """A square around a person: centre and side in image px.  Of a 3D pose it is a cube around the root."""

    x: float
    y: float
    side: float
    span: float = 0.0  # mm: the side at the root's depth, and the cube's side in depth; 0 where that is not known
    z: float = 0.0  # mm behind the root: the cube's middle
    wide: float = 0.0  # px: how wide the person in it is, with the margin; 0: not known, taken for the side

    def fitted(self, aspect: float) -> Box:
        """The box for patches of `aspect` times their height in width, whose height its side then is.

        It holds the person in both directions; one of unknown width may reach over the patch's sides.
        """
        return replace(self, side=max(self.side, self.wide / aspect)) if self.wide else self

    def around_cell(self, cells: int) -> Box:
        """The cube moved by half a cell of `cells`, so that what was in its middle is in the middle of a cell.

        The middle of an even number of cells is a corner of eight of them: an argmax there is off by half a cell in
        every direction, and as poses are relative to their root so would be the whole pose.
        """
        part = 0.5 / cells if cells % 2 == 0 else 0.0
        moved = self.x - part * self.side, self.y - part * self.side
        return replace(self, x=moved[0], y=moved[1], z=-part * self.span)


@dataclass(frozen=True)
class Patch:
    """A square or upright rectangle cut out of an image, turned and mirrored, resampled to `size` px in height.

    `turn` is in degrees, clockwise on the screen; the mirror is applied last. Where `corner` is set the box's middle
    is at n / 2 of n px, counted from 0, and not at (n - 1) / 2, as in many programs: the pixels are those of a box half
    a px of the patch up and left. Fractions count across the box either way.
    """

    box: Box
    size: int
    turn: float = 0.0
    mirror: bool = False
    width: int = 0  # px; 0: as high as wide
    corner: bool = False

    @property
    def columns(self) -> int:
        """The width in px."""
        return self.width or self.size

    @property
    def matrix(self) -> Array:
        """Affine map from image px to patch px, (2, 3)."""
        scale = self.size / self.box.side
        cos, sin = np.cos(np.radians(self.turn)), np.sin(np.radians(self.turn))
        linear = scale * np.array([[cos, -sin], [sin, cos]])
        if self.mirror:
            linear[0] *= -1
        centre = (self._extent - 1) / 2 + (0.5 - self._edge)
        offset = centre - linear @ np.array([self.box.x, self.box.y])
        return np.column_stack([linear, offset])

    @property
    def reduction(self) -> int:
        """How many times smaller the image may be, 1, 2, 4 or 8, and still have a px for each of the patch."""
        return max(times for times in REDUCTIONS if times == 1 or times * self.size <= self.box.side)

    def of_reduced(self, times: int) -> Patch:
        """The same patch of an image that is so many times smaller."""
        if times == 1:
            return self  # to the last bit
        x, y = ((of + 0.5) / times - 0.5 for of in (self.box.x, self.box.y))
        return replace(self, box=replace(self.box, x=x, y=y, side=self.box.side / times))

    def to_fraction(self, points: Array) -> Array:
        """Image px (..., 2) -> fractions of the patch (..., 2)."""
        matrix = self.matrix
        return (points @ matrix[:, :2].T + matrix[:, 2] + self._edge) / self._extent

    def to_image(self, fractions: Array) -> Array:
        """Fractions of the patch (..., 2) -> image px (..., 2); inverse of `to_fraction`."""
        matrix = self.matrix
        return (fractions * self._extent - self._edge - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T

    @property
    def _extent(self) -> Array:
        """Width and height in px."""
        return np.array([self.columns, self.size])

    @property
    def _edge(self) -> float:
        """What is added to a coordinate in px before it becomes a fraction of the box."""
        return 0.0 if self.corner else 0.5

    def to_depth_fraction(self, depths: Array) -> Array:
        """Depths (...) in mm behind the root -> fractions of the patch's depth (...)."""
        return (depths - self.box.z) / self.box.span + 0.5

    def to_depth(self, fractions: Array) -> Array:
        """Fractions of the patch's depth (...) -> mm behind the root (...); inverse of `to_depth_fraction`."""
        return (fractions - 0.5) * self.box.span + self.box.z


@dataclass(frozen=True)
class Camera:
    """A camera: X_camera = rotation @ (X_world - position), then a pinhole, then the lens's distortion."""

    rotation: Array  # (3, 3), world to camera
    position: Array  # (3,), mm in the world
    focal: Tuple[float, float]  # px
    centre: Tuple[float, float]  # px, principal point
    distortion: Tuple[float, ...] = ()  # OpenCV's k1, k2, p1, p2, k3, k4 … as far as known; () for a lens without any

    def from_world(self, points: Array) -> Array:
        """World mm (..., 3) -> camera mm (..., 3)."""
        return (points - self.position) @ self.rotation.T

    def to_world(self, points: Array) -> Array:
        """Camera mm (..., 3) -> world mm (..., 3)."""
        return points @ self.rotation + self.position

    def project(self, points: Array) -> Array:
        """Camera mm (..., 3) -> image px (..., 2)."""
        if not self.distortion:
            return points[..., :2] / points[..., 2:] * np.array(self.focal) + np.array(self.centre)
        flat = np.ascontiguousarray(points, float).reshape(-1, 3)
        pixels, _ = cv2.projectPoints(flat, np.zeros(3), np.zeros(3), self._matrix, np.array(self.distortion))
        return np.asarray(pixels.reshape(*points.shape[:-1], 2))

    def unproject(self, pixels: Array, depth: Array) -> Array:
        """Image px (..., 2) at depths (...) in mm -> camera mm (..., 3); inverse of `project`."""
        rays = self._rays(pixels)
        return np.concatenate([rays * depth[..., None], depth[..., None]], axis=-1)

    def box(self, point: Array, span: float) -> Box:
        """The square that a square of `span` mm, upright at a point (3,) in camera mm, takes up in the image."""
        x, y = self.project(point).tolist()
        return Box(x, y, span * float(np.sqrt(self.focal[0] * self.focal[1]) / point[2]), span)

    def _rays(self, pixels: Array) -> Array:
        """Image px (..., 2) -> x and y of the ray at depth 1 (..., 2)."""
        if not self.distortion:
            return (pixels - np.array(self.centre)) / np.array(self.focal)
        flat = np.ascontiguousarray(pixels, float).reshape(-1, 1, 2)
        rays = cv2.undistortPointsIter(flat, self._matrix, np.array(self.distortion), None, None, UNDISTORT_UNTIL)
        return np.asarray(rays.reshape(pixels.shape))

    @property
    def _matrix(self) -> Array:
        """OpenCV's camera matrix (3, 3)."""
        return np.array([[self.focal[0], 0, self.centre[0]], [0, self.focal[1], self.centre[1]], [0, 0, 1]])


def intersection(one: Array, other: Array) -> float:
    """Area that two boxes, (4,) or more: x, y, width, height, have in common, px^2."""
    near, far = np.maximum(one[:2], other[:2]), np.minimum(one[:2] + one[2:4], other[:2] + other[2:4])
    return float(np.prod(np.clip(far - near, 0, None)))


def overlap(one: Array, other: Array) -> float:
    """Intersection over union of two boxes, (4,) or more: x, y, width, height."""
    shared = intersection(one, other)
    return shared / max(float(np.prod(one[2:4]) + np.prod(other[2:4])) - shared, TINY)
