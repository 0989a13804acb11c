"""The data sets by name: where their people are, made first if they are synthetic."""
from __future__ import annotations

from pathlib import Path
from typing import List

from integral_pose.datasets import mpii
from integral_pose.datasets.synthetic import mpii as synthetic_mpii
from integral_pose.errors import InputError
from integral_pose.run import Run
from integral_pose.samples import Sample
from integral_pose.skeletons import MPII, Skeleton

SYNTHETIC = "synthetic-mpii-"


def people(run: Run, split: str, root: Path) -> List[Sample]:
    """The people of a split ("train", "held-out" or "test") of the run's data set.

    Args:
        root: the folder that holds the data sets.

    Raises:
        InputError: the data set is missing or malformed.
    """
    samples = mpii.read(folder(run, root), split)
    if run.data.startswith(SYNTHETIC):
        return samples
    limit = run.test_people if split == "test" else run.train_people
    return samples[:limit] if limit else samples


def folder(run: Run, root: Path) -> Path:
    """The data set's folder below `root`, or `root` itself where that is the data set; made if synthetic."""
    if run.data.startswith(SYNTHETIC):
        name = f"{run.data}-{run.train_people}-{run.test_people}"
        return synthetic_mpii.make(root / name, run.train_people, run.test_people, seed=0)
    found = [place for place in (root / run.data, root) if (place / "annot").is_dir()]
    if not found:
        raise InputError(
            f"{root / run.data}: there is no data set there. It needs the folders annot/ and images/ "
            f"(see docs/data.md); name the folder above it with --data."
        )
    return found[0]


def skeleton(run: Run) -> Skeleton:
    """The joints that the run's network says."""
    del run  # every data set so far has MPII's
    return MPII
