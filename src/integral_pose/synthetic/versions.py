"""Versions of synthetic people, which data sets' names carry: what the same seed shows."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Mapping

from integral_pose.errors import InputError
from integral_pose.synthetic.drawing.renderer import ANYWHERE, ROOM, Setting
from integral_pose.synthetic.motion.cast import DRESSED, SUITED, Cast


@dataclass(frozen=True)
class Version:
    """Who is in the pictures, and where they are; whatever changes one of them needs a number of its own."""

    cast: Cast
    setting: Setting


SUITS = Version(SUITED, ROOM)  # limbs of different colours, in front of walls
CLOTHES = Version(DRESSED, ANYWHERE)  # ordinary clothes, the same on the left and on the right
# Which ones profiles train on. Runs' keys contain them: those of one number stay as they are when another is taken.
TAKEN = {"mpii": 2, "coco": 1, "human36m": 1}


def number_of(name: str, known: Mapping[int, Version]) -> int:
    """The version that a data set's name asks for: 3 of "synthetic-mpii-v3-4000-1000".

    Raises:
        InputError: there is no such version.
    """
    kind, _, rest = name.partition("-v")
    text = rest.split("-")[0]
    if not text.isdecimal() or int(text) not in known:
        numbers = " and ".join(f"{kind}-v{number}" for number in known)
        raise InputError(f"{name}: there is no such version of synthetic people. Known are {numbers}.")
    return int(text)
