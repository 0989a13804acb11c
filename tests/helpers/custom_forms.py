"""Dogs as custom data, in the smallest form that trains."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import cv2
import numpy as np

NAMES = ["snout", "Left Ear", "Right Ear", "tail", "paw_l", "paw_r", "collar tag"]
JOINTS = ("snout", "l_ear", "r_ear", "tail", "l_paw", "r_paw", "collar_tag")
EDGES = [[1, 2], [1, 3], [2, 3], [1, 4], [4, 5], [6, 4]]  # the third closes a circle; the last joint has none
PATHS = ("snout-l_ear", "snout-r_ear", "snout-tail", "tail-l_paw", "tail-r_paw", "collar_tag")
IMAGES = 12


def annotations() -> Dict[str, Any]:
    """Dogs in 12 pictures of 100 x 80 px: two in the first, one in each of the others; and a cat without joints."""
    rng = np.random.default_rng(0)
    images = [{"id": 10 + i, "file_name": f"{i}.jpg", "width": 100, "height": 80} for i in range(IMAGES)]
    people = []
    for number, image in enumerate([10, *range(10, 10 + IMAGES)]):
        points = np.column_stack([rng.uniform([20, 10], [80, 70], (7, 2)), [2, 1, 2, 2, 0, 2, 2]])
        people.append({"id": number + 1, "image_id": image, "category_id": 3, "iscrowd": 0, "bbox": [15, 5, 70, 66],
                       "keypoints": points.ravel().tolist(), "num_keypoints": 6})
    cat = {"id": 99, "image_id": 11, "category_id": 4, "bbox": [0, 0, 9, 9], "iscrowd": 0}
    dog = {"id": 3, "name": "dog", "keypoints": NAMES, "skeleton": EDGES}
    return {"images": images, "annotations": [*people, cat], "categories": [dog, {"id": 4, "name": "cat"}]}


def write_dogs(folder: Path) -> Path:
    """dogs.json and images/ in a folder; returns it."""
    (folder / "images").mkdir()
    rng = np.random.default_rng(1)
    for number in range(IMAGES):
        pixels = cv2.resize(rng.integers(0, 255, (4, 5, 3)).astype(np.uint8), (100, 80))
        cv2.imwrite(str(folder / "images" / f"{number}.jpg"), pixels)
    (folder / "dogs.json").write_text(json.dumps(annotations()))
    return folder


def command(place: Path) -> List[str]:
    return ["--data", str(place / "dogs.json"), "--profile", "smoke", "--backbone", "resnet18", "--patch", "64",
            "--runs", str(place / "runs"), "--cache", str(place / "data"), "--workers", "1"]
