"""Anyone's own keypoints in COCO's layout, with whatever joints and limbs the file itself names.

    DATA/own-1a2b3c4d/source.json   where the annotations and images are, and which category; written by `register`

The name is a hash of the annotations' content: other annotations are another data set, and train another run.
"""
from __future__ import annotations

import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from integral_pose.datasets import coco
from integral_pose.datasets.files import read_json
from integral_pose.datasets.mpii import held_out
from integral_pose.datasets.records import Records
from integral_pose.errors import InputError
from integral_pose.files import replacing
from integral_pose.geometry import Array, Box
from integral_pose.samples import Sample
from integral_pose.skeletons import Skeleton

MARGIN = coco.MARGIN
SOURCE = "source.json"
TESTED = 1 / 10  # of the images; of the others mpii.held_out takes its share
LEAST_IMAGES = 3  # one to train on, one held out, one to test
SIDE_FIRST = re.compile(r"(?:((?i:left|right|l|r))[\W_]+|([Ll]eft|[Rr]ight)(?=[A-Z])|([LR])(?=[A-Z][a-z]))(?=.)")
SIDE_LAST = re.compile(r"(?<=.)[\W_]+(left|right|l|r)$", re.IGNORECASE)
SOURCE_OF_TRUTH = "Write the file as COCO's person_keypoints_val2017.json is (docs/own_data.md)."


class Own(NamedTuple):
    """A file of annotations, read."""

    path: Path
    content: Dict[str, Any]
    category: Dict[str, Any]  # the one with the joints

    @property
    def name(self) -> str:
        """Of the category."""
        return str(self.category.get("name", ""))


def find(place: Path, category: str = "") -> Own:
    """The annotations in a file, or in the one JSON file of a folder.

    Args:
        category: the name of the one to train on, where several have keypoints.

    Raises:
        InputError: there are none or several files or categories, or the file is not laid out as COCO's.
    """
    path = _annotations(place) if place.is_dir() else place
    content = coco.content_of(path)
    categories = content.get("categories")
    if not isinstance(categories, list) or not all(isinstance(one, dict) for one in categories):
        raise InputError(f"{path}: has no list `categories`, which names the joints. {SOURCE_OF_TRUTH}")
    posed = [one for one in categories if one.get("keypoints")]
    named = [one for one in posed if not category or str(one.get("name", "")) == category]
    if len(named) != 1:
        names = ", ".join(str(one.get("name")) for one in posed) or "none"
        what = f"no category {category}" if category and not named else f"{len(named)} categories with keypoints"
        raise InputError(f"{path}: has {what}. Name one of those that have, with --category: {names}.")
    Records(path, "category", named, [categories.index(named[0])]).integers("id")
    return Own(path, content, named[0])


def _annotations(folder: Path) -> Path:
    found = sorted([*folder.glob("*.json"), *folder.glob("annotations/*.json")])
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:5]) or "none"
        raise InputError(f"{folder}: has {len(found)} JSON files here and in annotations/ ({names}). Name the one to "
                         "train on.")
    return found[0]


def skeleton(own: Own) -> Skeleton:
    """The joints that the category names, with its limbs as trees, each read from its first joint.

    Joints of the left and right, however that is written, are called l_… and r_…. An edge that would close a circle is
    left out.

    Raises:
        InputError: a name is missing or twice there, a joint of one side has none on the other, or an edge is wrong.
    """
    names = own.category["keypoints"]
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise InputError(f"{own.path}: `keypoints` of the category must be a list of names. {SOURCE_OF_TRUTH}")
    joints = tuple(plain(name) for name in names)
    for name, joint in zip(names, joints):
        if joints.count(joint) > 1:
            raise InputError(f"{own.path}: several joints are called `{name}`. Give each a name of its own.")
        other = {"l_": "r_", "r_": "l_"}.get(joint[:2])
        if other and other + joint[2:] not in joints:
            raise InputError(f"{own.path}: the joint `{name}` is of one side, and there is none of the other. Rename "
                             "it, if it has no side.")
    paths = _paths(joints, _edges(own, len(joints)))
    return Skeleton(joints, paths[0].split("-")[0], paths)


def plain(name: str) -> str:
    """A joint's name as skeletons have them: "Left Shoulder", "shoulder_L", "LShoulder" -> "l_shoulder"."""
    name = name.strip()
    side = SIDE_FIRST.match(name) or SIDE_LAST.search(name)
    prefix = f"{next(group for group in side.groups() if group)[0].lower()}_" if side else ""
    rest = name[: side.start()] + name[side.end():] if side else name
    return prefix + re.sub(r"[^\w.]+", "_", rest).lower()


def _edges(own: Own, joints: int) -> List[Tuple[int, int]]:
    """Pairs of joints, counted from 0; in the file they count from 1."""
    edges = own.category.get("skeleton") or []
    rows = [{"pair": edge} for edge in edges] if isinstance(edges, list) else edges
    pairs = Records.of(own.path, "edge of `skeleton`", rows).numbers("pair", 2).astype(int).tolist()
    wrong = [pair for pair in pairs if min(pair) < 1 or max(pair) > joints]
    if wrong:
        raise InputError(f"{own.path}: `skeleton` has the edge {wrong[0]}, and joints are numbered from 1 to {joints} "
                         "there. Correct it.")
    return [(first - 1, second - 1) for first, second in pairs]


def _paths(joints: Sequence[str], edges: Sequence[Tuple[int, int]]) -> Tuple[str, ...]:
    """Trees that span what the edges join, as paths; a joint without an edge is a path by itself."""
    neighbours: Dict[int, List[int]] = {joint: [] for joint in range(len(joints))}
    for first, second in edges:
        neighbours[first].append(second)
        neighbours[second].append(first)
    seen: List[int] = []
    paths: List[str] = []
    for root in range(len(joints)):
        before, queue = len(paths), [root] if root not in seen else []
        seen += queue
        while queue:
            joint = queue.pop(0)
            new = [other for other in dict.fromkeys(neighbours[joint]) if other not in seen]
            seen, queue = seen + new, queue + new
            paths += [f"{joints[joint]}-{joints[other]}" for other in new]
        if len(paths) == before and not neighbours[root]:
            paths.append(joints[root])
    return tuple(paths)


def register(own: Own, images: Path, data: Path) -> str:
    """Notes in the folder of data sets where these people are; returns the data set's name.

    Raises:
        InputError: the annotations are wrong, an image is missing, or there are too few.
    """
    samples = people(own, images)
    absent = [path for path in dict.fromkeys(sample.image for sample in samples) if not path.is_file()]
    if absent:
        more = f", and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InputError(f"{absent[0]}: {own.path} names this image, and it is missing{more}. Put it there, or name "
                         "the images' folder with --images.")
    _split(own.path, samples)
    name = f"own-{_digest(own)}"
    source = {"annotations": str(own.path.resolve()), "images": str(images.resolve()), "category": own.name}
    with replacing(data / name / SOURCE) as draft:
        draft.write_text(json.dumps(source, indent=1), encoding="utf-8")
    return name


def read(folder: Path, split: str) -> List[Sample]:
    """The people of one split.

    Args:
        folder: as `register` made it.
        split: "test" for a tenth of the images, by a hash of their names; "train" and "held-out" divide the others.

    Raises:
        InputError: the folder is not there, or the annotations are wrong or were changed since.
    """
    if not (folder / SOURCE).is_file():
        raise InputError(f"{folder}: there is no such data set. Run `python -m scripts.train` again.")
    source = read_json(folder / SOURCE)
    try:
        annotations, images, category = (str(source[name]) for name in ("annotations", "images", "category"))
    except (KeyError, TypeError) as error:
        raise InputError(f"{folder / SOURCE}: is damaged. Run `python -m scripts.train` again.") from error
    own = find(Path(annotations), category)
    if folder.name != f"own-{_digest(own)}":
        raise InputError(f"{annotations}: was changed since this run began. Run `python -m scripts.train` on it again: "
                         "it begins another run.")
    return _split(own.path, people(own, Path(images)))[split]


def _digest(own: Own) -> str:
    """Ten digits of the annotations and the category."""
    return hashlib.sha256(own.path.read_bytes() + json.dumps(own.name).encode()).hexdigest()[:10]


def _split(path: Path, samples: Sequence[Sample]) -> Dict[str, List[Sample]]:
    """The people of each split: all of an image are in one."""
    names = sorted({str(sample.image) for sample in samples}, key=lambda name: zlib.crc32(Path(name).name.encode()))
    if len(names) < LEAST_IMAGES:
        raise InputError(f"{path}: has joints in {len(names)} images, and {LEAST_IMAGES} are needed, to train, choose "
                         "and test. Annotate more.")
    tested = set(names[:: -(-len(names) // max(1, round(TESTED * len(names))))])
    others = sorted(set(names) - tested)
    held = {name for name, is_held in zip(others, held_out([Path(name).name for name in others])) if is_held}
    parts: Dict[str, List[Sample]] = {"train": [], "held-out": [], "test": []}
    for sample in samples:
        image = str(sample.image)
        parts["test" if image in tested else "held-out" if image in held else "train"].append(sample)
    return parts


def people(own: Own, images: Path) -> List[Sample]:
    """Everybody with a joint, in the file's order.

    Raises:
        InputError: a record lacks something.
    """
    joints = len(own.category["keypoints"])
    pictures = coco.index(own.path, own.content, images)
    records = Records.of(own.path, "annotation", own.content.get("annotations"))
    records = records.where(records.integers("category_id") == own.category.get("id"))
    posed = [not row.get("iscrowd") and bool(row.get("keypoints")) for row in records.rows]
    records = records.where(np.array(posed, bool))
    keypoints = records.numbers("keypoints", 3 * joints).reshape(-1, joints, 3)
    labelled = keypoints[..., 2] > 0
    records = records._replace(rows=[
        row if row.get("bbox") else {**row, "bbox": _around(points[known])}
        for row, points, known in zip(records.rows, keypoints, labelled)
    ])
    squares, extents = coco.squares(coco.boxes(records), coco.image_ids(records, pictures), pictures)
    chosen = np.flatnonzero(labelled.any(axis=1) & (extents > 0).all(axis=1)).tolist()
    paths = [pictures.paths[int(row["image_id"])] for row in records.rows]
    return [Sample(paths[i], keypoints[i, :, :2], labelled[i].astype(float), Box(*squares[i])) for i in chosen]


def _around(points: Array) -> List[float]:
    """The box of labelled joints (n, 3), a tenth wider each way, for a person who has none."""
    if not len(points):
        return [0, 0, 0, 0]
    near, far = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    pad = 0.1 * float((far - near).max())
    return [*(near - pad + 0.5).tolist(), *(far - near + 2 * pad).tolist()]
