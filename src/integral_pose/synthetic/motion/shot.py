"""One person before one camera, as in MPII."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from integral_pose.geometry import Array, Camera
from integral_pose.synthetic.motion.cast import SUITED, Cast
from integral_pose.synthetic.motion.scene import Person, look_at


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture's people and its camera; `size` is (width, height) in px."""

    people: Tuple[Person, ...]
    camera: Camera
    size: Tuple[int, int]


def draw_shot(rng: np.random.Generator, size: Tuple[int, int] = (320, 320), cast: Cast = SUITED) -> Shot:
    """One person, 150 to 230 px tall if they stood, mostly facing the camera and mostly inside the picture."""
    turned = rng.uniform() < 0.15
    yaw = rng.uniform(-180, 180) if turned else float(np.clip(rng.normal(0, 38), -75, 75))
    person = cast.draw_person(rng, yaw)
    pitch, distance = np.radians(rng.uniform(-5, 25)), rng.uniform(3200, 8000)
    outline = person.outline
    middle = (outline.min(axis=0) + outline.max(axis=0)) / 2
    position = middle + distance * np.array([np.cos(pitch), 0, np.sin(pitch)])
    position[2] = max(position[2], 250.0)
    focal = rng.uniform(150, 230) * size[1] / 320 * distance / person.physique.height
    camera = look_at(position, middle, float(rng.normal(0, 2)), focal, size)
    return Shot((person,), _framed(rng, camera, outline, size), size)


def _framed(rng: np.random.Generator, camera: Camera, outline: Array, size: Tuple[int, int]) -> Camera:
    """The camera with its principal point moved, as a crop moves it; seven people in eight are wholly inside."""
    pixels = camera.project(camera.from_world(outline))
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    room = np.maximum(np.array(size) - (high - low), 0)
    spill = 25 if rng.uniform() < 0.12 else -4
    reach = np.minimum(np.maximum(room / 2 + spill, 0), 60)
    shift = np.array(size) / 2 - (low + high) / 2 + rng.uniform(-1, 1, 2) * reach
    centre = np.array(camera.centre) + shift
    return Camera(camera.rotation, camera.position, camera.focal, (float(centre[0]), float(centre[1])))
