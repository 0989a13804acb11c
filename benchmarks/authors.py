"""The loader of the paper's authors, written from a description of its steps; needs OpenCV and NumPy only.

The whole picture is decoded, mirrored if it is to be, and warped; the patch is transposed, and each channel takes its
gain, is clipped and normalised by itself. The random draws are given, so that the patches are the same as our loader's.
"""
from __future__ import annotations

from typing import Any, Tuple

import cv2
import numpy as np

MEAN, DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
Array = np.ndarray


class Loader:
    """Mini-batches of the file that `people.write` made, one after the other and then again from the first."""

    def __init__(self, people: str) -> None:
        with np.load(people, allow_pickle=False) as file:
            self._draws = {name: file[name] for name in file.files}
        self._next = 0

    def batch(self, size: int) -> Tuple[Array, Array, Array]:
        """Images (N, 3, size, size), joints (N, K, C) in fractions of the patch, and their weights."""
        count = len(self._draws["path"])
        chosen = [(self._next + i) % count for i in range(size)]
        self._next = (self._next + size) % count
        images, joints, weights = zip(*(self._person(i) for i in chosen))
        return np.stack(images), np.stack(joints), np.stack(weights)

    def _person(self, i: int) -> Tuple[Array, Array, Array]:
        draws = self._draws
        picture = cv2.imread(str(draws["path"][i]), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        size, width = int(draws["size"]), picture.shape[1]
        joints, known = draws["joints"][i].copy(), draws["known"][i].copy()
        x, y, side, turn = (float(number) for number in draws["box"][i])
        if draws["mirror"][i]:
            picture = picture[:, ::-1, :]
            x, turn = width - 1 - x, -turn
            joints[:, 0] = width - 1 - joints[:, 0]
            joints, known = joints[draws["pairs"]], known[draws["pairs"]]
        matrix = _affine(x, y, side, turn, size)
        patch = cv2.warpAffine(picture.copy(), matrix, (size, size), flags=cv2.INTER_LINEAR)
        joints[:, :2] = (joints[:, :2] @ matrix[:, :2].T + matrix[:, 2] + 0.5) / size
        inside = ((joints >= 0) & (joints < 1)).all(axis=1) & known
        weights = np.repeat(inside[:, None], joints.shape[1], axis=1)
        return _normalised(patch, draws["gains"][i]), np.where(weights, joints, 0.5).astype("f"), weights.astype("f")


def _affine(x: float, y: float, side: float, turn: float, size: int) -> Array:
    """From three points of the box: its middle, and from there half a side down and half a side to the right."""
    down = np.array([np.sin(np.radians(turn)), np.cos(np.radians(turn))]) * side / 2
    right = np.array([down[1], -down[0]])
    middle, patch = np.array([x, y]), np.full(2, (size - 1) / 2)
    source = np.stack([middle, middle + down, middle + right]).astype(np.float32)
    target = np.stack([patch, patch + [0, size / 2], patch + [size / 2, 0]]).astype(np.float32)
    return np.asarray(cv2.getAffineTransform(source, target))


def _normalised(patch: Array, gains: Any) -> Array:
    channels = np.transpose(patch[:, :, ::-1].copy(), (2, 0, 1)).astype(np.float32)
    for i in range(3):
        channels[i] = np.clip(channels[i] * gains[i], 0, 255)
        channels[i] = (channels[i] - MEAN[i]) / DEVIATION[i]
    return channels
