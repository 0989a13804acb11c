"""Files that are written completely or not at all, and folders that one process at a time works in."""
from __future__ import annotations

import fcntl
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from integral_pose.errors import Busy, InputError

PAGE = 4096  # bytes
_DRAFT = re.compile(r"\..+\.\d+")  # as `replacing` names them


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a path to write to; the result replaces `path` atomically, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with naming(path):
            yield draft
            with open(draft, "rb") as written:
                os.fsync(written.fileno())
            os.replace(draft, path)
    finally:
        if draft.exists():
            draft.unlink()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Adds `path` to an OSError that has no file name, since the system names only files that it cannot open."""
    try:
        yield
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def demand_writable(folder: Path, option: str) -> None:
    """That files can be written in a folder, which is made if need be.

    Raises:
        InputError: they cannot; `option` is what the user names the folder with.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(PAGE))
    except OSError as error:
        raise InputError(
            f"{option} {folder}: no file can be written there ({error.strerror}). Make the folder writable, or choose "
            f"another with {option}."
        ) from error


def remove_drafts(folder: Path) -> None:
    """Deletes files that killed processes left half-written in a folder and below; nobody else may be writing there."""
    for draft in folder.rglob(".*"):
        if _DRAFT.fullmatch(draft.name) and draft.is_file():
            draft.unlink()


@contextmanager
def only_here(path: Path, wait: bool = True) -> Iterator[None]:
    """Holds the lock file `path`, which ends with the process; waits for another process that holds it.

    Raises:
        Busy: another process holds it, and `wait` is False.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise Busy(str(path)) from None
            print(f"waiting for another process that works on {path.with_suffix('')}", file=sys.stderr)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
