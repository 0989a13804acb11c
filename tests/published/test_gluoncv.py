"""GluonCV's own pose networks through our pipeline, beside GluonCV's transforms, flip test and decoding."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401

from dataclasses import replace
from pathlib import Path
from typing import Any, Tuple

import cv2
import mxnet as mx
import numpy as np
import pytest
from gluoncv.data.transforms.pose import flip_heatmap, get_final_preds
from gluoncv.data.transforms.presets.simple_pose import SimplePoseDefaultValTransform
from gluoncv.model_zoo import get_model

from integral_pose.geometry import Array
from integral_pose.inference.boxes import Boxes
from integral_pose.inference.estimator import Estimator
from integral_pose.inference.media import Picture
from integral_pose.models import saved
from integral_pose.skeletons import COCO

SIZE = (128, 96)  # of patches: the networks take any, and the published ones' 256 x 192 takes four times as long
RANDOM = {"running_var": (0.5, 1.5), "running_mean": (-0.1, 0.1), "bias": (1, 2)}  # and the maps' maxima above 0
PAIRS = [(2 * i + 1, 2 * i + 2) for i in range(8)]
BOXES = np.array([[37.0, 21.0, 120.0, 180.0], [100.0, 60.0, 150.0, 90.0]])  # the second is wider than a patch


@pytest.fixture(scope="module")
def picture() -> Array:
    """Smooth, RGB: patches that differ by a rounding of their matrix then differ by as little."""
    noise = np.random.default_rng(5).uniform(0, 255, (30, 40, 3)).astype(np.uint8)
    return cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC)


def random_network(name: str, path: Path) -> Any:
    """A network of GluonCV's with random values everywhere, saved by it."""
    mx.random.seed(3)
    net = get_model(name, pretrained=False, pretrained_base=False)
    net.initialize(mx.init.MSRAPrelu("in", 0))
    net(mx.nd.zeros((1, 3, 64, 64)))
    for parameter, value in net._collect_params_with_prefix().items():
        kind = parameter.split(".")[-1]
        if kind in RANDOM:
            value.set_data(mx.nd.random.uniform(*RANDOM[kind], value.shape))
        elif parameter.startswith(("deconv_layers", "final_layer")) and kind == "weight":
            value.set_data(mx.nd.random.normal(0, 0.05, value.shape))
    net.save_parameters(str(path))
    return net


def by_gluoncv(net: Any, picture: Array, flip: bool) -> Tuple[Array, Array]:
    """Joints in px and their maps' maxima, as scripts/pose/simple_pose/validate.py of GluonCV computes them."""
    transform = SimplePoseDefaultValTransform(17, PAIRS, SIZE)
    found = []
    for x, y, width, height in BOXES.tolist():
        label = {"bbox": [x, y, x + width, y + height], "joints_3d": None}
        image, scale, centre, _, _ = transform(mx.nd.array(picture, dtype="uint8"), label, "")
        maps = net(image[None])
        if flip:
            mirrored = flip_heatmap(net(image[None].flip(axis=3)).asnumpy(), PAIRS, shift=True)
            maps = (maps + mx.nd.array(mirrored)) / 2
        found.append([array.asnumpy()[0] for array in get_final_preds(maps, centre[None], scale[None])])
    joints, maxima = zip(*found)
    return np.stack(joints), np.stack(maxima)[..., 0]


@pytest.mark.parametrize("layers", [18, 50])
def test_joints_are_gluoncvs(layers: int, tmp_path: Path, picture: Array) -> None:
    path = tmp_path / "net.params"
    net = random_network(f"simple_pose_resnet{layers}_v1b", path)
    trained = saved.at(path)
    assert (trained.run.backbone, trained.run.patch, trained.run.patch_width) == (f"resnet{layers}", 256, 192)
    for flip in (False, True):
        run = replace(trained.run, patch=SIZE[0], patch_width=SIZE[1], flip_test=flip)
        ours = Estimator(trained._replace(run=run), mx.cpu())
        people = next(ours.seen([(Picture("a", picture[..., ::-1]), Boxes(BOXES, np.ones(2)))])).people
        joints, maxima = by_gluoncv(net, picture, flip)
        assert ours.skeleton is COCO and (maxima > 0).all()  # where a map is 0 or less GluonCV gives its corner
        assert np.abs([person.joints for person in people] - joints).max() < 0.01
        np.testing.assert_allclose([person.confidence for person in people], maxima, rtol=1e-3)
