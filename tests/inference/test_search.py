"""A person is boxed by what the network predicts of the whole picture, and of that box again."""
from __future__ import annotations

from typing import Any, Iterator, List, Tuple

import numpy as np
import pytest

from integral_pose.geometry import Array
from integral_pose.inference import search
from integral_pose.inference.boxes import Boxes
from integral_pose.inference.estimator import Person, Seen
from integral_pose.inference.media import Picture

WIDTH, HEIGHT = 300, 200
JOINTS = np.array([[x, y] for x in (180, 220) for y in (60, 80, 100, 120, 140)], float)


def person(joints: Array, unsure: int = 0) -> Person:
    """A prediction whose last joints are not sure."""
    return Person(np.zeros(4), 1.0, joints, np.where(np.arange(len(joints)) < len(joints) - unsure, 0.9, 0.1))


class Fake:
    """A network whose joints are the farther off, the larger the box."""

    def __init__(self) -> None:
        self.looked: List[Array] = []

    def seen(self, views: List[Tuple[Picture, Boxes]]) -> Iterator[Seen]:
        for picture, boxes in views:
            self.looked += list(boxes.edges)
            yield Seen(picture, [person(JOINTS + 0.1 * max(0, box[2:].max() - 100)) for box in boxes.edges])


def test_it_looks_at_the_whole_picture_and_then_closer() -> None:
    fake: Any = Fake()
    found = search.Search(fake)(Picture("a.jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8)))
    assert fake.looked[0].tolist() == [0, 0, WIDTH, HEIGHT] and len(fake.looked) == search.ROUNDS
    assert len(found.edges) == 1 and found.scores.tolist() == [1]
    np.testing.assert_allclose(found.edges[0], [176.5, 56.5, 48, 88])


def test_joints_that_are_not_sure_are_left_out_of_the_box() -> None:
    boxes = [search.around(person(np.concatenate([JOINTS[:7], JOINTS[7:] + off]), 3), WIDTH, HEIGHT) for off in (0, 40)]
    np.testing.assert_array_equal(*boxes)


@pytest.mark.parametrize("joints", [JOINTS + [90, 70], JOINTS - [190, 70], JOINTS * 10, -JOINTS, JOINTS * 0 + 50])
@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (1, 1), (500, 2)])
def test_a_box_stays_in_the_picture_and_is_never_empty(joints: Array, size: Tuple[int, int]) -> None:
    box = search.around(person(joints), *size)
    assert (box[:2] >= 0).all() and (box[2:] >= np.minimum(search.LEAST, size) - 1e-9).all()
    assert (box[:2] + box[2:] <= np.array(size) + 1e-9).all()
