"""Heat maps to joints by expectation: the integral of Sec. 2, differentiable and free of parameters.

Coordinates are fractions of the map: cell i of n has its centre at (i + 0.5) / n.
"""
from __future__ import annotations

from typing import Any

from mxnet.gluon import HybridBlock

from symbols.maps import OnLogits, Tensor, centres, reshape_axes


class Integral(OnLogits):
    """Logits (N, K * D, H, W) -> joints (N, K, C), C = 2 (x, y) where D = 1 and 3 (x, y, z) else.

    Eq. 4, of the marginals where these come in one pass. Else summed one axis after the other: each contraction takes
    the basis [centre, 1], so that the first, the only one to read the whole map, yields all that the next ones need.

    Args:
        place: of a cell's coordinate within the cell; 0.5 is its centre. With 0 cell i of n is at i / n.

    Raises:
        ValueError, mx.MXNetError: the map's size is not the one the block was built for.
    """

    def __init__(
        self, joints: int, height: int, width: int, depth: int = 1, fused: bool = True, place: float = 0.5
    ) -> None:
        super().__init__(joints, height, width, depth, fused)
        self._place = place

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
        if self._in_one_pass:
            along_axes = zip(self._marginals(F, logits), reversed(self._cells))
            means = [F.dot(shares, centres(F, cells, self._place)) for shares, cells in along_axes]
            return F.stack(*means[: 2 if self._cells[0] == 1 else 3], axis=2)
        return self._by_contractions(F, logits)

    def _by_contractions(self, F: Any, logits: Tensor) -> Tensor:
        depth, height, width = self._cells
        probabilities = self._probabilities(F, logits)
        rows = F.dot(probabilities, self._basis(F, width))  # (N, K D, H, [x, 1])
        planes = F.dot(F.transpose(rows, (0, 1, 3, 2)), self._basis(F, height))  # (N, K D, [x, 1], [y, 1])
        volumes = reshape_axes(F, planes, 1, 4, (self._joints, depth, 4))  # (N, K, D, [xy, x, y, 1])
        moments = F.dot(F.transpose(volumes, (0, 1, 3, 2)), self._basis(F, depth))  # (N, K, 4, [z, 1])
        found = F.slice(moments, begin=(None, None, 1, 1), end=(None, None, 3, 2))
        if depth > 1:
            in_depth = F.slice(moments, begin=(None, None, 3, 0), end=(None, None, 4, 1))
            found = F.concat(found, in_depth, dim=2)
        total = F.slice(moments, begin=(None, None, 3, 1), end=(None, None, 4, 2))  # 1, but for softmax's rounding
        return F.squeeze(F.broadcast_div(found, total), axis=3)

    def _basis(self, F: Any, cells: int) -> Tensor:
        """[coordinate, 1] of each cell, (cells, 2)."""
        along = centres(F, cells, self._place)
        return F.stack(along, F.ones_like(along), axis=1)


class HeatVectors(OnLogits):
    """Logits (N, K * D, H, W), D = H = W -> heat vectors (N, K, 3, cells) along x, y and z: Eq. 5.

    Without the compiled operator two contractions with ones read the whole map, to sum its columns for x and its rows
    for y and z; F.sum over these axes takes several times as long.

    Raises:
        ValueError: the three sides differ, so that the vectors would not stack; or as `Integral`.
        mx.MXNetError: as `Integral`.
    """

    def __init__(self, joints: int, height: int, width: int, depth: int, fused: bool = True) -> None:
        if not height == width == depth:
            raise ValueError(f"heat vectors of {width}, {height} and {depth} cells along x, y and z do not stack")
        super().__init__(joints, height, width, depth, fused)

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
        if self._in_one_pass:
            return F.stack(*self._marginals(F, logits), axis=2)
        probabilities = self._probabilities(F, logits)
        row = F.ones_like(F.slice_axis(probabilities, axis=2, begin=0, end=1))  # (N, K D, 1, W), and H = W; they are
        column = F.ones_like(F.slice_axis(probabilities, axis=3, begin=0, end=1))  # not transposed, for ONNX's sake
        columns = self._by_depth(F, F.linalg_gemm2(row, probabilities))
        rows = self._by_depth(F, F.linalg_gemm2(probabilities, column))
        return F.stack(F.sum(columns, axis=2), F.sum(rows, axis=2), F.sum(rows, axis=3), axis=2)

    def _by_depth(self, F: Any, sums: Tensor) -> Tensor:
        """(N, K * D, 1, cells) or (N, K * D, cells, 1) -> (N, K, D, cells)."""
        return reshape_axes(F, F.reshape(sums, (0, 0, -1)), 1, 2, (self._joints, self._cells[0]))


class Expectation(HybridBlock):
    """Heat vectors (N, K, C, cells) -> joints (N, K, C): Eq. 6."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self._cells = cells

    def hybrid_forward(self, F: Any, vectors: Tensor) -> Tensor:
        return F.dot(vectors, centres(F, self._cells))
