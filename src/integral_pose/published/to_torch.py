"""Writes a network's parameters as PyTorch's `torch.save` would, for programs of that ecosystem; without PyTorch.

Names are SimpleBaseline's (microsoft/human-pose-estimation.pytorch, lib/models/pose_resnet.py), whose architecture ours
is: a ResNet with the stride in the 3x3 convolution, deconvolutions of 4x4 and one last 1x1 convolution.
"""
from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Dict, List, Mapping, Tuple

import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.published.names import LAYOUTS
from integral_pose.published.tensors import NOTE
from integral_pose.run import Run
from integral_pose.storage.atomic import replacing

BASELINE = LAYOUTS["baseline"]
FOLDER = "archive"  # in the zip archive
EMPTY_DICT = b"ccollections\nOrderedDict\n)R"


def state_dict(values: Mapping[str, Array], run: Run) -> Dict[str, Array]:
    """A network's parameters by SimpleBaseline's names.

    Raises:
        InputError: its architecture is another.
    """
    if not run.of_resnets or run.staged or run.output == "direct" or run.coordinates == 3 or not run.upsamplings:
        raise InputError(f"Run {run.key} ({run.backbone}, {run.output}, {run.coordinates}D, {run.stages} stage(s)) has "
                         "no counterpart among SimpleBaseline's networks, which are 2D: one ResNet, deconvolutions and "
                         "maps. Export it with --formats onnx.")
    return {BASELINE.of(name, run.upsamplings): np.asarray(array, np.float32) for name, array in values.items()}


def write(values: Mapping[str, Array], path: Path, note: str = "") -> None:
    """Writes a state_dict, {name: array}, as float32: `torch.load(path, weights_only=True)` reads it.

    Args:
        note: about the network, which PyTorch passes over; by it the file is known as one of ours.
    """
    arrays = [np.ascontiguousarray(array, "<f4") for array in values.values()]
    with replacing(path) as draft, zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{FOLDER}/data.pkl", _pickle(values))
        archive.writestr(f"{FOLDER}/byteorder", "little")
        for number, array in enumerate(arrays):
            archive.writestr(f"{FOLDER}/data/{number}", array.tobytes())
        archive.writestr(f"{FOLDER}/version", "3\n")
        if note:
            archive.writestr(f"{FOLDER}/{NOTE}", note)


def _pickle(values: Mapping[str, Array]) -> bytes:
    """The pickle of the dictionary: written by hand, since it names functions of PyTorch's, which is not here."""
    parts: List[bytes] = [b"\x80\x02", EMPTY_DICT, b"("]
    for number, (name, array) in enumerate(values.items()):
        parts += [_text(name), _tensor(number, np.shape(array))]
    return b"".join([*parts, b"u."])


def _tensor(number: int, shape: Tuple[int, ...]) -> bytes:
    strides = [int(np.prod(shape[axis + 1:])) for axis in range(len(shape))]
    count = _number(int(np.prod(shape)))
    storage = [_text("storage"), b"ctorch\nFloatStorage\n", _text(str(number)), _text("cpu"), count]
    arguments = [b"(", *storage, b"tQ", _number(0), _tuple(list(shape)), _tuple(strides), b"\x89", EMPTY_DICT]
    return b"".join([b"ctorch._utils\n_rebuild_tensor_v2\n(", *arguments, b"tR"])


def _tuple(numbers: List[int]) -> bytes:
    return b"".join([b"(", *map(_number, numbers), b"t"])


def _number(number: int) -> bytes:
    return b"J" + struct.pack("<i", number)


def _text(text: str) -> bytes:
    content = text.encode()
    return b"X" + struct.pack("<I", len(content)) + content
