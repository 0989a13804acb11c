"""Annotations as COCO's annotators would make them: keypoints, box, area and outline."""
from __future__ import annotations

from typing import Any, Dict, List, Sequence

import cv2
import numpy as np

from integral_pose.geometry import Array
from integral_pose.synthetic.drawing.renderer import Photo
from integral_pose.synthetic.motion.scene import Person

KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)
JOINTS = tuple(name.replace("left_", "l_").replace("right_", "r_") for name in KEYPOINTS)
LEAST_AREA = 80  # px; whoever shows less, or no joint at all, is not annotated
LEAST_KEYPOINT_AREA = 32**2  # px; whoever shows less has a box and an outline but no keypoints, as in COCO
LEAST_VISIBLE = 4  # joints; the same
_CORNER = 4  # outlines are found on masks so many times as large, so that they run close to the pixels' edges
_SLACK = 0.6  # px by which an outline may leave out corners
_NEARBY = 2  # canvas px around a joint that are looked at
# How deep a joint lies in the body, as a part of a radius; those of the face lie on the skin.
_DEPTHS = {
    "shoulder": ("shoulder", 1.2), "elbow": ("elbow", 1.3), "wrist": ("hand", 1.4), "hip": ("hips", 0.95),
    "knee": ("knee", 1.3), "ankle": ("ankle", 1.5),
}


def mask_of(photo: Photo, indices: Sequence[int]) -> Array:
    """Which pixels (height, width) of the picture show these people, by half at least."""
    owned = np.zeros(photo.owners.shape, np.uint8)
    for index in indices:
        owned[photo.owners == index] = 255
    height, width = photo.picture.shape[:2]
    return np.asarray(cv2.resize(owned, (width, height), interpolation=cv2.INTER_AREA) > 127)


def keypoints_of(photo: Photo, person: Person, index: int) -> Array:
    """The joints (17, 3): x and y in px, 0-based, and COCO's v; all 0 for a joint outside the picture.

    A joint is visible (2) where the picture shows the person's own body and nothing of it is further in front of the
    joint than the body is thick there; else hidden (1).
    """
    camera = photo.canvas.camera
    seen = camera.from_world(person.pick(JOINTS))
    pixels = camera.project(seen)
    height, width = photo.picture.shape[:2]
    inside = ((pixels > -0.5) & (pixels < np.array([width, height]) - 0.5)).all(axis=1) & (seen[:, 2] > 0)
    front = seen[:, 2] - _thickness(person)
    at = np.round(photo.canvas.pixels(seen)).astype(int)
    flags = [1 + _shows(photo, index, place, depth) if ok else 0 for ok, place, depth in zip(inside, at, front)]
    return np.where(inside[:, None], np.column_stack([pixels.round(2), flags]), 0.0)


def _thickness(person: Person) -> Array:
    """How far in front of each joint (17,) the body's own surface may lie, mm."""
    face = 0.15 * person.physique.head
    parts = [_DEPTHS.get(joint[2:]) for joint in JOINTS]
    return np.array([face if part is None else person.physique.radii[part[0]] * part[1] + 10 for part in parts])


def _shows(photo: Photo, index: int, place: Array, depth: float) -> bool:
    """Whether a third of the canvas around a place (2,) shows the person, no nearer than `depth` mm."""
    column, row = place
    rows = slice(max(row - _NEARBY, 0), row + _NEARBY + 1)
    columns = slice(max(column - _NEARBY, 0), column + _NEARBY + 1)
    own = (photo.owners[rows, columns] == index) & (photo.canvas.depths[rows, columns] > depth)
    return bool(own.mean() > 1 / 3)


def annotation(photo: Photo, person: Person, index: int) -> Dict[str, Any]:
    """A person's annotation without ids; None for a person who is hardly visible."""
    mask, keypoints = mask_of(photo, [index]), keypoints_of(photo, person, index)
    visible = int((keypoints[:, 2] == 2).sum())
    outlines = polygons(mask)
    if mask.sum() < LEAST_AREA or not visible or not outlines:
        return {}
    if mask.sum() < LEAST_KEYPOINT_AREA or visible < LEAST_VISIBLE:
        keypoints[:] = 0
    return {
        "segmentation": outlines, **_extent(mask), "iscrowd": 0,
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "keypoints": [int(value) if value == int(value) else value for value in keypoints.ravel().tolist()],
    }


def crowd_annotation(photo: Photo, indices: Sequence[int]) -> Dict[str, Any]:
    """The region of a crowd; None if it is hardly visible."""
    mask = mask_of(photo, indices)
    if mask.sum() < LEAST_AREA:
        return {}
    return {
        "segmentation": {"counts": run_lengths(mask), "size": list(mask.shape)}, **_extent(mask), "iscrowd": 1,
        "num_keypoints": 0, "keypoints": [0] * (3 * len(JOINTS)),
    }


def box_of(mask: Array) -> List[float]:
    """Left, top, width and height, px: from the left edge of the leftmost pixel to the right edge of the rightmost."""
    rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
    left, top = int(columns[0]), int(rows[0])
    return [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]


def _extent(mask: Array) -> Dict[str, Any]:
    return {"bbox": box_of(mask), "area": int(mask.sum())}


def run_lengths(mask: Array) -> List[int]:
    """COCO's uncompressed RLE: lengths of runs down the columns, the first of pixels outside the mask."""
    flat = np.concatenate([[0], mask.ravel(order="F").astype(np.int8)])
    ends = np.concatenate([[0], np.nonzero(np.diff(flat))[0], [mask.size]])
    return [int(length) for length in np.diff(ends)]


def polygons(mask: Array) -> List[List[float]]:
    """The outlines of a mask, x and y in turns, px from the picture's edge; one with a hole is cut in two there."""
    if not mask.any():
        return []
    left, top, width, height = (int(side) for side in box_of(mask))
    part = mask[top : top + height, left : left + width]
    large = cv2.resize(255 * part.astype(np.uint8), None, fx=_CORNER, fy=_CORNER, interpolation=cv2.INTER_LINEAR)
    smooth = (large > 127).astype(np.uint8)
    outlines, tree = cv2.findContours(smooth, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    holes = [outline for outline, (_, _, _, parent) in zip(outlines, tree[0]) if parent >= 0]
    if holes:
        cut = left + int(max(holes, key=cv2.contourArea)[:, 0, 0].mean()) // _CORNER
        before = np.arange(mask.shape[1]) < cut
        return polygons(mask & before) + polygons(mask & ~before)
    thinned = [cv2.approxPolyDP(outline, _SLACK * _CORNER, True)[:, 0] for outline in outlines]
    corner = np.array([left, top])
    return [((line + 0.5) / _CORNER + corner).round(1).ravel().tolist() for line in thinned if len(line) > 2]
