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


class Published(NamedTuple):
    """Somebody else's network."""

    run: Run
    source: Source


def is_one(path: Path) -> bool:
    """Whether the file is of a format in which others publish networks."""
    return tensors.is_one(path)


def recognise(path: Path, source: str = "", patch: str = "") -> Published:
    """The network in a file, by the names and shapes of its parameters.

    Args:
        source: the `Source.name`, where a file does not show which of two it is.
        patch: height and width in px, such as "256x192". The parameters are the same for all sizes: without it, the
            publisher's only one, or the one of the publisher's that the file's name has.

    Raises:
        InputError: it is another network, or a backbone alone; or something has to be asked.
    """
    named = tensors.read(path)
    found = names.anatomy(path, named)
    if not found.layout:
        raise InputError(f"{path}: is a backbone (ResNet-{found.layers}) without a head, which predicts no joints. Put "
                         f"it into data/models/ under a name that begins with resnet{found.layers}-, and training "
                         "starts from it.")
    whose = _source(path, found, named, source)
    height, width = _size(path, whose, patch)
    shape: Dict[str, Any] = {
        "backbone": f"resnet{found.layers}", "width": found.width, "upsamplings": found.upsamplings, "patch": height,
        "patch_width": 0 if width == height else width,
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
    return {
        ours: np.asarray(named.read(theirs), np.float32) for ours, theirs in
        names.names(names.anatomy(path, named)).items()
    }


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
    raise InputError(f"{path}: {source.title} has networks for patches of several sizes, with the same parameters. "
                     f"Import it with {sizes} (height x width in px), or give the file its name with the size again.")


def _asked(text: str) -> Size:
    match = IN_NAME.fullmatch(text)
    if not match:
        raise InputError(f"--patch {text}: write height x width in px, as in 256x192.")
    high, wide = int(match.group(1)), int(match.group(2))
    if high % 32 or wide % 32 or not 0 < wide <= high:
        raise InputError(f"--patch {text}: both must be multiples of 32 px, and the width no more than the height.")
    return high, wide
