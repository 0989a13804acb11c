"""The losses of the methods (Sec. 3).  Targets are built on the device from coordinates.

Every loss is called as loss(output, joints, weights) and gives one number a person, (N,).  `joints` (N, K, C)
are fractions of the patch; `weights` (N, K, C) are 1 where a coordinate is known.  Sums over cells, means over
joints: with Adam a constant factor is immaterial, but a mean over cells would sink under its epsilon.
"""
from __future__ import annotations

from typing import Any, List, Sequence

from mxnet.gluon import HybridBlock, nn

from symbols.maps import OnMaps, Tensor, centres, reshape_axes

TINY = 1e-30  # added to a probability under a logarithm: far below any that float32 logits of a trained network give


class _MapLoss(OnMaps):
    """A loss on logits (N, K * D, H, W), where a joint counts when all its coordinates are known."""

    def __init__(self, height: int, width: int, depth: int = 1) -> None:
        super().__init__(0, height, width)
        self._cells = (width, height, depth)  # as the coordinates are ordered

    def _squared_distances(self, F: Any, joints: Tensor, axis: int) -> Tensor:
        """Squared distances from x (axis 0), y or z to each cell's centre, in fractions: (N, K, cells)."""
        along = F.reshape(centres(F, self._cells[axis]), (1, 1, -1))
        return F.square(F.broadcast_sub(along, F.slice_axis(joints, axis=2, begin=axis, end=axis + 1)))

    def _cell(self, F: Any, joints: Tensor, axis: int) -> Tensor:
        """The cell, counted along one axis, that holds the joint; the nearest for one outside: (N, K)."""
        cells = self._cells[axis]
        along = F.squeeze(F.slice_axis(joints, axis=2, begin=axis, end=axis + 1), axis=2)
        return F.clip(F.floor(along * cells), 0, cells - 1)

    @staticmethod
    def _reduce(F: Any, per_joint: Tensor, weights: Tensor) -> Tensor:
        """Mean over the joints, (N, K) -> (N,)."""
        return F.mean(per_joint * F.min(weights, axis=2), axis=1)


class GaussianMSE(_MapLoss):
    """H1: squared error to a Gaussian of peak 1 and standard deviation `sigma` cells, centred on the joint."""

    def __init__(self, height: int, width: int, sigma: float = 1.0, depth: int = 1) -> None:
        super().__init__(height, width, depth)
        self._sigma = sigma

    def hybrid_forward(self, F: Any, maps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        per_joint = self._in_plane if self._cells[2] == 1 else self._in_volume
        return self._reduce(F, per_joint(F, maps, joints), weights)

    def _gaussian(self, F: Any, joints: Tensor, axis: int) -> Tensor:
        """The Gaussian's factor along an axis, (N, K, cells)."""
        return F.exp(-0.5 / self._sigma**2 * self._cells[axis] ** 2 * self._squared_distances(F, joints, axis))

    def _in_plane(self, F: Any, maps: Tensor, joints: Tensor) -> Tensor:
        x, y = F.expand_dims(self._gaussian(F, joints, 0), 2), F.expand_dims(self._gaussian(F, joints, 1), 3)
        return F.sum(F.square(maps - F.broadcast_mul(x, y)), axis=(2, 3))

    def _in_volume(self, F: Any, maps: Tensor, joints: Tensor) -> Tensor:
        """Each plane's Gaussian (z y) x^T is subtracted as it is made: by itself it would take as much as the maps.

        MXNet keeps this difference for the way back. |H|^2 - 2 <H, G> + |G|^2 does without and takes as much in the
        end, for two gradients as large as the maps that it has to add.
        """
        _, height, depth = self._cells
        x, y, z = (F.expand_dims(self._gaussian(F, joints, axis), 3) for axis in range(3))  # (N, K, cells, 1)
        zy = F.reshape(F.linalg_gemm2(z, y, transpose_b=True), (0, -1, height, 1))  # (N, K D, H, 1)
        difference = F.linalg_gemm(zy, F.repeat(x, depth, axis=1), maps, alpha=-1.0, transpose_b=True)
        squares = F.linalg_syrk(F.reshape(difference, (0, 0, 1, -1)))  # each plane with itself: (N, K D, 1, 1)
        return F.sum(F.reshape(squares, (0, -1, depth)), axis=2)


class SoftmaxCrossEntropy(_MapLoss):
    """H2: cross-entropy of the softmax over all cells with the one cell that holds the joint."""

    def hybrid_forward(self, F: Any, maps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        width, height, depth = self._cells
        cell = self._cell(F, joints, 1) * width + self._cell(F, joints, 0)
        if depth > 1:
            cell = self._cell(F, joints, 2) * (height * width) + cell  # float32 counts to 2^24 = 256^3 without a gap
        maps = _flat(F, maps, width, height)
        per_depth = F.broadcast_mul(F.expand_dims(cell, axis=2), F.ones((1, 1, depth)))  # (N, K, D), for its shape
        maps = F.reshape_like(maps, per_depth, lhs_begin=1, lhs_end=2, rhs_begin=1, rhs_end=3)
        scores = F.log_softmax(reshape_axes(F, maps, 2, 4, (depth * height * width,)), axis=2)
        return self._reduce(F, -F.pick(scores, cell, axis=2), weights)


class DiscCrossEntropy(_MapLoss):
    """H3: binary cross-entropy in every cell; positive where its centre lies within `radius` of the joint.

    Args:
        radius: in fractions of the patch.
    """

    def __init__(self, height: int, width: int, radius: float) -> None:
        super().__init__(height, width)
        self._radius = radius

    def hybrid_forward(self, F: Any, maps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        across = F.expand_dims(self._squared_distances(F, joints, 0), axis=2)
        down = F.expand_dims(self._squared_distances(F, joints, 1), axis=3)
        positive = F.broadcast_add(across, down) <= self._radius**2
        entropy = F.Activation(maps, act_type="softrelu") - maps * positive
        return self._reduce(F, F.sum(entropy, axis=(2, 3)), weights)


class JensenShannon(_MapLoss):
    """Regulariser of an integral's maps: divergence of their softmax from a Gaussian of `sigma` cells around the joint.

    Half the divergences of both from their mean, in nats: 0 to log 2 (Nibali et al. 2018).
    """

    def __init__(self, height: int, width: int, sigma: float = 1.0) -> None:
        super().__init__(height, width)
        self._sigma = sigma

    def hybrid_forward(self, F: Any, maps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        across, down = (
            -0.5 / self._sigma**2 * self._cells[axis] ** 2 * self._squared_distances(F, joints, axis) for axis in (0, 1)
        )
        gaussian = F.broadcast_add(F.expand_dims(across, axis=2), F.expand_dims(down, axis=3))
        target, said = (F.log_softmax(_flat(F, logits, *self._cells[:2]), axis=2) for logits in (gaussian, maps))
        mean = F.log((F.exp(target) + F.exp(said)) / 2 + TINY)
        divergence = F.sum(F.exp(target) * (target - mean) + F.exp(said) * (said - mean), axis=2) / 2
        return self._reduce(F, divergence, weights)


class Variance(_MapLoss):
    """Regulariser of an integral's maps: their variances along x and y, in square cells, are to be `sigma`'s square.

    The sum of both squared differences (Nibali et al. 2018, there in half maps and not in cells). It does not
    look where the joint is.
    """

    def __init__(self, height: int, width: int, sigma: float = 1.0) -> None:
        super().__init__(height, width)
        self._sigma = sigma

    def hybrid_forward(self, F: Any, maps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        width, height = self._cells[:2]
        flat = F.softmax(_flat(F, maps, width, height), axis=2)
        mass = reshape_axes(F, flat, 2, 3, (height, width))
        across, down = (self._spread(F, F.sum(mass, axis=2), width), self._spread(F, F.sum(mass, axis=3), height))
        return self._reduce(F, F.square(across - self._sigma**2) + F.square(down - self._sigma**2), weights)

    @staticmethod
    def _spread(F: Any, mass: Tensor, cells: int) -> Tensor:
        """The variance of mass (N, K, cells), in square cells: (N, K)."""
        along = centres(F, cells) * cells
        mean = F.expand_dims(F.dot(mass, along), axis=2)
        return F.sum(mass * F.square(F.broadcast_sub(F.reshape(along, (1, 1, -1)), mean)), axis=2)


def _flat(F: Any, maps: Tensor, width: int, height: int) -> Tensor:
    """Maps (N, K, height, width) -> (N, K, height * width); others are refused."""
    return reshape_axes(F, reshape_axes(F, maps, 3, 4, (width,)), 2, 4, (height * width,))


class _HeatVectorLoss(OnMaps):
    """A loss on heat vectors (N, K, 3, cells), each coordinate with its own weight: 2D people have no z."""

    def __init__(self, cells: int) -> None:
        super().__init__(0, 3, cells)
        self._cells = cells

    def hybrid_forward(self, F: Any, vectors: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        joints = F.where(weights, joints, F.zeros_like(joints))  # whatever stands for an unknown coordinate
        vectors = reshape_axes(F, vectors, 3, 4, (self._cells,))
        return F.mean(F.sum(weights * self._per_vector(F, vectors, joints), axis=2), axis=1)

    def _per_vector(self, F: Any, vectors: Tensor, joints: Tensor) -> Tensor:
        """The loss of each heat vector, (N, K, 3)."""
        raise NotImplementedError


class HeatVectorMSE(_HeatVectorLoss):
    """H1 of Strategy 2: squared error to a Gaussian of `sigma` cells around the coordinate, of sum 1 as the vector."""

    def __init__(self, cells: int, sigma: float = 1.0) -> None:
        super().__init__(cells)
        self._sigma = sigma

    def _per_vector(self, F: Any, vectors: Tensor, joints: Tensor) -> Tensor:
        along = F.reshape(centres(F, self._cells), (1, 1, 1, -1))
        distances = F.broadcast_sub(along, F.expand_dims(joints, axis=3)) * (self._cells / self._sigma)
        target = F.softmax(-0.5 * F.square(distances), axis=3)
        return F.sum(F.square(vectors - target), axis=3)


class HeatVectorCrossEntropy(_HeatVectorLoss):
    """H2 of Strategy 2: minus the logarithm of the vector's value in the cell that holds the coordinate."""

    def _per_vector(self, F: Any, vectors: Tensor, joints: Tensor) -> Tensor:
        cell = F.clip(F.floor(joints * self._cells), 0, self._cells - 1)
        return -F.log(F.pick(vectors, cell, axis=3) + TINY)


class JointL1(HybridBlock):
    """L1 between joints (N, K, C), summed over coordinates: the loss of R1 and of every integral method."""

    def hybrid_forward(self, F: Any, predicted: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        return F.mean(F.sum(weights * F.abs(predicted - joints), axis=2), axis=1)


class SumOverStages(HybridBlock):
    """The sum of each stage's loss, called as loss(outputs, joints, weights) with a list of the stages' outputs.

    Args:
        losses: one a stage.
        coordinates: how many, C of the first ones, each stage's loss is given: 2 where its maps have no depth.
        factors: what each stage's loss is multiplied by; none: 1.

    Raises:
        ValueError: these, or the outputs, are not as many as the losses.
    """

    def __init__(
        self, losses: Sequence[HybridBlock], coordinates: Sequence[int], factors: Sequence[float] = ()
    ) -> None:
        super().__init__()
        if not losses or len(coordinates) != len(losses):
            raise ValueError(f"{len(losses)} losses for {len(coordinates)} stages")
        if len(factors) not in (0, len(losses)):
            raise ValueError(f"{len(factors)} factors for {len(losses)} losses")
        self._coordinates = tuple(coordinates)
        self._factors = tuple(factors) or (1,) * len(losses)
        with self.name_scope():
            self.losses = nn.HybridSequential()
            self.losses.add(*losses)

    def hybrid_forward(self, F: Any, outputs: List[Tensor], joints: Tensor, weights: Tensor) -> Tensor:
        if len(outputs) != len(self._coordinates):
            raise ValueError(f"built for the outputs of {len(self._coordinates)} stages, given {len(outputs)}")
        total = 0
        for loss, count, factor, output in zip(self.losses, self._coordinates, self._factors, outputs):
            known = (F.slice_axis(tensor, axis=2, begin=0, end=count) for tensor in (joints, weights))
            total = total + factor * loss(output, *known)
        return total
