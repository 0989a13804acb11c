"""Heat maps and heat vectors to joints by their highest cell, as part of a graph: what training leaves to NumPy.

Coordinates are the cell's centre, (i + 0.5) / n, unless another place within it is asked for. Of several cells as high
as one another it is the first.
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

    def __init__(self, joints: int, height: int, width: int, depth: int = 1, place: float = 0.5) -> None:
        super().__init__(joints * depth, height, width)
        self._joints, self._cells, self._place = joints, (depth, height, width), place

    def hybrid_forward(self, F: Any, maps: Tensor) -> Tensor:
        depth, height, width = self._cells
        rest = F.argmax(F.reshape(maps, (0, self._joints, -1)), axis=2)  # (N, K), whole numbers in float32
        fractions: List[Tensor] = []
        for cells, behind in ((depth, height * width), (height, width), (width, 1)):
            index = F.floor((rest + 0.5) / behind)  # the half keeps a quotient off the whole numbers
            rest = rest - index * behind
            fractions.insert(0, (index + self._place) / cells)
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


class QuarterInside(HighestCell):
    """2D heat maps (N, K, H, W) -> joints (N, K, 2): the highest cell, and a quarter cell to the higher neighbours.

    A cell of the outer two rows or columns up and left, or the one down and right, stays where it is, as in
    SimpleBaseline's code (get_final_preds).

    Raises:
        ValueError: the maps are of another size.
    """

    def hybrid_forward(self, F: Any, maps: Tensor) -> Tensor:
        highest = super().hybrid_forward(F, maps)
        _, height, width = self._cells
        x, y = (F.slice_axis(highest, axis=2, begin=axis, end=axis + 1) * cells - self._place
                for axis, cells in ((0, width), (1, height)))  # (N, K, 1), whole numbers but for rounding
        row = F.sum(F.broadcast_mul(maps, F.expand_dims(self._at(F, y, height), axis=3)), axis=2)  # (N, K, W)
        column = F.sum(F.broadcast_mul(maps, F.expand_dims(self._at(F, x, width), axis=2)), axis=3)
        inside = self._inside(F, x, width) * self._inside(F, y, height)
        steps = [self._rise(F, values, at, cells) * inside * (0.25 / cells)
                 for values, at, cells in ((row, x, width), (column, y, height))]
        return highest + F.concat(*steps, dim=2)

    @staticmethod
    def _at(F: Any, at: Tensor, cells: int) -> Tensor:
        """1 for one cell along an axis, (N, K, cells); else 0."""
        away = F.abs(F.broadcast_sub(at, F.reshape(centres(F, cells) * cells - 0.5, (1, 1, -1))))
        return F.clip(100 * (0.5 - away), 0, 1)

    def _rise(self, F: Any, values: Tensor, at: Tensor, cells: int) -> Tensor:
        """1 where the next cell is higher than the one before, else -1: (N, K, 1)."""
        apart = self._at(F, at + 1, cells) - self._at(F, at - 1, cells)
        return F.clip(1e9 * F.sum(values * apart, axis=2, keepdims=True), -1, 1)

    @staticmethod
    def _inside(F: Any, at: Tensor, cells: int) -> Tensor:
        return F.clip(at - 1, 0, 1) * F.clip(cells - 1 - at, 0, 1)


class HighestOfVectors(HybridBlock):
    """Heat vectors (N, K, C, cells) -> joints (N, K, C)."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self._cells = cells

    def hybrid_forward(self, F: Any, vectors: Tensor) -> Tensor:
        return (F.argmax(vectors, axis=3) + 0.5) / self._cells
