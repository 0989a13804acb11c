"""Ordinary clothes: what somebody wears and looks like, the same on the left and on the right."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.synthetic.drawing.colours import HAIR, SKIN, bgr, draw_cloth, pick, trim


@dataclass(frozen=True)
class Top:
    """What covers trunk and arms. Lengths of sleeves count from the shoulder: 1 at the elbow, 2 at the wrist."""

    sleeves: float
    ease: float  # its girth as a part of the body's
    collar: str  # "crew", "v", "shirt", "hood" or "roll"
    front: str  # "plain", "buttons", "zip", "open", "tie", "logo" or "pouch"
    pattern: str  # "plain", "stripes" or "yoke"
    drop: float  # how far it hangs below the pelvis, as a part of the hips' radius; less than 0 is tucked in


@dataclass(frozen=True)
class Bottom:
    """What covers the legs, down to a length that counts from the hip: 1 at the knee, 2 at the ankle."""

    kind: str  # "trousers", "shorts", "tights" or "skirt"
    length: float
    ease: float
    flare: float  # girth at the lower end as a part of the leg's
    detail: str  # "seams", "stripe", "worn" or "plain"


@dataclass(frozen=True, eq=False)
class Clothes:
    """A person's clothes, hair and what they carry; `colours` are (3,) BGR 0-255 by part."""

    colours: Mapping[str, Array]
    top: Top
    bottom: Bottom
    hair: str  # "short", "long", "bob", "bun", "tail", "afro" or "bald"
    face: Tuple[str, ...]  # of "beard", "glasses" and "shades"
    hat: str  # "cap", "beanie" or "" for none
    boots: bool
    pack: bool


_Odds = Tuple[Tuple[str, float], ...]
_TOPS: Dict[str, Tuple[Tuple[float, float], Tuple[str, ...], Tuple[str, ...]]] = {  # sleeves, collars, fronts
    "t-shirt": ((0.35, 0.6), ("crew", "crew", "v"), ("logo", "logo", "plain")),
    "tank": ((0.0, 0.0), ("v", "v", "crew"), ("plain", "logo")),
    "shirt": ((1.85, 2.0), ("shirt",), ("buttons", "buttons", "tie")),
    "short shirt": ((0.45, 0.7), ("shirt",), ("buttons",)),
    "sweater": ((1.9, 2.0), ("crew", "v", "roll"), ("plain", "logo")),
    "hoodie": ((1.9, 2.0), ("hood",), ("zip", "pouch")),
    "jacket": ((1.9, 2.0), ("shirt",), ("open", "open", "zip")),
    "suit": ((1.95, 2.0), ("shirt",), ("open tie",)),
}
_TOP_ODDS: _Odds = tuple(zip(_TOPS, (0.26, 0.1, 0.14, 0.1, 0.12, 0.1, 0.12, 0.06)))
_HAIR_ODDS: _Odds = (
    ("short", 0.46), ("long", 0.15), ("bob", 0.1), ("bun", 0.07), ("tail", 0.1), ("afro", 0.05), ("bald", 0.07),
)
_HAT_ODDS: _Odds = (("", 0.84), ("cap", 0.1), ("beanie", 0.06))
_PATTERN_ODDS: _Odds = (("plain", 0.68), ("stripes", 0.17), ("yoke", 0.15))
_BOTTOM_ODDS: _Odds = (("trousers", 0.58), ("shorts", 0.22), ("tights", 0.08), ("skirt", 0.12))
_DETAIL_ODDS: _Odds = (("seams", 0.35), ("stripe", 0.2), ("worn", 0.25), ("plain", 0.2))


def _one_of(rng: np.random.Generator, odds: _Odds) -> str:
    """A word, as often as its weight; numpy's own choice takes ten times as long."""
    left = rng.uniform() * sum(weight for _, weight in odds)
    for word, weight in odds:
        left -= weight
        if left < 0:
            return word
    return odds[-1][0]


def _any(rng: np.random.Generator, words: Tuple[str, ...]) -> str:
    return words[int(rng.integers(len(words)))]


def draw_clothes(rng: np.random.Generator) -> Clothes:
    """Somebody's skin, hair and clothes."""
    name = _one_of(rng, _TOP_ODDS)
    top, bottom = _draw_top(rng, name), _draw_bottom(rng)
    faces = [word for word, part in (("beard", 0.2), ("glasses", 0.12), ("shades", 0.06)) if rng.uniform() < part]
    return Clothes(
        _draw_colours(rng, name), top, bottom, _one_of(rng, _HAIR_ODDS), tuple(faces), _one_of(rng, _HAT_ODDS),
        bool(rng.uniform() < 0.2), bool(rng.uniform() < 0.08),
    )


def _draw_top(rng: np.random.Generator, name: str) -> Top:
    (short, long), collars, fronts = _TOPS[name]
    loose = name in ("hoodie", "jacket", "suit", "sweater")
    pattern = "plain" if name == "suit" else _one_of(rng, _PATTERN_ODDS)
    tucked = not loose and rng.uniform() < 0.3
    return Top(
        rng.uniform(short, long), rng.uniform(1.06, 1.16) if loose else rng.uniform(1.0, 1.09),
        _any(rng, collars), _any(rng, fronts), pattern, -1.0 if tucked else rng.uniform(0.05, 0.6),
    )


def _draw_bottom(rng: np.random.Generator) -> Bottom:
    kind = _one_of(rng, _BOTTOM_ODDS)
    low, high = {"trousers": (1.9, 2.0), "shorts": (0.4, 1.0), "tights": (1.7, 2.0), "skirt": (0.5, 0.82)}[kind]
    ease = 1.02 if kind == "tights" else rng.uniform(1.06, 1.22)
    detail = _one_of(rng, _DETAIL_ODDS)
    return Bottom(kind, rng.uniform(low, high), ease, rng.uniform(1.15, 1.65), detail)


def _unlike(rng: np.random.Generator, skin: Array) -> Array:
    """A colour of cloth that is not taken for skin, if three draws give one."""
    for _ in range(3):
        cloth = draw_cloth(rng)
        if np.abs(cloth - skin).max() > 55:
            break
    return cloth


def _draw_colours(rng: np.random.Generator, top: str) -> Dict[str, Array]:
    skin = pick(rng, SKIN)
    cloth, legs, shoes, under, tie = (_unlike(rng, skin) for _ in range(5))
    if top == "suit":
        legs, under = cloth * rng.uniform(0.9, 1.05), np.minimum(under * 0.2 + 190, 250)
    hair = pick(rng, HAIR)
    return {
        "skin": skin, "lips": skin * np.array([0.60, 0.55, 0.82]), "socket": skin * 0.72, "hair": hair,
        "brow": hair * 0.7, "white": np.full(3, 238.0), "iris": bgr((0.07, 0.55, 0.3)[int(rng.integers(3))], 0.6, 0.2),
        "top": cloth, "trim": trim(rng, cloth), "under": under, "tie": tie, "legs": legs, "leg trim": trim(rng, legs),
        "belt": pick(rng, HAIR) * 0.6, "shoes": shoes, "sole": trim(rng, shoes), "socks": draw_cloth(rng),
        "print": draw_cloth(rng), "hat": draw_cloth(rng), "pack": draw_cloth(rng), "dark": np.full(3, 22.0),
    }
