"""From features to logits of heat maps, or directly to joints (Sec. 5, Training)."""
from __future__ import annotations

from typing import Any

import mxnet as mx
from mxnet.gluon import HybridBlock, nn

from symbols.maps import Tensor

INIT = mx.init.Normal(1e-3)  # "Normal distribution with 1e-3 standard deviation"


class DeconvolutionHead(HybridBlock):
    """Features (N, in, h, w) -> logits (N, maps, h * 2^layers, w * 2^layers).

    Each layer is a 4x4 deconvolution of stride 2, batch normalisation and ReLU; a 1x1 convolution with bias
    then gives the maps, K * D of them, those of one joint side by side.
    """

    def __init__(self, entering: int, maps: int, layers: int = 2, channels: int = 256) -> None:
        super().__init__()
        with self.name_scope():
            self.layers = nn.HybridSequential()
            for i in range(layers):
                self.layers.add(
                    nn.Conv2DTranspose(
                        channels, 4, 2, 1, use_bias=False, weight_initializer=INIT,
                        in_channels=channels if i else entering,
                    ),
                    nn.BatchNorm(in_channels=channels),
                    nn.Activation("relu"),
                )
            self.final = nn.Conv2D(maps, 1, weight_initializer=INIT, in_channels=channels if layers else entering)

    def hybrid_forward(self, F: Any, features: Tensor) -> Tensor:
        return self.final(self.layers(features))


class DirectHead(HybridBlock):
    """Features (N, in, h, w) -> joints (N, K, C): average pooling and one fully connected layer (R1).

    The layer's output is the distance from the patch's middle, in fractions of the patch.
    """

    def __init__(self, entering: int, joints: int, coordinates: int = 2) -> None:
        super().__init__()
        self._shape = (joints, coordinates)
        with self.name_scope():
            self.pool = nn.GlobalAvgPool2D()
            self.final = nn.Dense(joints * coordinates, weight_initializer=INIT, in_units=entering)

    def hybrid_forward(self, F: Any, features: Tensor) -> Tensor:
        joints, coordinates = self._shape
        return F.reshape(self.final(self.pool(features)), (0, joints, coordinates)) + 0.5
