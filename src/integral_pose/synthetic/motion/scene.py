"""A scene: people in world coordinates, what they sit on, and a camera.

The world's floor is z = 0, in mm.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Mapping, Protocol, Tuple

import numpy as np

from integral_pose.geometry import Array, Camera
from integral_pose.synthetic.drawing.figure import head_surface
from integral_pose.synthetic.drawing.raster import Slab
from integral_pose.synthetic.drawing.solids import Solids
from integral_pose.synthetic.motion.activities import Activity
from integral_pose.synthetic.motion.body import Physique, Posture, pose


class Outfit(Protocol):
    """What a person wears."""

    @property
    def colours(self) -> Mapping[str, Array]:
        """(3,) BGR 0-255 by part."""

    def solids(self, physique: Physique, posture: Posture) -> Solids:
        """The whole person, in the world of the posture."""


@dataclass(frozen=True, eq=False)
class Person:
    """A posed body in the world: joints in mm by name, its surface, and what it rests on."""

    physique: Physique
    posture: Posture
    outfit: Outfit
    solids: Solids
    seats: Tuple[Slab, ...]

    @property
    def joints(self) -> Mapping[str, Array]:
        """World positions (3,) in mm by name."""
        return self.posture.joints

    def pick(self, names: Tuple[str, ...]) -> Array:
        """World positions (K, 3) in mm of some joints."""
        return np.stack([self.posture.joints[name] for name in names])

    @property
    def head(self) -> Array:
        """Points (M, 3) in mm all over the head."""
        return head_surface(self.physique, self.posture)

    @property
    def outline(self) -> Array:
        """Points (M, 3) in mm that the whole body lies between."""
        tips = self.pick(("l_hand", "r_hand", "l_toe", "r_toe", "l_heel", "r_heel"))
        return np.concatenate([np.stack(list(self.posture.joints.values())), tips, self.head])


def draw_person(
    rng: np.random.Generator, activity: Activity, physique: Physique, outfit: Outfit, yaw: float,
    spot: Tuple[float, float] = (0.0, 0.0),
) -> Person:
    """A person of a given body doing something at a spot on the floor, facing `yaw` degrees from x towards y."""
    angles = activity.draw(rng)
    lift = activity.lift * rng.uniform(0.6 if activity.seat else 0, 1)
    person = place(physique, outfit, angles, yaw, spot, lift)
    return replace(person, seats=draw_seats(rng, activity.seat, person, yaw))


def place(
    physique: Physique, outfit: Outfit, angles: Array, yaw: float, spot: Tuple[float, float], lift: float = 0.0
) -> Person:
    """A person in a pose (A,) at a spot on the floor, whose lowest point is `lift` mm above it."""
    posture = pose(physique, angles, yaw)
    solids = outfit.solids(physique, posture)
    by = np.array([spot[0], spot[1], lift - solids.lowest])
    moved = Posture({name: where + by for name, where in posture.joints.items()}, posture.frames)
    return Person(physique, moved, outfit, solids.moved(by), ())


def draw_seats(rng: np.random.Generator, seat: str, person: Person, yaw: float) -> Tuple[Slab, ...]:
    """What is under a person who sits: for a "chair" a block, for a "saddle" its post too, for "" nothing."""
    if not seat:
        return ()
    pelvis = person.joints["pelvis"]
    height = float(pelvis[2]) - 0.72 * person.physique.radii["hips"]
    colour = rng.uniform(25, 190, 3)
    ahead = person.posture.frames["pelvis"][:, 0] * np.array([1, 1, 0])
    if seat == "saddle":
        post = Slab(np.array([pelvis[0], pelvis[1], 0]), np.array([22, 22]), height, yaw, colour)
        top = np.array([pelvis[0], pelvis[1], height - 40]) + 40 * ahead
        return post, Slab(top, np.array([140, 70]), 40, yaw, colour * 0.6)
    centre = np.array([pelvis[0], pelvis[1], 0]) - 20 * ahead
    return (Slab(centre, np.array([190, rng.uniform(200, 420)]), height, yaw, colour),)


def look_at(position: Array, target: Array, roll: float, focal: float, size: Tuple[int, int]) -> Camera:
    """A camera at `position` (3,) mm towards `target`, turned `roll` degrees, for pictures of (width, height) px."""
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, np.array([0.0, 0.0, 1.0]))
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    rotation = np.stack([cos * right + sin * down, cos * down - sin * right, forward])
    return Camera(rotation, position, (focal, focal), ((size[0] - 1) / 2, (size[1] - 1) / 2))
