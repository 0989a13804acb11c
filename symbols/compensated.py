"""The integral without the pull to the middle of the map (Gu et al., ICCV 2021)."""
from __future__ import annotations

import math
from typing import Any

from symbols.integral import Integral
from symbols.maps import OnLogits, Tensor

LARGE = 80.0  # e^-80 is far below what float32 can tell from 0 beside a 1


class CompensatedIntegral(OnLogits):
    """As `Integral`, without the pull to the map's middle that the softmax gives it (Gu et al., ICCV 2021).

    Of n cells most are background, with logits of 0 as in the heat maps that the network began with. The softmax gives
    each 1 / C, C the sum of all exp(logit). With as much of what the peak's cells have, n / C of the mass is spread
    over the map evenly. So the expectation is E = (1 - n / C) x + (n / C) / 2, and the joint is

        x = (E - (n / C) / 2) / (1 - n / C) = 1 / 2 + (E - 1 / 2) / (1 - n / C).

    Where less than LEAST is left for the peak, as much is taken to be left: with C = n there is none.

    Raises:
        ValueError, mx.MXNetError: as `Integral`.
    """

    LEAST = 1e-2

    def __init__(self, joints: int, height: int, width: int, depth: int = 1, fused: bool = True) -> None:
        super().__init__(joints, height, width, depth, fused)
        with self.name_scope():
            self.integral = Integral(joints, height, width, depth, fused)

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
        flat = F.cast(F.reshape(logits, (0, self._joints, -1)), "float32")
        first, share = (F.slice_axis(each, axis=2, begin=0, end=1) for each in (flat, F.log_softmax(flat, axis=2)))
        total = first - share  # log C, from any one cell
        background = F.exp(F.clip(math.log(math.prod(self._cells)) - total, -LARGE, 0))
        peak = F.clip(1 - background, self.LEAST, 1)
        return F.broadcast_div(self.integral(logits) - 0.5, peak) + 0.5
