"""Writes the file that MPII's or COCO's evaluation server takes, for a trained run, and reads it back to check it."""
from __future__ import annotations

from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from integral_pose.datasets import catalogue, coco, loader
from integral_pose.datasets.formats.mpii_submission import (
    NAME,
    Subjects,
    read_subjects,
    read_submission,
    subjects_of,
    write_submission,
)
from integral_pose.errors import RunFailed
from integral_pose.evaluation import topdown
from integral_pose.evaluation.evaluate import outcome_file
from integral_pose.evaluation.predict import predict
from integral_pose.geometry import Array
from integral_pose.run import Run
from integral_pose.run_folder import PARAMETERS, Site
from integral_pose.storage import array_files


def submission(run: Run, site: Site) -> Path:
    """Where the run's submission is, once it is written."""
    if not catalogue.has_scenes(run):
        return outcome_file(run, site).with_suffix("") / NAME
    part = "test-dev2017" if _has_official_test(run, site) else "val2017"
    return outcome_file(run, site).with_suffix("") / f"person_keypoints_{part}_{run.key}_results.json"


def submit(run: Run, site: Site, wait: bool = True) -> Optional[Path]:
    """Writes the submission of an evaluated run, unless it is there; returns None if the test people are unknown.

    Where the data set's own test is not there, COCO's is of val2017, and MPII's is not written; but synthetic test
    people, whose joints are known, stand for MPII's. Then the file holds what the run's numbers are computed from.

    Raises:
        InputError: the data set's file or a picture cannot be read.
        RunFailed: what was written is not what is read back.
        Busy: another process works on the run, and `wait` is False.
    """
    path = submission(run, site)
    if not can_submit(run, site):
        return None
    with site.held(run, wait):
        if not path.exists():
            (_submit_scenes if catalogue.has_scenes(run) else _submit_people)(run, site, path)
    return path


def can_submit(run: Run, site: Site) -> bool:
    """Whether the test people are known."""
    made_up = catalogue.is_synthetic(run) or catalogue.has_scenes(run)
    return made_up or _has_official_test(run, site)


def _has_official_test(run: Run, site: Site) -> bool:
    named = site.catalogue.of(run).official_test
    return named is not None and named.is_file()


def _submit_people(run: Run, site: Site, path: Path) -> None:
    subjects, joints = _predicted(run, site)
    write_submission(path, subjects, joints)
    _demand_same(path, read_submission(path, subjects), joints)


def _submit_scenes(run: Run, site: Site, path: Path) -> None:
    poses = _found(run, site)
    coco.write_results(path, poses.images, poses.joints, poses.scores, poses.joint_scores)
    _demand_same(path, coco.read_results(path)[1], poses.joints)


def _found(run: Run, site: Site) -> topdown.Poses:
    """The poses in test-dev's pictures, or those that the run was scored with."""
    if _has_official_test(run, site):
        return topdown.poses(run, site, site.catalogue.of(run).candidates(coco.TEST_DEV))
    arrays, _ = array_files.read(outcome_file(run, site))
    return topdown.Poses(*(arrays[name] for name in topdown.SAVED))


def _predicted(run: Run, site: Site) -> Tuple[Subjects, Array]:
    """The people of the test and their joints (N, 16, 2), image px."""
    data_set = site.catalogue.of(run)
    if catalogue.is_synthetic(run):
        arrays, _ = array_files.read(outcome_file(run, site))
        return subjects_of(data_set.people("test")), arrays["predictions"]
    subjects = read_subjects(data_set.folder)
    people = loader.in_batches(run, subjects.samples, f"MPII's test in {site.data}", run.batch // len(site.devices))
    return subjects, predict(run, site.folder(run) / PARAMETERS, people, site.devices[0], site.workers, site.line)


def _demand_same(path: Path, back: Array, joints: Array) -> None:
    if not np.allclose(back, joints, rtol=0, atol=1e-6):
        path.unlink()
        raise RunFailed(f"{path}: the joints read back are not those that were written, so the file was removed.")
