"""Heat maps to joints by expectation: the integral of Sec. 2, differentiable and free of parameters.

Coordinates are fractions of the map: cell i of n has its centre at (i + 0.5) / n.
"""
from __future__ import annotations

from typing import Any, Tuple

import mxnet as mx
from mxnet.gluon import HybridBlock

Tensor = Any  # mx.nd.NDArray or mx.sym.Symbol


class _OnMaps(HybridBlock):
    """What works on the logits (N, K * D, H, W) of maps whose size is fixed when it is built."""

    def __init__(self, joints: int, height: int, width: int, depth: int = 1) -> None:
        super().__init__()
        self._joints, self._cells = joints, (depth, height, width)

    def forward(self, logits: Tensor, *rest: Tensor) -> Tensor:
        # A graph learns of a wrong size from the contractions below; alone, MXNet's reshape would
        # take it and corrupt memory.
        if isinstance(logits, mx.nd.NDArray):
            depth, height, width = self._cells
            expected = (self._joints * depth, height, width)
            if logits.shape[1:] != expected:
                raise ValueError(f"built for logits (N, {', '.join(map(str, expected))}), given {logits.shape}")
        return super().forward(logits, *rest)

    def _probabilities(self, F: Any, logits: Tensor) -> Tensor:
        """Eq. 3, one softmax over all cells of a joint, in float32: (N, K * D, H, W)."""
        logits = F.cast(logits, "float32")
        flat = F.softmax(F.reshape(logits, (0, self._joints, -1)), axis=2)
        return F.reshape_like(flat, logits)


class Integral(_OnMaps):
    """Logits (N, K * D, H, W) -> joints (N, K, C), C = 2 (x, y) where D = 1 and 3 (x, y, z) else.

    Eq. 4, summed one axis after the other: each contraction takes the basis [centre, 1], so that the
    first, the only one to read the whole map, yields all that the next ones need.

    Raises:
        ValueError, mx.MXNetError: the map's size is not the one the block was built for.
    """

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tensor:
        depth, height, width = self._cells
        probabilities = self._probabilities(F, logits)
        rows = F.dot(probabilities, _basis(F, logits, width))  # (N, K D, H, [x, 1])
        planes = F.dot(F.transpose(rows, (0, 1, 3, 2)), _basis(F, logits, height))  # (N, K D, [x, 1], [y, 1])
        volumes = F.reshape(planes, (0, self._joints, -1, 4))  # (N, K, D, [xy, x, y, 1])
        if depth == 1:
            return F.slice_axis(F.sum(volumes, axis=2), axis=2, begin=1, end=3)
        moments = F.dot(F.transpose(volumes, (0, 1, 3, 2)), _basis(F, logits, depth))  # (N, K, 4, [z, 1])
        in_plane = F.slice(moments, begin=(None, None, 1, 1), end=(None, None, 3, 2))
        in_depth = F.slice(moments, begin=(None, None, 3, 0), end=(None, None, 4, 1))
        return F.squeeze(F.concat(in_plane, in_depth, dim=2), axis=3)


class Marginals(_OnMaps):
    """Logits (N, K * D, H, W) -> heat vectors along x (N, K, W), y (N, K, H) and z (N, K, D): Eq. 5."""

    def hybrid_forward(self, F: Any, logits: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        probabilities = self._probabilities(F, logits)
        along_x = self._sum_depth(F, F.sum(probabilities, axis=2))
        along_y = self._sum_depth(F, F.sum(probabilities, axis=3))
        along_z = F.reshape(F.sum(probabilities, axis=(2, 3)), (0, self._joints, -1))
        return along_x, along_y, along_z

    def _sum_depth(self, F: Any, vectors: Tensor) -> Tensor:
        """(N, K * D, cells) -> (N, K, cells)."""
        depth, _, _ = self._cells
        return F.sum(F.reshape(F.expand_dims(vectors, axis=1), (0, self._joints, depth, -1)), axis=2)


class Expectation(HybridBlock):
    """Heat vectors (N, K, cells) -> one coordinate a joint (N, K): Eq. 6."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self._cells = cells

    def hybrid_forward(self, F: Any, vectors: Tensor) -> Tensor:
        return F.dot(vectors, centres(F, vectors, self._cells))


def centres(F: Any, like: Tensor, cells: int) -> Tensor:
    """Cell centres (cells,) as fractions, on the device of `like`."""
    place = {"ctx": like.context} if isinstance(like, mx.nd.NDArray) else {}
    return (F.arange(cells, **place) + 0.5) / cells


def _basis(F: Any, like: Tensor, cells: int) -> Tensor:
    """[centre, 1] of each cell, (cells, 2)."""
    along = centres(F, like, cells)
    return F.stack(along, F.ones_like(along), axis=1)
