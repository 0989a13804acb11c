"""Makes synthetic MPII as ever, but in its third picture kills whom the environment variable VICTIM names."""
from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from integral_pose.synthetic import make_mpii
from integral_pose.synthetic.make_mpii import ANNOTATIONS, PICTURES, UNIT, annotate, jobs_of

__all__ = ["ANNOTATIONS", "PICTURES", "UNIT", "annotate", "jobs_of", "make_one"]
FATAL = 2


def make_one(job: make_mpii.Job) -> Any:
    """As `mpii.make_one`; says in the folder SIGNS which process made a picture."""
    made = make_mpii.make_one(job)
    Path(os.environ["SIGNS"], str(os.getpid())).touch()
    if (job.split, job.index) == ("train", FATAL):
        os.kill({"self": os.getpid, "parent": os.getppid}[os.environ["VICTIM"]](), signal.SIGKILL)
    return made
