"""Steady joints: the one-euro filter, by confidence, for each person of a video.

Casiez, Roussel and Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems",
CHI 2012. It is a low-pass filter of the first order whose cutoff grows with the speed: joints at rest are held still,
and joints that move fast lag little. It knows only the frames before, so it also serves live cameras.

Speeds are limited, which Casiez et al. do not: a joint that a network finds elsewhere for a frame, such as on the other
leg, would open the filter for all the frames until its speed is forgotten.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, Iterator, Optional, Union

import numpy as np

from integral_pose.geometry import Array
from integral_pose.inference.estimator import Person, Seen, from_root
from integral_pose.inference.tracking.similarity import TINY

CUTOFF = 2.1  # Hz, of joints at rest
GAIN = 0.5  # Hz for each size of the person that a joint moves in a second
FASTEST = 1.5  # sizes of the person in a second, beyond which a joint's speed does not count
SPEED_CUTOFF = 1.0  # Hz, of the speed itself
UNSURE = 0.2  # the least weight of a joint with a low confidence
REMEMBERED = 0.9  # of a joint's mean confidence, from frame to frame
LONGEST = 1.0  # s: whoever was away longer begins anew
USUAL = 1 / 25  # s between frames that have no times
MM = 1720.0  # of a middling person


@dataclass
class OneEuro:
    """The filter of one person's joints (K, D)."""

    value: Array
    speed: Array

    @classmethod
    def of(cls, value: Array) -> OneEuro:
        return cls(value, np.zeros_like(value))

    def step(self, value: Array, passed: float, size: float, weight: Array) -> Array:
        """The filtered joints.

        Args:
            value: (K, D), as found.
            passed: s since the last.
            size: of the person, in the unit of the joints.
            weight: (K,), 0 to 1: how much of its cutoff a joint has.
        """
        speed = (value - self.value) / passed
        lengths = np.linalg.norm(speed, axis=1, keepdims=True)
        speed = speed * np.minimum(1, FASTEST * size / np.maximum(lengths, TINY))
        self.speed = self.speed + _share(SPEED_CUTOFF, passed) * (speed - self.speed)
        cutoff = CUTOFF + GAIN * np.linalg.norm(self.speed, axis=1, keepdims=True) / size
        self.value = self.value + _share(cutoff * weight[:, None], passed) * (value - self.value)
        return self.value


def _share(cutoff: Union[float, Array], passed: float) -> Array:
    """How much of the new value is taken, 0 to 1."""
    return 1 / (1 + 1 / (2 * np.pi * np.asarray(cutoff) * passed))


class _Steady:
    """One person."""

    def __init__(self, person: Person, seconds: float, root: int) -> None:
        self.seconds, self._root = seconds, root
        self._joints, self._usual = OneEuro.of(person.joints), person.confidence
        self._space = None if person.space is None else OneEuro.of(from_root(person.space, root))
        self._place = None if person.space is None else OneEuro.of(person.space[[root]])

    def step(self, person: Person, seconds: float) -> Person:
        passed = max(seconds - self.seconds, 1e-3)
        self.seconds = seconds
        self._usual = REMEMBERED * self._usual + (1 - REMEMBERED) * person.confidence
        weight = np.clip(person.confidence / np.maximum(self._usual, 1e-6), UNSURE, 1)
        joints = self._joints.step(person.joints, passed, float(max(person.box[2:])), weight)
        space = self._in_space(person.space, passed, weight)
        return person._replace(joints=joints, space=space)

    def _in_space(self, space: Optional[Array], passed: float, weight: Array) -> Optional[Array]:
        if space is None or self._space is None or self._place is None:
            return space
        pose = self._space.step(from_root(space, self._root), passed, MM, weight)
        return pose + self._place.step(space[[self._root]], passed, MM, weight[[self._root]])


def smoothed(frames: Iterable[Seen], root: int) -> Iterator[Seen]:
    """The same frames with each person's joints filtered, in px and in mm; confidence stays as it is.

    Args:
        root: the joint that poses in mm are relative to.
    """
    people: Dict[int, _Steady] = {}
    for number, seen in enumerate(frames):
        seconds = number * USUAL if seen.picture.seconds is None else seen.picture.seconds
        people = {who: state for who, state in people.items() if seconds - state.seconds <= LONGEST}
        steady = []
        for place, person in enumerate(seen.people):
            who = place if person.identity is None else person.identity
            if who in people:
                person = people[who].step(person, seconds)
            else:
                people[who] = _Steady(person, seconds, root)
            steady.append(person)
        yield seen._replace(people=steady)
