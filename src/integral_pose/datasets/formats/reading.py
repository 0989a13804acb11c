"""Opens .mat, .h5, .npz, .json and .pkl files; every problem gives one clear sentence."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Sequence

import h5py
import numpy as np
import scipy.io

from integral_pose.datasets.formats import safe_pickle
from integral_pose.errors import InputError
from integral_pose.geometry import Array


def read_json(path: Path) -> Any:
    """The content of a JSON file, in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        InputError: the file is missing or is not JSON.
    """
    text = read_text(path, "JSON")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise _unreadable(path, "JSON", ValueError("its lists or objects are nested too deep")) from error
    except ValueError as error:
        raise _unreadable(path, "JSON", error) from error


def read_text(path: Path, kind: str = "text") -> str:
    """The content of a text file, in UTF-8, UTF-16 or UTF-32, with a byte order mark or without.

    Args:
        kind: what it is to be, for messages.

    Raises:
        InputError: the file is missing or is no text.
    """
    _must_exist(path)
    try:
        content = path.read_bytes()
        return content.decode(json.detect_encoding(content))
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not {error.encoding.upper()}; UTF-8 and UTF-16 are read"
        raise _unreadable(path, kind, ValueError(reason)) from error
    except OSError as error:
        raise _unreadable(path, kind, error) from error


def read_mat(path: Path) -> Dict[str, Any]:
    """The variables of a MATLAB file; structs stay record arrays of two dimensions, as MATLAB has them.

    Of version 7.3, which is HDF5, the arrays of numbers are read, with MATLAB's order of axes.

    Raises:
        InputError: the file is missing, truncated, or not MATLAB's; it is of version 7.3 and has structs only.
    """
    _must_exist(path)
    if h5py.is_hdf5(str(path)):
        arrays = {name: array.T for name, array in read_h5(path).items() if are_numbers(np.asarray(array))}
        if arrays:
            return arrays
        raise InputError(f"{path}: is a MATLAB file of version 7.3 without arrays of numbers at its top level; structs "
                         "are read from version 7. Save it again with save(..., '-v7').")
    try:
        variables: Dict[str, Any] = scipy.io.loadmat(str(path), appendmat=False)
    except Exception as error:  # a damaged file makes scipy raise almost anything
        raise _unreadable(path, "MATLAB (version 5 to 7)", error) from error
    return variables


def read_h5(path: Path, names: Sequence[str] = ()) -> Dict[str, Array]:
    """The arrays of an HDF5 file: of these names, where they are there, or all at the top level.

    Raises:
        InputError: the file is missing, truncated, or not HDF5.
    """
    _must_exist(path)
    try:
        with h5py.File(str(path), "r") as file:
            wanted = {name: file.get(name) for name in names or file}
            return {name: item[()] for name, item in wanted.items() if isinstance(item, h5py.Dataset)}
    except Exception as error:  # a damaged file makes h5py raise almost anything
        raise _unreadable(path, "HDF5", error) from error


def read_npz(path: Path, names: Sequence[str]) -> Dict[str, Array]:
    """These arrays of NumPy's npz file; the others are left unread, for files are large.

    Raises:
        InputError: the file is missing, truncated, not npz, holds objects, or lacks one of the arrays.
    """
    _must_exist(path)
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {name: file[name] for name in names if name in file}
    except Exception as error:  # a damaged file makes zipfile and NumPy raise almost anything
        raise _unreadable(path, "npz", error) from error
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InputError(f"{path}: lacks {', '.join(missing)}. Copy the file again from its source.")
    return arrays


def read_pickle(path: Path) -> Any:
    """The dicts, lists, tuples, numbers, text and arrays of a pickle; nothing that it names is imported or run.

    Raises:
        InputError: the file is missing, truncated, not a pickle, or asks for anything else.
    """
    _must_exist(path)
    try:
        return safe_pickle.loads(path.read_bytes())
    except safe_pickle.Refused as error:
        raise InputError(
            f"{path}: calls {error}, which values and arrays do not need, so it was not read. It has another format or "
            "is malicious: copy it again from its source."
        ) from error
    except Exception as error:  # a damaged file makes pickle raise almost anything
        raise _unreadable(path, "pickle", error) from error


def numbers(values: Any) -> Array:
    """Values, an array or nested lists, as real numbers.

    Raises:
        TypeError, ValueError, OverflowError: they are something else.
    """
    if isinstance(values, np.ndarray) and values.dtype.kind == "c":
        raise TypeError("complex numbers")
    return np.array(values, float)


def are_numbers(*arrays: Array) -> bool:
    """Whether arrays hold real numbers."""
    return all(array.dtype.kind in "biuf" for array in arrays)


def _must_exist(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Check the path.")


def _unreadable(path: Path, kind: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return InputError(
        f"{path}: cannot be read as a {kind} file ({reason}). It may be truncated or in another format: copy it again "
        "from its source."
    )
