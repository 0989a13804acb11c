"""Backbone and head, and what reads the heat maps where the method does, as a single HybridBlock."""
from __future__ import annotations

from typing import Any, Optional

import mxnet as mx
from mxnet.gluon import HybridBlock

from symbols.integral import Tensor


class PoseNet(HybridBlock):
    """Images (N, 3, size, size) -> logits (N, K * D, H, W), heat vectors (N, K, 3, cells) or joints (N, K, C).

    Args:
        trunk: images to features.
        head: features to logits, or to joints.
        readout: logits to heat vectors or joints; it has no parameters, so networks with and without it share files.
        size: of the patch in px, checked at each call.
    """

    def __init__(self, trunk: HybridBlock, head: HybridBlock, readout: Optional[HybridBlock], size: int) -> None:
        super().__init__()
        self._size = size
        with self.name_scope():
            self.trunk, self.head, self.readout = trunk, head, readout

    def forward(self, images: Tensor) -> Tensor:
        expected = (3, self._size, self._size)
        if isinstance(images, mx.nd.NDArray) and images.shape[1:] != expected:
            raise ValueError(f"built for images (N, {', '.join(map(str, expected))}), given {images.shape}")
        return super().forward(images)

    def hybrid_forward(self, F: Any, images: Tensor) -> Tensor:
        output = self.head(self.trunk(images))
        return self.readout(output) if self.readout else output
