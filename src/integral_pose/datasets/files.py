"""Opening .mat, .h5 and .json files: whatever is wrong with one, the user reads one sentence."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import h5py
import scipy.io

from integral_pose.errors import InputError
from integral_pose.geometry import Array


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: the file is missing or is not JSON.
    """
    _must_exist(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise _unreadable(path, "JSON", error) from error


def read_mat(path: Path) -> Dict[str, Any]:
    """The variables of a MATLAB file; structs stay record arrays of two dimensions, as MATLAB has them.

    Raises:
        InputError: the file is missing, truncated, or not in MATLAB's version 5 format.
    """
    _must_exist(path)
    try:
        variables: Dict[str, Any] = scipy.io.loadmat(str(path), appendmat=False)
    except Exception as error:  # a damaged file makes scipy raise almost anything
        raise _unreadable(path, "MATLAB (version 5 to 7)", error) from error
    return variables


def read_h5(path: Path) -> Dict[str, Array]:
    """The top-level arrays of an HDF5 file.

    Raises:
        InputError: the file is missing, truncated, or not HDF5.
    """
    _must_exist(path)
    try:
        with h5py.File(str(path), "r") as file:
            return {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
    except Exception as error:  # a damaged file makes h5py raise almost anything
        raise _unreadable(path, "HDF5", error) from error


def _must_exist(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Check the path.")


def _unreadable(path: Path, kind: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return InputError(
        f"{path}: cannot be read as a {kind} file ({reason}). It may be truncated or of another kind: "
        "copy it again from its source."
    )
