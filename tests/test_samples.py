"""From a picture to what the network sees, and joints that stay where the pixels are."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, List, Tuple

import numpy as np
import pytest

from integral_pose.geometry import Array, Box, Camera, Patch
from integral_pose.samples import (
    DEVIATION,
    MEAN,
    Augmentation,
    Jitter,
    Pose,
    Sample,
    cut,
    decode,
    decode_pose,
    encode,
    normalise,
    patch_of,
)
from integral_pose.skeletons import HUMAN36M, MPII, Skeleton

WILD = Augmentation(shift=0.1, scale=0.25, turn=180, colour=0.3)
SMALL = Skeleton(("l_end", "middle", "r_end"), "middle", ("middle-l_end", "middle-r_end"))


def person(joints: Array, box: Box, annotated: Any = 1) -> Sample:
    return Sample(Path("unused.png"), joints, np.broadcast_to(annotated, len(joints)), box)


def wild_jitters(count: int) -> List[Jitter]:
    rng = np.random.default_rng(count)
    return [WILD.draw(rng) for _ in range(count)]


def white_centroid(pixels: Array) -> Array:
    grey = pixels.astype(float).sum(axis=2)
    rows, columns = np.indices(grey.shape)
    return np.array([(grey * columns).sum(), (grey * rows).sum()]) / grey.sum()


@pytest.mark.parametrize("skeleton, size", [(MPII, 96), (SMALL, 61)])
def test_decode_undoes_encode(skeleton: Skeleton, size: int) -> None:
    rng = np.random.default_rng(0)
    for jitter in wild_jitters(40):
        sample = person(rng.uniform([140, 200], [180, 240], (len(skeleton.joints), 2)), Box(160, 220, 190))
        patch = patch_of(sample, size, jitter)
        fractions, weights = encode(sample, patch, skeleton)
        assert weights.all() and fractions.dtype == weights.dtype == np.float32
        np.testing.assert_allclose(decode(fractions, patch, skeleton), sample.joints, atol=1e-3)


@pytest.mark.parametrize("size", [96, 131])
def test_a_painted_joint_is_where_encode_says_under_its_mirrored_name(size: int) -> None:
    rng = np.random.default_rng(size)
    seen = set()
    for round_number, jitter in enumerate(wild_jitters(48)):
        k = round_number % len(MPII.joints)
        joints = rng.integers([100, 60], [132, 92], (len(MPII.joints), 2)).astype(float)
        sample = person(joints, Box(118.3, 74.6, 61))
        image = np.zeros((170, 233, 3), np.uint8)
        image[int(joints[k, 1]), int(joints[k, 0])] = 255
        patch = patch_of(sample, size, jitter)
        fractions, weights = encode(sample, patch, MPII)
        name = MPII.mirror[k] if jitter.mirror else k
        if weights[name].all():
            seen.add((name, jitter.mirror))
            found = white_centroid(cut(image, patch))
            assert np.abs(found - (fractions[name] * size - 0.5)).max() < 0.6
    assert len(seen) > 24 and {mirror for _, mirror in seen} == {False, True}


def test_joints_outside_the_patch_or_not_annotated_are_masked() -> None:
    joints = np.array([[-0.5, 63.4], [63.5, 3], [np.nan, 9]])
    sample = person(joints, Box(31.5, 31.5, 64), [1, 1, 0])
    fractions, weights = encode(sample, Patch(sample.box, 32), SMALL)
    np.testing.assert_array_equal(weights, [[1, 1], [0, 0], [0, 0]])
    np.testing.assert_allclose(fractions, [[0, 63.9 / 64], [0.5, 0.5], [0.5, 0.5]], rtol=1e-6)


def test_joints_outside_the_patch_count_as_absent_where_that_is_asked_for() -> None:
    joints = np.array([[-0.5, 63.4], [127.5, 3], [np.nan, 9]])
    sample = person(joints, Box(31.5, 31.5, 64), [1, 1, 0])
    fractions, weights = encode(sample, Patch(sample.box, 32), SMALL, absent=True)
    np.testing.assert_array_equal(weights, [[1, 1], [1, 1], [0, 0]])
    np.testing.assert_allclose(fractions, [[0, 63.9 / 64], [2, 3.5 / 64], [0.5, 0.5]], rtol=1e-6)


def test_wide_patches_show_the_person_anywhere() -> None:
    rng, bounds = np.random.default_rng(3), Augmentation(shift=0.5, scale=0, widest=4)
    drawn = [bounds.draw(rng) for _ in range(4000)]
    scales, shifts = np.array([j.scale for j in drawn]), np.array([j.shift for j in drawn])
    assert scales.min() >= 1 and scales.max() <= 4
    for part in (np.log(scales) / np.log(4), *(shifts / scales[:, None] + 0.5).T):
        assert np.abs(np.histogram(part, 8, (0, 1))[0] - 500).max() < 110


def test_masks_change_sides_in_a_mirror() -> None:
    sample = person(np.array([[15.5, 31.5], [70, 31.5], [31.5, 47.5]]), Box(31.5, 31.5, 64), [1, 1, 0])
    fractions, weights = encode(sample, Patch(sample.box, 32, mirror=True), SMALL)
    np.testing.assert_array_equal(weights, [[0, 0], [0, 0], [1, 1]])
    np.testing.assert_allclose(fractions, [[0.5, 0.5], [0.5, 0.5], [0.75, 0.5]], rtol=1e-6)


def test_the_jitter_moves_the_box() -> None:
    sample = person(np.zeros((3, 2)), Box(50, 80, 200))
    patch = patch_of(sample, 48, Jitter((0.1, -0.2), 1.5, 30, True))
    assert patch == Patch(Box(70, 40, 300), 48, 30, True)
    assert patch_of(sample, 48) == Patch(sample.box, 48)


@pytest.mark.parametrize(
    "augmentation", [WILD, Augmentation(0, 0, 0, False), Augmentation(mirror=False, colour=0.2)], ids=str
)
def test_a_draw_takes_as_many_numbers_whatever_the_bounds(augmentation: Augmentation) -> None:
    one, other = np.random.default_rng(5), np.random.default_rng(5)
    for _ in range(3):
        augmentation.draw(one)
        Augmentation().draw(other)
    assert one.uniform() == other.uniform()


def test_no_augmentation_is_no_jitter() -> None:
    rng = np.random.default_rng(6)
    assert {Augmentation(0, 0, 0, False).draw(rng) for _ in range(20)} == {Jitter()}


def test_draws_are_uniform_within_their_bounds_and_independent() -> None:
    rng, bounds = np.random.default_rng(7), Augmentation(0.02, 0.25, 30, True, 0.2)
    drawn = [bounds.draw(rng) for _ in range(4000)]
    numbers = np.array([(*j.shift, j.scale - 1, j.turn, *np.array(j.gains) - 1) for j in drawn])
    unit = numbers / [0.02, 0.02, 0.25, 30, 0.2, 0.2, 0.2]
    assert np.abs(unit).max() <= 1
    for column in unit.T:
        assert np.abs(np.histogram(column, 8, (-1, 1))[0] - 500).max() < 110
    mirrored = np.array([j.mirror for j in drawn])
    assert abs(mirrored.mean() - 0.5) < 0.04
    related = np.corrcoef(np.column_stack([unit, mirrored]).T)
    assert np.abs(related - np.eye(8)).max() < 0.08


@pytest.mark.parametrize("size, gains", [(5, (1.0, 1.0, 1.0)), (8, (0.5, 1.0, 1.9))])
def test_normalise(size: int, gains: Tuple[float, float, float]) -> None:
    pixels = np.random.default_rng(8).integers(0, 256, (size, size, 3), np.uint8)
    expected = np.empty((3, size, size))
    for channel, blue_first in enumerate((2, 1, 0)):
        bright = np.minimum(pixels[:, :, blue_first] * gains[channel], 255)
        expected[channel] = (bright - MEAN[channel]) / DEVIATION[channel]
    found = normalise(pixels, gains)
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_outside_the_image_is_black() -> None:
    image = np.full((20, 30, 3), 200, np.uint8)
    pixels = cut(image, Patch(Box(29.5, 9.5, 20), 20))
    assert (pixels[:, :10] == 200).all() and not pixels[:, 10:].any()


# ---------------------------------------------------------------- 3D poses


def pose_before(camera: Camera, rng: np.random.Generator, skeleton: Skeleton = HUMAN36M) -> Sample:
    """A person within a metre of their root, and the cube around it."""
    root = camera.unproject(np.array([320.0, 250.0]) + rng.uniform(-80, 80, 2), np.array(rng.uniform(3500, 6000)))
    joints = root + rng.uniform(-600, 600, (len(skeleton.joints), 3))
    joints[skeleton.index(skeleton.root)] = root
    return Sample(Path(), camera.project(joints), np.ones(len(joints)), camera.box(root, 2000.0),
                  pose=Pose(joints, camera, "Walking"))


CAMERAS = {
    "pinhole": Camera(np.eye(3), np.zeros(3), (900.0, 899.0), (333.0, 241.0)),
    "distorted": Camera(np.eye(3), np.zeros(3), (900.0, 903.0), (310.0, 260.0), (-0.21, 0.24, -0.001, -0.0014, -0.002)),
}


@pytest.mark.parametrize("cells", [64, 7])
@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)
def test_a_pose_is_encoded_and_decoded_within_a_tenth_of_a_millimetre(camera: Camera, cells: int) -> None:
    rng = np.random.default_rng(cells)
    for jitter in wild_jitters(30):
        sample = pose_before(camera, rng)
        sample = replace(sample, box=sample.box.around_cell(cells))
        assert sample.pose
        patch = patch_of(sample, 96, replace(jitter, scale=1.3))
        fractions, weights = encode(sample, patch, HUMAN36M, coordinates=3)
        known = weights[list(HUMAN36M.mirror)] if patch.mirror else weights
        errors = np.linalg.norm(decode_pose(fractions, patch, HUMAN36M, sample.pose) - sample.pose.joints, axis=1)
        assert known.all(axis=1).sum() > 9
        assert errors[known.all(axis=1)].max() < 0.1


@pytest.mark.parametrize("cells", [32, 8])
def test_without_jitter_the_root_is_in_the_middle_of_a_cell(cells: int) -> None:
    sample = pose_before(CAMERAS["pinhole"], np.random.default_rng(1))
    patch = patch_of(replace(sample, box=sample.box.around_cell(cells)), 3 * cells)
    fractions, _ = encode(sample, patch, HUMAN36M, coordinates=3)
    np.testing.assert_allclose(fractions[0] * cells, cells // 2 + 0.5, atol=1e-4)


def test_depth_grows_with_the_patch_and_its_mirror_keeps_it() -> None:
    sample = pose_before(CAMERAS["pinhole"], np.random.default_rng(2))
    plain, _ = encode(sample, patch_of(sample, 64), HUMAN36M, coordinates=3)
    wide, _ = encode(sample, patch_of(sample, 64, Jitter(scale=1.25)), HUMAN36M, coordinates=3)
    np.testing.assert_allclose(wide[:, 2] - 0.5, (plain[:, 2] - 0.5) / 1.25, atol=1e-6)
    mirrored, _ = encode(sample, patch_of(sample, 64, Jitter(mirror=True)), HUMAN36M, coordinates=3)
    np.testing.assert_allclose(mirrored[list(HUMAN36M.mirror)], plain * [-1, 1, 1] + [1, 0, 0], atol=1e-6)


def test_the_depth_of_a_person_in_the_plane_is_masked() -> None:
    sample = person(np.array([[15.5, 31.5], [31.5, 31.5], [31.5, 47.5]]), Box(31.5, 31.5, 64))
    fractions, weights = encode(sample, Patch(sample.box, 32), SMALL, coordinates=3)
    np.testing.assert_array_equal(weights, np.array([[1, 1, 0]] * 3))
    assert np.isfinite(fractions).all()


def test_a_joint_beyond_the_cube_keeps_its_place_in_the_plane() -> None:
    sample = pose_before(CAMERAS["pinhole"], np.random.default_rng(3))
    assert sample.pose
    sample.pose.joints[4, 2] += 2500
    _, weights = encode(sample, patch_of(sample, 64, Jitter(scale=1.25)), HUMAN36M, coordinates=3)
    np.testing.assert_array_equal(weights[4], [1, 1, 0])
    assert weights.sum() == weights.size - 1
