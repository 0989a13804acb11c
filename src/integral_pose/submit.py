"""A trained run to the file that MPII's evaluation server asks for, checked by reading it back."""
from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from integral_pose import build, checkpoints
from integral_pose.datasets import catalogue
from integral_pose.datasets.mpii import RELEASE
from integral_pose.datasets.mpii_submission import (
    NAME,
    Subjects,
    read_subjects,
    read_submission,
    subjects_of,
    write_submission,
)
from integral_pose.errors import RunFailed
from integral_pose.evaluate import tested
from integral_pose.geometry import Array
from integral_pose.predict import predict
from integral_pose.run import Run
from integral_pose.train import PARAMETERS, Site


def submission(run: Run, site: Site) -> Path:
    """Where the run's submission is, once it is written."""
    return tested(run, site).with_suffix("") / NAME


def submit(run: Run, site: Site, wait: bool = True) -> Optional[Path]:
    """Writes the submission of an evaluated run, unless it is there; None where MPII's own file, which names the people
    of its test, is not.

    Synthetic test people, whose joints are known, stand for MPII's: then the file holds what the run's numbers are
    computed from.

    Raises:
        InputError: MPII's file or a picture cannot be read.
        RunFailed: what was written is not what is read back.
        Busy: another process works on the run, and `wait` is False.
    """
    path = submission(run, site)
    if not can_submit(run, site):
        return None
    with site.held(run, wait):
        if not path.exists():
            _submit(path, *_predicted(run, site))
    return path


def can_submit(run: Run, site: Site) -> bool:
    """Whether it is known who is predicted."""
    return catalogue.is_synthetic(run) or release(run, site).is_file()


def release(run: Run, site: Site) -> Path:
    """MPII's own file."""
    return catalogue.mpii_folder(run, run.data, site.data) / "annot" / RELEASE


def _predicted(run: Run, site: Site) -> Tuple[Subjects, Array]:
    """The people of the test and their joints (N, 16, 2), image px."""
    if catalogue.is_synthetic(run):
        arrays, _ = checkpoints.read(tested(run, site))
        return subjects_of(catalogue.people(run, "test", site.data)), arrays["predictions"]
    subjects = read_subjects(catalogue.mpii_folder(run, run.data, site.data))
    people = build.in_batches(run, subjects.samples, f"MPII's test in {site.data}", run.batch // len(site.devices))
    return subjects, predict(run, site.folder(run) / PARAMETERS, people, site.devices[0], site.workers, site.line)


def _submit(path: Path, subjects: Subjects, joints: Array) -> None:
    write_submission(path, subjects, joints)
    if not np.allclose(read_submission(path, subjects), joints, rtol=0, atol=1e-6):
        path.unlink()
        raise RunFailed(f"{path}: the joints read back are not those that were written, so the file was removed.")
