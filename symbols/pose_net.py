"""A whole network as a single HybridBlock: backbone, head and readout of the heat maps; in one stage or several."""
from __future__ import annotations

from typing import Any, Iterable, List, Optional, Sequence, Tuple

import mxnet as mx
from mxnet.gluon import HybridBlock, nn

from symbols.maps import Tensor


class OnPatches(HybridBlock):
    """A network that takes images (N, 3, size, width) of patches of one size in px, checked at each call."""

    def __init__(self, size: int, width: int = 0) -> None:
        """Fixes the size; without a width it is a square's."""
        super().__init__()
        self._size = size, width or size

    def forward(self, images: Tensor) -> Tensor:
        expected = (3, *self._size)
        if isinstance(images, mx.nd.NDArray) and images.shape[1:] != expected:
            raise ValueError(f"built for images (N, {', '.join(map(str, expected))}), given {images.shape}")
        return super().forward(images)

    @property
    def last_layers(self) -> List[Any]:
        """The layers with weights and biases that give the logits, or the joints, of each stage."""
        raise NotImplementedError

    def scale_logits(self, factor: float) -> None:
        """Multiplies the last layers, and divides what later stages do with their maps: those see no change."""
        for layer in self.last_layers:
            for parameter in (layer.weight, layer.bias):
                parameter.set_data(parameter.data(parameter.list_ctx()[0]) * factor)
        for weight, maps in self._readers():
            values = weight.data(weight.list_ctx()[0]).copy()
            values[:, -maps:] /= factor
            weight.set_data(values)

    def _readers(self) -> Iterable[Tuple[Any, int]]:
        """Weights of convolutions that take a stage's maps as their last input channels, and how many these are."""
        return ()


class MapsBeside(HybridBlock):
    """Logits -> a list of the logits themselves and of what a readout makes of them, for a loss on both."""

    def __init__(self, readout: HybridBlock) -> None:
        super().__init__()
        with self.name_scope():
            self.readout = readout

    def hybrid_forward(self, F: Any, logits: Tensor) -> List[Tensor]:
        return [logits, self.readout(logits)]


class PoseNet(OnPatches):
    """Images (N, 3, size, size) -> logits (N, K * D, H, W), heat vectors (N, K, 3, cells) or joints (N, K, C).

    Args:
        trunk: images to features.
        head: features to logits, or to joints.
        readout: logits to heat vectors or joints; it has no parameters, so networks with and without it share files.
            One that gives a list makes that the network's output.
        size: of the patch in px, its height.
        beside: features to a list of what only the loss needs; the network's output is then this list and, at its end,
            what it is without.
        width: of the patch; 0: as its height.
    """

    def __init__(
        self, trunk: HybridBlock, head: HybridBlock, readout: Optional[HybridBlock], size: int,
        beside: Optional[HybridBlock] = None, width: int = 0,
    ) -> None:
        super().__init__(size, width)
        with self.name_scope():
            self.trunk, self.head, self.readout, self.beside = trunk, head, readout, beside

    def hybrid_forward(self, F: Any, images: Tensor) -> Any:
        features = self.trunk(images)
        output = self.head(features)
        output = self.readout(output) if self.readout else output
        return [*self.beside(features), output] if self.beside else output

    @property
    def last_layers(self) -> List[Any]:
        return [self.head.final]


class Staged(OnPatches):
    """Images (N, 3, size, size) -> a list with the output of each stage, as `PoseNet` gives one.

    Args:
        stages: how many.
        readouts: what reads each stage's logits for the output, one a stage; none: the output is the logits. What
            a stage hands to the next one is logits always.
        size: of the patch in px.
        divisor: what the size has to be a multiple of.

    Raises:
        ValueError: of these numbers, one does not fit another.
    """

    def __init__(self, stages: int, readouts: Sequence[HybridBlock], size: int, divisor: int) -> None:
        super().__init__(size)
        if stages < 1 or len(readouts) not in (0, stages):
            raise ValueError(f"{stages} stages cannot have {len(readouts)} readouts: each has one, or none has any")
        if size < divisor or size % divisor:
            raise ValueError(f"a patch of {size} px is not a multiple of {divisor} px, so the maps would not fit")
        with self.name_scope():
            self.readouts = nn.HybridSequential()
            self.readouts.add(*readouts)

    def _read(self, logits: List[Tensor]) -> List[Tensor]:
        return [readout(maps) for readout, maps in zip(self.readouts, logits)] if len(self.readouts) else logits
