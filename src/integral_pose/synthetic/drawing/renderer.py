"""A picture of people in a world, as a camera takes it."""
from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Callable, Optional, Sequence, Tuple

import cv2
import numpy as np

from integral_pose.geometry import Array, Camera
from integral_pose.synthetic.drawing.backdrop import cast_shadows, foreground, noise, paint_backdrop, paint_furniture
from integral_pose.synthetic.drawing.capsules import paint_solids
from integral_pose.synthetic.drawing.raster import Canvas, Light, paint_slab
from integral_pose.synthetic.drawing.surroundings import paint_surroundings
from integral_pose.synthetic.motion.scene import Person

_PaintBackdrop = Callable[[np.random.Generator, Camera, Tuple[int, int], Sequence[Person], Light], Array]
_PaintFurniture = Callable[[np.random.Generator, Canvas, Sequence[Person], Light], None]
OVERSAMPLING = 2  # canvas px to an image px
_GRAIN_SPARE = 256


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture (height, width, 3) uint8 BGR, and what is known of each pixel of the canvas it was developed from.

    `owners` (h, w) is the index of the person whose body a canvas pixel shows, -1 for anything else's.
    """

    picture: Array
    canvas: Canvas
    owners: Array


@dataclass(frozen=True)
class Finish:
    """How surfaces look: `sky` as of `Light`, and how uneven cloth is by its folds (standard deviation)."""

    sky: float = 0.0
    folds: float = 0.0


PLAIN = Finish()


@dataclass(frozen=True)
class Setting:
    """What is behind people: a backdrop, and furniture that shadows do not fall on. `finish` is that of the people."""

    backdrop: _PaintBackdrop
    furniture: Optional[_PaintFurniture]
    finish: Finish = PLAIN


def _room(
    rng: np.random.Generator, camera: Camera, size: Tuple[int, int], people: Sequence[Person], light: Light
) -> Array:
    """A wall and a floor, which do not depend on people and light."""
    return paint_backdrop(rng, camera, size)


ROOM = Setting(_room, paint_furniture)
ANYWHERE = Setting(paint_surroundings, None, Finish(sky=0.10, folds=0.07))


def render(
    people: Sequence[Person], camera: Camera, size: Tuple[int, int], rng: np.random.Generator, setting: Setting = ROOM
) -> Array:
    """The picture of a `photograph`."""
    return photograph(people, camera, size, rng, setting).picture


def photograph(
    people: Sequence[Person], camera: Camera, size: Tuple[int, int], rng: np.random.Generator, setting: Setting = ROOM
) -> Photo:
    """People in one scene; `size` is (width, height) px.

    Nearer people hide those behind them. The generator draws everything but the people: light, room, clutter, and what
    stands in front of the first of them.
    """
    light = _draw_light(rng, camera)
    wide = (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)
    backdrop = setting.backdrop(rng, camera, size, people, light)
    canvas = Canvas(cv2.resize(backdrop, wide, interpolation=cv2.INTER_NEAREST), camera, OVERSAMPLING)
    cast_shadows(canvas, people, light)
    if setting.furniture is not None:
        setting.furniture(rng, canvas, people, light)
    blocking = foreground(rng, camera, people[0]) if people else None
    if blocking is not None:
        paint_slab(canvas, blocking, light)
    owners = paint_people(canvas, people, light, setting.finish)
    return Photo(draw_exposure(rng).developed(canvas, size), canvas, owners)


def paint_people(canvas: Canvas, people: Sequence[Person], light: Light, finish: Finish = PLAIN) -> Array:
    """People and what they sit on, wherever nothing nearer stands; returns whose pixels are whose, as in `Photo`."""
    light = replace(light, sky=finish.sky)
    height, width = canvas.depths.shape
    owners = np.full((height, width), -1, np.int16)
    for i, person in enumerate(people):
        before = canvas.depths.copy()
        paint_solids(canvas, person.solids, light, _cloth((width, height), finish.folds))
        owners[canvas.depths < before] = i
        if person.seats:
            before = canvas.depths.copy()
            for seat in person.seats:
                paint_slab(canvas, seat, light)
            owners[canvas.depths != before] = -1
    return owners


def _draw_light(rng: np.random.Generator, camera: Camera) -> Light:
    """Light from above, and rather from the camera's side than from behind the people."""
    behind = camera.position * np.array([1, 1, 0])
    turn = np.arctan2(behind[1], behind[0]) + rng.uniform(-1.4, 1.4)
    height = np.radians(rng.uniform(35, 75))
    direction = np.array([np.cos(turn) * np.cos(height), np.sin(turn) * np.cos(height), np.sin(height)])
    return Light(direction, rng.uniform(0.42, 0.62))


@dataclass(frozen=True)
class Exposure:
    """How a camera records: the lens's slight blur in px (0 for none), the exposure and the sensor's noise."""

    blur: float
    grain: Tuple[int, int]  # row and column of the noise's tile that the picture's corner lies on
    strength: float
    gain: float
    lift: float

    def developed(self, canvas: Canvas, size: Tuple[int, int]) -> Array:
        """A canvas as a picture of `size` (width, height): (height, width, 3) uint8 BGR."""
        picture = cv2.resize(canvas.colours, size, interpolation=cv2.INTER_AREA)
        if self.blur:
            picture = cv2.GaussianBlur(picture, (3, 3), self.blur)
        row, column = self.grain
        grain = _grain(size)[row : row + size[1], column : column + size[0]]
        return np.asarray(
            cv2.addWeighted(picture, self.gain, grain, self.strength, self.lift - 128 * self.strength)
        )


def draw_exposure(rng: np.random.Generator) -> Exposure:
    """Half the lenses blur; no two pictures have the same noise."""
    blur = rng.uniform(0.3, 0.8) if rng.uniform() < 0.5 else 0.0
    grain = draw_grain(rng)
    strength = rng.uniform(0.03, 0.15)
    return Exposure(blur, grain, strength, rng.uniform(0.88, 1.08), rng.uniform(0, 12))


def draw_grain(rng: np.random.Generator) -> Tuple[int, int]:
    """Where on the tile of noise a picture lies."""
    row, column = rng.integers(0, _GRAIN_SPARE, 2)
    return int(row), int(column)


@lru_cache(maxsize=None)
def _grain(size: Tuple[int, int]) -> Array:
    """Noise around 128 of deviation 32, larger than the picture by as much as it may be moved; drawing anew is slow."""
    tile = np.random.default_rng(2018).normal(128, 32, (size[1] + _GRAIN_SPARE, size[0] + _GRAIN_SPARE, 3))
    return np.clip(tile, 0, 255).astype(np.uint8)


@lru_cache(maxsize=None)
def _cloth(size: Tuple[int, int], folds: float) -> Array:
    """The unevenness of cloth and skin, (h, w) around 1."""
    rng = np.random.default_rng(2018)
    fine = noise(rng, size, 60, 0.05)
    return fine if not folds else np.asarray(fine * noise(rng, size, 26, folds))
