"""Solids and boxes painted into a picture, the nearer one in front at every pixel.

Every shape is intersected with each pixel's ray: with rays (x, y, 1) the ray parameter is the camera depth, and what
decides a hit is a quadratic form of the ray.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import cv2
import numpy as np

from integral_pose.datasets.synthetic.figure import Solids
from integral_pose.geometry import Array, Camera

NEAR = 200.0  # mm; nothing nearer than this is drawn


@dataclass(frozen=True, eq=False)
class Light:
    """Where light comes from, (3,) of length 1 in the world, and how much of it comes from everywhere."""

    direction: Array
    ambient: float


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


def paint_solids(canvas: Canvas, solids: Solids, light: Light, grain: Array) -> None:
    """All solids, nearest first so that little is painted twice. `grain` (h, w) multiplies their colours."""
    capsules = _Capsules(canvas, solids)
    towards = canvas.camera.rotation @ light.direction
    for i in np.argsort(capsules.depth):
        window = canvas.window(capsules.low[i], capsules.high[i])
        if window is not None and capsules.depth[i] > NEAR:
            _paint_capsule(canvas, capsules, i, window, solids.colour[i], towards, light.ambient, grain)


class _Capsules:
    """N tapered capsules as forms of a pixel's ray, after I. Quilez's "rounded cone intersector"."""

    def __init__(self, canvas: Canvas, solids: Solids) -> None:
        start, end = canvas.camera.from_world(solids.start), canvas.camera.from_world(solids.end)
        self._place(canvas, np.stack([start, end], axis=1), solids.radius)
        shape = solids.shape @ canvas.camera.rotation.T
        back = shape.transpose(0, 2, 1)
        near, far = _times(shape, start), _times(shape, end)
        axis, self.metric = far - near, back @ shape
        taper = solids.radius[:, 0] - solids.radius[:, 1]
        self.span = _dot(axis, axis) - taper**2  # not positive where the start's ball holds the end's
        self.along = _times(back, axis)
        self.offset = -_dot(axis, near) - taper * solids.radius[:, 0]
        self.linear = np.stack([-_times(back, near), -_times(back, far)], axis=1)
        inside = np.stack([_dot(near, near), _dot(far, far)], axis=1) - solids.radius**2
        # Positive where a ray meets an end's ball, and the cone between the balls.
        self.balls = _outer(self.linear) - inside[..., None, None] * self.metric[:, None]
        self.k1 = self.span[:, None] * self.linear[:, 0] - self.offset[:, None] * self.along
        self.k2 = self.span[:, None, None] * self.metric - _outer(self.along)
        k0 = self.span * inside[:, 0] - self.offset**2
        self.cone = _outer(self.k1) - k0[:, None, None] * self.k2

    def _place(self, canvas: Canvas, balls: Array, radius: Array) -> None:
        """Where on the canvas the capsules lie at most, and the depth of their nearest point."""
        self.depth = (balls[..., 2] - radius).min(axis=1)
        reach = radius * max(canvas.camera.focal) * canvas.scale / np.maximum(balls[..., 2] - radius, 1) + 1
        centres = canvas.pixels(balls)
        self.low = (centres - reach[..., None]).min(axis=1)
        self.high = (centres + reach[..., None]).max(axis=1)


def _times(matrices: Array, vectors: Array) -> Array:
    product: Array = (matrices @ vectors[..., None])[..., 0]
    return product


def _dot(left: Array, right: Array) -> Array:
    return np.asarray((left * right).sum(axis=-1))


def _outer(vectors: Array) -> Array:
    return np.asarray(vectors[..., :, None] * vectors[..., None, :])


def _quadratic(form: Array, x: Array, y: Array) -> Array:
    """ray.T @ form @ ray, for rays (x, y, 1) of a grid or one by one."""
    row = (form[0, 0] * x + 2 * form[0, 2]) * x + form[2, 2]
    column = (form[1, 1] * y + 2 * form[1, 2]) * y
    return np.asarray(2 * form[0, 1] * y * x + row + column)


def _linear(form: Array, x: Array, y: Array) -> Array:
    return np.asarray(form[0] * x + form[1] * y + form[2])


def _sum(left: Array, right: Array) -> Array:
    """Dot products of columns (3, n); BLAS would start threads for as little, in every worker."""
    return np.asarray(left[0] * right[0] + left[1] * right[1] + left[2] * right[2])


def _paint_capsule(
    canvas: Canvas, capsules: _Capsules, i: int, window: Tuple[slice, slice], colour: Array, towards: Array,
    ambient: float, grain: Array,
) -> None:
    x, y = canvas.rays(window)
    rows, columns, depth = _hits(capsules, i, x, y)
    front = np.nonzero(depth < canvas.depths[window][rows, columns])[0]
    if not len(front):
        return
    rows, columns, depth = rows[front], columns[front], depth[front]
    points = np.stack([x[columns] * depth, y[rows] * depth, depth])
    shade = _shade(capsules, i, points, towards, ambient) * grain[window][rows, columns]
    canvas.depths[window][rows, columns] = depth
    canvas.colours[window][rows, columns] = np.minimum(shade[:, None] * colour, 255)


def _hits(capsules: _Capsules, i: int, x: Array, y: Array) -> Tuple[Array, Array, Array]:
    """Rows, columns and depths (n,) where the rays of a grid first meet capsule i."""
    tapered = capsules.span[i] > 0
    forms = (*capsules.balls[i], capsules.cone[i]) if tapered else (capsules.balls[i, 0],)
    roots = [_quadratic(form, x, y[:, None]) for form in forms]
    rows, columns = np.nonzero((np.maximum.reduce(roots) if tapered else roots[0]) > 0)
    x, y = x[columns], y[rows]
    square = _quadratic(capsules.metric[i], x, y)
    depth = np.full(len(rows), np.inf)
    for linear, grid in zip(capsules.linear[i], roots[:2]):
        root = grid[rows, columns]
        reached = (-_linear(linear, x, y) - np.sqrt(np.maximum(root, 0))) / square
        depth = np.minimum(depth, np.where(root > 0, reached, np.inf))
    if tapered:
        depth = _on_cone(capsules, i, x, y, roots[2][rows, columns], depth)
    return rows, columns, depth


def _on_cone(capsules: _Capsules, i: int, x: Array, y: Array, root: Array, depth: Array) -> Array:
    """Depths with those replaced whose ray meets the cone between the balls."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reached = (-_linear(capsules.k1[i], x, y) - np.sqrt(root)) / _quadratic(capsules.k2[i], x, y)
    place = capsules.offset[i] + reached * _linear(capsules.along[i], x, y)
    between = (place > 0) & (place < capsules.span[i])
    return np.where(between, reached, depth)


def _shade(capsules: _Capsules, i: int, points: Array, towards: Array, ambient: float) -> Array:
    """Brightness (n,) of surface points (3, n), from their normals."""
    normal = np.stack([_sum(row, points) for row in capsules.metric[i]]) + capsules.linear[i, 0][:, None]
    if capsules.span[i] > 0:
        place = (_sum(capsules.along[i], points) + capsules.offset[i]) / capsules.span[i]
        normal -= capsules.along[i][:, None] * np.minimum(np.maximum(place, 0), 1)
    length = np.sqrt(_sum(normal, normal))
    lit = _sum(towards, normal) / length
    facing = -_sum(normal, points) / (length * np.sqrt(_sum(points, points)))
    return np.asarray((ambient + (1.1 - ambient) * np.maximum(lit, 0) + 0.10 * lit) * (0.68 + 0.32 * facing))


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


_FACES = ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 5, 6, 7), (3, 2, 1, 0))


def paint_slab(canvas: Canvas, slab: Slab, light: Light) -> None:
    """The sides of a box that face the camera, wherever nothing nearer stands."""
    corners = slab.corners()
    seen = canvas.camera.from_world(corners)
    if seen[:, 2].min() < NEAR:
        return
    pixels = canvas.pixels(seen)
    for face in _FACES:
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
