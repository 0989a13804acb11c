"""Residual log-likelihoods against NumPy: the flow, its Jacobian, the loss and its gradients."""
from __future__ import annotations

from typing import List, Tuple

import mxnet as mx
import numpy as np
import pytest

from integral_pose.geometry import Array
from symbols.descendants.likelihood import SHAPES, Deviations, FlowDensity, ResidualLogLikelihood
from tests.helpers.forms import IN_GRAPHS, run

pytestmark = pytest.mark.memory
N, K = 3, 4


def weights_of_a_flow() -> List[Array]:
    """Large enough for each layer to matter, in the order of `SHAPES`."""
    return [np.random.normal(0, 1 / np.sqrt(shape[2]), shape) for shape in SHAPES]


def leaky(values: Array) -> Array:
    return np.where(values > 0, values, 0.01 * values)


def network(flow: List[Array], number: int, value: float) -> float:
    """One of the flow's networks, before the scale's tanh."""
    enter, enter_bias, middle, middle_bias, leave, leave_bias = (weights[number] for weights in flow)
    hidden = leaky(enter[:, 0] * value + enter_bias[:, 0])
    hidden = leaky(middle @ hidden + middle_bias[:, 0])
    return float(leave[0] @ hidden + leave_bias[0, 0])


def to_normal(flow: List[Array], residual: Array) -> Tuple[Array, float]:
    """z of one residual, and the logarithm of the Jacobian's determinant."""
    point, stretched = np.array(residual, dtype=np.float64), 0.0
    for layer in range(6):
        kept, changed = layer % 2, 1 - layer % 2
        scale = np.tanh(network(flow, 2 * layer, point[kept]))
        point[changed] = (point[changed] - network(flow, 2 * layer + 1, point[kept])) * np.exp(-scale)
        stretched += scale
    return point, -stretched


def log_density(flow: List[Array], residual: Array) -> float:
    z, log_determinant = to_normal(flow, residual)
    return float(-0.5 * (z**2).sum() - np.log(2 * np.pi) + log_determinant)


def loss_of(flow: List[Array], log_sigma: Array, predicted: Array, joints: Array, weights: Array) -> Array:
    """The docstring's equation in a loop: (N,)."""
    per_joint = np.zeros((len(joints), K))
    for n, k in np.ndindex(per_joint.shape):
        if weights[n, k].all():
            sigma = np.exp(log_sigma[n, k].astype(np.float64))
            residual = (joints[n, k] - predicted[n, k]) / sigma
            laplace = (np.log(2 * sigma) + np.abs(residual)).sum()
            per_joint[n, k] = laplace - log_density(flow, residual) + np.log(sigma).sum()
    return per_joint.mean(axis=1)


def draw() -> Tuple[List[Array], Array, Array, Array, Array]:
    """A flow, log sigma, predictions, joints, and weights of which some are 0: the joints there are not numbers."""
    joints, weights = np.random.uniform(-0.2, 1.2, (N, K, 2)), np.ones((N, K, 2))
    weights[0, 1], weights[2, 0, 1] = 0, 0
    joints[weights == 0] = np.nan
    log_sigma, predicted = np.random.normal(-1, 0.5, (N, K, 2)), np.random.uniform(0, 1, (N, K, 2))
    return weights_of_a_flow(), log_sigma, predicted, joints, weights


class Together(ResidualLogLikelihood):
    """The loss, called with each of its outputs as an input of its own."""

    def hybrid_forward(self, F, *inputs):  # type: ignore[no-untyped-def]
        return super().hybrid_forward(F, list(inputs[:8]), *inputs[8:])


def made(hybridize: bool) -> Together:
    loss = Together()
    loss.hybridize(hybridize, static_alloc=hybridize, static_shape=hybridize)
    return loss


def slopes(loss: Together, *inputs: Array) -> List[Array]:
    """The gradients of the summed loss for the flow's weights, log sigma and the predictions."""
    arrays = [mx.nd.array(array) for array in inputs]
    for array in arrays[:8]:
        array.attach_grad()
    with mx.autograd.record():
        total = loss(*arrays).sum()
    total.backward()
    return [array.grad.asnumpy() for array in arrays[:8]]


def test_the_flows_density_equals_a_loop(hybridize: bool) -> None:
    flow, residuals = weights_of_a_flow(), np.random.normal(0, 2, (7, 2))
    density = FlowDensity()
    density.hybridize(hybridize)
    expected = [log_density(flow, residual) for residual in residuals]
    np.testing.assert_allclose(run(density, residuals, *flow)[0], expected, rtol=1e-4)


def test_the_flow_is_invertible_and_its_density_has_a_mass_of_1() -> None:
    flow = weights_of_a_flow()
    side = np.linspace(-25, 25, 126)
    grid = np.stack(np.meshgrid(side, side), axis=2).reshape(-1, 2)
    mass = np.exp(run(FlowDensity(), grid, *flow)[0].astype(np.float64)).sum() * (side[1] - side[0]) ** 2
    assert mass == pytest.approx(1, abs=0.02)
    numeric = np.stack([(to_normal(flow, step)[0] - to_normal(flow, -step)[0]) / 2e-5 for step in np.eye(2) * 1e-5])
    assert np.log(np.linalg.det(numeric)) == pytest.approx(to_normal(flow, np.zeros(2))[1], abs=1e-4)


def test_the_loss_equals_a_loop(hybridize: bool) -> None:
    flow, *rest = draw()
    np.testing.assert_allclose(run(made(hybridize), *flow, *rest)[0], loss_of(flow, *rest), rtol=1e-4)


@pytest.mark.parametrize("form", IN_GRAPHS)
def test_the_loss_is_the_same_in_a_graph(tmp_path, form) -> None:  # type: ignore[no-untyped-def]
    (flow, *rest), (other, *more) = draw(), draw()
    inside = form(Together(), tmp_path, *map(mx.nd.array, (*flow, *rest)))
    np.testing.assert_allclose(run(inside, *other, *more)[0], run(Together(), *other, *more)[0], rtol=1e-5)


def test_gradients_equal_differences(hybridize: bool) -> None:
    """For the predictions, log sigma and some of each of the flow's weights."""
    flow, *rest = draw()
    arrays = [*flow, *rest]
    found, rng = slopes(made(hybridize), *arrays), np.random.default_rng(5)
    for number, gradient in enumerate(found):
        for place in rng.choice(gradient.size, size=min(4, gradient.size), replace=False):
            moved = [[array.copy() for array in arrays] for _ in range(2)]
            for sign, copies in zip((1, -1), moved):
                copies[number].reshape(-1)[place] += sign * 1e-6
            ahead, behind = (loss_of(copies[:6], *copies[6:]).sum() for copies in moved)
            assert gradient.reshape(-1)[place] == pytest.approx((ahead - behind) / 2e-6, rel=1e-2, abs=1e-4)


def test_joints_that_are_not_annotated_do_not_count(hybridize: bool) -> None:
    """Nor one of whose coordinates only one is."""
    flow, log_sigma, predicted, joints, weights = draw()
    loss, unknown = made(hybridize), weights.min(axis=2) == 0
    moved = [log_sigma.copy(), predicted.copy(), joints.copy()]
    for array, value in zip(moved, (-3, 7, 1e30)):
        array[unknown] = value
    np.testing.assert_array_equal(run(loss, *flow, *moved, weights)[0],
                                  run(loss, *flow, log_sigma, predicted, joints, weights)[0])
    *of_flow, of_sigma, of_joints = slopes(loss, *flow, *moved, weights)
    for gradient in (of_sigma, of_joints):
        np.testing.assert_array_equal(np.abs(gradient).max(axis=2) > 0, ~unknown)
    without = slopes(loss, *flow, log_sigma, predicted, joints, weights)[:6]
    assert all(np.array_equal(*pair) for pair in zip(of_flow, without))


def test_the_best_sigma_follows_the_error() -> None:
    """With a flow that is the identity, errors twice as large have their lowest loss at twice the sigma."""
    flow = [np.zeros(shape) for shape in SHAPES]
    log_sigmas, known = np.linspace(-6, 0, 121), np.ones((121, 1, 2))

    def best(error: float) -> float:
        losses = run(Together(), *flow, log_sigmas[:, None, None] * known, error * known, 0 * known, known)[0]
        return float(np.exp(log_sigmas[losses.argmin()]))

    assert best(0.2) / best(0.1) == pytest.approx(2, rel=0.1)
    assert 0.05 < best(0.1) < 0.2


def test_deviations_are_within_0_and_1_and_the_flow_begins_as_the_identity(hybridize: bool) -> None:
    block = Deviations(5, K)
    block.initialize()
    block.hybridize(hybridize)
    *flow, log_sigma = run(block, np.random.normal(0, 100, (N, 5, 2, 3)))
    assert [array.shape for array in flow] == list(SHAPES) and log_sigma.shape == (N, K, 2)
    np.testing.assert_allclose(np.exp(log_sigma), 0.5, atol=0.2)
    block.final.weight.set_data(block.final.weight.data() * 1e4)
    extreme = run(block, np.random.normal(0, 100, (N, 5, 2, 3)))[-1]
    assert np.isfinite(extreme).all() and (extreme <= 0).all() and extreme.min() < -50
    residuals = np.random.normal(0, 1, (5, 2))
    for residual in residuals:
        np.testing.assert_allclose(to_normal(flow, residual)[0], residual, atol=0.1)
