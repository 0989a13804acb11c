"""A simulated person detector: boxes that miss, double and invent people."""
from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from integral_pose.geometry import Array

_LEAST_SIDE = 3.0  # px of a box


@dataclass(frozen=True, eq=False)
class Seen:
    """The part of one person that a detector could see: two corners (2, 2) in px, pixels, and the part of the joints, 0
    to 1."""

    corners: Array
    area: int
    clear: float

    @property
    def doubt(self) -> float:
        """0 to 1: how much there is to be missed."""
        return min(1.0, 0.65 * (1 - self.clear) + float(np.exp(-np.sqrt(self.area) / 14)))


def detect(rng: np.random.Generator, people: Sequence[Seen], size: Tuple[int, int]) -> List[Dict[str, Any]]:
    """Boxes (left, top, width, height in px) with scores in (0, 1), best first, in a picture of `size` (w, h) px."""
    found = [
        *(one for person in people for one in _of_person(rng, person)),
        *(one for person in people for one in _of_part(rng, person)),
        *(one for pair in combinations(people, 2) for one in _of_pair(rng, *pair)),
        *_of_nothing(rng, size),
    ]
    inside = [(np.clip(corners, 0, size), score) for corners, score in found]
    whole = [one for one in inside if (one[0][1] - one[0][0] >= _LEAST_SIDE).all()]
    whole.sort(key=lambda one: -one[1])
    return [
        {"bbox": np.concatenate([low, high - low]).round(2).tolist(), "score": round(score, 4)}
        for (low, high), score in whole
    ]


_Found = Tuple[Array, float]  # two corners (2, 2), px, and a score


def _of_person(rng: np.random.Generator, person: Seen) -> List[_Found]:
    """None, or one and now and then up to two worse ones of the same person."""
    if rng.uniform() > 0.985 - 0.9 * person.doubt:
        return []
    spread = 0.046 * np.exp(rng.normal(0, 0.55)) * (1 + 1.5 * person.doubt)
    score = _squash(3.3 - 4.5 * person.doubt - 14 * spread + rng.normal(0, 0.8))
    doubles = int(rng.choice(3, p=[0.5, 0.34, 0.16]))
    best = _moved(rng, person.corners, spread), score
    return [best, *(_double(rng, person, score) for _ in range(doubles))]


def _double(rng: np.random.Generator, person: Seen, score: float) -> _Found:
    return _moved(rng, person.corners, rng.uniform(0.05, 0.12)), score * rng.uniform(0.15, 0.9)


def _of_part(rng: np.random.Generator, person: Seen) -> List[_Found]:
    """Sometimes a box of the upper or the lower part of someone."""
    if rng.uniform() > 0.22:
        return []
    low, high = person.corners
    cut = low[1] + rng.uniform(0.35, 0.7) * (high[1] - low[1])
    upper = rng.uniform() < 0.7
    corners = np.array([low, (high[0], cut)] if upper else [(low[0], cut), high])
    return [(_moved(rng, corners, 0.08), _low_score(rng, 2.0))]


def _of_pair(rng: np.random.Generator, one: Seen, other: Seen) -> List[_Found]:
    """Sometimes a box of two people who overlap."""
    apart = (np.maximum(one.corners[0], other.corners[0]) >= np.minimum(one.corners[1], other.corners[1])).any()
    if apart or rng.uniform() > 0.35:
        return []
    low, high = np.minimum(one.corners[0], other.corners[0]), np.maximum(one.corners[1], other.corners[1])
    return [(_moved(rng, np.stack([low, high]), 0.06), _low_score(rng, 2.5))]


def _of_nothing(rng: np.random.Generator, size: Tuple[int, int]) -> List[_Found]:
    """A few boxes anywhere."""
    found = []
    for _ in range(int(rng.poisson(1.6))):
        height = rng.uniform(0.12, 0.8) * size[1]
        half = np.array([rng.uniform(0.25, 0.8) * height, height]) / 2
        middle = rng.uniform(0, 1, 2) * size
        found.append((np.stack([middle - half, middle + half]), _low_score(rng, 1.0)))
    return found


def _low_score(rng: np.random.Generator, steady: float) -> float:
    """A score of something that is not one person; `steady` is how like one it looks."""
    return max(float(rng.beta(steady, 6)), 0.001)


def _moved(rng: np.random.Generator, corners: Array, spread: float) -> Array:
    """Each side of a box moved by `spread` of its extent."""
    moved: Array = corners + rng.normal(0, spread, (2, 2)) * (corners[1] - corners[0])
    return moved


def _squash(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))
