"""Sampling-argmax: what its samples are on average, in limits, and against NumPy with the same random numbers."""
from __future__ import annotations

from typing import Any, List, Tuple

import mxnet as mx
import numpy as np
import pytest
from scipy import special

from integral_pose.geometry import Array
from symbols.descendants.sampling import SampledL1, SamplingArgmax
from symbols.integral import Integral
from symbols.losses import JointL1
from tests.helpers.forms import gradient, run

pytestmark = pytest.mark.memory
N, K, H, W, S = 2, 3, 5, 7, 4


def draw() -> Tuple[Array, Array, Array]:
    """Maps, joints and weights, of which some are 0: the joints there are not numbers."""
    joints, weights = np.random.uniform(-0.2, 1.2, (N, K, 2)), np.ones((N, K, 2))
    weights[0, 1], weights[1, 0, 1] = 0, 0
    joints[weights == 0] = np.nan
    return np.random.normal(0, 2, (N, K, H, W)), joints, weights


def made(hybridize: bool, samples: int = S, **options: Any) -> SampledL1:
    loss = SampledL1(H, W, samples, **options)
    loss.hybridize(hybridize)
    return loss


class Drawn:
    """MXNet's operators with random numbers that are noted as they are drawn."""

    def __init__(self) -> None:
        self.noted: List[Array] = []
        self.random = self

    def __getattr__(self, name: str) -> Any:
        return getattr(mx.nd, name)

    def uniform_like(self, tensor: Any) -> Any:
        numbers = mx.nd.random.uniform_like(tensor)
        self.noted.append(numbers.asnumpy().astype(np.float64))
        return numbers


def sampled(maps: Array, draws: List[Array], temperature: float, place: float) -> Array:
    """Eq. 11 and 12 by NumPy: samples (N, K, S, 2)."""
    of_cells, *of_places = draws
    logits = np.log(special.softmax(maps.reshape(N, K, 1, H * W), axis=3)) - np.log(-np.log(of_cells))
    mass = special.softmax(logits / temperature, axis=3).reshape(N, K, -1, H, W)
    found = []
    for axis, cells in ((0, W), (1, H)):
        triangular = of_places[2 * axis] + of_places[2 * axis + 1] - 1
        places = (np.arange(cells) + place + triangular) / cells
        found.append((mass.sum(axis=3 + axis) * places).sum(axis=3))
    return np.stack(found, axis=3)


@pytest.mark.parametrize("temperature, place", [(1.0, 0.5), (0.3, 0.0)])
def test_equals_numpy_with_the_same_draws(temperature: float, place: float) -> None:
    maps, joints, weights = draw()
    operators = Drawn()
    loss = SampledL1(H, W, S, temperature, place)
    said = loss.hybrid_forward(operators, *map(mx.nd.array, (maps, joints, weights)))
    assert [drawn.shape for drawn in operators.noted] == [(N, K, S, H * W), *[(N, K, S, W)] * 2, *[(N, K, S, H)] * 2]
    distances = np.abs(sampled(maps, operators.noted, temperature, place) - joints[:, :, None]).mean(axis=2)
    expected = np.where(weights > 0, distances, 0).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(said.asnumpy(), expected, rtol=1e-4)


def test_gradients_equal_differences_with_the_same_draws(hybridize: bool) -> None:
    maps, joints, weights = draw()
    loss = made(hybridize)

    def seeded(values: Array) -> float:
        mx.random.seed(3)
        return float(run(loss, values, joints, weights)[0].sum())

    mx.random.seed(3)
    found = gradient(loss, maps, joints, weights)
    assert np.isfinite(found).all()
    for place in np.random.default_rng(4).choice(maps.size, 12, replace=False):
        ahead, behind = maps.copy(), maps.copy()
        ahead.reshape(-1)[place] += 1e-2
        behind.reshape(-1)[place] -= 1e-2
        numeric = (seeded(ahead) - seeded(behind)) / 2e-2
        assert found.reshape(-1)[place] == pytest.approx(numeric, rel=0.05, abs=1e-4)


def test_joints_that_are_not_annotated_do_not_count(hybridize: bool) -> None:
    maps, joints, weights = draw()
    loss = made(hybridize)
    moved, unknown = maps.copy(), weights.max(axis=2) == 0
    moved[unknown] = 50
    found = []
    for values in (maps, moved):
        mx.random.seed(3)
        found.append(run(loss, values, joints, weights)[0])
    np.testing.assert_array_equal(*found)
    slopes = np.abs(gradient(loss, maps, joints, weights)).max(axis=(2, 3))
    np.testing.assert_array_equal(slopes > 0, ~unknown)


def test_with_a_low_temperature_it_is_the_expected_error_of_the_interpolated_map(hybridize: bool) -> None:
    """Of a cell drawn by its probability and a triangular place around it, the mean distance is known."""
    maps, joints = np.random.normal(0, 1, (1, 1, H, W)), np.array([[[0.4, 0.7]]])
    mx.random.seed(7)
    said = run(made(hybridize, samples=40_000, temperature=0.02), maps, joints, np.ones((1, 1, 2)))[0][0]
    mass = special.softmax(maps.reshape(-1)).reshape(H, W)
    steps = np.linspace(-1, 1, 2001)
    triangle = 1 - np.abs(steps)
    triangle /= triangle.sum()
    expected = sum(
        mass.sum(axis=axis)[cell] * (np.abs((cell + 0.5 + steps) / cells - joint) * triangle).sum()
        for axis, cells, joint in ((0, W, 0.4), (1, H, 0.7)) for cell in range(cells)
    )
    assert said == pytest.approx(expected, rel=0.02)
    assert said > np.abs(run(Integral(1, H, W), maps)[0] - joints).sum()  # the error of the expectation is less


def test_with_a_high_temperature_every_sample_is_near_the_middle(hybridize: bool) -> None:
    """All cells weigh the same; what is left is the places' noise, averaged."""
    loss = made(hybridize, samples=400, temperature=1e6)
    middle = np.full((1, 1, 2), 0.5)
    assert run(loss, np.random.normal(0, 2, (1, 1, H, W)), middle, np.ones((1, 1, 2)))[0][0] < 0.1


@pytest.mark.parametrize("shape", [(K, H, W + 1), (K, W, H), (K, H * W, 1)])
def test_refuses_maps_of_another_size(hybridize: bool, shape: Tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"built for maps \(N, any, 5, 7\)"):
        run(made(hybridize), np.ones((N, *shape)), *draw()[1:])


def test_it_draws_in_training_only(hybridize: bool) -> None:
    """In validation the loss is that of the joints, whatever the random numbers; in either order of the two."""
    maps, _, weights = (mx.nd.array(array) for array in draw())
    truth, predicted = mx.nd.random.uniform(shape=(N, K, 2)), Integral(K, H, W)(maps)
    loss = SamplingArgmax(H, W, S)
    loss.hybridize(hybridize, static_alloc=hybridize, static_shape=hybridize)

    def said(training: bool, seed: int) -> Array:
        mx.random.seed(seed)
        if not training:
            return np.asarray(loss([maps, predicted], truth, weights).asnumpy())
        with mx.autograd.record():
            return np.asarray(loss([maps, predicted], truth, weights).asnumpy())

    before, first, again, other, after = (
        said(False, 1), said(True, 1), said(True, 1), said(True, 2), said(False, 2))
    np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(before, JointL1()(predicted, truth, weights).asnumpy())
    np.testing.assert_array_equal(first, again)
    assert (first != other).all() and (first != before).all()
