"""Finds the person of an image, if no boxes are given, with two networks for photographs that come with the program.

The network `finder` looks at the whole image and at squares of it. It was trained on people who are small, partly
outside or not there, and a joint that it does not see has an empty map: so the square in which most joints have a high
peak shows the person. The network `people` then looks at the box of these joints, and at the box of what it predicts.

An image has a person if two squares agree that there is one and `people` is sure of the pose; the threshold was chosen
on held-out people (docs/photos.md).
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Callable, List

import mxnet as mx
import numpy as np

from integral_pose.geometry import Array
from integral_pose.inference.boxes import NONE, Boxes, whole
from integral_pose.inference.estimator import Estimator, Person
from integral_pose.inference.media import Picture
from integral_pose.models import saved
from integral_pose.models.saved import Trained

FINDER = "finder"  # the network's name
COUNTED = 10  # joints with the highest peaks, which say whether a square shows somebody
PEAK = 0.15  # of a joint in the first box
FEWEST = 6  # joints in it, even if their peaks are lower
PAD_FOUND = 0.1  # of the box's longer side, on each side: people reach beyond their joints
PADS = 0.05, 0.095  # the same when `people` has looked, once a number; the last box is seen with a smaller margin
KEPT = 13  # of 14 joints, the surest, in the boxes after the first
LEAST = 4.0  # px: no box is smaller
ELONGATED = 1.25  # times as long as wide: such an image is looked at in squares along it
CLOSER = 0.65  # of the shorter side: the squares that are tried everywhere
SURE = 0.372  # a person's score, at least: 95 % of held-out people have it


class Search:
    """Gives each image the box of one person, or none."""

    def __init__(self, finder: Estimator, people: Estimator, least: float = SURE) -> None:
        """Takes the two networks; `least` is the score below which nobody is there."""
        self._finder, self._people, self._least = finder, people, least

    @classmethod
    def shipped(cls, device: mx.Context, least: float = SURE) -> Search:
        """With the networks that come with the program."""
        return cls.of(saved.at(Path(FINDER)), saved.at(Path(saved.DEFAULT)), device, least)

    @classmethod
    def of(cls, finder: Trained, people: Trained, device: mx.Context, least: float = SURE) -> Search:
        """With two networks; `people` looks with the margin it was trained with, for which this search was tuned."""
        trained = people._replace(run=replace(people.run, margin=0.0), int8=False)
        return cls(Estimator(finder, device, 8, 1), Estimator(trained, device, 8, 1), least)

    def __call__(self, picture: Picture) -> Boxes:
        views = _look(self._finder, picture, squares(picture.pixels))
        peaks = [_shown(person) for person in views]
        box = around(views[int(np.argmax(peaks))], picture.pixels, _with_peaks, PAD_FOUND)
        for pad in PADS:
            person = _look(self._people, picture, box[None])[0]
            box = around(person, picture.pixels, _surest, pad)
        score = float(np.sqrt(np.sort(peaks)[-2] * person.confidence.mean()))
        return Boxes(box[None], np.array([score])) if score >= self._least else NONE


def squares(pixels: Array) -> Array:
    """What the finder looks at, (N, 4): x, y, width and height: the whole image, squares along it, and smaller ones."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    found = [whole(pixels).edges[0]]
    if max(height, width) > ELONGATED * short:
        found += [np.array([part * (width - short), part * (height - short), short, short]) for part in (0, 0.5, 1)]
    side = max(1.0, CLOSER * short)
    found += [np.array([x * (width - side), y * (height - side), side, side])
              for x in (0, 0.5, 1) for y in (0, 0.5, 1)]
    return np.stack(found)


def around(person: Person, pixels: Array, chosen: Callable[[Array], Array], pad: float) -> Array:
    """The box around chosen joints, (4,): x, y, width and height, within the image.

    Args:
        chosen: from confidences (K,), the numbers of the joints that count.
        pad: of the box's longer side, on each side.
    """
    height, width = pixels.shape[:2]
    joints = person.joints[chosen(person.confidence)] + 0.5  # from the picture's edge
    near, far = joints.min(axis=0), joints.max(axis=0)
    around_them = max(pad * float((far - near).max()), LEAST / 2)
    size = np.array([width, height], float)
    least = np.minimum(LEAST, size)
    near = np.clip(near - around_them, 0, size - least)
    far = np.clip(far + around_them, near + least, size)
    return np.concatenate([near, far - near])


def _look(network: Estimator, picture: Picture, edges: Array) -> List[Person]:
    return next(network.seen([(picture, Boxes(edges, np.ones(len(edges))))])).people


def _shown(person: Person) -> float:
    """How much of a person the finder sees in a square: the mean of the highest peaks, from 0 to 1."""
    return float(np.sort(np.clip(person.confidence, 0, 1))[-COUNTED:].mean())


def _with_peaks(confidence: Array) -> Array:
    return np.flatnonzero(confidence >= min(PEAK, np.sort(confidence)[-FEWEST]))


def _surest(confidence: Array) -> Array:
    return np.argsort(-confidence, kind="stable")[:KEPT]
