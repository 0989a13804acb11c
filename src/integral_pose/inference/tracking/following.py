"""Boxes of a video: from a detector in every n-th frame, and between these around the joints of who is tracked."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Callable

import numpy as np

from integral_pose.geometry import Array, overlap
from integral_pose.inference.boxes import NONE, Boxes
from integral_pose.inference.estimator import Person, Seen
from integral_pose.inference.media import Picture
from integral_pose.inference.tracking.cuts import Cuts
from integral_pose.inference.tracking.identity import Track, Tracker, centre, weights

LIMITS = 0.7, 1.4  # how much smaller and larger than the detector's a box that follows may be
CLOSE = 0.1  # intersection over union of two boxes from which on the detector looks in every frame
LEAST = 4.0  # px: no box is smaller


def moved(track: Track) -> Array:
    """The last detected box (4,), as far from the joints as it was, now that these have moved and grown."""
    scale = float(np.clip(extent(track.person) / max(extent(track.detected), 1e-6), *LIMITS))
    near = centre(track.person) + scale * (track.detected.box[:2] - centre(track.detected))
    return np.concatenate([near, np.maximum(scale * track.detected.box[2:], LEAST)])


def extent(person: Person) -> float:
    """The deviation of the joints from their mean, by confidence, px."""
    squares = ((person.joints - centre(person)) ** 2).sum(axis=1)
    return float(np.sqrt(np.average(squares, weights=weights(person))))


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
        self._detected = cut or self._frames % self.every == 0 or self._close()
        self._frames = 1 if cut else self._frames + 1
        return self.detect(picture) if self._detected else self._around(picture)

    def _close(self) -> bool:
        """Whether two who are tracked are about to hide one another: boxes that follow joints would swap them."""
        boxes = [track.person.box for track in self.tracker.tracks]
        return any(overlap(one, other) > CLOSE for one, other in combinations(boxes, 2))

    def saw(self, seen: Seen) -> Seen:
        """The frame's people with their identities."""
        return self.tracker.identify(seen, new=self._detected)

    def _around(self, picture: Picture) -> Boxes:
        """The boxes of who was seen in the frame before and not missed by the detector, as far as in the picture."""
        size = np.array(picture.pixels.shape[1::-1], float)
        last = max((track.seconds for track in self.tracker.tracks), default=0.0)
        followed = [(moved(track), track.person.score) for track in self.tracker.tracks
                    if track.seconds == last and not track.missed]
        inside = [(box, score) for box, score in followed
                  if (box[:2] < size - LEAST).all() and (box[:2] + box[2:] > LEAST).all()]
        return Boxes(*map(np.array, zip(*inside))) if inside else NONE
