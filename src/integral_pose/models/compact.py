"""Small files of parameters, for networks that come with the program.

A weight is stored in 8 bits, as a whole number times a scale of its output channel (of its input channel, in a
deconvolution), and everything else in 16. The file is compressed by gzip.
"""
from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Dict, Mapping

import mxnet as mx
import numpy as np

from integral_pose.storage.atomic import replacing

GZIP = b"\x1f\x8b"  # how a gzip file begins
SCALE = "|scale"  # how the name of a weight's scales ends
MOST = 127  # what the largest weight of a channel becomes


def is_one(path: Path) -> bool:
    """Whether the file is compressed."""
    with open(path, "rb") as handle:
        return handle.read(len(GZIP)) == GZIP


def read(path: Path) -> Dict[str, mx.nd.NDArray]:
    """The arrays of a file of parameters in 32 bits, compressed or not; none if they have no names.

    Raises:
        OSError, ValueError, MXNetError: the file is missing or damaged.
    """
    content = path.read_bytes()
    try:
        stored = mx.nd.load_frombuffer(gzip.decompress(content) if content.startswith(GZIP) else content)
    except (EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error
    named = stored if isinstance(stored, dict) else {}
    return {name: _whole(name, named) for name in named if not name.endswith(SCALE)}


def _whole(name: str, stored: Mapping[str, mx.nd.NDArray]) -> mx.nd.NDArray:
    values, scales = stored[name].astype("float32"), stored.get(name + SCALE)
    return values if scales is None else values * scales.reshape((-1, *(1,) * (values.ndim - 1)))


def in_8_bits(values: Mapping[str, mx.nd.NDArray]) -> Dict[str, mx.nd.NDArray]:
    """A network's parameters as they are stored: weights in 8 bits, with their scales, and everything else in 16."""
    stored: Dict[str, mx.nd.NDArray] = {}
    for name, array in values.items():
        stored.update(_scaled(name, array) if array.ndim > 1 else {name: array.astype("float16")})
    return stored


def _scaled(name: str, array: mx.nd.NDArray) -> Dict[str, mx.nd.NDArray]:
    weights = array.asnumpy()
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scales = np.where(largest > 0, largest, 1).astype(np.float32) / MOST
    rounded = np.rint(weights / scales.reshape(-1, *(1,) * (weights.ndim - 1)))
    return {name: mx.nd.array(rounded, dtype=np.int8), name + SCALE: mx.nd.array(scales)}


def pack(path: Path, packed: Path) -> None:
    """Moves a file into a gzip file, the same for the same content."""
    with replacing(packed) as draft:
        draft.write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
