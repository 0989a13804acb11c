"""A data set as a value: its people, their joints, and the metric."""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Dict, List, NamedTuple, Optional, Tuple

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.run import Run
from integral_pose.samples import Sample
from integral_pose.skeletons import MUCO, Skeleton

SYNTHETIC = "synthetic-"  # names of what the program makes: synthetic-mpii-v2-4000-1000, synthetic-coco-v1-1300-400

# How the joints of a data set's people are measured: in head sizes (MPII), by similarity (COCO), in millimetres
# (Human3.6M), in torsos and head lengths (Leeds Sports Pose), in sides of the person's box (custom data).
PCKH, OKS, MPJPE, TORSO_PCK, BOX_PCK = "PCKh", "OKS", "MPJPE", "PCK of the torso", "PCK of the box"


class Candidates(NamedTuple):
    """N boxes to find a pose in."""

    samples: List[Sample]
    images: Array  # (N,), the ids of their pictures
    scores: Array  # (N,), how sure it is that there is a person; 1 for annotated ones
    elsewhere: int = 0  # further boxes of the same file, in pictures that the annotations do not have


@dataclass(frozen=True)
class DataSet(ABC):
    """A data set in its folder. Two are equal if they give the same people.

    Args:
        folder: holds the files, in the layout that docs/data.md describes.
        limits: how many people of the train split and of the test split are used, taken evenly from all; 0: everybody.
    """

    metric: ClassVar[str]  # one of those above

    folder: Path
    limits: Tuple[int, int] = (0, 0)

    @property
    @abstractmethod
    def skeleton(self) -> Skeleton:
        """The joints of its people."""

    @classmethod
    def find(cls, name: str, root: Path, run: Run) -> DataSet:
        """The data set in root/name, or in `root` itself; made first where it is synthetic and not there.

        Raises:
            InputError: it is not there.
        """
        return cls(root / name if (root / name).is_dir() else root, limits(run))

    @classmethod
    def unread(cls, run: Run) -> DataSet:
        """The data set in no folder: for properties that need no files."""
        return cls(Path())

    def people(self, split: str) -> List[Sample]:
        """The people of a split: "train", "held-out" (of which choices are made) or "test". Each split is read once.

        Raises:
            InputError: the files are missing or malformed.
        """
        known: Dict[str, List[Sample]] = self.__dict__.setdefault("_known", {})
        if split not in known:
            known[split] = self._thinned(self._read(split), self.limits[split == "test"])
        return known[split]

    @abstractmethod
    def _read(self, split: str) -> List[Sample]:
        """Everybody of a split."""

    @staticmethod
    def _thinned(samples: List[Sample], limit: int) -> List[Sample]:
        if not 0 < limit < len(samples):
            return samples
        return [samples[i * len(samples) // limit] for i in range(limit)]  # from everywhere: neighbours are alike

    def candidates(self, boxes: str) -> Candidates:
        """The boxes of the test images, "annotated" or "detected", for data sets whose people must be detected first.

        Raises:
            InputError: the detections are missing or malformed, or nobody has to be found.
        """
        raise InputError(f"{self.folder}: the boxes of this data set's people are annotated, so it has no detections.")

    @property
    def truth_file(self) -> Path:
        """The annotations that poses in whole pictures are scored against.

        Raises:
            InputError: they are missing or malformed, or nobody has to be found.
        """
        raise InputError(f"{self.folder}: the people of this data set are scored one by one, not by image.")

    @property
    def official_test(self) -> Optional[Path]:
        """The file, there or not, that names the people or pictures of the data set's own test; None: it has none."""
        return None


@dataclass(frozen=True)
class Muco(DataSet):
    """MuCo-3DHP: its joints alone, which published networks predict. Its files are not read."""

    metric, skeleton = MPJPE, MUCO

    def _read(self, split: str) -> List[Sample]:
        raise InputError("MuCo-3DHP's files are not read by this program, which knows its joints alone. Use predict.")


def limits(run: Run) -> Tuple[int, int]:
    """How many people of a real data set a run takes, to train on and to test."""
    return run.train_people, run.test_people
