"""PCKh: the share of joints predicted within a fraction of the head size (Andriluka et al., CVPR 2014)."""
from __future__ import annotations

from typing import Dict, NamedTuple, Tuple

import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.skeletons import MPII

THRESHOLDS = np.arange(51) / 100  # 0:0.01:0.5; not linspace, so that the eleventh is 0.1 itself
GROUPS = ("head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
COUNTED = tuple(i for i, name in enumerate(MPII.joints) if name not in ("pelvis", "thorax"))


class PCKh(NamedTuple):
    """The result, all in percent; the first three are pooled over the 14 joints."""

    at_05: float
    at_01: float
    auc: float
    groups: Dict[str, float]  # @0.5, left and right averaged; nan if nobody has any
    mean14: float  # @0.5, unweighted mean of the 14 joints' percentages


def score(predictions: Array, joints: Array, annotated: Array, head_size: Array) -> PCKh:
    """PCKh of N people.

    Args:
        predictions, joints: (N, 16, 2), px, in MPII's order and in the same base.
        annotated: (N, 16), nonzero where a joint counts.
        head_size: (N,), px: 0.6 x the head box's diagonal.

    Raises:
        InputError: a head size is missing, or no joint is annotated.
    """
    distances = normalised_distances(predictions, joints, annotated, head_size)
    if np.isnan(distances[:, COUNTED]).all():
        raise InputError("None of the 14 joints that PCKh counts is annotated. Check the annotation file.")
    per_joint = pckh(distances, 0.5)
    pooled = curve(distances)
    at_05, at_01 = (float(pooled[np.searchsorted(THRESHOLDS, threshold)]) for threshold in (0.5, 0.1))
    return PCKh(at_05, at_01, float(pooled.mean()), by_group(per_joint), _mean(per_joint[list(COUNTED)]))


def normalised_distances(predictions: Array, joints: Array, annotated: Array, head_size: Array) -> Array:
    """Distances in head sizes, (N, K), nan where a joint is not annotated; arguments as in `score`.

    Raises:
        InputError: a person with annotated joints has no head size.
    """
    counts = annotated > 0
    lacking = np.flatnonzero(counts.any(axis=1) & ~(np.isfinite(head_size) & (head_size > 0)))
    if len(lacking):
        raise InputError(
            f"{len(lacking)} of {len(head_size)} people have no head size (the first is person {lacking[0]}, counted "
            "from 0), so PCKh has no unit. Put gt_valid.mat, which has the head boxes, beside the annotation file."
        )
    offsets = np.where(counts[..., None], predictions - joints, np.nan)
    return np.hypot(offsets[..., 0], offsets[..., 1]) / np.where(counts.any(axis=1), head_size, 1)[:, None]


def pckh(distances: Array, threshold: float) -> Array:
    """Percent of each joint's annotated people within the threshold, (K,); nan for a joint that no person has."""
    counts = (~np.isnan(distances)).sum(axis=0)
    hits = (distances <= threshold).sum(axis=0)
    return np.where(counts > 0, 100 * hits / np.maximum(counts, 1), np.nan)


def curve(distances: Array, thresholds: Array = THRESHOLDS) -> Array:
    """Percent of the 14 joints of all people, pooled, within each threshold, (T,)."""
    counted = distances[:, COUNTED]
    ordered = np.sort(counted[~np.isnan(counted)])
    return 100 * np.searchsorted(ordered, thresholds, side="right") / len(ordered)


def tallies(distances: Array, metric: str) -> Tuple[Array, Array]:
    """Hits and counted joints of each person, (N,) and (N,): the metric is 100 x their sums' ratio.

    Args:
        metric: "@0.1" for PCKh within 0.1 head sizes, "AUC" for the mean over the 51 thresholds.
    """
    counted = distances[:, COUNTED]
    thresholds = THRESHOLDS if metric == "AUC" else np.array([float(metric[1:])])
    hits = (counted[:, :, None] <= thresholds).mean(axis=2)
    return hits.sum(axis=1), (~np.isnan(counted)).sum(axis=1)


def auc(distances: Array) -> float:
    """Area under the curve up to 0.5, as a percentage: the mean over 51 thresholds."""
    return float(curve(distances).mean())


def by_group(per_joint: Array) -> Dict[str, float]:
    """Left and right averaged, in the order of the paper's tables, from (16,)."""
    members = {group: [i for i in COUNTED if MPII.joints[i].split("_", 1)[-1] == group] for group in GROUPS}
    members["head"] = [MPII.index("head_top")]
    return {group: _mean(per_joint[which]) for group, which in members.items()}


def _mean(percentages: Array) -> float:
    """The mean of what is known, without NumPy's warning where nothing is."""
    known = percentages[~np.isnan(percentages)]
    return float(known.mean()) if len(known) else float("nan")


def protocol(people: int, counted: str = "annotated") -> str:
    """The line that goes with a number: everything that it depends on."""
    return (
        f"mpii|people:{people}|joints:14 (no pelvis, thorax)|correct: distance <= t x 0.6 head-box diagonal"
        f"|counted: {counted}"
    )
