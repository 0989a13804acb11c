"""OpenCV's own detector of people, which comes with it: no download. It finds those who stand upright and whole.

Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
"""
from __future__ import annotations

from typing import Any, Dict, List, Tuple

import cv2
import numpy as np

from integral_pose.geometry import Array, intersection, overlap

LONGEST = 800  # px of the longer side of what is looked at; the window is 64 x 128 px, so people must be as tall
STRIDE, PADDING, SCALE = (8, 8), (16, 16), 1.05
INSIDE = (0.1, 0.07, 0.8, 0.8)  # of a window, where the person is: left, top, width, height, as in OpenCV's example
SHARED = 0.45  # of the smaller of two boxes from which on they are of the same person
AGREED, ALIKE = 2, 0.4  # windows that show somebody, and their intersection over union with the best of them
LEAST = 0.6  # score of a box: of those between it and 0.5 nearly all show nobody


def people(image: Array) -> Tuple[Array, Array]:
    """The people in an image (h, w, 3), BGR uint8, by falling score.

    Returns:
        boxes (N, 4), x, y, width and height, px from the top left edge and inside the image; and scores (N,), 0.6 to 1:
        0.5 is where the detector's own support vector machine decides.
    """
    height, width = image.shape[:2]
    scale = LONGEST / max(height, width)
    shown = cv2.resize(image, (max(64, round(width * scale)), max(128, round(height * scale))))
    windows, margins = _detector().detectMultiScale(shown, winStride=STRIDE, padding=PADDING, scale=SCALE,
                                                    groupThreshold=0)
    if not len(windows):
        return np.empty((0, 4)), np.empty(0)
    windows = np.asarray(windows, float) / np.tile([shown.shape[1] / width, shown.shape[0] / height], 2)
    near = windows[:, :2] + windows[:, 2:] * INSIDE[:2]
    far = np.clip(near + windows[:, 2:] * INSIDE[2:], 0, (width, height))
    near = np.clip(near, 0, (width, height))
    boxes, scores = np.hstack([near, far - near]), 1 / (1 + np.exp(-np.ravel(margins).astype(float)))
    order = np.argsort(-scores, kind="stable")
    order = order[(boxes[order, 2:] >= 1).all(axis=1)]
    kept = _agreed(boxes[order])
    sure = order[kept][scores[order[kept]] >= LEAST]
    return boxes[sure], scores[sure]


def _agreed(boxes: Array) -> List[int]:
    """Of boxes (N, 4) by falling score, the numbers of the best of each person on whom several agree."""
    votes: Dict[int, int] = {}
    for number, box in enumerate(boxes):
        of = next((other for other in votes if _shared(box, boxes[other]) >= SHARED), None)
        if of is None:
            votes[number] = 1
        else:
            votes[of] += overlap(box, boxes[of]) >= ALIKE
    return [number for number, count in votes.items() if count >= AGREED]


def _detector() -> Any:
    found = cv2.HOGDescriptor()
    found.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())
    return found


def _shared(one: Array, other: Array) -> float:
    """How much of the smaller of two boxes (4,) is in the other, 0 to 1."""
    return intersection(one, other) / float(min(np.prod(one[2:]), np.prod(other[2:])))
