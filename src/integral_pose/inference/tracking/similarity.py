"""How alike two predicted poses of the same skeleton are: OKS, weighted by confidence."""
from __future__ import annotations

from typing import Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.metrics.oks import SIGMAS
from integral_pose.skeletons import COCO

MIDDLE = float(SIGMAS[COCO.index("l_hip")])  # of joints that COCO does not have: those of the trunk are as uncertain
TINY = 1e-9


def sigmas(joints: Tuple[str, ...]) -> Array:
    """How far apart annotators put each joint, (K,), in square roots of the person's area: COCO's, by name."""
    return np.array([SIGMAS[COCO.index(name)] if name in COCO.joints else MIDDLE for name in joints])


def oks(one: Array, other: Array, weights: Array, area: float, spread: Array) -> float:
    """Object keypoint similarity of two poses, 0 to 1.

    Args:
        one, other: (K, 2), px.
        weights: (K,), how much each joint counts.
        area: of the person, px².
        spread: (K,), see `sigmas`.
    """
    squares = ((one - other) ** 2).sum(axis=1) / (2 * (2 * spread) ** 2 * max(area, TINY))
    return float((weights * np.exp(-squares)).sum() / max(float(weights.sum()), TINY))
