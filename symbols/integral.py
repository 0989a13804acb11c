"""Heat maps to joints by expectation: the integral of Sec. 2, differentiable and free of parameters.

Coordinates are fractions of the map: cell i of n has its centre at (i + 0.5) / n.
"""
from __future__ import annotations

from typing import Any, Tuple

import mxnet as mx
from mxnet.gluon import HybridBlock

Tensor = Any  # mx.nd.NDArray or mx.sym.Symbol


class OnMaps(HybridBlock):
    """What works on maps (N, channels, H, W) of a size that is fixed when it is built.

    Called by itself it compares sizes, as MXNet's reshape would take wrong ones and corrupt memory. Inside a
    graph, whose sizes come later, its contractions and `reshape_axes` have to tell.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        """Fixes the size; 0 channels stand for any number."""
        super().__init__()
        self._size = (channels, height, width)

    def forward(self, maps: Tensor, *rest: Tensor) -> Tensor:
        if isinstance(maps, mx.nd.NDArray):
            differs = any(built and built != given for built, given in zip(self._size, maps.shape[1:]))
            if differs or maps.ndim != 4:
                channels, height, width = self._size
                raise ValueError(f"built for maps (N, {channels or 'any'}, {height}, {width}), given {maps.shape}")
        return super().forward(maps, *rest)


class OnLogits(OnMaps):
    """What works on the logits (N, K * D, H, W) of K joints' maps."""

    def __init__(self, joints: int, height: int, width: int, depth: int = 1) -> None:
        super().__init__(joints * depth, height, width)
        self._joints, self._cells = joints, (depth, height, width)

    def _probabilities(self, F: Any, logits: Tensor) -> Tensor:
        """Eq. 3, one softmax over all cells of a joint, in float32: (N, K * D, H, W)."""
        flat = F.reshape(logits, (0, self._joints, -1))
        flat = F.softmax(F.cast(flat, "float32"), axis=2)  # a cast before the reshape would take memory of its own
        return F.reshape_like(flat, logits)


class Integral(OnLogits):
    """Logits (N, K * D, H, W) -> joints (N, K, C), C = 2 (x, y) where D = 1 and 3 (x, y, z) else.

    Eq. 4, summed one axis after the other: each contraction takes the basis [centre, 1], so that the
    first, the only one to read the whole map, yields all that the next ones need.

    Raises:
        ValueError, mx.MXNetError: the map's size is not the one the block was built for.
    """

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
        depth, height, width = self._cells
        probabilities = self._probabilities(F, logits)
        rows = F.dot(probabilities, _basis(F, width))  # (N, K D, H, [x, 1])
        planes = F.dot(F.transpose(rows, (0, 1, 3, 2)), _basis(F, height))  # (N, K D, [x, 1], [y, 1])
        volumes = reshape_axes(F, planes, 1, 4, (self._joints, depth, 4))  # (N, K, D, [xy, x, y, 1])
        if depth == 1:
            return F.slice_axis(F.sum(volumes, axis=2), axis=2, begin=1, end=3)
        moments = F.dot(F.transpose(volumes, (0, 1, 3, 2)), _basis(F, depth))  # (N, K, 4, [z, 1])
        in_plane = F.slice(moments, begin=(None, None, 1, 1), end=(None, None, 3, 2))
        in_depth = F.slice(moments, begin=(None, None, 3, 0), end=(None, None, 4, 1))
        return F.squeeze(F.concat(in_plane, in_depth, dim=2), axis=3)


class HeatVectors(OnLogits):
    """Logits (N, K * D, H, W), D = H = W -> heat vectors (N, K, 3, cells) along x, y and z: Eq. 5.

    Two contractions with ones read the whole map, to sum its columns for x and its rows for y and z; F.sum over
    these axes takes several times as long.

    Raises:
        ValueError: the three sides differ, so that the vectors would not stack; or as `Integral`.
        mx.MXNetError: as `Integral`.
    """

    def __init__(self, joints: int, height: int, width: int, depth: int) -> None:
        if not height == width == depth:
            raise ValueError(f"heat vectors of {width}, {height} and {depth} cells along x, y and z do not stack")
        super().__init__(joints, height, width, depth)

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
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


# Constants are made on the device of the block's input, which Gluon makes the current one.


def centres(F: Any, cells: int) -> Tensor:
    """Cell centres (cells,) as fractions."""
    return (F.arange(cells) + 0.5) / cells


def reshape_axes(F: Any, tensor: Tensor, begin: int, end: int, shape: Tuple[int, ...]) -> Tensor:
    """The tensor with its axes `begin` to `end` - 1 replaced by `shape`, as a view.

    Raises:
        mx.MXNetError: they have another number of elements; F.reshape would read and write past the end.
    """
    return F.reshape_like(tensor, F.zeros(shape), lhs_begin=begin, lhs_end=end, rhs_begin=0, rhs_end=len(shape))


def _basis(F: Any, cells: int) -> Tensor:
    """[centre, 1] of each cell, (cells, 2)."""
    along = centres(F, cells)
    return F.stack(along, F.ones_like(along), axis=1)
