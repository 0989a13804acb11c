"""Surroundings of people in ordinary clothes: rooms and streets, full of things that are not people.

All of it is behind everybody, so it is painted flat, far things first, at the picture's own size.
"""
from __future__ import annotations

from typing import Callable, Sequence, Tuple

import cv2
import numpy as np

from integral_pose.geometry import Array, Camera
from integral_pose.synthetic.drawing.backdrop import draw_colour, floor_edge, level, noise, paint_backdrop, planks
from integral_pose.synthetic.drawing.colours import SKIN, bgr, draw_cloth, pick
from integral_pose.synthetic.drawing.raster import FACES, NEAR, Light, Slab
from integral_pose.synthetic.motion.scene import Person

_FACES = np.array(FACES)
_SHIFT = 4  # binary digits of a px's parts in a polygon's corners
Colour = Tuple[float, float, float]


def paint_surroundings(
    rng: np.random.Generator, camera: Camera, size: Tuple[int, int], people: Sequence[Person], light: Light
) -> Array:
    """What is behind people, (height, width, 3) uint8 BGR; `size` is (width, height)."""
    if rng.uniform() < 0.25:
        picture = paint_backdrop(rng, camera, size)
    else:
        picture = (_outdoors if rng.uniform() < 0.55 else _indoors)(rng, camera, size)
        _grain(rng, picture)
    _furniture(rng, picture, camera, people, light)
    _sticks(rng, picture, int(rng.integers(0, 6)))
    return picture


def _bgr(colour: Array) -> Colour:
    return float(colour[0]), float(colour[1]), float(colour[2])


def _grain(rng: np.random.Generator, picture: Array) -> None:
    """Unevenness of two sizes, and light falling off across the picture."""
    size = picture.shape[1], picture.shape[0]
    field = noise(rng, size, (3, 8)[int(rng.integers(2))], rng.uniform(0.02, 0.09))
    field *= noise(rng, size, (25, 50, 90, 130)[int(rng.integers(4))], rng.uniform(0.01, 0.08))
    grey = cv2.cvtColor(cv2.convertScaleAbs(field, alpha=128), cv2.COLOR_GRAY2BGR)
    cv2.multiply(picture, grey, dst=picture, scale=1 / 128)


def _outdoors(rng: np.random.Generator, camera: Camera, size: Tuple[int, int]) -> Array:
    """Sky, what stands along the horizon, and the ground."""
    width, height = size
    edge = floor_edge(camera, float(np.exp(rng.uniform(np.log(4000), np.log(40000)))), width)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    top, bottom = bgr(rng.uniform(0.52, 0.66), rng.uniform(0, 0.7), rng.uniform(0.4, 0.95)), rng.uniform(120, 245)
    column = (1 - rows) * top.astype(np.float32) + rows * bottom
    picture = np.ascontiguousarray(np.broadcast_to(column, (height, width, 3)).astype(np.uint8))
    horizon = float(edge.mean())
    _skyline(rng, picture, horizon)
    _ground(rng, picture, camera, edge)
    return picture


def _skyline(rng: np.random.Generator, picture: Array, horizon: float) -> None:
    kinds: Tuple[Callable[[np.random.Generator, Array, float], None], ...] = (_hills, _houses, _trees)
    for kind in kinds:
        if rng.uniform() < 0.6:
            kind(rng, picture, horizon)


def _hills(rng: np.random.Generator, picture: Array, horizon: float) -> None:
    height, width = picture.shape[:2]
    points = int(rng.integers(4, 14))
    rises = horizon - np.abs(rng.normal(0, rng.uniform(0.05, 0.3) * height, points))
    line = np.column_stack([np.linspace(-10, width + 10, points), rises])
    _fill(picture, np.concatenate([line, [(width + 10, height + 10), (-10, height + 10)]]),
          _bgr(bgr(rng.uniform(0.2, 0.6), rng.uniform(0.05, 0.5), rng.uniform(0.2, 0.7))))


def _houses(rng: np.random.Generator, picture: Array, horizon: float) -> None:
    height, width = picture.shape[:2]
    left = rng.uniform(-0.3, 0.5) * width
    for _ in range(int(rng.integers(1, 6))):
        wide, tall = rng.uniform(0.12, 0.6) * width, rng.uniform(0.2, 1.1) * height
        low, high = np.array([left, horizon - tall]), np.array([left + wide, horizon + 0.1 * height])
        _rectangle(picture, low, high, draw_colour(rng, 0.4))
        _windows(rng, picture, low, np.array([left + wide, horizon]))
        left += wide * rng.uniform(0.8, 1.5)


def _windows(rng: np.random.Generator, picture: Array, low: Array, high: Array) -> None:
    step, part = rng.uniform(14, 45, 2), rng.uniform(0.3, 0.8, 2)
    glass = draw_colour(rng, 0.5)
    for y in np.arange(low[1] + 6, high[1] - step[1] * part[1], step[1])[:12]:
        for x in np.arange(low[0] + 6, high[0] - step[0] * part[0], step[0])[:12]:
            corner = np.array([x, y])
            _rectangle(picture, corner, corner + step * part, glass)


def _trees(rng: np.random.Generator, picture: Array, horizon: float) -> None:
    """Trunks with leaves in lumps of light and shade."""
    height, width = picture.shape[:2]
    for _ in range(int(rng.integers(1, 6))):
        foot = np.array([rng.uniform(0, width), horizon + rng.uniform(-4, 0.12 * height)])
        tall, green = rng.uniform(0.2, 0.9) * height, bgr(rng.uniform(0.12, 0.42), rng.uniform(0.2, 0.8), 0.5)
        crown = foot - np.array([rng.normal(0, 6), tall])
        _line(picture, foot, crown, _bgr(bgr(0.07, rng.uniform(0.1, 0.5), rng.uniform(0.15, 0.5))), rng.uniform(3, 13))
        for _ in range(int(rng.integers(5, 16))):
            centre = crown + rng.normal(0, 0.2, 2) * tall * np.array([1, 0.8])
            colour = _bgr(green * rng.uniform(0.4, 1.6))
            cv2.circle(picture, _whole(centre), int(tall * rng.uniform(0.05, 0.16)) + 1, colour, -1, cv2.LINE_AA)


def _ground(rng: np.random.Generator, picture: Array, camera: Camera, edge: Array) -> None:
    """Grass, sand, snow or tar down from an edge, now and then with lines across."""
    height, width = picture.shape[:2]
    hue, saturation, low, high = (
        (0.25, 0.6, 0.25, 0.6), (0.11, 0.3, 0.6, 0.9), (0.6, 0.05, 0.75, 0.98), (0.6, 0.06, 0.2, 0.6),
    )[int(rng.integers(4))]
    colour = bgr(hue + rng.normal(0, 0.03), saturation * rng.uniform(0.5, 1.3), rng.uniform(low, high))
    under = np.array([(0, edge[0]), (width, edge[1]), (width, height + 2), (0, height + 2)])
    if edge.min() >= height:
        return
    if rng.uniform() < 0.35:
        marked = picture.copy()
        marked[:] = colour.astype(np.uint8)
        planks(rng, marked, camera)
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.round(under).astype(np.int32)], 255)
        cv2.copyTo(marked, mask, picture)
    else:
        _fill(picture, under, _bgr(colour))


def _indoors(rng: np.random.Generator, camera: Camera, size: Tuple[int, int]) -> Array:
    """A wall with windows, doors, shelves, curtains and posters, and a floor."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = np.array(draw_colour(rng, 0.35)) * 0.6 + 90
    edge = floor_edge(camera, rng.uniform(2400, 6000), width)
    things = (_window, _shelf, _curtain, _poster, _door)
    for _ in range(int(rng.integers(2, 7))):
        things[int(rng.integers(len(things)))](rng, picture, float(edge.mean()))
    if rng.uniform() < 0.6:
        skirting = draw_colour(rng, 0.3)
        _line(picture, np.array([0, edge[0]]), np.array([width, edge[1]]), skirting, rng.uniform(3, 12))
    _ground(rng, picture, camera, edge)
    return picture


def _spot(rng: np.random.Generator, picture: Array, floor: float, wide: float, tall: float) -> Tuple[Array, Array]:
    """Two corners of something on the wall, at most of a size in parts of the picture's."""
    height, width = picture.shape[:2]
    reach = np.array([wide * width, tall * height]) * rng.uniform(0.4, 1, 2)
    low = np.array([rng.uniform(-0.1, 1) * width, rng.uniform(0, max(floor, 0.3 * height) - 0.3 * reach[1])])
    return low, low + reach


def _window(rng: np.random.Generator, picture: Array, floor: float) -> None:
    low, high = _spot(rng, picture, floor, 0.4, 0.5)
    _rectangle(picture, low, high, draw_colour(rng, 0.2))
    panes = int(rng.integers(1, 4))
    light = _bgr(bgr(rng.uniform(0.5, 0.65), rng.uniform(0, 0.4), rng.uniform(0.6, 1)))
    step = (high - low) / (panes, 2)
    for i in range(panes):
        for k in range(2):
            corner = low + step * (i, k)
            _rectangle(picture, corner + 3, corner + step - 3, light)


def _shelf(rng: np.random.Generator, picture: Array, floor: float) -> None:
    """Rows of books."""
    low, high = _spot(rng, picture, floor, 0.5, 0.6)
    _rectangle(picture, low, high, _bgr(bgr(0.07, rng.uniform(0.1, 0.6), rng.uniform(0.15, 0.6))))
    for y in np.arange(low[1] + 4, high[1] - 20, rng.uniform(24, 42)):
        x = low[0] + 4
        while x < high[0] - 8:
            book = np.array([rng.uniform(4, 13), rng.uniform(12, 21)])
            _rectangle(picture, np.array([x, y + 21 - book[1]]), np.array([x + book[0], y + 21]), draw_colour(rng, 0.9))
            x += book[0] + (rng.uniform(0, 16) if rng.uniform() < 0.2 else 1)


def _curtain(rng: np.random.Generator, picture: Array, floor: float) -> None:
    low, high = _spot(rng, picture, floor, 0.3, 1.0)
    colour, step = np.array(draw_colour(rng, 0.7)), rng.uniform(5, 16)
    for i, x in enumerate(np.arange(low[0], high[0], step)):
        shade = _bgr(colour * (0.75, 1.05, 0.9)[i % 3])
        _rectangle(picture, np.array([x, 0]), np.array([x + step, high[1]]), shade)


def _poster(rng: np.random.Generator, picture: Array, floor: float) -> None:
    """A frame around a few colours that run into each other."""
    low, high = (np.round(corner).astype(int) for corner in _spot(rng, picture, floor, 0.35, 0.35))
    _rectangle(picture, low - 3, high + 3, draw_colour(rng, 0.4))
    low, high = np.maximum(low, 0), np.minimum(high, (picture.shape[1], picture.shape[0]))
    if (high - low).min() > 2:
        cells = rng.integers(20, 240, (int(rng.integers(2, 9)), int(rng.integers(2, 9)), 3)).astype(np.uint8)
        smooth = cv2.INTER_CUBIC if rng.uniform() < 0.7 else cv2.INTER_NEAREST
        shown = cv2.resize(cells, (int(high[0] - low[0]), int(high[1] - low[1])), interpolation=smooth)
        picture[low[1]:high[1], low[0]:high[0]] = shown


def _door(rng: np.random.Generator, picture: Array, floor: float) -> None:
    width = picture.shape[1]
    wide = rng.uniform(0.15, 0.3) * width
    low = np.array([rng.uniform(-0.1, 1) * width, floor - rng.uniform(1.9, 2.6) * wide])
    high = np.array([low[0] + wide, floor + 4])
    _rectangle(picture, low, high, draw_colour(rng, 0.5))
    _rectangle(picture, low + 0.12 * wide, np.array([high[0] - 0.12 * wide, high[1]]), draw_colour(rng, 0.5))


def _sticks(rng: np.random.Generator, picture: Array, count: int) -> None:
    """Posts, cables, branches and railings: as long and thin as limbs, and some of them coloured like skin."""
    height, width = picture.shape[:2]
    for _ in range(count):
        colour = pick(rng, SKIN) if rng.uniform() < 0.3 else draw_cloth(rng)
        start = rng.uniform(-0.1, 1.1, 2) * (width, height)
        turn = (np.pi / 2, 0.0, rng.uniform(0, np.pi))[int(rng.integers(3))] + rng.normal(0, 0.05)
        length, thick = rng.uniform(0.08, 0.6) * height, float(np.exp(rng.uniform(np.log(1.5), np.log(10))))
        middle = start + length * np.array([np.cos(turn), np.sin(turn)])
        _line(picture, start, middle, _bgr(colour), thick)
        if rng.uniform() < 0.5:
            turn += rng.uniform(-1.5, 1.5)
            end = middle + length * rng.uniform(0.5, 1) * np.array([np.cos(turn), np.sin(turn)])
            _line(picture, middle, end, _bgr(colour * 0.9), thick * rng.uniform(0.6, 1))


def _furniture(
    rng: np.random.Generator, picture: Array, camera: Camera, people: Sequence[Person], light: Light
) -> None:
    """Boxes, tables, chairs and benches on the floor behind the people, far ones first."""
    ahead = level(camera.rotation[2])
    sideways = np.array([-ahead[1], ahead[0], 0])
    middle = max((person.joints["pelvis"] for person in people), key=lambda where: float(where @ ahead), default=ahead)
    spots = [
        (middle + rng.uniform(900, 4000) * ahead + rng.uniform(-2200, 2200) * sideways) * np.array([1, 1, 0])
        for _ in range(int(rng.integers(0, 6)))
    ]
    for spot in sorted(spots, key=lambda spot: -float(spot @ ahead)):
        _piece(rng, picture, camera, spot, light)


def _piece(rng: np.random.Generator, picture: Array, camera: Camera, spot: Array, light: Light) -> None:
    """A box, a table or a chair on a spot of the floor."""
    half, yaw, colour = rng.uniform(120, 420, 2), rng.uniform(0, 90), np.array(draw_colour(rng))
    if rng.uniform() < 0.35:
        _paint_box(picture, camera, Slab(spot, half, rng.uniform(250, 1900), yaw, colour), light)
        return
    top = spot + np.array([0, 0, rng.uniform(400, 850)])
    plate = Slab(top, half, 45, yaw, colour)
    _legs(picture, camera, plate, _bgr(colour * 0.6))
    _paint_box(picture, camera, plate, light)
    if rng.uniform() < 0.5:
        along = np.array([np.cos(np.radians(yaw)), np.sin(np.radians(yaw)), 0])
        back = Slab(top + half[0] * along, np.array([20.0, half[1]]), 450, yaw, colour * 0.9)
        _paint_box(picture, camera, back, light)


def _legs(picture: Array, camera: Camera, plate: Slab, colour: Colour) -> None:
    """From the corners of a plate down to the floor."""
    tops = plate.corners()[:4]
    seen = camera.from_world(np.concatenate([tops, tops * np.array([1, 1, 0])]))
    if seen[:, 2].min() > NEAR:
        pixels = camera.project(seen)
        for i in range(4):
            _line(picture, pixels[i], pixels[i + 4], colour, 36 * camera.focal[0] / seen[i, 2])


def _paint_box(picture: Array, camera: Camera, slab: Slab, light: Light) -> None:
    """The sides of a box that face the camera, over whatever is there."""
    seen = camera.from_world(slab.corners())
    if seen[:, 2].min() < NEAR:
        return
    sides, pixels = seen[_FACES], camera.project(seen)
    normals = _cross(sides[:, 1] - sides[:, 0], sides[:, 2] - sides[:, 0])
    normals /= np.sqrt((normals * normals).sum(axis=1))[:, None]
    lit = np.maximum(normals @ (camera.rotation @ light.direction), 0)
    for i in np.nonzero((normals * sides[:, 0]).sum(axis=1) < 0)[0]:
        _fill(picture, pixels[_FACES[i]], _bgr(slab.colour * (light.ambient + 0.55 * lit[i])))


def _cross(left: Array, right: Array) -> Array:
    """Of vectors (n, 3): numpy's own takes several times as long for as few."""
    x, y, z = left.T
    u, v, w = right.T
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=1)


def _whole(point: Array) -> Tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))


def _fill(picture: Array, corners: Array, colour: Colour) -> None:
    points = (np.minimum(np.maximum(corners, -8000), 8000) * 2**_SHIFT).astype(np.int32)
    cv2.fillPoly(picture, [points], colour, cv2.LINE_AA, _SHIFT)


def _rectangle(picture: Array, low: Array, high: Array, colour: Colour) -> None:
    cv2.rectangle(picture, _whole(low), _whole(high), colour, -1)


def _line(picture: Array, start: Array, end: Array, colour: Colour, thick: float) -> None:
    cv2.line(picture, _whole(start), _whole(end), colour, max(1, round(thick)), cv2.LINE_AA)
