"""An articulated body: limb lengths, joint limits and forward kinematics.

A segment's frame has x forwards, y to the person's left, z up; at rest the person stands with hanging arms.
Limb lengths are the fractions of stature of Drillis and Contini, as printed by Winter, "Biomechanics and
Motor Control of Human Movement", Fig. 4.1.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Optional, Tuple

import numpy as np

from integral_pose.geometry import Array

X, Y, Z = 0, 1, 2


@dataclass(frozen=True)
class Turn:
    """One degree of freedom: an angle in degrees about an axis of the parent's frame, with its limits."""

    name: str
    axis: int
    sign: int
    low: float
    high: float


@dataclass(frozen=True)
class Joint:
    """A node of the tree; its turns are applied in order, and carry its children."""

    name: str
    parent: str
    turns: Tuple[Turn, ...] = ()


_CENTRE = (
    Joint("pelvis", "", (Turn("lean", Y, 1, -180, 180), Turn("roll", X, 1, -180, 180))),
    Joint("lumbar", "pelvis", (Turn("flex", Y, 1, -20, 45), Turn("side", X, 1, -20, 20), Turn("twist", Z, 1, -20, 20))),
    Joint("spine", "lumbar", (Turn("flex", Y, 1, -15, 35), Turn("side", X, 1, -20, 20), Turn("twist", Z, 1, -25, 25))),
    Joint("thorax", "spine"),
    Joint("cervical", "thorax", (
        Turn("flex", Y, 1, -30, 30), Turn("side", X, 1, -20, 20), Turn("twist", Z, 1, -30, 30),
    )),
    Joint("neck", "cervical", (Turn("flex", Y, 1, -20, 25), Turn("side", X, 1, -15, 15), Turn("twist", Z, 1, -40, 40))),
    Joint("head_top", "neck"),
    Joint("nose", "neck"),
)

_LEFT = (
    Joint("l_eye", "neck"),
    Joint("l_ear", "neck"),
    Joint("l_clavicle", "thorax", (Turn("lift", X, 1, -5, 30),)),
    Joint("l_shoulder", "l_clavicle", (
        Turn("flex", Y, -1, -50, 180), Turn("abduct", X, 1, -30, 160), Turn("twist", Z, -1, -90, 80),
    )),
    Joint("l_elbow", "l_shoulder", (Turn("flex", Y, -1, 0, 150), Turn("twist", Z, -1, -80, 80))),
    Joint("l_wrist", "l_elbow", (Turn("flex", X, -1, -60, 60),)),
    Joint("l_hand", "l_wrist"),
    Joint("l_hip", "pelvis", (
        Turn("flex", Y, -1, -25, 125), Turn("abduct", X, 1, -20, 50), Turn("twist", Z, -1, -45, 40),
    )),
    Joint("l_knee", "l_hip", (Turn("flex", Y, 1, 0, 145),)),
    Joint("l_ankle", "l_knee", (Turn("flex", Y, -1, -45, 30),)),
    Joint("l_heel", "l_ankle"),
    Joint("l_toe", "l_ankle"),
)


def _right(joint: Joint) -> Joint:
    """The mirror image across the sagittal plane: turns about x and z change sign, those about y do not."""
    turns = tuple(
        Turn(turn.name, turn.axis, turn.sign if turn.axis == Y else -turn.sign, turn.low, turn.high)
        for turn in joint.turns
    )
    return Joint("r_" + joint.name[2:], joint.parent.replace("l_", "r_", 1), turns)


TREE: Tuple[Joint, ...] = _CENTRE + _LEFT + tuple(_right(joint) for joint in _LEFT)
ANGLES: Tuple[str, ...] = tuple(f"{joint.name}.{turn.name}" for joint in TREE for turn in joint.turns)
LIMITS: Array = np.array([(turn.low, turn.high) for joint in TREE for turn in joint.turns])
_SLOT = {name: slot for slot, name in enumerate(ANGLES)}

# Fractions of stature, from the ground up; they sum to 1.
_UPRIGHT = {
    "ankle": 0.039, "shin": 0.246, "thigh": 0.245, "lumbar": 0.150, "chest": 0.155, "neck": 0.035, "head": 0.130,
}
# Fractions of stature across the body and along the arms and feet. Shoulders and hips are joint centres,
# which lie inside the widths printed in the table.
_ACROSS = {"shoulder": 0.106, "hip": 0.054, "upper_arm": 0.186, "forearm": 0.146, "hand": 0.095, "foot": 0.152}
# Radii in mm of a man of 1.75 m and middling build, in his training suit.
_RADII = {
    "chest": 165, "waist": 140, "hips": 152, "neck": 56, "trapezius": 52, "shoulder": 58, "elbow": 45, "wrist": 34,
    "hand": 38, "thigh": 88, "knee": 60, "calf": 62, "ankle": 43, "heel": 42, "toe": 30,
}
_HEAD = {  # in head heights, from the upper neck: on the surface of the head's ellipsoid
    "head_top": (0.0, 0.0, 1.0), "nose": (0.50, 0.0, 0.44), "l_eye": (0.42, 0.15, 0.56), "l_ear": (0.02, 0.36, 0.50),
}


@dataclass(frozen=True, eq=False)
class Physique:
    """One person's measures in mm: where each joint lies in its parent's frame, and how thick the body is."""

    height: float
    offsets: Mapping[str, Array]
    radii: Mapping[str, float]

    @property
    def head(self) -> float:
        """Upper neck to top of the head, mm."""
        return float(np.linalg.norm(self.offsets["head_top"]))


def draw_physique(
    rng: np.random.Generator, height: Optional[float] = None, build: Optional[float] = None
) -> Physique:
    """A person of 1.5 to 1.95 m whose proportions differ by a few per cent from the table's.

    `height` in mm and `build`, the girth as a part of a middling one's, are drawn where they are not given.
    """
    if height is None:
        height = float(np.clip(rng.normal(1720, 100), 1500, 1950))
    upright = {name: part * rng.uniform(0.95, 1.05) for name, part in _UPRIGHT.items()}
    total = sum(upright.values())
    length = {name: height * part / total for name, part in upright.items()}
    length.update({name: height * part * rng.uniform(0.94, 1.06) for name, part in _ACROSS.items()})
    build = rng.uniform(0.86, 1.14) if build is None else build
    radii = {name: value * build * rng.uniform(0.95, 1.05) * height / 1750 for name, value in _RADII.items()}
    for name in ("neck", "heel", "toe", "hand", "wrist"):
        radii[name] /= np.sqrt(build)
    radii["heel"] = min(radii["heel"], length["ankle"])
    return Physique(height, _offsets(length, radii), radii)


# Radii in mm of a body of 1.75 m without clothes. `belly` and `bust` are how far these bulge forwards.
_BARE = {
    "chest": 152, "waist": 128, "hips": 148, "neck": 54, "trapezius": 52, "shoulder": 54, "elbow": 39, "wrist": 29,
    "hand": 36, "thigh": 80, "knee": 53, "calf": 57, "ankle": 37, "heel": 40, "toe": 31, "buttock": 66, "bust": 55,
    "belly": 40,
}
_LEAN = ("neck", "heel", "toe", "hand", "wrist", "ankle", "elbow", "knee", "calf", "shoulder", "trapezius")


def draw_varied_physique(
    rng: np.random.Generator, height: Optional[float] = None, build: Optional[float] = None
) -> Physique:
    """A person of 1.35 to 2.05 m, slight to stout, of broad or of narrow shoulders and hips.

    `height` in mm and `build`, the girth as a part of a middling one's, are drawn where they are not given.
    """
    if height is None:
        height = float(np.clip(rng.normal(1690, 120), 1350, 2050))
    if build is None:
        build = float(np.clip(np.exp(rng.normal(0, 0.13)), 0.78, 1.38))
    form = float(rng.uniform(-1, 1))  # from broad shoulders to broad hips
    length = _varied_lengths(rng, height, form)
    radii = {name: value * rng.uniform(0.94, 1.06) * height / 1750 for name, value in _BARE.items()}
    for name in radii:
        radii[name] *= build ** (0.45 if name in _LEAN else 1.0)
    for name, part in (("chest", -0.05), ("shoulder", -0.08), ("waist", -0.06), ("hips", 0.05), ("buttock", 0.1)):
        radii[name] *= 1 + part * form
    radii["bust"] *= 0.7 + 0.8 * max(form, 0)
    radii["belly"] *= build ** 2.5
    radii["heel"] = min(radii["heel"], length["ankle"])
    return Physique(height, _offsets(length, radii), radii)


def _varied_lengths(rng: np.random.Generator, height: float, form: float) -> Dict[str, float]:
    """As the table's, with longer or shorter legs; short people are younger, with larger heads."""
    upright = {name: part * rng.uniform(0.94, 1.06) for name, part in _UPRIGHT.items()}
    upright["head"] *= 1 + 0.3 * max(0.0, 1600 - height) / 300
    legs = rng.uniform(0.94, 1.06)
    upright.update({name: upright[name] * legs for name in ("shin", "thigh")})
    total = sum(upright.values())
    length = {name: height * part / total for name, part in upright.items()}
    length.update({name: height * part * rng.uniform(0.92, 1.08) for name, part in _ACROSS.items()})
    length["shoulder"] *= 1 - 0.07 * form
    length["hip"] *= 1 + 0.07 * form
    return length


def _offsets(length: Mapping[str, float], radii: Mapping[str, float]) -> Dict[str, Array]:
    head, ankle, foot = length["head"], length["ankle"], length["foot"]
    left: Dict[str, Tuple[float, ...]] = {
        "clavicle": (0, 0, 0), "shoulder": (0, length["shoulder"], -0.1 * length["shoulder"]),
        "elbow": (0, 0, -length["upper_arm"]), "wrist": (0, 0, -length["forearm"]), "hand": (0, 0, -length["hand"]),
        "hip": (0, length["hip"], 0), "knee": (0, 0, -length["thigh"]), "ankle": (0, 0, -length["shin"]),
        "heel": (-0.12 * foot, 0, radii["heel"] - ankle), "toe": (0.70 * foot, 0.06 * foot, radii["toe"] - ankle),
    }
    offsets: Dict[str, Tuple[float, ...]] = {
        "pelvis": (0, 0, 0), "lumbar": (0, 0, 0), "spine": (0, 0, length["lumbar"]), "thorax": (0, 0, length["chest"]),
        "cervical": (0, 0, 0), "neck": (0.25 * length["neck"], 0, 0.97 * length["neck"]),
    }
    offsets.update({f"l_{name}": where for name, where in left.items()})
    offsets.update({name: tuple(head * part for part in where) for name, where in _HEAD.items()})
    both = {name: np.array(where, float) for name, where in offsets.items()}
    flip = np.array([1.0, -1.0, 1.0])
    both.update({f"r_{name[2:]}": where * flip for name, where in both.items() if name.startswith("l_")})
    return both


@dataclass(frozen=True, eq=False)
class Posture:
    """Joints (..., 3) in mm and segment frames (..., 3, 3) by name; a frame's columns are its axes."""

    joints: Mapping[str, Array]
    frames: Mapping[str, Array]


def pack(angles: Mapping[str, float]) -> Array:
    """Named angles in degrees -> vector in the order of `ANGLES`, 0 for angles that are not named, kept within
    `LIMITS`."""
    vector = np.zeros(len(ANGLES))
    for name, value in angles.items():
        vector[_SLOT[name]] = value
    return limit(vector)


def limit(angles: Array) -> Array:
    """Angles (..., A) moved to the nearest that an anatomical joint allows."""
    return np.clip(angles, LIMITS[:, 0], LIMITS[:, 1])


def mirrored(angles: Array) -> Array:
    """The same pose with left and right exchanged, (..., A)."""
    return angles[..., _MIRROR] * _MIRROR_SIGN


_MIRROR = [_SLOT[{"l_": "r_", "r_": "l_"}.get(name[:2], name[:2]) + name[2:]] for name in ANGLES]
_MIRROR_SIGN = np.array([
    -1.0 if joint.name[:2] not in ("l_", "r_") and turn.axis != Y else 1.0 for joint in TREE for turn in joint.turns
])


def pose(physique: Physique, angles: Array, yaw: float = 0.0) -> Posture:
    """Forward kinematics, with the pelvis at the origin and the person facing `yaw` degrees from x towards y.

    Angles (..., A) in degrees give joints (..., 3) and frames (..., 3, 3).
    """
    cos, sin = np.cos(np.radians(angles)), np.sin(np.radians(angles))
    upright = _rotation(Z, np.cos(np.radians(yaw)), np.sin(np.radians(yaw)))
    joints: Dict[str, Array] = {"": np.zeros(angles.shape[:-1] + (3,))}
    frames: Dict[str, Array] = {"": np.broadcast_to(upright, angles.shape[:-1] + (3, 3))}
    for joint in TREE:
        joints[joint.name] = joints[joint.parent] + frames[joint.parent] @ physique.offsets[joint.name]
        frame = frames[joint.parent]
        for turn in joint.turns:
            slot = _SLOT[f"{joint.name}.{turn.name}"]
            frame = frame @ _rotation(turn.axis, cos[..., slot], turn.sign * sin[..., slot])
        frames[joint.name] = frame
    return Posture({k: v for k, v in joints.items() if k}, {k: v for k, v in frames.items() if k})


def _rotation(axis: int, cos: Array, sin: Array) -> Array:
    second, third = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.zeros(np.shape(cos) + (3, 3))
    matrix[..., axis, axis] = 1
    matrix[..., second, second] = matrix[..., third, third] = cos
    matrix[..., second, third], matrix[..., third, second] = -sin, sin
    return matrix
