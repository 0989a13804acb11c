"""COCO's files in small: people of every kind that its scorer tells apart, and poses that a network might find."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import numpy as np

from integral_pose.geometry import Array

SIDES = {"small": 25.0, "medium": 70.0, "large": 150.0}  # px, of a person's box; COCO's ranges end at 32 and 96
CROWDED = 30  # poses in the first image, of which 20 count
EMPTY = 1  # the image that nobody is in


class Poses(NamedTuple):
    images: Array
    joints: Array
    scores: Array


def person(rng: np.random.Generator, number: int, image: int, side: float, labelled: float = 0.7) -> Dict[str, Any]:
    """One annotation of somebody somewhere in a picture; `labelled` is the share of their joints that are."""
    left, top = rng.uniform(0, 300, 2)
    joints = np.zeros((17, 3))
    joints[:, :2] = rng.uniform((left, top), (left + side, top + side), (17, 2))
    joints[:, 2] = np.where(rng.uniform(size=17) < labelled, rng.integers(1, 3, 17), 0)
    joints[joints[:, 2] == 0] = 0
    return {
        "id": number, "image_id": image, "category_id": 1, "bbox": [left, top, side, side], "area": 0.9 * side**2,
        "iscrowd": 0, "num_keypoints": int((joints[:, 2] > 0).sum()), "keypoints": joints.ravel().tolist(),
    }


def truth(rng: np.random.Generator, images: int = 6) -> Dict[str, Any]:
    """An annotation file: in all images but one a person of every size, one without labelled joints, and a crowd."""
    people: List[Dict[str, Any]] = []
    for image in range(images):
        if image != EMPTY:
            for side in SIDES.values():
                people.append(person(rng, 7 + len(people), 100 + image, side))
            people.append(person(rng, 7 + len(people), 100 + image, 80.0, labelled=0))
            people.append({**person(rng, 7 + len(people), 100 + image, 120.0), "iscrowd": 1})
    pictures = [{"id": 100 + i, "file_name": f"{i:012d}.jpg", "width": 500 + i, "height": 470 - i}
                for i in range(images)]
    return {"images": pictures, "annotations": people, "categories": [{"id": 1, "name": "person"}]}


def found(rng: np.random.Generator, content: Dict[str, Any]) -> Poses:
    """For each person a pose more or less near, for some two; poses of nobody everywhere. No two scores are equal."""
    images, joints = [], []
    for one in content["annotations"]:
        exact = np.reshape(one["keypoints"], (17, 3))[:, :2]
        exact = np.where(exact == 0, rng.uniform(0, 1, (17, 2)) * one["bbox"][2:] + one["bbox"][:2], exact)
        for _ in range(rng.integers(1, 3)):
            images.append(one["image_id"])
            joints.append(exact + rng.normal(0, rng.uniform(0, 0.1) * one["bbox"][2], (17, 2)))
    strangers = [image["id"] for image in content["images"]] + CROWDED * [content["images"][0]["id"]]
    for image in strangers:
        images.append(image)
        joints.append(rng.uniform(0, rng.uniform(20, 300), (17, 2)))
    scores = rng.permutation(len(images)) / len(images)
    return Poses(np.array(images), np.array(joints), scores)


def write(folder: Path, content: Dict[str, Any], part: str = "val") -> Path:
    """The annotation file in COCO's layout, with an empty folder of images; returns the file."""
    path = folder / "annotations" / f"person_keypoints_{part}2017.json"
    for place in (path.parent, folder / f"{part}2017"):
        place.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
