"""What tests of faults share: a disk without room, processes that may have ended, and faults at a chosen moment."""
from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240  # s: many times what a loaded machine needs


@contextmanager
def no_room(size: int) -> Iterator[None]:
    """No file, of this process or one it starts, can be longer than `size` bytes: what is beyond does not fit."""
    bytecode, environment = sys.dont_write_bytecode, os.environ.get("PYTHONDONTWRITEBYTECODE", "")
    # Python does not see when its own files are cut short, and coverage in a new process has no room for its own.
    sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = True, "1"
    watched = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COV_CORE_")}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = bytecode, environment
        os.environ.update(watched)


def full_disk_for(path: Path) -> Path:
    """Has this process find the disk full when it next writes `path`; returns what stands for the disk."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.symlink_to("/dev/full")
    return draft


def wait_until(true: Callable[[], bool]) -> None:
    """Returns once a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Whether a process is there and has not ended, even if nobody has asked how."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextmanager
def started(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Python with this command, in the checkout, its standard error to be read; it does not outlive the test."""
    process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True, env={**os.environ, "PYTHONPATH": "src:."})
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
