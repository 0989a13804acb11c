"""The multi-stage ResNet: one stage is the plain network, and the later ones see features and logits."""
from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from gluoncv.model_zoo import get_model

from integral_pose.metrics import flops
from symbols.heads import DeconvolutionHead
from symbols.integral import Integral
from symbols.multistage import MultiStage
from symbols.pose_net import PoseNet
from symbols.resnet import ResNet
from tests.helpers.forms import IN_GRAPHS, run

N, K, D, SIZE, CELLS, STAGES = 2, 5, 6, 96, 12, 3
WIDTH = 0.125


def logits(stages=STAGES, maps=K):
    return MultiStage(18, WIDTH, stages, maps, None, SIZE)


def joints(stages=STAGES):
    return MultiStage(18, WIDTH, stages, K, Integral(K, CELLS, CELLS), SIZE)


def joints_3d(stages=STAGES):
    return MultiStage(18, WIDTH, stages, K * D, Integral(K, CELLS, CELLS, D), SIZE)


KINDS = {logits: (K, CELLS, CELLS), joints: (K, 2), joints_3d: (K, 3)}
every_kind = pytest.mark.parametrize("make, leaving", KINDS.items(), ids=[kind.__name__ for kind in KINDS])
both_blocks = pytest.mark.parametrize("depth", [18, 50])


@pytest.fixture
def hybridize():
    """Networks are hybridized, as in training; `test_is_the_same_in_a_graph` compares that with the eager network."""
    return True


def named(net):
    return net._collect_params_with_prefix()


def initialised(net, hybridize=False):
    """Random values, large enough in the heads for maps that matter to the next stage."""
    net.initialize(mx.init.MSRAPrelu("in", 0))
    for name, parameter in named(net).items():
        if "head" in name and name.endswith(("weight", "bias")):
            parameter.set_data(mx.nd.random.normal(0, 0.1, parameter.shape))
    net.hybridize(hybridize)
    return net


def images():
    return np.random.normal(0, 1, (N, 3, SIZE, SIZE)).astype(np.float32)


@pytest.mark.memory
@every_kind
@pytest.mark.parametrize("stages", [1, 2, 4])
def test_each_stage_has_an_output(hybridize, make, leaving, stages):
    outputs = initialised(make(stages), hybridize)(mx.nd.array(images()))
    assert isinstance(outputs, list) and [output.shape for output in outputs] == [(N, *leaving)] * stages


@every_kind
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path, form, make, leaving):
    net = initialised(make())
    first, other = images(), images()
    eager = run(net, other)
    found = run(form(net, tmp_path, mx.nd.array(first)), other)
    for theirs, ours in zip(eager, found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.abs(theirs).max())
    assert len(found) == STAGES


def of_one_stage(name):
    """A parameter's name in the plain network -> its name in a network of one stage."""
    if name.startswith(("trunk.layer3.", "trunk.layer4.", "head.")):
        return f"stages.0.{name}"
    return name


@both_blocks
@pytest.mark.parametrize("readout", [None, Integral], ids=["logits", "joints"])
def test_one_stage_is_the_plain_network(hybridize, depth, readout):
    trunk = ResNet(depth, WIDTH)
    head = DeconvolutionHead(trunk.out_channels, K, 2, round(256 * WIDTH))
    read = readout(K, CELLS, CELLS) if readout else None
    plain = initialised(PoseNet(trunk, head, read, SIZE), hybridize)
    staged = initialised(MultiStage(depth, WIDTH, 1, K, read, SIZE), hybridize)
    values = {of_one_stage(name): parameter.data() for name, parameter in named(plain).items()}
    assert values.keys() == named(staged).keys()
    for name, parameter in named(staged).items():
        parameter.set_data(values[name])
    x = images()
    expected = run(plain, x)[0]
    np.testing.assert_allclose(run(staged, x)[0], expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    assert np.ptp(expected) > 1e-3


def test_joints_are_read_from_the_logits_and_not_handed_on(hybridize, tmp_path):
    before, after = initialised(logits(), hybridize), joints()
    before.save_parameters(str(tmp_path / "heat-maps.params"))
    after.load_parameters(str(tmp_path / "heat-maps.params"))
    after.hybridize(hybridize)
    x = images()
    expected = [run(Integral(K, CELLS, CELLS), maps)[0] for maps in run(before, x)]
    np.testing.assert_allclose(run(after, x), expected, atol=1e-5)
    assert np.abs(expected[1] - expected[2]).max() > 1e-3


def alike():
    """A network whose stages have the same values but for those that act on maps, and these weights."""
    net = initialised(logits())
    net.set_trunk({name: p.data() for name, p in named(initialised_trunk(18)).items()})
    first = named(net.stages[0].head)
    for stage in list(net.stages)[1:]:
        for name, parameter in named(stage.head).items():
            parameter.set_data(first[name].data())
    return net, [weight for stage in list(net.stages)[1:] for weight in stage.entrance]


def on_maps_set_to(weight, value):
    values = weight.data().copy()
    values[:, -K:] = value
    weight.set_data(values)


def test_stages_share_the_features(hybridize):
    net, entrances = alike()
    for weight in entrances:
        on_maps_set_to(weight, 0)
    net.hybridize(hybridize)
    found = run(net, images())
    for later in found[1:]:
        np.testing.assert_allclose(later, found[0], rtol=1e-5, atol=1e-5 * np.abs(found[0]).max())


@pytest.mark.parametrize("which, changed", [(0, (1, 2)), (1, (1, 2)), (2, (2,)), (3, (2,))])
def test_maps_act_on_the_first_convolution_and_the_shortcut_of_the_next_stage(hybridize, which, changed):
    net, entrances = alike()
    net.hybridize(hybridize)
    x = images()
    before = run(net, x)
    on_maps_set_to(entrances[which], 0.3)
    differences = [np.abs(a - b).max() for a, b in zip(run(net, x), before)]
    assert tuple(np.flatnonzero(differences)) == changed


@pytest.mark.memory
@every_kind
def test_every_parameter_has_a_gradient(hybridize, make, leaving):
    net = initialised(make())
    net.hybridize(hybridize, **({"static_alloc": True, "static_shape": True} if hybridize else {}))
    with mx.autograd.record():
        outputs = net(mx.nd.array(images()))
        loss = sum((output * mx.nd.random.normal(shape=output.shape)).sum() for output in outputs)
    loss.backward()
    learnt = {name: p for name, p in named(net).items() if p.grad_req != "null"}
    assert [name for name, p in learnt.items() if not np.abs(p.grad().asnumpy()).max() > 0] == []


def test_a_stage_costs_conv4_conv5_a_head_and_its_maps():
    plain, maps = ResNet(50), 16
    body = flops.parameters(plain.layer3) + flops.parameters(plain.layer4)
    body += flops.parameters(DeconvolutionHead(2048, maps))
    later = body + maps * (256 + 1024)  # of the first block's 1x1 convolution, and of its shortcut
    early = flops.parameters(plain) - flops.parameters(plain.layer3) - flops.parameters(plain.layer4)
    for stages in (1, 2, 4):
        assert flops.parameters(MultiStage(50, 1, stages, maps)) == early + body + (stages - 1) * later


def initialised_trunk(depth, width=WIDTH):
    """A ResNet with random values, running statistics included."""
    trunk = ResNet(depth, width)
    trunk.initialize(mx.init.MSRAPrelu("in", 0))
    for name, parameter in trunk.collect_params().items():
        if name.endswith(("running_mean", "running_var", "gamma", "beta")):
            low = 0.5 if name.endswith(("var", "gamma")) else -0.5
            parameter.set_data(mx.nd.random.uniform(low, low + 1, parameter.shape))
    return trunk


def assert_set_from(net, values, maps):
    """Each of the trunk's values stands in each stage, and there alone."""
    found = {name: parameter.data().asnumpy() for name, parameter in named(net.trunk).items()}
    for stage in net.stages:
        for name, parameter in named(stage.trunk).items():
            widened = stage is not net.stages[0] and parameter.shape != values[name].shape
            found[name] = parameter.data().asnumpy()[:, :-maps] if widened else parameter.data().asnumpy()
            np.testing.assert_array_equal(found[name], values[name].asnumpy(), err_msg=name)
    for name, value in found.items():
        np.testing.assert_array_equal(value, values[name].asnumpy(), err_msg=name)


@both_blocks
def test_every_stage_takes_the_trunks_values(depth):
    net = initialised(MultiStage(depth, WIDTH, 3, K * D, None, SIZE))
    trunk = initialised_trunk(depth)
    values = {name: parameter.data() for name, parameter in named(trunk).items()}
    net.set_trunk({**values, "fc.weight": mx.nd.ones((1000, 7))})
    assert_set_from(net, values, K * D)
    assert values.keys() == {*named(net.trunk), *named(net.stages[0].trunk)}


def test_takes_gluoncvs_parameters():
    theirs = get_model("resnet18_v1b", pretrained=False)
    theirs.initialize(mx.init.MSRAPrelu("in", 0))
    theirs(mx.nd.zeros((1, 3, 32, 32)))
    values = {name: parameter.data() for name, parameter in named(theirs).items()}
    net = MultiStage(18, 1, 2, 16)
    net.initialize()
    net.set_trunk(values)
    assert_set_from(net, values, 16)


def test_what_acts_on_maps_starts_from_a_normal_distribution():
    net = initialised(MultiStage(50, 0.25, 3, 80, None, SIZE))
    net.set_trunk({name: parameter.data() for name, parameter in named(initialised_trunk(50, 0.25)).items()})
    drawn = [w.data().asnumpy()[:, -80:] for stage in list(net.stages)[1:] for w in stage.entrance]
    assert [values.shape for values in drawn] == [(64, 80, 1, 1), (256, 80, 1, 1)] * 2
    for values in drawn:
        error = 1e-3 / np.sqrt(values.size)  # of the mean; the deviation's is smaller
        assert abs(values.mean()) < 4 * error and abs(values.std() - 1e-3) < 4 * error
    assert np.abs(drawn[0] - drawn[2]).max() > 1e-4


@pytest.mark.parametrize("name", [
    "conv1.weight", "layer2.1.bn2.running_var", "layer3.0.conv1.weight", "layer4.0.bn1.beta",
])
def test_refuses_another_networks_values(name):
    net = initialised(logits(2))
    values = {key: parameter.data() for key, parameter in named(initialised_trunk(18)).items()}
    with pytest.raises(ValueError, match=rf"{name} should be an array .*, and is None"):
        net.set_trunk({key: value for key, value in values.items() if key != name})
    with pytest.raises(ValueError, match=rf"{name} should be an array .*, and is \("):
        net.set_trunk({**values, name: mx.nd.concat(values[name], values[name], dim=0)})


def test_refuses_values_for_the_maps_too():
    """As a file of this network has them, which is not ImageNet's."""
    net = initialised(logits(2))
    values = {key: parameter.data() for key, parameter in named(initialised_trunk(18)).items()}
    with pytest.raises(ValueError, match=r"layer3.0.conv1.weight should be"):
        net.set_trunk({**values, "layer3.0.conv1.weight": net.stages[1].entrance[0].data()})


@pytest.mark.parametrize("factor", [20, 0.25])
def test_scaling_logits_leaves_what_the_next_stage_sees(hybridize, factor):
    net = initialised(logits(), hybridize)
    x = images()
    before = run(net, x)
    net.scale_logits(factor)
    for after, maps in zip(run(net, x), before):
        np.testing.assert_allclose(after, maps * factor, rtol=1e-4, atol=1e-5 * factor * np.abs(maps).max())


@pytest.mark.parametrize("size", [0, 16, 48, 80, 100])
def test_refuses_a_patch_whose_maps_would_not_fit(size):
    with pytest.raises(ValueError, match=f"a patch of {size} px is not a multiple of 32 px"):
        MultiStage(18, WIDTH, 2, K, None, size)


def test_refuses_no_stages():
    with pytest.raises(ValueError, match="0 stages"):
        logits(0)


def test_refuses_another_patch(hybridize):
    net = initialised(joints(), hybridize)
    for shape in [(3, SIZE, 64), (3, 64, SIZE), (3, 64, 64), (1, SIZE, SIZE), (SIZE, SIZE, 3), (3, SIZE)]:
        with pytest.raises(ValueError, match=r"built for images \(N, 3, 96, 96\), given \(2, "):
            run(net, np.ones((N, *shape)))
