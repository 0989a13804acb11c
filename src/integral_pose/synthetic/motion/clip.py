"""A moving person: pose, place and heading as smooth functions of time, drawn once for a clip."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Tuple, Union

import numpy as np

from integral_pose.geometry import Array
from integral_pose.synthetic.motion.activities import Activity
from integral_pose.synthetic.motion.body import ANGLES, Physique, mirrored
from integral_pose.synthetic.motion.scene import Outfit, Person, draw_seats, place

_WAVES = 3


@dataclass(frozen=True, eq=False)
class Wander:
    """N smooth functions of time around 0, of deviation 1 in the long run: each a sum of a few slow waves."""

    rates: Array  # (_WAVES, N), per second
    phases: Array  # (_WAVES, N), in turns

    def at(self, seconds: float) -> Array:
        """Their values (N,)."""
        turns = self.rates * seconds + self.phases
        return np.asarray(np.sqrt(2 / _WAVES) * np.sin(2 * np.pi * turns).sum(axis=0))


def draw_wander(rng: np.random.Generator, count: int, periods: Tuple[float, float]) -> Wander:
    """`count` of them, whose waves last between two periods in seconds."""
    return Wander(1 / rng.uniform(*periods, (_WAVES, count)), rng.uniform(size=(_WAVES, count)))


@dataclass(frozen=True, eq=False)
class Round:
    """Walking: around an ellipse of half axes (2,) mm that slowly turns itself, `lap` seconds a round."""

    axes: Array
    lap: float
    drift: float  # degrees per second
    start: float  # degrees

    def at(self, seconds: float) -> Tuple[Array, float]:
        """Where on the floor (2,) mm, and the heading in degrees: along the path."""
        turn, along = np.radians(self.start + self.drift * seconds), 2 * np.pi * seconds / self.lap
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        spot = rotation @ (self.axes * np.array([np.cos(along), np.sin(along)]))
        way = rotation @ (self.axes * np.array([-np.sin(along), np.cos(along)])) / self.lap
        return spot, float(np.degrees(np.arctan2(way[1], way[0])))


@dataclass(frozen=True, eq=False)
class Spot:
    """Staying about one place (2,) mm while turning `spin` degrees a second, unevenly."""

    middle: Array
    spin: float
    start: float  # degrees
    sway: Wander  # 3: two across the floor, one of the heading

    def at(self, seconds: float) -> Tuple[Array, float]:
        """Where on the floor (2,) mm, and the heading in degrees."""
        sway = self.sway.at(seconds)
        return self.middle + 120 * sway[:2], float(self.start + self.spin * seconds + 30 * sway[2])


def _draw_path(rng: np.random.Generator, walks: bool) -> Union[Round, Spot]:
    start, side = rng.uniform(0, 360), 1 if rng.uniform() < 0.5 else -1
    if walks:
        axes = np.array([rng.uniform(850, 1100), side * rng.uniform(550, 850)])
        return Round(axes, rng.uniform(7.2, 9.0), rng.uniform(2, 5), start)
    return Spot(rng.uniform(-500, 500, 2), side * rng.uniform(6, 12), start, draw_wander(rng, 3, (9, 30)))


@dataclass(frozen=True, eq=False)
class Film:
    """One person and one activity. A pass through the activity's keys takes `pace` seconds, unevenly."""

    activity: Activity
    pace: float
    path: Union[Round, Spot]
    wander: Wander  # of each angle, then of the phase
    right: bool  # leads with the right
    seat: int  # seed of what is sat on

    def person(self, seconds: float, physique: Physique, outfit: Outfit) -> Person:
        """The person at a time."""
        deviation = self.wander.at(seconds)
        angles = self.activity.varied(seconds / self.pace + 0.25 * deviation[-1], deviation[:-1])
        spot, yaw = self.path.at(seconds)
        person = place(physique, outfit, mirrored(angles) if self.right else angles, yaw, (spot[0], spot[1]))
        return replace(person, seats=draw_seats(np.random.default_rng(self.seat), self.activity.seat, person, yaw))


def draw_film(rng: np.random.Generator, activity: Activity, walks: bool) -> Film:
    """A clip of an activity; a walking person passes through its keys at every double step."""
    pace = rng.uniform(1.0, 1.3) if walks else rng.uniform(14, 21)
    path = _draw_path(rng, walks)
    wander = draw_wander(rng, len(ANGLES) + 1, (4, 25))
    return Film(activity, pace, path, wander, bool(rng.uniform() < 0.5), int(rng.integers(2**31)))
