"""Synthetic people written to disk as the real MPII is, in the layout that SimpleBaseline and HRNet users have.

    FOLDER/images/*.jpg
    FOLDER/annot/train.json, valid.json   [{image, center, scale, joints (16, 2), joints_vis (16)}]
    FOLDER/annot/gt_valid.mat             dataset_joints, jnt_missing, pos_gt_src, headboxes_src

Coordinates in the files are 1-based; centre and scale are raw: readers add 15 x scale to the centre's y and look at
a square of side 1.25 x 200 x scale. A joint outside the picture is (-1, -1) and not annotated.
"""
from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import cv2
import numpy as np
import scipy.io

from integral_pose.geometry import Array, Camera
from integral_pose.skeletons import MPII
from integral_pose.synthetic import folder as folders
from integral_pose.synthetic.drawing.renderer import render
from integral_pose.synthetic.folder import CORES, Recipe, save_picture
from integral_pose.synthetic.motion.shot import Shot, draw_shot
from integral_pose.synthetic.versions import CLOTHES, SUITS, TAKEN

VERSIONS = {2: SUITS, 3: CLOTHES}  # of the pictures: a new number whenever the same seed gives other ones
VERSION = TAKEN["mpii"]
ANNOTATIONS, PICTURES, UNIT = "annot", ("images",), "image"
Record = Dict[str, Any]  # of train.json or valid.json
_SPLITS = ("train", "valid")
_MAT_NAMES = ("rank", "rkne", "rhip", "lhip", "lkne", "lank", "pelv", "thor", "neck", "head", "rwri", "relb", "rsho",
              "lsho", "lelb", "lwri")


@dataclass(frozen=True)
class Job:
    """One picture to make; the same job always gives the same files."""

    folder: str
    split: str
    index: int
    seed: int
    version: int = VERSION

    @property
    def image(self) -> str:
        return f"{self.split}_{self.index:06d}.jpg"

    def generators(self) -> Tuple[np.random.Generator, np.random.Generator]:
        """One for the person and the camera, one for everything around them."""
        sequence = np.random.SeedSequence((self.seed, _SPLITS.index(self.split), self.index))
        person, scene = sequence.spawn(2)
        return np.random.default_rng(person), np.random.default_rng(scene)

    def shot(self) -> Shot:
        """The person of this picture and the camera that sees it."""
        return draw_shot(self.generators()[0], cast=VERSIONS[self.version].cast)

    def picture(self, shot: Shot) -> Array:
        """The shot (height, width, 3) uint8 BGR, with what is around the person."""
        return render(shot.people, shot.camera, shot.size, self.generators()[1], VERSIONS[self.version].setting)


def annotation(job: Job, shot: Shot) -> Tuple[Record, Array]:
    """The record of train.json or valid.json, and the head box (2, 2): two corners, px, 1-based."""
    person, camera = shot.people[0], shot.camera
    joints = camera.project(camera.from_world(person.pick(MPII.joints)))
    inside = ((joints > -0.5) & (joints < np.array(shot.size) - 0.5)).all(axis=1)
    head = _extent(camera, person.head)
    body = _extent(camera, person.outline)
    scale = _scale(head, body)
    record = {
        "image": job.image,
        "center": (body.mean(axis=0) - np.array([0, 15 * scale]) + 1).tolist(),
        "scale": scale,
        "joints": np.where(inside[:, None], joints + 1, -1.0).tolist(),
        "joints_vis": inside.astype(int).tolist(),
    }
    return record, head + 1


def _extent(camera: Camera, points: Array) -> Array:
    """Two corners (2, 2), px, of what world points (M, 3) take up in the picture."""
    pixels = camera.project(camera.from_world(points))
    return np.stack([pixels.min(axis=0), pixels.max(axis=0)])


def _scale(head: Array, body: Array) -> float:
    """The real MPII's scale is 1/25 of the head size, 0.6 x the head box's diagonal, in all of its valid.h5.

    Here it grows where the reader's square would then cut off a spread limb.
    """
    head_size = 0.6 * float(np.linalg.norm(head[1] - head[0]))
    return max(head_size / 25, 1.08 * float((body[1] - body[0]).max()) / 250)


def make_one(job: Job) -> Tuple[Record, List[List[float]]]:
    """Write a job's image unless it is there already; returns its annotation: a record and a head box."""
    cv2.setNumThreads(1)
    shot = job.shot()
    path = Path(job.folder) / "images" / job.image
    if not path.exists():
        save_picture(path, job.picture(shot))
    record, head = annotation(job, shot)
    return record, head.tolist()


def make(folder: Path, train: int, valid: int, seed: int, workers: int = CORES, version: int = VERSION) -> Path:
    """Make `train` and `valid` pictures of one person each in `folder`, unless it is there; returns `folder`.

    Pictures depend on the seed, the split and their index alone. A killed call is resumed.

    Raises:
        InputError: `folder` exists but holds something else, or cannot be made; or a worker died.
    """
    recipe = {"version": version, "train": train, "valid": valid, "seed": seed}
    return folders.make(folder, __name__, recipe, workers)


def jobs_of(part: Path, recipe: Recipe) -> List[Job]:
    """All pictures that a recipe asks for, in order."""
    common = recipe["seed"], recipe["version"]
    return [Job(str(part), split, index, *common) for split in _SPLITS for index in range(recipe[split])]


def annotate(folder: Path, jobs: Sequence[Job], made: List[Any]) -> None:
    """Write train.json, valid.json and gt_valid.mat from what `make_one` returned for each job."""
    for split in _SPLITS:
        records = [record for job, (record, _) in zip(jobs, made) if job.split == split]
        (folder / ANNOTATIONS / f"{split}.json").write_text(json.dumps(records))
    _save_truth(folder / ANNOTATIONS / "gt_valid.mat", [one for job, one in zip(jobs, made) if job.split == "valid"])


def _save_truth(path: Path, made: List[Tuple[Record, List[List[float]]]]) -> None:
    """gt_valid.mat, as the scorers of SimpleBaseline and HRNet read it."""
    joints = np.array([record["joints"] for record, _ in made]).reshape(-1, 16, 2)
    annotated = np.array([record["joints_vis"] for record, _ in made]).reshape(-1, 16)
    names = np.empty((1, len(_MAT_NAMES)), object)
    names[0] = _MAT_NAMES
    scipy.io.savemat(str(path), {
        "dataset_joints": names,
        "jnt_missing": (1 - annotated.T).astype(np.uint8),
        "pos_gt_src": joints.transpose(1, 2, 0),
        "headboxes_src": np.array([head for _, head in made]).reshape(-1, 2, 2).transpose(1, 2, 0),
    })
