"""Networks of this program, written for PyTorch."""
from __future__ import annotations

import json
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from integral_pose.commands import export
from integral_pose.models import build, saved, weights
from integral_pose.published import tensors
from tests.helpers.printed import words


def test_a_network_that_is_written_has_its_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main(["people", "--to", "torch", "--out", str(tmp_path)]) == 0
    shown = words(capsys.readouterr().out)
    assert "PoseResNet, with NUM_LAYERS 18, NUM_DECONV_FILTERS 128, 128 and NUM_JOINTS 14." in shown
    assert "0.5 times the channels" in shown
    trained = saved.at(Path("people"))
    net = build.maps_network(trained.run)
    weights.load(net, trained.parameters, [mx.cpu()])
    ours = net._collect_params_with_prefix()
    named = tensors.read(tmp_path / f"{trained.run.key}.pth")
    assert len(named.shapes) == len(ours)
    for theirs, name in (("layer2.0.bn1.weight", "trunk.layer2.0.bn1.gamma"), ("final_layer.bias", "head.final.bias"),
                         ("deconv_layers.3.weight", "head.layers.3.weight")):
        np.testing.assert_array_equal(named.read(theirs), ours[name].data().asnumpy())
    assert json.loads((tmp_path / f"{trained.run.key}.json").read_text())["joints"][0] == "r_ankle"


def test_a_3d_network_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export.main(["people-3d", "--to", "torch", "--out", str(tmp_path)]) == 2
    assert "has no counterpart among SimpleBaseline's networks" in words(capsys.readouterr().err)
    assert not any(tmp_path.iterdir())
