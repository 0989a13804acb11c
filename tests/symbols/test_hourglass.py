"""The hourglasses: their layers against loops and hand counts, published sizes, and what goes from stack to stack."""
from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from integral_pose.metrics import flops
from symbols.hourglass import CoarseToFine, Hourglass, Level, Residual
from symbols.integral import Integral
from tests.helpers.forms import IN_GRAPHS, run

N, K, D, SIZE, CELLS = 2, 5, 7, 64, 16
WIDTH = 0.125


def one_stack():
    return Hourglass([K], WIDTH, 2, size=SIZE, init=None)


def three_stacks():
    return Hourglass([K, K + 1, K * D], WIDTH, size=SIZE, init=None)


def joints():
    return Hourglass([K, K], WIDTH, readouts=[Integral(K, CELLS, CELLS)] * 2, size=SIZE, init=None)


def coarse_to_fine():
    return CoarseToFine([K, K * D], WIDTH, size=SIZE, init=None)


def coarse_to_fine_joints():
    return CoarseToFine([K, K * D], WIDTH, [Integral(K, CELLS, CELLS, depth) for depth in (1, D)], SIZE, None)


KINDS = {
    one_stack: [(K, CELLS, CELLS)],
    three_stacks: [(K, CELLS, CELLS), (K + 1, CELLS, CELLS), (K * D, CELLS, CELLS)],
    joints: [(K, 2), (K, 2)],
    coarse_to_fine: [(K, CELLS, CELLS), (K * D, CELLS, CELLS)],
    coarse_to_fine_joints: [(K, 2), (K, 3)],
}
every_kind = pytest.mark.parametrize("make, leaving", KINDS.items(), ids=[kind.__name__ for kind in KINDS])
both_networks = pytest.mark.parametrize("make", [three_stacks, coarse_to_fine_joints])
two_stacks = pytest.mark.parametrize("make", [lambda: Hourglass([K, K], WIDTH, size=SIZE, init=None), coarse_to_fine])


@pytest.fixture
def hybridize():
    """Networks are hybridized, as in training; `test_is_the_same_in_a_graph` compares that with the eager network."""
    return True


def named(net):
    return net._collect_params_with_prefix()


def initialised(net, hybridize=False):
    """Random values: in residuals so small that they do not add up to 1e6, in last layers so large that maps matter."""
    net.initialize(mx.init.MSRAPrelu("in", 0))
    for name, parameter in named(net).items():
        if name.endswith("conv3.weight"):
            parameter.set_data(0.3 * parameter.data())
    for layer in net.last_layers:
        layer.weight.set_data(mx.nd.random.normal(0, 0.1, layer.weight.shape))
        layer.bias.set_data(mx.nd.random.normal(0, 1, layer.bias.shape))
    net.hybridize(hybridize)
    return net


def images():
    return np.random.normal(0, 1, (N, 3, SIZE, SIZE)).astype(np.float32)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


@pytest.mark.memory
@every_kind
def test_each_stack_has_an_output_at_a_quarter_of_the_patch(hybridize, make, leaving):
    outputs = initialised(make(), hybridize)(mx.nd.array(images()))
    assert isinstance(outputs, list) and [output.shape[1:] for output in outputs] == leaving


@both_networks
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path, form, make):
    net = initialised(make())
    first, other = images(), images()
    eager = run(net, other)
    found = run(form(net, tmp_path, mx.nd.array(first)), other)
    assert len(found) == len(eager)
    for theirs, ours in zip(eager, found):
        close(ours, theirs)


def zeroed(block, *endings):
    """The block with convolutions of 0 whose names end so."""
    for name, parameter in named(block).items():
        if name.endswith(tuple(ending + part for ending in endings for part in (".weight", ".bias"))):
            parameter.set_data(mx.nd.zeros(parameter.shape))
    return block


@pytest.mark.parametrize("entering, leaving", [(6, 6), (6, 10)])
def test_a_residual_adds_to_its_input_or_to_a_1x1_convolution_of_it(hybridize, entering, leaving):
    block = Residual(entering, leaving, None)
    block.initialize(mx.init.Normal(0.5))
    zeroed(block, "conv3").hybridize(hybridize)
    x = np.random.normal(0, 1, (N, entering, 3, 4)).astype(np.float32)
    kernel = np.eye(6) if entering == leaving else block.shortcut.weight.data().asnumpy()[:, :, 0, 0]
    close(run(block, x)[0], np.einsum("oc,nchw->nohw", kernel, x))


def normalised(x):
    """With the running statistics that a new batch normalisation has, and ReLU."""
    return np.maximum(x / np.sqrt(1 + 1e-5), 0)


def convolved(x, layer):
    """Of kernel 1 or 3, by the definition."""
    weight, bias = layer.weight.data().asnumpy(), layer.bias.data().asnumpy()
    side, (h, w) = weight.shape[2], x.shape[2:]
    padded = np.pad(x, [(0, 0), (0, 0), (side // 2,) * 2, (side // 2,) * 2])
    out = bias[:, None, None] + np.zeros((len(x), len(weight), h, w))
    for i, j in np.ndindex(side, side):
        out += np.einsum("oc,nchw->nohw", weight[:, :, i, j], padded[:, :, i:i + h, j:j + w])
    return out


def test_a_residual_is_pre_activated(hybridize):
    block = Residual(6, 10, None)
    block.initialize(mx.init.Normal(0.5))
    for layer in (block.conv1, block.conv2, block.conv3, block.shortcut):
        layer.bias.set_data(mx.nd.random.normal(shape=layer.bias.shape))
    block.hybridize(hybridize)
    x = np.random.normal(0, 1, (N, 6, 3, 4)).astype(np.float32)
    out = x
    for layer in (block.conv1, block.conv2, block.conv3):
        out = convolved(normalised(out), layer)
    close(run(block, x)[0], out + convolved(x, block.shortcut))


def empty_hourglass(x, levels):
    """What is left where every residual is the identity: each level's maxima, added to what they are of."""
    if not levels:
        return x
    n, channels, h, w = x.shape
    maxima = x.reshape(n, channels, h // 2, 2, w // 2, 2).max(axis=(3, 5))
    return x + empty_hourglass(maxima, levels - 1).repeat(2, axis=2).repeat(2, axis=3)


@pytest.mark.memory
@pytest.mark.parametrize("levels, before, after", [(1, 1, 1), (2, 3, 1), (4, 1, 2)])
def test_an_hourglass_pools_adds_and_repeats(hybridize, levels, before, after):
    level = Level(levels, (6, 6, 6), before, after, None)
    level.initialize()
    zeroed(level, "conv3").hybridize(hybridize)
    x = np.random.normal(0, 1, (N, 6, 16, 32)).astype(np.float32)
    close(run(level, x)[0], empty_hourglass(x, levels))


def residual(entering, leaving):
    """Parameters and multiply-adds a place, by hand: Residual.lua."""
    half = leaving // 2
    weights = entering * half + 9 * half * half + half * leaving + (entering != leaving) * entering * leaving
    biases = half + half + leaving + (entering != leaving) * leaving
    return np.array([weights + biases + 2 * (entering + half + half), weights])


def one_by_one(entering, leaving, normalised=False):
    return np.array([entering * leaving + leaving * (3 if normalised else 1), entering * leaving])


def places(counts, cells):
    """Parameters, and multiply-adds at cells x cells places."""
    return counts * np.array([1, cells**2])


def newells(stacks, maps, residuals, cells=64):
    """hg.lua with nModules = residuals and nFeats = 256."""
    total = places(np.array([3 * 49 * 64 + 3 * 64, 3 * 49 * 64]), 2 * cells) + places(residual(64, 128), 2 * cells)
    total += places(residual(128, 128) + residual(128, 256), cells)
    for i in range(stacks):
        total += residuals * places(residual(256, 256), cells)  # across, at the full size
        total += residuals * sum(3 * places(residual(256, 256), cells >> level) for level in (1, 2, 3))
        total += residuals * 3 * places(residual(256, 256), cells >> 4)
        total += residuals * places(residual(256, 256), cells)  # after the hourglass
        total += places(one_by_one(256, 256, True) + one_by_one(256, maps[i]), cells)
        if i < stacks - 1:
            total += places(one_by_one(256, 256) + one_by_one(maps[i], 256), cells)
    return total


def pavlakos_glass(entering, cells):
    """hourglass(4, entering, 512) of hg-stacked-2.lua."""
    total = np.zeros(2, int)
    for level in range(4):
        given = 256 if level else entering
        total += places(residual(given, 256) + residual(256, 256) + residual(256, 512), cells >> level)
        low = residual(given, 256) + 2 * residual(256, 256) + residual(512, 512)
        total += places(low + (residual(256, 512) if level == 3 else 0), cells >> (level + 1))
    return total


def pavlakos(maps, cells=64):
    """hg-stacked-2.lua."""
    total = places(np.array([3 * 49 * 64 + 3 * 64, 3 * 49 * 64]), 2 * cells) + places(residual(64, 128), 2 * cells)
    total += places(2 * residual(128, 128) + residual(128, 256), cells)
    total += pavlakos_glass(256, cells) + pavlakos_glass(384, cells)
    ends = one_by_one(512, 512, True) + one_by_one(512, 256, True) + one_by_one(256, maps[0])
    ends = ends + one_by_one(384, 384) + one_by_one(maps[0], 384)
    return total + places(ends + 2 * one_by_one(512, 512, True) + one_by_one(512, maps[1]), cells)


COUNTED = {
    "1 stack": (lambda: Hourglass([16]), newells(1, [16], 1)),
    "2 stacks": (lambda: Hourglass([16, 16]), newells(2, [16, 16], 1)),
    "8 stacks": (lambda: Hourglass([16] * 8), newells(8, [16] * 8, 1)),
    "1 stack for volumes": (lambda: Hourglass([18 * 64], residuals=3), newells(1, [18 * 64], 3)),
    "coarse to fine": (lambda: CoarseToFine([18, 18 * 64]), pavlakos([18, 18 * 64])),
}


@pytest.mark.parametrize("make, expected", COUNTED.values(), ids=list(COUNTED))
def test_has_the_layers_of_the_authors_torch_code(monkeypatch, make, expected):
    monkeypatch.delitem(flops.RULES, "BatchNorm")
    net = make()
    found = flops.parameters(net), flops.multiply_adds(net, 256)
    assert found == tuple(expected)


@pytest.mark.parametrize("stacks, millions", [(2, 6.73), (8, 25.59)])
def test_has_the_parameters_that_ports_of_it_publish(stacks, millions):
    """yuanyuanli85/pytorch-pose and Fast_Human_Pose_Estimation_Pytorch, hg_s2_b1 and hg_s8_b1.

    These, as bearpaw/pytorch-pose, have residuals 128 -> 256 -> 256 where hg.lua has 128 -> 128 -> 256.
    """
    wider = (residual(256, 256) - residual(128, 128))[0]
    assert round((flops.parameters(Hourglass([16] * stacks)) + wider) / 1e6, 2) == millions


def test_8_stacks_have_the_parameters_that_hrnet_compares_with():
    """Sun et al., CVPR 2019, Table 1: 25.1M, of COCO's 17 joints.

    Its 14.3 GFLOPs for 256 x 192 px are 19.1 for 256 x 256, where the Torch code has 27.4 G multiply-adds.
    """
    assert flops.parameters(Hourglass([17] * 8)) == pytest.approx(25.1e6, rel=0.02)


@pytest.mark.parametrize("make", [lambda w: Hourglass([9, 11], w), lambda w: CoarseToFine([9, 11], w)])
def test_width_multiplies_every_number_of_channels(make):
    whole, kept = named(make(1)), (3, 9, 11)
    for name, parameter in named(make(0.25)).items():
        of, found = whole[name].shape, parameter.shape
        assert found[2:] == of[2:]
        assert [n if n in kept else n // 4 for n in of[:2]] == list(found[:2])


def copied(net):
    """The network, with the first stack's values in the second one too."""
    for name, parameter in named(net.stacks[1]).items():
        parameter.set_data(named(net.stacks[0])[name].data())
    return net


def test_newells_next_stack_gets_the_features_again(hybridize):
    net = copied(initialised(Hourglass([K, K], WIDTH, size=SIZE, init=None)))
    zeroed(net, "from_seen.0", "from_maps.0").hybridize(hybridize)
    first, second = run(net, images())
    close(second, first)
    assert np.ptp(first) > 1e-3


def test_pavlakos_next_stack_gets_them_by_the_first_one_alone(hybridize):
    net = zeroed(initialised(coarse_to_fine()), "from_seen", "from_maps")
    net.hybridize(hybridize)
    (coarse, fine), (other, as_fine) = run(net, images()), run(net, images())
    np.testing.assert_array_equal(fine, as_fine)
    assert np.abs(coarse - other).max() > 1e-3


@two_stacks
def test_the_next_stack_gets_what_the_last_layer_saw_and_the_maps(hybridize, make):
    net = initialised(make(), hybridize)
    x = images()
    before = run(net, x)
    for left in ("from_seen", "from_maps"):
        zeroed(net, f"{left}.0", left)
        after = run(net, x)
        np.testing.assert_array_equal(after[0], before[0])
        assert np.abs(after[1] - before[1]).max() > 1e-2 * np.abs(before[1]).max()
        before = after


def test_pavlakos_next_stack_sees_the_early_features_too(hybridize):
    """Of 256 + 128 channels, at an eighth of the width."""
    net = initialised(coarse_to_fine(), hybridize)
    x = images()
    before, weight = run(net, x)[1], net.from_seen.weight.data().copy()
    for channels in (slice(0, 32), slice(32, 48)):
        net.from_seen.weight.set_data(weight)
        net.from_seen.weight.data()[:, channels] = 0
        assert np.abs(run(net, x)[1] - before).max() > 1e-2 * np.abs(before).max()
    assert weight.shape == (48, 48, 1, 1)


@pytest.mark.parametrize("before, after, depths", [
    (lambda: Hourglass([K, K], WIDTH, size=SIZE, init=None), joints, (1, 1)),
    (coarse_to_fine, coarse_to_fine_joints, (1, D)),
])
def test_joints_are_read_from_the_logits_and_not_handed_on(hybridize, tmp_path, before, after, depths):
    maps, net = initialised(before(), hybridize), after()
    maps.save_parameters(str(tmp_path / "heat-maps.params"))
    net.load_parameters(str(tmp_path / "heat-maps.params"))
    net.hybridize(hybridize)
    x = images()
    for found, logits, depth in zip(run(net, x), run(maps, x), depths):
        np.testing.assert_allclose(found, run(Integral(K, CELLS, CELLS, depth), logits)[0], atol=1e-5)
        assert np.ptp(found) > 1e-3


@pytest.mark.memory
@both_networks
def test_every_weight_has_a_gradient(hybridize, make):
    """Biases ahead of a batch normalisation have none."""
    net = initialised(make())
    net.hybridize(hybridize, **({"static_alloc": True, "static_shape": True} if hybridize else {}))
    with mx.autograd.record():
        outputs = net(mx.nd.array(images()))
        loss = sum((output * mx.nd.random.normal(shape=output.shape)).sum() for output in outputs)
    loss.backward()
    weights = {name: p for name, p in named(net).items() if name.endswith(("weight", "gamma", "final.bias"))}
    assert [name for name, p in weights.items() if not np.abs(p.grad().asnumpy()).max() > 0] == []


@two_stacks
def test_scaling_logits_leaves_what_the_next_stack_sees(hybridize, make):
    net = initialised(make(), hybridize)
    x = images()
    before = run(net, x)
    net.scale_logits(20)
    for after, maps in zip(run(net, x), before):
        close(after, maps * 20)


@pytest.mark.parametrize("make", [
    lambda **init: Hourglass([K, K], 0.25, **init), lambda **init: CoarseToFine([K, D], 0.25, **init),
])
def test_weights_start_from_the_papers_distribution_or_the_networks(make):
    for init, deviation in (({}, 1e-3), ({"init": None}, 7)):
        net = make(**init)
        net.initialize(mx.init.Normal(7))
        for name, parameter in named(net).items():
            values = parameter.data().asnumpy()
            if name.endswith("weight"):
                expected = 1e-3 if "final" in name else deviation
                assert values.std() == pytest.approx(expected, abs=4 * expected / np.sqrt(values.size)), name
            elif name.endswith("bias"):
                assert not values.any(), name


@pytest.mark.parametrize("make", [
    lambda size: Hourglass([K], WIDTH, size=size), lambda size: CoarseToFine([K, K], WIDTH, size=size),
])
@pytest.mark.parametrize("size", [0, 32, 96, 100, 250])
def test_refuses_a_patch_that_does_not_halve_so_often(make, size):
    with pytest.raises(ValueError, match=f"a patch of {size} px is not a multiple of 64 px"):
        make(size)


@pytest.mark.parametrize("make, message", [
    (lambda: Hourglass([]), "0 stages"),
    (lambda: Hourglass([K, K], readouts=[Integral(K, 64, 64)]), "2 stages cannot have 1 readouts"),
    (lambda: CoarseToFine([K, K], readouts=[Integral(K, 64, 64)] * 3), "2 stages cannot have 3 readouts"),
    (lambda: CoarseToFine([K]), "two stacks, not 1"),
    (lambda: CoarseToFine([K, K, K]), "two stacks, not 3"),
])
def test_refuses_other_numbers_of_stacks(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@two_stacks
def test_refuses_another_patch(hybridize, make):
    net = make()
    net.hybridize(hybridize)
    for shape in [(3, SIZE, 128), (3, 128, 128), (3, 32, 32), (1, SIZE, SIZE), (3, SIZE)]:
        with pytest.raises(ValueError, match=r"built for images \(N, 3, 64, 64\), given \(2, "):
            run(net, np.ones((N, *shape)))
