"""TensorBoard events of a run, written at once: if the disk is full, the run ends with a message.

tensorboardX's own writer has a thread that ends at the first event that cannot be written; the run then waits forever.
"""
from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Mapping

from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import RecordWriter
from tensorboardX.summary import scalar

from integral_pose.storage.atomic import naming


class Events:
    """A file of scalars in a run's folder; each process that trains the run starts its own."""

    def __init__(self, folder: Path, start: int) -> None:
        """Begins a file: what earlier files have of step `start` and after no longer counts.

        Raises:
            OSError: it cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"events.out.tfevents.{int(time.time())}.{os.getpid()}"
        self._file = RecordWriter(str(self._path))
        self._write(file_version="brain.Event:2")
        self._write(step=start, session_log=SessionLog(status=SessionLog.START))

    def add(self, step: int, numbers: Mapping[str, float]) -> None:
        """Writes what was measured at a step.

        Raises:
            OSError: it cannot be written.
        """
        with naming(self._path):
            for name, number in numbers.items():
                self._write(step=step, summary=scalar(name, number))
            self._file.flush()

    def _write(self, **content: Any) -> None:
        self._file.write(Event(wall_time=time.time(), **content).SerializeToString())

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: Any) -> None:
        with naming(self._path):
            self._file.close()
