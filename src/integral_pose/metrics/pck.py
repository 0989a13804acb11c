"""PCK: the share of joints predicted within a fraction of the person's box, for people of any skeleton."""
from __future__ import annotations

from typing import Dict, NamedTuple

import numpy as np

from integral_pose.geometry import Array

THRESHOLDS = (0.05, 0.1)  # of the longer side of the annotated box


class PCK(NamedTuple):
    """The result; nan where nothing is annotated."""

    at: Dict[float, float]  # percent of all annotated joints, by threshold
    pixels: float  # the mean distance
    of_joints: Dict[float, Array]  # the percentages of each joint, (K,)
    pixels_of_joints: Array  # (K,)


def distances(predictions: Array, joints: Array, annotated: Array, sides: Array) -> Array:
    """Distances in longer sides of the boxes, (N, K), nan where a joint is not annotated.

    Args:
        predictions, joints: (N, K, 2), px.
        annotated: (N, K), nonzero where a joint counts.
        sides: (N,), px: the longer side of each person's box.
    """
    lengths = np.linalg.norm(predictions - joints, axis=2)
    return np.where(annotated > 0, lengths / sides[:, None], np.nan)


def score(normalised: Array, sides: Array) -> PCK:
    """PCK and the mean distance of what `distances` gives, (N, K), with the boxes' sides (N,) in px."""
    known = ~np.isnan(normalised)
    counts, pixels = known.sum(axis=0), np.where(known, normalised * sides[:, None], 0).sum(axis=0)
    hits = {threshold: (normalised <= threshold).sum(axis=0) for threshold in THRESHOLDS}
    with np.errstate(invalid="ignore"):  # a joint that nobody has
        return PCK(
            {threshold: float(100 * of.sum() / counts.sum()) for threshold, of in hits.items()},
            float(pixels.sum() / counts.sum()),
            {threshold: 100 * of / counts for threshold, of in hits.items()},
            pixels / counts,
        )


def protocol(people: int) -> str:
    """The line that goes with a number: everything that it depends on."""
    return f"custom|people:{people}|correct: distance <= t x the box's longer side|counted: annotated"
