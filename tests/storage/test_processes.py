"""Processes that share work end together, and who was killed is named."""
from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from integral_pose.errors import RunFailed
from integral_pose.storage import processes
from tests.helpers.faults import PATIENCE, is_alive, started, wait_until

PARENT = """
import sys
from pathlib import Path
from integral_pose.storage import processes
from tests.storage.test_processes import stall
try:
    with processes.interruptible():
        processes.share(stall, [(Path(sys.argv[1]), number) for number in range(2)])
except KeyboardInterrupt as stopped:
    sys.exit(stopped.args[0])
"""


def leave(folder: Path, status: int) -> None:
    """Leaves a sign and ends with a status, below 0 by a signal; with 0, not before somebody else has come and gone."""
    if not status:
        wait_until(lambda: any(folder.iterdir()) and not any(is_alive(int(sign.name)) for sign in folder.iterdir()))
    (folder / str(os.getpid())).touch()
    if status < 0:
        os.kill(os.getpid(), -status)
    raise SystemExit(status)


def stall(folder: Path, number: int) -> None:
    """Says who it is, and waits to be ended."""
    (folder / f"{number}.new").write_text(str(os.getpid()))
    (folder / f"{number}.new").rename(folder / str(number))
    while True:
        time.sleep(1)


def test_each_has_its_own_status(tmp_path: Path) -> None:
    assert processes.share(leave, [(tmp_path, status) for status in (3, 0, 2)]) == [3, 0, 2]


def test_who_was_killed_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match=r"Process \d+, one of 2 .* signal 9 \(Killed\).* kept.* resumes"):
        processes.share(leave, [(tmp_path, -signal.SIGKILL), (tmp_path, 0)])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)])
def test_none_outlives_the_process_that_started_it(tmp_path: Path, number: int, status: int) -> None:
    with started("-c", PARENT, str(tmp_path)) as parent:
        wait_until(lambda: all((tmp_path / name).exists() for name in "01"))
        crew = [int((tmp_path / name).read_text()) for name in "01"]
        assert all(map(is_alive, crew))
        parent.send_signal(number)
        _, said = parent.communicate(timeout=PATIENCE)
    assert (parent.returncode, said) == (status, "")
    wait_until(lambda: not any(map(is_alive, crew)))


EARLY = """
import os, signal, sys, time
from integral_pose.storage import processes
from tests.storage.test_processes import stall
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have background jobs ignore it
start = processes.multiprocessing.get_context("spawn").Process.start
def started(self):
    start(self)
    time.sleep(0.3)  # it imports now
    os.kill(self.pid, signal.SIGINT)
    time.sleep(0.3)  # before the parent, which ends it, so that it has the time to say something
    os.kill(os.getpid(), signal.SIGINT)
processes.multiprocessing.get_context("spawn").Process.start = started
try:
    with processes.interruptible():
        processes.share(stall, [(Path(sys.argv[1]), number) for number in range(2)])
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_while_processes_start_ends_them_without_a_word(tmp_path: Path) -> None:
    with started("-c", EARLY, str(tmp_path)) as parent:
        _, said = parent.communicate(timeout=PATIENCE)
    assert (parent.returncode, said) == (130, "")


def test_sigterm_is_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt) as stopped, processes.interruptible():
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE)
    assert stopped.value.args == (128 + signal.SIGTERM,) and signal.getsignal(signal.SIGTERM) is before
