"""One person is found by two networks, or nobody."""
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
JOINTS = np.array([[x, y] for x in (180, 220) for y in (60, 80, 100, 120, 140, 145, 150)], float)
PICTURE = Picture("a.jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))


class Fake:
    """A network that is the surer of the joints, the more of them are in the box, and of none below `peak`."""

    def __init__(self, peak: float = 1.0) -> None:
        self.looked: List[Array] = []
        self._peak = peak

    def seen(self, views: List[Tuple[Picture, Boxes]]) -> Iterator[Seen]:
        for picture, boxes in views:
            self.looked += list(boxes.edges)
            yield Seen(picture, [self._person(box) for box in boxes.edges])

    def _person(self, box: Array) -> Person:
        inside = ((box[:2] - 1 <= JOINTS) & (box[:2] + box[2:] + 1 >= JOINTS)).all(axis=1)
        fills = np.sqrt(40 * 90 / np.prod(box[2:]))
        return Person(box, 1.0, JOINTS + 60 * ~inside[:, None], np.where(inside, self._peak * min(1, fills), 0))


def found(finder: Any, people: Any, least: float = 0.3) -> Boxes:
    return search.Search(finder, people, least)(PICTURE)


def test_it_looks_everywhere_and_then_closer() -> None:
    finder, people = Fake(), Fake()
    boxes = found(finder, people)
    assert finder.looked[0].tolist() == [0, 0, WIDTH, HEIGHT] and len(finder.looked) == 13
    assert len(people.looked) == len(search.PADS)
    assert boxes.edges.shape == (1, 4) and 0.3 <= boxes.scores[0] <= 1
    np.testing.assert_allclose(boxes.edges[0], [171, 51, 57, 107], atol=1.5)


@pytest.mark.parametrize("finder, people", [(0.1, 1.0), (1.0, 0.05), (0, 0)])
def test_nobody_is_there_unless_both_networks_are_sure(finder: float, people: float) -> None:
    assert len(found(Fake(finder), Fake(people)).edges) == 0
    assert len(found(Fake(finder), Fake(people), least=0).edges) == 1


def test_one_square_alone_proves_nothing() -> None:
    class Once(Fake):
        def _person(self, box: Array) -> Person:
            person = super()._person(box)
            return person if len(self.looked) > 12 and (box == self.looked[4]).all() else person._replace(
                confidence=0 * person.confidence)

    assert len(found(Once(), Fake(), least=0.01).edges) == 0


@pytest.mark.parametrize("size, number", [((100, 100), 10), ((100, 120), 10), ((100, 130), 13), ((300, 1), 13)])
def test_squares_cover_the_picture(size: Tuple[int, int], number: int) -> None:
    boxes = search.squares(np.zeros((*size, 3), np.uint8))
    assert len(boxes) == number and boxes[0].tolist() == [0, 0, size[1], size[0]]
    assert (boxes[1:, 2] == boxes[1:, 3]).all() and (boxes[:, :2] >= 0).all()
    assert (boxes[:, :2] + boxes[:, 2:] <= np.array(size[::-1]) + 1e-9).all()


def test_the_first_box_is_of_joints_with_peaks_and_the_next_of_the_surest() -> None:
    confidence = np.array([0.9, 0.2, 0.16, 0.1] + [0.0] * 10)
    assert search._with_peaks(confidence).tolist() == list(range(14))  # six count, even if their peaks are low
    confidence[4:8] = 0.5
    assert search._with_peaks(confidence).tolist() == [0, 1, 2, 4, 5, 6, 7]
    assert sorted(search._surest(confidence + 1e-3 * np.arange(14))) == [n for n in range(14) if n != 8]


@pytest.mark.parametrize("joints", [JOINTS + [90, 70], JOINTS - [190, 70], JOINTS * 10, -JOINTS, JOINTS * 0 + 50])
@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (1, 1), (2, 500)])
def test_a_box_stays_in_the_picture_and_is_never_empty(joints: Array, size: Tuple[int, int]) -> None:
    person = Person(np.zeros(4), 1.0, joints, np.ones(len(joints)))
    box = search.around(person, np.zeros((*size, 3), np.uint8), search._surest, search.PADS[0])
    assert (box[:2] >= 0).all() and (box[2:] >= np.minimum(search.LEAST, size[::-1]) - 1e-9).all()
    assert (box[:2] + box[2:] <= np.array(size[::-1]) + 1e-9).all()
