"""The data sets by name: where their people are, made first if they are synthetic."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List

import numpy as np

from integral_pose.datasets import coco, custom, human36m, lsp, mpii
from integral_pose.datasets.coco import Candidates
from integral_pose.errors import InputError
from integral_pose.run import CUSTOM, Run
from integral_pose.samples import Sample
from integral_pose.skeletons import COCO, HUMAN36M, LSP, MPII, Skeleton, parsed
from integral_pose.synthetic import make_coco as synthetic_coco
from integral_pose.synthetic import make_human36m as synthetic_human36m
from integral_pose.synthetic import make_mpii as synthetic_mpii

LEEDS = (lsp.ORIGINAL, lsp.EXTENDED)  # data sets of Leeds Sports Pose
SYNTHETIC = "synthetic-"  # synthetic-mpii-v2 (-4000-1000), synthetic-human36m-v1-2x4x2, synthetic-coco-v1-1300-400


def people(run: Run, split: str, root: Path) -> List[Sample]:
    """The people of a split ("train", "held-out" or "test") of the run's data set.

    Args:
        root: the folder that holds the data sets.

    Raises:
        InputError: the data set is missing or malformed.
    """
    samples = _read(run, run.data, split, root)
    if is_synthetic(run):
        return samples
    limit = run.test_people if split == "test" else run.train_people
    if not 0 < limit < len(samples):
        return samples
    return [samples[i * len(samples) // limit] for i in range(limit)]  # from everywhere: neighbours are alike


def extra_people(run: Run, root: Path) -> List[Sample]:
    """The 2D people that the run trains on beside its own, with their joints named as in the run's skeleton.

    Raises:
        InputError: as `people`.
    """
    return [_renamed(sample, MPII, skeleton(run)) for sample in _read(run, run.extra, "train", root)]


def skeleton(run: Run) -> Skeleton:
    """The joints that the run's network says."""
    if is_own(run):
        return parsed(run.skeleton)
    return {"human36m": HUMAN36M, "coco": COCO, "lspet": LSP, "lsp": LSP}.get(_kind(run.data), MPII)


def has_scenes(run: Run) -> bool:
    """Whether the run's test pictures show several people, who have to be found first: COCO's do."""
    return _kind(run.data) == "coco"


def candidates(run: Run, root: Path) -> Candidates:
    """The boxes in which the run looks for the people of its test pictures.

    Raises:
        InputError: the data set or its detections are missing or malformed.
    """
    folder = _coco_folder(run.data, root)
    return coco.annotated(folder) if run.boxes == "annotated" else coco.detected(folder)


def truth_file(run: Run, root: Path) -> Path:
    """The annotations of the run's test pictures.

    Raises:
        InputError: they are missing.
    """
    return coco.truth_file(_coco_folder(run.data, root))


def is_synthetic(run: Run) -> bool:
    """Whether the run's people were made by the program, which then knows all about them."""
    return run.data.startswith(SYNTHETIC)


def is_own(run: Run) -> bool:
    """Whether the run's people are custom data, with a skeleton of their own."""
    return run.data.startswith(CUSTOM)


def is_leeds(run: Run) -> bool:
    """Whether the run's people are those of Leeds Sports Pose, whose measures are their own."""
    return run.data in LEEDS


def _kind(data: str) -> str:
    """ "synthetic-human36m-v1-2x4x2" -> "human36m"."""
    name = data[len(SYNTHETIC):] if data.startswith(SYNTHETIC) else data
    return name.split("-")[0]


def _read(run: Run, data: str, split: str, root: Path) -> List[Sample]:
    if _kind(data) == "human36m":
        return human36m.read(_human36m_folder(data, root), split, run.protocol)
    if _kind(data) == "coco":
        return coco.read(_coco_folder(data, root), split)
    if is_own(run):
        return custom.read(root / data, split)
    if data in LEEDS:
        return lsp.read(root, data, split)
    return mpii.read(mpii_folder(run, data, root), split, run.everybody)


def mpii_folder(run: Run, data: str, root: Path) -> Path:
    """The data set's folder below `root`, or `root` itself where that is the data set; made if synthetic."""
    if data.startswith(SYNTHETIC):
        made, sizes = data.split("-")[:3], data.split("-")[3:]
        train, test = (int(size) for size in sizes or (run.train_people, run.test_people))
        return synthetic_mpii.make(root / f"{'-'.join(made)}-{train}-{test}", train, test, seed=0)
    found = [place for place in (root / data, root) if (place / "annot").is_dir()]
    if not found:
        raise InputError(
            f"{root / data}: there is no data set there. It needs the folders annot/ and images/ "
            f"(see docs/data.md); name the folder above it with --data."
        )
    return found[0]


def _human36m_folder(data: str, root: Path) -> Path:
    """The same for Human3.6M; the reader finds out which of its layouts is there."""
    if data.startswith(SYNTHETIC):
        subactions, cameras, frames = (int(number) for number in data.split("-")[3].split("x"))
        return synthetic_human36m.make(root / data, subactions, cameras, frames, seed=0)
    return root / data if (root / data).is_dir() else root


def _coco_folder(data: str, root: Path) -> Path:
    """The same for COCO, whose pictures count in the names of synthetic ones."""
    if data.startswith(SYNTHETIC):
        train, val = (int(number) for number in data.split("-")[3:5])
        return synthetic_coco.make(root / data, train, val, seed=0)
    return root / data if (root / data).is_dir() else root


def official_test(run: Run, root: Path) -> Path:
    """The file, there or not, that names the people or pictures of MPII's or COCO's own test, which has no joints."""
    if has_scenes(run):
        return _coco_folder(run.data, root) / "annotations" / coco.PARTS[coco.TEST_DEV].annotations
    return mpii_folder(run, run.data, root) / "annot" / mpii.RELEASE


def test_dev(run: Run, root: Path) -> Candidates:
    """The detected boxes of COCO's own test.

    Raises:
        InputError: the detections are missing or malformed.
    """
    return coco.detected(_coco_folder(run.data, root), part=coco.TEST_DEV)


def _renamed(sample: Sample, own: Skeleton, other: Skeleton) -> Sample:
    """The sample with the joints of another skeleton, not annotated where its own has none of that name."""
    slots = np.array(other.slots_in(own))
    return replace(sample, joints=sample.joints[slots], annotated=np.where(slots >= 0, sample.annotated[slots], 0))
