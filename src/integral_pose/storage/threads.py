"""Threads that work ahead of their caller, or behind it: a few items wait between them, and their errors are told."""
from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, Callable, Deque, Generator, Iterator, Optional, TypeVar

Made = TypeVar("Made")
END: Any = object()


def ahead(
    make: Callable[[int], Made], start: int, stop: Optional[int], workers: int, most: int = 0
) -> Generator[Made, None, None]:
    """make(start), make(start + 1), … in order; `most` of them are under way at any time, or two for each thread."""
    waiting: Deque[Future[Made]] = deque()
    pool = ThreadPoolExecutor(max(1, workers))
    number = start
    try:
        while True:
            while len(waiting) < (most or 2 * max(1, workers)) and (stop is None or number < stop):
                waiting.append(pool.submit(make, number))
                number += 1
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown()


def made_ahead(items: Iterator[Made], most: int) -> Generator[Made, None, None]:
    """The same items in the same order, made by a thread that is up to `most` of them ahead; 0: without a thread.

    An error comes where its item would have come. Closed early, it waits for the item under way, which is lost.
    """
    if not most:
        yield from items
        return
    with closing(ahead(lambda _: next(items, END), 0, None, 1, most)) as made:
        for item in made:
            if item is END:
                return
            yield item


@contextmanager
def behind(work: Callable[[Made], None], most: int) -> Iterator[Callable[[Made], None]]:
    """Gives a function that has a thread do the work for an item; items keep their order. At the end all is done.

    An error is raised by a later call or at the end, and nothing is done after it. Where the caller has an error too,
    the work is done first, and its error is the earlier one; what ends the process, as Ctrl-C does, drops what waits.

    Args:
        most: items that may wait before a call waits for the first of them; 0: the call does the work itself.
    """
    if not most:
        yield work
        return
    waiting: Deque[Future[None]] = deque()

    def hand(item: Made) -> None:
        waiting.append(pool.submit(_after, waiting[-1] if waiting else None, work, item))
        if len(waiting) > most:
            waiting.popleft().result()

    def finish() -> None:
        for future in waiting:
            future.result()

    with ThreadPoolExecutor(1) as pool:
        try:
            yield hand
        except Exception:
            finish()
            raise
        except BaseException:
            for future in waiting:
                future.cancel()
            raise
        finish()


def _after(before: Optional[Future[None]], work: Callable[[Made], None], item: Made) -> None:
    """The work, unless what was before it has failed: then it fails in the same way."""
    if before:
        before.result()
    work(item)
