"""What is behind people and in front of them: walls, floors, furniture and clutter, and the shadows people cast."""
from __future__ import annotations

import colorsys
from typing import List, Optional, Sequence, Tuple

import cv2
import numpy as np

from integral_pose.geometry import Array, Camera
from integral_pose.synthetic.drawing.raster import NEAR, Canvas, Light, Slab, paint_slab
from integral_pose.synthetic.motion.scene import Person


def draw_colour(rng: np.random.Generator, saturation: float = 0.6) -> Tuple[float, float, float]:
    """BGR 0-255, rather pale than not."""
    red, green, blue = colorsys.hsv_to_rgb(rng.uniform(), saturation * rng.uniform() ** 1.3, rng.uniform(0.2, 0.95))
    return 255 * blue, 255 * green, 255 * red


def noise(rng: np.random.Generator, size: Tuple[int, int], cells: int, strength: float) -> Array:
    """A smooth field (h, w) around 1; `cells` is how many bumps fit across, `size` (w, h)."""
    coarse = rng.normal(1, strength, (cells * size[1] // size[0] + 2, cells + 2)).astype(np.float32)
    field: Array = cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC)
    return field


def paint_backdrop(rng: np.random.Generator, camera: Camera, size: Tuple[int, int]) -> Array:
    """Wall, floor and clutter, (height, width, 3) uint8 BGR; `size` is (width, height)."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    _wall(rng, picture)
    edge = floor_edge(camera, rng.uniform(2800, 5000), width)
    _clutter(rng, picture, int(rng.integers(2, 10)), max(float(edge.mean()), 0.2 * height))
    if min(edge) < height:
        _floor(rng, picture, camera, edge)
    texture = noise(rng, (width, height), int(rng.choice([6, 20, 70])), rng.uniform(0.02, 0.12))
    texture *= _ramp(rng, width, height)
    grey = cv2.cvtColor(cv2.convertScaleAbs(texture, alpha=128), cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.multiply(picture, grey, scale=1 / 128))


def _ramp(rng: np.random.Generator, width: int, height: int) -> Array:
    """Light falling off across the picture, (h, w)."""
    corners = rng.uniform(0.75, 1.1, (2, 2)).astype(np.float32)
    ramp: Array = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    return ramp


def _wall(rng: np.random.Generator, picture: Array) -> None:
    height, width = picture.shape[:2]
    picture[:] = draw_colour(rng)
    kind = rng.integers(4)
    if kind == 1:
        _stripes(rng, picture)
    elif kind == 2:
        patches = rng.integers(40, 230, (int(rng.integers(2, 7)), int(rng.integers(2, 7)), 3)).astype(np.uint8)
        smooth = cv2.INTER_LINEAR if rng.uniform() < 0.6 else cv2.INTER_NEAREST
        cv2.addWeighted(cv2.resize(patches, (width, height), interpolation=smooth), 0.6, picture, 0.4, 0, dst=picture)


def _stripes(rng: np.random.Generator, picture: Array) -> None:
    height, width = picture.shape[:2]
    step, colour = int(rng.integers(8, 45)), draw_colour(rng)
    lean = int(rng.integers(-height, height)) if rng.uniform() < 0.4 else 0
    for x in range(-abs(lean), width + abs(lean), step):
        cv2.line(picture, (x, 0), (x + lean, height), colour, max(1, int(step * rng.uniform(0.2, 0.4))), cv2.LINE_AA)


def level(direction: Array) -> Array:
    """A direction (3,) without its height, of length 1."""
    flat = direction * np.array([1, 1, 0])
    return np.asarray(flat / np.linalg.norm(flat))


def floor_edge(camera: Camera, away: float, width: int) -> Array:
    """Rows (2,), px, where the floor meets a wall `away` mm behind the world's middle, at the left and right edge."""
    ahead = level(camera.rotation[2])
    depth = np.linalg.norm(camera.position[:2]) + away
    middle = camera.position * np.array([1, 1, 0]) + depth * ahead
    sideways = np.array([ahead[1], -ahead[0], 0])
    ends = camera.project(camera.from_world(middle + np.array([[-depth], [depth]]) * sideways))
    slope = (ends[1, 1] - ends[0, 1]) / (ends[1, 0] - ends[0, 0])
    rows: Array = ends[0, 1] + slope * (np.array([0, width]) - ends[0, 0])
    return rows


def _floor(rng: np.random.Generator, picture: Array, camera: Camera, edge: Array) -> None:
    height, width = picture.shape[:2]
    corners = np.array([(0, edge[0]), (width, edge[1]), (width, height + 2), (0, height + 2)])
    floor = picture.copy() if rng.uniform() < 0.5 else None
    cv2.fillPoly(picture, [np.round(corners).astype(np.int32)], draw_colour(rng, 0.45))
    if floor is not None:
        planks(rng, picture, camera)
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 255)
        cv2.copyTo(picture, mask, floor)
        picture[:] = floor


def planks(rng: np.random.Generator, picture: Array, camera: Camera) -> None:
    """Lines along and across the floor, in perspective."""
    step, colour, turn = rng.uniform(250, 900), draw_colour(rng, 0.4), rng.uniform(0, np.pi)
    along = np.array([np.cos(turn), np.sin(turn), 0])
    across = np.array([-along[1], along[0], 0])
    for way, other in ((along, across), (across, along))[: int(rng.integers(1, 3))]:
        for i in range(-8, 9):
            _ground_line(picture, camera, i * step * other, way, colour)


def _ground_line(
    picture: Array, camera: Camera, through: Array, way: Array, colour: Tuple[float, float, float]
) -> None:
    seen = camera.from_world(through + np.array([[-6000.0], [6000.0]]) * way)
    depth = seen[:, 2]
    if depth.max() < NEAR:
        return
    if depth.min() < NEAR:
        back = int(np.argmin(depth))
        part = (NEAR - depth[back]) / (depth[1 - back] - depth[back])
        seen[back] += part * (seen[1 - back] - seen[back])
    ends = np.clip(camera.project(seen), -20000, 20000).astype(int)
    cv2.line(picture, tuple(ends[0].tolist()), tuple(ends[1].tolist()), colour, 1, cv2.LINE_AA)


def _clutter(rng: np.random.Generator, picture: Array, count: int, below: float) -> None:
    """Flat things on the wall: posters, blobs, cables, scraps."""
    width = picture.shape[1]
    square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    for _ in range(count):
        where = rng.uniform(0, 1, 2) * (width, below)
        reach = rng.uniform(0.03, 0.28) * width * rng.uniform(0.3, 1, 2)
        kind, colour, corners = rng.integers(4), draw_colour(rng, 0.8), where + square * reach
        if kind == 0:
            oval = (tuple(where.tolist()), tuple(reach.tolist()), rng.uniform(0, 180))
            cv2.ellipse(picture, oval, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            _fill(picture, where + rng.normal(0, 0.6, (int(rng.integers(3, 7)), 2)) * reach, colour)
        else:
            _fill(picture, corners, colour)
            _fill(picture, where + 0.8 * square * reach, draw_colour(rng, 0.8))


def _fill(picture: Array, corners: Array, colour: Tuple[float, float, float]) -> None:
    cv2.fillPoly(picture, [corners.astype(np.int32)], colour, cv2.LINE_AA)


def paint_furniture(rng: np.random.Generator, canvas: Canvas, people: Sequence[Person], light: Light) -> None:
    """A few boxes standing on the floor behind the people, far ones first; they hide nobody."""
    ahead = level(canvas.camera.rotation[2])
    sideways = np.array([-ahead[1], ahead[0], 0])
    middle = max((person.joints["pelvis"] for person in people), key=lambda where: float(where @ ahead), default=ahead)
    slabs: List[Slab] = []
    for _ in range(int(rng.integers(0, 5))):
        spot = middle + rng.uniform(900, 2600) * ahead + rng.uniform(-1800, 1800) * sideways
        half = rng.uniform(80, 420, 2)
        height, yaw = rng.uniform(250, 1900), rng.uniform(0, 90)
        slabs.append(Slab(spot * np.array([1, 1, 0]), half, height, yaw, np.array(draw_colour(rng))))
    for slab in sorted(slabs, key=lambda slab: -float(slab.base @ ahead)):
        paint_slab(canvas, slab, light)


def foreground(rng: np.random.Generator, camera: Camera, person: Person) -> Optional[Slab]:
    """Sometimes a box or a post in front of a person, beside the middle so that it hides only a part."""
    if rng.uniform() > 0.22:
        return None
    middle = person.joints["pelvis"]
    towards = level(camera.position - middle)
    distance = np.linalg.norm((camera.position - middle)[:2])
    sideways = np.array([-towards[1], towards[0], 0])
    spot = (middle + rng.uniform(0.2, 0.4) * distance * towards) * np.array([1, 1, 0])
    post = rng.uniform() < 0.35
    side = rng.uniform(170, 480) * (1 if rng.uniform() < 0.5 else -1)
    half = rng.uniform(12, 28, 2) if post else rng.uniform(60, 170, 2)
    height = rng.uniform(1500, 2600) if post else rng.uniform(150, 480)
    return Slab(spot + side * sideways, half, height, rng.uniform(0, 90), np.array(draw_colour(rng)))


def cast_shadows(canvas: Canvas, people: Sequence[Person], light: Light) -> None:
    """Soft shadows on the floor: every solid's axis projected along the light, blurred, at a quarter of the size."""
    camera, part = canvas.camera, 4
    height, width = canvas.depths.shape
    mask = np.zeros((height // part, width // part), np.uint8)
    for person in people:
        solids = person.solids
        ends = np.stack([solids.start, solids.end])
        ground = ends - light.direction * (np.maximum(ends[..., 2:], 0) / light.direction[2])
        ground[..., 2] = 0
        seen = camera.from_world(ground)
        pixels = canvas.pixels(seen) / part
        thick = 1.7 * solids.radius.mean(axis=1) * np.mean(camera.focal) * canvas.scale / part / seen[0, :, 2]
        ahead = (seen[..., 2] > NEAR).all(axis=0)
        corners = np.clip(pixels[:, ahead], -5000, 5000).astype(int).tolist()
        for start, end, wide in zip(*corners, thick[ahead].tolist()):
            cv2.line(mask, tuple(start), tuple(end), 110, max(1, int(wide)))
    soft = cv2.resize(cv2.blur(mask, (5, 5)), (width, height), interpolation=cv2.INTER_LINEAR)
    dark = cv2.cvtColor(255 - soft, cv2.COLOR_GRAY2BGR)
    cv2.multiply(canvas.colours, dark, dst=canvas.colours, scale=1 / 255)
