"""Solids painted into a picture: by the compiled `capsules.cc`, or by numpy to the bit alike and several times slower.

Every solid is intersected with each pixel's ray: with rays (x, y, 1) the ray parameter is the camera depth, and what
decides a hit is a quadratic form of the ray.
"""
from __future__ import annotations

import ctypes
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.synthetic.drawing.raster import NEAR, Canvas, Light
from integral_pose.synthetic.drawing.solids import BALL, BOX, Solids
from symbols.native import Library

# Fused into one instruction, a product and a sum are rounded once: pictures would depend on who made them.
LIBRARY = Library(Path(__file__).with_name("capsules.cc"), "numpy paints synthetic people", ("-ffp-contract=off",))
_SLACK = 1e-3  # mm, for rounding: what is skipped for its depth must be what would not have been seen
_Seen = Sequence[Tuple[int, Tuple[slice, slice]]]  # numbers of capsules, and rows and columns that they lie within


def paint_solids(canvas: Canvas, solids: Solids, light: Light, grain: Array) -> None:
    """All solids, nearest first so that little is painted twice. `grain` (h, w) float32 multiplies their colours."""
    capsules = _Capsules(canvas, solids)
    seen = []
    for i in np.argsort(capsules.depth):
        window = canvas.window(capsules.low[i], capsules.high[i])
        if window is not None and capsules.depth[i] > NEAR:
            seen.append((i, window))
    lit = _Lit(canvas.camera.rotation @ light.direction, canvas.camera.rotation[:, 2], light.ambient, light.sky)
    library = _compiled()
    if library is None:
        for i, window in seen:
            _paint_capsule(canvas, capsules, i, window, lit, grain)
    elif seen:
        _paint_compiled(library, canvas, capsules, seen, lit, grain)


class _Lit(NamedTuple):
    """The light as the camera sees it."""

    towards: Array  # (3,)
    up: Array  # (3,)
    ambient: float
    sky: float


@lru_cache(maxsize=None)
def _compiled() -> Optional[Any]:
    """capsules.cc as a library, if it is built; warns as `Library.opened`."""
    library = LIBRARY.opened(ctypes.CDLL)
    if library is not None:
        bytes_, ints, floats, doubles = (
            np.ctypeslib.ndpointer(kind, flags="C") for kind in (np.uint8, np.int32, np.float32, np.float64)
        )
        size = ctypes.c_int64
        library.paint_capsules.restype = None
        library.paint_capsules.argtypes = [
            size, doubles, ints, ints, doubles, doubles, size, doubles, doubles, floats, floats, bytes_,
        ]
    return library


def _paint_compiled(
    library: Any, canvas: Canvas, capsules: _Capsules, seen: _Seen, lit: _Lit, grain: Array
) -> None:
    chosen = [i for i, _ in seen]
    windows = [(rows.start, rows.stop, columns.start, columns.stop) for _, (rows, columns) in seen]
    x, y = canvas.rays((slice(None), slice(None)))
    library.paint_capsules(
        len(seen), capsules.packed[chosen], np.array(windows, np.int32), capsules.printed[chosen],
        capsules.prints.packed, np.array([*lit.towards, *lit.up, lit.ambient, lit.sky]), len(x), x, y, grain,
        canvas.depths, canvas.colours,
    )


class _Capsules:
    """N tapered capsules as forms of a pixel's ray, after I. Quilez's "rounded cone intersector"."""

    def __init__(self, canvas: Canvas, solids: Solids) -> None:
        start, end = canvas.camera.from_world(solids.start), canvas.camera.from_world(solids.end)
        self._place(canvas, np.stack([start, end], axis=1), solids.radius)
        self.colour = solids.colour
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
        self.prints = _Prints(canvas, solids)
        ends = np.searchsorted(solids.prints.solid, np.arange(len(start) + 1))
        self.printed = np.column_stack([ends[:-1], ends[1:]]).astype(np.int32)  # (N, 2): a capsule's prints, up to

    @property
    def packed(self) -> Array:
        """(N, 63): what `Capsule` is in capsules.cc."""
        parts = (
            self.balls, self.cone, self.metric, self.k2, self.linear, self.k1, self.along, self.colour, self.offset,
            self.span, self.depth - _SLACK,
        )
        return np.concatenate([part.reshape(len(self.span), -1) for part in parts], axis=1)

    def _place(self, canvas: Canvas, balls: Array, radius: Array) -> None:
        """Where on the canvas the capsules lie at most, and the depth of their nearest point."""
        self.depth = (balls[..., 2] - radius).min(axis=1)
        reach = radius * max(canvas.camera.focal) * canvas.scale / np.maximum(balls[..., 2] - radius, 1) + 1
        centres = canvas.pixels(balls)
        self.low = (centres - reach[..., None]).min(axis=1)
        self.high = (centres + reach[..., None]).max(axis=1)


class _Prints:
    """M prints in the camera's frame."""

    def __init__(self, canvas: Canvas, solids: Solids) -> None:
        camera, prints = canvas.camera, solids.prints
        self.matrix = prints.matrix @ camera.rotation.T
        self.shift = _times(prints.matrix, camera.position) + prints.shift
        self.period, self.norm, self.colour = prints.period, prints.norm, prints.colour

    @property
    def packed(self) -> Array:
        """(M, 17): what `Print` is in capsules.cc."""
        matrix = self.matrix.reshape(-1, 9)
        return np.column_stack([matrix, self.shift, self.colour, self.period, self.norm]).astype(float, order="C")

    def covers(self, i: int, points: Array) -> Array:
        """Which of the points (3, n) print i covers."""
        place = [_sum(row, points) + shift for row, shift in zip(self.matrix[i], self.shift[i])]
        if self.period[i] > 0:
            place[2] = place[2] - self.period[i] * np.floor(place[2] / self.period[i] + 0.5)
        if self.norm[i] == BALL:
            return np.asarray(place[0] * place[0] + place[1] * place[1] + place[2] * place[2] < 1)
        x, y, z = np.abs(place)
        return np.asarray((np.maximum(x, np.maximum(y, z)) if self.norm[i] == BOX else x + y + z) < 1)


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
    canvas: Canvas, capsules: _Capsules, i: int, window: Tuple[slice, slice], lit: _Lit, grain: Array
) -> None:
    x, y = canvas.rays(window)
    rows, columns, depth = _hits(capsules, i, x, y)
    front = np.nonzero(depth < canvas.depths[window][rows, columns])[0]
    if not len(front):
        return
    rows, columns, depth = rows[front], columns[front], depth[front]
    points = np.stack([x[columns] * depth, y[rows] * depth, depth])
    shade = _shade(capsules, i, points, lit) * grain[window][rows, columns]
    canvas.depths[window][rows, columns] = depth
    canvas.colours[window][rows, columns] = np.minimum(shade[:, None] * _colours(capsules, i, points), 255)


def _colours(capsules: _Capsules, i: int, points: Array) -> Array:
    """What colours capsule i has at points (3, n) of its surface: (n, 3), or (1, 3) where nothing is printed."""
    colours = capsules.colour[i][None]
    for number in range(*capsules.printed[i]):
        colours = np.where(capsules.prints.covers(number, points)[:, None], capsules.prints.colour[number], colours)
    return colours


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


def _shade(capsules: _Capsules, i: int, points: Array, lit: _Lit) -> Array:
    """Brightness (n,) of surface points (3, n), from their normals."""
    normal = np.stack([_sum(row, points) for row in capsules.metric[i]]) + capsules.linear[i, 0][:, None]
    if capsules.span[i] > 0:
        place = (_sum(capsules.along[i], points) + capsules.offset[i]) / capsules.span[i]
        normal -= capsules.along[i][:, None] * np.minimum(np.maximum(place, 0), 1)
    length = np.sqrt(_sum(normal, normal))
    facing_light, upwards = _sum(lit.towards, normal) / length, _sum(lit.up, normal) / length
    facing = -_sum(normal, points) / (length * np.sqrt(_sum(points, points)))
    direct = (1.1 - lit.ambient) * np.maximum(facing_light, 0)
    return np.asarray((lit.ambient + direct + 0.10 * facing_light + lit.sky * upwards) * (0.68 + 0.32 * facing))
