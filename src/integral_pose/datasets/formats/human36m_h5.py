"""Human3.6M as h36m-fetch writes it: an annot.h5 for each clip, in mm and each camera's own space.

Its `pose/3d-univ` is another body's skeleton, on which nothing may be measured, so it is not read. Its cameras are
fitted to the annotation without the lens's distortion, and where they stand is not told.
"""
from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, List, Optional

import numpy as np

from integral_pose.datasets.formats.human36m_views import ACTION_IDS, CAMERA_IDS, View, Views, Wanted
from integral_pose.datasets.formats.reading import are_numbers, read_h5
from integral_pose.errors import InputError
from integral_pose.geometry import Array, Camera

OF_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]  # the others repeat these or are the hands' ends
COLUMNS = ("subject", "action", "subaction", "camera", "frame")
INTRINSICS = {number: f"intrinsics/{number}" for number in CAMERA_IDS}
NEARLY_ALL = 0.9
TEST_STEP = 64
REMEDY = "Make it again with h36m-fetch's process_all.py."


def found(folder: Path) -> bool:
    """Whether the folder holds this format."""
    return _clips_folder(folder) is not None


def read(folder: Path, wanted: Wanted) -> Views:
    """The wanted frames of the wanted subjects, as far as the files hold them.

    The world of these cameras is the camera's own space: there are as many worlds as cameras.

    Raises:
        InputError: a subject is missing, or a file is wrong or holds too few of the wanted frames.
    """
    place = _clips_folder(folder) or folder
    return [view for subject in wanted.subjects for view in _read_subject(place, subject, wanted)]


def _clips_folder(folder: Path) -> Optional[Path]:
    return next((place for place in (folder / "processed", folder) if any(place.glob("S*/*/annot.h5"))), None)


def _read_subject(place: Path, subject: int, wanted: Wanted) -> Iterator[View]:
    paths = sorted((place / f"S{subject}").glob("*/annot.h5"))
    if not paths:
        raise InputError(
            f"{place / f'S{subject}'}: holds no */annot.h5, and {wanted.reason(subject)}. Let h36m-fetch make it."
        )
    for path in paths:
        yield from _read_clip(path, subject, wanted)


def _read_clip(path: Path, subject: int, wanted: Wanted) -> Iterator[View]:
    arrays = read_h5(path, ("pose/3d", *COLUMNS, *INTRINSICS.values()))
    _check(path, arrays, subject)
    frames = arrays["frame"].astype(int) - 1  # the file counts from 1
    _check_frames(path, frames, subject, wanted)
    for number, camera_id in CAMERA_IDS.items():
        rows = np.flatnonzero((arrays["camera"] == int(number)) & (frames % wanted.every == 0))
        if not len(rows):
            continue
        rows = rows[np.argsort(frames[rows], kind="stable")]
        folder = path.parent / "imageSequence" / number
        images = [folder / f"img_{frame + 1:06d}.jpg" for frame in frames[rows].tolist()]
        action, subaction = (int(arrays[name][0]) for name in ("action", "subaction"))
        joints = arrays["pose/3d"][rows][:, OF_32].astype(float)
        yield View(subject, action, subaction, camera_id, _camera(path, arrays, number), frames[rows], joints, images)


def _check(path: Path, arrays: Dict[str, Array], subject: int) -> None:
    missing = [name for name in ("pose/3d", *COLUMNS) if name not in arrays]
    if missing:
        raise InputError(f"{path}: lacks {', '.join(missing)}, as files of early versions do. {REMEDY}")
    poses = arrays["pose/3d"]
    people = len(poses) if poses.ndim else 0
    shapes = [poses.shape, *(arrays[name].shape for name in COLUMNS)]
    fitting = shapes == [(people, 32, 3), *[(people,)] * len(COLUMNS)]
    if not (people and fitting and are_numbers(poses, *(arrays[name] for name in COLUMNS))):
        raise InputError(f"{path}: its arrays do not hold one number of each kind a person, of 32 joints. {REMEDY}")
    single = all((arrays[name] == arrays[name][0]).all() for name in ("action", "subaction"))
    known = arrays["action"][0] in ACTION_IDS and arrays["subaction"][0] in (1, 2)
    if not (single and known) or (arrays["subject"] != subject).any():
        raise InputError(f"{path}: is not of one clip of subject {subject}, of action 2 to 16. {REMEDY}")


def _check_frames(path: Path, frames: Array, subject: int, wanted: Wanted) -> None:
    """In training h36m-fetch leaves out still frames, which is well; in testing nothing may be left out."""
    held, chosen = np.unique(frames), np.unique(frames[frames % wanted.every == 0])
    complete = len(chosen) >= NEARLY_ALL * (held[-1] // wanted.every + 1)
    thinned = len(held) > 1 and not (held % TEST_STEP).any()
    if (wanted.part == "test" and not complete) or (wanted.part == "train" and thinned):
        raise InputError(
            f"{path}: holds {len(chosen)} of every {wanted.every}th frame up to its last, and "
            f"{wanted.reason(subject)}. Let select_frame_indices_to_include in h36m-fetch's process_all.py return all "
            "frames, and run it again."
        )


def _camera(path: Path, arrays: Dict[str, Array], number: str) -> Camera:
    found = arrays.get(INTRINSICS[number], np.empty(0))
    values: List[float] = found.astype(float).ravel().tolist() if are_numbers(found) else []
    if len(values) != 4 or not (np.isfinite(values).all() and values[0] > 0 and values[2] > 0):
        raise InputError(f"{path}: {INTRINSICS[number]} must be four numbers, fx, cx, fy and cy. {REMEDY}")
    fx, cx, fy, cy = values
    return Camera(np.eye(3), np.zeros(3), (fx, fy), (cx, cy))
