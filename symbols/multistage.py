"""The multi-stage ResNet: conv1 to conv3 once, conv4, conv5 and a head for each stage (Sec. 5, Training)."""
from __future__ import annotations

from typing import Any, Iterable, List, Mapping, Optional, Tuple

import mxnet as mx
from mxnet.gluon import HybridBlock, nn

from symbols.heads import INIT, DeconvolutionHead
from symbols.maps import Tensor
from symbols.pose_net import Staged
from symbols.resnet import Conv1To3, Conv4To5

UPSAMPLINGS = 2  # from conv5's size back to conv3's


class Stage(HybridBlock):
    """Features of conv3 and the maps of the stage before, `given` channels, -> logits (N, maps, h, w)."""

    def __init__(self, depth: int, width: float, maps: int, given: int = 0) -> None:
        super().__init__()
        with self.name_scope():
            self.trunk = Conv4To5(depth, width, given)
            self.head = DeconvolutionHead(self.trunk.out_channels, maps, UPSAMPLINGS, round(256 * width))

    def hybrid_forward(self, F: Any, features: Tensor) -> Tensor:
        return self.head(self.trunk(features))

    @property
    def entrance(self) -> List[Any]:
        """The weights that act on the stage's input: of conv4's first block, its first convolution and shortcut."""
        first = self.trunk.layer3[0]
        return [first.conv1.weight, first.downsample[0].weight]


class MultiStage(Staged):
    """Images (N, 3, size, size) -> a list of each stage's logits (N, maps, size / 8, size / 8), or what is read there.

    Args:
        depth: 18, 50 or 101 layers.
        width: multiplies every number of channels.
        stages: one is the plain network, in a list.
        maps: K * D of each stage.
        readout: logits to heat vectors or joints, the same at each stage; the next stage takes the logits.
        size: of the patch in px, a multiple of 32.

    Raises:
        ValueError: no stage, or another size, of which the maps would not fit conv3's features.
    """

    def __init__(
        self, depth: int, width: float, stages: int, maps: int, readout: Optional[HybridBlock] = None, size: int = 256
    ) -> None:
        super().__init__(stages, [readout] * stages if readout else [], size, 32)
        self._maps = maps
        with self.name_scope():
            self.trunk = Conv1To3(depth, width)
            self.stages = nn.HybridSequential()
            self.stages.add(*(Stage(depth, width, maps, maps if i else 0) for i in range(stages)))

    def hybrid_forward(self, F: Any, images: Tensor) -> List[Tensor]:
        features = self.trunk(images)
        logits: List[Tensor] = []
        for stage in self.stages:
            logits.append(stage(F.concat(features, logits[-1], dim=1) if logits else features))
        return self._read(logits)

    @property
    def last_layers(self) -> List[Any]:
        return [stage.head.final for stage in self.stages]

    def _readers(self) -> Iterable[Tuple[Any, int]]:
        return [(weight, self._maps) for stage in list(self.stages)[1:] for weight in stage.entrance]

    def set_trunk(self, values: Mapping[str, mx.nd.NDArray]) -> None:
        """Gives each stage the values of one trunk; weights that act on a stage's maps start from N(0, 1e-3).

        Args:
            values: of the ResNet of the same depth and width, by the names in its file; others are left out.

        Raises:
            ValueError: one is missing or of another shape, so it is another network's.
        """
        for name, parameter in self.trunk._collect_params_with_prefix().items():
            _set(parameter, name, values)
        for stage in self.stages:
            for name, parameter in stage.trunk._collect_params_with_prefix().items():
                given = self._maps if stage is not self.stages[0] and parameter in stage.entrance else 0
                _set(parameter, name, values, given)


def _set(parameter: Any, name: str, values: Mapping[str, mx.nd.NDArray], given: int = 0) -> None:
    """Sets a parameter to the value of that name, and draws what acts on its last `given` input channels."""
    value, shape = values.get(name), parameter.shape
    expected = (shape[0], shape[1] - given, *shape[2:]) if given else shape
    if value is None or value.shape != expected:
        raise ValueError(f"{name} should be an array {expected}, and is {value.shape if value is not None else None}")
    if given:
        drawn = mx.nd.random.normal(0, INIT.sigma, (shape[0], given, *shape[2:]), ctx=value.ctx)
        value = mx.nd.concat(value, drawn, dim=1)
    parameter.set_data(value)
