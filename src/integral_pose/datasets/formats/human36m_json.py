"""Human3.6M's annotation as it comes with 3DMPPE: three JSON files a subject, in mm, with pinhole cameras.

The cameras circulate in two generations that look alike: until June 2020 `t` is the camera's place in the world,
X_camera = R (X - t); since then it is a translation, X_camera = R X + t. The file does not say which, so both are
tried and the one that sees the people is kept.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from integral_pose.datasets.formats.human36m_views import ACTION_IDS, JOINTS, View, Views, Wanted
from integral_pose.datasets.formats.reading import read_json
from integral_pose.datasets.formats.records import EXACT, is_file_name
from integral_pose.errors import InputError
from integral_pose.geometry import Array, Camera
from integral_pose.storage import image_paths

KINDS = ("data", "camera", "joint_3d")
PLACES = ("annotations", "annot", ".")
COLUMNS = ("action_idx", "subaction_idx", "cam_idx", "frame_idx", "width", "height")
SHAPES = {"R": (3, 3), "t": (3,), "f": (2,), "c": (2,)}
NEARLY_ALL = 0.9  # of the frames have the pelvis inside the image, if the camera is the right one
REMEDY = "Take the three files of the subject from one download."

Key = Tuple[int, int, int]  # action, sub-action, camera
Entries = Dict[int, Dict[str, Array]]  # camera -> name -> numbers
Cameras = Dict[int, Camera]


class _Clip(NamedTuple):
    """The wanted images of one clip by one camera, by frame."""

    names: Sequence[str]
    frames: Array  # (N,)
    size: Array  # (N, 2), width and height in px
    world: Array  # (N, 17, 3), mm


def found(folder: Path) -> bool:
    """Whether the folder holds this format."""
    return _annotations(folder) is not None


def read(folder: Path, wanted: Wanted) -> Views:
    """The wanted frames of the wanted subjects; no other subject's files are opened.

    Raises:
        InputError: a file is missing or wrong, an image's frame is not annotated, or the cameras do not fit.
    """
    place = _annotations(folder) or folder / PLACES[0]
    for subject in wanted.subjects:
        _check_files(place, subject, wanted)
    return [view for subject in wanted.subjects for view in _read_subject(folder, place, subject, wanted.every)]


def _annotations(folder: Path) -> Optional[Path]:
    places = [folder / name for name in PLACES]
    return next((place for place in places if any(place.glob("Human36M_subject*_*.json"))), None)


def _path(place: Path, subject: int, kind: str) -> Path:
    return place / f"Human36M_subject{subject}_{kind}.json"


def _check_files(place: Path, subject: int, wanted: Wanted) -> None:
    for path in (_path(place, subject, kind) for kind in KINDS):
        if not path.is_file():
            raise InputError(
                f"{path}: there is no such file, and {wanted.reason(subject)}. Put the subject's three files "
                f"({', '.join(KINDS)}) there."
            )


def _read_subject(folder: Path, place: Path, subject: int, every: int) -> Views:
    data, camera, joint_3d = (_path(place, subject, kind) for kind in KINDS)
    names, table = _read_images(data, every)
    image_paths.below(data, folder / "images", names)
    clips = _read_clips(joint_3d, names, table)
    entries = _read_cameras(camera, {camera_id for _, _, camera_id in clips})
    with np.errstate(invalid="ignore", over="ignore"):  # joints that are not finite are refused later, with their image
        cameras = _choose(camera, entries, clips)
        return [_view(folder, subject, key, clip, cameras[key[2]]) for key, clip in clips.items()]


def _view(folder: Path, subject: int, key: Key, clip: _Clip, camera: Camera) -> View:
    images = [folder / "images" / name for name in clip.names]
    return View(subject, *key, camera, clip.frames, camera.from_world(clip.world), images)


def _read_images(path: Path, every: int) -> Tuple[List[str], Array]:
    """The names of the wanted images and their numbers (N, 6), in COLUMNS' order."""
    content = read_json(path)
    records = content.get("images") if isinstance(content, dict) else None
    if not isinstance(records, list):
        raise InputError(f"{path}: has no list `images`, so it is not in 3DMPPE's format. {REMEDY}")
    try:
        chosen = [record for record in records if record["frame_idx"] % every == 0]
    except (KeyError, TypeError, ValueError) as error:
        raise _bad_image(path, records) from error
    if not all(map(_is_image, chosen)):
        raise _bad_image(path, chosen)
    names = [record["file_name"] for record in chosen]
    table = np.array([[record[column] for column in COLUMNS] for record in chosen], int).reshape(-1, len(COLUMNS))
    if not np.isin(table[:, 0], list(ACTION_IDS)).all():
        raise InputError(f"{path}: has an image whose `action_idx` is not one of 2 to 16. {REMEDY}")
    return names, table


def _bad_image(path: Path, records: Sequence[Any]) -> InputError:
    bad = next((record for record in records if not _is_image(record)), None)
    shown = {name: bad.get(name) for name in ("file_name", *COLUMNS)} if isinstance(bad, dict) else bad
    return InputError(
        f"{path}: an image must have a `file_name` and, as whole numbers, {', '.join(COLUMNS)}, unlike {shown}. "
        f"{REMEDY}"
    )


def _is_image(record: Any) -> bool:
    return (
        isinstance(record, dict) and is_file_name(record.get("file_name"))
        and all(type(record.get(column)) is int and abs(record[column]) < EXACT for column in COLUMNS)
    )


def _read_clips(path: Path, names: List[str], table: Array) -> Dict[Key, _Clip]:
    content = read_json(path)
    order = np.lexsort(table[:, 3::-1].T)  # by action, sub-action, camera, frame
    keys, starts = np.unique(table[order, :3], axis=0, return_index=True)
    clips = {}
    for key, rows in zip(keys.tolist(), np.split(order, starts[1:])):
        of_clip = [names[row] for row in rows]
        world = _joints(path, content, key, table[rows, 3].tolist(), of_clip)
        clips[tuple(key)] = _Clip(of_clip, table[rows, 3], table[rows, 4:], world)
    return clips


def _joints(path: Path, content: Any, key: Sequence[int], frames: List[int], names: List[str]) -> Array:
    """The joints of these frames of one clip, (N, 17, 3), world mm."""
    action, subaction, _ = key
    clip = content.get(str(action), {}) if isinstance(content, dict) else None
    entries = clip.get(str(subaction), {}) if isinstance(clip, dict) else None
    if not isinstance(entries, dict):
        raise InputError(f"{path}: is not organised by action, sub-action and frame, as in 3DMPPE's format. {REMEDY}")
    for frame, name in zip(frames, names):
        if str(frame) not in entries:
            raise InputError(
                f"{path}: has no entry for frame {frame} of action {action}, sub-action {subaction}, which the image "
                f"{name} shows. {REMEDY}"
            )
    try:
        joints = np.array([entries[str(frame)] for frame in frames], float)
    except (TypeError, ValueError, OverflowError):
        joints = np.empty(0)
    if joints.shape != (len(frames), JOINTS, 3):
        raise InputError(
            f"{path}: a frame of action {action}, sub-action {subaction} has not {JOINTS} joints of 3 numbers. {REMEDY}"
        )
    return joints


def _read_cameras(path: Path, needed: Iterable[int]) -> Entries:
    content = read_json(path)
    cameras: Entries = {}
    for camera_id in sorted(needed):
        try:
            entry = content[str(camera_id)]
            numbers = {name: np.array(entry[name], float).reshape(shape) for name, shape in SHAPES.items()}
            if not (all(np.isfinite(array).all() for array in numbers.values()) and (numbers["f"] > 0).all()):
                raise ValueError("numbers that are not finite, or no focal length")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"{path}: camera {camera_id} must have R (3 x 3 finite numbers), t (3), f (2, above 0) and c (2). "
                f"{REMEDY}"
            ) from error
        cameras[camera_id] = numbers
    return cameras


def _choose(path: Path, entries: Entries, clips: Dict[Key, _Clip]) -> Cameras:
    """The cameras of the generation of `t` that sees the pelvis inside the image in nearly all frames."""
    as_place = {i: _camera(entry, entry["t"]) for i, entry in entries.items()}
    as_translation = {i: _camera(entry, -entry["R"].T @ entry["t"]) for i, entry in entries.items()}
    shares = [_share_seen(cameras, clips) for cameras in (as_place, as_translation)]
    fitting = [share >= NEARLY_ALL for share in shares]
    if clips and sum(fitting) != 1:
        raise InputError(
            f"{path}: its cameras see the subject's pelvis inside the image in {shares[0]:.0%} of the frames if `t` is "
            f"the camera's place, and in {shares[1]:.0%} if it is a translation; one of the two should be nearly all. "
            f"The file is of the wrong generation, damaged, or does not go with the joint file beside it. {REMEDY}"
        )
    return as_place if fitting[0] else as_translation


def _camera(entry: Dict[str, Array], position: Array) -> Camera:
    (fx, fy), (cx, cy) = entry["f"].tolist(), entry["c"].tolist()
    return Camera(entry["R"], position, (fx, fy), (cx, cy))


def _share_seen(cameras: Cameras, clips: Dict[Key, _Clip]) -> float:
    """The share of the images that have the pelvis in front of the camera and inside the image."""
    seen = [_sees(cameras[camera_id], clip) for (_, _, camera_id), clip in clips.items()]
    return float(np.concatenate(seen).mean()) if seen else 0.0


def _sees(camera: Camera, clip: _Clip) -> Array:
    pelvis = camera.from_world(clip.world[:, 0])
    in_front = pelvis[:, 2] > 0
    pixels = camera.project(np.where(in_front[:, None], pelvis, 1.0))
    return in_front & ((pixels >= -0.5) & (pixels <= clip.size - 0.5)).all(axis=1)
