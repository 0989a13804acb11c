"""The mass of a map near a joint, against a sum written out."""
from __future__ import annotations

from typing import Tuple

import mxnet as mx
import numpy as np
import pytest

from symbols.confidence import HighestProbability, MassNear

SIZES = [(1, 5, 7), (3, 4, 6)]


def by_hand(logits: np.ndarray, joints: np.ndarray, size: Tuple[int, int, int], radius: float) -> np.ndarray:
    depth, height, width = size
    people, count = joints.shape[:2]
    mass = np.zeros((people, count))
    maps = np.exp(logits.reshape(people, count, depth, height, width))
    for n, k in np.ndindex(people, count):
        for z, y, x in np.ndindex(depth, height, width):
            cell = (x + 0.5, y + 0.5, z + 0.5)
            place = joints[n, k] * (width, height, depth)[:joints.shape[2]]
            if all(abs(a - b) <= radius for a, b in zip(cell, place)):
                mass[n, k] += maps[n, k, z, y, x] / maps[n, k].sum()
    return mass


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("radius", [0.7, 1.4, 2])
def test_it_is_the_probability_of_the_cells_around_the_joint(
    size: Tuple[int, int, int], radius: float, hybridize: bool
) -> None:
    depth, height, width = size
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (2, 3 * depth, height, width)).astype("f4")
    joints = rng.uniform(0, 1, (2, 3, 3 if depth > 1 else 2)).astype("f4")
    block = MassNear(3, height, width, depth, radius)
    if hybridize:
        block.hybridize()
    found = block(mx.nd.array(logits), mx.nd.array(joints)).asnumpy()
    np.testing.assert_allclose(found, by_hand(logits, joints, size, radius), atol=1e-5)
    assert 0.02 < found.mean() < 0.95


@pytest.mark.parametrize("size", [(1, 5, 7), (4, 5, 7)])
def test_a_peak_is_the_highest_probability_of_all_cells(size: Tuple[int, int, int], hybridize: bool) -> None:
    depth, height, width = size
    logits = np.random.default_rng(0).normal(0, 2, (2, 3 * depth, height, width)).astype("f4")
    block = HighestProbability(3, height, width, depth)
    if hybridize:
        block.hybridize()
    flat = np.exp(logits.reshape(2, 3, -1))
    np.testing.assert_allclose(block(mx.nd.array(logits)).asnumpy(), flat.max(axis=2) / flat.sum(axis=2), rtol=1e-5)


def test_two_peaks_leave_little_at_their_expectation() -> None:
    logits = np.zeros((2, 1, 3, 20), "f4")
    logits[0, 0, 1, 10] = logits[1, 0, 1, [2, 17]] = 20
    sure, torn = MassNear(1, 3, 20)(mx.nd.array(logits), mx.nd.array([[[10.5 / 20, 0.5]], [[0.5, 0.5]]])).asnumpy()
    assert sure > 0.99 and torn < 0.01


def test_maps_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="built for maps"):
        MassNear(3, 5, 7)(mx.nd.zeros((2, 3, 7, 5)), mx.nd.zeros((2, 3, 2)))
