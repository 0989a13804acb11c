"""The trunks: their layers, strides and channels, and GluonCV's own with the same weights."""
from __future__ import annotations

import collections
import json

import mxnet as mx
import numpy as np
import pytest
from gluoncv.model_zoo import get_model
from mxnet import autograd, gluon

from integral_pose.models import decode, weights
from symbols.hourglass import Hourglass
from symbols.maps import portable
from symbols.resnet import DEPTHS, BatchNormReLU, ResNet, fuse_rectifiers
from tests.helpers.forms import IN_GRAPHS, run

SHAPE = (2, 3, 64, 96)
published = pytest.mark.parametrize("depth", DEPTHS)


def images(shape=SHAPE):
    return np.random.normal(0, 1, shape).astype(np.float32)


def initialised(net):
    """Random values, running statistics included: at their first values those hide a swapped layer."""
    net.initialize(mx.init.MSRAPrelu("in", 0))
    for name, parameter in net.collect_params().items():
        if name.endswith(("running_mean", "running_var", "gamma", "beta")):
            low = 0.5 if name.endswith(("var", "gamma")) else -0.5
            parameter.set_data(mx.nd.random.uniform(low, low + 1, parameter.shape))
    return net


def shapes(net):
    return {name: parameter.shape for name, parameter in net._collect_params_with_prefix().items()}


def theirs(depth):
    return get_model(f"resnet{depth}_v1b", pretrained=False)


@published
def test_layers_add_up_to_the_depth(depth):
    blocks, bottleneck = DEPTHS[depth]
    net = ResNet(depth)
    assert [len(stage) for stage in (net.layer1, net.layer2, net.layer3, net.layer4)] == list(blocks)
    assert 2 + sum(blocks) * (3 if bottleneck else 2) == depth


@published
def test_the_stride_is_in_the_3x3_convolution(depth):
    nodes = json.loads(ResNet(depth)(mx.sym.var("data")).tojson())["nodes"]
    convolutions = [node for node in nodes if node["op"] == "Convolution"]
    halving = [node["attrs"]["kernel"] for node in convolutions if node["attrs"]["stride"] == "(2, 2)"]
    # The stem's, and in the first block of conv3, conv4 and conv5 one and its shortcut's. GluonCV's resnet50_v1, which
    # has the stride in the 1x1 convolution, would give six of 1x1.
    assert collections.Counter(halving) == {"(7, 7)": 1, "(3, 3)": 3, "(1, 1)": 3}


def test_an_early_stride_is_in_the_1x1_convolution():
    net = ResNet(50, 0.25, early=True)
    nodes = json.loads(net(mx.sym.var("data")).tojson())["nodes"]
    convolutions = [node for node in nodes if node["op"] == "Convolution"]
    halving = [node["attrs"]["kernel"] for node in convolutions if node["attrs"]["stride"] == "(2, 2)"]
    assert collections.Counter(halving) == {"(7, 7)": 1, "(1, 1)": 6}
    assert shapes(net) == shapes(ResNet(50, 0.25))


@published
def test_parameters_are_named_and_shaped_as_gluoncv_does(depth):
    their = theirs(depth)
    their.infer_shape(mx.nd.zeros((1, 3, 64, 64)))
    expected = {name: shape for name, shape in shapes(their).items() if not name.startswith("fc.")}
    assert shapes(ResNet(depth)) == expected


@pytest.mark.parametrize("depth", [18, 50])
def test_equals_gluoncv_on_the_same_file(hybridize, tmp_path, depth):
    their = initialised(theirs(depth))
    x = mx.nd.array(images((1, 3, 64, 64)))
    their(x)
    their.save_parameters(str(tmp_path / f"resnet{depth}_v1b-0123abcd.params"))
    ours = ResNet(depth)
    weights.load_imagenet(ours, f"resnet{depth}", tmp_path, [mx.cpu()])
    ours.hybridize(hybridize)
    expected = x
    for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        expected = getattr(their, name)(expected)
    scale = float(expected.abs().max().asscalar())
    np.testing.assert_allclose(ours(x).asnumpy() / scale, expected.asnumpy() / scale, atol=1e-5)
    assert float(expected.asnumpy().std()) > 1e-3 * scale


@pytest.mark.parametrize("depth, width, channels", [(18, 0.3, 152), (50, 0.125, 256), (101, 0.125, 256)])
def test_features_are_a_32nd_of_the_image(hybridize, depth, width, channels):
    net = initialised(ResNet(depth, width))
    net.hybridize(hybridize)
    assert run(net, images())[0].shape == (2, channels, 2, 3)
    assert net.out_channels == channels


@published
def test_width_multiplies_every_number_of_channels(depth):
    whole = shapes(ResNet(depth))
    for name, shape in shapes(ResNet(depth, 0.25)).items():
        entering = whole[name][1:2] if name == "conv1.weight" else tuple(n // 4 for n in whole[name][1:2])
        assert shape == (whole[name][0] // 4, *entering, *whole[name][2:])


@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path, form, depth):
    net = initialised(ResNet(depth, 0.125))
    first, other = images(), images()
    eager = run(net, other)[0]
    inside = form(net, tmp_path, mx.nd.array(first))
    np.testing.assert_allclose(run(inside, other)[0], eager, rtol=1e-4, atol=1e-5 * np.abs(eager).max())


def rectifiers(net):
    found = []
    net.apply(lambda block: found.append(block) if isinstance(block, BatchNormReLU) else None)
    return found


def trained(net, fused, steps=2):
    """Everything that training changes, and the output that follows."""
    fuse_rectifiers(net)
    if not fused:
        portable(net)
    net.hybridize(static_alloc=True, static_shape=True)
    trainer = gluon.Trainer(net.collect_params(), "sgd", {"learning_rate": 1e-4})
    draw = np.random.default_rng(3)
    for _ in range(steps):
        pictures = mx.nd.array(draw.normal(size=(2, 3, 64, 64)))
        with autograd.record():
            loss = decode.last_stage(net(pictures)).square().sum()
        loss.backward()
        trainer.step(2)
    mx.nd.waitall()
    values = [parameter.data().asnumpy() for parameter in net.collect_params().values()]
    return [*values, decode.last_stage(net(pictures)).asnumpy()]


QUARTERS = {
    "resnet18": lambda: ResNet(18, 0.25), "resnet50": lambda: ResNet(50, 0.25),
    "hourglass": lambda: Hourglass([4, 4], 0.25, size=64),
}


@pytest.mark.parametrize("make", QUARTERS.values(), ids=QUARTERS)
def test_rectifying_in_one_operator_changes_nothing(make):
    nets = make(), make()
    for net in nets:
        mx.random.seed(4)
        initialised(net)
    fused, plain = (trained(net, fused) for net, fused in zip(nets, (True, False)))
    assert not any(block.fused for block in rectifiers(nets[1]))
    if not any(block.fused for block in rectifiers(nets[0])):
        pytest.skip("oneDNN is switched off, so there is nothing to compare")
    for one, other in zip(fused, plain):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def test_rectifies_in_one_operator_only_whole_blocks_of_channels(monkeypatch):
    net = ResNet(18, 0.0625)
    fuse_rectifiers(net)
    assert rectifiers(net) and not any(block.fused for block in rectifiers(net))
    monkeypatch.setenv("MXNET_MKLDNN_ENABLED", "0")
    net = ResNet(18, 0.25)
    fuse_rectifiers(net)
    assert not any(block.fused for block in rectifiers(net))
