"""From a Run to objects: the one place that switches on its fields."""
from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import mxnet as mx
import numpy as np

from integral_pose.batches import COORDINATES, Batches
from integral_pose.datasets import catalogue
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.run import Run
from integral_pose.samples import Augmentation
from symbols.heads import DeconvolutionHead, DirectHead
from symbols.integral import Integral
from symbols.losses import DiscCrossEntropy, GaussianMSE, JointL1, SoftmaxCrossEntropy
from symbols.pose_net import PoseNet
from symbols.resnet import ResNet

REFERENCE_PATCH = 256  # px; H3's disc is given for it
RETRAIN = "Copy it again, or delete its folder to have the run trained anew."
REDOWNLOAD = "Delete it to have GluonCV download it again."


def network(run: Run) -> PoseNet:
    """The run's network, without values yet."""
    joints = len(catalogue.skeleton(run).joints)
    trunk = ResNet(int(run.backbone[len("resnet"):]), run.width)
    if run.output == "direct":
        return PoseNet(trunk, DirectHead(trunk.out_channels, joints, COORDINATES), None, run.patch)
    head = DeconvolutionHead(trunk.out_channels, joints, run.upsamplings, round(256 * run.width))
    integral = Integral(joints, run.cells, run.cells) if run.output == "integral" else None
    return PoseNet(trunk, head, integral, run.patch)


def loss(run: Run) -> Any:
    """The run's loss: a block called as loss(output, joints, weights) -> (N,)."""
    makers: Dict[str, Callable[[], Any]] = {
        "gaussian-mse": lambda: GaussianMSE(run.cells, run.cells, run.sigma),
        "softmax-ce": lambda: SoftmaxCrossEntropy(run.cells, run.cells),
        "disc-bce": lambda: DiscCrossEntropy(run.cells, run.cells, run.disc / REFERENCE_PATCH),
        "joint-l1": JointL1,
    }
    made = makers[run.loss]()
    made.hybridize(static_alloc=True, static_shape=True)
    return made


def batches(run: Run, split: str, root: Path, share: int = 1) -> Batches:
    """The run's people of a split, jittered if they are trained on; in mini-batches of the run's size / `share`."""
    augmentation = Augmentation(run.shift, run.scale, run.turn, run.mirror, run.colour) if split == "train" else None
    samples = catalogue.people(run, split, root)
    if not samples:
        raise InputError(f"{root}: the {split} split of {run.data} has no people.")
    return Batches(samples, catalogue.skeleton(run), run.patch, max(1, run.batch // share), augmentation, run.seed)


def initialise(net: PoseNet, run: Run, devices: Sequence[mx.Context], root: Path) -> None:
    """First values: the trunk's from ImageNet or at random (He), the head's as the head says."""
    mx.random.seed(run.seed)
    net.initialize(mx.init.MSRAPrelu("in", 0), ctx=list(devices))
    if run.prior:
        bias = net.head.final.bias
        bias.set_data(mx.nd.full(bias.shape, math.log(run.prior / (1 - run.prior))))
    if run.pretrained:
        load_imagenet(net.trunk, run.backbone, root / "models", devices)


def hand_over(net: PoseNet, run: Run, path: Path, devices: Sequence[mx.Context]) -> None:
    """The weights that the run starts from; an integral over heat maps may sharpen them once."""
    load(net, path, devices)
    if run.start and run.start.output == "heat map" and run.output == "integral":
        for parameter in (net.head.final.weight, net.head.final.bias):
            parameter.set_data(parameter.data(devices[0]) * run.logit_scale)


def load(
    net: Any, path: Path, devices: Sequence[mx.Context], remedy: str = RETRAIN, ignore_extra: bool = False
) -> None:
    """Reads a parameter file onto the devices.

    Raises:
        InputError: the file is missing, damaged or of another network.
    """
    try:
        net.load_parameters(str(path), ctx=list(devices), ignore_extra=ignore_extra)
    except (OSError, ValueError, AssertionError, AttributeError, mx.MXNetError) as error:  # Attribute: a nameless array
        reason = str(error).strip().splitlines()[-1][:200]  # MXNet's own errors begin with a traceback
        raise InputError(
            f"{path}: these are not the parameters of this network, or the file is damaged ({reason}). {remedy}"
        ) from error


def load_imagenet(trunk: ResNet, backbone: str, models: Path, devices: Sequence[mx.Context]) -> None:
    """GluonCV's ImageNet parameters, from a file already in `models` or downloaded there by GluonCV."""
    name = f"{backbone}_v1b"
    local = sorted(models.glob(f"{name}*.params"))
    load(trunk, local[0] if local else _download(name, models), devices, REDOWNLOAD, ignore_extra=True)


def _download(name: str, models: Path) -> Path:
    from gluoncv.model_zoo.model_store import get_model_file

    try:
        return Path(get_model_file(name, root=str(models)))
    except Exception as error:  # GluonCV lets through whatever its download raises
        raise InputError(
            f"GluonCV could not download the ImageNet parameters {name} ({type(error).__name__}). "
            f"Put a file {name}-….params into {models}, from a machine that can."
        ) from error


def devices(gpus: str) -> List[mx.Context]:
    """"0,1" -> those GPUs; "" -> the CPU.

    Raises:
        InputError: not a list of numbers, or a GPU that MXNet does not see.
    """
    if not gpus:
        return [mx.cpu()]
    try:
        numbers = [int(number) for number in gpus.split(",")]
    except ValueError:
        raise InputError(f"--gpus {gpus}: give numbers joined by commas, as in --gpus 0,1.") from None
    if len(set(numbers)) < len(numbers):
        raise InputError(f"--gpus {gpus}: each GPU can be named once.")
    try:
        seen = mx.context.num_gpus()
    except mx.MXNetError as error:
        raise InputError(
            f"--gpus {gpus}: MXNet cannot use the NVIDIA driver ({str(error).strip().splitlines()[-1]}). "
            "Install driver R450 or later, or leave --gpus out to use the CPU."
        ) from error
    missing = [number for number in numbers if not 0 <= number < seen]
    if missing:
        raise InputError(
            f"--gpus {gpus}: MXNet sees {seen} GPU(s), so there is no GPU {missing[0]}. Leave --gpus out to use "
            "the CPU; for GPUs, set up with `make setup CUDA=1` (README, GPUs)."
        )
    return [mx.gpu(number) for number in numbers]


def decode(output: Array, run: Run) -> Array:
    """A network's output to joints (N, K, C), fractions: as they are, or the centre of the highest cell of its map."""
    if run.output != "heat map":
        return output
    people, joints, height, width = output.shape
    best = output.reshape(people, joints, -1).argmax(axis=2)
    return np.stack([(best % width + 0.5) / width, (best // width + 0.5) / height], axis=2)
