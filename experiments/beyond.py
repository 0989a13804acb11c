"""Beyond the paper: one table for each question that it leaves open. `make beyond` runs all of them.

    beyond_decoders      how much of I1's lead over H1 is due to H1's decoding by an integer argmax
    beyond_hand_over     by how much H1's maps are sharpened when an integral starts from them
    beyond_bias          the integral's pull to the middle of the map, compensated at test or in training
    beyond_regularisers  a loss on the shape of an integral's maps, beside the one on its joints
    beyond_grid          whether cell i of n lies at (i + 0.5) / n or at i / n, and how that changes the flip test
    beyond_descendants   later losses and gradients: RLE, sampling-argmax, AlphaPose's, and JS with either start

Each question is a field of `Run`, whose default leaves the keys of other tables' runs unchanged. The paper prints no
such numbers, so a claim states what one would expect, with the reason in its table's file.
"""
from __future__ import annotations

from typing import Sequence

from integral_pose.tables import AT_01, AUC, Claim, Metric, beats

COLUMN = "ResNet-50"


def expected(
    better: str, worse: str, metrics: Sequence[Metric] = (AT_01, AUC), columns: Sequence[str] = ("",), text: str = ""
) -> Claim:
    """That one row is better than another, of which the paper says nothing."""
    return beats(better, worse, *metrics, columns=columns, text=text, in_paper=None)
