"""Patches and cameras: every way there has a way back."""
from __future__ import annotations

from dataclasses import replace
from typing import List

import numpy as np
import pytest

from integral_pose.geometry import Array, Box, Camera, Patch


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


def random_cameras(count: int) -> List[Camera]:
    rng = np.random.default_rng(count)
    return [
        Camera(random_rotation(rng), rng.normal(0, 3000, 3), tuple(rng.uniform(300, 1500, 2)),
               tuple(rng.uniform(100, 900, 2)))
        for _ in range(count)
    ]


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
def test_camera_to_image_and_back(shape: tuple) -> None:
    rng = np.random.default_rng(4)
    pixels, depth = rng.uniform(-100, 1100, (*shape, 2)), rng.uniform(500, 6000, shape)
    for camera in random_cameras(11):
        points = camera.unproject(pixels, np.asarray(depth))
        assert points.shape == (*shape, 3)
        np.testing.assert_allclose(points[..., 2], depth)
        np.testing.assert_allclose(camera.project(points), pixels, atol=1e-8)


def test_a_camera_by_hand() -> None:
    looks_along_y = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # the world's z is up
    camera = Camera(looks_along_y, np.array([100.0, -4000, 1500]), (1000.0, 1200.0), (320.0, 240.0))
    point = camera.from_world(np.array([600.0, 1000, 1000]))
    np.testing.assert_allclose(point, [500, 500, 5000])
    np.testing.assert_allclose(camera.project(point), [320 + 100, 240 + 120])
