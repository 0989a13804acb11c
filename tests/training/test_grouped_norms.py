"""Batch normalisations' vectors as one parameter: the same training, in fewer updates."""
from __future__ import annotations

from typing import Any, List, Sequence

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd, gluon
from mxnet.gluon import nn

from integral_pose.training.grouped_norms import ALIGNED, Norms, gathered

ONE, TWO = (mx.cpu(),), (mx.cpu(0), mx.cpu(1))


def network(devices: Sequence[mx.Context]) -> nn.HybridSequential:
    net = nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(nn.Conv2D(5, 3, in_channels=2), nn.BatchNorm(in_channels=5), nn.Activation("relu"))
        net.add(nn.Conv2D(70, 1, in_channels=5, use_bias=False), nn.BatchNorm(in_channels=70, scale=False))
    mx.random.seed(1)
    net.initialize(mx.init.Normal(0.5), ctx=list(devices))
    net.hybridize(static_alloc=True, static_shape=True)
    return net


def trainer(parameters: Any) -> gluon.Trainer:
    return gluon.Trainer(parameters, "adam", {"learning_rate": 0.1}, kvstore="device", update_on_kvstore=False)


def train(net: nn.HybridSequential, by: gluon.Trainer, devices: Sequence[mx.Context], steps: int = 4) -> None:
    draw = np.random.default_rng(2)
    for _ in range(steps):
        images = [mx.nd.array(draw.normal(size=(3, 2, 6, 6)), ctx=device) for device in devices]
        with autograd.record():
            losses = [(net(part) * mx.nd.arange(70, ctx=part.ctx).reshape((1, -1, 1, 1))).sum() for part in images]
        autograd.backward(losses)
        by.step(3 * len(devices))
    mx.nd.waitall()


def values(net: nn.HybridSequential) -> List[np.ndarray]:
    return [copy.asnumpy() for parameter in net.collect_params().values() for copy in parameter.list_data()]


@pytest.mark.parametrize("devices", [ONE, TWO], ids=["one device", "two devices"])
def test_training_is_the_same_to_the_bit(devices: Sequence[mx.Context]) -> None:
    apart, together = network(devices), network(devices)
    trained = [parameter for parameter in apart.collect_params().values() if parameter.grad_req != "null"]
    start = values(together)
    train(apart, trainer(trained), devices)
    train(together, trainer(gathered(together.collect_params())), devices)
    for one, other in zip(values(apart), values(together)):
        np.testing.assert_array_equal(one, other)
    assert not any((before == after).all() for before, after in zip(start, values(together)) if after.size != 70)


def test_gathers_what_is_trained_of_batch_normalisation_and_nothing_else() -> None:
    net = network(ONE)
    *others, norms = gathered(net.collect_params())
    assert [parameter.name for parameter in others] == ["net_conv0_weight", "net_conv0_bias", "net_conv1_weight"]
    assert isinstance(norms, Norms)
    assert norms.shape == (ALIGNED + ALIGNED + 2 * ALIGNED,), "gamma and beta of 5, and beta of 70"


def test_a_network_without_batch_normalisation_is_left_alone() -> None:
    net = nn.Dense(3, in_units=2)
    net.initialize()
    assert gathered(net.collect_params()) == list(net.collect_params().values())


def test_a_vector_that_is_set_is_set_in_the_whole() -> None:
    net = network(TWO)
    norms = gathered(net.collect_params())[-1]
    net[1].gamma.set_data(mx.nd.arange(5))
    for whole in norms.list_data():
        assert whole.asnumpy()[:5].tolist() == [0, 1, 2, 3, 4] and not whole.asnumpy()[5:ALIGNED].any()


def test_saves_and_loads_as_without_it(tmp_path: Any) -> None:
    net, other = network(ONE), network(ONE)
    train(net, trainer(gathered(net.collect_params())), ONE)
    net.save_parameters(str(tmp_path / "net.params"))
    gathered(other.collect_params())
    other.load_parameters(str(tmp_path / "net.params"))
    for one, two in zip(values(net), values(other)):
        np.testing.assert_array_equal(one, two)
