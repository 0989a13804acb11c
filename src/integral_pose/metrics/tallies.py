"""Every metric as a ratio of two sums over the test people, so that people can be resampled."""
from __future__ import annotations

from typing import Mapping, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.metrics import pckh
from integral_pose.tables import Metric


def tallies(arrays: Mapping[str, Array], metric: Metric) -> Tuple[Array, Array]:
    """What each person adds to the two sums, (N,) and (N,); their ratio is the metric, in its unit.

    Args:
        arrays: "distances" (N, K), for PCKh; or the errors (N, 17), mm, named by their measure, and "actions" (N,).
    """
    if metric.measure == "PCKh":
        hits, counted = pckh.tallies(arrays["distances"], metric.name)
        return 100 * hits, counted
    errors = arrays[metric.measure]
    frames = arrays["actions"] == metric.action if metric.action else np.ones(len(errors))
    return errors.mean(axis=1) * frames, frames.astype(float)
