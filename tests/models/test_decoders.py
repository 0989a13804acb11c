"""Where within a cell a joint lies, on maps that are what the decoders count on, on none, and at the border."""
from __future__ import annotations

from dataclasses import replace

import integral_pose  # isort: skip  # noqa: F401

import numpy as np
import pytest

from integral_pose.geometry import Array
from integral_pose.models import decode
from integral_pose.models.subpixel import DECODERS, in_window, refined
from integral_pose.run import Run

N, K, H, W = 4, 5, 11, 14
each_decoder = pytest.mark.parametrize("decoder", DECODERS)


def gaussians(joints: Array, sigma: float, height: int = H, width: int = W) -> Array:
    """Maps (N, K, height, width) with a peak of 1 at joints (N, K, 2) in cells, where a cell's middle is at a half."""
    y, x = np.mgrid[:height, :width] + 0.5
    squares = (x - joints[..., 0, None, None]) ** 2 + (y - joints[..., 1, None, None]) ** 2
    return np.exp(-squares / (2 * sigma**2)).astype(np.float32)


def drawn(low: float = 4) -> Array:
    return np.random.default_rng(0).uniform(low, (W - low, H - low), (N, K, 2))


@pytest.mark.parametrize("sigma", [0.8, 1.0, 1.3])
@pytest.mark.parametrize("decoder, most", [("quarter", 0.25), ("dark", 1e-3), ("local", 0.06)])
def test_gaussians_are_read_as_well_as_a_decoder_can(decoder: str, most: float, sigma: float) -> None:
    errors = np.abs(refined(gaussians(drawn(), sigma), decoder, sigma) * (W, H) - drawn())
    assert errors.max() <= most + 1e-6
    assert errors.mean() < np.abs(np.floor(drawn()) + 0.5 - drawn()).mean() * 0.6


def test_a_quarter_of_a_cell_goes_to_the_higher_neighbour() -> None:
    maps = np.zeros((1, 3, 5, 6), np.float32)
    maps[:, :, 2, 3] = 1
    maps[0, 0, 2, 2] = maps[0, 0, 3, 3] = maps[0, 1, 1, 3] = 0.4
    found = refined(maps, "quarter", 1.0)[0] * (6, 5)
    np.testing.assert_allclose(found, [[3.25, 2.75], [3.5, 2.25], [3.5, 2.5]])


def test_the_windows_expectation_by_hand() -> None:
    maps = np.full((1, 1, H, W), -5.0)
    maps[0, 0, 5, 6], maps[0, 0, 5, 8], maps[0, 0, 4, 6] = 1, 0.5, 0.5
    maps[0, 0, 5, 10], maps[0, 0, 9, 6] = 0.9, 0.9  # outside the window
    np.testing.assert_allclose(refined(maps, "local", 1.0)[0, 0] * (W, H), [6.5 + 2 * 0.5 / 2, 5.5 - 0.5 / 2])


def test_a_window_of_cells_is_read_by_its_probabilities() -> None:
    logits = np.full((1, 2, H, W), -40.0)
    logits[0, 0, 5, 6] = np.log(0.5)
    logits[0, 0, 5, 7], logits[0, 0, 4, 6] = np.log(0.25), np.log(0.25)
    logits[0, 0, 5, 9] = np.log(0.4)  # outside the window
    logits[0, 1, 0, W - 1] = 0  # in a corner
    found = in_window(logits + 7.0)[0] * (W, H)
    np.testing.assert_allclose(found, [[6.5 + 0.25, 5.5 - 0.25], [W - 0.5, 0.5]], atol=1e-9)


@each_decoder
def test_the_axes_are_not_confused(decoder: str) -> None:
    joints = drawn()
    turned = refined(gaussians(joints, 1.0).swapaxes(2, 3), decoder, 1.0)
    np.testing.assert_allclose(turned[..., ::-1], refined(gaussians(joints, 1.0), decoder, 1.0), atol=1e-6)


@each_decoder
def test_a_mirrored_map_has_the_mirrored_joint(decoder: str) -> None:
    found = refined(gaussians(drawn(), 1.0), decoder, 1.0)
    mirrored = refined(gaussians(drawn(), 1.0)[..., ::-1], decoder, 1.0)
    np.testing.assert_allclose(mirrored, found * (-1, 1) + (1, 0), atol=1e-5)


@each_decoder
@pytest.mark.parametrize("corner", [(0, 0), (0, W - 1), (H - 1, 0), (H - 1, W - 1), (1, 1), (5, W - 2)])
def test_at_the_border_the_joint_stays_in_the_map_and_near_its_cell(decoder: str, corner: tuple) -> None:
    maps = np.random.default_rng(1).uniform(0, 0.1, (2, 3, H, W))
    maps[:, :, corner[0], corner[1]] = 1
    found = refined(maps, decoder, 1.0)
    assert ((found >= 0) & (found <= 1)).all()
    assert np.abs(found * (W, H) - (corner[1] + 0.5, corner[0] + 0.5)).max() <= 1.5


@each_decoder
@pytest.mark.parametrize("value", [0.0, -3.0, 1e4])
def test_a_flat_map_gives_the_first_cells_neighbourhood(decoder: str, value: float) -> None:
    found = refined(np.full((N, K, H, W), value), decoder, 1.0) * (W, H)
    assert np.isfinite(found).all() and found.max() <= 2.5


def test_where_a_smoothed_map_has_no_top_the_joint_stays_in_the_cells_middle() -> None:
    """A lone high cell in the middle of a wide ring is, smoothed, in a hollow; on a saddle or slope it is on no top."""
    y, x = np.mgrid[:H, :W]
    ring = 0.9 * (np.abs(np.hypot(x - 6.2, y - 5.1) - 2.6) < 0.8)
    ring[5, 6] = 1
    saddle = np.minimum(np.exp(0.4 * (y - 5.1) ** 2 - 0.4 * (x - 6.2) ** 2), 5)
    slope = np.minimum(np.exp(0.5 * x - 0.05 * (x - 6) ** 2 - 0.4 * (y - 5.1) ** 2), 40)
    saddle[5, 6], slope[5, 6] = 5.1, 40.1
    found = refined(np.stack([ring, saddle, slope])[None], "dark", 1.0)[0] * (W, H)
    np.testing.assert_allclose(found, [[6.5, 5.5]] * 3)


@each_decoder
def test_noise_moves_a_joint_by_no_more_than_the_window(decoder: str) -> None:
    maps = np.random.default_rng(2).normal(0, 1, (20, K, H, W))
    cells = np.stack(np.unravel_index(maps.reshape(20, K, -1).argmax(axis=2), (H, W))[::-1], axis=2)
    moved = np.abs(refined(maps, decoder, 1.0) * (W, H) - cells - 0.5)
    assert moved.max() <= {"quarter": 0.25, "quarter-inside": 0.25, "dark": 1, "local": 3}[decoder] + 1e-6
    assert moved.max() > 0.1


def test_a_run_says_which() -> None:
    run = Run(output="heat map", loss="gaussian-mse", patch=64, upsamplings=2)
    maps = gaussians(drawn(3) * 0.6, 1.0, run.cells, run.cells)
    np.testing.assert_allclose(decode.decode(maps, run) * 8 % 1, 0.5)
    for decoder in DECODERS:
        found = decode.decode(maps, replace(run, decoder=decoder))
        np.testing.assert_array_equal(found, refined(maps, decoder, run.sigma))
    wide = replace(run, decoder="dark", sigma=2.0)
    assert np.abs(decode.decode(maps, wide) - decode.decode(maps, replace(wide, sigma=1.0))).max() > 1e-3
