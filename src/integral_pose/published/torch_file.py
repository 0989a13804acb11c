"""Reads what PyTorch's `torch.save` writes, without PyTorch and without running anything that the file names.

A file is a pickle whose tensors point into raw storages: in a zip archive, as torch.save writes since version 1.6, or
one after the other in a stream, as before. The pickle may build dictionaries, lists, numbers, text and tensors, and
nothing else. A tensor is read from the file only when its values are asked for, so that an optimizer's state, which is
twice the network, costs nothing.
"""
from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, Optional, Tuple

import numpy as np

from integral_pose.datasets.formats.safe_pickle import ANSWERS, Refused
from integral_pose.errors import InputError
from integral_pose.geometry import Array

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001  # how the older form begins
ZIP, STREAM = b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
COPY = "Copy it again from its source."
SHORT = "a storage that is shorter than it should be"
# The kinds of storages, as NumPy reads them. There is no bfloat16 in NumPy: it is the upper half of a float32.
KINDS = {
    "Float": "<f4", "Double": "<f8", "Half": "<f2", "BFloat16": "<u2", "Long": "<i8", "Int": "<i4", "Short": "<i2",
    "Char": "i1", "Byte": "u1", "Bool": "?",
}


@dataclass
class Storage:
    """Raw numbers, one after the other: their kind, how many, and what reads their bytes."""

    kind: str
    count: int
    read: Callable[[], bytes]

    def values(self) -> Array:
        """The numbers, (count,)."""
        content = self.read()
        dtype = np.dtype(KINDS[self.kind])
        if len(content) < self.count * dtype.itemsize:
            raise ValueError(SHORT)
        numbers = np.frombuffer(content, dtype, self.count)
        return (numbers.astype("<u4") << 16).view("<f4") if self.kind == "BFloat16" else numbers


@dataclass
class Tensor:
    """A view into a storage."""

    storage: Storage
    offset: int
    shape: Tuple[int, ...]
    strides: Tuple[int, ...]

    def values(self) -> Array:
        """The numbers, of the tensor's shape.

        Raises:
            ValueError: the storage does not hold them.
        """
        numbers = self.storage.values()
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides))
        inside = min((self.offset, *self.strides, *self.shape), default=0) >= 0
        if not inside or len(self.shape) != len(self.strides) or (0 not in self.shape and last >= len(numbers)):
            raise ValueError("a tensor that reaches beyond its storage")
        if 0 in self.shape:
            return np.zeros(self.shape, numbers.dtype)
        steps = [stride * numbers.itemsize for stride in self.strides]
        return np.array(np.lib.stride_tricks.as_strided(numbers[self.offset:], self.shape, steps))


def is_one(start: bytes) -> bool:
    """Whether a file that begins with these bytes may be PyTorch's."""
    return start.startswith((ZIP, STREAM))


def noted(path: Path, name: str) -> bool:
    """Whether a zip archive has a part of this name beside the pickle, which PyTorch passes over."""
    return zipfile.is_zipfile(path) and any(part.split("/")[1:] == [name] for part in zipfile.ZipFile(path).namelist())


def read(path: Path) -> Any:
    """What was saved: dictionaries, lists and plain values; in place of tensors, `Tensor`s.

    Raises:
        InputError: the file is damaged, or asks for more than values and tensors.
    """
    try:
        with open(path, "rb") as handle:
            if handle.read(len(ZIP)) == ZIP:
                return _of_zip(path)
            handle.seek(0)
            return _of_stream(path, handle)
    except Refused as error:
        raise InputError(f"{path}: its pickle asks for {error}. Only dictionaries, lists, numbers, text and tensors "
                         "are read, since anything else could run code. Save the network's `state_dict()` alone.") \
            from error
    except InputError:
        raise
    except Exception as error:  # a damaged pickle or archive raises almost anything
        raise InputError(f"{path}: is not a whole file of PyTorch's ({type(error).__name__}: {str(error)[:120]}). "
                         f"{COPY}") from error


def _of_zip(path: Path) -> Any:
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
    if len(names) != 1:
        raise InputError(f"{path}: is a zip archive, but not one of torch.save, which has one data.pkl. Give the file "
                         "of the network's parameters; unpack an archive that holds it.")
    folder = names[0][: -len("data.pkl")]
    order = f"{folder}byteorder"
    if order in archive.namelist() and archive.read(order) != b"little":
        raise Refused("numbers whose first byte is the highest")

    def storage(key: str, kind: str, count: int) -> Storage:
        info = archive.getinfo(f"{folder}data/{key}")
        if info.file_size < count * np.dtype(KINDS[kind]).itemsize:
            raise ValueError(SHORT)
        return Storage(kind, count, lambda: archive.read(info))

    return _Unpickler(io.BytesIO(archive.read(names[0])), storage).load()


def _of_stream(path: Path, handle: BinaryIO) -> Any:
    kinds: Dict[str, Storage] = {}

    def storage(key: str, kind: str, count: int) -> Storage:
        return kinds.setdefault(key, Storage(kind, count, lambda: b""))

    def load() -> Any:
        return _Unpickler(handle, storage).load()

    if (load(), load()) != (MAGIC, PROTOCOL):
        raise InputError(f"{path}: is not a file of PyTorch's. {COPY}")
    load()  # about the machine that wrote it
    saved, keys = load(), load()
    for key in keys:
        count = int.from_bytes(handle.read(8), "little")
        held = kinds.get(key)
        if held is None or held.count != count:
            raise ValueError("a storage that no tensor has")
        begin = handle.tell()
        size = count * np.dtype(KINDS[held.kind]).itemsize
        held.read = _part(path, begin, size)
        handle.seek(begin + size)
    handle.seek(0, io.SEEK_END)
    if keys and handle.tell() < begin + size:
        raise ValueError("storages beyond its end")
    return saved


def _part(path: Path, begin: int, size: int) -> Callable[[], bytes]:
    def content() -> bytes:
        with open(path, "rb") as handle:
            handle.seek(begin)
            return handle.read(size)

    return content


class _Kind(str):
    """What stands for a storage's class: its kind's name."""


def _tensor(storage: Any, offset: int, shape: Tuple[int, ...], strides: Tuple[int, ...], *_: Any) -> Tensor:
    if not isinstance(storage, Storage):
        raise Refused("a tensor without a storage")
    return Tensor(storage, offset, tuple(shape), tuple(strides))


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


class _Ordered(OrderedDict):
    """A state_dict, whose pickle also sets attributes of it, such as `_metadata`, which are dropped."""

    def __setstate__(self, state: Any) -> None:
        pass


def _default_dict(*_: Any) -> Dict[Any, Any]:
    return defaultdict(dict)


BUILT: Dict[Tuple[str, str], Callable[..., Any]] = {
    **ANSWERS,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch.nn.parameter", "Parameter"): _parameter,
    ("torch", "Size"): tuple,
    ("torch", "device"): lambda *_: None,
    ("collections", "OrderedDict"): _Ordered,
    ("collections", "defaultdict"): _default_dict,
    ("collections", "Counter"): dict,
    **{(module, "dict"): dict for module in ("builtins", "__builtin__")},
    **{(module, "set"): set for module in ("builtins", "__builtin__")},
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, handle: BinaryIO, storage: Callable[[str, str, int], Storage]) -> None:
        super().__init__(handle, encoding="latin1")  # as text of Python 2 is read
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """Our own answer to what the pickle wants to call; nothing is imported for it."""
        if module in ("torch", "torch.storage") and name.endswith("Storage"):
            kind = name[: -len("Storage")]
            if kind in KINDS:
                return _Kind(kind)
        known = module.replace("numpy._core", "numpy.core"), name
        if known not in BUILT:
            raise Refused(f"{module}.{name}")
        return BUILT[known]

    def persistent_load(self, pid: Any) -> Storage:
        """The storage that a tensor points into: ("storage", kind, key, device, count, view)."""
        words: Optional[List[Any]] = list(pid) if isinstance(pid, tuple) else None
        if not words or len(words) < 5 or words[0] != "storage" or not isinstance(words[1], _Kind):
            raise Refused("something that is no storage")
        return self._storage(str(words[2]), str(words[1]), int(words[4]))
