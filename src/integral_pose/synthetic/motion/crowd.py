"""Several people on one floor before one camera: near and far, beside and behind each other, and a crowd beyond."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import List, Tuple

import numpy as np

from integral_pose.geometry import Array, Camera
from integral_pose.synthetic.motion.cast import SUITED, Cast
from integral_pose.synthetic.motion.scene import Person, look_at

_SIZES = ((400, 300), (400, 266), (360, 288), (300, 360))
_SIZE_WEIGHTS = (0.4, 0.25, 0.2, 0.15)
_COUNT_WEIGHTS = (0.04, 0.18, 0.23, 0.21, 0.15, 0.11, 0.08)  # of 0 to 6 people
_STATURE = 1720.0  # mm; whoever is that tall has the height in the picture that is asked for
_APART = 520.0  # mm between two people at least


@dataclass(frozen=True, eq=False)
class Gathering:
    """One picture's people, each to be annotated, a crowd that is not told apart, and the camera that sees them.

    The camera is framed around the first of the people; `size` is (width, height) in px.
    """

    people: Tuple[Person, ...]
    crowd: Tuple[Person, ...]
    camera: Camera
    size: Tuple[int, int]

    @property
    def everyone(self) -> Tuple[Person, ...]:
        """The people, then the crowd."""
        return self.people + self.crowd


@dataclass(frozen=True)
class _Place:
    """Where someone is to appear: px right of the middle, and px of height if of middling stature and upright."""

    column: float
    height: float

    def spot(self, focal: float) -> Array:
        """Distance from the camera and way to the right (2,), mm."""
        distance = focal * _STATURE / self.height
        return np.array([distance, self.column * distance / focal])


def draw_gathering(rng: np.random.Generator, cast: Cast = SUITED) -> Gathering:
    """Up to six people, now and then with a crowd far behind them."""
    size = _SIZES[int(rng.choice(len(_SIZES), p=_SIZE_WEIGHTS))]
    focal = rng.uniform(1.0, 1.6) * max(size)
    places = _places(rng, int(rng.choice(len(_COUNT_WEIGHTS), p=_COUNT_WEIGHTS)), size, focal)
    beyond = _crowd_places(rng, size, focal) if places and rng.uniform() < 0.1 else []
    spots = [place.spot(focal) for place in places + beyond]
    far = max([spot[0] for spot in spots], default=rng.uniform(3000, 8000))
    everyone = [_draw_anyone(rng, cast, (far - float(spot[0]), float(spot[1]))) for spot in spots]
    camera = _draw_camera(rng, far, spots[0][0] if spots else far, focal, size)
    if everyone:
        camera = _framed(rng, camera, everyone[0].outline, size[1])
    return Gathering(tuple(everyone[: len(places)]), tuple(everyone[len(places):]), camera, size)


def _places(rng: np.random.Generator, count: int, size: Tuple[int, int], focal: float) -> List[_Place]:
    """The first is rather large and rather in the middle; half of the others stand close to someone."""
    width, height = size
    places: List[_Place] = []
    for i in range(count):
        for _ in range(12):
            new = _draw_first(rng, width, height) if i == 0 else _draw_next(rng, places, width, height)
            if all(np.linalg.norm(new.spot(focal) - other.spot(focal)) > _APART for other in places):
                places.append(new)
                break
    return places


def _draw_first(rng: np.random.Generator, width: int, height: int) -> _Place:
    close = rng.uniform() < 0.18
    tall = rng.uniform(0.95, 1.6) if close else rng.uniform(0.42, 0.95)
    return _Place(rng.uniform(-0.3, 0.3) * width, tall * height)


def _draw_next(rng: np.random.Generator, places: List[_Place], width: int, height: int) -> _Place:
    if rng.uniform() < 0.5:
        beside = places[int(rng.integers(len(places)))]
        tall = beside.height * rng.uniform(0.78, 1.12)
        way = 1 if rng.uniform() < 0.5 else -1
        return _Place(beside.column + way * rng.uniform(0.12, 0.5) * beside.height, tall)
    if rng.uniform() < 0.08:
        return _Place(rng.uniform(-0.5, 0.5) * width, rng.uniform(26, 45))
    tall = places[0].height * np.exp(rng.normal(-0.12, 0.42))
    return _Place(rng.uniform(-0.52, 0.52) * width, float(np.clip(tall, 50, 1.3 * height)))


def _crowd_places(rng: np.random.Generator, size: Tuple[int, int], focal: float) -> List[_Place]:
    """Six to twelve people far away, close together."""
    height, middle, reach = rng.uniform(28, 48), rng.uniform(-0.4, 0.4) * size[0], rng.uniform(25, 70)
    places: List[_Place] = []
    for _ in range(int(rng.integers(6, 13))):
        new = _Place(middle + rng.uniform(-1, 1) * reach, height * rng.uniform(0.85, 1.15))
        if all(np.linalg.norm(new.spot(focal) - other.spot(focal)) > _APART for other in places):
            places.append(new)
    return places


def _draw_anyone(rng: np.random.Generator, cast: Cast, spot: Tuple[float, float]) -> Person:
    """Somebody doing something at a spot, mostly facing the camera."""
    turned = rng.uniform() < 0.18
    yaw = rng.uniform(-180, 180) if turned else float(np.clip(rng.normal(0, 40), -80, 80))
    return cast.draw_person(rng, yaw, spot)


def _draw_camera(
    rng: np.random.Generator, far: float, first: float, focal: float, size: Tuple[int, int]
) -> Camera:
    """A camera in someone's hand, or now and then higher up, that looks at someone `first` mm away.

    The world's middle is `far` mm away on the floor: walls and furniture are behind it.
    """
    eye = rng.uniform(1000, 1900) if rng.uniform() < 0.75 else rng.uniform(1900, 3200)
    target = np.array([far - first, 0.0, rng.uniform(700, 1000)])
    return look_at(np.array([far, 0.0, eye]), target, float(rng.normal(0, 2)), focal, size)


def _framed(rng: np.random.Generator, camera: Camera, outline: Array, height: int) -> Camera:
    """The camera with its principal point moved up or down, as a crop moves it, so that a person is in the picture."""
    rows = camera.project(camera.from_world(outline))[:, 1]
    low, high = rows.min(), rows.max()
    spare = height - (high - low)
    top = rng.uniform(0.1, 0.9) * spare if spare > 0 else rng.uniform(-10, 15)
    if spare > 0 and rng.uniform() < 0.15:
        top += (1 if rng.uniform() < 0.75 else -1) * (0.25 * (high - low) * rng.uniform() + 0.5 * spare)
    return replace(camera, centre=(camera.centre[0], camera.centre[1] + float(top - low)))
