"""Where within a cell the joint of a 2D heat map lies: later alternatives to the integer argmax.

All begin at the highest cell, and count on maps that are Gaussians of the standard deviation that H1 is trained with.
"""
from __future__ import annotations

from typing import Callable, Dict

import numpy as np
from scipy import ndimage

from integral_pose.geometry import Array

TINY = 1e-10  # smoothed maps are at least as high before their logarithm is taken, as in DARK's code
WINDOW = 3  # cells on each side of the highest one, 7 x 7 in all


def refined(maps: Array, decoder: str, sigma: float, place: float = 0.5) -> Array:
    """Heat maps (N, K, H, W) to joints (N, K, 2), fractions.

    Args:
        decoder: "quarter", "quarter-inside", "dark" or "local".
        sigma: cells; of the Gaussians that the maps were trained to be.
        place: where within a cell its coordinate is; 0.5 is its centre.
    """
    height, width = maps.shape[2:]
    y, x = np.unravel_index(maps.reshape(*maps.shape[:2], -1).argmax(axis=2), (height, width))
    cells = np.stack([x, y], axis=2)
    return (cells + place + DECODERS[decoder](maps, cells, sigma)) / (width, height)


def in_window(logits: Array) -> Array:
    """Logits of cells (N, K, H, W), as softmax-ce trains them, to joints (N, K, 2), fractions.

    A joint is the expectation over the 3 x 3 cells around the most probable one, by their probabilities.
    """
    height, width = logits.shape[2:]
    y, x = np.unravel_index(logits.reshape(*logits.shape[:2], -1).argmax(axis=2), (height, width))
    cells = np.stack([x, y], axis=2)
    around = _around(logits, cells, 1, -np.inf)
    mass = np.exp(around - around[..., 1:2, 1:2])
    along = np.arange(-1, 2)
    moments = np.stack([(mass * along).sum(axis=(2, 3)), (mass * along[:, None]).sum(axis=(2, 3))], axis=2)
    return (cells + 0.5 + moments / mass.sum(axis=(2, 3))[..., None]) / (width, height)


def _quarter(maps: Array, cells: Array, sigma: float) -> Array:
    """A quarter of a cell towards the higher neighbour along each axis (Newell et al., ECCV 2016, in their code)."""
    around = _around(maps, cells, 1, np.nan)
    differences = np.stack([around[..., 1, 2] - around[..., 1, 0], around[..., 2, 1] - around[..., 0, 1]], axis=2)
    return np.nan_to_num(0.25 * np.sign(differences))


def _quarter_inside(maps: Array, cells: Array, sigma: float) -> Array:
    """As `_quarter`, but nothing for a cell of the outer two rows or columns up and left, or one down and right.

    So has SimpleBaseline's code it (get_final_preds), which asks for 1 < x < width - 1, and GluonCV's after it.
    """
    height, width = maps.shape[2:]
    inside = ((cells > 1) & (cells < (width - 1, height - 1))).all(axis=2, keepdims=True)
    return np.where(inside, _quarter(maps, cells, sigma), 0)


def _dark(maps: Array, cells: Array, sigma: float) -> Array:
    """The top of a Gaussian by the second order of its logarithm (Zhang et al., CVPR 2020).

    The map is smoothed by a Gaussian of its own width first. The cell's centre stays where the logarithm has no top
    within a cell of it, and at the border, where its derivatives are not known.
    """
    smooth = ndimage.gaussian_filter(maps, (0, 0, sigma, sigma), mode="constant")
    around = _around(np.log(np.maximum(smooth, TINY)), cells, 2, np.nan)
    dx, dy = ((around[..., 2 + j, 2 + i] - around[..., 2 - j, 2 - i]) / 2 for i, j in ((1, 0), (0, 1)))
    dxx, dyy = (
        (around[..., 2 + j, 2 + i] - 2 * around[..., 2, 2] + around[..., 2 - j, 2 - i]) / 4 for i, j in ((2, 0), (0, 2))
    )
    dxy = (around[..., 3, 3] - around[..., 1, 3] - around[..., 3, 1] + around[..., 1, 1]) / 4
    determinant = dxx * dyy - dxy**2
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], axis=2) / determinant[..., None]
        is_top = (determinant > 0) & (dxx < 0) & (np.abs(steps).max(axis=2) <= 1)
    return np.where(is_top[..., None], steps, 0)


def _local(maps: Array, cells: Array, sigma: float) -> Array:
    """The expectation over the window around the highest cell, of the map where it is above 0."""
    mass = np.maximum(_around(maps, cells, WINDOW, 0), 0)
    along = np.arange(-WINDOW, WINDOW + 1)
    moments = np.stack([(mass * along).sum(axis=(2, 3)), (mass * along[:, None]).sum(axis=(2, 3))], axis=2)
    total = mass.sum(axis=(2, 3))[..., None]
    return np.divide(moments, total, out=np.zeros(moments.shape), where=total > 0)


def _around(maps: Array, cells: Array, radius: int, outside: float) -> Array:
    """Windows (N, K, rows, columns), 2 radius + 1 a side, around cells (N, K, 2); `outside` where a map has ended."""
    padded = np.pad(maps, ((0, 0), (0, 0), (radius, radius), (radius, radius)), constant_values=outside)
    people, joints = np.indices(cells.shape[:2])[..., None, None]
    along = np.arange(2 * radius + 1)
    x, y = cells[..., 0, None, None] + along, cells[..., 1, None, None] + along[:, None]
    return padded[people, joints, y, x]


DECODERS: Dict[str, Callable[[Array, Array, float], Array]] = {
    "quarter": _quarter, "quarter-inside": _quarter_inside, "dark": _dark, "local": _local,
}
