"""Heads with a face: eyes, nose, mouth, hair, glasses and hats."""
from __future__ import annotations

from typing import Tuple

from integral_pose.synthetic.clothing.model import Model, Spot, Triple
from integral_pose.synthetic.clothing.wardrobe import Clothes
from integral_pose.synthetic.drawing.solids import BALL, BOX

# The head's ellipsoid, in head heights: its centre from the upper neck, and its half axes.
CENTRE, AXES = (0.07, 0.0, 0.50), (0.42, 0.345, 0.50)


class _Head:
    """Adds parts to a model in head heights from the upper neck."""

    def __init__(self, model: Model, height: float) -> None:
        self.model, self.height = model, height

    def spot(self, x: float, y: float, z: float) -> Spot:
        return Spot("neck", self.height * x, self.height * y, self.height * z)

    def _sized(self, half: Triple) -> Triple:
        return self.height * half[0], self.height * half[1], self.height * half[2]

    def ball(self, where: Triple, half: Triple, colour: str) -> int:
        return self.model.ball(self.spot(*where), self._sized(half), colour)

    def mark(self, part: int, where: Triple, half: Triple, colour: str, norm: int = BALL) -> None:
        self.model.mark(part, self.spot(*where), self._sized(half), colour, norm)

    def capsule(self, start: Triple, end: Triple, radii: Tuple[float, float], colour: str, axes: Triple) -> None:
        thick = self.height * radii[0], self.height * radii[1]
        self.model.capsule(self.spot(*start), self.spot(*end), thick, colour, axes)


def add_head(model: Model, height: float, clothes: Clothes) -> None:
    """A head of `height` mm on the model's neck."""
    head = _Head(model, height)
    skull = head.ball(CENTRE, AXES, "skin")
    jaw = head.ball((0.12, 0, 0.22), (0.30, 0.24, 0.24), "skin")
    _face(head, skull, jaw, clothes)
    if clothes.hair != "bald":
        _hair(head, skull, clothes)
    if clothes.hat:
        _hat(head, clothes.hat)


def _face(head: _Head, skull: int, jaw: int, clothes: Clothes) -> None:
    whole = (1, 1, 1)
    head.capsule((0.46, 0, 0.54), (0.52, 0, 0.42), (0.035, 0.065), "skin", whole)
    if "beard" in clothes.face:
        for part in (skull, jaw):
            head.mark(part, (0.22, 0, 0.10), (0.42, 0.36, 0.27), "brow")
    head.mark(jaw, (0.42, 0, 0.22), (0.2, 0.13, 0.035), "lips")
    head.mark(skull, (0.45, 0, 0.22), (0.2, 0.13, 0.035), "lips")
    shades = "shades" in clothes.face
    if "glasses" in clothes.face or shades:
        head.mark(skull, (0.45, 0, 0.57), (0.22, 0.40, 0.02), "dark", BOX)
    for side in (1, -1):
        head.ball((0.02, 0.345 * side, 0.48), (0.09, 0.05, 0.12), "skin")
        head.mark(skull, (0.42, 0.16 * side, 0.57), (0.2, 0.125, 0.10), "dark" if shades else "socket")
        if not shades:
            head.mark(skull, (0.42, 0.15 * side, 0.56), (0.2, 0.085, 0.05), "white")
            head.mark(skull, (0.42, 0.148 * side, 0.56), (0.2, 0.042, 0.05), "iris")
            head.mark(skull, (0.42, 0.15 * side, 0.675), (0.2, 0.11, 0.025), "brow", BOX)


def _hair(head: _Head, skull: int, clothes: Clothes) -> None:
    style = clothes.hair
    if style == "afro":
        head.ball((-0.06, 0, 0.66), (0.52, 0.54, 0.52), "hair")
        return
    head.ball((-0.02, 0, 0.585), (0.41, 0.375, 0.46), "hair")
    head.ball((0.11, 0, 0.80), (0.33, 0.31, 0.22), "hair")
    head.mark(skull, (-0.5, 0, 0.5), (0.5, 1, 0.42), "hair", BOX)
    if style in ("long", "bob"):
        ends = -0.32 if style == "long" else 0.08
        head.capsule((-0.16, 0, 0.45), (-0.22, 0, ends), (0.39, 0.28 if style == "long" else 0.36), "hair", (0.6, 1, 1))
    if style == "bun":
        head.ball((-0.38, 0, 0.84), (0.19, 0.19, 0.19), "hair")
    if style == "tail":
        head.capsule((-0.42, 0, 0.72), (-0.55, 0, 0.02), (0.14, 0.08), "hair", (1, 1, 1))


def _hat(head: _Head, kind: str) -> None:
    head.ball((0.02, 0, 0.70), (0.45, 0.40, 0.42), "hat")
    if kind == "cap":
        head.capsule((0.34, 0, 0.74), (0.58, 0, 0.70), (0.30, 0.24), "hat", (1, 1, 0.13))
    else:
        head.ball((0.0, 0, 1.13), (0.13, 0.13, 0.13), "trim")
