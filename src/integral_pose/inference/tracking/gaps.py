"""Short gaps in the track of a person, filled between the frames before and after."""
from __future__ import annotations

from collections import deque
from typing import Deque, Dict, Iterable, Iterator, NamedTuple, Optional, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.inference.estimator import Person, Seen

LIMIT = 10  # frames


class Sight(NamedTuple):
    """A person in a frame, of which the number and the time in s are known."""

    frame: int
    seconds: float
    person: Person


def filled(frames: Iterable[Seen], limit: int = LIMIT) -> Iterator[Seen]:
    """The same frames, with people who were away for up to `limit` frames in between, on the straight line.

    Such people are marked as filled, and their confidence and score are 0. Frames wait only while somebody is away.
    """
    waiting: Deque[Tuple[int, Seen]] = deque()
    last: Dict[int, Sight] = {}
    for number, seen in enumerate(frames):
        waiting.append((number, seen))
        for person in seen.people:
            if person.identity is not None:
                sight = Sight(number, _time(number, seen), person)
                if person.identity in last:
                    _fill(waiting, last[person.identity], sight)
                last[person.identity] = sight
        last = {who: sight for who, sight in last.items() if number - sight.frame <= limit}
        needed = min((sight.frame + 1 for sight in last.values()), default=number + 1)
        while waiting and waiting[0][0] < needed:
            yield waiting.popleft()[1]
    yield from (seen for _, seen in waiting)


def _time(number: int, seen: Seen) -> float:
    return float(number) if seen.picture.seconds is None else seen.picture.seconds


def _fill(waiting: Deque[Tuple[int, Seen]], start: Sight, end: Sight) -> None:
    """Adds a person to the frames that wait between two in which they were seen."""
    for place, (number, seen) in enumerate(waiting):
        if start.frame < number < end.frame:
            part = (_time(number, seen) - start.seconds) / (end.seconds - start.seconds)
            people = [*seen.people, _between(start.person, end.person, part)]
            waiting[place] = number, seen._replace(people=sorted(people, key=lambda one: one.identity or 0))


def _between(one: Person, other: Person, part: float) -> Person:
    """A person who was not seen, `part` of the way from one pose to the next."""
    def mixed(before: Array, after: Array) -> Array:
        return before + part * (after - before)

    space: Optional[Array] = None
    if one.space is not None and other.space is not None:
        space = mixed(one.space, other.space)
    return Person(mixed(one.box, other.box), 0.0, mixed(one.joints, other.joints), np.zeros_like(one.confidence),
                  space, one.identity, True)
