"""Activities: each is a distribution of joint angles around a few key poses.

Walking or running passes through its keys in turn, so a draw between two of them is a moment of the gait, and a
sequence of phases is a video clip. Angles that a key does not name are 0, which is standing upright with hanging arms.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Dict, Sequence, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.synthetic.motion.body import ANGLES, limit, mirrored, pack

Key = Dict[str, float]


@dataclass(frozen=True, eq=False)
class Activity:
    """Key poses in the order they are passed through, and what holds the person up.

    `weight` is how often it is drawn; `lift` the greatest height above the ground in mm; `seat` is "" for none.
    """

    name: str
    keys: Tuple[Key, ...]
    weight: float = 1.0
    lift: float = 0.0
    seat: str = ""
    loose: float = 1.0

    @cached_property
    def _poses(self) -> Tuple[Array, ...]:
        return tuple(pack(angles) for angles in self.keys)

    def at(self, phase: float) -> Array:
        """The pose (A,) in degrees at a phase of 0 to 1, without any individual variation."""
        poses = self._poses
        place = (phase % 1.0) * len(poses)
        before = int(place)
        part = place - before
        return (1 - part) * poses[before % len(poses)] + part * poses[(before + 1) % len(poses)]

    def draw(self, rng: np.random.Generator) -> Array:
        """One person's pose (A,) in degrees, within the limits; either side may lead."""
        angles = self.varied(rng.uniform(), rng.normal(size=len(ANGLES)))
        return mirrored(angles) if rng.uniform() < 0.5 else angles

    def varied(self, phase: float, deviation: Array) -> Array:
        """The pose (A,) in degrees at a phase, within the limits, of one who deviates by (A,) ~ N(0, 1)."""
        angles = self.at(phase) + self.loose * _SPREAD * deviation
        for side, height in zip("lr", _arm_heights(angles)):
            angles[ANGLES.index(f"{side}_clavicle.lift")] += 0.25 * max(0.0, height - 60)
        return limit(angles)


def _arm_heights(angles: Array) -> Tuple[float, float]:
    """Degrees of each upper arm away from hanging."""
    heights = []
    for side in "lr":
        flex, abduct = (np.radians(angles[ANGLES.index(f"{side}_shoulder.{turn}")]) for turn in ("flex", "abduct"))
        heights.append(float(np.degrees(np.arccos(np.cos(flex) * np.cos(abduct)))))
    return heights[0], heights[1]


def _spread(name: str) -> float:
    joint = name.split(".")[0].split("_")[-1]
    degrees = {
        "pelvis": 3, "lumbar": 4, "spine": 4, "cervical": 6, "neck": 9, "clavicle": 2, "shoulder": 13, "elbow": 17,
        "wrist": 15, "hip": 6, "knee": 6, "ankle": 5,
    }
    return degrees[joint]


_SPREAD = np.array([_spread(name) for name in ANGLES])


def both(**angles: float) -> Key:
    """The same angles on the left and on the right; a double underscore stands for the dot."""
    return {f"{side}_{name.replace('__', '.')}": value for side in "lr" for name, value in angles.items()}


def key(*parts: Key, **angles: float) -> Key:
    """Keys laid over each other, then single angles."""
    merged: Key = {}
    for part in parts:
        merged.update(part)
    merged.update({name.replace("__", "."): value for name, value in angles.items()})
    return merged


STAND = both(shoulder__abduct=12, elbow__flex=15, hip__abduct=5, shoulder__flex=3)
CROUCH = both(hip__flex=100, knee__flex=120, ankle__flex=22, hip__abduct=15, shoulder__flex=55, elbow__flex=35)
SIT = both(hip__flex=88, knee__flex=85, hip__abduct=10, shoulder__flex=28, elbow__flex=50, shoulder__twist=15)

ACTIVITIES: Tuple[Activity, ...] = (
    Activity("standing", (
        STAND,
        key(STAND, both(shoulder__abduct=38, elbow__flex=95, shoulder__twist=45, shoulder__flex=-18)),
        key(STAND, both(shoulder__flex=30, elbow__flex=85, shoulder__twist=40)),
        key(STAND, l_hip__abduct=14, r_hip__abduct=16, r_shoulder__abduct=40, l_shoulder__flex=35, l_elbow__flex=100),
    ), weight=1.2),
    Activity("walking", (
        key(STAND, l_hip__flex=28, l_knee__flex=5, r_hip__flex=-15, r_knee__flex=12, l_shoulder__flex=-22,
            r_shoulder__flex=25, l_elbow__flex=15, r_elbow__flex=30, spine__twist=6, r_ankle__flex=-15),
        key(STAND, l_hip__flex=5, l_knee__flex=8, r_hip__flex=12, r_knee__flex=55, r_ankle__flex=-5),
        key(STAND, l_hip__flex=-14, l_knee__flex=10, r_hip__flex=30, r_knee__flex=10, l_shoulder__flex=25,
            r_shoulder__flex=-22, spine__twist=-6, l_ankle__flex=-15),
        key(STAND, r_hip__flex=5, r_knee__flex=8, l_hip__flex=12, l_knee__flex=55),
    ), weight=1.2),
    Activity("running", (
        key(both(elbow__flex=90, shoulder__abduct=14), l_hip__flex=58, l_knee__flex=75, r_hip__flex=-14,
            r_knee__flex=20, r_ankle__flex=-25, l_shoulder__flex=-38, r_shoulder__flex=42, pelvis__lean=12),
        key(both(elbow__flex=95, shoulder__abduct=14), l_hip__flex=30, l_knee__flex=20, r_hip__flex=5,
            r_knee__flex=100, r_ankle__flex=-20, l_shoulder__flex=10, r_shoulder__flex=5, pelvis__lean=12),
    ), lift=90),
    Activity("sitting", (
        SIT,
        key(SIT, both(knee__flex=70, elbow__flex=90, shoulder__flex=35), lumbar__flex=12),
        key(SIT, l_knee__flex=60, r_knee__flex=100, l_shoulder__abduct=35, r_shoulder__flex=70, pelvis__lean=-8),
        key(SIT, both(hip__abduct=28, hip__twist=-10, shoulder__abduct=25, elbow__flex=60), lumbar__flex=20),
    ), weight=1.2, seat="chair", loose=0.8),
    Activity("crouching", (
        key(CROUCH, pelvis__lean=25),
        key(both(hip__flex=75, knee__flex=85, ankle__flex=20, hip__abduct=14, shoulder__flex=60, elbow__flex=50),
            pelvis__lean=22),
        key(CROUCH, l_hip__flex=95, r_hip__flex=35, r_knee__flex=125, r_ankle__flex=-30, pelvis__lean=10),
    )),
    Activity("waving", (
        key(STAND, l_shoulder__abduct=95, l_shoulder__twist=-80, l_elbow__flex=70),
        key(STAND, l_shoulder__abduct=115, l_shoulder__twist=-75, l_elbow__flex=40),
        key(STAND, both(shoulder__abduct=120, shoulder__twist=-70, elbow__flex=45)),
    ), weight=1.2),
    Activity("reaching", (
        key(STAND, l_shoulder__flex=150, l_elbow__flex=15, l_hip__flex=5, cervical__flex=-15),
        key(STAND, l_shoulder__flex=85, l_shoulder__abduct=25, l_elbow__flex=12, lumbar__flex=15, spine__twist=-12),
        key(both(shoulder__flex=155, elbow__flex=20, shoulder__abduct=15, ankle__flex=-15), neck__flex=-10),
        key(STAND, both(shoulder__flex=40, elbow__flex=20, knee__flex=15), pelvis__lean=35, lumbar__flex=25,
            l_hip__flex=40, r_hip__flex=40),
    ), weight=1.2),
    Activity("throwing", (
        key(l_shoulder__abduct=95, l_shoulder__twist=-85, l_elbow__flex=95, r_shoulder__flex=70, r_elbow__flex=30,
            r_hip__flex=30, r_knee__flex=25, l_hip__flex=-12, l_hip__abduct=10, spine__twist=18, lumbar__flex=-8),
        key(l_shoulder__flex=120, l_shoulder__abduct=35, l_elbow__flex=35, r_shoulder__abduct=45, r_elbow__flex=50,
            r_hip__flex=40, r_knee__flex=40, l_hip__flex=-18, l_ankle__flex=-25, spine__twist=-18, lumbar__flex=12),
    )),
    Activity("jumping", (
        key(both(shoulder__abduct=130, shoulder__twist=-40, elbow__flex=15, hip__abduct=26, ankle__flex=-30)),
        key(both(shoulder__flex=150, elbow__flex=25, hip__flex=-8, knee__flex=40, ankle__flex=-35, hip__abduct=8)),
        key(both(shoulder__abduct=75, elbow__flex=45, hip__flex=55, knee__flex=85, ankle__flex=-20, hip__abduct=18)),
    ), lift=420),
    Activity("lunging", (
        key(both(shoulder__abduct=35, elbow__flex=90, shoulder__twist=40), l_hip__flex=70, l_knee__flex=75,
            r_hip__flex=-18, r_knee__flex=40, r_ankle__flex=-5),
        key(both(shoulder__abduct=85, elbow__flex=10), l_hip__abduct=40, l_hip__flex=45, l_knee__flex=60,
            r_hip__abduct=40, l_hip__twist=-20),
        key(both(shoulder__flex=95, elbow__flex=10, shoulder__abduct=5), l_hip__flex=80, l_knee__flex=85,
            r_hip__flex=-10, r_knee__flex=60, r_ankle__flex=-20, pelvis__lean=8),
    )),
    Activity("cycling", (
        key(both(shoulder__flex=62, elbow__flex=22, shoulder__abduct=8), pelvis__lean=20, lumbar__flex=18,
            l_hip__flex=85, l_knee__flex=100, r_hip__flex=45, r_knee__flex=38, cervical__flex=-18),
        key(both(shoulder__flex=62, elbow__flex=22, shoulder__abduct=8), pelvis__lean=20, lumbar__flex=18,
            l_hip__flex=68, l_knee__flex=65, r_hip__flex=68, r_knee__flex=85, cervical__flex=-18),
    ), weight=0.6, lift=250, seat="saddle", loose=0.6),
    Activity("lying", (
        key(both(shoulder__abduct=35, elbow__flex=30, hip__abduct=10, shoulder__twist=-20), pelvis__lean=-82,
            l_hip__flex=30, l_knee__flex=60),
        key(both(shoulder__abduct=100, shoulder__twist=-60, elbow__flex=50, hip__flex=15, knee__flex=25),
            pelvis__lean=-85),
        key(both(shoulder__abduct=20, hip__flex=75, knee__flex=65, elbow__flex=70), pelvis__lean=-50,
            lumbar__flex=15),
    ), weight=0.5),
)


def draw_activity(rng: np.random.Generator, activities: Sequence[Activity] = ACTIVITIES) -> Activity:
    """One of some activities, each as often as its weight says."""
    weights = np.array([activity.weight for activity in activities])
    return activities[int(rng.choice(len(activities), p=weights / weights.sum()))]
