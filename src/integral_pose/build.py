"""From a Run to objects: the one place that switches on its fields."""
from __future__ import annotations

import errno
import math
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from integral_pose import decoders, precision
from integral_pose.batches import Batches, Mixed, Source
from integral_pose.datasets import catalogue
from integral_pose.errors import InputError
from integral_pose.files import replacing
from integral_pose.geometry import Array
from integral_pose.run import Run
from integral_pose.samples import Augmentation, Sample
from symbols.confidence import MassNear
from symbols.heads import DeconvolutionHead, DirectHead
from symbols.hourglass import CoarseToFine, Hourglass
from symbols.integral import CompensatedIntegral, HeatVectors, Integral
from symbols.losses import (
    DiscCrossEntropy,
    GaussianMSE,
    HeatVectorCrossEntropy,
    HeatVectorMSE,
    JensenShannon,
    JointL1,
    SoftmaxCrossEntropy,
    SumOverStages,
    Variance,
)
from symbols.multistage import MultiStage
from symbols.pose_net import MapsBeside, OnPatches, PoseNet
from symbols.resnet import ResNet, fuse_rectifiers

REFERENCE_PATCH = 256  # px; H3's disc is given for it
MOST_STATIC_CELLS = 32**3
PLACES = {"centre": 0.5, "index": 0.0}  # of a cell's coordinate within the cell
RETRAIN = "Copy it again, or delete its folder to have the run trained anew."
REDOWNLOAD = "Delete it to have GluonCV download it again."


def network(run: Run) -> OnPatches:
    """The run's network, without values yet; an hourglass or several stages give a list of each stage's output.

    With a regulariser the list is of the logits, which that is about, and of the joints.
    """
    return _network(run, _readout)


def maps_network(run: Run) -> OnPatches:
    """The network of a run with maps, without what reads them: it gives logits, and has the same file of parameters."""
    return _network(run, lambda *_: None)


def _network(run: Run, reader: Callable[[Run, int, int], Optional[HybridBlock]]) -> OnPatches:
    precision.choose(run.amp)
    joints = len(catalogue.skeleton(run).joints)
    if not run.of_resnets:
        return _hourglass(run, joints, reader)
    readout, maps = reader(run, joints, run.depth), joints * run.depth
    if run.staged:
        return MultiStage(run.layers, run.width, run.stages, maps, readout, run.patch)
    trunk = ResNet(run.layers, run.width)
    if run.output == "direct":
        return PoseNet(trunk, DirectHead(trunk.out_channels, joints, run.coordinates), None, run.patch)
    head = DeconvolutionHead(trunk.out_channels, maps, run.upsamplings, round(256 * run.width))
    return PoseNet(trunk, head, MapsBeside(readout) if readout and run.regulariser else readout, run.patch)


def _hourglass(
    run: Run, joints: int, reader: Callable[[Run, int, int], Optional[HybridBlock]]
) -> OnPatches:
    maps = [joints * depth for depth in run.depths]
    readouts = [readout for readout in (reader(run, joints, depth) for depth in run.depths) if readout]
    if run.backbone == "hourglass":
        return Hourglass(maps, run.width, 1, readouts, run.patch)
    if run.stages == 1:
        return Hourglass(maps, run.width, 3, readouts, run.patch)
    return CoarseToFine(maps, run.width, readouts, run.patch)


def _readout(run: Run, joints: int, depth: int) -> Optional[HybridBlock]:
    """What follows the logits of heat maps: nothing, Eq. 5, or Eq. 4."""
    if run.output != "integral":
        return HeatVectors(joints, run.cells, run.cells, depth) if run.on_vectors else None
    if run.compensated or run.compensated_test:
        return CompensatedIntegral(joints, run.cells, run.cells, depth)
    return Integral(joints, run.cells, run.cells, depth, place=PLACES[run.read_grid or run.grid])


def scored_readout(run: Run) -> Callable[[Any], Tuple[Array, Array]]:
    """What reads a `maps_network`'s output: joints (N, K, C), fractions, and how sure each is (N, K).

    That is a heat map's highest value, the highest values of heat vectors on average, or what an integral's map holds
    near the joint; 1 where the run says so.
    """
    joints = len(catalogue.skeleton(run).joints)
    readout, near = _readout(run, joints, run.depth), MassNear(joints, run.cells, run.cells, run.depth)

    def scored(output: Any) -> Tuple[Array, Array]:
        logits = last_stage(output)
        said = readout(logits) if readout else logits
        found = decode(said.asnumpy(), run)
        if run.output == "heat map":
            return found, _peaks(said.asnumpy(), run)
        if run.joint_score == "one":
            return found, np.ones(found.shape[:2])
        return found, near(logits, said).asnumpy()

    return scored


def _peaks(maps: Array, run: Run) -> Array:
    """The highest values of maps (N, K * D, H, W), or of vectors (N, K, 3, cells) on average: (N, K)."""
    if run.on_vectors:
        return np.asarray(maps.max(axis=3).mean(axis=2))
    return np.asarray(maps.reshape(len(maps), -1, run.depth * run.cells**2).max(axis=2))


def loss(run: Run) -> Any:
    """The run's loss: a block called as loss(output, joints, weights) -> (N,); every stage is supervised.

    A regulariser is added as the loss of one more stage, the first.
    """
    stages = [_loss(run, depth) for depth in run.depths]
    if run.regulariser:
        made = SumOverStages([_regulariser(run), *stages], [2, 2], [run.penalty, 1])
    else:
        made = SumOverStages(stages, [2 if depth == 1 else 3 for depth in run.depths]) if run.staged else stages[0]
    made.hybridize(static_alloc=True, static_shape=True)
    return made


def _loss(run: Run, depth: int) -> HybridBlock:
    """The loss of one stage."""
    cells = run.cells
    makers: Dict[str, Callable[[], HybridBlock]] = {
        "gaussian-mse": lambda: GaussianMSE(cells, cells, run.sigma, depth),
        "softmax-ce": lambda: SoftmaxCrossEntropy(cells, cells, depth),
        "disc-bce": lambda: DiscCrossEntropy(cells, cells, run.disc / REFERENCE_PATCH),
        "joint-l1": JointL1,
    }
    on_vectors: Dict[str, Callable[[], HybridBlock]] = {
        "gaussian-mse": lambda: HeatVectorMSE(cells, run.sigma),
        "softmax-ce": lambda: HeatVectorCrossEntropy(cells),
    }
    return (on_vectors if run.on_vectors else makers)[run.loss]()


def _regulariser(run: Run) -> HybridBlock:
    """Of the maps of an integral (DSNT)."""
    kind = {"js": JensenShannon, "variance": Variance}[run.regulariser]
    return kind(run.cells, run.cells, run.sigma)


def batches(run: Run, split: str, root: Path, share: int = 1) -> Batches:
    """The run's people of a split, as they are annotated, in mini-batches of the run's size / `share`."""
    people = catalogue.people(run, split, root)
    return in_batches(run, people, f"the {split} split of {run.data} in {root}", run.batch // share)


def training_batches(run: Run, root: Path, share: Tuple[int, int] = (0, 1), devices: int = 1) -> Source:
    """The run's mini-batches, jittered; half of each is of 2D people where the run mixes them in.

    Args:
        share: which process of how many this is: each makes its part of every mini-batch.
        devices: that this part is split over.

    Raises:
        InputError: the data are missing or malformed, or too few for a mini-batch or for each to have one person.
    """
    augmentation = Augmentation(run.shift, run.scale, run.turn, run.mirror, run.colour, run.occlusion)
    size = run.batch // 2 if run.extra else run.batch
    own = in_batches(run, catalogue.people(run, "train", root), f"the train split of {run.data} in {root}", size)
    own = replace(own, augmentation=augmentation, share=share)
    if own.people // share[1] < devices:
        raise InputError(f"{share[1]} worker(s) with {devices} device(s) each cannot share {own.people} people, which "
                         "is what each mini-batch has, or half of it where data are mixed. Start fewer.")
    if not run.extra:
        return own
    extra = in_batches(run, catalogue.extra_people(run, root), f"the train split of {run.extra} in {root}", size)
    for part, data in ((own, run.data), (extra, run.extra)):
        if len(part.samples) < size:
            raise InputError(f"{root}: the train split of {data} has {len(part.samples)} people, fewer than the {size} "
                             "that it gives to each mini-batch. Add people, or make the run's `batch` smaller.")
    return Mixed(own, replace(extra, augmentation=augmentation, share=share, source=1))


def in_batches(run: Run, samples: Sequence[Sample], what: str, size: int) -> Batches:
    """These people, as the run looks at them, in mini-batches of `size`.

    Raises:
        InputError: there is nobody; `what` says where.
    """
    if not samples:
        raise InputError(f"Nobody is annotated: {what} has no people.")
    if run.coordinates == 3:
        samples = [replace(s, box=s.box.around_cell(run.cells)) if s.pose else s for s in samples]
    return Batches(
        samples, catalogue.skeleton(run), run.patch, max(1, size), seed=run.seed, coordinates=run.coordinates
    )


def initialise(net: OnPatches, run: Run, devices: Sequence[mx.Context], root: Path) -> None:
    """First values: a ResNet's from ImageNet or at random (He), other layers' as they say themselves."""
    mx.random.seed(run.seed)
    net.initialize(mx.init.MSRAPrelu("in", 0), ctx=list(devices))
    for layer in net.last_layers if run.prior else ():
        layer.bias.set_data(mx.nd.full(layer.bias.shape, math.log(run.prior / (1 - run.prior))))
    if run.pretrained and run.staged:
        trunk = ResNet(run.layers, run.width)
        load_imagenet(trunk, run.backbone, root / "models", devices[:1])
        net.set_trunk({name: p.data() for name, p in trunk._collect_params_with_prefix().items()})
    elif run.pretrained:
        load_imagenet(net.trunk, run.backbone, root / "models", devices)


def hybridize(net: OnPatches, run: Run) -> None:
    """Makes a graph of the network, for training.

    A static plan of memory is a tenth faster where maps are small. Where they are large it gains nothing and takes
    twice the memory: 16.5 GB against 7.9 for I* with 32 people and 64 x 64 x 64 cells. The numbers are the same.
    """
    fuse_rectifiers(net)
    static = run.depth * run.cells**2 <= MOST_STATIC_CELLS
    net.hybridize(static_alloc=static, static_shape=static)


def fuse(net: OnPatches, run: Run, device: mx.Context) -> None:
    """Makes a graph of a network that is not trained any more.

    On a CPU oneDNN takes convolution, batch normalisation, sum and ReLU as one operator, which takes a third off the
    time. It takes some of the sums of two hourglasses for others, so what it made is compared with the network first.
    """
    if device.device_type == "cpu":
        example = mx.nd.random.normal(shape=(1, 3, run.patch, run.patch), ctx=device)
        expected = last_stage(net(example)).asnumpy()
        with suppress(mx.MXNetError):
            net.optimize_for(example, backend="MKLDNN", static_alloc=True, static_shape=True)
            found = last_stage(net(example)).asnumpy()
            if np.allclose(found, expected, atol=1e-4 * np.abs(expected).max()):
                return
    net.hybridize(static_alloc=True)


def hand_over(net: OnPatches, run: Run, path: Path, devices: Sequence[mx.Context]) -> None:
    """The weights that the run starts from; an integral over heat maps may sharpen them once."""
    load(net, path, devices)
    if run.start and run.start.output == "heat map" and run.output == "integral":
        net.scale_logits(run.logit_scale or 1.0)


def load(
    net: Any, path: Path, devices: Sequence[mx.Context], remedy: str = RETRAIN, ignore_extra: bool = False
) -> None:
    """Reads a parameter file onto the devices.

    Raises:
        InputError: the file is missing, damaged or of another network, or holds numbers that are not finite.
    """
    try:
        net.load_parameters(str(path), ctx=list(devices), ignore_extra=ignore_extra, cast_dtype=True)  # from halves
    except (OSError, ValueError, AssertionError, AttributeError, mx.MXNetError) as error:  # Attribute: a nameless array
        reason = str(error).strip().splitlines()[-1][:200]  # MXNet's own errors begin with a traceback
        raise InputError(
            f"{path}: these are not the parameters of this network, or the file is damaged ({reason}). {remedy}"
        ) from error
    for name, parameter in net._collect_params_with_prefix().items():
        if not np.isfinite(parameter.list_data()[0].asnumpy()).all():
            raise InputError(f"{path}: {name} holds numbers that are not finite, so the file is damaged. {remedy}")


@contextmanager
def saving(path: Path) -> Iterator[str]:
    """Gives a path for MXNet to save arrays to; they take the place of `path` whole, or not at all.

    MXNet writes the last of them as it closes the file, and does not look whether they went in: so they are read back.

    Raises:
        OSError: they could not be written.
    """
    with replacing(path) as draft:
        try:
            yield str(draft)
            mx.nd.load(str(draft))
        except mx.MXNetError as error:
            raise OSError(errno.EIO, "MXNet could not write it to its end; the disk may be full", str(path)) from error


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


def one_device(gpus: str) -> mx.Context:
    """"1" -> that GPU; "" -> the CPU: for what looks at pictures, and does not train.

    Raises:
        InputError: as `devices`, or several are named.
    """
    named = devices(gpus)
    if len(named) > 1:
        raise InputError(f"--gpus {gpus}: pictures are looked at on one GPU, so name one.")
    return named[0]


def read(output: Any, run: Run) -> Array:
    """A network's output, an NDArray or a list of each stage's, to what its last stage says: joints (N, K, C)."""
    return decode(last_stage(output).asnumpy(), run)


def last_stage(output: Any) -> mx.nd.NDArray:
    """A network's output, if it has several stages the last one's."""
    return output[-1] if isinstance(output, (list, tuple)) else output


def decode(output: Array, run: Run) -> Array:
    """A network's output to joints (N, K, C), fractions: as they are, or the centre of the highest cell of its map.

    Of heat vectors (N, K, 3, cells) it is the highest cell of each. A run may ask for a place within the cell.
    """
    if run.output != "heat map":
        return output
    if run.on_vectors:
        return (output.argmax(axis=3) + 0.5) / run.cells
    if run.decoder != "integer":
        return decoders.decode(output, run.decoder, run.sigma)
    people, _, height, width = output.shape
    volumes = output.reshape(people, -1, run.depth, height, width)
    best = volumes.reshape(*volumes.shape[:2], -1).argmax(axis=2)
    z, y, x = np.unravel_index(best, volumes.shape[2:])
    axes = ((x, width), (y, height), (z, run.depth))[:run.coordinates]
    return np.stack([(cell + 0.5) / cells for cell, cells in axes], axis=2)
