"""What each method is trained with (Sec. 3).  Targets are built on the device from coordinates.

Every loss is called as loss(output, joints, weights) and gives one number a person, (N,).  `joints` (N, K, C)
are fractions of the patch; `weights` (N, K, C) are 1 where a coordinate is known.  Sums over cells, means over
joints: with Adam a constant factor is immaterial, but a mean over cells would sink under its epsilon.
"""
from __future__ import annotations

from typing import Any, Tuple

from mxnet.gluon import HybridBlock

from symbols.integral import OnMaps, Tensor, centres, reshape_axes


class _MapLoss(OnMaps):
    """A loss on logits (N, K, H, W)."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__(0, height, width)
        self._height, self._width = height, width

    def _squared_distances(self, F: Any, joints: Tensor) -> Tuple[Tensor, Tensor]:
        """Squared distances along x (N, K, 1, W) and y (N, K, H, 1) to each cell's centre, in fractions."""
        x, y = (F.expand_dims(F.slice_axis(joints, axis=2, begin=i, end=i + 1), axis=3) for i in range(2))
        across = F.reshape(centres(F, self._width), (1, 1, 1, -1))
        down = F.reshape(centres(F, self._height), (1, 1, -1, 1))
        return F.square(F.broadcast_sub(across, x)), F.square(F.broadcast_sub(down, y))

    @staticmethod
    def _reduce(F: Any, per_joint: Tensor, weights: Tensor) -> Tensor:
        """Mean over the joints, (N, K) -> (N,); a joint counts when its x is known."""
        known = F.squeeze(F.slice_axis(weights, axis=2, begin=0, end=1), axis=2)
        return F.mean(per_joint * known, axis=1)


class GaussianMSE(_MapLoss):
    """H1: squared error to a Gaussian of peak 1 and standard deviation `sigma` cells, centred on the joint."""

    def __init__(self, height: int, width: int, sigma: float = 1.0) -> None:
        super().__init__(height, width)
        self._sigma = sigma

    def hybrid_forward(self, F: Any, maps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        across, down = self._squared_distances(F, joints)
        half = -0.5 / self._sigma**2
        target = F.broadcast_mul(F.exp(half * self._width**2 * across), F.exp(half * self._height**2 * down))
        return self._reduce(F, F.sum(F.square(maps - target), axis=(2, 3)), weights)


class SoftmaxCrossEntropy(_MapLoss):
    """H2: cross-entropy of the softmax over all cells with the one cell that holds the joint."""

    def hybrid_forward(self, F: Any, maps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        x, y = (F.squeeze(F.slice_axis(joints, axis=2, begin=i, end=i + 1), axis=2) for i in range(2))
        column = F.clip(F.floor(x * self._width), 0, self._width - 1)
        row = F.clip(F.floor(y * self._height), 0, self._height - 1)
        maps = reshape_axes(F, maps, 3, 4, (self._width,))
        scores = F.log_softmax(reshape_axes(F, maps, 2, 4, (self._height * self._width,)), axis=2)
        return self._reduce(F, -F.pick(scores, row * self._width + column, axis=2), weights)


class DiscCrossEntropy(_MapLoss):
    """H3: binary cross-entropy in every cell; positive where its centre lies within `radius` of the joint.

    Args:
        radius: in fractions of the patch.
    """

    def __init__(self, height: int, width: int, radius: float) -> None:
        super().__init__(height, width)
        self._radius = radius

    def hybrid_forward(self, F: Any, maps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        across, down = self._squared_distances(F, joints)
        positive = F.broadcast_add(across, down) <= self._radius**2
        entropy = F.Activation(maps, act_type="softrelu") - maps * positive
        return self._reduce(F, F.sum(entropy, axis=(2, 3)), weights)


class JointL1(HybridBlock):
    """L1 between joints (N, K, C), summed over coordinates: the loss of R1 and of every integral method."""

    def hybrid_forward(self, F: Any, predicted: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        return F.mean(F.sum(weights * F.abs(predicted - joints), axis=2), axis=1)
