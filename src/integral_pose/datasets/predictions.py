"""Anyone's predictions for MPII people, from the files they are published in.

    .h5    `preds` (N, 16, 2)                                                     1-based
    .mat   `preds` or `pred`, (N, 16, 2) or (16, 2, N), or `pos_pred_src` (16, 2, N)    1-based
    .npy   (N, 16, 2)                                                             0-based
    .json  a list of N lists [16][2], or of N records with such a list as `joints`     0-based
    .csv   a header `person,joint,x,y`, then a line for each joint; person and joint count from 0,
           in any order                                                           0-based

N people are in the order of the annotation file, joints in MPII's order. The base is that of x and y: published .h5
and .mat files speak of pixels as MPII's own annotation does. It can be overridden.
"""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

import numpy as np

from integral_pose.datasets.files import read_h5, read_json, read_mat
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.skeletons import MPII

JOINTS = len(MPII.joints)
WANTED = "Predictions must be people x 16 joints x (x, y)."
CSV_WANTED = "It must start with the line person,joint,x,y and give a line to each joint of each person."
HEADER = ["person", "joint", "x", "y"]


def read(path: Path, people: int, base: Optional[int] = None) -> Array:
    """Predictions as (people, 16, 2), image px, 0-based.

    Args:
        people: how many the annotation file has.
        base: what the first pixel is called, 0 or 1; None for what the kind of file implies.

    Raises:
        InputError: the file is missing, unreadable, or holds something else.
    """
    if path.suffix.lower() not in _READERS:
        raise InputError(f"{path}: predictions end in {', '.join(_READERS)}. Name such a file.")
    reader, implied = _READERS[path.suffix.lower()]
    predictions = _as_people(path, reader(path))
    if len(predictions) != people:
        raise InputError(
            f"{path}: holds {len(predictions)} people, and the annotation file {people}. "
            "Give the predictions of just those people, in their order."
        )
    bad = np.argwhere(~np.isfinite(predictions).all(axis=2))
    if len(bad):
        person, joint = bad[0]
        raise InputError(
            f"{path}: person {person}, joint {joint} (counted from 0) is not a finite position. "
            "Predict every joint; where unsure, predict anyhow."
        )
    return predictions - (implied if base is None else base)


def _as_people(path: Path, values: Any) -> Array:
    try:
        array = np.array(values, float)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: holds something else than numbers ({error}). {WANTED}") from error
    if array.shape[1:] == (JOINTS, 2):
        return array
    if path.suffix.lower() == ".mat" and array.shape[:2] == (JOINTS, 2):
        return array.reshape(JOINTS, 2, -1).transpose(2, 0, 1)
    raise InputError(f"{path}: holds an array of shape {array.shape}. {WANTED}")


def _h5(path: Path) -> Any:
    return _variable(path, read_h5(path), "preds")


def _mat(path: Path) -> Any:
    return _variable(path, read_mat(path), "preds", "pred", "pos_pred_src")


def _variable(path: Path, variables: Dict[str, Any], *names: str) -> Any:
    for name in names:
        if name in variables:
            return variables[name]
    raise InputError(f"{path}: holds no {' or '.join(names)}. Store the predictions under that name.")


def _npy(path: Path) -> Any:
    try:
        return np.load(str(path), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as a NumPy array ({error}). Write it with numpy.save.") from error


def _json(path: Path) -> Any:
    people = read_json(path)
    if not isinstance(people, list):
        raise InputError(f"{path}: is not a list of people. {WANTED}")
    try:
        return [person["joints"] if isinstance(person, dict) else person for person in people]
    except KeyError as error:
        raise InputError(f"{path}: a record holds no `joints`. {WANTED}") from error


def _csv(path: Path) -> Any:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            header, *lines = list(csv.reader(file)) or [[]]
        rows = np.array([line for line in lines if line], float).reshape(-1, len(HEADER))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as lines of four numbers ({error}). {CSV_WANTED}") from error
    if [name.strip().lower() for name in header] != HEADER:
        raise InputError(f"{path}: its first line is not the header. {CSV_WANTED}")
    order = np.lexsort((rows[:, 1], rows[:, 0]))
    complete = np.stack(np.divmod(np.arange(len(rows)), JOINTS), axis=1)
    if len(rows) % JOINTS or (rows[order, :2] != complete).any():
        raise InputError(f"{path}: is not made of every person from 0 on with every joint 0 to 15, once. {CSV_WANTED}")
    return rows[order, 2:].reshape(-1, JOINTS, 2)


_READERS: Dict[str, Tuple[Callable[[Path], Any], int]] = {
    ".h5": (_h5, 1),
    ".mat": (_mat, 1),
    ".npy": (_npy, 0),
    ".json": (_json, 0),
    ".csv": (_csv, 0),
}
