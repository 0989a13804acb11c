"""Whole networks of every kind: what goes in, what comes out, and what they share."""
from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest

from symbols.heads import DeconvolutionHead, DirectHead
from symbols.integral import Expectation, HeatVectors, Integral
from symbols.pose_net import PoseNet
from symbols.resnet import ResNet
from tests.helpers.forms import IN_GRAPHS, Parent, run

N, K, SIZE, CELLS = 2, 5, 64, 8
WIDTH = 0.125


def direct(coordinates=2):
    trunk = ResNet(18, WIDTH)
    return PoseNet(trunk, DirectHead(trunk.out_channels, K, coordinates), None, SIZE)


def direct_3d():
    return direct(3)


def on_maps(depth=1, readout=None):
    trunk = ResNet(18, WIDTH)
    made = readout(K, CELLS, CELLS, depth) if readout else None
    return PoseNet(trunk, DeconvolutionHead(trunk.out_channels, K * depth, 2, 12), made, SIZE)


def heat_maps():
    return on_maps()


def integral():
    return on_maps(1, Integral)


def volumes():
    return on_maps(CELLS)


def heat_vectors():
    return on_maps(CELLS, HeatVectors)


def integral_3d():
    return on_maps(CELLS, Integral)


KINDS = {
    direct: (K, 2), direct_3d: (K, 3), heat_maps: (K, CELLS, CELLS), integral: (K, 2),
    volumes: (K * CELLS, CELLS, CELLS), heat_vectors: (K, 3, CELLS), integral_3d: (K, 3),
}
every_kind = pytest.mark.parametrize("make, leaving", KINDS.items(), ids=[kind.__name__ for kind in KINDS])
OTHERS = [(3, SIZE, 96), (3, 96, SIZE), (3, 32, 32), (3, 128, 128), (1, SIZE, SIZE), (SIZE, SIZE, 3), (3, SIZE)]


def initialised(make):
    """Random values, large enough in the head for joints apart from the middle."""
    net = make()
    net.initialize(mx.init.MSRAPrelu("in", 0))
    for parameter in net.head.collect_params(".*weight").values():
        parameter.set_data(mx.nd.random.normal(0, 0.3, parameter.shape))
    return net


def images():
    return np.random.normal(0, 1, (N, 3, SIZE, SIZE)).astype(np.float32)


@pytest.mark.memory
@every_kind
def test_shapes(hybridize, make, leaving):
    net = initialised(make)
    net.hybridize(hybridize)
    assert run(net, images())[0].shape == (N, *leaving)


@every_kind
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_is_the_same_in_a_graph(tmp_path, form, make, leaving):
    net = initialised(make)
    first, other = images(), images()
    eager = run(net, other)[0]
    inside = form(net, tmp_path, mx.nd.array(first))
    np.testing.assert_allclose(run(inside, other)[0], eager, rtol=1e-4, atol=1e-5 * np.abs(eager).max())


@pytest.mark.parametrize("made_before, made_after, follows", [
    (heat_maps, integral, lambda: Integral(K, CELLS, CELLS)),
    (volumes, integral_3d, lambda: Integral(K, CELLS, CELLS, CELLS)),
    (heat_vectors, integral_3d, lambda: Expectation(CELLS)),
])
def test_an_integral_takes_over_a_heat_map_networks_file(hybridize, tmp_path, made_before, made_after, follows):
    before, after = initialised(made_before), made_after()
    before.save_parameters(str(tmp_path / "heat-maps.params"))
    after.load_parameters(str(tmp_path / "heat-maps.params"))
    after.hybridize(hybridize)
    x = images()
    expected = run(follows(), run(before, x)[0])[0]
    np.testing.assert_allclose(run(after, x)[0], expected, atol=1e-5)
    assert np.ptp(expected) > 0.01


@pytest.mark.memory
@every_kind
def test_every_parameter_has_a_gradient(hybridize, make, leaving):
    net = initialised(make)
    net.hybridize(hybridize, static_alloc=True, static_shape=True)
    with mx.autograd.record():
        output = net(mx.nd.array(images()))
        loss = (output * mx.nd.random.normal(shape=output.shape)).sum()
    loss.backward()
    learnt = {name: p for name, p in net.collect_params().items() if p.grad_req != "null"}
    assert [name for name, p in learnt.items() if not np.abs(p.grad().asnumpy()).max() > 0] == []


@every_kind
def test_refuses_another_patch(hybridize, make, leaving):
    net = initialised(make)
    net.hybridize(hybridize)
    for shape in OTHERS:
        with pytest.raises(ValueError, match=r"built for images \(N, 3, 64, 64\), given \(2, "):
            run(net, np.ones((N, *shape)))


@pytest.mark.memory
@pytest.mark.parametrize("make", [integral, integral_3d, heat_vectors])
@pytest.mark.parametrize("form", IN_GRAPHS)
def test_a_graph_refuses_another_patch_at_its_readout(tmp_path, form, make):
    """Each time anew, and takes its own before and after."""
    x = images()
    inside = form(initialised(make), tmp_path, mx.nd.array(x))
    expected = run(inside, x)[0]
    for shape in OTHERS:
        with pytest.raises((ValueError, mx.MXNetError)):
            run(inside, np.ones((N, *shape)))
        np.testing.assert_array_equal(run(inside, x)[0], expected)


@pytest.mark.memory
@pytest.mark.parametrize("kind, depth", [(Integral, 1), (Integral, CELLS), (HeatVectors, CELLS)])
def test_a_readout_of_another_size_is_found_when_the_network_is_first_used(kind, depth):
    trunk = ResNet(18, WIDTH)
    head = DeconvolutionHead(trunk.out_channels, K * depth, 3, 12)
    net = Parent(PoseNet(trunk, head, kind(K, CELLS, CELLS, depth), SIZE))
    net.initialize()
    net.hybridize()
    with pytest.raises((ValueError, mx.MXNetError)):
        run(net, images())
