"""Work ahead and behind: the order, how much waits, and what an error on either side ends."""
from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Iterator, List

import pytest

from integral_pose.storage.threads import behind, made_ahead


def numbers(made: List[int], fails_at: int = -1) -> Iterator[int]:
    for number in range(20):
        if number == fails_at:
            raise ValueError(number)
        made.append(number)
        yield number


@pytest.mark.parametrize("most", [0, 1, 4, 50])
def test_items_made_ahead_are_the_same_and_few_wait(most: int) -> None:
    made: List[int] = []
    with closing(made_ahead(numbers(made), most)) as items:
        assert [next(items), next(items)] == [0, 1]
        time.sleep(0.05)
        assert len(made) == max(2, min(20, 1 + most))
        assert list(items) == list(range(2, 20))
    assert made == list(range(20))


@pytest.mark.parametrize("most", [0, 3])
def test_an_error_ahead_comes_in_its_place(most: int) -> None:
    items = made_ahead(numbers([], 5), most)
    assert [next(items) for _ in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ValueError, match="5"):
        next(items)


def test_closing_ends_the_thread() -> None:
    before = threading.active_count()
    made: List[int] = []
    items = made_ahead(numbers(made), 3)
    assert next(items) == 0 and threading.active_count() == before + 1
    items.close()
    assert threading.active_count() == before and len(made) <= 4


@pytest.mark.parametrize("most", [0, 1, 4])
def test_work_behind_is_done_in_order_and_to_the_end(most: int) -> None:
    done: List[int] = []
    with behind(done.append, most) as hand:
        for number in range(20):
            hand(number)
            assert len(done) >= number - most
    assert done == list(range(20))


@pytest.mark.parametrize("most", [0, 1, 4, 50])
def test_an_error_behind_ends_the_work(most: int) -> None:
    done: List[int] = []

    def work(number: int) -> None:
        if number == 3:
            raise ValueError(number)
        done.append(number)

    with pytest.raises(ValueError, match="3"), behind(work, most) as hand:
        for number in range(20):
            hand(number)
    assert done == [0, 1, 2]


def test_of_two_errors_the_one_behind_is_the_earlier() -> None:
    def work(number: int) -> None:
        time.sleep(0.02)
        if number == 1:
            raise ValueError(number)

    with pytest.raises(ValueError, match="1"), behind(work, 4) as hand:
        for number in range(3):
            hand(number)
        raise KeyError("later")


def test_work_is_done_before_an_error_of_the_caller_and_dropped_at_ctrl_c() -> None:
    done: List[int] = []

    def work(number: int) -> None:
        time.sleep(0.02)
        done.append(number)

    for error, least, most in ((KeyError, 4, 4), (KeyboardInterrupt, 0, 2)):
        done.clear()
        with pytest.raises(error), behind(work, 8) as hand:
            for number in range(4):
                hand(number)
            raise error
        assert least <= len(done) <= most
