"""A synthetic video of three people who walk across a room and past one another, with what is true of every frame.

The nearest walks in front of the others, so that each of them is hidden for a moment. One room, one camera that stands
still, 25 frames a second.
"""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Iterator, List, Sequence

import numpy as np

from integral_pose.geometry import Array, Camera, overlap
from integral_pose.skeletons import HUMAN36M
from integral_pose.synthetic.detections import Seen, detect
from integral_pose.synthetic.drawing.backdrop import cast_shadows
from integral_pose.synthetic.drawing.figure import draw_suit
from integral_pose.synthetic.drawing.raster import Canvas, Light
from integral_pose.synthetic.drawing.renderer import OVERSAMPLING, draw_exposure, draw_grain, paint_people
from integral_pose.synthetic.drawing.room import draw_room, paint_room
from integral_pose.synthetic.motion.activities import ACTIVITIES
from integral_pose.synthetic.motion.body import ANGLES, Physique, draw_physique
from integral_pose.synthetic.motion.clip import Wander, draw_wander
from integral_pose.synthetic.motion.scene import Outfit, Person, look_at, place

SIZE = (640, 480)  # px
RATE = 25.0  # frames a second, unless the caller says
FOCAL = 560.0  # px
JOINTS = HUMAN36M.joints
_WALKING = next(activity for activity in ACTIVITIES if activity.name == "walking")
_LANES = (-1100.0, 100.0, 1300.0)  # mm across the room, from the nearest to the furthest
_START = 2600.0  # mm to the side, where a walk begins
_LEAST = 4.0  # px of a person's box that is in the picture
_SUPPRESSED = 0.5  # intersection over union with a better box
_CLEAR = 0.35  # of a person's pixels: who shows less is hidden


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of one person in one frame.

    `joints` (K, 2) are px, `space` (K, 3) camera mm, of `JOINTS`; `box` (4,) is x, y, width and height around the body,
    px from the image's edge; `clear` is the share of the body's pixels that nobody else hides, 0 to 1.
    """

    person: int
    joints: Array
    space: Array
    box: Array
    clear: float
    seen: Seen

    @property
    def hidden(self) -> bool:
        """Whether too little shows to be found."""
        return self.clear < _CLEAR


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame: its pixels (h, w, 3), BGR uint8, its time in s, its people, and a simulated detector's boxes (N, 5) of
    them: x, y, width, height and score."""

    pixels: Array
    seconds: float
    people: List[Truth]
    detections: Array


@dataclass(frozen=True, eq=False)
class _Walker:
    physique: Physique
    outfit: Outfit
    wander: Wander
    lane: float  # mm
    way: int  # 1 to the right, -1 to the left, seen from the camera
    speed: float  # mm a second
    pace: float  # s of a double step

    def at(self, seconds: float) -> Person:
        deviation = self.wander.at(seconds)
        angles = _WALKING.varied(seconds / self.pace, 0.6 * deviation)
        across = self.way * (self.speed * seconds - _START)
        return place(self.physique, self.outfit, angles, 0.0 if self.way > 0 else 180.0, (across, self.lane))


def frames(seed: int, seconds: float = 5.0, rate: float = RATE) -> Iterator[Frame]:
    """The frames of a video, `rate` a second; the same seed always gives the same."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 19)))
    camera = look_at(np.array([0.0, -6000.0, 1500.0]), np.array([0.0, 0.0, 900.0]), 0.0, FOCAL, SIZE)
    walkers = _walkers(rng)
    room, exposure = draw_room(rng), draw_exposure(rng)
    empty = paint_room(room, camera, SIZE)
    for number in range(round(seconds * rate)):
        people = [walker.at(number / rate) for walker in walkers]
        canvas = empty.copy()
        cast_shadows(canvas, people, room.light)
        owners = paint_people(canvas, people, room.light)
        known = [_truth(i, person, owners, camera, room.light) for i, person in enumerate(people)]
        truths = [truth for truth in known if truth.box[2:].min() > _LEAST]
        grainy = replace(exposure, grain=draw_grain(rng))
        yield Frame(grainy.developed(canvas, SIZE), number / rate, truths, _boxes(rng, truths))


def _walkers(rng: np.random.Generator) -> List[_Walker]:
    ways = [1, -1, 1] if rng.uniform() < 0.5 else [-1, 1, -1]
    return [
        _Walker(draw_physique(rng), draw_suit(rng), draw_wander(rng, len(ANGLES), (3, 12)), lane, way,
                rng.uniform(950, 1250), rng.uniform(1.0, 1.25))
        for lane, way in zip(_LANES, ways)
    ]


def _truth(number: int, person: Person, owners: Array, camera: Camera, light: Light) -> Truth:
    space = camera.from_world(person.pick(JOINTS))
    outline = camera.project(camera.from_world(person.outline)) + 0.5
    near, far = np.clip(outline.min(axis=0), 0, SIZE), np.clip(outline.max(axis=0), 0, SIZE)
    rows, columns = np.nonzero(owners == number)
    alone = Canvas(np.zeros((*owners.shape, 3), np.uint8), camera, OVERSAMPLING)
    whole = int((paint_people(alone, [person], light) == 0).sum())
    clear = len(rows) / whole if whole else 0.0
    corners = np.array([near, far]) if not len(rows) else np.array(
        [[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]], float) / OVERSAMPLING
    seen = Seen(corners, len(rows) // OVERSAMPLING**2, clear)
    return Truth(number, camera.project(space), space, np.concatenate([near, far - near]), clear, seen)


def _boxes(rng: np.random.Generator, truths: Sequence[Truth]) -> Array:
    """A simulated detector's boxes, of which overlapping ones are suppressed as detectors do."""
    found = detect(rng, [truth.seen for truth in truths if truth.seen.area], SIZE)
    kept: List[Array] = []
    for one in found:
        box = np.array([*one["bbox"], one["score"]])
        if all(overlap(box, other) < _SUPPRESSED for other in kept):
            kept.append(box)
    return np.array(kept).reshape(-1, 5)
