"""Patches and cameras: every way there has a way back."""
from __future__ import annotations

from dataclasses import replace
from typing import List

import numpy as np
import pytest

from integral_pose.geometry import Array, Box, Camera, Patch

DISTORTION = (0.2, 0.2, 0.002, 0.002, 0.05)  # typical k1, k2, p1, p2, k3


def random_patches(count: int) -> List[Patch]:
    rng = np.random.default_rng(count)
    return [
        Patch(Box(*rng.uniform(-40, 700, 2), rng.uniform(20, 900)), int(rng.integers(16, 400)), rng.uniform(-180, 180),
              bool(rng.integers(2)))
        for _ in range(count)
    ]


def random_rotation(rng: np.random.Generator) -> Array:
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return rotation * np.sign(np.linalg.det(rotation))


def random_cameras(count: int, distorted: bool = False) -> List[Camera]:
    """Distortions are about those of Human3.6M's cameras, a pixel or a few within its 1000 px."""
    rng = np.random.default_rng(count)
    return [
        Camera(random_rotation(rng), rng.normal(0, 3000, 3), tuple(rng.uniform(1100, 1500, 2)),
               tuple(rng.uniform(400, 600, 2)), tuple(rng.normal(0, DISTORTION)) if distorted else ())
        for _ in range(count)
    ]


def distorted_by_formula(camera: Camera, points: Array) -> Array:
    """The projection of camera mm (..., 3) as OpenCV documents it."""
    k1, k2, p1, p2, k3 = camera.distortion
    x, y = points[..., 0] / points[..., 2], points[..., 1] / points[..., 2]
    r2 = x**2 + y**2
    both = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + 2 * (p1 * y + p2 * x)
    return np.stack([x * both + p2 * r2, y * both + p1 * r2], axis=-1) * camera.focal + camera.centre


@pytest.mark.parametrize("shape", [(2,), (5, 2), (3, 4, 2)])
def test_to_image_undoes_to_fraction(shape: tuple) -> None:
    points = np.random.default_rng(0).uniform(-300, 900, shape)
    for patch in random_patches(61):
        fractions = patch.to_fraction(points)
        assert fractions.shape == shape
        np.testing.assert_allclose(patch.to_image(fractions), points, atol=1e-8)


def test_the_matrix_agrees_with_to_fraction() -> None:
    points = np.random.default_rng(1).uniform(-300, 900, (7, 2))
    for patch in random_patches(43):
        pixels = np.column_stack([points, np.ones(7)]) @ patch.matrix.T
        np.testing.assert_allclose(patch.to_fraction(points), (pixels + 0.5) / patch.size, atol=1e-12)


def test_the_middle_of_the_box_is_the_middle_of_the_patch() -> None:
    for patch in random_patches(37):
        np.testing.assert_allclose(patch.to_fraction(np.array([patch.box.x, patch.box.y])), 0.5, atol=1e-12)


def test_mirroring_is_one_minus_x() -> None:
    points = np.random.default_rng(2).uniform(-300, 900, (9, 2))
    for patch in random_patches(29):
        plain, mirrored = (replace(patch, mirror=mirror).to_fraction(points) for mirror in (False, True))
        np.testing.assert_allclose(mirrored, np.column_stack([1 - plain[:, 0], plain[:, 1]]), atol=1e-12)


@pytest.mark.parametrize("size", [16, 61])
def test_a_box_of_whole_pixels_spans_the_patch_from_edge_to_edge(size: int) -> None:
    patch = Patch(Box(12.5, 32.5, 20), size)  # pixels 3 to 22 and 23 to 42
    corners = np.array([[2.5, 22.5], [22.5, 42.5], [3, 23]])
    np.testing.assert_allclose(patch.to_fraction(corners), [[0, 0], [1, 1], [0.5 / 20, 0.5 / 20]], atol=1e-12)


@pytest.mark.parametrize(
    "turn, mirror, expected",
    [(0, False, (0.75, 0.5)), (90, False, (0.5, 0.75)), (-90, False, (0.5, 0.25)), (180, False, (0.25, 0.5)),
     (0, True, (0.25, 0.5)), (90, True, (0.5, 0.75)), (45, True, (0.5 - 0.125 * 2**0.5, 0.5 + 0.125 * 2**0.5))],
)
def test_turns_are_clockwise_and_come_before_the_mirror(turn: float, mirror: bool, expected: tuple) -> None:
    patch = Patch(Box(70, 30, 40), 24, turn, mirror)
    np.testing.assert_allclose(patch.to_fraction(np.array([80.0, 30.0])), expected, atol=1e-12)


def test_lengths_scale_alike_in_every_direction() -> None:
    for patch in random_patches(17):
        linear = patch.matrix[:, :2] / (patch.size / patch.box.side)
        np.testing.assert_allclose(linear @ linear.T, np.eye(2), atol=1e-12)
        assert np.linalg.det(linear) == pytest.approx(-1 if patch.mirror else 1)


@pytest.mark.parametrize("shape", [(3,), (6, 3), (2, 5, 3)])
def test_world_to_camera_and_back(shape: tuple) -> None:
    points = np.random.default_rng(3).normal(0, 2000, shape)
    for camera in random_cameras(13):
        np.testing.assert_allclose(camera.to_world(camera.from_world(points)), points, atol=1e-8)


@pytest.mark.parametrize("shape", [(), (6,), (2, 5)])
@pytest.mark.parametrize("distorted", [False, True])
def test_camera_to_image_and_back(shape: tuple, distorted: bool) -> None:
    rng = np.random.default_rng(4)
    pixels, depth = rng.uniform(0, 1000, (*shape, 2)), rng.uniform(500, 6000, shape)
    for camera in random_cameras(11, distorted):
        points = camera.unproject(pixels, np.asarray(depth))
        assert points.shape == (*shape, 3)
        np.testing.assert_allclose(points[..., 2], depth)
        np.testing.assert_allclose(camera.project(points), pixels, atol=1e-6)
        np.testing.assert_allclose(camera.unproject(camera.project(points), np.asarray(depth)), points, atol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (6, 3), (2, 5, 3)])
def test_distortion_is_human36ms(shape: tuple) -> None:
    points = np.random.default_rng(5).uniform([-1500, -1200, 4000], [1500, 1200, 6000], shape)
    for camera in random_cameras(19, distorted=True):
        projected = camera.project(points)
        assert projected.shape == (*shape[:-1], 2)
        np.testing.assert_allclose(projected, distorted_by_formula(camera, points), atol=1e-9)
        assert np.abs(projected - replace(camera, distortion=()).project(points)).max() > 0.01


def test_a_distortion_of_zeros_is_none() -> None:
    points = np.random.default_rng(6).uniform([-1500, -1200, 4000], [1500, 1200, 6000], (7, 3))
    for camera in random_cameras(5):
        zeros = replace(camera, distortion=(0.0,) * 5)
        np.testing.assert_allclose(zeros.project(points), camera.project(points), atol=1e-9)


@pytest.mark.parametrize("span", [2000.0, 350.0])
def test_the_box_is_the_image_of_an_upright_square(span: float) -> None:
    point = np.array([320.0, -180.0, 4700.0])
    corners = point + span / 2 * np.array([[-1, -1, 0], [1, 1, 0]])
    for camera in random_cameras(23):
        box = camera.box(point, span)
        lower, upper = camera.project(corners)
        np.testing.assert_allclose([box.x, box.y], (lower + upper) / 2)
        assert box.side**2 == pytest.approx(np.prod(upper - lower))  # pixels need not be square, and the box is
        assert box.span == span


def test_the_box_of_a_distorted_camera_is_where_the_point_is_seen() -> None:
    point = np.array([1300.0, -900.0, 4700.0])
    for camera in random_cameras(7, distorted=True):
        box = camera.box(point, 2000)
        np.testing.assert_allclose([box.x, box.y], distorted_by_formula(camera, point))
        assert box.side == pytest.approx(replace(camera, distortion=()).box(point, 2000).side)


@pytest.mark.parametrize("shape", [(), (6,), (2, 5)])
def test_depth_to_fraction_and_back(shape: tuple) -> None:
    rng = np.random.default_rng(7)
    depths = rng.normal(0, 900, shape)
    for patch in random_patches(31):
        patch = replace(patch, box=replace(patch.box, span=rng.uniform(500, 3000), z=rng.normal(0, 100)))
        fractions = np.asarray(patch.to_depth_fraction(depths))
        assert fractions.shape == shape
        np.testing.assert_allclose(patch.to_depth(fractions), depths, atol=1e-9)
        ends = patch.box.z + np.array([-0.5, 0, 0.5]) * patch.box.span
        np.testing.assert_allclose(patch.to_depth_fraction(ends), [0, 0.5, 1], atol=1e-12)


def test_a_patch_is_as_deep_as_it_is_wide_at_the_root() -> None:
    root, span = np.array([-250.0, 140.0, 5200.0]), 1700.0
    camera = replace(random_cameras(1)[0], focal=(1145.0, 1145.0))
    patch = Patch(camera.box(root, span), 48)
    for offset in (-400.0, 90.0, span / 2):
        beside = patch.to_fraction(camera.project(root + np.array([offset, 0, 0])))
        np.testing.assert_allclose(beside, [patch.to_depth_fraction(np.array(offset)), 0.5])


def test_a_camera_by_hand() -> None:
    looks_along_y = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # the world's z is up
    camera = Camera(looks_along_y, np.array([100.0, -4000, 1500]), (1000.0, 1200.0), (320.0, 240.0))
    point = camera.from_world(np.array([600.0, 1000, 1000]))
    np.testing.assert_allclose(point, [500, 500, 5000])
    np.testing.assert_allclose(camera.project(point), [320 + 100, 240 + 120])


@pytest.mark.parametrize("cells", [7, 8, 31, 64])
def test_around_a_cell_the_middle_is_the_middle_of_a_cell(cells: int) -> None:
    box = Box(310.0, 205.0, 400.0, 1700.0)
    patch = Patch(box.around_cell(cells), 128)
    place = np.append(patch.to_fraction(np.array([box.x, box.y])), patch.to_depth_fraction(np.array(0.0))) * cells
    np.testing.assert_allclose(place, cells // 2 + 0.5)
    assert (patch.box.side, patch.box.span) == (box.side, box.span)
