"""Checkpoints and predictions: one file of plain arrays, written atomically and read without unpickling."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple
from zipfile import ZipFile

import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.storage.atomic import replacing

STATE = "state"


def write(path: Path, arrays: Mapping[str, Array], state: Mapping[str, Any]) -> None:
    """Puts arrays and a JSON-able state into `path`, replacing what was there.

    The format is that of numpy.savez, which leaves its archive open when it fails, and then raises another error.
    """
    with replacing(path) as draft, open(draft, "w+b") as handle:
        archive = ZipFile(handle, "w")
        try:
            for name, array in {STATE: np.array(json.dumps(state)), **arrays}.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)
            archive.close()
        except BaseException:
            archive.fp = None  # its end would fail too, now or when it is collected, and hide what went wrong
            raise


def read(path: Path) -> Tuple[Dict[str, Array], Dict[str, Any]]:
    """Inverse of `write`.

    Raises:
        InputError: the file is damaged.
    """
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return arrays, json.loads(str(arrays.pop(STATE)))
    except Exception as error:  # a damaged file makes NumPy and zipfile raise almost anything
        raise InputError(
            f"{path}: this file is damaged ({type(error).__name__}). Delete it and run the same command again: its "
            "content is trained or computed again; other runs are not affected."
        ) from error
