"""From a Run to a network and its loss: the one place that depends on a run's fields."""
from __future__ import annotations

import math
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Sequence, Tuple

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from integral_pose.datasets import catalogue
from integral_pose.geometry import Array
from integral_pose.models import decode, float16, weights
from integral_pose.run import Run
from symbols.compensated import CompensatedIntegral
from symbols.confidence import HighestProbability, MassNear
from symbols.descendants.likelihood import Deviations, ResidualLogLikelihood
from symbols.descendants.sampling import SamplingArgmax
from symbols.descendants.symmetric import SymmetricIntegral
from symbols.heads import DeconvolutionHead, DirectHead
from symbols.hourglass import CoarseToFine, Hourglass
from symbols.integral import HeatVectors, Integral
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


def network(run: Run) -> OnPatches:
    """The run's network, not yet initialised; an hourglass or several stages give a list of each stage's output.

    With a regulariser or samples the list has the logits, which these need, and the joints; with joint-rle it has what
    `Deviations` gives, and the joints.
    """
    return _network(run, _readout)


def maps_network(run: Run) -> OnPatches:
    """The network of a run with maps, without what reads them: it gives logits, and has the same file of parameters."""
    return _network(run, lambda *_: None)


def _network(run: Run, reader: Callable[[Run, int, int], Optional[HybridBlock]]) -> OnPatches:
    float16.choose(run.amp)
    joints = len(catalogue.skeleton(run).joints)
    if not run.of_resnets:
        return _hourglass(run, joints, reader)
    readout, maps = reader(run, joints, run.depth), joints * run.depth
    if run.staged:
        return MultiStage(run.layers, run.width, run.stages, maps, readout, run.patch)
    trunk = ResNet(run.layers, run.width, run.early_stride)
    beside = Deviations(trunk.out_channels, joints) if run.loss == "joint-rle" else None
    if run.output == "direct":
        return PoseNet(trunk, DirectHead(trunk.out_channels, joints, run.coordinates), None, run.patch, beside)
    head = DeconvolutionHead(trunk.out_channels, maps, run.upsamplings, round(256 * run.width))
    shown = MapsBeside(readout) if readout and (run.regulariser or run.samples) else readout
    return PoseNet(trunk, head, shown, run.patch, beside, run.patch_width)


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
    """The block after the logits of heat maps: none, Eq. 5, or Eq. 4."""
    if run.output != "integral":
        return HeatVectors(joints, run.cells, run.cells, depth) if run.on_vectors else None
    if run.compensated or run.compensated_test:
        return CompensatedIntegral(joints, run.cells, run.columns, depth)
    place = decode.place(run)
    if run.gradient == "symmetric":
        return SymmetricIntegral(joints, run.cells, run.columns, place=place)
    return Integral(joints, run.cells, run.columns, depth, place=place)


def scored_readout(run: Run) -> Callable[[Any], Tuple[Array, Array]]:
    """A function of a `maps_network`'s output: joints (N, K, C), fractions, and their scores (N, K).

    That is a heat map's highest value, the highest values of heat vectors on average, or what an integral's map, or one
    that is read in a window, holds near the joint. An integral's is 1, or its normalized map's highest value, where the
    run says so.
    """
    sizes = len(catalogue.skeleton(run).joints), run.cells, run.columns, run.depth
    readout, near = _readout(run, sizes[0], run.depth), MassNear(*sizes)
    peak = HighestProbability(*sizes) if run.joint_score == "peak" else None
    for block in (readout, near, peak):
        if block:
            block.hybridize(static_alloc=True)  # one graph in place of some twenty calls of MXNet

    def scored(output: Any) -> Tuple[Array, Array]:
        logits = decode.last_stage(output)
        said = readout(logits) if readout else logits
        found = decode.decode(said.asnumpy(), run)
        if run.decoder == "window":
            return found, near(logits, mx.nd.array(found, ctx=logits.ctx)).asnumpy()
        if run.output == "heat map":
            return found, decode.peaks(said.asnumpy(), run)
        if run.joint_score == "one":
            return found, np.ones(found.shape[:2])
        if peak:
            return found, peak(logits).asnumpy()
        return found, near(logits, said).asnumpy()

    return scored


def loss(run: Run) -> Any:
    """The run's loss: a block called as loss(output, joints, weights) -> (N,); every stage is supervised.

    A regulariser is added as the loss of one more stage, the first.
    """
    stages = [_loss(run, depth) for depth in run.depths]
    made: HybridBlock
    if run.samples:
        made = SamplingArgmax(run.cells, run.columns, run.samples, decode.PLACES[run.grid])
    elif run.regulariser:
        made = SumOverStages([_regulariser(run), *stages], [2, 2], [run.penalty, 1])
    else:
        made = SumOverStages(stages, [2 if depth == 1 else 3 for depth in run.depths]) if run.staged else stages[0]
    made.hybridize(static_alloc=True, static_shape=True)
    return made


def _loss(run: Run, depth: int) -> HybridBlock:
    """The loss of one stage."""
    cells, columns = run.cells, run.columns
    makers: Dict[str, Callable[[], HybridBlock]] = {
        "gaussian-mse": lambda: GaussianMSE(cells, columns, run.sigma, depth),
        "softmax-ce": lambda: SoftmaxCrossEntropy(cells, columns, depth),
        "disc-bce": lambda: DiscCrossEntropy(cells, columns, run.disc / REFERENCE_PATCH),
        "joint-l1": JointL1,
        "joint-rle": ResidualLogLikelihood,
    }
    on_vectors: Dict[str, Callable[[], HybridBlock]] = {
        "gaussian-mse": lambda: HeatVectorMSE(cells, run.sigma),
        "softmax-ce": lambda: HeatVectorCrossEntropy(cells),
    }
    return (on_vectors if run.on_vectors else makers)[run.loss]()


def _regulariser(run: Run) -> HybridBlock:
    """Of the maps of an integral (DSNT)."""
    kind = {"js": JensenShannon, "variance": Variance}[run.regulariser]
    return kind(run.cells, run.columns, run.sigma)


def initialise(
    net: OnPatches, run: Run, devices: Sequence[mx.Context], root: Path, trunk: Optional[Path] = None
) -> None:
    """Initial values: a ResNet's from ImageNet, from another run or random (He), other layers' by their initialisers.

    Args:
        root: holds models/, with the weights from ImageNet.
        trunk: the parameters of the run whose backbone this one starts from, where it has one.
    """
    mx.random.seed(run.seed)
    net.initialize(mx.init.MSRAPrelu("in", 0), ctx=list(devices))
    for layer in net.last_layers if run.prior else ():
        layer.bias.set_data(mx.nd.full(layer.bias.shape, math.log(run.prior / (1 - run.prior))))
    if run.pretrained and run.staged:
        trunk = ResNet(run.layers, run.width)
        weights.load_imagenet(trunk, run.backbone, root / "models", devices[:1])
        net.set_trunk({name: p.data() for name, p in trunk._collect_params_with_prefix().items()})
    elif run.pretrained:
        weights.load_imagenet(net.trunk, run.backbone, root / "models", devices)
    elif trunk and run.staged:
        net.set_trunk(weights.trunk_of(trunk))
    elif trunk:
        weights.load_trunk(net.trunk, trunk)
    if run.tuned and run.trunk and trunk:
        joints, before = (catalogue.skeleton(of).joints for of in (run, run.trunk))
        places = [before.index(joint) if joint in before else -1 for joint in joints]
        weights.load_head(net.head, trunk, places, len(before))


def hybridize(net: OnPatches, run: Run) -> None:
    """Makes a graph of the network, for training.

    A static plan of memory is a tenth faster where maps are small. Where they are large it gains nothing and takes
    twice the memory: 16.5 GB against 7.9 for I* with 32 people and 64 x 64 x 64 cells. The numbers are the same.
    """
    fuse_rectifiers(net)
    static = run.depth * run.cells * run.columns <= MOST_STATIC_CELLS
    net.hybridize(static_alloc=static, static_shape=static)


def fuse(net: OnPatches, run: Run, device: mx.Context) -> None:
    """Makes a graph of a network whose training is finished.

    On a CPU oneDNN takes convolution, batch normalisation, sum and ReLU as one operator, which takes a third off the
    time. It takes some of the sums of two hourglasses for others, so what it made is compared with the network first.
    """
    if device.device_type == "cpu":
        example = mx.nd.random.normal(shape=(1, 3, run.patch, run.patch_columns), ctx=device)
        expected = decode.last_stage(net(example)).asnumpy()
        with suppress(mx.MXNetError):
            net.optimize_for(example, backend="MKLDNN", static_alloc=True, static_shape=True)
            found = decode.last_stage(net(example)).asnumpy()
            if np.allclose(found, expected, atol=1e-4 * np.abs(expected).max()):
                return
    net.hybridize(static_alloc=True)


def hand_over(net: OnPatches, run: Run, path: Path, devices: Sequence[mx.Context]) -> None:
    """The weights that the run starts from; an integral over heat maps may sharpen them once."""
    weights.load(net, path, devices)
    if run.start and run.start.output == "heat map" and run.output == "integral":
        net.scale_logits(run.logit_scale or 1.0)
