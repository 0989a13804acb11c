"""COCO's keypoint results: a list of poses, which COCO's own tools and `evaluate coco` read."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from integral_pose.inference.detector import image_id
from integral_pose.inference.output import people_of
from integral_pose.metrics import oks
from integral_pose.skeletons import COCO


def write(path: Path, place: Path, least: float = oks.LEAST) -> None:
    """Writes the people of a joints.json with COCO's joints, one after the other.

    `image_id` is COCO's number or the image's name or, of a video, the frame's number. `score` is the box's, times the
    mean confidence of the joints above `least`, as in SimpleBaseline and HRNet, and in this program's own evaluation.
    """
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number, record in enumerate(people_of(place)):
            file.write((",\n" if number else "") + json.dumps(result(record, least)))
        file.write("]\n")


def result(record: Dict[str, Any], least: float) -> Dict[str, Any]:
    """A person of joints.json in COCO's format."""
    values = [record["joints"][name] for name in COCO.joints]
    confidence = np.array([[value["confidence"] for value in values]])
    keypoints: List[float] = [number for value in values for number in (value["x"], value["y"], value["confidence"])]
    score = float(oks.rescored(np.array([record["score"]]), confidence, least)[0])
    image = record["frame"] if "frame" in record else image_id(Path(record["image"]))
    identity = {"track_id": record["person"]} if "frame" in record else {}
    return {"image_id": image, "category_id": 1, "keypoints": keypoints, "score": round(score, 6), **identity}
