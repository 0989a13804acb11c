"""One annotated person, and the steps from an image on disk to the network's input.

A `Jitter` is drawn first and applied once: it only moves the patch, so pixels are resampled a
single time and joints cannot drift from them.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Sequence, Tuple

import cv2
import numpy as np

from integral_pose.geometry import Array, Box, Camera, Patch
from integral_pose.skeletons import Skeleton

# ImageNet's mean and deviation, RGB on 0-255: the backbone was trained with them.
MEAN = np.array([123.675, 116.28, 103.53], np.float32)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32)
NO_GAINS = (1.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Pose:
    """A person's 3D pose, and the camera that saw them."""

    joints: Array  # (K, 3), camera mm
    camera: Camera
    action: str  # what the person does, as the data set names it
    moment: str = ""  # of the recording: the same for all cameras that saw it


@dataclass(frozen=True, eq=False)
class Sample:
    """One annotated person of K joints, whichever file it came from."""

    image: Path
    joints: Array  # (K, 2), image px, 0-based; whatever stands where `annotated` is 0 is ignored
    annotated: Array  # (K,), 1 where the joint was annotated, visible or not
    box: Box  # the square the network looks at, image px
    head_size: float = float("nan")  # px: 0.6 x the head box's diagonal; nan where there is no box
    pose: Optional[Pose] = None  # where the data set is 3D
    upright: bool = False  # `image` as it is seen, turned by its EXIF tag; else as it is stored


@dataclass(frozen=True)
class Jitter:
    """One draw of the augmentation of Sec. 5, Training."""

    shift: Tuple[float, float] = (0.0, 0.0)  # fractions of the box
    scale: float = 1.0  # of the box's side
    turn: float = 0.0  # degrees
    mirror: bool = False
    gains: Tuple[float, float, float] = NO_GAINS  # of R, G and B
    cover: Tuple[float, ...] = ()  # a rectangle painted over: left, top, width, height, fractions; then B, G, R


@dataclass(frozen=True)
class Augmentation:
    """How far a `Jitter` may go either way."""

    shift: float = 0.02
    scale: float = 0.25
    turn: float = 30.0
    mirror: bool = True
    colour: float = 0.0
    occlusion: float = 0.0  # probability of a `cover`
    widest: float = 1.0  # times as wide, log-uniform from 1

    def draw(self, rng: np.random.Generator) -> Jitter:
        """Every quantity is uniform within its bounds; one call consumes a fixed number of draws."""
        unit = rng.uniform(-1, 1, size=7)
        coin = rng.uniform() < 0.5
        covered = rng.uniform() < self.occlusion  # drawn last, so that runs without it draw as they did before
        cover = _cover(rng) if covered else ()
        wider = self.widest ** rng.uniform() if self.widest > 1 else 1.0
        return Jitter(
            shift=(self.shift * unit[0] * wider, self.shift * unit[1] * wider),
            scale=(1 + self.scale * unit[2]) * wider,
            turn=self.turn * unit[3],
            mirror=bool(self.mirror and coin),
            gains=tuple(1 + self.colour * unit[4:]),
            cover=cover,
        )


def _cover(rng: np.random.Generator) -> Tuple[float, ...]:
    """A rectangle of a tenth to two fifths of the patch each way, and a colour."""
    width, height = rng.uniform(0.1, 0.4, size=2)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, 1 - height)
    return (left, top, width, height, *rng.uniform(0, 255, size=3))


def patch_of(
    sample: Sample, size: int, jitter: Jitter = Jitter(), width: int = 0, corner: bool = False
) -> Patch:
    """The patch of `size` px that shows the person, moved by the jitter; `width` and `corner` as `Patch` has them."""
    box = sample.box.fitted(width / size) if width else sample.box
    moved = Box(
        box.x + jitter.shift[0] * box.side,
        box.y + jitter.shift[1] * box.side,
        box.side * jitter.scale,
        box.span * jitter.scale,
        box.z,
    )
    return Patch(moved, size, jitter.turn, jitter.mirror, width, corner)


def cut(image: Array, patch: Patch) -> Array:
    """The patch's pixels, (size, width, 3) BGR uint8; black outside the image."""
    return cv2.warpAffine(image, patch.matrix, (patch.columns, patch.size), flags=cv2.INTER_LINEAR)


def paint_over(pixels: Array, cover: Tuple[float, ...]) -> Array:
    """The patch (size, width, 3) with a `Jitter.cover` painted into it, in place."""
    if cover:
        left, top, width, height = (round(of * part) for of, part in zip(pixels.shape[1::-1] * 2, cover[:4]))
        pixels[top:top + height, left:left + width] = cover[4:]
    return pixels


def normalise(
    pixels: Array, gains: Tuple[float, float, float] = NO_GAINS, out: Optional[Array] = None, colours: str = "rgb"
) -> Array:
    """(h, w, 3) BGR uint8 -> (3, h, w) float32, as the backbone expects it; written into `out`.

    Args:
        colours: the order of the result's channels; the first gets red's mean and deviation, whichever it is, as in
            programs that left the channels as OpenCV reads them.
    """
    tables = _TABLES if gains == NO_GAINS else _tables(gains)
    normalised = np.empty((3, *pixels.shape[:2]), np.float32) if out is None else out
    for channel, table in enumerate(tables):
        cv2.LUT(cv2.extractChannel(pixels, "bgr".index(colours[channel])), table, dst=normalised[channel])
    return normalised


def _tables(gains: Tuple[float, float, float]) -> Array:
    """What becomes of the 256 values of R, G and B, (3, 256) float32: a fifth of the time of computing every pixel."""
    values = np.arange(256, dtype=np.float32)[:, None]
    if gains != NO_GAINS:
        values = np.clip(values * np.array(gains, np.float32), 0, 255)
    return np.ascontiguousarray(((values - MEAN) / DEVIATION).T)


_TABLES = _tables(NO_GAINS)


def encode(
    sample: Sample, patch: Patch, skeleton: Skeleton, coordinates: int = 2, absent: bool = False
) -> Tuple[Array, Array]:
    """The joints as the network should predict them, in C = 2 or 3 coordinates.

    Args:
        absent: joints outside the patch have a weight too, and fractions below 0 or above 1: they are known not to be
            in it.

    Returns:
        fractions of the patch (K, C) float32, and weights (K, C) float32, 1 where a coordinate is known: the joint was
        annotated, lies inside the patch and, for its depth, inside the patch's depth. The depth of a person without a
        3D pose is not known. In a mirrored patch left and right have changed places.
    """
    fractions = np.full((len(sample.joints), coordinates), np.nan)
    fractions[:, :2] = patch.to_fraction(sample.joints)
    if coordinates == 3 and sample.pose:
        depths = sample.pose.joints[:, 2]
        fractions[:, 2] = patch.to_depth_fraction(depths - depths[skeleton.index(skeleton.root)])
    annotated = sample.annotated > 0
    if patch.mirror:
        order = list(skeleton.mirror)
        fractions, annotated = fractions[order], annotated[order]
    with np.errstate(invalid="ignore"):  # a depth that is not known is nan
        inside = (fractions >= 0) & (fractions < 1)
    counted = annotated if absent else annotated & inside[:, :2].all(axis=1)
    known = (inside | absent) & counted[:, None]
    return np.where(known, fractions, 0.5).astype(np.float32), known.astype(np.float32)


def truth(samples: Sequence[Sample]) -> Tuple[Array, Array, Array]:
    """What is known of people: joints (N, K, 2) in image px, which are annotated (N, K), and head sizes (N,) in px."""
    joints, annotated = (np.stack([getattr(sample, name) for sample in samples]) for name in ("joints", "annotated"))
    return joints, annotated, np.array([sample.head_size for sample in samples])


def decode(fractions: Array, patch: Patch, skeleton: Skeleton) -> Array:
    """Fractions of the patch (K, 2) -> image px (K, 2); inverse of `encode`."""
    joints = patch.to_image(fractions)
    return joints[list(skeleton.mirror)] if patch.mirror else joints


def decode_pose(fractions: Array, patch: Patch, skeleton: Skeleton, pose: Pose) -> Array:
    """Fractions of the patch (K, 3) -> camera mm (K, 3), given the camera and the root's depth in `pose`."""
    depths = patch.to_depth(fractions[:, 2]) + pose.joints[skeleton.index(skeleton.root), 2]
    if patch.mirror:
        depths = depths[list(skeleton.mirror)]
    return pose.camera.unproject(decode(fractions[:, :2], patch, skeleton), depths)
