"""Predictions of other programs, from the files they are published in: `read` for MPII people, `read_poses` for
Human3.6M.

MPII:

    .h5    `preds` (N, 16, 2)                                                     1-based
    .mat   `preds` or `pred`, (N, 16, 2) or (16, 2, N), or `pos_pred_src` (16, 2, N)    1-based
           pred_keypoints_mpii.mat, as MPII's own evaluation asks for it                1-based
           of version 7.3 arrays only
    .npy   (N, 16, 2)                                                             0-based
    .json  a list of N lists [16][2], or of N records with such a list as `joints`     0-based
    .csv   a header `person,joint,x,y`, then a line for each joint; person and joint count from 0,
           in any order                                                           0-based

N people are in the order of the annotation file, joints in MPII's order. The base is that of x and y: published .h5
and .mat files speak of pixels as MPII's own annotation does. It can be overridden.
Arrays may have their axes in another order, such as (2, 16, N), where the sizes tell which is which.
Predictions for Leeds Sports Pose are in the same files, with 14 joints in its order.

Human3.6M, along the camera's axes, with any origin, K = 17 joints or 18 with the thorax last:

    .npy   (N, K, 3), N frames in the order of the test frames: subject, action, subaction, camera, frame
    .npz, .h5, .mat   the same as `predictions`, or as the only array
    .json  {image: [K][3]}; or 3DMPPE's bbox_root_pose_human36m_output.json, a list of records with `image_id` and
           `joint_cam` [17][3], mm relative to the root, where Human36M_subject*_data.json says which image an id is
    .csv   a header `image,joint,x,y,z`, then a line for each joint, which counts from 0, in any order

An image goes by its file name, with as many of its folders before it as it takes to tell it from others.
"""
from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path
from typing import Any, Callable, Dict, Hashable, List, Optional, Sequence, Tuple

import numpy as np

from integral_pose.datasets.formats.mpii_submission import read_everybody
from integral_pose.datasets.formats.reading import numbers, read_h5, read_json, read_mat, read_text
from integral_pose.datasets.formats.records import Records
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.metrics.mpjpe import ROOT, SCORED
from integral_pose.skeletons import HUMAN36M, MPII

JOINTS = len(MPII.joints)
WANTED = "Predictions must be people x {} joints x (x, y)."
HEADER = ["person", "joint", "x", "y"]
UNITS = {"mm": 1, "m": 1000}
POSES_WANTED = "Predictions must be frames x 17 or 18 joints x (x, y, z)."
POSES_HEADER = ["image", "joint", "x", "y", "z"]
ORDERS = ((0, 1, 2), (2, 0, 1), (2, 1, 0), (0, 2, 1))  # of axes, to people x joints x 2; NumPy's and MATLAB's first
NEAR = 1000  # mm; Human3.6M's cameras film nobody from nearer


def read(path: Path, people: int, base: Optional[int] = None, joints: int = JOINTS) -> Array:
    """Predictions as (people, joints, 2), image px, 0-based.

    Args:
        people: how many the annotation file has.
        base: what the first pixel is called, 0 or 1; None for what the kind of file implies.
        joints: of the data set: MPII's 16 or Leeds Sports Pose's 14.

    Raises:
        InputError: the file is missing, unreadable, or holds something else.
    """
    if path.suffix.lower() not in _READERS:
        raise InputError(f"{path}: files of predictions end in {', '.join(_READERS)}. Give such a file.")
    reader, implied = _READERS[path.suffix.lower()]
    predictions = _as_people(path, reader(path, joints), joints, people)
    if len(predictions) != people:
        raise InputError(
            f"{path}: holds {len(predictions)} people, and the annotation file {people}. "
            "Give the predictions of just those people, in their order."
        )
    _demand_finite(path, predictions, lambda person, joint: f"person {person}, joint {joint} (counted from 0)")
    return predictions - (implied if base is None else base)


def read_poses(path: Path, images: Sequence[Path], unit: str = "mm", data: Sequence[Path] = ()) -> Array:
    """Predictions for Human3.6M as (N, 17, 3), mm along the camera's axes, in the order of `images`.

    Args:
        images: of the N test frames.
        unit: "mm" or "m", the predictions'.
        data: 3DMPPE's Human36M_subject*_data.json of the test subjects, where an `image_id` is looked up.

    Raises:
        InputError: the file is missing, unreadable, or holds something else, or other frames.
    """
    if path.suffix.lower() == ".json":
        poses = _poses_json(path, images, data)
    elif path.suffix.lower() == ".csv":
        poses = _poses_csv(path, images)
    else:
        poses = _poses_array(path, images)
    _demand_finite(path, poses, lambda n, joint: f"of {images[n].name}, joint {joint} ({HUMAN36M.joints[joint]})")
    return poses * UNITS[unit]


def _demand_finite(path: Path, predictions: Array, name: Callable[[int, int], str]) -> None:
    """Refuses the first joint of (N, K, C) that is not finite; `name` describes it for the user."""
    bad = np.argwhere(~np.isfinite(predictions).all(axis=2))
    if len(bad):
        raise InputError(
            f"{path}: {name(*bad[0])} is not a finite position. Predict every joint; where unsure, predict anyhow."
        )


def _as_people(path: Path, values: Any, joints: int, people: int) -> Array:
    """Numbers as (N, K, 2), from whichever order of axes they are in.

    Raises:
        InputError: they are something else, or the order cannot be told from the sizes.
    """
    wanted = WANTED.format(joints)
    try:
        array = numbers(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: holds something else than numbers ({error}). {wanted}") from error
    return _turned(path, array, [(joints, 2)], people, wanted)


def _turned(path: Path, array: Array, shapes: Sequence[Tuple[int, int]], people: int, wanted: str) -> Array:
    """An array as (N, K, C), K and C being one of `shapes`, from whichever order of axes it is in.

    Raises:
        InputError: the sizes do not allow it, or allow several orders.
    """
    if array.ndim == 2:  # one person, of whom MATLAB leaves the last axis away
        array = array[..., None]
    turned = [array.transpose(order) for order in ORDERS] if array.ndim == 3 else []
    fitting = [number for number, one in enumerate(turned) if one.shape[1:] in shapes]
    exact = [number for number in fitting if len(turned[number]) == people]
    if not fitting:
        raise InputError(f"{path}: holds an array of shape {array.shape}. {wanted}")
    chosen = (exact or fitting)[0]
    documented = 2 if path.suffix.lower() == ".mat" else 1
    if len(exact) > 1 and chosen >= documented:
        raise InputError(f"{path}: holds an array of shape {array.shape}, whose axes are ambiguous. {wanted}")
    return turned[chosen]


def _h5(path: Path, _: int) -> Any:
    return _variable(path, read_h5(path), "preds")


def _mat(path: Path, _: int) -> Any:
    found = _variable(path, read_mat(path), "preds", "pred", "pos_pred_src")
    return read_everybody(path, found) + 1 if found.dtype.names else found


def _variable(path: Path, variables: Dict[str, Any], *names: str) -> Any:
    for name in names:
        if name in variables:
            return variables[name]
    raise InputError(f"{path}: holds no {' or '.join(names)}. Store the predictions under that name.")


def _npy(path: Path, _: int = 0) -> Any:
    try:
        return np.load(str(path), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as a NumPy array ({error}). Write it with numpy.save.") from error


def _json(path: Path, joints: int) -> Any:
    people = read_json(path)
    if not isinstance(people, list):
        raise InputError(f"{path}: is not a list of people. {WANTED.format(joints)}")
    try:
        return [person["joints"] if isinstance(person, dict) else person for person in people]
    except KeyError as error:
        raise InputError(f"{path}: a record holds no `joints`. {WANTED.format(joints)}") from error


def _csv(path: Path, joints: int) -> Any:
    _, rows = _lines(path, HEADER)
    order = _by_joint(path, rows[:, 0], rows[:, 1], joints, "person from 0 on")
    return rows[order, 2:].reshape(-1, joints, 2)


def _lines(path: Path, header: List[str]) -> Tuple[List[List[str]], Array]:
    """A .csv file's lines after its header, and their last four columns as numbers."""
    text = read_text(path, "CSV")
    wanted = f"It must start with the line {','.join(header)} and give a line to each joint of each {header[0]}."
    try:
        first, *lines = [line for line in csv.reader(StringIO(text, newline="")) if line] or [[]]
        if [name.strip().lower() for name in first] != header:
            raise InputError(f"{path}: its first line is not the header. {wanted}")
        return lines, np.array([line[len(header) - 4:] for line in lines], float).reshape(len(lines), 4)
    except (ValueError, csv.Error) as error:
        kind = "a name and four numbers" if header[0] == "image" else "four numbers"
        raise InputError(f"{path}: cannot be read as lines of {kind} ({error}). {wanted}") from error


def _by_joint(path: Path, owners: Array, joints: Array, count: int, owner: str) -> Array:
    """The order of a file's lines by owner, then joint, where each of `count` joints of each owner has one line."""
    order = np.lexsort((joints, owners))
    complete = np.divmod(np.arange(len(order)), count)
    if len(order) % count or (owners[order] != complete[0]).any() or (joints[order] != complete[1]).any():
        raise InputError(f"{path}: must give every {owner} the joints 0 to {count - 1}, each once. Correct the file.")
    return order


_READERS: Dict[str, Tuple[Callable[[Path, int], Any], int]] = {
    ".h5": (_h5, 1),
    ".mat": (_mat, 1),
    ".npy": (_npy, 0),
    ".json": (_json, 0),
    ".csv": (_csv, 0),
}


def _poses_array(path: Path, images: Sequence[Path]) -> Array:
    readers: Dict[str, Callable[[Path], Any]] = {".npy": _npy, ".npz": _npz, ".h5": read_h5, ".mat": _arrays}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: files of predictions end in {', '.join(readers)}, .json or .csv. Give such a file.")
    content = readers[path.suffix.lower()](path)
    poses = _as_poses(path, _only(path, content) if isinstance(content, dict) else content, len(images))
    if len(poses) != len(images):
        raise InputError(
            f"{path}: holds {len(poses)} frames, and there are {len(images)} test frames. "
            "Give one pose for each frame that --list prints, in that order."
        )
    return poses


def _arrays(path: Path) -> Dict[str, Array]:
    return {name: value for name, value in read_mat(path).items() if not name.startswith("__")}


def _npz(path: Path) -> Dict[str, Array]:
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            return dict(file)
    except Exception as error:  # a damaged archive makes zipfile raise almost anything
        raise InputError(f"{path}: cannot be read as NumPy arrays ({error}). Write it with numpy.savez.") from error


def _only(path: Path, variables: Dict[str, Array]) -> Array:
    if "predictions" not in variables and len(variables) != 1:
        raise InputError(f"{path}: holds {len(variables)} arrays and no `predictions`. Store them under that name.")
    return variables.get("predictions", next(iter(variables.values())))


def _as_poses(path: Path, values: Any, frames: int) -> Array:
    try:
        array = numbers(values)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: holds something else than numbers ({error}). {POSES_WANTED}") from error
    shapes = [(len(SCORED), 3), (len(HUMAN36M.joints), 3)]
    return _turned(path, array, shapes, frames, POSES_WANTED)[:, SCORED]


def _poses_csv(path: Path, images: Sequence[Path]) -> Array:
    lines, rows = _lines(path, POSES_HEADER)
    names, owners = np.unique([line[0].strip() for line in lines], return_inverse=True)
    joints = len(HUMAN36M.joints) if rows[:, 0].max(initial=0) >= len(SCORED) else len(SCORED)
    order = _by_joint(path, owners, rows[:, 0], joints, "image")
    return _in_order(path, names.tolist(), rows[order, 1:].reshape(-1, joints, 3), _frames(images), images)


def _poses_json(path: Path, images: Sequence[Path], data: Sequence[Path]) -> Array:
    content = read_json(path)
    if isinstance(content, dict):
        return _in_order(path, list(content), list(content.values()), _frames(images), images)
    try:
        ids, poses = [int(record["image_id"]) for record in content], [record["joint_cam"] for record in content]
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise InputError(
            f"{path}: is neither an object of image names with their joints nor a list of records with `image_id` "
            "and `joint_cam`, as 3DMPPE writes it. Write one of these."
        ) from error
    ordered = _in_order(path, ids, poses, _frames_by_id(path, images, data), images)
    _refuse_aligned(path, ordered)
    return ordered


def _in_order(
    path: Path, names: Sequence[Hashable], poses: Any, frames: Dict[Any, int], images: Sequence[Path]
) -> Array:
    """Poses in the order of the test frames, of which each must be named once and no other.

    Args:
        frames: which test frame a name means.
    """
    unknown = [name for name in names if name not in frames]
    if unknown:
        raise InputError(
            f"{path}: image names that are not test frames, or are ambiguous: {len(unknown)} ({_first(unknown)}). Use "
            "the frames and the names that --list prints."
        )
    where = np.array([frames[name] for name in names], int)
    counts = np.bincount(where, minlength=len(images))
    lacking = ["/".join(image.parts[-2:]) for image, count in zip(images, counts) if not count]
    if lacking:
        raise InputError(
            f"{path}: lacks {len(lacking)} of {len(images)} test frames ({_first(lacking)}). "
            "Predict every frame that --list prints."
        )
    if (counts > 1).any():
        twice = [name for name in names if counts[frames[name]] > 1]
        raise InputError(f"{path}: names a test frame more than once ({_first(twice)}). Give each frame one pose.")
    return _as_poses(path, poses, len(images))[np.argsort(where)]


def _first(names: Sequence[Hashable]) -> str:
    return f"the first: {', '.join(map(str, names[:3]))}"


def _frames(images: Sequence[Path]) -> Dict[str, int]:
    """Which frame a name means: the file's, with none, some or all of its folders, where no other file has it too."""
    tails = [("/".join(image.parts[i:]), n) for n, image in enumerate(images) for i in range(len(image.parts))[::-1]]
    frames = dict(tails)
    shared = {name for name, frame in tails if frames[name] != frame}
    return {name: frame for name, frame in frames.items() if name not in shared}


def _frames_by_id(path: Path, images: Sequence[Path], data: Sequence[Path]) -> Dict[int, int]:
    if not data:
        raise InputError(
            f"{path}: uses `image_id`, which only 3DMPPE's Human36M_subject*_data.json explains, and the annotations "
            "are of another kind. Write the predictions by image name."
        )
    frames = _frames(images)
    records = [Records.of(file, "image", read_json(file)["images"]) for file in data]
    named = [(number, frames.get(str(row.get("file_name"))))
             for part in records for number, row in zip(part.integers("id").tolist(), part.rows)]
    by_id = {number: frame for number, frame in named if frame is not None}
    if len(by_id) < sum(frame is not None for _, frame in named):
        raise InputError(
            f"{path}: uses `image_id`, and in {data[0].parent} one id stands for several test frames. Write the "
            "predictions by image name."
        )
    return by_id


def _refuse_aligned(path: Path, poses: Array) -> None:
    """3DMPPE writes poses with the root at 0, but set to Protocol 1 it writes them moved onto the truth."""
    away = np.linalg.norm(poses[:, ROOT], axis=1)
    if ((away > 1e-3) & (away < NEAR)).any():
        raise InputError(
            f"{path}: the roots lie near 0 and not at it, so these poses have been aligned with the truth already, "
            "as 3DMPPE does before it writes results under its Protocol 1. Have it write them under its Protocol 2."
        )
