"""Heat maps and heat vectors to joints by their highest cell, as part of a graph: what training leaves to NumPy.

Coordinates are the cell's centre, (i + 0.5) / n. Of several cells as high as one another it is the first.
"""
from __future__ import annotations

from typing import Any, List

from mxnet.gluon import HybridBlock

from symbols.maps import OnMaps, Tensor, centres


class HighestCell(OnMaps):
    """Heat maps (N, K * D, H, W), or their logits -> joints (N, K, C), C = 2 (x, y) where D = 1 and 3 (x, y, z) else.

    Raises:
        ValueError: the maps are of another size.
    """

    def __init__(self, joints: int, height: int, width: int, depth: int = 1) -> None:
        super().__init__(joints * depth, height, width)
        self._joints, self._cells = joints, (depth, height, width)

    def hybrid_forward(self, F: Any, maps: Tensor) -> Tensor:
        depth, height, width = self._cells
        rest = F.argmax(F.reshape(maps, (0, self._joints, -1)), axis=2)  # (N, K), whole numbers in float32
        fractions: List[Tensor] = []
        for cells, behind in ((depth, height * width), (height, width), (width, 1)):
            index = F.floor((rest + 0.5) / behind)  # the half keeps a quotient off the whole numbers
            rest = rest - index * behind
            fractions.insert(0, (index + 0.5) / cells)
        return F.stack(*fractions[: 2 if depth == 1 else 3], axis=2)


class AroundHighestCell(HighestCell):
    """Logits of 2D maps (N, K, H, W) -> joints (N, K, 2): the expectation over the 3 x 3 cells around the highest.

    Raises:
        ValueError: the maps are of another size.
    """

    def hybrid_forward(self, F: Any, maps: Tensor) -> Tensor:
        highest = super().hybrid_forward(F, maps)
        _, height, width = self._cells
        mass = F.reshape(F.softmax(F.reshape(maps, (0, self._joints, -1)), axis=2), (0, 0, height, width))
        across, down = (self._near(F, highest, axis, cells) for axis, cells in ((0, width), (1, height)))
        columns = F.sum(F.broadcast_mul(mass, F.expand_dims(down, axis=3)), axis=2) * across  # (N, K, W)
        rows = F.sum(F.broadcast_mul(mass, F.expand_dims(across, axis=2)), axis=3) * down
        return F.stack(self._mean(F, columns, width), self._mean(F, rows, height), axis=2)

    @staticmethod
    def _near(F: Any, highest: Tensor, axis: int, cells: int) -> Tensor:
        """1 for the cells along an axis that are at most one from the highest, (N, K, cells); else 0."""
        place = F.slice_axis(highest, axis=2, begin=axis, end=axis + 1) * cells
        away = F.abs(F.broadcast_sub(place, F.reshape(centres(F, cells) * cells, (1, 1, -1))))
        return F.clip(100 * (1.5 - away), 0, 1)

    @staticmethod
    def _mean(F: Any, mass: Tensor, cells: int) -> Tensor:
        """The mean place of mass (N, K, cells), a fraction: (N, K)."""
        places = F.reshape(centres(F, cells), (1, 1, -1))
        return F.sum(F.broadcast_mul(mass, places), axis=2) / F.sum(mass, axis=2)


class HighestOfVectors(HybridBlock):
    """Heat vectors (N, K, C, cells) -> joints (N, K, C)."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self._cells = cells

    def hybrid_forward(self, F: Any, vectors: Tensor) -> Tensor:
        return (F.argmax(vectors, axis=3) + 0.5) / self._cells
