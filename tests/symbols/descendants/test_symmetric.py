"""AlphaPose's gradient: the joints are the integral's, the gradient is the equation's."""
from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np
import pytest
from scipy import special

from symbols.descendants.symmetric import SymmetricIntegral
from symbols.integral import Integral
from symbols.losses import JointL1
from symbols.native import marginals
from tests.helpers.forms import IN_GRAPHS, gradient, run

pytestmark = pytest.mark.memory
N, K, H, W = 2, 3, 5, 7


@pytest.fixture(autouse=True, params=[True, False], ids=["fused", "plain"])
def fused(request: Any, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Runs the test once with the compiled operator, where it is built, and once with MXNet's own."""
    if request.param and not marginals.loaded():
        pytest.skip("the compiled operator is not built: `make setup` does where g++ is")
    if not request.param:
        monkeypatch.setattr(marginals, "loaded", lambda: False)
    return bool(request.param)


def made(hybridize: bool, place: float = 0.5) -> SymmetricIntegral:
    block = SymmetricIntegral(K, H, W, place=place)
    block.hybridize(hybridize)
    return block


@pytest.mark.parametrize("place", [0.5, 0.0])
def test_the_joints_are_those_of_the_integral(hybridize: bool, place: float) -> None:
    logits = np.random.normal(0, 3, (N, K, H, W))
    np.testing.assert_allclose(run(made(hybridize, place), logits)[0], run(Integral(K, H, W, place=place), logits)[0],
                               atol=1e-6)


def test_the_gradient_is_the_equations(hybridize: bool) -> None:
    """Of the L1 loss: A sign(x - J) sign(J - truth) for each probability, through the softmax's own Jacobian."""
    logits, truth = np.random.normal(0, 2, (N, K, H, W)), np.random.uniform(0, 1, (N, K, 2))
    block, loss, known = made(hybridize), JointL1(), mx.nd.ones((N, K, 2))
    found = gradient(lambda maps: loss(block(maps), mx.nd.array(truth), known), logits)
    for n, k in np.ndindex(N, K):
        mass = special.softmax(logits[n, k])
        slopes = []
        for axis, cells in ((0, W), (1, H)):
            places = (np.arange(cells) + 0.5) / cells
            joint = (places * mass.sum(axis=axis)).sum()
            slopes.append(np.sign(places - joint) * np.sign(joint - truth[n, k, axis]) / 8)
        of_mass = slopes[0][None] + slopes[1][:, None]
        expected = mass * (of_mass - (mass * of_mass).sum()) / K  # the loss is a mean over joints
        np.testing.assert_allclose(found[n, k], expected, atol=1e-6)


def test_it_pushes_cells_on_either_side_equally_however_far_away(hybridize: bool) -> None:
    """Eq. 4 pushes the further cell more, as it lies further from the joint."""
    flat = np.zeros((1, K, H, W))
    head = np.zeros((1, K, 2))
    head[..., 0] = 1
    found, plain = (gradient(block, flat, head=head)[0, 0, 0] for block in (made(hybridize), Integral(K, H, W)))
    np.testing.assert_allclose(found, np.sign(np.arange(W) - 3) / 8 / (H * W), atol=1e-7)
    assert plain[6] > 2 * plain[4] > 0


@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path: Any, form: Any) -> None:
    first, other = np.random.normal(0, 2, (2, N, K, H, W))
    inside = form(made(False), tmp_path, mx.nd.array(first))
    np.testing.assert_allclose(run(inside, other)[0], run(made(False), other)[0], atol=1e-6)


@pytest.mark.parametrize("shape", [(K, H, W + 1), (K + 1, H, W), (K, W, H)])
def test_refuses_maps_of_another_size(hybridize: bool, shape: Any) -> None:
    with pytest.raises(ValueError, match=r"built for maps \(N, 3, 5, 7\)"):
        run(made(hybridize), np.ones((N, *shape)))
