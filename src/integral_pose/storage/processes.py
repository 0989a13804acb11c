"""Processes that share work: none outlives the one that started them, and none fails unnoticed."""
from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager
from multiprocessing.resource_tracker import ensure_running
from typing import Any, Callable, Iterator, List, NoReturn, Sequence, Tuple

from integral_pose.errors import RunFailed


def share(work: Callable[..., None], arguments: Sequence[Tuple[Any, ...]]) -> List[int]:
    """Calls work(*arguments) in a new process for each; returns their exit statuses when the last has ended.

    They are ended with this process: by an exception here, and when it is killed.

    Raises:
        RunFailed: a signal ended one of them; the others have gone on to their ends.
    """
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_work, args=(work, *each)) for each in arguments]
    ensure_running()  # multiprocessing's own helper, whose start would end the block below
    try:
        for process in processes:
            with starting():
                process.start()
        for process in processes:
            process.join()
    finally:
        for left in multiprocessing.active_children():
            left.terminate()
            left.join()
    for process in processes:
        if process.exitcode and process.exitcode < 0:
            raise RunFailed(_killed(process.pid, -process.exitcode, len(processes)))
    return [process.exitcode or 0 for process in processes]


def _killed(process: Any, number: int, of: int) -> str:
    return (
        f"Process {process}, one of {of} that shared the work, was ended by signal {number} "
        f"({signal.strsignal(number)}). Where memory runs out, the system does that: a smaller --jobs takes less. What "
        "was finished before is kept, and the same command resumes from the last checkpoint."
    )


def _work(work: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # without a word: the parent says once that all have stopped
    started()
    work(*arguments)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


@contextmanager
def starting() -> Iterator[None]:
    """Has processes that are started here wait with Ctrl-C until `started`: importing, they would print tracebacks."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def started() -> None:
    """Lets Ctrl-C end this process, also one that was pressed while it started."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def stoppable() -> Iterator[Callable[[], int]]:
    """Gives a function that returns the number of the signal that asked to stop (Ctrl-C or SIGTERM), or 0.

    A second one does what it did before. Outside of the main thread, which alone receives signals, none comes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    asked: List[int] = []
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, _: Any) -> None:
        asked.append(number)
        restore()

    for number in before:
        signal.signal(number, stop)
    try:
        yield lambda: asked[0] if asked else 0
    finally:
        restore()


@contextmanager
def interruptible() -> Iterator[None]:
    """Lets SIGTERM end this process as Ctrl-C does: its children too, and no file stays half-written.

    Raises:
        KeyboardInterrupt: with the exit status that goes with the signal, when it comes.
    """
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, _: Any) -> NoReturn:
    raise KeyboardInterrupt(128 + number)
