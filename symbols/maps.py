"""What the operators on maps share: sizes that are checked, reshaping, the compiled path."""
from __future__ import annotations

from typing import Any, List, Tuple

import mxnet as mx
from mxnet.gluon import HybridBlock

from symbols.native import marginals

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
    """What works on the logits (N, K * D, H, W) of K joints' maps.

    Args:
        fused: whether the compiled operator may be taken, where it is there and the logits are on the CPU. A symbol
            with it is of no use to another program, so `portable` takes it out of a network before an export.
    """

    def __init__(self, joints: int, height: int, width: int, depth: int = 1, fused: bool = True) -> None:
        super().__init__(joints * depth, height, width)
        self._joints, self._cells = joints, (depth, height, width)
        self.fused = fused and marginals.loaded()

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


def portable(net: HybridBlock) -> HybridBlock:
    """The same network, of operators that others know and not hybridized: what it traced before is forgotten."""

    def plain(block: HybridBlock) -> None:
        if getattr(block, "fused", False):
            block.fused = False

    net.hybridize(False)
    return net.apply(plain)


def centres(F: Any, cells: int, place: float = 0.5) -> Tensor:
    """Cell centres (cells,) as fractions; or another place within each cell."""
    return (F.arange(cells) + place) / cells


def reshape_axes(F: Any, tensor: Tensor, begin: int, end: int, shape: Tuple[int, ...]) -> Tensor:
    """The tensor with its axes `begin` to `end` - 1 replaced by `shape`, as a view.

    Raises:
        mx.MXNetError: they have another number of elements; F.reshape would read and write past the end.
    """
    return F.reshape_like(tensor, F.zeros(shape), lhs_begin=begin, lhs_end=end, rhs_begin=0, rhs_end=len(shape))
