"""The same frames of made-up people, written in the three formats of Human3.6M."""
from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Dict, List, NamedTuple, Sequence, Tuple

import h5py
import numpy as np

from integral_pose.geometry import Array

Clip = Tuple[int, int, int]  # subject, action, sub-action
Clips = Dict[Clip, Sequence[int]]  # and the clip's frames, 0-based

NUMBERS = ("54138969", "55011271", "58860488", "60457274")
PLACES = ((1841.0, 4955.0, 1563.0), (-1900.0, 4600.0, 1500.0), (1700.0, -4800.0, 1600.0), (-2100.0, -4400.0, 1450.0))
SIZES = ((1000, 1002), (1000, 1000), (1000, 1000), (1000, 1002))
BENT = ((-0.207, 0.248, -0.003), (-0.0014, -0.0010))
STRAIGHT = ((0.0, 0.0, 0.0), (0.0, 0.0))
OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)

TRAINING = (0, 3, 5, 10, 64)  # of these the first, third and fourth are each fifth
TESTING = (0, 5, 64, 128, 130)
# Clips under Human3.6M's own file names; the numbered one is not always the first.
FILE_NAMES = {
    (1, 12, 1): "TakingPhoto_1", (1, 12, 2): "TakingPhoto", (1, 15, 1): "WalkingDog_1",
    (5, 10, 1): "SittingDown", (5, 10, 2): "SittingDown_1",
    (6, 4, 2): "Eating_2", (6, 4, 1): "Eating_1",
    (7, 14, 1): "Walking_1", (8, 16, 2): "WalkTogether_2",
    (9, 3, 1): "Discussion_1", (9, 3, 2): "Discussion_2",
    (11, 2, 1): "Directions_1", (11, 2, 2): "Directions", (11, 6, 1): "Phoning_3", (11, 6, 2): "Phoning_2",
}
EVERYTHING: Clips = {clip: TRAINING if clip[0] < 9 else sorted({*TRAINING, *TESTING}) for clip in FILE_NAMES}
NAMES = {
    2: "Directions", 3: "Discussion", 4: "Eating", 6: "Phoning", 10: "SittingDown", 12: "Photo", 14: "Walking",
    15: "WalkDog", 16: "WalkTogether",
}


class Lens(NamedTuple):
    """One camera of one subject."""

    rotation: Array  # world to camera
    place: Array  # mm
    focal: Array
    centre: Array


def lens(subject: int, camera: int) -> Lens:
    """A camera (1 to 4) in a corner of the room, upright, looking at its middle."""
    place = np.array(PLACES[camera - 1]) + subject
    away = np.array([0, 0, 1000.0]) - place
    away /= np.linalg.norm(away)
    right = np.cross(away, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(away, right), away])
    return Lens(rotation, place, np.array([1145.0, 1143.0]) + camera, np.array([512.5, 515.5]) - camera)


def world(clip: Clip, frames: Sequence[int]) -> Array:
    """Joints (N, 17, 3) in mm, which depend on the clip and the frame only."""
    rngs = [np.random.default_rng([*clip, frame]) for frame in frames]
    pelvis = np.array([rng.uniform(-700, 700, 3) * (1, 1, 0.1) + (0, 0, 900) for rng in rngs])
    around = np.array([rng.uniform(-600, 600, (17, 3)) for rng in rngs])
    around[:, 0] = 0
    return pelvis[:, None] + around


def seen(clip: Clip, camera: int, frames: Sequence[int]) -> Array:
    """Joints (N, 17, 3) in mm of the camera's own space."""
    rotation, place, *_ = lens(clip[0], camera)
    return (world(clip, frames) - place) @ rotation.T


def project(points: Array, camera: Lens, bends: Tuple[Sequence[float], Sequence[float]] = STRAIGHT) -> Array:
    """Human3.6M's own lens: px of camera mm."""
    k, (p1, p2) = bends
    x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    r2 = x**2 + y**2
    stretch = 1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3 + p1 * y + p2 * x
    return np.stack([x * stretch + p2 * r2, y * stretch + p1 * r2], axis=-1) * camera.focal + camera.centre


def write_json(folder: Path, clips: Clips, translation: bool = False, place: str = "annotations") -> Path:
    """3DMPPE's files; with `translation`, those of the later generation."""
    (folder / place).mkdir(parents=True)
    for subject in sorted({clip[0] for clip in clips}):
        own = {clip: frames for clip, frames in clips.items() if clip[0] == subject}
        stem = f"{folder / place}/Human36M_subject{subject}_"
        Path(stem + "data.json").write_text(json.dumps({"images": _images(own), "annotations": []}))
        Path(stem + "joint_3d.json").write_text(json.dumps(_joints(own)))
        cameras = {str(camera): _camera(lens(subject, camera), translation) for camera in (1, 2, 3, 4)}
        Path(stem + "camera.json").write_text(json.dumps(cameras))
    return folder


def json_name(clip: Clip, camera: int, frame: int) -> str:
    view = "s_{:02d}_act_{:02d}_subact_{:02d}_ca_{:02d}".format(*clip, camera)
    return f"images/{view}/{view}_{frame + 1:06d}.jpg"


def _images(clips: Clips) -> List[Dict[str, object]]:
    records = [
        {
            "file_name": json_name(clip, camera, frame)[len("images/"):], "width": SIZES[camera - 1][0],
            "height": SIZES[camera - 1][1], "subject": clip[0], "action_name": "any", "action_idx": clip[1],
            "subaction_idx": clip[2], "cam_idx": camera, "frame_idx": int(frame),
        }
        for clip, frames in clips.items() for camera in (1, 2, 3, 4) for frame in frames
    ]
    return [{"id": i, **records[i]} for i in shuffled(len(records)).tolist()]


def shuffled(count: int) -> Array:
    """An order of rows that no reader could rely on."""
    return np.random.default_rng(7).permutation(count)


def _joints(clips: Clips) -> Dict[str, Dict[str, Dict[str, object]]]:
    tree: Dict[str, Dict[str, Dict[str, object]]] = {}
    for clip, frames in clips.items():
        entries = dict(zip(map(str, frames), world(clip, frames).tolist()))
        tree.setdefault(str(clip[1]), {})[str(clip[2])] = entries
    return tree


def _camera(camera: Lens, translation: bool) -> Dict[str, object]:
    rotation, place, focal, centre = camera
    t = -rotation @ place if translation else place
    return {"R": rotation.tolist(), "t": t.tolist(), "f": focal.tolist(), "c": centre.tolist()}


def write_npz(
    folder: Path, clips: Clips, rate: str = "fps50", bends: Tuple[Sequence[float], Sequence[float]] = STRAIGHT
) -> Path:
    """mmpose's files."""
    place = folder / "annotation_body3d" / rate
    place.mkdir(parents=True)
    for name, subjects in (("h36m_train.npz", (1, 5, 6, 7, 8)), ("h36m_test.npz", (9, 11))):
        views = [(clip, camera) for clip in clips for camera in (1, 2, 3, 4) if clip[0] in subjects]
        points = [seen(clip, camera, clips[clip]) for clip, camera in views]
        part = [project(p, lens(clip[0], camera), bends) for p, (clip, camera) in zip(points, views)]
        names = [npz_name(*view, frame)[len("images/"):] for view in views for frame in clips[view[0]]]
        if names:
            joints = np.concatenate(points) / 1000
            joints = np.concatenate([joints, np.ones((*joints.shape[:2], 1))], axis=2)
            rows = shuffled(len(names))
            np.savez(place / name, imgname=np.array(names)[rows], S=joints[rows], part=np.concatenate(part)[rows])
    with open(folder / "annotation_body3d" / "cameras.pkl", "wb") as file:
        pickle.dump(npz_cameras(bends), file)
    return folder


def npz_cameras(bends: Tuple[Sequence[float], Sequence[float]]) -> Dict[Tuple[str, str], Dict[str, object]]:
    cameras: Dict[Tuple[str, str], Dict[str, object]] = {}
    for subject in (1, 5, 6, 7, 8, 9, 11):
        for camera, number in enumerate(NUMBERS, start=1):
            rotation, place, focal, centre = lens(subject, camera)
            k, p = (np.array(values)[:, None] for values in bends)
            cameras[f"S{subject}", number] = {
                "R": rotation.T, "T": place[:, None] / 1000, "f": focal[:, None], "c": centre[:, None], "k": k, "p": p,
                "w": SIZES[camera - 1][0], "h": SIZES[camera - 1][1], "name": f"camera{camera}", "id": number,
            }
    return cameras


def npz_name(clip: Clip, camera: int, frame: int) -> str:
    view = f"S{clip[0]}_{FILE_NAMES[clip]}.{NUMBERS[camera - 1]}"
    return f"images/S{clip[0]}/{view}/{view}_{frame + 1:06d}.jpg"


def write_h5(folder: Path, clips: Clips) -> Path:
    """h36m-fetch's files."""
    for clip, frames in clips.items():
        path = folder / h5_folder(clip) / "annot.h5"
        path.parent.mkdir(parents=True)
        own = np.concatenate([seen(clip, camera, frames) for camera in (1, 2, 3, 4)])
        poses = np.random.default_rng(3).normal(0, 1e4, (len(own), 32, 3))
        rows = shuffled(len(own))
        with h5py.File(path, "w") as file:
            file["pose/3d-univ"], file["pose/2d"] = poses, poses[..., :2]
            poses[:, OF_32] = own
            file["pose/3d"], file["frame"] = poses[rows], np.tile(np.array(frames) + 1, 4)[rows]
            file["camera"] = np.repeat([int(number) for number in NUMBERS], len(frames))[rows]
            for name, value in zip(("subject", "action", "subaction"), clip):
                file[name] = np.full(len(own), value)
            for camera, number in enumerate(NUMBERS, start=1):
                _, _, (fx, fy), (cx, cy) = lens(clip[0], camera)
                file[f"intrinsics/{number}"] = np.array([fx, cx, fy, cy])
    return folder


def h5_folder(clip: Clip) -> str:
    return f"processed/S{clip[0]}/{FILE_NAMES[clip].split('_')[0]}-{clip[2]}"


def h5_name(clip: Clip, camera: int, frame: int) -> str:
    return f"{h5_folder(clip)}/imageSequence/{NUMBERS[camera - 1]}/img_{frame + 1:06d}.jpg"
