"""The data sets by name: where each is, made first if it is synthetic.

A new data set is a `DataSet` in a file of its own, and an entry of `KINDS`.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Type

import numpy as np

from integral_pose.datasets import lsp
from integral_pose.datasets.coco import Coco
from integral_pose.datasets.custom import CustomData
from integral_pose.datasets.dataset import OKS, SYNTHETIC, DataSet, Muco
from integral_pose.datasets.human36m import Human36m
from integral_pose.datasets.mpii import Mpii
from integral_pose.errors import InputError
from integral_pose.run import CUSTOM, MUCO, Run
from integral_pose.samples import Sample
from integral_pose.skeletons import Skeleton

KINDS: Dict[str, Type[DataSet]] = {
    "mpii": Mpii, "coco": Coco, "human36m": Human36m, lsp.ORIGINAL: lsp.Leeds, lsp.EXTENDED: lsp.Leeds, MUCO: Muco,
}


class Catalogue:
    """The data sets below a folder. Each is found once, and each of its splits is read once."""

    def __init__(self, root: Path, made: Optional[Path] = None) -> None:
        """Nothing is looked for yet.

        Args:
            root: the folder that holds the data sets.
            made: the folder of those that the program makes, if it is another.
        """
        self.root = root
        self.made = made or root
        self._found: Dict[Tuple[Any, ...], DataSet] = {}

    def of(self, run: Run) -> DataSet:
        """The run's data set.

        Raises:
            InputError: it is not there.
        """
        return self._once(run.data, run)

    def extra(self, run: Run) -> List[Sample]:
        """The 2D people that a run trains on beside its own (Strategy 2), with joints named as in its skeleton.

        Raises:
            InputError: they are missing or malformed.
        """
        extra, own = self._once(run.extra, run), skeleton(run)
        return [_renamed(sample, extra.skeleton, own) for sample in extra.people("train")]

    def _once(self, name: str, run: Run) -> DataSet:
        key = (name, run.protocol, run.everybody, run.train_people, run.test_people, run.skeleton)
        if key not in self._found:
            self._found[key] = find(name, self.made if name.startswith(SYNTHETIC) else self.root, run)
        return self._found[key]


def find(name: str, root: Path, run: Run = Run()) -> DataSet:  # noqa: B008  a run is frozen
    """A data set by its name, made first if it is synthetic and not there.

    Args:
        name: as in `Run.data`: "mpii", "coco", "human36m", "lsp", "lspet", "synthetic-...", "custom-...".
        root: the folder that holds the data sets, or is this one.
        run: says how many people are taken, and what else the data set leaves open: protocol, everybody, joints.

    Raises:
        InputError: it is not there.
    """
    return _class(name).find(name, root, run)


def skeleton(run: Run) -> Skeleton:
    """The joints that the run's network predicts. No file is looked at."""
    return _class(run.data).unread(run).skeleton


def metric(run: Run) -> str:
    """How the run's people are measured, one of `dataset`'s. No file is looked at."""
    return _class(run.data).unread(run).metric


def has_scenes(run: Run) -> bool:
    """Whether the run's test images show several people, who must be detected first, as in COCO."""
    return metric(run) == OKS


def is_synthetic(run: Run) -> bool:
    """Whether the run's people were made by the program, which then knows all about them."""
    return run.data.startswith(SYNTHETIC)


def _class(name: str) -> Type[DataSet]:
    """ "synthetic-human36m-v1-2x4x2" -> Human36m."""
    if name.startswith(CUSTOM):
        return CustomData
    kind = (name[len(SYNTHETIC):] if name.startswith(SYNTHETIC) else name).split("-")[0]
    if kind not in KINDS:
        raise InputError(f"{name}: there is no such data set. Known are {', '.join(KINDS)}, and custom data.")
    return KINDS[kind]


def _renamed(sample: Sample, own: Skeleton, other: Skeleton) -> Sample:
    """The sample with the joints of another skeleton, not annotated where its own has none of that name."""
    slots = np.array(other.slots_in(own))
    return replace(sample, joints=sample.joints[slots], annotated=np.where(slots >= 0, sample.annotated[slots], 0))
