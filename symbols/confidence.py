"""The confidence of a joint that is the expectation of a heat map, since the expectation itself gives none."""
from __future__ import annotations

from typing import Any

from symbols.maps import OnLogits, Tensor, centres, reshape_axes


class HighestProbability(OnLogits):
    """Logits (N, K * D, H, W) -> (N, K): the highest probability of each joint's cells, the peak of Eq. 3's map.

    Raises:
        ValueError, mx.MXNetError: the map's size is not the one the block was built for.
    """

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
        depth, height, width = self._cells
        shape = (self._joints, depth * height * width)
        return F.max(reshape_axes(F, self._probabilities(F, logits), 1, 4, shape), axis=2)


class MassNear(OnLogits):
    """Logits (N, K * D, H, W), joints (N, K, C) in fractions -> (N, K): the probability of the cells near each joint.

    A cell is near if its centre is lie within `radius` cells along each axis. A map with one sharp peak gives about 1;
    one with two peaks has its expectation between them, where there is little: so it gives about 0.

    Raises:
        ValueError, mx.MXNetError: the map's size is not the one the block was built for.
    """

    def __init__(self, joints: int, height: int, width: int, depth: int = 1, radius: float = 2) -> None:
        super().__init__(joints, height, width, depth)
        self._radius = radius

    def hybrid_forward(self, F: Any, logits: Tensor, joints: Tensor) -> Tensor:
        depth, height, width = self._cells
        mass = reshape_axes(F, self._probabilities(F, logits), 1, 2, (self._joints, depth))  # (N, K, D, H, W)
        for axis, cells in enumerate((width, height, depth)):
            near = self._near(F, joints, axis, cells) if cells > 1 else F.ones_like(self._along(F, joints, 0))
            shape = (0, 0, *(1,) * (2 - axis), -1)
            mass = F.sum(F.broadcast_mul(mass, F.reshape(near, shape)), axis=4 - axis)
        return mass

    def _near(self, F: Any, joints: Tensor, axis: int, cells: int) -> Tensor:
        """1 for the cells along an axis that are near the joint, (N, K, cells)."""
        places = F.reshape(centres(F, cells), (1, 1, -1))
        return F.abs(F.broadcast_sub(self._along(F, joints, axis), places)) <= self._radius / cells

    @staticmethod
    def _along(F: Any, joints: Tensor, axis: int) -> Tensor:
        """The joints' coordinate along an axis, (N, K, 1)."""
        return F.slice_axis(joints, axis=2, begin=axis, end=axis + 1)
