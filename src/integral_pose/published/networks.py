"""From a file of somebody else's network to a run of this program, and its parameters by our names."""
from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.published import names, tensors
from integral_pose.published.names import Anatomy
from integral_pose.published.sources import SOURCES, Size, Source
from integral_pose.published.tensors import Named
from integral_pose.run import Run

IN_NAME = re.compile(r"(?<!\d)(\d{2,4})x(\d{2,4})(?!\d)")  # a patch's size in a file's name
STYLES = ("pytorch", "caffe")  # where a bottleneck has its stride: in the 3x3 convolution, or in the first 1x1
RELEASED = re.compile(r"pose_resnet_\d+_\d+x\d+\.pth(\.tar)?")  # SimpleBaseline's own downloads, all of PyTorch's style
NOT_BELOW = "running_var"  # 0: what is a variance


class Published(NamedTuple):
    """Somebody else's network."""

    run: Run
    source: Source


def may_be_ours(path: Path) -> bool:
    """Whether the file is of the format in which this program stores parameters."""
    return tensors.is_mxnets(path)


def is_one(path: Path) -> bool:
    """Whether the file is of a format in which others publish networks."""
    return tensors.is_one(path)


def recognise(path: Path, source: str = "", patch: str = "", style: str = "") -> Published:
    """The network in a file, by the names and shapes of its parameters.

    Args:
        source: the `Source.name`, where a file does not show which of two it is.
        patch: height and width in px, such as "256x192". The parameters are the same for all sizes: without it, the
            publisher's only one, or the one of the publisher's that the file's name has.
        style: of `STYLES`, where a publisher has networks of both, with the same parameters. Without it, the file's
            name tells if it is the publisher's own, or has "caffe" in it.

    Raises:
        InputError: it is another network, or a backbone alone; or something has to be asked.
    """
    named = tensors.read(path)
    if tensors.NOTE in named.beside:
        raise InputError(f"{path}: was written by export --to torch from a network of this program, which differs from "
                         "SimpleBaseline's in how patches are cut and maps read. Use that network instead, by its "
                         "run's key or folder.")
    found = names.anatomy(path, named)
    if not found.layout:
        raise InputError(f"{path}: is a backbone (ResNet-{found.layers}) without a head, which predicts no joints. Put "
                         f"it into data/models/ under a name that begins with resnet{found.layers}-, and training "
                         "starts from it.")
    whose = _source(path, found, named, source)
    height, width = _size(path, whose, patch)
    shape: Dict[str, Any] = {
        "backbone": f"resnet{found.layers}", "width": found.width, "upsamplings": found.upsamplings, "patch": height,
        "patch_width": 0 if width == height else width, "early_stride": _style(path, whose, found, style) == "caffe",
    }
    run = replace(Run(**whose.settings), **shape, published=f"{whose.name} {tensors.digest(path)}")
    if run.depth != whose.maps // _joints(whose):
        raise InputError(f"{path}: maps of {run.columns} cells in width and {whose.maps // _joints(whose)} in depth do "
                         f"not go together. Leave out --patch {patch}.")
    return Published(run, whose)


def arrays(path: Path) -> Dict[str, Array]:
    """The parameters in a file, float32, by our network's names; those of a backbone alone begin with `trunk.` too.

    Raises:
        InputError: it is of another network, or damaged.
    """
    named = tensors.read(path)
    of_ours = names.names(names.anatomy(path, named))
    return {ours: _numbers(path, theirs, named.read(theirs)) for ours, theirs in of_ours.items()}


def _numbers(path: Path, name: str, values: Array) -> Array:
    """A parameter as float32, if it can be one."""
    if values.dtype.kind != "f":
        raise InputError(f"{path}: {name} holds {values.dtype}, but parameters are floating-point numbers. Save the "
                         "network as it was before it was quantised.")
    if name.endswith(NOT_BELOW) and (values < 0).any():
        raise InputError(f"{path}: {name} has numbers below 0, which variances are not, so the file is damaged. "
                         f"{tensors.COPY}")
    return np.asarray(values, np.float32)


def _joints(source: Source) -> int:
    return {"mpii": 16, "coco": 17, "human36m": 18, "muco": 21}[source.settings["data"]]


def _source(path: Path, found: Anatomy, named: Named, asked: str) -> Source:
    fitting = [one for one in SOURCES if (one.layout, one.maps) == (found.layout, found.maps)]
    if not fitting:
        known = sorted({f"{one.maps} ({one.title})" for one in SOURCES if one.layout == found.layout})
        raise InputError(f"{path}: its last layer gives {found.maps} maps. Networks of this kind are known with "
                         f"{'; '.join(known)}.")
    if asked:
        chosen = [one for one in fitting if one.name == asked]
        if not chosen:
            raise InputError(f"{path}: is not of --source {asked}, but of {_named(fitting)}.")
        return chosen[0]
    if len(fitting) > 1:
        fitting = [one for one in fitting if _saved_by(one, named)]
    if len(fitting) != 1:
        both = [one for one in SOURCES if (one.layout, one.maps) == (found.layout, found.maps)]
        raise InputError(f"{path}: networks of {_named(both)} have the same parameters, and the file does not tell "
                         f"which it is. Import it with --source {both[0].name} or --source {both[1].name}.")
    return fitting[0]


def _saved_by(source: Source, named: Named) -> bool:
    """Whether the publisher's program would have saved what is beside the parameters."""
    return named.beside >= set(source.saved_with) and not named.beside & set(source.not_with)


def _named(sources: Sequence[Source]) -> str:
    return " and ".join(f"{one.name} ({one.title})" for one in sources)


def _style(path: Path, source: Source, found: Anatomy, asked: str) -> str:
    """Where bottlenecks have their stride, as `STYLES`."""
    both = source.layout == "baseline" and found.layers >= 50
    if asked and not both:
        raise InputError(f"{path}: leave out --style {asked}. It is for SimpleBaseline's networks of 50 layers or "
                         f"more, and this is a ResNet-{found.layers} of {source.title}.")
    if asked or not both:
        return asked or STYLES[0]
    if "caffe" in path.name.lower():
        return "caffe"
    if RELEASED.fullmatch(path.name):
        return "pytorch"
    raise InputError(f"{path}: SimpleBaseline's programs train ResNet-{found.layers} in two styles with the same "
                     "parameters, so the file does not tell which it is. Import it with --style caffe if MODEL.STYLE "
                     "in its experiment's .yaml is caffe (the stride is in the 1x1 convolution), else with --style "
                     "pytorch.")


def _size(path: Path, source: Source, asked: str) -> Size:
    """Height and width of the patch."""
    if asked:
        return _asked(asked)
    for part, size in source.files.items():
        if part in path.name:
            return size
    written = {(int(high), int(wide)) for high, wide in IN_NAME.findall(path.name)}
    there: List[Tuple[int, int]] = [size for size in source.patches if size in written]
    if len(source.patches) == 1 or len(there) == 1:
        return (there or list(source.patches))[0]
    sizes = " or ".join(f"--patch {high}x{wide}" for high, wide in source.patches)
    other = "" if there or not written else ", or with --patch and the size in the file's name if it is true"
    raise InputError(f"{path}: {source.title} has networks for patches of several sizes, with the same parameters. "
                     f"Import it with {sizes} (height x width in px){other}.")


def _asked(text: str) -> Size:
    match = IN_NAME.fullmatch(text)
    if not match:
        raise InputError(f"--patch {text}: write height x width in px, as in 256x192.")
    high, wide = int(match.group(1)), int(match.group(2))
    if high % 32 or wide % 32 or not 0 < wide <= high:
        raise InputError(f"--patch {text}: both must be multiples of 32 px, and the width no more than the height.")
    return high, wide
