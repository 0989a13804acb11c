"""The heads: shapes, first values, and the direct head's formula."""
from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from symbols.heads import DeconvolutionHead, DirectHead
from tests.helpers.forms import IN_GRAPHS, run

N, ENTERING, H, W = 2, 6, 3, 5
HEADS = {
    "2 deconvolutions": (lambda: DeconvolutionHead(ENTERING, 11, 2, 8), (11, 4 * H, 4 * W)),
    "3 deconvolutions": (lambda: DeconvolutionHead(ENTERING, 11, 3, 8), (11, 8 * H, 8 * W)),
    "no deconvolution": (lambda: DeconvolutionHead(ENTERING, 11, 0, 8), (11, H, W)),
    "direct in 2D": (lambda: DirectHead(ENTERING, 7), (7, 2)),
    "direct in 3D": (lambda: DirectHead(ENTERING, 7, 3), (7, 3)),
}
every_head = pytest.mark.parametrize("make, leaving", HEADS.values(), ids=list(HEADS))
pytestmark = pytest.mark.memory


def features():
    return np.random.normal(0, 1, (N, ENTERING, H, W)).astype(np.float32)


def initialised(head):
    """With the values that training starts from, whatever the network's initialiser."""
    head.initialize(mx.init.MSRAPrelu("in", 0))
    return head


@every_head
def test_shapes(hybridize, make, leaving):
    head = initialised(make())
    head.hybridize(hybridize)
    assert run(head, features())[0].shape == (N, *leaving)


@every_head
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path, form, make, leaving):
    head = make()
    head.initialize()
    for parameter in head.collect_params(".*weight").values():
        parameter.set_data(mx.nd.random.normal(0, 0.3, parameter.shape))
    first, other = features(), features()
    eager = run(head, other)[0]
    inside = form(head, tmp_path, mx.nd.array(first))
    np.testing.assert_allclose(run(inside, other)[0], eager, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make", [lambda: DeconvolutionHead(61, 130, 2, 64), lambda: DirectHead(2048, 9)])
def test_weights_start_from_a_normal_distribution_and_biases_from_0(make):
    values = {name: parameter.data().asnumpy() for name, parameter in initialised(make()).collect_params().items()}
    weights = [value for name, value in values.items() if name.endswith("weight")]
    biases = [value for name, value in values.items() if name.endswith("bias")]
    for value in weights:
        error = 1e-3 / np.sqrt(value.size)  # of the mean; the deviation's is smaller
        assert abs(value.mean()) < 4 * error and abs(value.std() - 1e-3) < 4 * error
        assert (np.abs(value) < 1e-3).mean() == pytest.approx(0.683, abs=0.02)
    assert len(biases) == 1 and not biases[0].any()


@pytest.mark.parametrize("layers", [2, 3])
def test_deconvolutions_have_no_bias_and_are_4x4_with_256_channels(layers):
    shapes = [parameter.shape for parameter in DeconvolutionHead(512, 16, layers).collect_params(".*weight").values()]
    assert shapes == [(512, 256, 4, 4), *[(256, 256, 4, 4)] * (layers - 1), (16, 256, 1, 1)]


def test_a_direct_head_without_an_opinion_says_the_patchs_middle(hybridize):
    head = DirectHead(ENTERING, 7)
    head.initialize(mx.init.Zero())
    for parameter in head.collect_params().values():
        parameter.set_data(mx.nd.zeros(parameter.shape))
    head.hybridize(hybridize)
    np.testing.assert_array_equal(run(head, features())[0], 0.5)


def test_a_direct_head_is_a_linear_map_of_the_mean_feature(hybridize):
    head = initialised(DirectHead(ENTERING, 7, 3))
    head.final.bias.set_data(mx.nd.arange(21))
    head.hybridize(hybridize)
    x = features()
    expected = x.mean(axis=(2, 3)) @ head.final.weight.data().asnumpy().T + np.arange(21) + 0.5
    np.testing.assert_allclose(run(head, x)[0], expected.reshape(N, 7, 3), rtol=1e-5)
