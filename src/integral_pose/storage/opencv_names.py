"""Names of files for OpenCV's videos, which end the process at a name that is not UTF-8."""
from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator

from integral_pose.storage.file_kinds import printable


@contextmanager
def for_opencv(path: str) -> Iterator[str]:
    """Another name of the same file where its own, or a folder's in it, is not UTF-8; it is good until the end.

    Raises:
        OSError: there is no such file or, where only its folders' names are not UTF-8, no such folder.
    """
    if path == printable(path):
        yield path
        return
    folder, name = os.path.split(path)
    clean = name == printable(name)
    descriptor = os.open(folder if clean else path, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}" + (f"/{name}" if clean else "")
    finally:
        os.close(descriptor)
