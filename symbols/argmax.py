"""Heat maps and heat vectors to joints by their highest cell, as part of a graph: what training leaves to NumPy.

Coordinates are the cell's centre, (i + 0.5) / n. Of several cells as high as one another it is the first.
"""
from __future__ import annotations

from typing import Any, List

from mxnet.gluon import HybridBlock

from symbols.maps import OnMaps, Tensor


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


class HighestOfVectors(HybridBlock):
    """Heat vectors (N, K, C, cells) -> joints (N, K, C)."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self._cells = cells

    def hybrid_forward(self, F: Any, vectors: Tensor) -> Tensor:
        return (F.argmax(vectors, axis=3) + 0.5) / self._cells
