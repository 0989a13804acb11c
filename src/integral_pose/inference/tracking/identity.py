"""Who is who in a video: people keep their identity from frame to frame, by motion and by the likeness of their poses.

A person's next pose is predicted from the speed of the last ones; the assignment of predicted to found poses that is
best in sum is Kuhn's and Munkres's, by scipy. Whoever is hidden for a short time moves on unseen and gets the same
identity back. Whoever is found once only is nobody: a detector's boxes of nobody rarely come twice. docs/video.md
compares with libraries for tracking, and says why none of them is used.
"""
from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import combinations
from typing import Deque, Dict, Iterable, Iterator, List, Sequence, Set, Tuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from integral_pose.geometry import Array, overlap
from integral_pose.inference.estimator import Person, Seen
from integral_pose.inference.tracking.similarity import oks, sigmas
from integral_pose.skeletons import Skeleton

PATIENCE = 1.0  # s that somebody may be hidden
CERTAIN = 2  # sights in boxes that do not follow, from which on there is somebody
MISSES = 2  # looks without a sight after which whoever is not yet certain is nobody
LEAST = 0.1  # of the similarity, 0 to 1, from which on two poses can be the same person's
ALIKE = 0.6  # OKS from which on two boxes that follow people are on the same person
LOOSE = 2.0  # how many times a joint may be further from where it was predicted than annotators put it apart
HIDDEN = 2.0  # more for each second without a sight
NEWER = 0.1  # less likely than an older track, where there are not yet enough sights
STEADY = 0.8  # of the last speed in the new one
USUAL = 1 / 25  # s between frames that have no times
Pairs = Dict[int, Tuple[int, float]]  # the number of a person -> that of the track, and their similarity


@dataclass
class Track:
    """One person, as last seen."""

    person: Person
    detected: Person  # as last seen by a box that did not follow
    seconds: float  # when that was
    number: int  # of the tracks, in the order in which they began
    sights: int = 1  # in boxes that do not follow
    missed: int = 0  # looks since the last of these
    speed: Array = field(default_factory=lambda: np.zeros(2))  # (2,), px a second

    def pose(self, seconds: float) -> Tuple[Array, Array]:
        """Where joints (K, 2) and box (4,) are predicted to be at a time, px."""
        moved = self.speed * min(seconds - self.seconds, PATIENCE)
        return self.person.joints + moved, self.person.box + [*moved, 0, 0]

    def see(self, person: Person, seconds: float, again: bool) -> None:
        """The person is in a frame; `again`: in a box that does not follow them."""
        passed = max(seconds - self.seconds, 1e-3)
        self.speed = STEADY * self.speed + (1 - STEADY) * (centre(person) - centre(self.person)) / passed
        self.person, self.seconds = person, seconds
        if again:
            self.detected, self.sights, self.missed = person, self.sights + 1, 0


def weights(person: Person) -> Array:
    """How much each joint counts, (K,)."""
    return np.clip(person.confidence, 0.01, None)


def centre(person: Person) -> Array:
    """The mean of the joints, by confidence, (2,)."""
    return np.asarray(np.average(person.joints, axis=0, weights=weights(person)))


class Tracker:
    """Gives the people of one video their identities, frame by frame."""

    def __init__(self, skeleton: Skeleton) -> None:
        self.tracks: List[Track] = []
        self.doubtful = 0  # who were found once only, and are left out
        self._spread = sigmas(skeleton.joints)
        self._frames = self._looks = self._begun = 0
        self._certain: Set[int] = set()  # numbers of tracks of somebody
        self._identities: Dict[int, int] = {}  # of these, as they are told

    @property
    def count(self) -> int:
        """People with an identity so far."""
        return len(self._identities)

    def forget(self) -> None:
        """Ends all tracks, as where a video has a cut: whoever is found then is somebody new."""
        self._end(self.tracks)

    def identify(self, seen: Seen, new: bool = True) -> Seen:
        """The same people, with the numbers of their tracks as identities; `certain` tells who of them is somebody.

        Args:
            new: whether people who are none of those tracked are new ones; else, as boxes only follow those who are
                tracked, they are left out, and so is the less likely one of two with the same pose.
        """
        seconds = self._time(seen)
        self._end([track for track in self.tracks if seconds - track.seconds > PATIENCE])
        pairs = self._pairs(seen.people, seconds)
        pairs = pairs if new else self._apart(seen.people, pairs)
        known, found = list(self.tracks), []
        for number, person in enumerate(seen.people):
            if number in pairs:
                track = known[pairs[number][0]]
                track.see(person, seconds, new)
            elif new:
                track = self._begin(person, seconds)
            else:
                continue
            found.append(person._replace(identity=track.number))
        self._judge(known, {pair[0] for pair in pairs.values()}, new)
        return seen._replace(people=found)

    def certain(self, frames: Iterable[Seen]) -> Iterator[Seen]:
        """Frames that `identify` gave, with those people only who are somebody, in the order of their identities.

        A frame waits until that is known of all its people: for a few looks of the detector.
        """
        waiting: Deque[Seen] = deque()
        for seen in frames:
            waiting.append(seen)
            open_tracks = {track.number for track in self.tracks if track.number not in self._certain}
            while waiting and not any(person.identity in open_tracks for person in waiting[0].people):
                yield self._told(waiting.popleft())
        if self._looks < CERTAIN:  # nobody could be seen twice
            self._certain |= {track.number for track in self.tracks}
        self.forget()
        yield from map(self._told, waiting)

    def _told(self, seen: Seen) -> Seen:
        found = {}
        for person in seen.people:
            if person.identity in self._certain:
                found[self._identities.setdefault(person.identity, len(self._identities))] = person
        return seen._replace(people=[found[who]._replace(identity=who) for who in sorted(found)])

    def _begin(self, person: Person, seconds: float) -> Track:
        self.tracks.append(Track(person, person, seconds, self._begun))
        self._begun += 1
        return self.tracks[-1]

    def _judge(self, known: Sequence[Track], seen: Set[int], look: bool) -> None:
        """After a frame: who of those tracked before is certain, and who was missed too often to become it."""
        self._looks += look
        for place, track in enumerate(known):
            track.missed += look and place not in seen
        self._certain |= {track.number for track in known if track.sights >= CERTAIN}
        self._end([track for track in known if track.missed >= MISSES and track.sights < CERTAIN])

    def _end(self, tracks: Sequence[Track]) -> None:
        self.doubtful += sum(track.number not in self._certain for track in tracks)
        ended = {track.number for track in tracks}
        self.tracks = [track for track in self.tracks if track.number not in ended]

    def _time(self, seen: Seen) -> float:
        self._frames += 1
        return self._frames * USUAL if seen.picture.seconds is None else seen.picture.seconds

    def _pairs(self, people: Sequence[Person], seconds: float) -> Pairs:
        if not self.tracks or not people:
            return {}
        table = np.array([[self._similarity(track, person, seconds) for person in people] for track in self.tracks])
        best = zip(*linear_sum_assignment(-table))
        return {int(to): (int(of), float(table[of, to])) for of, to in best if table[of, to] >= LEAST}

    def _similarity(self, track: Track, person: Person, seconds: float) -> float:
        joints, box = track.pose(seconds)
        spread = self._spread * (LOOSE + HIDDEN * (seconds - track.seconds))
        area = float(np.prod(track.person.box[2:]) + np.prod(person.box[2:])) / 2
        alike = oks(joints, person.joints, weights(track.person) * weights(person), area, spread)
        return 0.5 * (alike + overlap(box, person.box)) - (0 if track.sights >= CERTAIN else NEWER)

    def _apart(self, people: Sequence[Person], pairs: Pairs) -> Pairs:
        """The pairs without the worse of any two that have the same pose."""
        worse: List[int] = []
        for one, other in combinations(pairs, 2):
            area = float(np.prod(people[one].box[2:]) + np.prod(people[other].box[2:])) / 2
            both = weights(people[one]) * weights(people[other])
            if oks(people[one].joints, people[other].joints, both, area, self._spread) > ALIKE:
                worse.append(min(one, other, key=lambda number: pairs[number][1]))
        return {number: pair for number, pair in pairs.items() if number not in worse}
