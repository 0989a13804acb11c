"""The integral operator against loops, limits and identities, in every form that it is used in."""
from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from symbols.integral import Expectation, Integral, Marginals
from tests.forms import IN_GRAPHS, gradient, run

pytestmark = pytest.mark.memory
N, K, D, H, W = 2, 3, 4, 5, 7
both_depths = pytest.mark.parametrize("depth", [1, D], ids=["2D", "3D"])
both_blocks = pytest.mark.parametrize("kind", [Integral, Marginals])


def made(kind, depth, hybridize):
    block = kind(K, H, W, depth)
    block.hybridize(hybridize)
    return block


def draw(depth):
    return np.random.normal(0, 3, (N, K * depth, H, W)).astype(np.float32)


def probabilities(logits, depth):
    """(N, K, D, H, W), of which each joint's sum to 1."""
    maps = logits.astype(np.float64).reshape(len(logits), K, depth, H, W)
    powers = np.exp(maps - maps.max(axis=(2, 3, 4), keepdims=True))
    return powers / powers.sum(axis=(2, 3, 4), keepdims=True)


def centre(cell, depth):
    """(z, y, x) as numbered -> (x, y[, z]) in fractions."""
    z, y, x = cell
    return np.array([(x + 0.5) / W, (y + 0.5) / H, (z + 0.5) / depth])[: 2 if depth == 1 else 3]


def by_loop(logits, depth):
    joints = np.zeros((len(logits), K, 2 if depth == 1 else 3))
    for (n, k, *cell), share in np.ndenumerate(probabilities(logits, depth)):
        joints[n, k] += share * centre(cell, depth)
    return joints


@both_depths
def test_equals_a_loop(hybridize, depth):
    logits = draw(depth)
    np.testing.assert_allclose(run(made(Integral, depth, hybridize), logits)[0], by_loop(logits, depth), atol=1e-6)


@both_depths
def test_marginals_sum_the_other_axes(hybridize, depth):
    logits = draw(depth)
    shares = probabilities(logits, depth)
    for vectors, others in zip(run(made(Marginals, depth, hybridize), logits), [(2, 3), (2, 4), (3, 4)]):
        np.testing.assert_allclose(vectors, shares.sum(axis=others), atol=1e-6)


@both_depths
def test_equals_marginals_and_their_expectations(hybridize, depth):
    logits = draw(depth)
    steps = []
    for vectors, cells in zip(run(made(Marginals, depth, hybridize), logits), (W, H, depth)):
        expectation = Expectation(cells)
        expectation.hybridize(hybridize)
        steps.extend(run(expectation, vectors))
    direct = run(made(Integral, depth, hybridize), logits)[0]
    np.testing.assert_allclose(direct, np.stack(steps, axis=2)[..., : direct.shape[2]], atol=1e-6)


@both_blocks
@both_depths
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path, form, kind, depth):
    logits = draw(depth)
    inside = form(made(kind, depth, False), tmp_path, mx.nd.array(logits))
    for ours, eager in zip(run(inside, logits[::-1]), run(made(kind, depth, False), logits[::-1])):
        np.testing.assert_allclose(ours, eager, atol=1e-7)


@both_depths
def test_a_lone_peak_is_its_cells_centre(hybridize, depth):
    cells = list(np.ndindex(depth, H, W))
    logits = np.zeros((len(cells), K, len(cells)), np.float32)
    peaks = (np.arange(len(cells))[:, None] + 13 * np.arange(K)) % len(cells)
    np.put_along_axis(logits, peaks[..., None], 1e4, axis=2)
    joints = run(made(Integral, depth, hybridize), logits.reshape(len(cells), K * depth, H, W))[0]
    np.testing.assert_allclose(joints, [[centre(cells[i], depth) for i in row] for row in peaks], atol=1e-6, rtol=0)


@both_depths
def test_huge_logits_stay_finite(hybridize, depth):
    block = made(Integral, depth, hybridize)
    for logits in (np.full_like(draw(depth), 1e4), np.full_like(draw(depth), -1e4), 1e4 * np.sign(draw(depth))):
        joints = run(block, logits)[0]
        assert joints.min() > 0 and joints.max() < 1
        np.testing.assert_allclose(joints, by_loop(logits, depth), atol=1e-6)
        assert np.isfinite(gradient(block, logits)).all()


@both_depths
def test_gradient_is_the_share_times_the_distance_from_the_joint(hybridize, depth):
    logits = draw(depth)
    joints, shares = by_loop(logits, depth), probabilities(logits, depth)
    centres = np.array([centre(cell, depth) for cell in np.ndindex(depth, H, W)]).reshape(depth, H, W, -1)
    for c in range(joints.shape[2]):
        head = np.zeros_like(joints)
        head[..., c] = 1
        expected = shares * (centres[..., c] - joints[:, :, None, None, None, c])
        found = gradient(made(Integral, depth, hybridize), logits, head=head)
        np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-6)


@both_depths
def test_float16_logits_are_summed_in_float32(hybridize, depth):
    logits = draw(depth).astype(np.float16)
    joints = made(Integral, depth, hybridize)(mx.nd.array(logits, dtype="float16")).asnumpy()
    assert joints.dtype == np.float32
    np.testing.assert_allclose(joints, by_loop(logits, depth), atol=1e-6)


def test_a_large_flat_float16_map_keeps_its_middle(hybridize):
    block = Integral(1, 96, 160)
    block.hybridize(hybridize)
    np.testing.assert_allclose(block(mx.nd.zeros((1, 1, 96, 160), dtype="float16")).asnumpy(), 0.5, atol=1e-6)


@both_blocks
@both_depths
def test_works_on_the_device_of_its_input(hybridize, kind, depth):
    with mx.gpu(0):  # stands for any other device: constants there would raise
        outputs = made(kind, depth, hybridize)(mx.nd.array(draw(depth), ctx=mx.cpu(1)))
    assert {output.context for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])} == {mx.cpu(1)}


def other_sizes(channels):
    """Shapes (N, channels, H, W) of as many elements or not, of joints that still divide or not."""
    return [(N, *size) for size in [
        (channels, H, W + 1), (channels, H + 1, W), (channels, W, H), (channels, 1, W), (channels, H, 1),
        (channels, 1, H * W), (channels, H * W, 1), (channels * H, 1, W), (channels * W, H, 1),
        (channels + 1, H, W), (channels - 1, H, W), (channels + K, H, W), (2 * channels, H, W), (1, H, W),
        (channels + 1, H + 1, W), (2 * channels, H + 1, W), (channels, H * W), (1, channels, H, W),
    ]]


OTHERS = [pytest.param(depth, shape, id=f"{depth}-{'x'.join(map(str, shape))}")
          for depth in (1, D) for shape in other_sizes(K * depth)]


@both_blocks
@pytest.mark.parametrize("depth, shape", OTHERS)
def test_refuses_another_size(hybridize, kind, depth, shape):
    with pytest.raises(ValueError, match=rf"built for maps \(N, {K * depth}, 5, 7\), given \({N}, "):
        run(made(kind, depth, hybridize), np.ones(shape))


@both_blocks
@pytest.mark.parametrize("form", IN_GRAPHS)
@pytest.mark.parametrize("depth, shape", OTHERS)
def test_refuses_another_size_in_a_graph(tmp_path, form, kind, depth, shape):
    inside = form(made(kind, depth, False), tmp_path, mx.nd.array(draw(depth)))
    with pytest.raises((ValueError, mx.MXNetError)):
        run(inside, np.ones(shape))


def test_an_expectation_refuses_another_length(hybridize):
    block = Expectation(W)
    block.hybridize(hybridize)
    with pytest.raises(mx.MXNetError):
        run(block, np.ones((N, K, H)))
