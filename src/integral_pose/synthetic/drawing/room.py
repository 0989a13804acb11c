"""A laboratory in the world: a floor and four walls with what hangs on them, furniture along them, and one light.

Whatever camera looks at it sees the same room. The middle, where people act, is free.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import cv2
import numpy as np

from integral_pose.geometry import Array, Camera
from integral_pose.synthetic.drawing.backdrop import draw_colour, noise
from integral_pose.synthetic.drawing.raster import Canvas, Light, Slab, paint_slab
from integral_pose.synthetic.drawing.renderer import OVERSAMPLING

HALF = np.array([3600.0, 6600.0])  # mm from the middle to the walls across x and y
HEIGHT = 6000.0  # mm; more than any camera sees, so there is no ceiling
_CELL = 10.0  # mm to a px of a painted surface
_WALLS = ((0, 1), (0, -1), (1, 1), (1, -1))  # (axis, side)


@dataclass(frozen=True, eq=False)
class Room:
    """Painted surfaces (h, w, 3) BGR: the floor from the corner of least x and y, walls from their upper corners."""

    floor: Array
    walls: Tuple[Array, ...]
    furniture: Tuple[Slab, ...]
    light: Light


def draw_room(rng: np.random.Generator) -> Room:
    """Pale walls, a floor of tiles, posters and boxes."""
    wide, deep, high = (2 * HALF / _CELL).astype(int).tolist() + [int(HEIGHT / _CELL)]
    paint = np.array(draw_colour(rng, 0.35)) * 0.4 + 110
    walls = tuple(_wall(rng, (deep if axis == 0 else wide, high), paint) for axis, _ in _WALLS)
    height, turn = np.radians(62), rng.uniform(0, 2 * np.pi)
    direction = np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height), np.sin(height)])
    return Room(_floor(rng, (wide, deep)), walls, _furniture(rng), Light(direction, 0.55))


def _uneven(rng: np.random.Generator, painted: Array, cells: int) -> Array:
    field = noise(rng, (painted.shape[1], painted.shape[0]), cells, 0.03)
    return np.clip(painted * field[..., None], 0, 255).astype(np.uint8)


def _floor(rng: np.random.Generator, size: Tuple[int, int]) -> Array:
    colour = np.array(draw_colour(rng, 0.4)) * 0.4 + 70
    painted = np.empty((size[1], size[0], 3))
    painted[:] = colour
    step = int(rng.integers(45, 75))
    painted[::step] = painted[1::step] = painted[:, ::step] = painted[:, 1::step] = colour * 0.75
    return _uneven(rng, painted, 14)


def _wall(rng: np.random.Generator, size: Tuple[int, int], paint: Array) -> Array:
    painted = np.empty((size[1], size[0], 3), np.uint8)
    painted[:] = paint * rng.uniform(0.85, 1.1)
    for _ in range(int(rng.integers(8, 14))):
        half = rng.uniform(15, 75, 2)
        centre = np.array([rng.uniform(0, size[0]), size[1] - rng.uniform(60, 330)])
        for part in (1.0, rng.uniform(0.4, 0.85)):
            low, high = (np.round(centre + side * part * half).astype(int).tolist() for side in (-1, 1))
            cv2.rectangle(painted, tuple(low), tuple(high), draw_colour(rng, 0.8), -1)
    return _uneven(rng, painted, 20)


def _furniture(rng: np.random.Generator) -> Tuple[Slab, ...]:
    """Boxes along the four walls, beside and behind what any camera near a corner sees of the middle."""
    slabs = []
    for axis, side in _WALLS:
        for _ in range(int(rng.integers(3, 6))):
            spot = np.zeros(3)
            spot[axis] = side * (HALF[axis] - rng.uniform(250, 600))
            spot[1 - axis] = rng.uniform(-0.7, 0.7) * HALF[1 - axis]
            half, height = rng.uniform(120, 380, 2), rng.uniform(350, 1700)
            slabs.append(Slab(spot, half, height, rng.uniform(-15, 15), np.array(draw_colour(rng, 0.7))))
    return tuple(slabs)


def paint_room(room: Room, camera: Camera, size: Tuple[int, int]) -> Canvas:
    """The empty room as a camera in it sees it, on a canvas for pictures of `size` (width, height)."""
    wide = (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)
    canvas = Canvas(np.zeros((wide[1], wide[0], 3), np.uint8), camera, OVERSAMPLING)
    _paint_surfaces(canvas, room)
    for slab in room.furniture:
        paint_slab(canvas, slab, room.light)
    return canvas


def _paint_surfaces(canvas: Canvas, room: Room) -> None:
    """Every pixel gets the surface that its ray meets first on the way out of the room."""
    camera = canvas.camera
    x, y = canvas.rays((slice(None), slice(None)))
    ways = np.stack(np.broadcast_arrays(x, y[:, None], 1.0), axis=-1) @ camera.rotation
    with np.errstate(divide="ignore"):
        depths = [np.where(ways[..., 2] < 0, -camera.position[2] / ways[..., 2], np.inf)] + [
            np.where(side * ways[..., axis] > 0, (side * HALF[axis] - camera.position[axis]) / ways[..., axis], np.inf)
            for axis, side in _WALLS
        ]
    first = np.argmin(depths, axis=0)
    points = camera.position + np.min(depths, axis=0)[..., None] * ways
    _cover(canvas, first == 0, room.floor, points[..., :2] + HALF)
    for i, (axis, _) in enumerate(_WALLS):
        across = points[..., 1 - axis] + HALF[1 - axis]
        _cover(canvas, first == i + 1, room.walls[i], np.stack([across, HEIGHT - points[..., 2]], axis=-1))


def _cover(canvas: Canvas, where: Array, surface: Array, places: Array) -> None:
    """Paint the pixels of a mask (h, w) with what a surface shows at places (h, w, 2) in mm."""
    cells = (places / _CELL - 0.5).astype(np.float32)
    shown = cv2.remap(surface, cells[..., 0], cells[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    canvas.colours[where] = shown[where]
