"""Reads a pickle of plain values and NumPy arrays without running anything that it names.

A pickle is a program: it may call whatever can be imported. This one may call nothing, not even NumPy's own part in
it, which trusts what it is given (a forged dtype makes it read any memory); the few calls that arrays are written
with are answered here.
"""
from __future__ import annotations

import io
import pickle
from typing import Any, Callable, Dict, Tuple

import numpy as np

from integral_pose.geometry import Array

KINDS = "biuf"  # of dtypes: truth values and numbers


class Refused(Exception):
    """The pickle calls something that values and arrays do not need."""


def loads(content: bytes) -> Any:
    """The pickled value: dicts, lists, tuples, numbers, text and arrays of numbers.

    Raises:
        Refused: it asks for anything else.
        Exception: it is damaged; pickle raises almost anything.
    """
    return _plain(_Unpickler(io.BytesIO(content)).load())


class _Dtype:
    """What stands for a dtype while its byte order is not yet known."""

    def __init__(self, code: str) -> None:
        self.dtype = np.dtype(str(code))
        if self.dtype.kind not in KINDS:
            raise Refused(f"an array of {code}")

    def __setstate__(self, state: Tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(">" if state[1] == ">" else "<")


class _Array:
    """What stands for an array while its content is not yet known."""

    values: Array

    def __setstate__(self, state: Tuple[Any, ...]) -> None:
        _, shape, dtype, by_column, content = state
        self.values = _values(content, dtype, shape, "F" if by_column else "C").values

    @classmethod
    def of(cls, values: Array) -> _Array:
        array = cls()
        array.values = values
        return array


def _values(content: bytes, dtype: _Dtype, shape: Tuple[int, ...], order: Any) -> _Array:
    return _Array.of(np.frombuffer(content, dtype.dtype).reshape(shape, order=order))


def _scalar(dtype: _Dtype, content: bytes) -> Any:
    return np.frombuffer(content, dtype.dtype)[0]


ANSWERS: Dict[Tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): lambda: None,  # only ever named
    ("numpy", "dtype"): lambda code, *_: _Dtype(code),
    ("numpy.core.multiarray", "_reconstruct"): lambda *_: _Array(),
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _values,
    ("_codecs", "encode"): lambda text, _: text.encode("latin1"),  # how old protocols write bytes,
    ("__builtin__", "bytes"): lambda: b"",  # and none
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Our own answer to what the pickle wants to call; nothing is imported for it."""
        known = module.replace("numpy._core", "numpy.core"), name  # NumPy 2 has renamed it
        if known not in ANSWERS:
            raise Refused(f"{module}.{name}")
        return ANSWERS[known]


def _plain(value: Any) -> Any:
    if isinstance(value, _Array):
        return value.values
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return type(value)(map(_plain, value)) if isinstance(value, (list, tuple)) else value
