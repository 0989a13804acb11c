"""Files of parameters in 8 bits, compressed."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401

from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from integral_pose.errors import InputError
from integral_pose.models import build, compact, weights
from integral_pose.run import Run
from tests.helpers import trained_forms

RUN: Run = trained_forms.tiny()


def test_weights_keep_a_254th_of_their_channels_largest(tmp_path: Path) -> None:
    values = {"conv.weight": mx.nd.random.normal(shape=(8, 4, 3, 3)), "conv.bias": mx.nd.random.normal(shape=(8,))}
    values["conv.weight"][3] = 0
    weights.save_small(values, tmp_path / "net.params")
    found = compact.read(tmp_path / "net.params")
    assert set(found) == set(values) and [path.name for path in tmp_path.iterdir()] == ["net.params"]
    weight = values["conv.weight"].asnumpy()
    largest = np.abs(weight).max(axis=(1, 2, 3), keepdims=True)
    assert (np.abs(found["conv.weight"].asnumpy() - weight) <= largest / 254 + 1e-6).all()
    np.testing.assert_allclose(found["conv.bias"].asnumpy(), values["conv.bias"].asnumpy(), rtol=1e-3)


def test_a_network_in_8_bits_predicts_nearly_the_same_from_a_third_of_the_bytes(tmp_path: Path) -> None:
    whole = trained_forms.write(RUN, tmp_path / "run") / "net.params"
    weights.save_small(mx.nd.load(str(whole)), tmp_path / "small.params")
    assert (tmp_path / "small.params").stat().st_size < whole.stat().st_size / 3
    images = mx.nd.random.normal(shape=(2, 3, RUN.patch, RUN.patch))
    joints = []
    for path in (whole, tmp_path / "small.params"):
        net = build.network(RUN)
        weights.load(net, path, [mx.cpu()])
        joints.append(net(images).asnumpy())
    assert 0 < np.abs(joints[0] - joints[1]).max() < 0.01


@pytest.mark.parametrize("end", [-9, 40])
def test_a_damaged_file_is_refused(end: int, tmp_path: Path) -> None:
    whole, small = trained_forms.write(RUN, tmp_path / "run") / "net.params", tmp_path / "small.params"
    weights.save_small(mx.nd.load(str(whole)), small)
    small.write_bytes(small.read_bytes()[:end])
    with pytest.raises(InputError, match="small.params: these are not the parameters of this network, or the file is"):
        weights.load(build.network(RUN), small, [mx.cpu()])
