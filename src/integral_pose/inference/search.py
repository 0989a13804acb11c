"""Finds the box of an image's person with the pose network itself, if no boxes are given.

The network looks at the whole picture and predicts joints; those it is surest of give a box, in which it looks again,
and once more. It was trained on one person in the middle of each picture, so it finds one, and always one: how sure it
is overlaps too much between right boxes and wrong ones to tell them apart (docs/photos.md).
"""
from __future__ import annotations

import numpy as np

from integral_pose.geometry import Array
from integral_pose.inference.boxes import Boxes, whole
from integral_pose.inference.estimator import Estimator, Person
from integral_pose.inference.media import Picture

ROUNDS = 2  # of boxing what was predicted
KEPT = 0.7  # of the joints, the surest, which give the box
PAD = 0.05  # of the longer side, on each side: people reach beyond their joints
LEAST = 4.0  # px: no box is smaller


class Search:
    """Gives each picture the box of one person."""

    def __init__(self, estimator: Estimator) -> None:
        """The estimator is asked for the whole of each picture first."""
        self._estimator = estimator

    def __call__(self, picture: Picture) -> Boxes:
        boxes = whole(picture.pixels)
        for _ in range(ROUNDS):
            person = next(self._estimator.seen([(picture, boxes)])).people[0]
            boxes = Boxes(around(person, picture.pixels.shape[1], picture.pixels.shape[0])[None], np.ones(1))
        return boxes


def around(person: Person, width: int, height: int) -> Array:
    """The box around the joints that are surest, (4,): x, y, width and height, within a picture of that size."""
    count = max(1, round(KEPT * len(person.joints)))
    surest = person.joints[np.argsort(-person.confidence, kind="stable")[:count]] + 0.5  # from the picture's edge
    near, far = surest.min(axis=0), surest.max(axis=0)
    pad = max(PAD * float((far - near).max()), LEAST / 2)
    size = np.array([width, height], float)
    least = np.minimum(LEAST, size)
    near = np.clip(near - pad, 0, size - least)
    far = np.clip(far + pad, near + least, size)
    return np.concatenate([near, far - near])
