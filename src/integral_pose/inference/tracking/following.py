"""Boxes of a video: from a detector in every n-th frame, and between these around the joints of who is tracked."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Callable, List

import numpy as np
from scipy.spatial.distance import pdist

from integral_pose.geometry import Array, overlap
from integral_pose.inference.boxes import NONE, Boxes
from integral_pose.inference.estimator import Seen
from integral_pose.inference.media import Picture
from integral_pose.inference.tracking.cuts import Cuts
from integral_pose.inference.tracking.identity import Track, Tracker
from integral_pose.inference.tracking.similarity import TINY

LIMITS = 0.7, 1.4  # how much smaller and larger than the detector's a box that follows may be
CLOSE = 0.1  # intersection over union of two boxes from which on the detector looks in every frame
SAME = 0.5  # intersection over union from which on the detector's box is of whom a box follows
STEP = 0.5  # of the way from the box that follows to the detector's: a jump of the box makes all joints jump
LEAST = 4.0  # px: no box is smaller


def moved(track: Track) -> Array:
    """The last detected box (4,), moved and grown as the joints have since.

    It goes by medians: a mean would move the box with each joint that is found elsewhere for a frame, and a network
    finds other joints in another box.
    """
    before, now = track.detected, track.person
    grown = np.median(pdist(now.joints) / np.maximum(pdist(before.joints), TINY))
    scale = float(np.clip(grown, *LIMITS))
    near = np.median(now.joints + scale * (before.box[:2] - before.joints), axis=0)
    return np.concatenate([near, np.maximum(scale * before.box[2:], LEAST)])


@dataclass
class Following:
    """The boxes of one video's frames. Frames are asked for one by one: each, then `saw` its people."""

    detect: Callable[[Picture], Boxes]
    tracker: Tracker
    cuts: Cuts
    every: int = 1

    def __post_init__(self) -> None:
        self._frames, self._detected = 0, True

    def __call__(self, picture: Picture) -> Boxes:
        """A frame's boxes, px."""
        cut = self.cuts.is_cut(picture)
        if cut:
            self.tracker.forget()
        close = self._close()
        self._detected = cut or self._frames % self.every == 0 or close
        self._frames = 1 if cut else self._frames + 1
        if not self._detected:
            return self._around(picture)
        boxes = self.detect(picture)
        return boxes if close or self.every == 1 else self._steady(boxes)  # a file's boxes stay as they are

    def _close(self) -> bool:
        """Whether two who are tracked are about to hide one another: boxes that follow joints would swap them."""
        boxes = [track.person.box for track in self.tracker.tracks]
        return any(overlap(one, other) > CLOSE for one, other in combinations(boxes, 2))

    def saw(self, seen: Seen) -> Seen:
        """The frame's people with their identities."""
        return self.tracker.identify(seen, new=self._detected)

    def _followed(self) -> List[Track]:
        """Who was seen in the frame before and not missed by the detector."""
        last = max((track.seconds for track in self.tracker.tracks), default=0.0)
        return [track for track in self.tracker.tracks if track.seconds == last and not track.missed]

    def _steady(self, boxes: Boxes) -> Boxes:
        """The detector's boxes, nearer to those that follow the same people."""
        edges = np.array(boxes.edges, float)
        for box in map(moved, self._followed()):
            for edge in edges:
                if overlap(box, edge) > SAME:
                    edge += (1 - STEP) * (box - edge)
        return boxes._replace(edges=edges)

    def _around(self, picture: Picture) -> Boxes:
        """The boxes of who is followed, as far as in the picture."""
        size = np.array(picture.pixels.shape[1::-1], float)
        followed = [(moved(track), track.person.score) for track in self._followed()]
        inside = [(box, score) for box, score in followed
                  if (box[:2] < size - LEAST).all() and (box[:2] + box[2:] > LEAST).all()]
        return Boxes(*map(np.array, zip(*inside))) if inside else NONE
