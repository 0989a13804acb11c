"""Colours of skin, hair and cloth, BGR 0-255."""
from __future__ import annotations

import colorsys
from typing import Sequence, Tuple

import numpy as np

from integral_pose.geometry import Array

Hsv = Tuple[float, float, float]
SKIN: Tuple[Hsv, ...] = (
    (0.06, 0.28, 0.95), (0.06, 0.38, 0.86), (0.07, 0.48, 0.70), (0.06, 0.55, 0.50), (0.05, 0.55, 0.34),
)
HAIR: Tuple[Hsv, ...] = (
    (0.07, 0.5, 0.12), (0.07, 0.6, 0.28), (0.10, 0.6, 0.62), (0.12, 0.45, 0.85), (0.03, 0.75, 0.50), (0.0, 0.0, 0.62),
)
# Navy, denim, black, white, greys, khaki, brown, olive, wine: what most clothes are dyed.
_CLOTH: Tuple[Hsv, ...] = (
    (0.63, 0.65, 0.28), (0.60, 0.50, 0.50), (0.60, 0.10, 0.12), (0.10, 0.03, 0.95), (0.60, 0.05, 0.65),
    (0.60, 0.08, 0.35), (0.11, 0.35, 0.68), (0.07, 0.50, 0.38), (0.20, 0.35, 0.36), (0.98, 0.65, 0.38),
)


def bgr(hue: float, saturation: float, value: float) -> Array:
    """The colour (3,) of a hue in turns, with saturation and value brought to within 0 to 1."""
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))
    return 255 * np.array([blue, green, red])


def pick(rng: np.random.Generator, table: Sequence[Hsv]) -> Array:
    """A colour (3,) near one of a table's."""
    hue, saturation, value = table[rng.integers(len(table))]
    return bgr(hue + rng.normal(0, 0.008), saturation * rng.uniform(0.85, 1.15), value * rng.uniform(0.88, 1.1))


def draw_cloth(rng: np.random.Generator) -> Array:
    """The colour (3,) of a piece of clothing: a usual dye, or in two of five any colour."""
    if rng.uniform() < 0.6:
        return pick(rng, _CLOTH)
    return bgr(rng.uniform(), rng.uniform(0.2, 0.9), rng.uniform(0.25, 0.95))


def trim(rng: np.random.Generator, cloth: Array) -> Array:
    """A colour (3,) for seams and edges: a darker or a lighter shade of the cloth."""
    part = rng.uniform(0.35, 0.6)
    bright = cloth.mean() > 110
    return np.asarray(cloth * (1 - part) if bright else cloth + part * (255 - cloth))
