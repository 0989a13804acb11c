"""Published networks by their parameters' names and shapes: which they are, and what is refused."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, Dict

import mxnet as mx
import numpy as np
import pytest
from safetensors.numpy import save_file

from integral_pose.datasets import catalogue
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.models import build, saved, weights
from integral_pose.published import names, networks, tensors
from integral_pose.published.names import Anatomy
from integral_pose.published.sources import SOURCES
from integral_pose.run import Run
from symbols.resnet import ResNet
from tests.helpers import published_forms as forms

NARROW = forms.NARROW
BASELINE = Anatomy("baseline", 18, NARROW, 3, 16)
VOLUMES = Anatomy("volumes", 18, NARROW, 3, 18 * 64)


@pytest.mark.parametrize("layout, layers, maps, name, beside, source, size", [
    ("baseline", 18, 16, "pose_resnet_18_256x256.pth.tar", (), "simple-baseline-mpii", (256, 0)),
    ("baseline", 50, 16, "pose_resnet_50_384x384.pth.tar", ("optimizer",), "simple-baseline-mpii", (384, 0)),
    ("baseline", 18, 17, "pose_resnet_18_256x192.pth.tar", (), "simple-baseline-coco", (256, 192)),
    ("volumes", 50, 18 * 64, "snapshot_19.pth.tar", ("optimizer", "scheduler"), "integral-pytorch", (256, 0)),
    ("volumes", 18, 18 * 64, "snapshot_24.pth.tar", ("optimizer",), "3dmppe", (256, 0)),
    ("volumes", 18, 21 * 64, "a.pth", (), "3dmppe-muco", (256, 0)),
    ("release", 18, 18 * 64, "a.pth.tar", (), "release", (256, 0)),
    ("release", 18, 18 * 72, "model_chall_train_152ft_384x288.pth.tar", (), "challenge", (384, 288)),
])
def test_networks_are_recognised(
    tmp_path: Path, layout: str, layers: int, maps: int, name: str, beside: Any, source: str, size: Any
) -> None:
    anatomy = Anatomy(layout, layers, NARROW, 3, maps)
    arrays = forms.values(anatomy)
    path = forms.write(tmp_path / name, forms.renamed(anatomy, arrays, "module."), beside)
    run = saved.at(path).run
    assert run.published.startswith(f"{source} ") and (run.patch, run.patch_width) == size
    assert (run.backbone, run.width) == (f"resnet{layers}", NARROW)
    net = build.maps_network(run)
    weights.load(net, path, [mx.cpu()])
    for parameter, value in net._collect_params_with_prefix().items():
        assert (value.data().asnumpy() == arrays[parameter]).all()


def test_all_sources_are_runs_of_known_joints() -> None:
    known = {field.name for field in fields(Run)}
    for source in SOURCES:
        assert set(source.settings) <= known and source.facts
        height, width = source.patches[0]
        run = Run(**source.settings, upsamplings=3, patch=height, patch_width=width if width < height else 0)
        assert len(catalogue.skeleton(run).joints) * run.depth == source.maps
        assert Run.from_settings(run.settings) == run
        assert all(source.name in other.rivals for other in SOURCES if other.name in source.rivals)


@pytest.mark.parametrize("change, message", [
    ({"conv1.weight": None}, "no first convolution"),
    ({"layer3.1.bn2.running_var": None}, r"1 parameters are missing: layer3.1.bn2.running_var"),
    ({"layer3.1.conv4.weight": np.ones((2, 2))}, r"1 parameters are too many: layer3.1.conv4.weight"),
    ({"layer3.2.conv1.weight": np.ones((2, 2))}, r"residual blocks 2, 2, 3, 2 of 2 convolutions, which is none of"),
    ({"deconv_layers.3.weight": np.ones((16, 16, 3, 3))}, r"kernels of \[\(3, 3\), \(4, 4\)\]"),
    ({"layer1.0.bn1.weight": np.ones(5)}, r"layer1.0.bn1.weight has the shape \(5,\), not \(4,\)"),
    ({"final_layer.weight": None}, "no last layer, final_layer.weight"),
    ({"final_layer.weight": np.ones((15, 16, 1, 1)), "final_layer.bias": np.ones(15)},
     r"last layer gives 15 maps. Networks of this kind are known with 16 \(SimpleBaseline on MPII"),
])
def test_other_architectures_are_refused(tmp_path: Path, change: Dict[str, Any], message: str) -> None:
    named = {**forms.renamed(BASELINE, forms.values(BASELINE)), **change}
    path = forms.write(tmp_path / "a_256x256.pth", {name: v for name, v in named.items() if v is not None})
    with pytest.raises(InputError, match=message):
        networks.recognise(path)


def test_what_a_file_does_not_tell_is_asked(tmp_path: Path) -> None:
    path = forms.write(tmp_path / "a.pth", forms.renamed(BASELINE, forms.values(BASELINE)))
    with pytest.raises(InputError, match=r"Import it with --patch 256x256 or --patch 384x384"):
        networks.recognise(path)
    assert networks.recognise(path, patch="384x384").run.patch == 384
    with pytest.raises(InputError, match="--patch 100x64: both must be multiples of 32"):
        networks.recognise(path, patch="100x64")
    path = forms.write(tmp_path / "b.pth", forms.renamed(VOLUMES, forms.values(VOLUMES)))
    with pytest.raises(InputError, match="Import it with --source integral-pytorch or --source 3dmppe"):
        networks.recognise(path)
    assert networks.recognise(path, source="3dmppe").run.margin == 1.25
    with pytest.raises(InputError, match="is not of --source gluoncv, but of integral-pytorch"):
        networks.recognise(path, source="gluoncv")


@pytest.mark.parametrize("name, asked, early", [
    ("pose_resnet_50_256x192.pth.tar", "", False), ("pose_resnet_50_256x192.pth", "", False),
    ("pose_resnet_50_Caffe_256x192.pth.tar", "", True), ("model_best_256x192.pth", "caffe", True),
    ("model_best_256x192.pth", "pytorch", False), ("pose_resnet_50_256x192.pth", "caffe", True),
])
def test_the_style_is_of_the_publishers_name_or_asked(tmp_path: Path, name: str, asked: str, early: bool) -> None:
    anatomy = Anatomy("baseline", 50, NARROW, 3, 17)
    path = forms.write(tmp_path / name, forms.renamed(anatomy, forms.values(anatomy)))
    run = networks.recognise(path, style=asked).run
    assert run.early_stride is early
    nodes = json.loads(build.maps_network(run)(mx.sym.var("data")).tojson())["nodes"]
    convolutions = [node["attrs"] for node in nodes if node["op"] == "Convolution"]
    halving = [of["kernel"] for of in convolutions if of["stride"] == "(2, 2)"]
    assert halving.count("(1, 1)") == (6 if early else 3)


def test_the_style_is_asked_for_where_nothing_tells_it(tmp_path: Path) -> None:
    anatomy = Anatomy("baseline", 50, NARROW, 3, 17)
    path = forms.write(tmp_path / "model_best_256x192.pth", forms.renamed(anatomy, forms.values(anatomy)))
    with pytest.raises(InputError, match="in two styles with the same parameters, so the file does not tell which"):
        saved.at(path)
    path = forms.write(tmp_path / "caffe_18_256x256.pth", forms.renamed(BASELINE, forms.values(BASELINE)))
    assert not networks.recognise(path).run.early_stride  # blocks of two 3x3 convolutions have one style
    with pytest.raises(InputError, match="leave out --style caffe. It is for SimpleBaseline's networks of 50 layers"):
        networks.recognise(path, style="caffe")


@pytest.mark.parametrize("name, values, message", [
    ("bn1.running_var", np.full(4, -0.5), "bn1.running_var has numbers below 0, which variances are not"),
    ("conv1.weight", np.ones((4, 3, 7, 7), np.int64), "conv1.weight holds int64, but parameters are floating-point"),
])
def test_numbers_that_cannot_be_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, values: Array, message: str
) -> None:
    path = forms.write(tmp_path / "a_256x256.pth", forms.renamed(BASELINE, forms.values(BASELINE)))
    named = tensors.read(path)
    monkeypatch.setattr(tensors, "read", lambda _: named._replace(
        read=lambda asked: values if asked == name else named.read(asked)
    ))
    with pytest.raises(InputError, match=message):
        networks.arrays(path)


@pytest.mark.parametrize("name, message", [
    ("trunk.conv1.weight", "is a network of this program, which needs no import"),
    ("bn1.gamma", "is a backbone of GluonCV's without a head"),
])
def test_files_of_mxnets_are_sent_to_their_places(tmp_path: Path, name: str, message: str) -> None:
    mx.nd.save(str(tmp_path / "a.params"), {name: mx.nd.zeros(4), "conv1.weight": mx.nd.zeros((4, 3, 7, 7))})
    with pytest.raises(InputError, match=message):
        networks.recognise(tmp_path / "a.params")


def test_a_backbone_of_caffes_style_is_refused(tmp_path: Path) -> None:
    (tmp_path / "resnet50-caffe.pth").write_bytes(b"")
    with pytest.raises(InputError, match="resnet50-caffe.pth: is a backbone of Caffe's style by its name"):
        weights.load_imagenet(ResNet(50, NARROW), "resnet50", tmp_path, [mx.cpu()])


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_backbone_from_elsewhere_is_found_and_read(tmp_path: Path, ending: str) -> None:
    anatomy = Anatomy("", 18, 1.0)
    arrays = forms.values(anatomy)
    named = forms.renamed(anatomy, arrays)
    named.update({"fc.weight": np.zeros((2, 512), np.float32), "fc.bias": np.zeros(2, np.float32)})
    path = tmp_path / f"resnet18-5c106cde{ending}"
    if ending == ".pth":
        forms.write(path, named)
    else:
        save_file({name: np.ascontiguousarray(array) for name, array in named.items()}, str(path))
    trunk = ResNet(18)
    weights.load_imagenet(trunk, "resnet18", tmp_path, [mx.cpu()])
    for parameter, value in trunk._collect_params_with_prefix().items():
        assert (value.data().asnumpy() == arrays[f"trunk.{parameter}"]).all()
    with pytest.raises(InputError, match=r"is a backbone \(ResNet-18\) without a head, which predicts no joints"):
        networks.recognise(path)


def test_a_backbone_of_another_depth_is_refused(tmp_path: Path) -> None:
    anatomy = Anatomy("", 18, NARROW)
    path = forms.write(tmp_path / "resnet50-0676ba61.pth", forms.renamed(anatomy, forms.values(anatomy)))
    with pytest.raises(InputError, match="is another network than the one it is read for"):
        weights.load(ResNet(50, NARROW), path, [mx.cpu()])


def test_parameters_have_one_name_each() -> None:
    for layout in names.LAYOUTS:
        named = names.names(Anatomy(layout, 18, NARROW, 3, 16))
        assert len(set(named.values())) == len(named) == len(names.shapes(BASELINE))
