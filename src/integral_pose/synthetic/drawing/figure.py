"""A person in a training suit whose limbs differ in colour, as solid shapes: tapered capsules of one colour each."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Mapping, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.synthetic.drawing.colours import HAIR, SKIN, bgr, pick
from integral_pose.synthetic.drawing.solids import Solids
from integral_pose.synthetic.motion.body import Physique, Posture

# Nominal hue of each limb's cloth, in turns of the colour circle: the side of a limb can be seen.
_LIMB_HUES = {
    "l_upper_arm": 0.00, "l_forearm": 0.10, "l_thigh": 0.60, "l_shin": 0.72,
    "r_upper_arm": 0.35, "r_forearm": 0.48, "r_thigh": 0.87, "r_shin": 0.17,
}
_Ball = Callable[[Tuple[float, float, float], Tuple[float, float, float], str], None]
_HUE_JITTER = 0.028  # standard deviation, of a turn


@dataclass(frozen=True, eq=False)
class Suit:
    """Colours (3,) BGR 0-255 by part of the body, and how the hair is worn."""

    colours: Mapping[str, Array]
    hair: str  # "short", "long", "bun" or "bald"

    def solids(self, physique: Physique, posture: Posture) -> Solids:
        """As `scene.Outfit`."""
        return solids_of(physique, posture, self)


def draw_suit(rng: np.random.Generator) -> Suit:
    """Free colours of skin, hair, top and shoes; a training suit whose limbs keep near their nominal hues."""
    saturation, value = rng.uniform(0.55, 0.95), rng.uniform(0.6, 0.95)
    colours = {
        part: bgr(
            hue + rng.normal(0, _HUE_JITTER), saturation * rng.uniform(0.85, 1.1), value * rng.uniform(0.88, 1.08)
        )
        for part, hue in _LIMB_HUES.items()
    }
    skin = pick(rng, SKIN)
    colours.update(
        skin=skin, lips=skin * np.array([0.62, 0.58, 0.82]), hair=pick(rng, HAIR),
        top=bgr(rng.uniform(), rng.uniform(0, 0.7), rng.uniform(0.2, 0.95)),
        hips=bgr(rng.uniform(), rng.uniform(0, 0.4), rng.uniform(0.15, 0.5)),
        shoes=bgr(rng.uniform(), rng.uniform(0, 0.5), rng.uniform(0.12, 0.95)),
        white=np.full(3, 238.0), iris=bgr(rng.choice([0.07, 0.55, 0.3]), 0.6, 0.22),
    )
    hair = str(rng.choice(["short", "long", "bun", "bald"], p=[0.5, 0.28, 0.14, 0.08]))
    return Suit(colours, hair)


class _Builder:
    """Collects capsules in the frames of a posture."""

    def __init__(self, posture: Posture, colours: Mapping[str, Array]) -> None:
        self._joints, self._frames, self._colours = posture.joints, posture.frames, colours
        self._rows: List[Tuple[Array, Array, Tuple[float, float], Array, Array]] = []

    def at(self, joint: str, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Array:
        """A point given in mm in a joint's frame."""
        where: Array = self._joints[joint] + self._frames[joint] @ np.array([x, y, z])
        return where

    def capsule(self, start: Array, end: Array, radii: Tuple[float, float], colour: str) -> None:
        self._rows.append((start, end, radii, np.eye(3), self._colours[colour]))

    def flat(
        self, start: Array, end: Array, radii: Tuple[float, float], colour: str, frame: str,
        axes: Tuple[float, float, float],
    ) -> None:
        """A capsule whose radii are times `axes`, at most 1 each, along the axes of a joint's frame."""
        shape = np.diag(1 / np.array(axes)) @ self._frames[frame].T
        self._rows.append((start, end, radii, shape, self._colours[colour]))

    def solids(self) -> Solids:
        start, end, radii, shape, colour = zip(*self._rows)
        return Solids(np.array(start), np.array(end), np.array(radii), np.array(shape), np.array(colour))


def solids_of(physique: Physique, posture: Posture, suit: Suit) -> Solids:
    """The whole person, in the world of the posture."""
    builder = _Builder(posture, suit.colours)
    _trunk(builder, physique)
    _head(builder, physique, suit.hair)
    for side in "lr":
        _arm(builder, physique, side)
        _leg(builder, physique, side)
    return builder.solids()


def _trunk(builder: _Builder, physique: Physique) -> None:
    radii, at = physique.radii, builder.at
    chest, waist, hips = radii["chest"], radii["waist"], radii["hips"]
    ribs, breast = at("spine", z=20), at("thorax", z=-0.62 * chest)
    builder.flat(ribs, breast, (waist * 0.98, chest), "top", "spine", (0.66, 1, 0.9))
    builder.flat(at("lumbar", z=60), ribs, (waist * 1.02, waist * 0.98), "top", "lumbar", (0.7, 1, 1))
    builder.flat(at("pelvis", z=-10), at("pelvis", z=70), (hips, waist * 1.02), "hips", "pelvis", (0.74, 1, 0.8))
    builder.capsule(at("thorax", z=-35), at("neck", z=35), (radii["neck"] * 1.05, radii["neck"] * 0.95), "skin")
    for side in "lr":
        shoulder = at(f"{side}_shoulder")
        builder.capsule(at("thorax", z=-25), shoulder, (radii["trapezius"] * 1.15, radii["shoulder"] * 0.95), "top")


def _arm(builder: _Builder, physique: Physique, side: str) -> None:
    radii, at = physique.radii, builder.at
    shoulder, elbow, wrist, hand = (at(f"{side}_{name}") for name in ("shoulder", "elbow", "wrist", "hand"))
    builder.capsule(shoulder, elbow, (radii["shoulder"], radii["elbow"]), f"{side}_upper_arm")
    builder.capsule(elbow, wrist, (0.97 * radii["elbow"], radii["wrist"]), f"{side}_forearm")
    palm = 0.55 * wrist + 0.45 * hand
    frame = f"{side}_wrist"
    builder.flat(wrist, palm, (radii["hand"] * 0.8, radii["hand"] * 1.12), "skin", frame, (1, 0.55, 1))
    builder.flat(palm, hand, (radii["hand"] * 1.05, radii["hand"] * 0.6), "skin", frame, (1, 0.5, 1))
    thumb = wrist + (at(frame, x=radii["hand"] * 1.4) - wrist) + 0.45 * (hand - wrist)
    builder.capsule(0.7 * wrist + 0.3 * hand, thumb, (radii["hand"] * 0.4, radii["hand"] * 0.3), "skin")


def _leg(builder: _Builder, physique: Physique, side: str) -> None:
    radii, at = physique.radii, builder.at
    hip, knee, ankle, heel, toe = (at(f"{side}_{name}") for name in ("hip", "knee", "ankle", "heel", "toe"))
    calf = at(f"{side}_knee", x=-0.2 * radii["calf"]) + 0.3 * (ankle - knee)
    builder.capsule(hip, knee, (radii["thigh"], radii["knee"]), f"{side}_thigh")
    shorts = radii["thigh"] * 1.04
    builder.capsule(hip, hip + 0.24 * (knee - hip), (shorts, shorts), "hips")
    builder.capsule(knee, calf, (0.97 * radii["knee"], radii["calf"]), f"{side}_shin")
    builder.capsule(calf, ankle, (radii["calf"], radii["ankle"]), f"{side}_shin")
    builder.capsule(heel, toe, (radii["heel"], radii["toe"] * 1.05), "shoes")
    builder.capsule(heel, ankle + 0.2 * (heel - ankle), (radii["heel"], radii["ankle"] * 0.85), "shoes")


# The head's ellipsoid, in head heights: its centre from the upper neck, and its half axes.
_HEAD_CENTRE, _HEAD_AXES = (0.07, 0.0, 0.50), (0.42, 0.345, 0.50)


def _head(builder: _Builder, physique: Physique, hair: str) -> None:
    height = physique.head

    def at(x: float, y: float, z: float) -> Array:
        return builder.at("neck", height * x, height * y, height * z)

    def ball(where: Tuple[float, float, float], axes: Tuple[float, float, float], colour: str) -> None:
        size = max(axes)
        ratio = (axes[0] / size, axes[1] / size, axes[2] / size)
        builder.flat(at(*where), at(*where), (size * height, size * height), colour, "neck", ratio)

    ball(_HEAD_CENTRE, _HEAD_AXES, "skin")
    ball((0.12, 0, 0.22), (0.30, 0.24, 0.24), "skin")
    builder.capsule(at(0.46, 0, 0.54), at(0.50, 0, 0.42), (0.035 * height, 0.06 * height), "skin")
    ball((0.425, 0, 0.24), (0.035, 0.11, 0.03), "lips")
    for sign in (1, -1):
        ball((0.02, 0.345 * sign, 0.48), (0.09, 0.04, 0.11), "skin")
        ball((0.415, 0.15 * sign, 0.56), (0.05, 0.075, 0.05), "white")
        ball((0.455, 0.148 * sign, 0.56), (0.025, 0.034, 0.04), "iris")
        builder.capsule(at(0.455, 0.08 * sign, 0.655), at(0.41, 0.22 * sign, 0.655), (5.0, 4.0), "hair")
    _hair(builder, height, hair, ball)


def _hair(builder: _Builder, height: float, hair: str, ball: _Ball) -> None:
    if hair == "bald":
        return
    ball((-0.01, 0, 0.585), (0.42, 0.375, 0.46), "hair")
    ball((0.12, 0, 0.80), (0.33, 0.31, 0.22), "hair")
    if hair == "long":
        nape = builder.at("neck", -0.18 * height, 0, 0.45 * height)
        ends = builder.at("neck", -0.24 * height, 0, -0.28 * height)
        builder.flat(nape, ends, (0.37 * height, 0.26 * height), "hair", "neck", (0.6, 1, 1))
    if hair == "bun":
        ball((-0.36, 0, 0.86), (0.17, 0.17, 0.17), "hair")


def head_surface(physique: Physique, posture: Posture) -> Array:
    """Points (M, 3) around the head and its hair from chin to crown, for its extent in a picture."""
    points = physique.head * (np.array(_HEAD_CENTRE) + 1.1 * np.array(_HEAD_AXES) * _SPHERE)
    surface: Array = posture.joints["neck"] + points @ posture.frames["neck"].T
    return surface


def _sphere() -> Array:
    height, turn = np.linspace(-1, 1, 13), np.linspace(0, 2 * np.pi, 16, endpoint=False)
    width = np.sqrt(1 - height**2)[:, None]
    return np.stack(
        np.broadcast_arrays(width * np.cos(turn), width * np.sin(turn), height[:, None]), axis=-1
    ).reshape(-1, 3)


_SPHERE = _sphere()
