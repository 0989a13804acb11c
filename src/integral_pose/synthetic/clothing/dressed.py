"""A person in ordinary clothes as a model: front and back, but not left and right, can be told by what is worn."""
from __future__ import annotations

from dataclasses import dataclass
from typing import List, Mapping, Sequence, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.synthetic.clothing.heads import add_head
from integral_pose.synthetic.clothing.model import Model, Spot
from integral_pose.synthetic.clothing.wardrobe import Clothes, draw_clothes
from integral_pose.synthetic.drawing.solids import BALL, BOX, DIAMOND, Solids
from integral_pose.synthetic.motion.body import Physique, Posture

_FAR = 600.0  # mm: further than any surface from the middle of its part
_END = (1.0, 1.0, 0.3)  # axes of cloth that ends across a limb
_SIDES = (("l", 1), ("r", -1))


@dataclass(frozen=True, eq=False)
class Dressed:
    """Clothes to be put on a body."""

    clothes: Clothes

    @property
    def colours(self) -> Mapping[str, Array]:
        """(3,) BGR 0-255 by part."""
        return self.clothes.colours

    def solids(self, physique: Physique, posture: Posture) -> Solids:
        """As `scene.Outfit`."""
        return solids_of(physique, posture, self.clothes)


def draw_dressed(rng: np.random.Generator) -> Dressed:
    """Ordinary clothes, drawn."""
    return Dressed(draw_clothes(rng))


def solids_of(physique: Physique, posture: Posture, clothes: Clothes) -> Solids:
    """The whole person, in the world of the posture."""
    model = Model(clothes.colours)
    _Trunk(model, physique, clothes).add()
    add_head(model, physique.head, clothes)
    for side, sign in _SIDES:
        _arm(model, physique, clothes, side)
        _leg(model, physique, clothes, side, sign)
        _foot(model, physique, clothes, side)
    if clothes.bottom.kind == "skirt":
        _skirt(model, physique, clothes)
    return model.solids(posture)


class _Trunk:
    """Chest, belly, hips and neck; parts that cloth covers are kept, as prints go across all of them."""

    def __init__(self, model: Model, physique: Physique, clothes: Clothes) -> None:
        self.model, self.radii, self.clothes, self.top = model, physique.radii, clothes, clothes.top
        self.offsets = physique.offsets
        self.upper: List[int] = []
        self.lower: List[int] = []

    def add(self) -> None:
        self._hips()
        self._body()
        self._neck()
        self._pattern()
        self._front()
        if self.clothes.pack:
            self._pack()

    def _hips(self) -> None:
        model, hips, waist = self.model, self.radii["hips"], self.radii["waist"]
        block = model.capsule(
            Spot("pelvis", z=-10), Spot("pelvis", z=70), (hips, waist * 1.02), "legs", (0.72, 1, 0.8)
        )
        belt = "belt" if self.clothes.bottom.kind in ("trousers", "shorts") else "legs"
        model.mark(block, Spot("pelvis", z=78), (_FAR, _FAR, 16), belt)
        model.mark(block, Spot("pelvis", hips * 0.7, 0, 78), (60, 22, 20), "white")
        model.mark(block, Spot("pelvis", _FAR), (_FAR, 7, 70), "leg trim")
        for _, sign in _SIDES:
            size = self.radii["buttock"]
            behind = Spot("pelvis", -0.36 * hips, 0.42 * sign * hips, -0.22 * hips)
            cheek = model.ball(behind, (size, 1.1 * size, 1.1 * size), "legs")
            if self.clothes.bottom.detail in ("seams", "worn"):
                model.mark(cheek, Spot("pelvis", -hips, 0.42 * sign * hips, -0.1 * hips), (80, 42, 46), "leg trim")

    def _body(self) -> None:
        model, radii, ease = self.model, self.radii, self.top.ease
        chest, waist, hips = radii["chest"], radii["waist"], radii["hips"]
        ribs, lumbar = Spot("spine", z=20), Spot("lumbar", z=60)
        breast = Spot("thorax", z=-0.62 * chest)
        self.upper.append(model.capsule(ribs, breast, (waist * 0.98 * ease, chest * ease), "top", (0.64, 1, 0.9)))
        self.lower.append(model.capsule(lumbar, ribs, (waist * 1.02 * ease, waist * 0.98 * ease), "top", (0.7, 1, 1)))
        if self.top.drop > 0:
            end = Spot("pelvis", z=-self.top.drop * hips)
            widths = waist * 1.03 * ease, hips * 1.03 * ease
            self.lower.append(model.capsule(lumbar, end, widths, "top", (0.75, 1, 0.3)))
        belly = radii["belly"]
        if belly > 0.4 * waist:
            middle = Spot("lumbar", 0.42 * waist, 0, 0.5 * self.offsets["spine"][2])
            self.lower.append(model.ball(middle, (belly * ease, 0.9 * waist * ease, 0.9 * waist), "top"))
        for side, sign in _SIDES:
            bust = radii["bust"]
            middle = Spot("thorax", 0.36 * chest, 0.42 * sign * chest, -0.75 * chest)
            self.upper.append(model.ball(middle, (bust * ease, 0.46 * chest * ease, 0.42 * chest), "top"))
            thick = radii["trapezius"] * 1.15, radii["shoulder"] * 0.97 * ease
            self.upper.append(model.capsule(Spot("thorax", z=-25), Spot(f"{side}_shoulder"), thick, "top"))

    def _neck(self) -> None:
        model, neck, collar = self.model, self.radii["neck"], self.top.collar
        model.capsule(Spot("thorax", z=-35), Spot("neck", z=35), (neck * 1.05, neck * 0.95), "skin")
        if collar == "hood":
            model.ball(Spot("thorax", -1.5 * neck, 0, 0.9 * neck), (1.1 * neck, 2.1 * neck, 1.0 * neck), "top")
        height = {"roll": 0.85, "shirt": 0.55}.get(collar, 0.3) * neck
        ring = model.ball(Spot("thorax", z=0.5 * neck), (1.35 * neck, 1.4 * neck, height), "trim")
        if collar == "shirt":
            model.mark(ring, Spot("thorax", 1.4 * neck, 0, 0.5 * neck), (0.8 * neck, 0.5 * neck, _FAR), "skin", BALL)

    def _stripe(
        self, parts: Sequence[int], joint: str, half: float, colour: str, z: Tuple[float, float] = (-_FAR, _FAR)
    ) -> None:
        """An upright strip in the middle of the front, `half` mm to each side, between two heights."""
        centre = Spot(joint, _FAR, 0, (z[0] + z[1]) / 2)
        for part in parts:
            self.model.mark(part, centre, (_FAR, half, (z[1] - z[0]) / 2), colour)

    def _pattern(self) -> None:
        model, top = self.model, self.top
        chest = self.radii["chest"]
        if top.pattern == "stripes":
            for part in self.upper + self.lower:
                model.mark(part, Spot("spine"), (_FAR, _FAR, 0.17 * chest), "trim", BOX, 0.62 * chest)
        if top.pattern == "yoke":
            for part in self.upper:
                model.mark(part, Spot("thorax", z=_FAR - 0.45 * chest), (_FAR, _FAR, _FAR), "trim")
        for part in self.upper + self.lower:
            for _, sign in _SIDES:
                model.mark(part, Spot("spine", 0, sign * _FAR), (9, _FAR - 0.6 * chest, _FAR), "trim")

    def _opening(self, width: float, depth: float, colour: str) -> None:
        """A V below the neck, in mm."""
        chest = self.radii["chest"]
        for part in self.upper:
            self.model.mark(part, Spot("thorax", 0.66 * chest, 0, 20), (chest, width, depth), colour, DIAMOND)

    def _front(self) -> None:
        model, top, chest = self.model, self.top, self.radii["chest"]
        if "open" in top.front:
            self._open_jacket()
        elif top.front in ("buttons", "tie", "zip"):
            half = 17.0 if top.front == "zip" else 24.0
            for joint, parts in (("thorax", self.upper), ("lumbar", self.lower)):
                self._stripe(parts, joint, half, "trim")
        if top.collar in ("v", "shirt", "hood"):
            self._opening(0.5 * chest, 0.85 * chest if top.collar == "v" else 0.5 * chest, "skin")
        if "tie" in top.front:
            self._stripe(self.upper, "thorax", 30, "tie", (-_FAR, -0.1 * chest))
            self._stripe(self.lower, "lumbar", 34, "tie", (60, _FAR))
        if top.front == "buttons":
            for part in self.upper + self.lower:
                model.mark(part, Spot("spine", 0.66 * chest), (0.5 * chest, 11, 11), "white", BALL, 85)
        if top.front == "logo":
            printed = (0.75 * chest, 0.6 * chest, 0.42 * chest)
            for part in self.upper:
                norm = BALL if top.ease > 1.04 else BOX
                model.mark(part, Spot("thorax", 0.75 * chest, 0, -0.85 * chest), printed, "print", norm)
        if top.front == "pouch":
            for part in self.lower:
                model.mark(part, Spot("lumbar", _FAR, 0, 60), (_FAR, 0.7 * chest, 75), "trim")

    def _open_jacket(self) -> None:
        chest = self.radii["chest"]
        self._opening(0.75 * chest, 1.9 * chest, "trim")
        for joint, parts in (("thorax", self.upper), ("lumbar", self.lower)):
            self._stripe(parts, joint, 0.36 * chest, "under")
        self._opening(0.6 * chest, 1.7 * chest, "under")

    def _pack(self) -> None:
        chest, waist = self.radii["chest"], self.radii["waist"]
        self.model.capsule(
            Spot("thorax", -1.05 * chest, 0, -0.35 * chest), Spot("spine", -1.2 * waist, 0, 10),
            (0.8 * chest, 0.85 * chest), "pack", (0.62, 1, 0.6),
        )
        for part in self.upper:
            for _, sign in _SIDES:
                centre = Spot("thorax", _FAR - 40, 0.55 * sign * chest)
                self.model.mark(part, centre, (_FAR, 20, 0.9 * chest), "pack")


def _limb(
    model: Model, joint: str, length: float, radii: Tuple[float, float], skin: str, cover: Tuple[float, float, str]
) -> Tuple[int, ...]:
    """One segment down from a joint, covered with cloth for a part of its length; the numbers of the cloth's parts.

    `cover` is that part, the cloth's girth as a part of the limb's, and its colour.
    """
    part, ease, colour = cover
    start, end = Spot(joint), Spot(joint, z=-length)
    if part >= 1:
        return (model.capsule(start, end, (radii[0] * ease, radii[1] * ease), colour),)
    model.capsule(start, end, radii, skin)
    if part <= 0:
        return ()
    reached = radii[0] + part * (radii[1] - radii[0])
    wide = max(radii[0], reached) * ease, reached * ease + 4
    cloth = model.capsule(start, Spot(joint, z=-part * length), wide, colour, _END)
    return cloth, model.ball(start, (wide[0], wide[0], wide[0]), colour)


def _arm(model: Model, physique: Physique, clothes: Clothes, side: str) -> None:
    radii, top = physique.radii, clothes.top
    upper, fore, hand = (-float(physique.offsets[f"{side}_{name}"][2]) for name in ("elbow", "wrist", "hand"))
    shoulder, elbow, wrist = (f"{side}_{name}" for name in ("shoulder", "elbow", "wrist"))
    girth = max(top.ease, 1.04) * 1.06
    sleeves = list(_limb(
        model, shoulder, upper, (radii["shoulder"], radii["elbow"]), "skin", (top.sleeves, girth, "top")
    ))
    if top.sleeves <= 0:
        sleeves.append(model.ball(Spot(shoulder), (radii["shoulder"],) * 3, "skin"))
    lower = _limb(model, elbow, fore, (0.97 * radii["elbow"], radii["wrist"]), "skin", (top.sleeves - 1, girth, "top"))
    for part in lower:
        model.mark(part, Spot(elbow, z=-fore), (_FAR, _FAR, 30), "trim")
    if top.pattern == "stripes":
        for part, joint in [(part, shoulder) for part in sleeves] + [(part, elbow) for part in lower]:
            model.mark(part, Spot(joint), (_FAR, _FAR, 26), "trim", BOX, 95)
    _hand(model, wrist, hand, radii["hand"])


def _hand(model: Model, joint: str, length: float, size: float) -> None:
    palm = Spot(joint, z=-0.45 * length)
    model.capsule(Spot(joint), palm, (size * 0.8, size * 1.12), "skin", (1, 0.55, 1))
    model.capsule(palm, Spot(joint, z=-length), (size * 1.05, size * 0.6), "skin", (1, 0.5, 1))
    thumb = Spot(joint, 1.4 * size, 0, -0.45 * length)
    model.capsule(Spot(joint, z=-0.3 * length), thumb, (size * 0.4, size * 0.3), "skin")


def _leg(model: Model, physique: Physique, clothes: Clothes, side: str, sign: int) -> None:
    radii, bottom = physique.radii, clothes.bottom
    thigh, shin = (-float(physique.offsets[f"{side}_{name}"][2]) for name in ("knee", "ankle"))
    hip, knee = f"{side}_hip", f"{side}_knee"
    length = 0.25 if bottom.kind == "skirt" else bottom.length
    upper = _limb(model, hip, thigh, (radii["thigh"], radii["knee"]), "skin", (length, bottom.ease, "legs"))
    lower = _shin(model, physique, clothes, knee, shin)
    if length < 1:
        model.ball(Spot(knee, 0.25 * radii["knee"]), (0.95 * radii["knee"],) * 3, "skin")
    for parts, joint, reach in ((upper, hip, thigh), (lower, knee, shin)):
        for part in parts:
            _leg_detail(model, part, Spot(joint, z=-reach / 2), bottom.detail, sign)


def _leg_detail(model: Model, part: int, middle: Spot, detail: str, sign: int) -> None:
    """A crease in front, a stripe on the outer side, or cloth that is worn in front."""
    if detail == "seams":
        model.mark(part, Spot(middle.joint, _FAR), (_FAR, 8, _FAR), "leg trim")
    elif detail == "stripe":
        model.mark(part, Spot(middle.joint, 0, sign * _FAR), (22, _FAR, _FAR), "leg trim")
    elif detail == "worn":
        model.mark(part, Spot(middle.joint, 80, 0, middle.z), (75, 50, -0.8 * middle.z), "leg trim", BALL)


def _shin(model: Model, physique: Physique, clothes: Clothes, knee: str, length: float) -> Tuple[int, ...]:
    radii, bottom = physique.radii, clothes.bottom
    covered = bottom.length - 1 if bottom.kind != "skirt" else 0.0
    top, ankle = Spot(knee), Spot(knee, z=-length)
    if covered > 0.85 and bottom.kind == "trousers":
        ends = radii["knee"] * bottom.ease * 0.98, radii["ankle"] * bottom.flare
        return (model.capsule(top, Spot(knee, z=-covered * length), ends, "legs", (1, 1, 0.6)),)
    calf = Spot(knee, -0.3 * radii["calf"], 0, -0.3 * length)
    cloth = "legs" if covered > 0.85 else "skin"
    parts = (
        model.capsule(top, calf, (0.97 * radii["knee"], radii["calf"]), cloth),
        model.capsule(calf, ankle, (radii["calf"], radii["ankle"]), cloth),
    )
    if cloth == "skin":
        for part in parts:
            model.mark(part, ankle, (_FAR, _FAR, 0.3 * length), "socks")
        if covered > 0:
            widths = radii["knee"] * bottom.ease, radii["calf"] * bottom.ease + 4
            return (model.capsule(top, Spot(knee, z=-covered * length), widths, "legs", _END),)
        return ()
    return parts


def _foot(model: Model, physique: Physique, clothes: Clothes, side: str) -> None:
    radii, joint = physique.radii, f"{side}_ankle"
    heel, toe = (physique.offsets[f"{side}_{name}"] for name in ("heel", "toe"))
    back, front = (Spot(joint, *(float(value) for value in place)) for place in (heel, toe))
    parts = [
        model.capsule(back, front, (radii["heel"], radii["toe"] * 1.1), "shoes"),
        model.capsule(Spot(joint, z=-15), Spot(joint, 0.6 * front.x, 0.6 * front.y, front.z), (
            radii["ankle"] * 0.95, radii["toe"]), "shoes"),
        model.capsule(back, Spot(joint, -5, 0, 0.2 * heel[2]), (radii["heel"], radii["ankle"] * 0.95), "shoes"),
    ]
    floor = float(heel[2]) - radii["heel"]
    for part in parts:
        model.mark(part, Spot(joint, z=floor), (_FAR, _FAR, 24), "sole")
        model.mark(part, Spot(joint, front.x - 20, 0, floor), (70, _FAR, 62), "sole", BALL)
        model.mark(part, Spot(joint, 0.35 * front.x, front.y / 2, 20), (0.3 * front.x, 16, 60), "sole")
    if clothes.boots and clothes.bottom.length < 1.8:
        knee, shin = f"{side}_knee", -float(physique.offsets[joint][2])
        wide = radii["calf"] * 1.02, radii["ankle"] * 1.25
        model.capsule(Spot(knee, -4, 0, -0.62 * shin), Spot(knee, z=-shin), wide, "shoes", _END)


def _skirt(model: Model, physique: Physique, clothes: Clothes) -> None:
    """Cloth around each thigh, and between them."""
    hips, length = physique.radii["hips"], clothes.bottom.length
    wide = 0.6 * hips * np.sqrt(clothes.bottom.flare)
    ends = []
    for side, sign in _SIDES:
        hip = f"{side}_hip"
        end = Spot(hip, z=length * float(physique.offsets[f"{side}_knee"][2]))
        ends.append(end)
        start = Spot(hip, 0, -0.2 * sign * hips, 0)
        part = model.capsule(start, end, (0.66 * hips, wide), "legs", _END)
        if clothes.bottom.detail != "plain":
            model.mark(part, end, (_FAR, _FAR, 22), "leg trim")
    model.capsule(ends[0], ends[1], (wide, wide), "legs", _END)
