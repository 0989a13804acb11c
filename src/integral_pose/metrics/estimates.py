"""Every metric from a run's errors, with each test person, moment or picture counted any number of times."""
from __future__ import annotations

from typing import Mapping, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.metrics import average_precision, pckh
from integral_pose.tables import Metric


def units(arrays: Mapping[str, Array]) -> int:
    """How many things can be drawn: COCO's pictures; moments, which several cameras saw; people."""
    if "positives" in arrays:
        return int(arrays["positives"].shape[1])
    return int(arrays["moments"].max()) + 1 if "moments" in arrays else len(arrays["predictions"])


def estimate(arrays: Mapping[str, Array], metric: Metric, weights: Array) -> Array:
    """The metric, in its unit, with unit u counted weights[r, u] times: (R,); nan where nobody counts.

    Args:
        arrays: what `average_precision.match` returns; or "distances" (N, K), for PCKh; or the errors (N, 17), mm,
            named by their measure, "actions" and "moments" (N,).
        weights: (R, U), whole numbers.
    """
    if metric.measure == "OKS":
        return 100 * average_precision.average_precision(arrays, metric.name, weights)
    moments = arrays.get("moments", np.arange(weights.shape[1]))
    sums, counts = (np.bincount(moments, part, weights.shape[1]) for part in tallies(arrays, metric))
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ sums) / (weights @ counts))


def tallies(arrays: Mapping[str, Array], metric: Metric) -> Tuple[Array, Array]:
    """What each person adds to two sums, (N,) and (N,); their ratio is the metric, in its unit."""
    if metric.measure == "PCKh":
        hits, counted = pckh.tallies(arrays["distances"], metric.name)
        return 100 * hits, counted
    errors = arrays[metric.measure]
    frames = arrays["actions"] == metric.action if metric.action else np.ones(len(errors))
    return errors.mean(axis=1) * frames, frames.astype(float)
