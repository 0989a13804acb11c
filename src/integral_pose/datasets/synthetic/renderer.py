"""A picture of people in a world, as a camera takes it."""
from __future__ import annotations

from functools import lru_cache
from typing import Sequence, Tuple

import cv2
import numpy as np

from integral_pose.datasets.synthetic.backdrop import (
    cast_shadows,
    foreground,
    noise,
    paint_backdrop,
    paint_furniture,
)
from integral_pose.datasets.synthetic.raster import Canvas, Light, paint_slab, paint_solids
from integral_pose.datasets.synthetic.scene import Person
from integral_pose.geometry import Array, Camera

_OVERSAMPLING = 2
_GRAIN_SPARE = 256


def render(people: Sequence[Person], camera: Camera, size: Tuple[int, int], rng: np.random.Generator) -> Array:
    """People in one scene, (height, width, 3) uint8 BGR; `size` is (width, height) px.

    Whoever is nearer hides who is farther. The generator draws everything but the people: light, room, clutter,
    and what stands in front of the first of them.
    """
    light = _draw_light(rng, camera)
    wide = (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING)
    painted = cv2.resize(paint_backdrop(rng, camera, size), wide, interpolation=cv2.INTER_NEAREST)
    canvas = Canvas(painted, camera, _OVERSAMPLING)
    cast_shadows(canvas, people, light)
    paint_furniture(rng, canvas, people, light)
    cloth = _cloth(wide)
    blocking = foreground(rng, camera, people[0]) if people else None
    if blocking is not None:
        paint_slab(canvas, blocking, light)
    for person in people:
        paint_solids(canvas, person.solids, light, cloth)
        for seat in person.seats:
            paint_slab(canvas, seat, light)
    return _developed(rng, cv2.resize(canvas.colours, size, interpolation=cv2.INTER_AREA))


def _draw_light(rng: np.random.Generator, camera: Camera) -> Light:
    """Light from above, and rather from the camera's side than from behind the people."""
    behind = camera.position * np.array([1, 1, 0])
    turn = np.arctan2(behind[1], behind[0]) + rng.uniform(-1.4, 1.4)
    height = np.radians(rng.uniform(35, 75))
    direction = np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height), np.sin(height)])
    return Light(direction, rng.uniform(0.42, 0.62))


def _developed(rng: np.random.Generator, picture: Array) -> Array:
    """The lens's slight blur, the exposure and the sensor's noise."""
    if rng.uniform() < 0.5:
        picture = cv2.GaussianBlur(picture, (3, 3), rng.uniform(0.3, 0.8))
    height, width = picture.shape[:2]
    row, column = rng.integers(0, _GRAIN_SPARE, 2)
    grain = _grain((width, height))[row : row + height, column : column + width]
    strength = rng.uniform(0.03, 0.15)
    developed: Array = cv2.addWeighted(
        picture, rng.uniform(0.88, 1.08), grain, strength, rng.uniform(0, 12) - 128 * strength
    )
    return developed


@lru_cache(maxsize=None)
def _grain(size: Tuple[int, int]) -> Array:
    """Noise around 128 of deviation 32, larger than the picture by as much as it may be moved; drawing anew is slow."""
    tile = np.random.default_rng(2018).normal(128, 32, (size[1] + _GRAIN_SPARE, size[0] + _GRAIN_SPARE, 3))
    return np.clip(tile, 0, 255).astype(np.uint8)


@lru_cache(maxsize=None)
def _cloth(size: Tuple[int, int]) -> Array:
    """The unevenness of cloth and skin, (h, w) around 1."""
    return noise(np.random.default_rng(2018), size, 60, 0.05)
