"""Compares imported networks with their publishers' own programs, on random weights and running statistics.

    python -m benchmarks.published.compare --torch /env/bin/python --repositories DIR

/env has PyTorch, torchvision, timm, safetensors, matplotlib, easydict and OpenCV in the version that is here: pixels of
OpenCV 5's warpAffine differ from those of 4, by which maps are 7e-4 apart. DIR holds the publishers' code:
  human-pose-estimation.pytorch   microsoft/human-pose-estimation.pytorch
  3dmppe                          mks0601/3DMPPE_POSENET_RELEASE
  integral-pytorch                mks0601/Integral-Human-Pose-Regression-for-3D-Human-Pose-Estimation
  integral-human-pose             JimmySuen/integral-human-pose

Each network is made and saved by the publisher's code (theirs.py); the file is imported here. Of the cases to-torch it
is the other way: our network is written by `export --to torch`, and SimpleBaseline's PoseResNet loads it with
strict=True. Printed are how far the maps are apart, relative to the largest value, and the joints, without and with the
flip test, in px of the picture and, in 3D, in mm. GluonCV's networks need no PyTorch: tests/published/test_gluoncv.py
compares them.
"""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Tuple

import cv2
import mxnet as mx
import numpy as np

from integral_pose.commands import export
from integral_pose.geometry import Array, Patch
from integral_pose.inference.boxes import Boxes
from integral_pose.inference.estimator import Estimator, square
from integral_pose.inference.media import Picture
from integral_pose.models import build, saved, weights
from integral_pose.run import Run
from integral_pose.samples import cut, normalise
from symbols.resnet import ResNet

CASES = (
    "simple-baseline:50:16:256:256", "simple-baseline:101:16:384:384", "simple-baseline:50:17:256:192",
    "simple-baseline:101:17:384:288", "simple-baseline:50:17:256:192:caffe",
    "to-torch:18:16:2:256:256", "to-torch:50:17:3:256:192", "to-torch:50:16:3:256:256:caffe",
    "integral-pytorch", "3dmppe", "3dmppe:21", "release:50:64:256:256",
    "challenge:152:72:384:288", "backbone:torchvision:18", "backbone:torchvision:50", "backbone:torchvision:101",
    "backbone:timm:50",
)
MOST = {"maps": 1e-4, "px": 0.01, "mm": 0.3}  # mm: of 2,000 in depth


def main() -> int:
    """Prints a line for each network; returns 1 if one is further apart than MOST."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", required=True, metavar="PYTHON", help="of an environment with PyTorch")
    parser.add_argument("--repositories", type=Path, required=True, metavar="DIR", help="the publishers' code")
    parser.add_argument("--cases", nargs="+", default=CASES, help="which networks (default: all)")
    args = parser.parse_args()
    worst = [_line(case, args.torch, args.repositories.resolve()) for case in args.cases]
    return 0 if all(worst) else 1


def _line(case: str, python: str, repositories: Path) -> bool:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cv2.imwrite(f"{place}/picture.png", _picture())
        maps = _written(folder, *case.split(":")[1:]) if case.startswith("to-torch") else None
        theirs = Path(__file__).with_name("theirs.py")
        subprocess.run([python, str(theirs), case, str(repositories), f"{place}/picture.png", place], check=True)
        with np.load(folder / "expected.npz") as file:
            expected = {name: file[name] for name in file.files}
        (path,) = [path for path in folder.iterdir() if path.suffix in (".tar", ".pth", ".safetensors")]
        if maps is None:
            found = (_backbone if case.startswith("backbone") else _network)(path, expected)
        else:
            found = {"maps": _relative(maps, expected["maps"])}
    print(f"{case:40}" + "  ".join(f"{name} {value:.1e}" for name, value in found.items()), flush=True)
    return all(value <= MOST[name.split()[-1]] for name, value in found.items())


def _picture() -> Array:
    """Smooth colours, BGR: the publishers' matrices are float32 and ours float64, so pixels differ by roundings."""
    noise = np.random.default_rng(5).uniform(0, 255, (30, 40, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(noise, (320, 240), interpolation=cv2.INTER_CUBIC))


def _network(path: Path, expected: Any) -> Dict[str, float]:
    trained = saved.at(path)
    run, picture = trained.run, Picture("picture", cv2.imread(str(path.parent / "picture.png")))
    patch = Patch(square(picture, expected["box"], run), run.patch, width=run.patch_width, corner=run.by_corner)
    net = build.maps_network(run)
    weights.load(net, path, [mx.cpu()])
    maps = net(mx.nd.array(normalise(cut(picture.pixels, patch), colours=run.colours)[None])).asnumpy()[0]
    found = {"maps": _relative(maps, expected["maps"])}
    for name, flip in (("joints", False), ("flipped", True)):
        estimator = Estimator(trained._replace(run=replace(run, flip_test=flip)), mx.cpu())
        boxes = Boxes(expected["box"][None], np.ones(1))
        person = next(estimator.seen([(picture, boxes)])).people[0]
        of_px, of_mm = _apart(person, expected[name], estimator.skeleton.index(estimator.skeleton.root))
        found[f"{name} px"] = of_px
        if person.space is not None:
            found[f"{name} mm"] = of_mm
    return found


def _apart(person: Any, expected: Array, root: int) -> Tuple[float, float]:
    """How far joints are apart in px, and in mm: in depth, or of the challenge in all three directions."""
    px = float(np.abs(person.joints - expected[:, :2]).max())
    if person.space is None:
        return px, 0.0
    space, posed = person.space - person.space[root], expected[:, 2:] - expected[root, 2:]
    return px, float(np.abs(space[:, -posed.shape[1]:] - posed).max())


def _backbone(path: Path, expected: Any) -> Dict[str, float]:
    layers = int(path.name[len("resnet"):].split("-")[0].split(".")[0])
    trunk = ResNet(layers)
    weights.load_imagenet(trunk, f"resnet{layers}", path.parent, [mx.cpu()])
    picture = cv2.resize(cv2.imread(str(path.parent / "picture.png")), (128, 128))
    features = trunk(mx.nd.array(normalise(picture)[None])).asnumpy()[0]
    return {"maps": _relative(features, expected["maps"])}


def _written(
    folder: Path, layers: str, joints: str, deconvolutions: str, high: str, wide: str, style: str = "pytorch"
) -> Array:
    """Has `export --to torch` write a network of ours with random values; returns its maps of the picture."""
    run = Run.from_settings({
        "output": "heat map", "loss": "gaussian-mse", "data": {"16": "mpii", "17": "coco"}[joints], "patch": int(high),
        "backbone": f"resnet{layers}", "upsamplings": int(deconvolutions), "early_stride": style == "caffe",
        "patch_width": int(wide) if wide != high else 0,
    })
    net = build.maps_network(run)
    _randomise(net)
    (folder / "ours").mkdir()
    net.save_parameters(str(folder / "ours/net.params"))
    (folder / "ours/run.json").write_text(json.dumps({"key": run.key, **run.settings}), encoding="utf-8")
    with redirect_stdout(None):
        export.main([str(folder / "ours/net.params"), "--to", "torch", "--out", str(folder)])
    picture = cv2.resize(cv2.imread(str(folder / "picture.png")), (int(wide), int(high)))
    return np.asarray(net(mx.nd.array(normalise(picture)[None])).asnumpy()[0])


def _randomise(net: Any) -> None:
    mx.random.seed(1)
    net.initialize(mx.init.MSRAPrelu("in", 0))
    for name, parameter in net._collect_params_with_prefix().items():
        if len(parameter.shape) == 1:
            low, high = (0.7, 1.3) if name.endswith(("running_var", "gamma")) else (-0.1, 0.1)
            parameter.set_data(mx.nd.random.uniform(low, high, parameter.shape))


def _relative(ours: Array, theirs: Array) -> float:
    """How far maps are apart, relative to the largest value."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


if __name__ == "__main__":
    sys.exit(main())
