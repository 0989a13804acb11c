"""Cuts between the scenes of a video: frames that differ from the one before more than motion makes them."""
from __future__ import annotations

from typing import List, Optional

import cv2
import numpy as np

from integral_pose.geometry import Array
from integral_pose.inference.media import Picture

SIZE = (64, 36)  # px that frames are compared in
CONTENT = 27.0  # mean difference of hue, saturation and value: the threshold of PySceneDetect's ContentDetector
TIMES = 3.0  # more than in the frames before, as its AdaptiveDetector has it: a fast pan is no cut
MEMORY = 0.8  # of the mean difference


class Cuts:
    """Finds cuts, frame by frame."""

    def __init__(self) -> None:
        self.frames: List[str] = []  # the first of each new scene
        self._last: Optional[Array] = None
        self._usual: Optional[float] = None  # difference between frames of the scene, where two of them are known

    def is_cut(self, picture: Picture) -> bool:
        """Whether a new scene begins with this frame; scenes have two frames at least."""
        small = cv2.cvtColor(cv2.resize(picture.pixels, SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2HSV)
        now = small.astype(float)
        before, self._last = self._last, now
        if before is None:
            return False
        apart = np.abs(now - before)
        apart[..., 0] = np.minimum(apart[..., 0], 180 - apart[..., 0])  # OpenCV's hue is a circle of 180
        difference = float(apart.mean())
        if self._usual is not None and difference >= max(CONTENT, TIMES * self._usual):
            self.frames.append(picture.name)
            self._usual = None
            return True
        self._usual = difference if self._usual is None else MEMORY * self._usual + (1 - MEMORY) * difference
        return False
