"""The losses against loops, their targets cell by cell, and what they must not take."""
from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from symbols.losses import DiscCrossEntropy, GaussianMSE, JointL1, SoftmaxCrossEntropy
from tests.forms import IN_GRAPHS, gradient, run

pytestmark = pytest.mark.memory
N, K, C, H, W = 2, 4, 3, 5, 7
SIGMA, RADIUS = 1.3, 0.27


def cells(maps, joints):
    """(n, k), logit, (column, row) in cells and in cells the joint's distance from the centre of each cell."""
    for (n, k, row, column), logit in np.ndenumerate(maps):
        x, y = joints[n, k, :2]
        yield (n, k), logit, (column, row), (column + 0.5 - x * W, row + 0.5 - y * H)


def gaussian_mse(maps, joints):
    per_joint = np.zeros((N, K))
    for where, value, _, (dx, dy) in cells(maps, joints):
        per_joint[where] += (value - np.exp(-(dx**2 + dy**2) / (2 * SIGMA**2))) ** 2
    return per_joint


def softmax_ce(maps, joints):
    per_joint = np.log(np.exp(maps.astype(np.float64)).sum(axis=(2, 3)))
    for where, logit, (column, row), _ in cells(maps, joints):
        x, y = np.clip(joints[where][:2], 0, 1 - 1e-6)
        per_joint[where] -= logit if (int(x * W), int(y * H)) == (column, row) else 0
    return per_joint


def disc_bce(maps, joints):
    per_joint = np.zeros((N, K))
    for where, logit, _, (dx, dy) in cells(maps, joints):
        share = 1 / (1 + np.exp(-np.float64(logit)))
        per_joint[where] -= np.log(share if np.hypot(dx / W, dy / H) <= RADIUS else 1 - share)
    return per_joint


MAP_LOSSES = {
    "gaussian-mse": (lambda: GaussianMSE(H, W, SIGMA), gaussian_mse),
    "softmax-ce": (lambda: SoftmaxCrossEntropy(H, W), softmax_ce),
    "disc-bce": (lambda: DiscCrossEntropy(H, W, RADIUS), disc_bce),
}
on_maps = pytest.mark.parametrize("make, per_joint", MAP_LOSSES.values(), ids=list(MAP_LOSSES))
every_loss = pytest.mark.parametrize("make", [*(make for make, _ in MAP_LOSSES.values()), JointL1],
                                     ids=[*MAP_LOSSES, "joint-l1"])


def made(make, hybridize):
    loss = make()
    loss.hybridize(hybridize)
    return loss


def draw(make):
    """An output of the loss's kind, joints of which some lie outside, and weights of which some are 0."""
    shape = (N, K, C) if make is JointL1 else (N, K, H, W)
    weights = (np.arange(N * K).reshape(N, K, 1) % 3 > 0) * np.ones(C)
    drawn = np.random.normal(0, 2, shape), np.random.uniform(-0.2, 1.2, (N, K, C)), weights
    return [array.astype(np.float32) for array in drawn]


@on_maps
def test_map_losses_equal_a_loop(hybridize, make, per_joint):
    maps, joints, weights = draw(make)
    expected = (per_joint(maps, joints) * weights[..., 0]).mean(axis=1)
    np.testing.assert_allclose(run(made(make, hybridize), maps, joints, weights)[0], expected, rtol=1e-5)


def test_joint_l1_equals_a_loop(hybridize):
    predicted, joints, weights = draw(JointL1)
    weights[0, 1, 2] = 0
    expected = np.zeros(N)
    for (n, k, c), weight in np.ndenumerate(weights):
        expected[n] += weight * abs(predicted[n, k, c] - joints[n, k, c]) / K
    np.testing.assert_allclose(run(made(JointL1, hybridize), predicted, joints, weights)[0], expected, rtol=1e-5)


@every_loss
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path, form, make):
    first, other = draw(make), draw(make)
    inside = form(make(), tmp_path, *map(mx.nd.array, first))
    np.testing.assert_allclose(run(inside, *other)[0], run(make(), *other)[0], rtol=1e-6)


@every_loss
def test_joints_of_no_weight_do_not_count(hybridize, make):
    output, joints, weights = draw(make)
    loss = made(make, hybridize)
    unknown = weights[..., 0] == 0
    moved, elsewhere = output.copy(), joints.copy()
    moved[unknown], elsewhere[unknown] = 50, -9
    np.testing.assert_array_equal(run(loss, moved, elsewhere, weights)[0], run(loss, output, joints, weights)[0])
    slopes = np.abs(gradient(loss, output, joints, weights)).reshape(N, K, -1).max(axis=2)
    np.testing.assert_array_equal(slopes > 0, ~unknown)


@every_loss
def test_huge_outputs_stay_finite(hybridize, make):
    output, joints, weights = draw(make)
    for huge in (1e4 * np.sign(output), np.full_like(output, 1e4), np.full_like(output, -1e4)):
        assert np.isfinite(run(made(make, hybridize), huge, joints, weights)[0]).all()
        assert np.isfinite(gradient(made(make, hybridize), huge, joints, weights)).all()


@every_loss
def test_works_on_the_device_of_its_inputs(hybridize, make):
    inputs = [mx.nd.array(array, ctx=mx.cpu(1)) for array in draw(make)]
    with mx.gpu(0):  # stands for any other device: constants there would raise
        assert made(make, hybridize)(*inputs).context == mx.cpu(1)


def slope(loss, height, width, x, y):
    """The gradient of a loss for the map (H, W) of one joint, where all logits are 0."""
    return gradient(loss, np.zeros((1, 1, height, width)), [[[x, y]]], np.ones((1, 1, 2)))[0, 0]


@pytest.mark.parametrize("sigma", [1, 2])
def test_the_gaussian_is_1_on_a_cells_centre_and_falls_with_the_cells(hybridize, sigma):
    target = slope(made(lambda: GaussianMSE(H, W, sigma), hybridize), H, W, 4.5 / W, 2.5 / H) / -2
    assert target[2, 4] == target.max() == pytest.approx(1)
    assert [target[2, 5], target[3, 4], target[2, 2]] == pytest.approx([np.exp(-n / sigma**2 / 2) for n in (1, 1, 4)])


JUST_BELOW_1 = np.nextafter(np.float32(1), np.float32(0))


@pytest.mark.parametrize("x, y, column, row", [
    (0, 0, 0, 0), (JUST_BELOW_1, JUST_BELOW_1, W - 1, H - 1), (JUST_BELOW_1, 0, W - 1, 0), (0, JUST_BELOW_1, 0, H - 1),
    (1, 1, W - 1, H - 1), (-0.3, 1.7, 0, H - 1),
    *(((column + 0.5) / W, (row + 0.5) / H, column, row) for column, row in [(1, 2), (5, 4), (6, 3)]),
])
def test_the_one_hot_cell_holds_the_joint(hybridize, x, y, column, row):
    expected = np.full((H, W), 1 / (H * W))
    expected[row, column] -= 1
    loss = made(lambda: SoftmaxCrossEntropy(H, W), hybridize)
    np.testing.assert_allclose(slope(loss, H, W, x, y), expected, atol=1e-6)


@pytest.mark.parametrize("side, positive", [(16, 1), (32, 9), (64, 45)])
def test_the_disc_has_the_radius_of_the_patch(hybridize, side, positive):
    """15 px of 256 are 0.94, 1.9 and 3.75 cells: so many cells lie within, around the one with the joint."""
    loss = made(lambda: DiscCrossEntropy(side, side, 15 / 256), hybridize)
    found = slope(loss, side, side, 7.5 / side, 9.5 / side)
    assert sorted(set(found.ravel())) == [-0.5, 0.5] and found[9, 7] == -0.5
    assert (found < 0).sum() == positive


OTHERS = [(K, H, W + 1), (K, H + 1, W), (K, W, H), (K, 1, W), (K, H, 1), (K, 1, H * W), (K, H * W, 1), (K, H * W)]


@on_maps
@pytest.mark.parametrize("shape", OTHERS, ids=str)
def test_refuses_maps_of_another_size(hybridize, make, per_joint, shape):
    _, joints, weights = draw(make)
    with pytest.raises(ValueError, match=r"built for maps \(N, any, 5, 7\), given \(2, "):
        run(made(make, hybridize), np.ones((N, *shape)), joints, weights)


@on_maps
@pytest.mark.parametrize("form", IN_GRAPHS)
@pytest.mark.parametrize("shape", [*OTHERS, (1, H, W), (K + 1, H, W)], ids=str)
def test_refuses_maps_of_another_size_in_a_graph(tmp_path, form, make, per_joint, shape):
    maps, joints, weights = draw(make)
    inside = form(make(), tmp_path, *map(mx.nd.array, (maps, joints, weights)))
    with pytest.raises((ValueError, mx.MXNetError)):
        run(inside, np.ones((N, *shape)), joints, weights)
