"""The parameters in a file of any of the formats that networks are published in, by name."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, NamedTuple, Tuple

import mxnet as mx
import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.published import torch_file
from integral_pose.published.torch_file import COPY, Tensor

GLUON = (0x112).to_bytes(8, "little")  # how a file of MXNet's arrays begins
HEADER = 100_000_000  # bytes: the longest header that safetensors itself reads
NOTE = "integral_pose"  # what `to_torch` leaves in a file beside the parameters
HOLDERS = ("state_dict", "network", "model", "model_state_dict", "net")  # under which programs save the parameters
WRAPPER = "module."  # what torch.nn.DataParallel puts before each name
DIGITS = 12  # of a file's SHA-256


class Named(NamedTuple):
    """The parameters of a file.

    Attributes:
        shapes: of each parameter, by its name in the network, without what a program wrapped around it.
        read: gives a parameter's values.
        beside: the names of what else the file has at its top, such as "optimizer"; NOTE, where we wrote it.
    """

    shapes: Dict[str, Tuple[int, ...]]
    read: Callable[[str], Array]
    beside: FrozenSet[str] = frozenset()


def is_one(path: Path) -> bool:
    """Whether the file is PyTorch's, safetensors' or, by the names in it, GluonCV's."""
    try:
        start = _start(path)
    except OSError:
        return False
    return torch_file.is_one(start) or _is_safetensors(start) or (start.startswith(GLUON) and _is_gluoncv(path))


def is_mxnets(path: Path) -> bool:
    """Whether the file begins as MXNet's arrays do, ours or GluonCV's."""
    return _start(path).startswith(GLUON)


def read(path: Path) -> Named:
    """The parameters of a file.

    Raises:
        InputError: the file is missing, damaged, of another format, or has no parameters.
    """
    try:
        start = _start(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    if torch_file.is_one(start):
        return _of_torch(path)
    if _is_safetensors(start):
        return _of_safetensors(path)
    if start.startswith(GLUON):
        return _of_gluon(path)
    raise InputError(f"{path}: is neither a file of PyTorch's (.pth, .pth.tar, .pt), nor of safetensors, nor of "
                     f"MXNet's arrays (.params). If it was downloaded, look whether it is a web page. {COPY}")


def digest(path: Path) -> str:
    """The beginning of the file's SHA-256, in hexadecimal digits."""
    found = hashlib.sha256()
    with open(path, "rb") as handle:
        for part in iter(lambda: handle.read(1 << 20), b""):
            found.update(part)
    return found.hexdigest()[:DIGITS]


def _start(path: Path) -> bytes:
    with open(path, "rb") as handle:
        return handle.read(64)


def _is_safetensors(start: bytes) -> bool:
    return len(start) > 8 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") <= HEADER


def _of_torch(path: Path) -> Named:
    saved = torch_file.read(path)
    if not isinstance(saved, dict):
        raise InputError(f"{path}: holds {type(saved).__name__}, not a dictionary of parameters. Save the network's "
                         "`state_dict()`.")
    under = next((name for name in HOLDERS if isinstance(saved.get(name), dict)), "")
    held = saved[under] if under else saved
    tensors = {str(name): value for name, value in held.items() if isinstance(value, Tensor)}
    if not tensors:
        where = f"under {under}" if under else "at its top"
        raise InputError(f"{path}: has no parameters; {where} it has {_listed(map(str, held))}. Accepted is a "
                         f"state_dict, alone or under one of {', '.join(HOLDERS)}.")
    named = _unwrapped(tensors)

    def values(name: str) -> Array:
        try:
            return named[name].values()
        except Exception as error:  # zipfile's and zlib's, of which some are no subclasses of anything
            raise InputError(f"{path}: {name} cannot be read ({error}), so the file is damaged. {COPY}") from error

    beside = set(map(str, saved)) if under else set()
    ours = {NOTE} if torch_file.noted(path, NOTE) else set()
    return Named({name: tensor.shape for name, tensor in named.items()}, values, frozenset(beside | ours))


def _of_safetensors(path: Path) -> Named:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise InputError(f"{path}: reading safetensors needs its library: `pip install safetensors`.") from None
    try:
        with safe_open(str(path), framework="np") as handle:
            shapes = {name: tuple(handle.get_slice(name).get_shape()) for name in handle.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: is not a whole file of safetensors ({error}). {COPY}") from error

    def values(name: str) -> Array:
        try:
            with safe_open(str(path), framework="np") as handle:
                if handle.get_slice(back[name]).get_dtype() == "BF16":
                    return _of_bfloat16(path, back[name])
                return np.asarray(handle.get_tensor(back[name]))
        except (SafetensorError, OSError, TypeError, AttributeError) as error:  # of kinds that NumPy does not have
            raise InputError(f"{path}: {name} cannot be read ({error}). Save it as float32 or float16.") from error

    back = dict(zip(_unwrapped(shapes), shapes))
    return Named(_unwrapped(shapes), values)


def _of_bfloat16(path: Path, name: str) -> Array:
    """Numbers that NumPy does not have, as the library does not give them: each is the upper half of a float32."""
    with open(path, "rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        entry = json.loads(handle.read(length))[name]
        begin, end = entry["data_offsets"]
        handle.seek(8 + length + begin)
        halves = np.frombuffer(handle.read(end - begin), "<u2")
    return np.asarray((halves.astype("<u4") << 16).view("<f4").reshape(entry["shape"]))


def _of_gluon(path: Path) -> Named:
    arrays = _gluon_arrays(path)
    return Named({name: array.shape for name, array in arrays.items()}, lambda name: arrays[name].asnumpy())


def _gluon_arrays(path: Path) -> Dict[str, mx.nd.NDArray]:
    try:
        stored = mx.nd.load(str(path))
    except (OSError, mx.MXNetError) as error:
        raise InputError(f"{path}: is not a whole file of MXNet's arrays. {COPY}") from error
    return stored if isinstance(stored, dict) else {}


def _is_gluoncv(path: Path) -> bool:
    """Whether a pose network of GluonCV's is in a file of MXNet's arrays; ours have other names."""
    try:
        return "resnet.0.weight" in _gluon_arrays(path)
    except InputError:
        return False


def _unwrapped(named: Dict[str, Any]) -> Dict[str, Any]:
    """By the network's own names."""
    while named and all(name.startswith(WRAPPER) for name in named):
        named = {name[len(WRAPPER):]: value for name, value in named.items()}
    return named


def _listed(names: Any) -> str:
    first = list(names)[:8]
    return ", ".join(first) or "nothing"
