"""A picture under way, and boxes painted into it, the nearer one in front at every pixel."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import cv2
import numpy as np

from integral_pose.geometry import Array, Camera

NEAR = 200.0  # mm; nothing nearer than this is drawn


@dataclass(frozen=True, eq=False)
class Light:
    """Where light comes from, (3,) of length 1 in the world, and how much of it comes from everywhere.

    `sky` is by how much what faces up is lit more, and what faces down less.
    """

    direction: Array
    ambient: float
    sky: float = 0.0


class Canvas:
    """A picture under way: colours (h, w, 3) uint8 BGR and depths (h, w) float32 mm, `scale` pixels to an image px."""

    def __init__(self, painted: Array, camera: Camera, scale: int) -> None:
        self.colours = painted
        self.depths = np.full(painted.shape[:2], np.inf, np.float32)
        self.camera = camera
        height, width = painted.shape[:2]
        self.scale = scale
        self._x = ((np.arange(width) + 0.5) / scale - 0.5 - camera.centre[0]) / camera.focal[0]
        self._y = ((np.arange(height) + 0.5) / scale - 0.5 - camera.centre[1]) / camera.focal[1]

    def copy(self) -> Canvas:
        """The same picture, to be painted on while this one stays as it is."""
        twin = Canvas(self.colours.copy(), self.camera, self.scale)
        twin.depths[:] = self.depths
        return twin

    def pixels(self, points: Array) -> Array:
        """Camera mm (..., 3) -> this canvas's px (..., 2)."""
        return (self.camera.project(points) + 0.5) * self.scale - 0.5

    def window(self, low: Array, high: Array) -> Optional[Tuple[slice, slice]]:
        """Rows and columns between two corners in canvas px; None where that is off the canvas."""
        height, width = self.depths.shape
        left, top = max(int(low[0]), 0), max(int(low[1]), 0)
        right, bottom = min(int(high[0]) + 2, width), min(int(high[1]) + 2, height)
        return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None

    def rays(self, window: Tuple[slice, slice]) -> Tuple[Array, Array]:
        """x (w,) and y (h,) of the rays through a window's pixels."""
        return self._x[window[1]], self._y[window[0]]


@dataclass(frozen=True, eq=False)
class Slab:
    """An upright box in the world: centre of its base and half sides in mm, turned by `yaw` degrees."""

    base: Array  # (3,)
    half: Array  # (2,)
    height: float
    yaw: float
    colour: Array  # (3,) BGR

    def corners(self) -> Array:
        """(8, 3) mm in the world: the base anticlockwise, then the top."""
        cos, sin = np.cos(np.radians(self.yaw)), np.sin(np.radians(self.yaw))
        square = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)]) * self.half @ np.array([[cos, sin], [-sin, cos]])
        low = np.column_stack([square, np.zeros(4)]) + self.base
        return np.concatenate([low, low + np.array([0, 0, self.height])])


FACES = ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 5, 6, 7), (3, 2, 1, 0))


def paint_slab(canvas: Canvas, slab: Slab, light: Light) -> None:
    """The sides of a box that face the camera, wherever nothing nearer stands."""
    corners = slab.corners()
    seen = canvas.camera.from_world(corners)
    if seen[:, 2].min() < NEAR:
        return
    pixels = canvas.pixels(seen)
    for face in FACES:
        loop = list(face)
        a, b, c = seen[loop[0]], seen[loop[1]], seen[loop[2]]
        normal = np.cross(b - a, c - a)
        normal /= np.linalg.norm(normal)
        if normal @ a < 0:
            lit = max(float(canvas.camera.rotation @ light.direction @ normal), 0)
            _paint_face(canvas, pixels[loop], normal, float(normal @ a), slab.colour * (light.ambient + 0.55 * lit))


def _paint_face(canvas: Canvas, pixels: Array, normal: Array, distance: float, colour: Array) -> None:
    """One flat face: `normal` and `distance` are its plane in the camera's frame."""
    window = canvas.window(pixels.min(axis=0), pixels.max(axis=0))
    if window is None:
        return
    x, y = canvas.rays(window)
    mask = np.zeros((len(y), len(x)), np.uint8)
    offset = np.array([window[1].start, window[0].start])
    cv2.fillConvexPoly(mask, np.round((pixels - offset) * 16).astype(np.int32), 1, shift=4)
    depth = (distance / (normal[0] * x + (normal[1] * y + normal[2])[:, None])).astype(np.float32)
    # The margin lets one face win along the whole edge it shares with the next; rounding would make teeth of it.
    front = (mask > 0) & (0.995 * depth < canvas.depths[window]) & (depth > 0)
    canvas.depths[window][front] = depth[front]
    canvas.colours[window][front] = np.clip(colour, 0, 255)
