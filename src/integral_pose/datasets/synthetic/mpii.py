"""Synthetic people written to disk as the real MPII is, in the layout that SimpleBaseline and HRNet users have.

    FOLDER/images/*.jpg
    FOLDER/annot/train.json, valid.json   [{image, center, scale, joints (16, 2), joints_vis (16)}]
    FOLDER/annot/gt_valid.mat             dataset_joints, jnt_missing, pos_gt_src, headboxes_src

Coordinates in the files are 1-based; centre and scale are raw: readers add 15 x scale to the centre's y and look at
a square of side 1.25 x 200 x scale. A joint outside the picture is (-1, -1) and not annotated.
"""
from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Dict, Iterator, List, Tuple

import cv2
import numpy as np
import scipy.io
from tqdm import tqdm

from integral_pose.datasets.synthetic.renderer import render
from integral_pose.datasets.synthetic.scene import Shot, draw_shot
from integral_pose.errors import InputError
from integral_pose.files import only_here
from integral_pose.geometry import Array, Camera
from integral_pose.skeletons import MPII

VERSION = 2  # of the pictures: to be raised whenever the same seed gives other ones
QUALITY = 92
CORES = len(os.sched_getaffinity(0))
Made = Tuple[Dict[str, Any], Array]  # a record of the JSON, and a head box
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
        return draw_shot(self.generators()[0])


def annotation(job: Job, shot: Shot) -> Made:
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


def make_one(job: Job) -> Made:
    """Write a job's picture unless it is there already, and say what is annotated on it."""
    cv2.setNumThreads(1)
    shot = job.shot()
    path = Path(job.folder) / "images" / job.image
    if not path.exists():
        picture = render(shot.people, shot.camera, shot.size, job.generators()[1])
        _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
        half = path.with_suffix(".half")
        half.write_bytes(data.tobytes())
        os.replace(half, path)
    return annotation(job, shot)


def make(folder: Path, train: int, valid: int, seed: int, workers: int = CORES) -> Path:
    """Make `train` and `valid` pictures of one person each in `folder`, unless it is there; returns `folder`.

    Pictures depend on the seed, the split and their index alone. The folder appears when it is complete: until then
    all is in a hidden one beside it, where a killed call is taken up again. A lock makes a second caller wait.

    Raises:
        InputError: `folder` exists but holds something else, or cannot be made; or a worker died.
    """
    folder = Path(folder)
    recipe = {"version": VERSION, "train": train, "valid": valid, "seed": seed}
    if folder.exists():
        _refuse_other(folder, recipe)
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be made ({error.strerror}). Name one that can.") from error
    with only_here(folder.with_name(f".{folder.name}.lock")):
        if not folder.exists():
            part = _part_of(folder, recipe)
            _fill(part, workers)
            os.replace(part, folder)
    _refuse_other(folder, recipe)
    return folder


def _refuse_other(folder: Path, recipe: Dict[str, int]) -> None:
    try:
        found = json.loads((folder / "annot" / "recipe.json").read_text())
    except (OSError, ValueError):
        found = None
    if found != recipe:
        raise InputError(
            f"{folder}: this folder holds other data than the synthetic people asked for ({recipe}). "
            "Name another folder, or move this one away."
        )


def _part_of(folder: Path, recipe: Dict[str, int]) -> Path:
    """The hidden folder of an unfinished call with the same recipe, or a fresh one."""
    part = folder.with_name(f".{folder.name}.part")
    note = part / "annot" / "recipe.json"
    if part.exists() and not (note.exists() and note.read_text() == json.dumps(recipe)):
        shutil.rmtree(part)
    for name in ("annot", "images"):
        (part / name).mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(recipe))
    return part


def jobs_of(part: Path) -> List[Job]:
    """All pictures of an unfinished folder, in order, as its recipe asks for them."""
    recipe = json.loads((part / "annot" / "recipe.json").read_text())
    return [Job(str(part), split, index, recipe["seed"]) for split in _SPLITS for index in range(recipe[split])]


def _fill(part: Path, workers: int) -> None:
    jobs = jobs_of(part)
    results = map(make_one, jobs) if workers <= 1 else _share(part, len(jobs), workers)
    made = list(tqdm(results, total=len(jobs), desc="making synthetic people", unit="image"))
    for split in _SPLITS:
        records = [record for job, (record, _) in zip(jobs, made) if job.split == split]
        (part / "annot" / f"{split}.json").write_text(json.dumps(records))
    valid = [result for job, result in zip(jobs, made) if job.split == "valid"]
    _save_truth(part / "annot" / "gt_valid.mat", valid)


def _share(part: Path, count: int, workers: int) -> Iterator[Made]:
    """Results in the order of the jobs, from processes that take every `workers`-th job each.

    They are programs of their own: a fork of a process that runs MXNet may hang, and multiprocessing's other ways
    import the main script once more, which then must be guarded. One whose reader is killed ends at its next line.
    """
    places = [place or os.getcwd() for place in sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
    module = "integral_pose.datasets.synthetic.worker"
    crew = [
        Popen([sys.executable, "-m", module, str(part), str(i), str(workers)], stdout=PIPE, env=environment)
        for i in range(workers)
    ]
    try:
        for i in range(count):
            yield _received(crew[i % workers], part)
    finally:
        for process in crew:
            process.kill()
            process.communicate()


def _received(process: Popen[bytes], part: Path) -> Made:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise InputError(
            f"{part}: a process that makes pictures there ended early, with exit status {process.wait()}. There may "
            "be no space or memory left. Free some and run again: what is made is kept."
        )
    record, head = json.loads(line)
    return record, np.array(head)


def _save_truth(path: Path, made: List[Made]) -> None:
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
