"""Human3.6M as mmpose's converter writes it: npz files in metres, and cameras whose lenses distort."""
from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from integral_pose.datasets.formats.human36m_views import ACTION_IDS, CAMERA_IDS, JOINTS, View, Views, Wanted
from integral_pose.datasets.formats.reading import read_npz, read_pickle
from integral_pose.errors import InputError
from integral_pose.geometry import Array, Camera
from integral_pose.storage import image_paths

ANNOTATIONS = "annotation_body3d"
FILES = {"h36m_train.npz": (1, 5, 6, 7, 8), "h36m_test.npz": (9, 11)}  # and the subjects of each
THINNED = 5  # fps10 has every 5th frame of the 50 a second, fps50 all
METRE = 1000.0
FAR = 100.0  # m: nobody is as far from the camera
STEM = re.compile(r"S(\d+)_([A-Za-z]+)(?:[_ ](\d+))?\.(\d+)")
ACTIONS: Dict[str, int] = {
    **{name: number for number, name in ACTION_IDS.items()}, "TakingPhoto": 12, "WalkingDog": 15, "WalkingTogether": 16,
}
# Subject -> action -> the numbers in the names of sub-actions 1 and 2, 0 for none; where they are not USUAL.
USUAL = (1, 0)
FILE_NUMBERS: Dict[int, Dict[int, Tuple[int, int]]] = {
    1: {4: (2, 0), 9: (1, 2), 10: (2, 0)},
    5: {2: (1, 2), 3: (2, 3), 5: (1, 2), 10: (0, 1), 12: (0, 2), 13: (1, 2)},
    6: {4: (1, 2), 7: (2, 0), 9: (1, 2), 12: (0, 1), 13: (3, 0)},
    7: {6: (2, 0), 10: (0, 1), 12: (0, 1), 13: (1, 2), 14: (1, 2)},
    8: {10: (0, 1), 16: (1, 2)},
    9: {3: (1, 2), 10: (0, 1)},
    11: {3: (1, 2), 5: (2, 0), 6: (3, 2), 10: (0, 1), 11: (2, 0)},
}
NAME = "S1/S1_Directions_1.54138969/S1_Directions_1.54138969_000001.jpg"

Key = Tuple[int, int, int, str]  # subject, action, sub-action, number of the camera
Rows = Dict[Key, Tuple[Array, Array]]  # rows of the file, and the frames they hold


def found(folder: Path) -> bool:
    """Whether the folder holds this format."""
    return (folder / ANNOTATIONS).is_dir()


def read(folder: Path, wanted: Wanted) -> Views:
    """The wanted frames of the wanted subjects; of a lens, the distortion that the converter's cameras have.

    Raises:
        InputError: a file is missing, wrong or lacks a subject's camera, or every 64th frame is wanted and only fps10
            is there, which has every 5th.
    """
    views: Views = []
    entries = read_pickle(folder / ANNOTATIONS / "cameras.pkl")
    for name, subjects in FILES.items():
        needed = [subject for subject in wanted.subjects if subject in subjects]
        if needed:
            views += _read_file(folder, _file(folder, name, needed[0], wanted), entries, needed, wanted.every)
    return views


def _file(folder: Path, name: str, subject: int, wanted: Wanted) -> Path:
    """The file that has the frames; the thinned one, which is smaller, if that is enough."""
    thinned, whole = (folder / ANNOTATIONS / rate / name for rate in ("fps10", "fps50"))
    choice = [thinned, whole] if wanted.every % THINNED == 0 else [whole]
    there = [path for path in choice if path.is_file()]
    if not there:
        hint = f" {thinned} is not enough: it lacks most of every {wanted.every}th frame." if thinned.is_file() else ""
        raise InputError(
            f"{choice[-1]}: there is no such file, and {wanted.reason(subject)}.{hint} Make it with mmpose's "
            f"preprocess_h36m.py{' --sample-rate 1' if choice == [whole] else ''}."
        )
    return there[0]


def _read_file(folder: Path, path: Path, entries: Any, subjects: Sequence[int], every: int) -> Views:
    arrays = read_npz(path, ("imgname", "S"))
    names, joints = arrays["imgname"].astype(str).tolist(), arrays["S"]
    fitting = joints.shape[:2] == (len(names), JOINTS) and joints.shape[2:] in ((3,), (4,))
    if not (fitting and joints.dtype.kind == "f" and arrays["imgname"].ndim == 1):
        raise InputError(f"{path}: S must hold {len(names)} people of {JOINTS} joints. Make it again with mmpose.")
    clips = {key: rows for key, rows in _rows(path, names, every).items() if key[0] in subjects}
    cameras = {lens: _camera(folder, entries, *lens) for lens in sorted({(key[0], key[3]) for key in clips})}
    views = []
    image_paths.below(path, folder / "images", [names[row] for rows, _ in clips.values() for row in rows])
    for (subject, action, subaction, number), (rows, frames) in clips.items():
        points = joints[rows, :, :3]
        _check_metres(path, points)
        camera, images = cameras[subject, number], [folder / "images" / names[row] for row in rows]
        views.append(View(subject, action, subaction, CAMERA_IDS[number], camera, frames, points * METRE, images))
    return views


def _rows(path: Path, names: Sequence[str], every: int) -> Rows:
    """Where each clip's wanted frames are, by frame."""
    clips: Dict[str, List[Tuple[int, int]]] = {}
    for row, name in enumerate(names):
        stem, _, number = name.rpartition("/")[2].rpartition("_")
        digits = number.partition(".")[0]
        if not digits.isdecimal():
            raise _bad_name(path, name)
        frame = int(digits) - 1  # file names count from 1
        if frame % every == 0:
            clips.setdefault(stem, []).append((frame, row))
    rows = {}
    for stem, pairs in clips.items():
        frames, where = np.array(sorted(pairs)).T
        rows[_key(path, stem, names[where[0]])] = where, frames
    return rows


def _key(path: Path, stem: str, name: str) -> Key:
    """Which clip and camera a name that begins so belongs to; sub-actions as in Human3.6M's own list of its files."""
    parts = STEM.fullmatch(stem)
    if not parts or parts[2] not in ACTIONS or parts[4] not in CAMERA_IDS:
        raise _bad_name(path, name)
    subject, action, number = int(parts[1]), ACTIONS[parts[2]], int(parts[3] or 0)
    numbers = FILE_NUMBERS.get(subject, {}).get(action, USUAL)
    if number not in numbers:
        raise _bad_name(path, name)
    return subject, action, numbers.index(number) + 1, parts[4]


def _bad_name(path: Path, name: str) -> InputError:
    return InputError(
        f"{path}: the image name {name} is not in Human3.6M's form, such as {NAME} (subject, action, camera, frame). "
        "Make the file again with mmpose's preprocess_h36m.py."
    )


def _camera(folder: Path, entries: Any, subject: int, number: str) -> Camera:
    """R in the file turns the camera's axes into the world's, and T is the camera's place."""
    try:
        entry = entries[f"S{subject}", number]
        rotation = np.array(entry["R"], float).reshape(3, 3).T
        position = np.array(entry["T"], float).reshape(3) * METRE
        (fx, fy), (cx, cy) = (np.array(entry[name], float).reshape(2).tolist() for name in "fc")
        k, p = (np.array(entry[name], float).reshape(size).tolist() for name, size in (("k", 3), ("p", 2)))
        if not np.isfinite([*rotation.ravel(), *position, *k, *p]).all():
            raise ValueError("numbers that are not finite")
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise InputError(
            f"{folder / ANNOTATIONS / 'cameras.pkl'}: camera {number} of subject {subject} is not there, or lacks R, "
            "T, f, c, k and p. Make the file again with mmpose's preprocess_h36m.py."
        ) from error
    return Camera(rotation, position, (fx, fy), (cx, cy), _distortion(k, p))


def _distortion(k: Sequence[float], p: Sequence[float]) -> Tuple[float, ...]:
    """OpenCV's twelve coefficients of Human3.6M's five.

    Human3.6M moves a point of the plane at depth 1 by (p1 y + p2 x) (x, y) + (p2, p1) r². OpenCV has twice the first
    term; with half of each p, its thin prism supplies the other half of the second.
    """
    p1, p2 = p
    return (k[0], k[1], p1 / 2, p2 / 2, k[2], 0.0, 0.0, 0.0, p2 / 2, 0.0, p1 / 2, 0.0)


def _check_metres(path: Path, points: Array) -> None:
    with np.errstate(over="ignore"):
        away = np.median(points[:, 0, 2]) if len(points) else 0
    if away > FAR:
        raise InputError(
            f"{path}: S must be in metres, but has people more than {FAR:.0f} m away. Make it again with mmpose."
        )
