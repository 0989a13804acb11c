"""Shared by the operators on maps: size checks, reshaping, the compiled path."""
from __future__ import annotations

from typing import Any, List, Tuple

import mxnet as mx
from mxnet.gluon import HybridBlock

from symbols.native import marginals

Tensor = Any  # mx.nd.NDArray or mx.sym.Symbol


class OnMaps(HybridBlock):
    """A block on maps (N, channels, H, W) whose size is fixed when it is built.

    A call with arrays checks their size, since MXNet's reshape would take a wrong one and corrupt memory. In a graph,
    whose sizes come later, the contractions and `reshape_axes` raise.
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
    """A block on the logits (N, K * D, H, W) of K joints' maps.

    Args:
        fused: whether the compiled operator may be taken, where it is there and the logits are on the CPU. A symbol
            with it is of no use to another program, so `portable` takes it out of a network before an export.
    """

    def __init__(self, joints: int, height: int, width: int, depth: int = 1, fused: bool = True) -> None:
        super().__init__(joints * depth, height, width)
        self._joints, self._cells = joints, (depth, height, width)
        self.fused = fused and marginals.loaded()

    def __repr__(self) -> str:
        """The block with its sizes: `Integral(joints=16, height=64, width=64, depth=1, fused=True)`."""
        depth, height, width = self._cells
        return (f"{type(self).__name__}(joints={self._joints}, height={height}, width={width}, depth={depth}, "
                f"fused={self.fused})")

    @property
    def _in_one_pass(self) -> bool:
        """Whether to take the compiled operator; Gluon makes the logits' device, or the first one, the current one."""
        return self.fused and mx.current_context().device_type.startswith("cpu")

    def _marginals(self, F: Any, logits: Tensor) -> List[Tensor]:
        """The probabilities of columns (N, K, W), rows (N, K, H) and planes (N, K, D), by the compiled operator.

        The reshape brings the logits out of oneDNN's layout, once and not at each reading, and the cast takes float16.
        Either adds up gradients where asked to, which an extension cannot; inside a network both work in place. The
        attribute keeps MXNet from making one of the reshapes of all who read the same logits, as their gradients would
        then be added up behind it.
        """
        depth, height, width = self._cells
        with mx.AttrScope(__reader__=self.name):
            logits = F.cast(F.reshape(logits, (0, 0, 0, -1)), "float32")
        sizes = {"joints": self._joints, "depth": depth, "height": height, "width": width}
        return list(F.softmax_marginals(logits, **sizes))[:3]

    def _probabilities(self, F: Any, logits: Tensor) -> Tensor:
        """Eq. 3, one softmax over all cells of a joint, in float32: (N, K * D, H, W)."""
        flat = F.reshape(logits, (0, self._joints, -1))
        flat = F.softmax(F.cast(flat, "float32"), axis=2)  # a cast before the reshape would take memory of its own
        return F.reshape_like(flat, logits)

    def _expectations(self, F: Any, logits: Tensor, place: float) -> Tensor:
        """Eq. 4 by MXNet's own operators: joints (N, K, C).

        Summed one axis after the other: each contraction takes the basis [coordinate, 1], so that the first, the only
        one to read the whole map, yields all that the next ones need.
        """
        depth, height, width = self._cells
        probabilities = self._probabilities(F, logits)
        rows = F.dot(probabilities, _basis(F, width, place))  # (N, K D, H, [x, 1])
        planes = F.dot(F.transpose(rows, (0, 1, 3, 2)), _basis(F, height, place))  # (N, K D, [x, 1], [y, 1])
        volumes = reshape_axes(F, planes, 1, 4, (self._joints, depth, 4))  # (N, K, D, [xy, x, y, 1])
        moments = F.dot(F.transpose(volumes, (0, 1, 3, 2)), _basis(F, depth, place))  # (N, K, 4, [z, 1])
        found = F.slice(moments, begin=(None, None, 1, 1), end=(None, None, 3, 2))
        if depth > 1:
            in_depth = F.slice(moments, begin=(None, None, 3, 0), end=(None, None, 4, 1))
            found = F.concat(found, in_depth, dim=2)
        total = F.slice(moments, begin=(None, None, 3, 1), end=(None, None, 4, 2))  # 1, but for softmax's rounding
        return F.squeeze(F.broadcast_div(found, total), axis=3)

    def _projections(self, F: Any, logits: Tensor) -> List[Tensor]:
        """As `_marginals`, by MXNet's own operators, of maps with equal sides.

        Two contractions with ones read the whole map, to sum its columns for x and its rows for y and z; F.sum over
        these axes takes several times as long.
        """
        probabilities = self._probabilities(F, logits)
        row = F.ones_like(F.slice_axis(probabilities, axis=2, begin=0, end=1))  # (N, K D, 1, W), and H = W; they are
        column = F.ones_like(F.slice_axis(probabilities, axis=3, begin=0, end=1))  # not transposed, for ONNX's sake
        columns = self._by_depth(F, F.linalg_gemm2(row, probabilities))
        rows = self._by_depth(F, F.linalg_gemm2(probabilities, column))
        return [F.sum(columns, axis=2), F.sum(rows, axis=2), F.sum(rows, axis=3)]

    def _by_depth(self, F: Any, sums: Tensor) -> Tensor:
        """(N, K * D, 1, cells) or (N, K * D, cells, 1) -> (N, K, D, cells)."""
        return reshape_axes(F, F.reshape(sums, (0, 0, -1)), 1, 2, (self._joints, self._cells[0]))


def portable(net: HybridBlock) -> HybridBlock:
    """The same network, of operators that others know and not hybridized: what it traced before is forgotten."""

    def plain(block: HybridBlock) -> None:
        if getattr(block, "fused", False):
            block.fused = False

    net.hybridize(False)
    return net.apply(plain)


# Constants are made on the device of the block's input, which Gluon makes the current one.


def _basis(F: Any, cells: int, place: float) -> Tensor:
    """[coordinate, 1] of each cell, (cells, 2)."""
    along = centres(F, cells, place)
    return F.stack(along, F.ones_like(along), axis=1)


def centres(F: Any, cells: int, place: float = 0.5) -> Tensor:
    """Cell centres (cells,) as fractions; or another place within each cell."""
    return (F.arange(cells) + place) / cells


def reshape_axes(F: Any, tensor: Tensor, begin: int, end: int, shape: Tuple[int, ...]) -> Tensor:
    """The tensor with its axes `begin` to `end` - 1 replaced by `shape`, as a view.

    Raises:
        mx.MXNetError: they have another number of elements; F.reshape would read and write past the end.
    """
    return F.reshape_like(tensor, F.zeros(shape), lhs_begin=begin, lhs_end=end, rhs_begin=0, rhs_end=len(shape))
