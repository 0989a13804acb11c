"""Readers of MPII: the official .mat, the JSON of SimpleBaseline and HRNet, the h5 of the stacked hourglass.

All three are 1-based and hold the same people; samples are 0-based, whichever was read.
"""
from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from integral_pose.datasets.dataset import PCKH, SYNTHETIC, DataSet, limits
from integral_pose.datasets.formats.mpii_mat import HEAD_FRACTION, JOINTS, People, read_release
from integral_pose.datasets.formats.reading import are_numbers, numbers, read_h5, read_json, read_mat
from integral_pose.datasets.formats.records import is_file_name
from integral_pose.errors import InputError
from integral_pose.geometry import Array, Box
from integral_pose.run import Run
from integral_pose.samples import Sample
from integral_pose.skeletons import MPII
from integral_pose.storage import image_paths
from integral_pose.synthetic import make_mpii
from integral_pose.synthetic.versions import number_of

HELD_OUT = 1 / 20  # of the training images
RELEASE = "mpii_human_pose_v1_u12_1.mat"
FILES = {
    "train": ("train.json", "mpii_train.json", RELEASE, "train.h5"),
    "valid": ("valid.json", "mpii_val.json", RELEASE, "valid.h5"),
}
MARGIN = 1.25  # the box is wider than the person's height; 15 px of a 200 px person lower than the centre
LOWER = 15
HEIGHT = 200
LARGEST = 1e6  # scale that is taken for a person's


class Truth(NamedTuple):
    """The annotation that N predictions are scored against."""

    joints: Array  # (N, 16, 2), image px, 0-based
    annotated: Array  # (N, 16), 1 where the joint counts
    head_size: Array  # (N,), px: 0.6 x the head box's diagonal
    counted: str  # which joints count, for the protocol line


@dataclass(frozen=True)
class Mpii(DataSet):
    """MPII: one person a sample, measured in head sizes.

    Args:
        everybody: trains on the test people too, as for MPII's own test, whose joints are not published (Table 5).
    """

    metric, skeleton = PCKH, MPII

    everybody: bool = False

    @classmethod
    def find(cls, name: str, root: Path, run: Run) -> Mpii:
        """As `DataSet.find`."""
        if name.startswith(SYNTHETIC):
            version = number_of(name, make_mpii.VERSIONS)
            made, sizes = name.split("-")[:3], name.split("-")[3:]
            train, test = (int(size) for size in sizes or limits(run))
            folder = root / f"{'-'.join(made)}-{train}-{test}"
            make_mpii.make(folder, train, test, seed=0, version=version)
            return cls(folder, everybody=run.everybody)
        for folder in (root / name, root):
            if (folder / "annot").is_dir():
                return cls(folder, limits(run), run.everybody)
        raise InputError(
            f"{root / name}: there is no data set there. It needs the folders annot/ and images/ "
            "(see docs/data.md); name the folder above it with --data."
        )

    def _read(self, split: str) -> List[Sample]:
        return read(self.folder, split, self.everybody)

    @property
    def official_test(self) -> Path:
        """The official .mat, which names the people of MPII's own test."""
        return self.folder / "annot" / RELEASE


def read(folder: Path, split: str, everybody: bool = False) -> List[Sample]:
    """The people of one split.

    Args:
        folder: holds images/ and annot/; in annot/, JSON is preferred to the .mat, and the .mat to h5.
        split: "test" for the 2,958 people the paper evaluates on; "train" and "held-out" divide the other
            people by image. Held-out people serve to choose checkpoints and learning-rate drops only.
        everybody: "train" and "held-out" divide all annotated people, those of "test" among them (Table 5).

    Raises:
        InputError: the folder does not have this layout, or the annotation file is wrong.
    """
    if split not in ("train", "held-out", "test"):
        raise ValueError(f"no such split: {split}")
    _check_layout(folder)
    if split == "test":
        return _read_part(folder, "valid")
    samples = [sample for part in (FILES if everybody else ("train",)) for sample in _read_part(folder, part)]
    held = held_out([sample.image.relative_to(folder / "images").as_posix() for sample in samples])
    return [sample for sample, is_held in zip(samples, held) if is_held == (split == "held-out")]


def _read_part(folder: Path, part: str) -> List[Sample]:
    path = _annotation_file(folder, part)
    return _samples(path, _read_people(path, part), folder / "images")


def read_file(path: Path, images: Path) -> List[Sample]:
    """The people of one annotation file, in its order; of the official .mat, the validation people.

    Args:
        path: valid.json, valid.h5, the official .mat, or their likes for other people.
        images: the folder of the images; they are not opened.

    Raises:
        InputError: the file is missing, damaged, or of another kind.
    """
    return _samples(path, _read_people(path, "valid"), images)


def read_truth(path: Path) -> Truth:
    """The annotation that predictions for one file's people are scored against, in the file's order.

    Besides the files `read_file` takes, this takes the layout of gt_valid.mat, which names no images. In an h5 file
    joints with x > 1 and y > 1 count, as in the hourglass's own main.lua; elsewhere all that are annotated.

    Raises:
        InputError: as `read_file`, or the file has no head boxes.
    """
    truth = _read_truth(path)
    lacking = np.flatnonzero(~(np.isfinite(truth.head_size) & (truth.head_size > 0)))
    if len(lacking):
        raise InputError(
            f"{path}: {len(lacking)} of {len(truth.head_size)} people have no head box (the first is record "
            f"{lacking[0]}, counted from 0), so PCKh has no unit. Beside valid.json put gt_valid.mat from the same "
            "archive (beside mpii_val.json, mpii_gt_val.mat), or score against that file itself."
        )
    return truth


def held_out(images: Sequence[str]) -> List[bool]:
    """Whether each image is held out from training: about one in twenty, by the CRC-32 of its name alone.

    Of a handful of images, too few for that, one at least is held out, and one at least is not.
    """
    marks = {image: zlib.crc32(image.encode()) for image in images}
    ordered = sorted(marks.values())
    limit = min(max(HELD_OUT * 2**32, ordered[0]), (ordered[-1] + ordered[-2]) / 2) if len(ordered) > 1 else -1
    return [marks[image] <= limit for image in images]


def _check_layout(folder: Path) -> None:
    missing = [path for path in (folder, folder / "annot", folder / "images") if not path.is_dir()]
    if missing:
        raise InputError(
            f"{missing[0]}: there is no such folder. MPII's folder must hold images/ with the .jpg files "
            f"and annot/ with train.json, valid.json and gt_valid.mat, or {RELEASE} and valid.h5, or train.h5 "
            "and valid.h5. Name it with --data."
        )


def _annotation_file(folder: Path, part: str) -> Path:
    for name in FILES[part]:
        if (folder / "annot" / name).is_file():
            return folder / "annot" / name
    raise InputError(f"{folder / 'annot'}: holds no annotation file. Put one of {', '.join(FILES[part])} there.")


def _read_truth(path: Path) -> Truth:
    if path.suffix == ".mat":
        variables = read_mat(path)
        return _read_gt(path, variables) if "pos_gt_src" in variables else _truth(_from_mat(path, variables, "valid"))
    people = _read_people(path, "valid")
    if path.suffix == ".json":
        return _truth(people)
    beyond_border = (people.joints > 1).all(axis=2)
    return Truth(people.joints - 1, beyond_border, people.head_size, "x > 1 and y > 1")


def _truth(people: People) -> Truth:
    return Truth(people.joints - 1, people.annotated, people.head_size, "annotated")


def _read_people(path: Path, part: str) -> People:
    if path.suffix == ".json":
        return _read_json(path)
    if path.suffix == ".h5":
        return _read_h5(path)
    if path.suffix == ".mat":
        return _from_mat(path, read_mat(path), part)
    raise InputError(f"{path}: MPII's annotation files end in .json, .mat or .h5. Give such a file.")


def _from_mat(path: Path, variables: Dict[str, Any], part: str) -> People:
    if "RELEASE" not in variables:
        hint = "It names no images: use the JSON it came with." if "pos_gt_src" in variables else ""
        raise InputError(f"{path}: holds no RELEASE, so it is not MPII's file. Use {RELEASE}. {hint}".strip())
    return _checked(path, read_release(path, variables, train=part == "train"))


def _read_json(path: Path) -> People:
    """A list of {image, center, scale, joints, joints_vis}; the last means annotated, not visible."""
    records = read_json(path)
    if not isinstance(records, list) or not records:
        raise InputError(
            f"{path}: is not a list of records, one a person. Use train.json and valid.json as SimpleBaseline and "
            "HRNet ship them; COCO's layout is another one."
        )
    joints = _column(path, records, "joints", (JOINTS, 2))
    annotated = _column(path, records, "joints_vis", (JOINTS,)) > 0
    centre, scale = _column(path, records, "center", (2,)), _column(path, records, "scale", ())
    unknown = np.full(len(records), np.nan)
    people = _checked(path, People(_names(path, records), joints, annotated, centre, scale, unknown))
    gt = _gt_file(path)
    return _with_head_boxes(path, people, gt) if gt.is_file() else people


def _column(path: Path, records: Sequence[Any], key: str, shape: Tuple[int, ...]) -> Array:
    """One field of all records, finite numbers of one shape, (N, *shape)."""
    if _holds(records, key, shape):
        return np.array([record[key] for record in records], float)
    bad = next(i for i in range(len(records)) if not _holds(records[i:i + 1], key, shape))
    wanted = f"{' x '.join(map(str, shape))} finite numbers" if shape else "one finite number"
    raise InputError(f"{path}: record {bad} (counted from 0): `{key}` must be {wanted}. Correct or remove that record.")


def _holds(records: Sequence[Any], key: str, shape: Tuple[int, ...]) -> bool:
    try:
        column = np.array([record[key] for record in records], float)
    except (TypeError, ValueError, KeyError, OverflowError):
        return False
    return column.shape == (len(records), *shape) and bool(np.isfinite(column).all())


def _names(path: Path, records: Sequence[Any]) -> List[str]:
    for i, record in enumerate(records):
        if not is_file_name(record.get("image")):
            raise InputError(f"{path}: record {i} (counted from 0): `image` must be a file name. Correct that record.")
    return [record["image"] for record in records]


def _gt_file(path: Path) -> Path:
    """gt_valid.mat for valid.json, mpii_gt_val.mat for mpii_val.json."""
    prefix = "mpii_" if path.stem.startswith("mpii_") else ""
    return path.with_name(f"{prefix}gt_{path.stem[len(prefix):]}.mat")


def _with_head_boxes(path: Path, people: People, gt: Path) -> People:
    """Head boxes and joints from the file that HRNet's scorer reads, once it is known to be of the same people."""
    truth = _read_gt(gt, read_mat(gt))
    if len(truth.joints) != len(people.joints):
        raise InputError(
            f"{gt}: has {len(truth.joints)} people and {path} has {len(people.joints)}. "
            "Take both from the same archive, or remove the first."
        )
    apart = np.abs(truth.joints + 1 - people.joints).max(axis=2) > 1
    rows = np.flatnonzero((apart & (truth.annotated > 0) & (people.annotated > 0)).any(axis=1))
    if len(rows):
        raise InputError(
            f"{gt}: person {rows[0]} (counted from 0) has other joints than in {path}, so they do not go together. "
            "Take both from the same archive, or remove the first."
        )
    return people._replace(joints=truth.joints + 1, annotated=truth.annotated, head_size=truth.head_size)


def _read_gt(path: Path, variables: Dict[str, Any]) -> Truth:
    """gt_valid.mat: jnt_missing (16, N), pos_gt_src (16, 2, N), headboxes_src (2, 2, N)."""
    try:
        joints = numbers(variables["pos_gt_src"]).reshape(JOINTS, 2, -1).transpose(2, 0, 1)
        annotated = numbers(variables["jnt_missing"]).reshape(JOINTS, len(joints)).T == 0
        boxes = numbers(variables["headboxes_src"]).reshape(2, 2, len(joints))
    except (KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"{path}: is not in the format of gt_valid.mat: jnt_missing (16, N), pos_gt_src (16, 2, N), headboxes_src "
            "(2, 2, N). Take the file from SimpleBaseline's or HRNet's archive."
        ) from error
    _refuse(path, ~np.isfinite(joints).all(axis=2) & annotated, "has a joint that is not finite")
    with np.errstate(invalid="ignore", over="ignore"):  # a head box that is nowhere is none
        head_size = HEAD_FRACTION * np.linalg.norm(boxes[1] - boxes[0], axis=0)
    return Truth(joints - 1, annotated, head_size, "annotated")


def _read_h5(path: Path) -> People:
    """The stacked hourglass's file: whole-pixel joints, (0, 0) if missing; the box already adjusted."""
    arrays = read_h5(path)
    missing = [name for name in ("part", "center", "scale", "normalize", "imgname") if name not in arrays]
    if missing:
        raise InputError(
            f"{path}: lacks {', '.join(missing)}. Use train.h5 or valid.h5 as the stacked hourglass's authors ship it."
        )
    part, centre, scale, head_size = (arrays[name] for name in ("part", "center", "scale", "normalize"))
    people = len(part) if part.ndim else 0
    shapes = (part.shape, centre.shape, scale.shape, head_size.shape, arrays["imgname"].shape)
    fitting = shapes == ((people, JOINTS, 2), (people, 2), (people,), (people,), (people,))
    if not (people and fitting and are_numbers(part, centre, scale, head_size)):
        raise InputError(f"{path}: its arrays do not hold {people} people of {JOINTS} joints. Copy it from its source.")
    images = [name.decode() if isinstance(name, bytes) else str(name) for name in arrays["imgname"].tolist()]
    raw = scale / MARGIN
    with np.errstate(over="ignore"):  # what is too large is refused with its record
        lowered = np.stack([np.zeros(people), LOWER * raw], axis=1)
    return _checked(path, People(images, part, (part != 0).any(axis=2), centre - lowered, raw, head_size))


def _checked(path: Path, people: People) -> People:
    _refuse(path, ~np.isfinite(people.joints), "has a joint that is not finite")
    _refuse(path, ~np.isfinite(people.centre), "has a centre that is not finite")
    _refuse(path, ~(people.scale > 0), "has a scale that is not above 0")
    _refuse(path, ~(people.scale < LARGEST), "has an implausible scale")
    return people


def _refuse(path: Path, bad: Array, what: str) -> None:
    rows = np.flatnonzero(bad.reshape(len(bad), -1).any(axis=1))
    if len(rows):
        raise InputError(f"{path}: record {rows[0]} (counted from 0) {what}. Correct or remove that record.")


def box_around(x: float, y: float, scale: float) -> Box:
    """The square to look at, 0-based, of a person's centre, 1-based, and scale as MPII gives them."""
    return Box(x - 1, y - 1 + LOWER * scale, MARGIN * HEIGHT * scale)


def _samples(path: Path, people: People, images: Path) -> List[Sample]:
    joints, annotated = people.joints - 1, people.annotated.astype(float)
    boxes = [box_around(x, y, scale) for (x, y), scale in zip(people.centre.tolist(), people.scale.tolist())]
    names = image_paths.below(path, images, people.images)
    return [Sample(*row) for row in zip(names, joints, annotated, boxes, people.head_size.tolist())]
