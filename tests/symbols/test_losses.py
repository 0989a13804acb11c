"""The losses against loops, their targets cell by cell, and what they must not take."""
from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from symbols.integral import HeatVectors
from symbols.losses import (
    DiscCrossEntropy,
    GaussianMSE,
    HeatVectorCrossEntropy,
    HeatVectorMSE,
    JensenShannon,
    JointL1,
    SoftmaxCrossEntropy,
    SumOverStages,
    Variance,
)
from tests.helpers.forms import IN_GRAPHS, gradient, run

pytestmark = pytest.mark.memory
N, K, C, D, H, W = 2, 4, 3, 6, 5, 7
SIGMA, RADIUS = 1.3, 0.27


def cells(maps, joints):
    """(n, k), logit, (x, y, z) in cells, from the joint to the centre of each cell (n, k, z, y, x); flat if in 2D."""
    sides = maps.shape[:1:-1]
    for (n, k, z, y, x), logit in np.ndenumerate(maps):
        offsets = [cell + 0.5 - joint * side for cell, joint, side in zip((x, y, z), joints[n, k], sides)]
        yield (n, k), logit, (x, y, z), (*offsets[:2], offsets[2] if sides[2] > 1 else 0)


def gaussian_mse(maps, joints):
    per_joint = np.zeros((N, K))
    for where, value, _, (dx, dy, dz) in cells(maps, joints):
        per_joint[where] += (value - np.exp(-(dx**2 + dy**2 + dz**2) / (2 * SIGMA**2))) ** 2
    return per_joint


def softmax_ce(maps, joints):
    highest = maps.max(axis=(2, 3, 4)).astype(np.float64)
    per_joint = highest + np.log(np.exp(maps - highest[..., None, None, None]).sum(axis=(2, 3, 4)))
    holding = (np.clip(joints, 0, 1 - 1e-6) * maps.shape[:1:-1]).astype(int)
    for where, logit, cell, _ in cells(maps, joints):
        per_joint[where] -= logit if tuple(holding[where]) == cell else 0
    return per_joint


def disc_bce(maps, joints):
    per_joint = np.zeros((N, K))
    for where, logit, _, (dx, dy, _) in cells(maps, joints):
        share = 1 / (1 + np.exp(-np.float64(logit)))
        per_joint[where] -= np.log(share if np.hypot(dx / W, dy / H) <= RADIUS else 1 - share)
    return per_joint


def softmax(maps):
    powers = np.exp(maps.astype(np.float64) - maps.max(axis=(2, 3, 4), keepdims=True))
    return powers / powers.sum(axis=(2, 3, 4), keepdims=True)


def jensen_shannon(maps, joints):
    said, target, per_joint = softmax(maps), np.zeros(maps.shape), np.zeros((N, K))
    for where, _, (x, y, z), (dx, dy, _) in cells(maps, joints):
        target[where][z, y, x] = np.exp(-(dx**2 + dy**2) / (2 * SIGMA**2))
    target /= target.sum(axis=(2, 3, 4), keepdims=True)
    for where, _, (x, y, z), _ in cells(maps, joints):
        p, q = said[where][z, y, x], target[where][z, y, x]
        per_joint[where] += sum(a * np.log(2 * a / (p + q)) for a in (p, q) if a > 0) / 2
    return per_joint


def variance(maps, joints):
    said, per_joint = softmax(maps), np.zeros((N, K))
    for where in np.ndindex(N, K):
        for axis, side in ((0, W), (1, H)):
            mass, along = said[where][0].sum(axis=axis), np.arange(side)
            spread = (mass * along**2).sum() - (mass * along).sum() ** 2
            per_joint[where] += (spread - SIGMA**2) ** 2
    return per_joint


def vector_mse(vectors, joints):
    per_vector = np.zeros((N, K, C))
    for where in np.ndindex(N, K, C):
        target = np.exp(-((np.arange(W) + 0.5 - joints[where] * W) ** 2) / (2 * SIGMA**2))
        per_vector[where] = ((vectors[where] - target / target.sum()) ** 2).sum()
    return per_vector


def vector_ce(vectors, joints):
    per_vector = np.zeros((N, K, C))
    for where in np.ndindex(N, K, C):
        per_vector[where] = -np.log(vectors[where][int(np.clip(joints[where], 0, 1 - 1e-6) * W)])
    return per_vector


MAP_LOSSES = {
    "gaussian-mse": (lambda: GaussianMSE(H, W, SIGMA), 1, gaussian_mse),
    "gaussian-mse in 3D": (lambda: GaussianMSE(H, W, SIGMA, D), D, gaussian_mse),
    "softmax-ce": (lambda: SoftmaxCrossEntropy(H, W), 1, softmax_ce),
    "softmax-ce in 3D": (lambda: SoftmaxCrossEntropy(H, W, D), D, softmax_ce),
    "disc-bce": (lambda: DiscCrossEntropy(H, W, RADIUS), 1, disc_bce),
    "jensen-shannon": (lambda: JensenShannon(H, W, SIGMA), 1, jensen_shannon),
}
VECTOR_LOSSES = {
    "vector-mse": (lambda cells=W: HeatVectorMSE(cells, SIGMA), vector_mse),
    "vector-ce": (lambda cells=W: HeatVectorCrossEntropy(cells), vector_ce),
}
on_maps = pytest.mark.parametrize("make, depth, per_joint", MAP_LOSSES.values(), ids=list(MAP_LOSSES))
on_vectors = pytest.mark.parametrize("make, per_vector", VECTOR_LOSSES.values(), ids=list(VECTOR_LOSSES))
every_loss = pytest.mark.parametrize(
    "make, shape",
    [
        *((make, (N, K * depth, H, W)) for make, depth, _ in MAP_LOSSES.values()),
        *((make, (N, K, C, W)) for make, _ in VECTOR_LOSSES.values()),
        (JointL1, (N, K, C)),
    ],
    ids=[*MAP_LOSSES, *VECTOR_LOSSES, "joint-l1"],
)
by_coordinate = pytest.mark.parametrize(
    "make, shape", [*((make, (N, K, C, W)) for make, _ in VECTOR_LOSSES.values()), (JointL1, (N, K, C))],
    ids=[*VECTOR_LOSSES, "joint-l1"],
)


def made(make, hybridize):
    loss = make()
    loss.hybridize(hybridize, static_alloc=hybridize, static_shape=hybridize)
    return loss


def draw(shape):
    """An output of the shape, joints of which some lie outside, and weights of which some are 0."""
    output = np.random.normal(0, 2, shape)
    if shape == (N, K, C, W):
        output = np.exp(output) / np.exp(output).sum(axis=3, keepdims=True)
    weights = (np.arange(N * K).reshape(N, K, 1) % 3 > 0) * np.ones(C)
    drawn = output, np.random.uniform(-0.2, 1.2, (N, K, C)), weights
    return [array.astype(np.float32) for array in drawn]


def volumes(maps, depth):
    """(N, K * D, H, W) -> (N, K, D, H, W)."""
    return maps.reshape(N, K, depth, H, W)


@on_maps
def test_map_losses_equal_a_loop(hybridize, make, depth, per_joint):
    maps, joints, weights = draw((N, K * depth, H, W))
    expected = (per_joint(volumes(maps, depth), joints) * weights[..., 0]).mean(axis=1)
    np.testing.assert_allclose(run(made(make, hybridize), maps, joints, weights)[0], expected, rtol=1e-5)


@on_vectors
def test_heat_vector_losses_equal_a_loop(hybridize, make, per_vector):
    vectors, joints, weights = draw((N, K, C, W))
    weights[0, 1, 2] = weights[1, 0, 0] = 0
    expected = (per_vector(vectors, joints) * weights).sum(axis=2).mean(axis=1)
    np.testing.assert_allclose(run(made(make, hybridize), vectors, joints, weights)[0], expected, rtol=1e-5)


def test_joint_l1_equals_a_loop(hybridize):
    predicted, joints, weights = draw((N, K, C))
    weights[0, 1, 2] = 0
    expected = np.zeros(N)
    for (n, k, c), weight in np.ndenumerate(weights):
        expected[n] += weight * abs(predicted[n, k, c] - joints[n, k, c]) / K
    np.testing.assert_allclose(run(made(JointL1, hybridize), predicted, joints, weights)[0], expected, rtol=1e-5)


@every_loss
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path, form, make, shape):
    first, other = draw(shape), draw(shape)
    inside = form(make(), tmp_path, *map(mx.nd.array, first))
    np.testing.assert_allclose(run(inside, *other)[0], run(make(), *other)[0], rtol=1e-6)


@every_loss
def test_joints_of_no_weight_do_not_count(hybridize, make, shape):
    output, joints, weights = draw(shape)
    loss = made(make, hybridize)
    unknown = weights[..., 0] == 0
    moved, elsewhere = output.copy(), joints.copy()
    moved.reshape(N, K, -1)[unknown], elsewhere[unknown] = 50, -9
    np.testing.assert_array_equal(run(loss, moved, elsewhere, weights)[0], run(loss, output, joints, weights)[0])
    slopes = np.abs(gradient(loss, output, joints, weights)).reshape(N, K, -1).max(axis=2)
    np.testing.assert_array_equal(slopes > 0, ~unknown)


@pytest.mark.parametrize("name", ["gaussian-mse in 3D", "softmax-ce in 3D"])
@pytest.mark.parametrize("axis", range(C))
def test_a_volume_needs_all_coordinates_of_its_joint(hybridize, name, axis):
    make, depth, per_joint = MAP_LOSSES[name]
    maps, joints, _ = draw((N, K * depth, H, W))
    weights = np.ones((N, K, C))
    weights[0, 1, axis] = weights[1, 3, axis] = 0
    loss, expected = made(make, hybridize), per_joint(volumes(maps, depth), joints) * weights.min(axis=2)
    np.testing.assert_allclose(run(loss, maps, joints, weights)[0], expected.mean(axis=1), rtol=1e-5)
    slopes = np.abs(gradient(loss, maps, joints, weights)).reshape(N, K, -1).max(axis=2)
    np.testing.assert_array_equal(slopes > 0, weights.min(axis=2) > 0)


@by_coordinate
def test_x_and_y_are_learnt_where_z_is_not_known(hybridize, make, shape):
    output, joints, weights = draw(shape)
    loss, flat = made(make, hybridize), weights.copy()
    flat[..., 2] = 0
    slopes = gradient(loss, output, joints, flat)
    assert not slopes[:, :, 2].any()
    np.testing.assert_array_equal(slopes[:, :, :2], gradient(loss, output, joints, weights)[:, :, :2])


@on_vectors
@pytest.mark.parametrize("unknown", [np.nan, np.inf, -1e30, 1e30, 0.5])
def test_whatever_stands_for_an_unknown_coordinate(hybridize, make, per_vector, unknown):
    vectors, joints, weights = draw((N, K, C, W))
    weights[..., 2] = 0
    loss, expected = made(make, hybridize), per_vector(vectors, joints) * weights
    joints[weights == 0] = unknown
    np.testing.assert_allclose(
        run(loss, vectors, joints, weights)[0], expected.sum(axis=2).mean(axis=1), rtol=1e-5
    )
    slopes = gradient(loss, vectors, joints, weights)
    assert np.isfinite(slopes).all() and not slopes[weights == 0].any()


@on_maps
def test_huge_logits_stay_finite(hybridize, make, depth, per_joint):
    maps, joints, weights = draw((N, K * depth, H, W))
    for huge in (1e4 * np.sign(maps), np.full_like(maps, 1e4), np.full_like(maps, -1e4)):
        assert np.isfinite(run(made(make, hybridize), huge, joints, weights)[0]).all()
        assert np.isfinite(gradient(made(make, hybridize), huge, joints, weights)).all()


@pytest.mark.parametrize("name", [name for name in MAP_LOSSES if name != "disc-bce"])
@pytest.mark.parametrize("scale", [0, 1e-3, 1e4])
def test_small_and_huge_logits_have_exact_losses(hybridize, name, scale):
    make, depth, per_joint = MAP_LOSSES[name]
    maps, joints, weights = draw((N, K * depth, H, W))
    expected = (per_joint(scale * volumes(maps, depth), joints) * weights[..., 0]).mean(axis=1)
    found = run(made(make, hybridize), scale * maps, joints, weights)[0]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * scale)


@every_loss
def test_works_on_the_device_of_its_inputs(hybridize, make, shape):
    inputs = [mx.nd.array(array, ctx=mx.cpu(1)) for array in draw(shape)]
    with mx.gpu(0):  # stands for any other device: constants there would raise
        assert made(make, hybridize)(*inputs).context == mx.cpu(1)


def gaussian(joints, sigma=SIGMA):
    """The target of a volume, (N, K, D, H, W)."""
    z, y, x = ((np.arange(side) + 0.5 - joints[..., axis, None] * side for axis, side in ((2, D), (1, H), (0, W))))
    squares = z[..., None, None] ** 2 + y[:, :, None, :, None] ** 2 + x[:, :, None, None] ** 2
    return np.exp(-squares / (2 * sigma**2))


@pytest.mark.parametrize("distance", [0, 1e-3, 1, 1e4])
def test_the_gradient_of_a_volume_is_twice_its_distance_from_the_gaussian(hybridize, distance):
    maps, joints, _ = draw((N, K * D, H, W))
    loss, target = made(MAP_LOSSES["gaussian-mse in 3D"][0], hybridize), gaussian(joints)
    maps = target.reshape(maps.shape) + distance * maps
    away = volumes(maps, D) - target
    found = run(loss, maps, joints, np.ones((N, K, C)))[0]
    np.testing.assert_allclose(found, (away**2).sum(axis=(2, 3, 4)).mean(axis=1), rtol=1e-3, atol=1e-10)
    slopes = gradient(loss, maps, joints, np.ones((N, K, C)))
    np.testing.assert_allclose(volumes(slopes, D), 2 * away / K, rtol=1e-5, atol=1e-6)


def test_a_volume_of_64_cells_a_side_has_an_exact_index(hybridize):
    side, k = 64, 6
    cell = np.array([[(63, 63, 63), (62, 63, 63), (0, 0, 63), (17, 40, 62), (1, 0, 0), (0, 1, 32)]])
    loss = made(lambda: SoftmaxCrossEntropy(side, side, side), hybridize)
    slopes = gradient(loss, np.zeros((1, k * side, side, side)), (cell + 0.5) / side, np.ones((1, k, 3)))
    lowest = np.unravel_index(slopes.reshape(k, -1).argmin(axis=1), (side, side, side))
    np.testing.assert_array_equal(np.stack(lowest[::-1], axis=1), cell[0])


@on_vectors
def test_a_vectors_joint_outside_the_patch_is_at_its_edge(hybridize, make, per_vector):
    vectors = np.zeros((1, 1, C, W)) + 1 / W
    slopes = gradient(made(make, hybridize), vectors, [[[-50, 0, 60]]], np.ones((1, 1, C)))[0, 0]
    np.testing.assert_array_equal(slopes.argmin(axis=1), [0, 0, W - 1])
    assert np.isfinite(slopes).all()


def slopes_of_a_peak(make, height, hybridize, side=4):
    """The gradient for the logits of one joint, which lies in the first cell; the only peak is in the last one."""
    vectors, loss = HeatVectors(1, side, side, side), made(lambda: make(side), hybridize)
    logits = np.zeros((1, side, side, side))
    logits[0, -1, -1, -1] = height
    known = mx.nd.ones((1, 1, 3))
    return gradient(lambda x: loss(vectors(x), 0.1 * known, known), logits)


@on_vectors
@pytest.mark.parametrize("height", [-1e4, 0, 60, 1e4])
def test_logits_behind_heat_vectors_have_finite_gradients(hybridize, make, per_vector, height):
    assert np.isfinite(slopes_of_a_peak(make, height, hybridize)).all()


def test_cross_entropy_flattens_a_peak_whatever_its_height(hybridize):
    """At e^-60 the joint's cell is far below what float32 can tell from 0 beside a 1."""
    slopes = slopes_of_a_peak(HeatVectorCrossEntropy, 60, hybridize)
    assert slopes[0, -1, -1, -1] == pytest.approx(3, rel=1e-3) and slopes.sum() == pytest.approx(0, abs=1e-3)


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
MORE = [(1, H, W), (K + 1, H, W)]


def stacked(shape, depth):
    """A shape of one map a joint as that of `depth` maps a joint."""
    return (shape[0] * depth, *shape[1:])


def refuses(loss, good, shapes):
    """Whether it raises for maps of each of these shapes, each time anew, and takes its own in between."""
    expected = run(loss, *good)[0]
    for shape in shapes:
        with pytest.raises((ValueError, mx.MXNetError)):
            run(loss, np.ones((N, *shape)), *good[1:])
        np.testing.assert_array_equal(run(loss, *good)[0], expected)
    return True


@on_maps
def test_refuses_maps_of_another_size(hybridize, make, depth, per_joint):
    loss, (_, joints, weights) = made(make, hybridize), draw((N, K * depth, H, W))
    for shape in OTHERS:
        with pytest.raises(ValueError, match=r"built for maps \(N, any, 5, 7\), given \(2, "):
            run(loss, np.ones((N, *stacked(shape, depth))), joints, weights)


@on_maps
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_refuses_maps_of_another_size_in_a_graph(tmp_path, form, make, depth, per_joint):
    good = draw((N, K * depth, H, W))
    inside = form(make(), tmp_path, *map(mx.nd.array, good))
    assert refuses(inside, good, [stacked(shape, depth) for shape in (*OTHERS, *MORE)])


@pytest.mark.parametrize("name", ["gaussian-mse in 3D", "softmax-ce in 3D"])
@pytest.mark.parametrize("channels", [1, K, K * D - 1, K * D + 1, (K + 1) * D, K * (D + 1), K * H, K * W])
def test_refuses_volumes_of_another_depth(hybridize, name, channels):
    make, depth, _ = MAP_LOSSES[name]
    _, joints, weights = draw((N, K * depth, H, W))
    with pytest.raises((ValueError, mx.MXNetError)):
        run(made(make, hybridize), np.ones((N, channels, H, W)), joints, weights)


VECTOR_SHAPES = [(K, C, W + 1), (K, C, W - 1), (K, W, C), (K, C - 1, W), (K, C + 1, W), (K, C * W), (K, 1, C * W)]


@on_vectors
def test_refuses_vectors_of_another_size(hybridize, make, per_vector):
    loss, (_, joints, weights) = made(make, hybridize), draw((N, K, C, W))
    for shape in VECTOR_SHAPES:
        with pytest.raises(ValueError, match=r"built for maps \(N, any, 3, 7\), given \(2, "):
            run(loss, np.ones((N, *shape)), joints, weights)


@on_vectors
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_refuses_vectors_of_another_size_in_a_graph(tmp_path, form, make, per_vector):
    good = draw((N, K, C, W))
    inside = form(make(), tmp_path, *map(mx.nd.array, good))
    assert refuses(inside, good, [*VECTOR_SHAPES, (1, C, W), (K + 1, C, W)])


def stages():
    """Losses of maps without depth, of maps with it and of joints, and how many coordinates each one takes."""
    return SumOverStages([GaussianMSE(H, W, SIGMA), SoftmaxCrossEntropy(H, W, D), JointL1()], [2, 3, 2])


def draw_stages():
    outputs = [np.random.normal(0, 2, shape) for shape in ((N, K, H, W), (N, K * D, H, W), (N, K, 2))]
    return outputs, *draw((N, K, C))[1:]


def total(loss, outputs, joints, weights):
    return loss([mx.nd.array(output) for output in outputs], mx.nd.array(joints), mx.nd.array(weights)).asnumpy()


def test_a_loss_over_stages_is_the_sum_of_theirs(hybridize):
    outputs, joints, weights = draw_stages()
    flat = joints[..., :2], weights[..., :2]
    expected = run(GaussianMSE(H, W, SIGMA), outputs[0], *flat)[0] + run(JointL1(), outputs[2], *flat)[0]
    expected = expected + run(SoftmaxCrossEntropy(H, W, D), outputs[1], joints, weights)[0]
    found = total(made(stages, hybridize), outputs, joints, weights)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.shape == (N,)


def test_a_stage_without_depth_counts_where_depth_is_unknown(hybridize):
    outputs, joints, weights = draw_stages()
    weights[:], weights[..., 2] = 1, 0
    flat = joints[..., :2], weights[..., :2]
    expected = run(GaussianMSE(H, W, SIGMA), outputs[0], *flat)[0] + run(JointL1(), outputs[2], *flat)[0]
    np.testing.assert_allclose(total(made(stages, hybridize), outputs, joints, weights), expected, rtol=1e-5)


def test_stages_may_count_differently(hybridize):
    outputs, joints, weights = draw_stages()
    flat = joints[..., :2], weights[..., :2]
    first, last = run(GaussianMSE(H, W, SIGMA), outputs[0], *flat)[0], run(JointL1(), outputs[2], *flat)[0]
    loss = made(lambda: SumOverStages([GaussianMSE(H, W, SIGMA), JointL1()], [2, 2], [0.3, 1]), hybridize)
    np.testing.assert_allclose(total(loss, outputs[::2], joints, weights), 0.3 * first + last, rtol=1e-5)
    with pytest.raises(ValueError, match="3 factors for 1 losses"):
        SumOverStages([JointL1()], [2], [1, 2, 3])


def spread():
    """The variance as it is trained with: of maps, beside the loss on joints, at which it does not look."""
    return SumOverStages([Variance(H, W, SIGMA), JointL1()], [2, 2], [0.3, 1])


@pytest.mark.parametrize("scale", [0, 1, 1e4])
def test_the_variance_equals_a_loop_and_leaves_out_joints_of_no_weight(hybridize, scale):
    maps, joints, weights = draw((N, K, H, W))
    joints, weights, loss = joints[..., :2], weights[..., :2], made(spread, hybridize)
    maps = np.round(scale * maps, 2)
    expected = 0.3 * (variance(volumes(maps, 1), joints) * weights[..., 0]).mean(axis=1)
    np.testing.assert_allclose(total(loss, [maps, joints], joints, weights), expected, rtol=1e-4)
    slopes = gradient(lambda m: loss([m, mx.nd.array(joints)], mx.nd.array(joints), mx.nd.array(weights)), maps)
    assert np.isfinite(slopes).all() and not slopes[weights[..., 0] == 0].any()
    assert scale > 1 or np.abs(slopes[weights[..., 0] > 0]).max() > 0


@pytest.mark.parametrize("shape", OTHERS, ids=str)
def test_the_variance_refuses_maps_of_another_size(hybridize, shape):
    _, joints, weights = draw((N, K, C))
    with pytest.raises((ValueError, mx.MXNetError)):
        total(made(spread, hybridize), [np.ones((N, *shape)), joints[..., :2]], joints, weights)


def test_a_gaussian_of_its_own_width_costs_nothing_and_a_peak_elsewhere_the_most(hybridize):
    joints, weights = np.full((1, 1, 2), 0.5), np.ones((1, 1, 2))
    x = np.arange(31) + 0.5 - 15.5
    matching = -(x[:, None] ** 2 + x**2) / (2 * SIGMA**2)
    far = np.zeros((31, 31))
    far[0, 0] = 1e3
    for kind, least, most in ((JensenShannon, 0, np.log(2)), (Variance, 0, 2 * SIGMA**4)):
        loss = SumOverStages([kind(31, 31, SIGMA), JointL1()], [2, 2])
        loss.hybridize(hybridize)
        found = [total(loss, [logits[None, None], joints], joints, weights)[0] for logits in (matching, far)]
        assert found == pytest.approx([least, most], abs=1e-4)


def test_each_stage_has_its_gradient(hybridize):
    outputs, joints, weights = draw_stages()
    outputs = [mx.nd.array(output) for output in outputs]
    for output in outputs:
        output.attach_grad()
    loss = made(stages, hybridize)
    with mx.autograd.record():
        value = loss(outputs, mx.nd.array(joints), mx.nd.array(weights))
    value.backward()
    own = gradient(SoftmaxCrossEntropy(H, W, D), outputs[1], joints, weights)
    np.testing.assert_allclose(outputs[1].grad.asnumpy(), own, rtol=1e-5, atol=1e-7)
    assert all(np.abs(output.grad.asnumpy()).max() > 0 for output in outputs)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_refuses_outputs_of_another_number_of_stages(hybridize, count):
    outputs, joints, weights = draw_stages()
    with pytest.raises(ValueError, match=f"built for the outputs of 3 stages, given {count}"):
        total(made(stages, hybridize), (outputs * 2)[:count], joints, weights)


@pytest.mark.parametrize("losses, coordinates", [([JointL1()], [2, 3]), ([JointL1(), JointL1()], [2]), ([], [])])
def test_refuses_losses_that_do_not_match_the_stages(losses, coordinates):
    with pytest.raises(ValueError, match=f"{len(losses)} losses for {len(coordinates)} stages"):
        SumOverStages(losses, coordinates)


def test_refuses_coordinates_that_people_do_not_have(hybridize):
    loss = made(lambda: SumOverStages([JointL1()], [3]), hybridize)
    with pytest.raises((ValueError, mx.MXNetError)):
        total(loss, [np.ones((N, K, 3))], np.ones((N, K, 2)), np.ones((N, K, 2)))
