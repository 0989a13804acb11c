"""Residual log-likelihood estimation (RLE; Li et al., "Human Pose Regression with Residual Log-likelihood Estimation",
ICCV 2021): a network predicts how far off each joint may be, and a normalizing flow learns how errors are distributed.

All of it is for training: the joints are the network's own, and at test nothing else is used.
"""
from __future__ import annotations

import math
from typing import Any, List, Tuple

import mxnet as mx
from mxnet.gluon import HybridBlock, nn

from symbols.heads import INIT
from symbols.maps import Tensor

COUPLINGS = 6  # layers of the flow; each changes one coordinate, x and y in turn
HIDDEN = 64  # units of both hidden layers of each small network
SLOPE = 0.01  # of the leaky ReLU below 0
NETWORKS = 2 * COUPLINGS  # a scale and a shift for each layer
SHAPES = (  # of the flow's weights and biases: into the hidden layers, between them, and out of them
    (NETWORKS, HIDDEN, 1), (NETWORKS, HIDDEN, 1), (NETWORKS, HIDDEN, HIDDEN), (NETWORKS, HIDDEN, 1),
    (NETWORKS, 1, HIDDEN), (NETWORKS, 1, 1),
)


class Deviations(HybridBlock):
    """Features (N, in, h, w) -> a list of the flow's weights, six arrays as `SHAPES`, and log sigma (N, K, 2).

    sigma, in fractions of the patch, is how far off each coordinate is expected to be: average pooling, one fully
    connected layer and a sigmoid, as in the authors' release. The flow's weights do not depend on the features. They
    are the network's, so that they are trained, saved and resumed with it, and its outputs, so that the loss has them.
    """

    def __init__(self, entering: int, joints: int) -> None:
        super().__init__()
        self._joints = joints
        with self.name_scope():
            self.pool = nn.GlobalAvgPool2D()
            self.final = nn.Dense(2 * joints, weight_initializer=INIT, in_units=entering)
            for name, shape, init in zip(self._names(), SHAPES, self._initialisers()):
                setattr(self, name, self.params.get(name, shape=shape, init=init))

    @staticmethod
    def _names() -> Tuple[str, ...]:
        return tuple(f"{layer}_{kind}" for layer in ("enter", "middle", "leave") for kind in ("weight", "bias"))

    @staticmethod
    def _initialisers() -> Tuple[mx.init.Initializer, ...]:
        """He's for the hidden layers, and almost 0 behind them: the flow starts as the identity, almost."""
        hidden = [mx.init.Normal(math.sqrt(2 / entering)) for entering in (1, HIDDEN)]
        return hidden[0], mx.init.Zero(), hidden[1], mx.init.Zero(), INIT, mx.init.Zero()

    def hybrid_forward(self, F: Any, features: Tensor, **flow: Tensor) -> List[Tensor]:
        logits = F.reshape(self.final(self.pool(features)), (0, self._joints, 2))
        return [*(F.identity(flow[name]) for name in self._names()), -F.Activation(-logits, act_type="softrelu")]


class FlowDensity(HybridBlock):
    """log G(r) of residuals r (M, 2), for a RealNVP (Dinh et al., ICLR 2017) with the weights of `Deviations`: (M,).

    The flow takes r to z, of which a standard normal distribution is asked for. Layer by layer one coordinate a stays
    and the other one, b, becomes (b - t(a)) exp(-s(a)); the next layer changes a. s, a tanh at its end, and t are
    networks with two hidden layers. So

        log G(r) = log N(z; 0, I) - sum of all s.
    """

    def hybrid_forward(self, F: Any, residuals: Tensor, *flow: Tensor) -> Tensor:
        rows = F.transpose(residuals)  # (2, M)
        kept, changed = (F.slice_axis(rows, axis=0, begin=axis, end=axis + 1) for axis in (0, 1))
        stretched = F.zeros_like(kept)
        for layer in range(COUPLINGS):
            scale, shift = self._networks(F, layer, kept, flow)
            kept, changed = (changed - shift) * F.exp(-scale), kept
            stretched = stretched + scale
        normal = -0.5 * (F.square(kept) + F.square(changed)) - math.log(2 * math.pi)
        return F.squeeze(normal - stretched, axis=0)

    @staticmethod
    def _networks(F: Any, layer: int, row: Tensor, flow: Tuple[Tensor, ...]) -> Tuple[Tensor, Tensor]:
        """s and t (1, M) of one layer for the coordinates (1, M) that it keeps."""
        enter, enter_bias, middle, middle_bias, leave, leave_bias = (
            F.slice_axis(weights, axis=0, begin=2 * layer, end=2 * layer + 2) for weights in flow
        )
        hidden = F.broadcast_add(F.broadcast_mul(enter, F.expand_dims(row, axis=0)), enter_bias)  # (2, HIDDEN, M)
        hidden = F.LeakyReLU(hidden, act_type="leaky", slope=SLOPE)
        hidden = F.LeakyReLU(F.broadcast_add(F.batch_dot(middle, hidden), middle_bias), act_type="leaky", slope=SLOPE)
        both = F.broadcast_add(F.batch_dot(leave, hidden), leave_bias)  # (2, 1, M)
        scale, shift = (F.squeeze(F.slice_axis(both, axis=0, begin=i, end=i + 1), axis=0) for i in (0, 1))
        return F.tanh(scale), shift


class ResidualLogLikelihood(HybridBlock):
    """Minus the log-likelihood of the annotated joint, by a Laplace distribution and by what the flow makes of it.

    With residuals r = (joint - predicted) / sigma, in each of the two coordinates c, a joint's loss is

        sum over c of (log(2 sigma_c) + |r_c|)  -  log G(r) + sum over c of log sigma_c.

    The first part is the Laplace distribution around the prediction, the paper's simple distribution Q; the second is
    the flow's density of the joint. The paper's equation is -log Q(r) - log G(r) - log s + log sigma. As the authors'
    release does, this takes Q as the density of the joint, with a log sigma of its own, and leaves out the normalizing
    constant s. So it is the sum of two proper log-likelihoods: with one log sigma and no s, sigma could grow without
    limit while the flow shrinks. The release counts log G once for each coordinate; here, as in the paper, it is
    counted once for each joint. A joint counts when both coordinates are known.

    Called as loss(outputs, joints, weights), like the losses in `symbols.losses`, with `Deviations`' list and the
    joints (N, K, 2) as the outputs.
    """

    def __init__(self) -> None:
        super().__init__()
        with self.name_scope():
            self.density = FlowDensity()

    def hybrid_forward(self, F: Any, outputs: List[Tensor], joints: Tensor, weights: Tensor) -> Tensor:
        *flow, log_sigma, predicted = outputs
        known = F.min(weights, axis=2)
        both = F.broadcast_like(F.expand_dims(known, axis=2), joints)
        away = F.where(both, joints - predicted, F.zeros_like(joints))  # whatever stands for unknown coordinates
        residuals = away * F.exp(-log_sigma)
        density = F.reshape_like(self.density(F.reshape(residuals, (-1, 2)), *flow), known)
        laplace = F.sum(math.log(2) + 2 * log_sigma + F.abs(residuals), axis=2)  # with the flow's log sigma
        return F.mean(known * (laplace - density), axis=1)
