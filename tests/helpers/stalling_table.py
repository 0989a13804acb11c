"""Table 1's command, but a process that has written a run's first checkpoint stays there, to be ended by a test."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import time
from typing import Any

from experiments.table1 import TABLE
from integral_pose.commands import table as command
from integral_pose.storage import array_files

write = array_files.write


def stalling(*arguments: Any) -> None:
    write(*arguments)
    while True:
        time.sleep(1)


array_files.write = stalling  # in this process and, as they import this module too, in those it starts

if __name__ == "__main__":
    command.main(TABLE)
