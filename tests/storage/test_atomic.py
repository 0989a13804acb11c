"""Files are whole or not there; a folder's lock lets one process in at a time."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Optional

import pytest

from integral_pose.storage.atomic import only_here, replacing

LOCKED = """
import sys
from pathlib import Path
from integral_pose.storage.atomic import only_here
with only_here(Path(sys.argv[1])):
    Path(sys.argv[2]).write_text("was here")
    print("inside", flush=True)
    sys.stdin.read()
"""


def start(lock: Path, sign: Path) -> subprocess.Popen[str]:
    """A process that takes the lock, leaves a sign, and stays inside until its input is closed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(place or os.getcwd() for place in sys.path)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", LOCKED, str(lock), str(sign)]
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)


@pytest.mark.parametrize("old", [None, "old"])
def test_what_was_written_takes_the_place_of_the_old(tmp_path: Path, old: Optional[str]) -> None:
    path = tmp_path / "new folder" / "file.txt"
    if old:
        path.parent.mkdir()
        path.write_text(old)
    with replacing(path) as draft:
        draft.write_text("new")
        assert draft.parent == path.parent and (path.read_text() if old else path.exists()) == (old or False)
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_what_was_written_is_on_the_disk_before_it_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, seen = tmp_path / "file.txt", []
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", lambda number: seen.append((os.read(number, 9), path.read_text())))
    with replacing(path) as draft:
        draft.write_text("new")
    assert seen == [(b"new", "old")] and path.read_text() == "new"


def test_who_has_the_old_file_open_still_reads_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with open(path) as reader:
        with replacing(path) as draft:
            draft.write_text("new")
        assert (reader.read(), path.read_text()) == ("old", "new")


@pytest.mark.parametrize("old", [None, "old"])
@pytest.mark.parametrize("written", [None, "half"])
def test_an_exception_leaves_the_old_and_no_draft(tmp_path: Path, old: Optional[str], written: Optional[str]) -> None:
    path = tmp_path / "file.txt"
    if old:
        path.write_text(old)
    with pytest.raises(KeyboardInterrupt), replacing(path) as draft:
        if written:
            draft.write_text(written)
        raise KeyboardInterrupt
    assert [(file, file.read_text()) for file in tmp_path.iterdir()] == ([(path, old)] if old else [])


def test_a_second_process_says_that_it_waits_and_goes_in_when_the_first_is_out(tmp_path: Path) -> None:
    lock, sign = tmp_path / "runs" / "0123.lock", tmp_path / "sign"
    with only_here(lock):
        second = start(lock, sign)
        assert second.stderr is not None
        assert f"waiting for another process that works on {tmp_path / 'runs' / '0123'}\n" == second.stderr.readline()
        assert second.poll() is None and not sign.exists()
    output, _ = second.communicate(timeout=60)
    assert (second.returncode, output, sign.read_text()) == (0, "inside\n", "was here")


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "0456.lock"
    first = start(lock, tmp_path / "one")
    assert first.stdout is not None and first.stdout.readline() == "inside\n"
    second = start(lock, tmp_path / "two")
    assert second.stderr is not None and second.stderr.readline().startswith("waiting")
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=60)
    assert second.communicate(timeout=60)[0] == "inside\n"


def test_different_locks_do_not_wait_for_one_another(tmp_path: Path) -> None:
    with only_here(tmp_path / "a.lock"):
        other = start(tmp_path / "b.lock", tmp_path / "sign")
        assert other.communicate(timeout=60) == ("inside\n", "")
