"""Joints and limbs over a picture in its own size and, of 3D poses, the view from the camera and from beside."""
from __future__ import annotations

import math
from functools import lru_cache
from typing import List, Optional, Tuple, Union

import cv2
import numpy as np

from integral_pose.geometry import Array
from integral_pose.inference.estimator import Person, Seen, from_root
from integral_pose.skeletons import LEFT, MIDDLE, RIGHT, Skeleton

SURE = 0.2  # from this confidence on a joint is drawn full, below it hollow, with thin limbs
GROUND, BORDER, WHITE = (0x44, 0x44, 0x44), (0, 0, 0), (255, 255, 255)  # BGR
LEAST_SIZE = 480  # px of the longer side of what is drawn on
SMALL = 200  # px: people with a smaller box are drawn with thinner lines
REACH = 1000  # mm from the middle of a 3D view to its edge
SHIFT = 4  # fractional bits of the coordinates that OpenCV draws at
Colour = Tuple[int, int, int]
Point = Union[Array, Tuple[float, float]]


class Overlays:
    """Overlays for several who ask for the same picture, one after the other: it is drawn once."""

    def __init__(self, skeleton: Skeleton, in_3d: bool) -> None:
        self._skeleton, self._in_3d = skeleton, in_3d
        self._last: Optional[Tuple[Seen, Array]] = None

    def flat(self, seen: Seen) -> Array:
        """The picture alone. It is not to be changed."""
        if self._last is None or self._last[0] is not seen:
            self._last = seen, _flat(seen, self._skeleton)
        return self._last[1]

    def whole(self, seen: Seen) -> Array:
        """The picture and, in 3D, the views beside it, as `overlay` gives them. It is not to be changed."""
        flat = self.flat(seen)
        return np.hstack([flat, _in_3d(seen, self._skeleton, len(flat))]) if self._in_3d else flat


def overlay(seen: Seen, skeleton: Skeleton, in_3d: bool) -> Array:
    """The picture, BGR uint8, with its people drawn over it; `in_3d`, two views beside it, of half its height.

    A small picture is drawn two or more times its size, for lines to be thin on it. Several people have their numbers.
    """
    return Overlays(skeleton, in_3d).whole(seen)


def _flat(seen: Seen, skeleton: Skeleton) -> Array:
    pixels = seen.picture.pixels
    times = -(-LEAST_SIZE // max(pixels.shape[:2]))
    drawn = cv2.resize(pixels, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC) if times > 1 else pixels.copy()
    width = max(drawn.shape[:2]) / LEAST_SIZE
    for number, person in enumerate(seen.people):
        thin = min(width, times * float(person.box[2:].max()) / SMALL)
        _draw(drawn, (person.joints + 0.5) * times - 0.5, person.confidence, skeleton, thin)
        if len(seen.people) > 1 or person.identity is not None:
            _write(drawn, _name(number, person), person.box[:2] * times, 0.5 * width)
    return drawn


def _in_3d(seen: Seen, skeleton: Skeleton, height: int) -> Array:
    """Two squares, one above the other, (height, height // 2, 3): as the camera sees people, and from the side.

    Each person is in a cell of their own, 2 m wide, with the root in its middle.
    """
    poses = [(_name(number, person), person.space, person.confidence) for number, person in enumerate(seen.people)
             if person.space is not None]
    side, columns = max(1, height // 2), max(1, math.ceil(math.sqrt(len(seen.people))))
    cell = side / columns
    panel = np.full((height, side, 3), GROUND, np.uint8)
    for top, across, title in ((0, 0, "as the camera"), (height - side, 2, "from beside")):
        view = panel[top : top + side]
        for number, (name, space, confidence) in enumerate(poses):
            corner = cell * np.array([number % columns, number // columns])
            flat = from_root(space, skeleton.index(skeleton.root))[:, [across, 1]]
            _draw(view, corner + (flat / REACH + 1) / 2 * cell - 0.5, confidence, skeleton, 1.5 * cell / LEAST_SIZE)
            if len(poses) > 1:
                _write(view, name, corner + (0.03 * cell, 0.15 * cell), 2 * cell / LEAST_SIZE)
        _write(view, title, (0.02 * side, 0.97 * side), side / LEAST_SIZE)
    cv2.line(panel, (0, height // 2), (side, height // 2), BORDER, 1)
    return panel


def _name(number: int, person: Person) -> str:
    return str(number if person.identity is None else person.identity)


def _write(image: Array, text: str, place: Point, size: float) -> None:
    """White letters with a dark border, from their lower left corner on."""
    (corner,) = _fixed(np.asarray(place)[None], 0)
    for colour, thickness in ((BORDER, max(3, round(5 * size))), (WHITE, max(1, round(1.5 * size)))):
        cv2.putText(image, text, corner, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness, cv2.LINE_AA)


def _draw(image: Array, points: Array, confidence: Array, skeleton: Skeleton, width: float) -> None:
    """Limbs and joints at points (K, 2), px of the image, left and right in different colours, with a dark border."""
    sure, fixed = (confidence >= SURE).tolist(), _fixed(points)
    thick, thin = max(2, round(2 * width)), max(1, round(width))
    for border in (True, False):
        for parent, child in skeleton.limbs:
            extra = 2 if border else 0
            thickness = (thick if sure[parent] and sure[child] else thin) + extra
            colour = BORDER if border else _colour(skeleton.joints[child])
            cv2.line(image, fixed[parent], fixed[child], colour, thickness, cv2.LINE_AA, SHIFT)
    radius = round(max(1.5, 2 * width) * 2**SHIFT)
    for joint, point in enumerate(fixed):
        cv2.circle(image, point, radius + 2**SHIFT, BORDER, -1, cv2.LINE_AA, SHIFT)
        filled = -1 if sure[joint] else 1
        cv2.circle(image, point, radius, _colour(skeleton.joints[joint]), filled, cv2.LINE_AA, SHIFT)


def _fixed(points: Array, shift: int = SHIFT) -> List[List[int]]:
    """Points (N, 2) as OpenCV takes coordinates with fractional bits, however far outside of the picture they are."""
    whole: List[List[int]] = np.clip(points * 2**shift, -(2**30), 2**30).round().astype(int).tolist()
    return whole


@lru_cache(maxsize=None)
def _colour(joint: str) -> Colour:
    """Of a side, BGR."""
    code = {"l_": LEFT, "r_": RIGHT}.get(joint[:2], MIDDLE)
    red, green, blue = (int(code[i : i + 2], 16) for i in (1, 3, 5))
    return blue, green, red
