"""The stacked hourglass (Newell et al., ECCV 2016) and the coarse-to-fine one for volumes (Pavlakos et al., CVPR 2017).

Layer by layer as in the Torch code of their authors, biases included: princeton-vl/pose-hg-train, src/models/hg.lua and
layers/Residual.lua; geopavlakos/c2f-vol-train, src/models/hg-stacked-2.lua.
"""
from __future__ import annotations

from typing import Any, Iterable, List, Optional, Sequence, Tuple

import mxnet as mx
from mxnet.gluon import HybridBlock, nn

from symbols.heads import INIT
from symbols.maps import Tensor
from symbols.pose_net import Staged
from symbols.resnet import BatchNormReLU

LEVELS = 4  # of pooling inside an hourglass, from a quarter of the patch
Initializer = Optional[mx.init.Initializer]  # of a convolution's weights; None: the network's


class Residual(HybridBlock):
    """Pre-activation 1x1, 3x3, 1x1 with half the channels in between, and a shortcut: (N, in, h, w) -> (N, out, h, w).

    The shortcut is a 1x1 convolution where the numbers of channels differ.
    """

    def __init__(self, entering: int, leaving: int, init: Initializer = INIT) -> None:
        super().__init__()
        half = leaving // 2
        with self.name_scope():
            self.bn1, self.conv1 = BatchNormReLU(in_channels=entering), _conv(entering, half, 1, init)
            self.bn2, self.conv2 = BatchNormReLU(in_channels=half), _conv(half, half, 3, init)
            self.bn3, self.conv3 = BatchNormReLU(in_channels=half), _conv(half, leaving, 1, init)
            self.shortcut = None if entering == leaving else _conv(entering, leaving, 1, init)

    def hybrid_forward(self, F: Any, x: Tensor) -> Tensor:
        out = self.conv1(self.bn1(x))
        out = self.conv2(self.bn2(out))
        out = self.conv3(self.bn3(out))
        return out + (self.shortcut(x) if self.shortcut else x)


class Level(HybridBlock):
    """One hourglass: (N, in, h, w) -> (N, out, h, w), where h and w are multiples of 2^levels.

    A path at this size is added to one at half of it, pooled on the way in and repeated to nearest neighbours on the
    way out; the next level lies inside that one.

    Args:
        channels: entering, between and leaving.
        before: residuals across, and after the pooling.
        after: residuals at the bottom, and ahead of the repetition.
    """

    def __init__(
        self, levels: int, channels: Tuple[int, int, int], before: int, after: int, init: Initializer = INIT
    ) -> None:
        super().__init__()
        entering, between, leaving = channels
        with self.name_scope():
            self.across = _residuals([entering, *[between] * (before - 1), leaving], init)
            self.pool = nn.MaxPool2D(2, 2)
            self.down = _residuals([entering, *[between] * before], init)
            if levels > 1:
                self.inside = Level(levels - 1, (between, between, leaving), before, after, init)
            else:
                self.inside = _residuals([between, *[leaving] * after], init)
            self.up = _residuals([leaving] * (after + 1), init)

    def hybrid_forward(self, F: Any, x: Tensor) -> Tensor:
        low = self.up(self.inside(self.down(self.pool(x))))
        return self.across(x) + F.UpSampling(low, scale=2, sample_type="nearest")


class Stack(HybridBlock):
    """Features -> what the last layer sees (N, seen, h, w) and logits (N, maps, h, w)."""

    def __init__(self, body: Sequence[HybridBlock], channels: Sequence[int], maps: int, init: Initializer) -> None:
        """`channels` are those of the 1x1 convolutions after the body, the first entering and the last seen."""
        super().__init__()
        with self.name_scope():
            self.body = nn.HybridSequential()
            self.body.add(*body)
            for entering, leaving in zip(channels, channels[1:]):
                self.body.add(*_normalised(entering, leaving, 1, 1, init))
            self.final = _conv(channels[-1], maps, 1, INIT)

    def hybrid_forward(self, F: Any, features: Tensor) -> List[Tensor]:
        seen = self.body(features)
        return [seen, self.final(seen)]


class _Stacked(Staged):
    """What both networks begin with, `early` to a quarter of the patch and `late` to the features, and their stacks."""

    def __init__(
        self, maps: Sequence[int], width: float, readouts: Sequence[HybridBlock], size: int, residuals: int,
        init: Initializer,
    ) -> None:
        super().__init__(len(maps), readouts, size, 4 * 2**LEVELS)
        stem, self._features = round(64 * width), round(256 * width)
        with self.name_scope():
            self.early = nn.HybridSequential()
            self.early.add(*_normalised(3, stem, 7, 2, init), Residual(stem, 2 * stem, init), nn.MaxPool2D(2, 2))
            self.late = _residuals([*[2 * stem] * residuals, self._features], init)
            self.stacks = nn.HybridSequential()

    @property
    def last_layers(self) -> List[Any]:
        return [stack.final for stack in self.stacks]


class Hourglass(_Stacked):
    """Newell's: images (N, 3, size, size) -> a list of each stack's logits (N, maps, size / 4, size / 4), or as read.

    A stack gets the features of the one before, and 1x1 convolutions of what its last layer saw and of its logits.

    Args:
        maps: K * D of each stack, one number a stack; of a single one with D = 64 it is Pavlakos' network for volumes.
        width: multiplies every number of channels, 256 for the features.
        residuals: in a row at each place: 1 as published with 8 stacks, 3 in Pavlakos' code.
        readouts: logits to joints or heat vectors, one a stack; none: the output is the logits.
        size: of the patch in px, a multiple of 64.
        init: of the weights of convolutions, but for the last layers, which are N(0, 1e-3); None: the network's.

    Raises:
        ValueError: no stack, another number of readouts, or another size.
    """

    def __init__(
        self, maps: Sequence[int], width: float = 1.0, residuals: int = 1, readouts: Sequence[HybridBlock] = (),
        size: int = 256, init: Initializer = INIT,
    ) -> None:
        super().__init__(maps, width, readouts, size, 2, init)
        features = self._features
        with self.name_scope():
            self.from_seen, self.from_maps = nn.HybridSequential(), nn.HybridSequential()
            for leaving in maps:
                glass = Level(LEVELS, (features,) * 3, residuals, residuals, init)
                ahead = _residuals([features] * (residuals + 1), init)
                self.stacks.add(Stack([glass, ahead], [features, features], leaving, init))
            for leaving in maps[:-1]:
                self.from_seen.add(_conv(features, features, 1, init))
                self.from_maps.add(_conv(leaving, features, 1, init))

    def hybrid_forward(self, F: Any, images: Tensor) -> List[Tensor]:
        features = self.late(self.early(images))
        logits: List[Tensor] = []
        for i, stack in enumerate(self.stacks):
            seen, maps = stack(features)
            logits.append(maps)
            if i < len(self.from_maps):
                features = features + self.from_seen[i](seen) + self.from_maps[i](maps)
        return self._read(logits)

    def _readers(self) -> Iterable[Tuple[Any, int]]:
        return [(layer.weight, layer.weight.shape[1]) for layer in self.from_maps]


class CoarseToFine(_Stacked):
    """Pavlakos' two stacks: images (N, 3, size, size) -> both stacks' logits (N, maps, size / 4, size / 4), or as read.

    Their hourglasses end in 512 channels. The second gets 1x1 convolutions of the first one's logits, and of what its
    last layer saw together with the early features.

    Args:
        maps: K * d1 and K * d2.
        width, readouts, size, init: as for `Hourglass`.

    Raises:
        ValueError: not two numbers of maps, or as `Hourglass`.
    """

    def __init__(
        self, maps: Sequence[int], width: float = 1.0, readouts: Sequence[HybridBlock] = (), size: int = 256,
        init: Initializer = INIT,
    ) -> None:
        super().__init__(maps, width, readouts, size, 3, init)
        if len(maps) != 2:
            raise ValueError(f"the coarse-to-fine network has two stacks, not {len(maps)}")
        features, early = self._features, 2 * round(64 * width)
        given = features + early
        with self.name_scope():
            for entering, seen, leaving in ((features, features, maps[0]), (given, 2 * features, maps[1])):
                glass = Level(LEVELS, (entering, features, 2 * features), 3, 1, init)
                self.stacks.add(Stack([glass], [2 * features, 2 * features, seen], leaving, init))
            self.from_seen, self.from_maps = _conv(given, given, 1, init), _conv(maps[0], given, 1, init)

    def hybrid_forward(self, F: Any, images: Tensor) -> List[Tensor]:
        early = self.early(images)
        seen, coarse = self.stacks[0](self.late(early))
        given = self.from_seen(F.concat(seen, early, dim=1)) + self.from_maps(coarse)
        return self._read([coarse, self.stacks[1](given)[1]])

    def _readers(self) -> Iterable[Tuple[Any, int]]:
        return [(self.from_maps.weight, self.from_maps.weight.shape[1])]


def _conv(entering: int, leaving: int, kernel: int, init: Initializer, stride: int = 1) -> nn.Conv2D:
    return nn.Conv2D(leaving, kernel, stride, kernel // 2, in_channels=entering, weight_initializer=init)


def _normalised(entering: int, leaving: int, kernel: int, stride: int, init: Initializer) -> List[HybridBlock]:
    """A convolution, batch normalisation and ReLU."""
    convolution = _conv(entering, leaving, kernel, init, stride)
    return [convolution, nn.BatchNorm(in_channels=leaving), nn.Activation("relu")]


def _residuals(channels: Sequence[int], init: Initializer) -> nn.HybridSequential:
    """A residual from each number of channels to the next."""
    row = nn.HybridSequential()
    with row.name_scope():
        row.add(*(Residual(entering, leaving, init) for entering, leaving in zip(channels, channels[1:])))
    return row
