"""How publishers name the parameters of a ResNet with a head of deconvolutions, and what our networks call them."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Tuple

from integral_pose.errors import InputError
from integral_pose.published.tensors import Named
from symbols.heads import DeconvolutionHead
from symbols.pose_net import PoseNet
from symbols.resnet import DEPTHS, ResNet

Shapes = Mapping[str, Tuple[int, ...]]

STEM, HEAD_WIDE = 64, 256  # channels of the published networks: of the first layer, and of deconvolutions
COUNTER = "num_batches_tracked"  # PyTorch's, beside the statistics of batch normalisation; nothing depends on it
TORCH_LEAVES = {"gamma": "weight", "beta": "bias"}  # of batch normalisation; what Gluon calls otherwise than PyTorch
CLASSIFIER = ("fc.weight", "fc.bias")  # of a network for ImageNet


class Layout(NamedTuple):
    """The names of one kind of program.

    Attributes:
        mark: a name that no other layout has.
        trunk: before the names of the backbone.
        layers: before the numbers of the head's deconvolutions, which are counted as ours are.
        final: before the last layer's weight and bias; {} is the number that follows the deconvolutions'.
        gluon: whether the leaves are named as Gluon names them.
    """

    mark: str
    trunk: str
    layers: str
    final: str
    gluon: bool = False

    def of(self, name: str, upsamplings: int) -> str:
        """What this program calls a parameter of our network with so many deconvolutions."""
        stem, _, leaf = name.rpartition(".")
        leaf = leaf if self.gluon else TORCH_LEAVES.get(leaf, leaf)
        if stem == "head.final":
            return f"{self.final.format(3 * upsamplings)}.{leaf}"
        if stem.startswith("head.layers."):
            return f"{self.layers}.{stem[len('head.layers.'):]}.{leaf}"
        inner = stem[len("trunk."):]
        return f"{self.trunk}{_in_sequence(inner) if self.gluon else inner}.{leaf}"


LAYOUTS: Dict[str, Layout] = {
    "gluoncv": Layout("resnet.0.weight", "resnet.", "deconv_layers", "final_layer", gluon=True),
    "release": Layout("head.features.0.weight", "backbone.", "head.features", "head.features.{}"),
    "volumes": Layout("head.deconv_layers.0.weight", "backbone.", "head.deconv_layers", "head.final_layer"),
    "baseline": Layout("deconv_layers.0.weight", "", "deconv_layers", "final_layer"),
}
TRUNK = Layout("conv1.weight", "", "", "")  # torchvision's and timm's


class Anatomy(NamedTuple):
    """What the shapes in a file tell about a network."""

    layout: str  # of LAYOUTS; "": a backbone alone
    layers: int  # of the ResNet
    width: float  # its channels, times the published ones'
    upsamplings: int = 0
    maps: int = 0


def anatomy(path: Path, named: Named) -> Anatomy:
    """The network that the parameters of a file are of; each of them is where it has to be, and none is too many.

    Raises:
        InputError: they are of another architecture, some are missing, or there are more.
    """
    kind = next((name for name, layout in LAYOUTS.items() if layout.mark in named.shapes), "")
    layout = LAYOUTS.get(kind, TRUNK)
    first = layout.of("trunk.conv1.weight", 0)
    if not kind:
        _demand_no_relative(path, named)
    if len(named.shapes.get(first, ())) != 4:
        raise _another(path, named, f"no first convolution, such as {TRUNK.mark}")
    layers, width = _layers(path, layout, named), named.shapes[first][0] / STEM
    if not kind:
        found = Anatomy("", layers, width)
    else:
        ups = _deconvolutions(path, layout, named)
        final = layout.of("head.final.weight", ups)
        maps = named.shapes.get(final, (0,))[0]
        if not maps:
            raise _another(path, named, f"no last layer, {final}")
        found = Anatomy(kind, layers, width, ups, maps)
    _demand_whole(path, found, named)
    return found


def names(of: Anatomy) -> Dict[str, str]:
    """The name of each of our network's parameters, or of the backbone's alone -> what it is called in the file."""
    layout = LAYOUTS.get(of.layout, TRUNK)
    return {ours: layout.of(ours, of.upsamplings) for ours in shapes(of)}


def shapes(of: Anatomy) -> Dict[str, Tuple[int, ...]]:
    """The shapes of our network's parameters, or of the backbone's alone, by name; nothing is initialised for it."""
    trunk = ResNet(of.layers, of.width)
    if not of.layout:
        return {f"trunk.{name}": p.shape for name, p in trunk._collect_params_with_prefix().items()}
    head = DeconvolutionHead(trunk.out_channels, of.maps, of.upsamplings, round(HEAD_WIDE * of.width))
    net = PoseNet(trunk, head, None, 32)
    return {name: parameter.shape for name, parameter in net._collect_params_with_prefix().items()}


def _in_sequence(stem: str) -> str:
    """GluonCV has the backbone's parts in a sequence: conv1, bn1, relu, maxpool, layer1, …"""
    part, dot, rest = stem.partition(".")
    number = str(3 + int(part[-1])) if part.startswith("layer") else {"conv1": "0", "bn1": "1"}[part]
    return number + dot + rest


def _layers(path: Path, layout: Layout, named: Named) -> int:
    """How many layers the ResNet has, by the number of its blocks and of the convolutions in them."""
    counts = []
    for stage in range(1, 5):
        before = layout.of(f"trunk.layer{stage}.0.conv1.weight", 0).replace("0.conv1.weight", "")
        numbers = {name[len(before):].split(".")[0] for name in named.shapes if name.startswith(before)}
        counts.append(len(numbers))
    bottleneck = layout.of("trunk.layer1.0.conv3.weight", 0) in named.shapes
    for layers, known in DEPTHS.items():
        if known == (tuple(counts), bottleneck):
            return layers
    kind = "3" if bottleneck else "2"
    raise _another(path, named, f"residual blocks {', '.join(map(str, counts))} of {kind} convolutions, which is none "
                                f"of ResNet-{', -'.join(map(str, DEPTHS))}")


def _deconvolutions(path: Path, layout: Layout, named: Named) -> int:
    found = re.compile(rf"{re.escape(layout.layers)}\.(\d+)\.weight")
    numbers = [int(match.group(1)) for match in map(found.fullmatch, named.shapes) if match]
    kernels = {named.shapes[f"{layout.layers}.{number}.weight"] for number in numbers if number % 3 == 0}
    kernels = {shape[2:] for shape in kernels if len(shape) == 4 and shape[2:] != (1, 1)}
    if kernels != {(4, 4)}:
        raise _another(path, named, f"deconvolutions with kernels of {sorted(kernels)}, of which only 4 x 4 are known")
    of_final = layout.final.startswith(layout.layers)  # counted on with the deconvolutions
    return sum(number % 3 == 0 for number in numbers) - of_final


def _demand_no_relative(path: Path, named: Named) -> None:
    """Refuses files of MXNet's that have a place of their own."""
    if "trunk.conv1.weight" in named.shapes:
        raise InputError(f"{path}: is a network of this program, which needs no import. Its run.json has to be beside "
                         "it; then --checkpoint takes it, or --run with the run's folder.")
    if "bn1.gamma" in named.shapes:
        raise InputError(f"{path}: is a backbone of GluonCV's without a head, which predicts no joints. Put it into "
                         "data/models/ under the name that GluonCV gave it, and training starts from it.")


def _demand_whole(path: Path, of: Anatomy, named: Named) -> None:
    """Refuses a file that lacks a parameter, has more of them, or one of another shape."""
    expected = dict(zip(names(of).values(), shapes(of).values()))
    more = {name for name in named.shapes if not name.endswith(COUNTER)} - expected.keys()
    if not of.layout:
        more -= set(CLASSIFIER)
    missing = [name for name in expected if name not in named.shapes]
    other = [name for name in expected if name in named.shapes and named.shapes[name] != expected[name]]
    for names_of, what in ((missing, "are missing"), (sorted(more), "are too many")):
        if names_of:
            raise _another(path, named, f"of a ResNet-{of.layers}{_with_head(of)} {len(names_of)} parameters {what}: "
                                        f"{_some(names_of)}")
    if other:
        raise _another(path, named, f"{other[0]} has the shape {named.shapes[other[0]]}, not {expected[other[0]]}")


def _with_head(of: Anatomy) -> str:
    return f" with {of.upsamplings} deconvolutions and {of.maps} maps" if of.layout else ""


def _another(path: Path, named: Named, what: str) -> InputError:
    """The sentence about a file of another network."""
    return InputError(
        f"{path}: is not a network that can be imported: {what}. Found are {len(named.shapes)} parameters: "
        f"{_some(named.shapes)}. Accepted are ResNet-{', -'.join(map(str, DEPTHS))} with the stride in the 3x3 "
        "convolution, alone or with deconvolutions of 4x4 and the same channels, as in docs/published.md."
    )


def _some(words: Iterable[Any]) -> str:
    some: List[Any] = list(words)
    return ", ".join(map(str, some[:3])) + (", …" if len(some) > 3 else "")
