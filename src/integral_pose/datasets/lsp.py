"""Leeds Sports Pose (Johnson & Everingham, BMVC 2010) and its Extended training set (CVPR 2011), as downloaded.

    DATA/lspet/joints.mat   joints (14, 3, N): x, y and 1 where the joint was annotated; elsewhere x and y mean nothing
    DATA/lspet/images/      im00001.jpg, im00002.jpg, ... one for each person
    DATA/lsp/joints.mat     joints (3, 14, 2000): x, y and 1 where the joint is *hidden*; all were annotated
    DATA/lsp/images/        im0001.jpg to im2000.jpg

Both give one person a picture and 14 joints. The third number means opposite things, though both README files call it
visibility. LSPET's joints with 0, a tenth, lie at arbitrary places, some outside the picture: those with 1 are used.
In LSP 1 stands for hidden joints: it is 1 for 7 % of them, they lie where one would expect the hidden joint, and others
who use its format call it `if_occluded` (github.com/MohamedAfham/CD_HPE, of the VIP Cup 2021). All of LSP's joints are
annotated and its published evaluations (`eval_pck.m` of github.com/bearpaw/eval_pose) count all 14.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, NamedTuple, Sequence, Tuple

import numpy as np

from integral_pose.datasets.dataset import TORSO_PCK, DataSet, limits
from integral_pose.datasets.formats.reading import numbers, read_mat
from integral_pose.errors import InputError
from integral_pose.geometry import Array, Box
from integral_pose.metrics import lsp as metrics
from integral_pose.run import Run
from integral_pose.samples import Sample
from integral_pose.skeletons import LSP
from integral_pose.storage import image_files

JOINTS = len(LSP.joints)
ORIGINAL, EXTENDED = "lsp", "lspet"  # the data sets, and their folders
ANNOTATIONS = "joints.mat"
DIGITS = {True: 4, False: 5}  # of a picture's number, in LSP and in LSPET
AROUND = 1.1  # a person is about that much longer than the square that just holds their joints
MARGIN = 1.25 * AROUND  # of the box, as wide as MPII's and COCO's are around a person
SMALLEST = 2.0  # px: a person whose joints are all in one place has no size
LARGEST = 1e5  # px: no picture is so large
OUTSIDE = 20.0  # px: how far outside its picture an annotated joint may lie; LSPET's lie up to 3
TESTED, HELD_OUT = 1000, 500  # of LSPET, whole blocks
TEST_BLOCKS, HELD_OUT_BLOCKS = 4, 2
LEAST = 32  # people, so that every block has somebody


class People(NamedTuple):
    """N people of one joints.mat."""

    joints: Array  # (N, 14, 2), image px, 0-based
    annotated: Array  # (N, 14), 1 where the joint was annotated
    original: bool  # LSP's own 2,000, and not LSPET


@dataclass(frozen=True)
class Leeds(DataSet):
    """Leeds Sports Pose, or its Extended set alone: one person a picture, measured in torsos and head lengths.

    Args:
        folder: holds lsp/ and lspet/.
        name: "lsp" or "lspet", see `read`.
    """

    metric, skeleton = TORSO_PCK, LSP

    name: str = EXTENDED

    @classmethod
    def find(cls, name: str, root: Path, run: Run) -> Leeds:
        """As `DataSet.find`."""
        return cls(root, limits(run), name)

    def _read(self, split: str) -> List[Sample]:
        return read(self.folder, self.name, split)


def read(root: Path, data: str, split: str) -> List[Sample]:
    """The people of one split.

    Args:
        root: holds lspet/ and lsp/, each with joints.mat and images/; or is itself lspet/ where that alone is read.
        data: "lspet" for LSPET alone, whose test is 4 blocks of neighbours, together 1,000 people, and whose held-out
            people are 2 blocks, 500 people; "lsp" for LSP's official test, its last thousand: a hundred of its first
            thousand are held out, and the others are trained on together with all of LSPET.
        split: "train", "held-out" or "test".

    Raises:
        InputError: a folder is missing or not laid out so, or a record is wrong.
    """
    if data == EXTENDED:
        return _part(root / data if (root / data).is_dir() else root, split)
    samples = _part(root / data, split, original=True)
    return samples + _everybody(root / EXTENDED) if split == "train" else samples


def chosen(people: People, split: str) -> List[int]:
    """The numbers, from 0, of the people of a split, or of "all"."""
    count = len(people.joints)
    parts = official_split(count) if people.original else split_of(count)
    return [number for number, part in enumerate(parts) if split in (part, "all")]


def official_split(people: int) -> List[str]:
    """Which split each of LSP's people is in: the second half is the test, a tenth of the first is held out."""
    tested = people // 2
    held = tested // 10
    return ["train"] * (people - tested - held) + ["held-out"] * held + ["test"] * tested


def split_of(people: int) -> List[str]:
    """Which split each of LSPET's people is in, in the order of the file."""
    parts = ["train"] * people
    tested = min(TESTED, people // 8) // TEST_BLOCKS
    held = min(HELD_OUT, people // 16) // HELD_OUT_BLOCKS
    for name, blocks, size, phase in (("test", TEST_BLOCKS, tested, 0.25), ("held-out", HELD_OUT_BLOCKS, held, 0.375)):
        for block in range(blocks):
            start = int((block + phase) * people / blocks)
            parts[start:start + size] = [name] * size
    return parts


def _part(folder: Path, split: str, original: bool = False) -> List[Sample]:
    people = read_joints(folder / ANNOTATIONS)
    samples = _samples(folder, people, original)
    return [samples[number] for number in chosen(people, split)]


def _everybody(folder: Path) -> List[Sample]:
    return _samples(folder, read_joints(folder / ANNOTATIONS), False)


def read_joints(path: Path) -> People:
    """The joints of a joints.mat of either layout.

    Raises:
        InputError: the file is missing, damaged or of another layout, or a joint is wrong.
    """
    joints = _joints(path, read_mat(path))
    original = joints.shape[:2] == (3, JOINTS)
    x_y_flag = joints.transpose(2, 1, 0) if original else joints.transpose(2, 0, 1)
    flags = x_y_flag[..., 2]
    _refuse(path, ~np.isin(flags, (0, 1)), "has a third number that is neither 0 nor 1")
    annotated = np.ones_like(flags) if original else flags
    points = x_y_flag[..., :2] - 1  # MATLAB counts pixels from 1
    known = annotated > 0
    _refuse(path, known & ~np.isfinite(points).all(axis=2), "has an annotated joint that is not finite")
    _refuse(path, known & (np.abs(points) > LARGEST).any(axis=2), "has an annotated joint that no image has room for")
    return People(np.where(known[..., None], points, 0.0), annotated, original)


def _joints(path: Path, variables: Any) -> Array:
    layouts = "(14, 3, N) as LSPET's or (3, 14, N) as LSP's"
    try:
        joints = numbers(variables["joints"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: has no numeric array `joints`, which is {layouts}. Take joints.mat from the data "
                         "set's archive.") from error
    if joints.ndim != 3 or joints.shape[:2] not in ((JOINTS, 3), (3, JOINTS)) or not joints.shape[2]:
        raise InputError(f"{path}: `joints` is {joints.shape}, and must be {layouts}. Take joints.mat from the data "
                         "set's archive.")
    return joints


def _samples(folder: Path, people: People, original: bool) -> List[Sample]:
    """Everybody of a folder, in the file's order."""
    path, images, count = folder / ANNOTATIONS, folder / "images", len(people.joints)
    if people.original != original:
        layouts = {True: "LSP's, (3, 14, N)", False: "LSPET's, (14, 3, N)"}
        raise InputError(f"{path}: is in the layout of {layouts[people.original]}, and {folder.name}/ is for "
                         f"{layouts[original]}. Put each data set into its own folder, lsp/ or lspet/.")
    if count < LEAST:
        raise InputError(f"{path}: has {count} people, and {LEAST} are needed to train, choose and test. Copy the file "
                         "again from its source.")
    digits = DIGITS[original]
    names = [f"im{number:0{digits}d}.jpg" for number in range(1, count + 1)]
    _check_images(path, images, names)
    _check_sizes(path, people, [images / name for name in names])
    rows = zip(names, people.joints, people.annotated, _boxes(path, people),
               metrics.heads(people.joints, people.annotated).tolist())
    return [Sample(images / name, *row) for name, *row in rows]


def _check_images(path: Path, images: Path, names: Sequence[str]) -> None:
    if not images.is_dir():
        raise InputError(f"{images}: there is no such folder. Put the data set's images there.")
    there = {entry.name for entry in images.iterdir() if entry.suffix == ".jpg"}
    missing, extra = sorted(set(names) - there), sorted(there - set(names))
    if missing:
        raise InputError(f"{images / missing[0]}: {path} has {len(names)} people, and {len(missing)} of their images "
                         "are missing. Copy images/ and joints.mat from the same archive.")
    if extra:
        raise InputError(f"{images / extra[0]}: {path} has {len(names)} people, and {len(extra)} images here show none "
                         "of them. Copy images/ and joints.mat from the same archive.")


def _check_sizes(path: Path, people: People, images: Sequence[Path]) -> None:
    """That every picture has room for its person's joints, as far as its header tells: pixels are read later."""
    sizes = np.array([_size(image) for image in images], float)
    outside = np.maximum(-people.joints, people.joints - (sizes[:, None] - 1)).max(axis=2)
    wrong = np.flatnonzero((outside * people.annotated).max(axis=1) > OUTSIDE)
    if len(wrong):
        width, height = sizes[wrong[0]].astype(int).tolist()
        more = f", and {len(wrong) - 1} more images are as wrong" if len(wrong) > 1 else ""
        raise InputError(f"{images[wrong[0]]}: is {width} x {height} px, and {path} has joints of its person outside "
                         f"it{more}. Copy images/ and joints.mat from the same archive.")


def _size(path: Path) -> Tuple[int, int]:
    """Width and height of a picture."""
    return image_files.header(path).stored


def _boxes(path: Path, people: People) -> List[Box]:
    """A square around each person's annotated joints, `MARGIN` times as large."""
    known = people.annotated[..., None] > 0
    near = np.where(known, people.joints, np.inf).min(axis=1)
    far = np.where(known, people.joints, -np.inf).max(axis=1)
    with np.errstate(invalid="ignore"):
        sides, middles = (far - near).max(axis=1), (near + far) / 2
    _refuse(path, ~(sides >= SMALLEST)[:, None], f"has no two annotated joints {SMALLEST:g} px apart, so no size")
    return [Box(x, y, MARGIN * side) for (x, y), side in zip(middles.tolist(), sides.tolist())]


def _refuse(path: Path, bad: Array, what: str) -> None:
    rows = np.flatnonzero(bad.any(axis=1))
    if len(rows):
        more = f" and {len(rows) - 1} more like it" if len(rows) > 1 else ""
        raise InputError(f"{path}: person {rows[0] + 1} (counted from 1){more} {what}. Correct or remove that person, "
                         "or copy the file again from its source.")
