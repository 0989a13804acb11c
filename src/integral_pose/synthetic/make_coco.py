"""Synthetic people written to disk as the real COCO is: several in a picture, and a detector's boxes of them.

    FOLDER/train2017/000000000139.jpg, FOLDER/val2017/*.jpg
    FOLDER/annotations/person_keypoints_train2017.json, person_keypoints_val2017.json
    FOLDER/person_detection_results/COCO_val2017_detections_AP_H_56_person.json   [{bbox, category_id, image_id, score}]

Keypoints are px, 0-based, and one outside the picture is (0, 0, 0). Boxes are (left, top, width, height) between the
outer edges of pixels. Boxes, areas and outlines are those of what can be seen of a person. Who shows less than
`LEAST_AREA` px or no joint is not annotated; who shows less than `LEAST_KEYPOINT_AREA` px or `LEAST_VISIBLE` joints has
no keypoints; a crowd is one region without any.
"""
from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence

import cv2
import numpy as np

from integral_pose.synthetic import folder as folders
from integral_pose.synthetic.coco_labels import KEYPOINTS, annotation, box_of, crowd_annotation, keypoints_of, mask_of
from integral_pose.synthetic.detections import Seen, detect
from integral_pose.synthetic.drawing.renderer import Photo, photograph
from integral_pose.synthetic.folder import CORES, Recipe, save_picture, save_whole
from integral_pose.synthetic.motion.crowd import Gathering, draw_gathering
from integral_pose.synthetic.versions import CLOTHES, SUITS, TAKEN

VERSIONS = {1: SUITS, 3: CLOTHES}  # of the pictures: a new number whenever the same seed gives other ones
VERSION = TAKEN["coco"]
ANNOTATIONS, PICTURES, UNIT = "annotations", ("train2017", "val2017"), "image"
DETECTIONS = "person_detection_results/COCO_val2017_detections_AP_H_56_person.json"
Record = Dict[str, Any]
_SPLITS = ("train", "val")
_NOTES = ".made"  # what is known of finished pictures, while others are being made
_FIRST_ID, _ID_STEP = 139, 7  # images of COCO are not numbered one by one either
_PEOPLE = 100  # annotations of an image that there are numbers for
_CLEAR = 12  # visible joints of one whom nothing hides
_SKELETON = (
    (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11),
    (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
)


@dataclass(frozen=True)
class Job:
    """One picture to make; the same job always gives the same files."""

    folder: str
    split: str
    index: int
    seed: int
    version: int = VERSION

    @property
    def number(self) -> int:
        """The image's id, unique over both splits."""
        return _FIRST_ID + _ID_STEP * (len(_SPLITS) * self.index + _SPLITS.index(self.split))

    @property
    def picture(self) -> Path:
        return Path(self.folder) / f"{self.split}2017" / f"{self.number:012d}.jpg"

    @property
    def note(self) -> Path:
        return Path(self.folder) / ANNOTATIONS / _NOTES / f"{self.number:012d}.json"

    def generators(self) -> List[np.random.Generator]:
        """One for people and camera, one for everything around them, one for the detector."""
        sequence = np.random.SeedSequence((self.seed, _SPLITS.index(self.split), self.index))
        return [np.random.default_rng(child) for child in sequence.spawn(3)]


def make_one(job: Job) -> Record:
    """Write a job's image; returns its record, its annotations and, for val, its detections.

    What was said of a picture that is there already is read again.
    """
    if job.note.exists():
        noted: Record = json.loads(job.note.read_text())
        return noted
    cv2.setNumThreads(1)
    people, scene, detector = job.generators()
    version = VERSIONS[job.version]
    gathering = draw_gathering(people, version.cast)
    photo = photograph(gathering.everyone, gathering.camera, gathering.size, scene, version.setting)
    said = {"image": _image(job, photo), "annotations": _annotations(job, photo, gathering), "detections": []}
    if job.split == "val":
        boxes = detect(detector, _all_seen(photo, gathering), gathering.size)
        said["detections"] = [{"image_id": job.number, "category_id": 1, **box} for box in boxes]
    save_picture(job.picture, photo.picture)
    job.note.parent.mkdir(exist_ok=True)
    save_whole(job.note, json.dumps(said).encode())
    return said


def _image(job: Job, photo: Photo) -> Record:
    height, width = photo.picture.shape[:2]
    return {"id": job.number, "file_name": job.picture.name, "width": width, "height": height, "license": 1}


def _annotations(job: Job, photo: Photo, gathering: Gathering) -> List[Record]:
    said = [annotation(photo, person, i) for i, person in enumerate(gathering.people)]
    if gathering.crowd:
        said.append(crowd_annotation(photo, range(len(gathering.people), len(gathering.everyone))))
    ids = {"image_id": job.number, "category_id": 1}
    return [{"id": _PEOPLE * job.number + i, **ids, **one} for i, one in enumerate(one for one in said if one)]


def _all_seen(photo: Photo, gathering: Gathering) -> List[Seen]:
    """Everyone who can be seen at all, annotated or not."""
    seen = []
    for i, person in enumerate(gathering.everyone):
        mask = mask_of(photo, [i])
        if mask.any():
            visible = int((keypoints_of(photo, person, i)[:, 2] == 2).sum())
            left, top, width, height = box_of(mask)
            corners = np.array([(left, top), (left + width, top + height)])
            seen.append(Seen(corners, int(mask.sum()), min(visible / _CLEAR, 1.0)))
    return seen


def make(folder: Path, train: int, val: int, seed: int, workers: int = CORES, version: int = VERSION) -> Path:
    """Make `train` and `val` pictures of none to six people each in `folder`, unless it is there; returns `folder`.

    Pictures depend on the seed, the split and their index alone. A killed call is resumed.

    Raises:
        InputError: `folder` exists but holds something else, or cannot be made; or a worker died.
    """
    recipe = {"version": version, "train": train, "val": val, "seed": seed}
    return folders.make(folder, __name__, recipe, workers)


def jobs_of(part: Path, recipe: Recipe) -> List[Job]:
    """All pictures that a recipe asks for, in order."""
    common = recipe["seed"], recipe["version"]
    return [Job(str(part), split, index, *common) for split in _SPLITS for index in range(recipe[split])]


def annotate(folder: Path, jobs: Sequence[Job], made: List[Any]) -> None:
    """Write both splits' annotations, and the detections of val, from what `make_one` returned for each job."""
    for split in _SPLITS:
        mine = [said for job, said in zip(jobs, made) if job.split == split]
        content = {
            "info": {"description": "Synthetic people in COCO's layout", "version": str(jobs[0].version)},
            "licenses": [{"id": 1, "name": "Made by a program", "url": ""}],
            "images": [said["image"] for said in mine],
            "annotations": [one for said in mine for one in said["annotations"]],
            "categories": [_category()],
        }
        (folder / ANNOTATIONS / f"person_keypoints_{split}2017.json").write_text(json.dumps(content))
    path = folder / DETECTIONS
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([box for said in made for box in said["detections"]]))
    shutil.rmtree(folder / ANNOTATIONS / _NOTES, ignore_errors=True)


def _category() -> Record:
    return {"supercategory": "person", "id": 1, "name": "person", "keypoints": KEYPOINTS, "skeleton": _SKELETON}
