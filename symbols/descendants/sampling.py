"""Sampling-argmax (Li et al., "Localization with Sampling-Argmax", NeurIPS 2021): the expected error, not the error of
the expectation."""
from __future__ import annotations

from typing import Any, List

from mxnet import autograd
from mxnet.gluon import HybridBlock

from symbols.losses import JointL1
from symbols.maps import OnMaps, Tensor, centres, reshape_axes

TINY = 1e-20  # keeps a uniform draw of 0 under a logarithm


class SampledL1(OnMaps):
    """Mean L1 distance of samples of each map (N, K, H, W) from its joint (N, K, 2): (N,).

    The paper's continuous formulation: a map's probabilities pi weigh triangular distributions, one at each cell, two
    cells wide (Eq. 6 and 8), which is the linear interpolation of pi. A sample is drawn so that it has a gradient (Eq.
    11 and 12), with Gumbel noise g and a place y_i of each cell's own distribution:

        w = softmax((g + log pi) / temperature)    sample = sum over i of w_i y_i

    and the loss is the mean of its distances (Eq. 14), summed over coordinates and averaged over joints as `JointL1`.
    As in the authors' release the noise of places is drawn for columns and rows. Not as there, the probabilities of
    the moved places are not computed anew, and the temperature stays the same; the paper lowers it in training.

    Args:
        height, width: H and W.
        samples: of each map.
        place: of a cell's coordinate within the cell, as for `symbols.integral.Integral`.
    """

    def __init__(
        self, height: int, width: int, samples: int, temperature: float = 1.0, place: float = 0.5
    ) -> None:
        super().__init__(0, height, width)
        self._sides, self._samples, self._temperature, self._place = (width, height), samples, temperature, place

    def hybrid_forward(self, F: Any, maps: Tensor, joints: Tensor, weights: Tensor) -> Tensor:
        width, height = self._sides
        joints = F.where(weights, joints, F.zeros_like(joints))  # whatever stands for an unknown coordinate
        flat = reshape_axes(F, reshape_axes(F, maps, 3, 4, (width,)), 2, 4, (1, height * width))
        flat = F.broadcast_axis(F.cast(flat, "float32"), axis=2, size=self._samples)  # (N, K, S, H * W)
        gumbel = -F.log(TINY - F.log(TINY + F.random.uniform_like(flat)))
        mass = reshape_axes(F, F.softmax((flat + gumbel) / self._temperature, axis=3), 3, 4, (height, width))
        found = F.stack(*(self._places(F, F.sum(mass, axis=3 + axis), axis) for axis in (0, 1)), axis=3)
        distances = F.mean(F.abs(F.broadcast_sub(found, F.expand_dims(joints, axis=2))), axis=2)
        return F.mean(F.sum(weights * distances, axis=2), axis=1)

    def _places(self, F: Any, mass: Tensor, axis: int) -> Tensor:
        """Mass (N, K, S, cells) along x (axis 0) or y -> the samples' coordinates (N, K, S), fractions."""
        cells = self._sides[axis]
        triangular = F.random.uniform_like(mass) + F.random.uniform_like(mass) - 1
        places = F.broadcast_add(triangular / cells, F.reshape(centres(F, cells, self._place), (1, 1, 1, -1)))
        return F.sum(mass * places, axis=3)


class SamplingArgmax(HybridBlock):
    """`SampledL1` of the maps in training; else `JointL1` of the joints, their expectations ("In the testing phase, no
    randomness is introduced").

    Called as loss([maps, joints], truth, weights), with what `symbols.pose_net.MapsBeside` gives.
    """

    def __init__(self, height: int, width: int, samples: int, place: float = 0.5) -> None:
        super().__init__()
        with self.name_scope():
            self.sampled, self.expected = SampledL1(height, width, samples, place=place), JointL1()

    def forward(self, outputs: List[Tensor], joints: Tensor, weights: Tensor) -> Tensor:
        """Chosen at each call, since a graph is made once for both."""
        maps, predicted = outputs
        if autograd.is_training():
            return self.sampled(maps, joints, weights)
        return self.expected(predicted, joints, weights)
