"""Custom keypoints in COCO's layout, with whatever joints and limbs the files themselves name.

    DATA/custom-1a2b3c4d5e/source.json   where annotations and images are, and who is in which part

The name is a hash of all that decides a result: the annotations, the pictures' names and content, and the parts. Other
pictures, or another division of them, are another data set, and train another run.
"""
from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Pattern, Sequence, Tuple

import numpy as np

from integral_pose.datasets import batches, coco
from integral_pose.datasets.custom_data import images as custom_images
from integral_pose.datasets.custom_data import joints as custom_joints
from integral_pose.datasets.custom_data import people as custom_people
from integral_pose.datasets.custom_data import split as custom_split
from integral_pose.datasets.custom_data.split import HELD_OUT, TEST, TRAIN
from integral_pose.datasets.dataset import BOX_PCK, DataSet, limits
from integral_pose.datasets.formats.reading import read_json
from integral_pose.datasets.formats.records import Records
from integral_pose.errors import InputError
from integral_pose.run import Run
from integral_pose.samples import Sample
from integral_pose.skeletons import Skeleton, parsed
from integral_pose.storage.atomic import replacing

MARGIN = coco.MARGIN
SOURCE, CHECKED = "source.json", "checked-images.json"
ROBOFLOW = "_annotations.coco.json"
SOURCE_OF_TRUTH = "Write the file as COCO's person_keypoints_val2017.json is (docs/custom_data.md)."
# COCO's own limbs: some files of other joints, such as mmpose's of CrowdPose, carry them along.
COCO_EDGES = {(16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10),
              (9, 11), (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)}


class File(NamedTuple):
    """A file of annotations, read."""

    path: Path
    content: Dict[str, Any]
    category: Dict[str, Any]  # the one with the joints
    images: Path
    part: str = ""  # that all its people belong to; "": they are divided

    @property
    def name(self) -> str:
        """Of the category."""
        return str(self.category.get("name", ""))


class Custom(NamedTuple):
    """A data set: one file that is divided, or the user's own parts, the one to train on first."""

    files: Tuple[File, ...]

    @property
    def path(self) -> Path:
        """For messages."""
        return self.files[0].path

    @property
    def root(self) -> Path:
        """The folder below which all images are."""
        return Path(os.path.commonpath([file.images.absolute() for file in self.files]))


class Registered(NamedTuple):
    """What `register` did."""

    name: str  # of the data set
    notes: List[str]  # sentences that the user ought to read


def find(
    place: Path, category: str = "", images: Optional[Path] = None, valid: Optional[Path] = None,
    test: Optional[Path] = None,
) -> Custom:
    """The annotations in a file, in the one JSON file of a folder, or in Roboflow's folders train, valid and test.

    Args:
        category: the name of the one to train on, where several have keypoints.
        images: their folder; by default images/ beside the file or its folder, or where the file is.
        valid, test: files of the same joints that choose the best weights, and that are tested on.

    Raises:
        InputError: there are none or several files or categories, or a file is not laid out as COCO's.
    """
    parts = {TRAIN: place, HELD_OUT: valid, TEST: test}
    if (place / "train" / ROBOFLOW).is_file():  # its pictures are beside each of the files
        own = {part: place / name / ROBOFLOW for part, name in ((HELD_OUT, "valid"), (TEST, "test"))}
        parts = {TRAIN: place / "train" / ROBOFLOW,
                 **{part: parts[part] or (path if path.is_file() else None) for part, path in own.items()}}
    if parts[HELD_OUT] and not parts[TEST]:  # somebody has to be tested on, and two parts are enough for that
        parts = {**parts, TEST: parts[HELD_OUT], HELD_OUT: None}
    files = [
        _file(path, category, images or (path.parent if path.name == ROBOFLOW else None), part)
        for part, path in parts.items() if path
    ]
    if not (parts[HELD_OUT] and parts[TEST]):
        files[0] = files[0]._replace(part="")
    for other in files[1:]:
        if other.category["keypoints"] != files[0].category["keypoints"]:
            raise InputError(f"{other.path}: its joints differ from those of {files[0].path}. Use the same names in "
                             "the same order.")
    return Custom(tuple(files))


def _file(place: Path, category: str, images: Optional[Path], part: str) -> File:
    path = _annotations(place) if place.is_dir() else place
    content = custom_people.with_numbers(coco.content_of(path))
    categories = content.get("categories")
    if not isinstance(categories, list) or not all(isinstance(one, dict) for one in categories):
        raise InputError(f"{path}: has no list `categories`, which names the joints. {SOURCE_OF_TRUTH}")
    posed = [one for one in categories if one.get("keypoints")]
    named = [one for one in posed if not category or str(one.get("name", "")) == category]
    if len(named) != 1:
        names = ", ".join(str(one.get("name")) for one in posed) or "none"
        what = f"no category {category}" if category and not named else f"{len(named)} categories with keypoints"
        raise InputError(f"{path}: has {what}. Choose one that has keypoints with --category: {names}.")
    Records(path, "category", named, [categories.index(named[0])]).integers("id")
    return File(path, content, named[0], images or _images(path), part)


def _annotations(folder: Path) -> Path:
    found = sorted([*folder.glob("*.json"), *folder.glob("annotations/*.json")])
    if len(found) != 1:
        names = ", ".join(path.name for path in found[:5]) or "none"
        raise InputError(f"{folder}: has {len(found)} JSON files here and in annotations/ ({names}). Give the one to "
                         "train on.")
    return found[0]


def _images(annotations: Path) -> Path:
    """Where images are if nobody says: images/ beside the annotations, or beside their folder, or with them."""
    beside = annotations.parent
    return next((place for place in (beside / "images", beside.parent / "images") if place.is_dir()), beside)


def skeleton(custom: Custom, pairs: Sequence[Sequence[str]] = (), mirrored: bool = True) -> Skeleton:
    """The joints that the category names, with its limbs as trees, each read from its first joint.

    Joints of the left and right, however that is written, are called l_… and r_…. An edge that would close a circle is
    left out.

    Args:
        pairs: names of a left and a right joint, or of one that has no side, beside the category's own `pairs`.
        mirrored: pictures will be, so that a joint of one side has to have its partner.

    Raises:
        InputError: a name is missing or twice there, the partner of a joint cannot be told, or an edge is wrong.
    """
    file = custom.files[0]
    names = file.category["keypoints"]
    if not isinstance(names, list) or not all(isinstance(name, str) and name.strip() for name in names):
        raise InputError(f"{file.path}: `keypoints` of the category must be a list of names. {SOURCE_OF_TRUTH}")
    joints, found = custom_joints.joints(file.path, names, [*_pairs(file), *pairs], mirrored)
    paths = _paths(joints, _edges(file, len(joints)))
    by_name = None if found == custom_joints.by_prefix(joints) else tuple((joints[a], joints[b]) for a, b in found)
    return Skeleton(joints, paths[0].split("-")[0], paths, by_name)


def _pairs(file: File) -> List[List[str]]:
    """The category's own list of pairs."""
    pairs = file.category.get("pairs") or []
    if not isinstance(pairs, list) or not all(
        isinstance(pair, list) and pair and all(isinstance(name, str) for name in pair) for pair in pairs
    ):
        raise InputError(f"{file.path}: `pairs` of the category must be a list of pairs of joints' names, such as "
                         '[["left_ear", "right_ear"]].')
    return pairs


def _edges(file: File, joints: int) -> List[Tuple[int, int]]:
    """Pairs of joints, counted from 0; in the file they count from 1."""
    edges = file.category.get("skeleton") or []
    rows = [{"pair": edge} for edge in edges] if isinstance(edges, list) else edges
    pairs = Records.of(file.path, "edge of `skeleton`", rows).numbers("pair", 2).tolist()
    if joints < 17 and {tuple(pair) for pair in pairs} == COCO_EDGES:
        return []
    wrong = [[f"{joint:g}" for joint in pair] for pair in pairs
             if any(joint % 1 or not 1 <= joint <= joints for joint in pair)]
    if wrong:
        raise InputError(f"{file.path}: `skeleton` has the edge [{', '.join(wrong[0])}], and joints are numbered "
                         f"from 1 to {joints} there. Correct it.")
    return [(int(first) - 1, int(second) - 1) for first, second in pairs]


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


def register(
    custom: Custom, data: Path, group: Optional[Pattern[str]] = None, labels_of: str = ""
) -> Registered:
    """Records in the folder of data sets where these people are, and the part of each.

    Every picture is opened, unless that was done before and it has not changed.

    Args:
        group: a pattern of paths, as `custom_split.divide` takes it.
        labels_of: "seen" or "stored", as `custom_images.check` takes it.

    Raises:
        InputError: the annotations are wrong, a picture is missing, damaged or of another size, or there are too few.
    """
    everybody, checked = _read(custom, data, labels_of)
    named = [[_below(custom, sample.image) for sample in people.samples] for people in everybody]
    notes = _notes(custom, everybody)
    division: Dict[str, str] = {}
    for file, names in zip(custom.files, named):
        if not names:
            raise InputError(f"{file.path}: no annotation has a joint. {' '.join(notes)}")
        if not file.part:
            made = custom_split.divide(file.path, names, group, tested_elsewhere=len(custom.files) > 1)
            division, notes = made.parts, notes + made.notes
    source = {
        "files": [{"annotations": str(file.path.resolve()), "images": str(file.images.resolve()), "part": file.part,
                   "hash": _hash(file.path)} for file in custom.files],
        "category": custom.files[0].name,
        "images": {_below(custom, path): image.hash for path, image in checked.items()},
        "parts": division,
        "upright": sorted(_below(custom, path) for path, image in checked.items() if image.upright),
        "labels_of": labels_of,
    }
    name = f"custom-{_key(source)}"
    with replacing(data / name / SOURCE) as draft:
        draft.write_text(json.dumps(source, indent=1), encoding="utf-8")
    return Registered(name, [*notes, *_repeated(source, custom, named)])


@dataclass(frozen=True)
class CustomData(DataSet):
    """Custom data as `register` noted it, with joints of its own, measured in sides of the person's box."""

    metric = BOX_PCK

    joints: str = ""  # as `skeletons.written` gives them

    @classmethod
    def find(cls, name: str, root: Path, run: Run) -> CustomData:
        """As `DataSet.find`; the folder has what `register` noted, and the files are where the user has them."""
        return cls(root / name, limits(run), run.skeleton)

    @classmethod
    def unread(cls, run: Run) -> CustomData:
        """As `DataSet.unread`."""
        return cls(Path(), joints=run.skeleton)

    @property
    def skeleton(self) -> Skeleton:
        """The joints that the user named."""
        return parsed(self.joints)

    def _read(self, split: str) -> List[Sample]:
        return read(self.folder, split)


def read(folder: Path, split: str) -> List[Sample]:
    """The people of one part, as they were divided when `register` made the folder.

    Args:
        split: "train", "held-out" or "test".

    Raises:
        InputError: the folder is not there, or annotations or pictures are wrong or were changed since.
    """
    source = _source(folder)
    custom = Custom(tuple(
        _file(Path(file["annotations"]), source["category"], Path(file["images"]), file["part"])
        for file in source["files"]
    ))
    everybody, checked = _read(custom, folder.parent, source["labels_of"])
    now = {**source, "images": {_below(custom, path): image.hash for path, image in checked.items()},
           "files": [{**noted, "hash": _hash(file.path)} for noted, file in zip(source["files"], custom.files)]}
    if folder.name != f"custom-{_key(now)}":
        raise InputError(f"{custom.path}: these annotations or their images were changed since this run began. Run "
                         "`python -m scripts.train` on them again: it begins another run.")
    parts: Dict[str, str] = source["parts"]
    return [
        replace(sample, upright=checked[sample.image].upright)
        for file, people in zip(custom.files, everybody) for sample in people.samples
        if (file.part or parts[_below(custom, sample.image)]) == split
    ]


def parts(folder: Path) -> Dict[str, str]:
    """The part of each picture that was divided, by its path below the images' folder.

    Raises:
        InputError: the folder is not there or damaged.
    """
    divided: Dict[str, str] = _source(folder)["parts"]
    return divided


def _source(folder: Path) -> Dict[str, Any]:
    if not (folder / SOURCE).is_file():
        raise InputError(f"{folder}: there is no such data set. Run `python -m scripts.train` again.")
    source: Dict[str, Any] = read_json(folder / SOURCE)
    try:
        files = [[str(file[name]) for name in ("annotations", "images", "part", "hash")] for file in source["files"]]
        str(source["category"]), dict(source["parts"]), dict(source["images"]), source["labels_of"], source["upright"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{folder / SOURCE}: is damaged, or of an earlier version of the program. Run `python -m "
                         "integral_pose.commands.train` again.") from error
    assert files
    return source


def _read(
    custom: Custom, data: Path, labels_of: str
) -> Tuple[List[custom_people.People], Dict[Path, custom_images.Image]]:
    """The people of each file, and all their pictures."""
    most = batches.PICTURES.most_pixels
    custom = Custom(tuple(
        file._replace(content=custom_images.with_sizes(file.path, file.content, file.images, labels_of, most))
        for file in custom.files
    ))
    everybody = [custom_people.read(*file[:4]) for file in custom.files]
    checked = _checked(custom, everybody, data, labels_of)
    sizes = {path: image.annotated for path, image in checked.items()}
    if any(people.sizes[path] != sizes[path] for people in everybody for path in people.sizes):
        everybody = [custom_people.read(*file[:4], sizes) for file in custom.files]
    for file, people in zip(custom.files, everybody if not labels_of else ()):  # which may not fit what the user says
        custom_people.demand_no_corners(file.path, people)
    shown = {sample.image for people in everybody for sample in people.samples}
    return everybody, {path: image for path, image in checked.items() if path in shown}


def _checked(
    custom: Custom, everybody: Sequence[custom_people.People], data: Path, labels_of: str
) -> Dict[Path, custom_images.Image]:
    sizes = {path: size for people in everybody for path, size in people.sizes.items()}
    for path in sizes:
        _below(custom, path)
    absent = [path for path in sizes if not os.path.isfile(path)]  # False of a name too long for a file, too
    if absent:
        more = f", and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InputError(f"{absent[0]}: {custom.path} names this image, and it is missing{more}. Put it there, or give "
                         "the images' folder with --images.")
    reaches: Dict[Path, custom_images.Size] = {}
    for sample in (sample for people in everybody for sample in people.samples):
        x, y = np.maximum(sample.joints[sample.annotated > 0].max(axis=0), reaches.get(sample.image, (0, 0))).tolist()
        reaches[sample.image] = x, y
    return custom_images.check(
        custom.path, sizes, data / CHECKED, labels_of, batches.PICTURES.most_pixels, reaches
    )


def _below(custom: Custom, image: Path) -> str:
    """An image's path below the images' folder, with slashes."""
    try:
        below = image.absolute().relative_to(custom.root)
    except ValueError:
        below = Path("..")
    if ".." in below.parts:
        raise InputError(f"{custom.path}: names the image {image}, which is not below the images' folder, "
                         f"{custom.root}. Use paths below it, or give another folder with --images.")
    return below.as_posix()


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _key(source: Dict[str, Any]) -> str:
    """Ten digits of what decides a result; where the folders are does not."""
    decisive = {**source, "files": [[file["part"], file["hash"]] for file in source["files"]], "labels_of": ""}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:10]


def _notes(custom: Custom, everybody: Sequence[custom_people.People]) -> List[str]:
    notes = [f"{file.path.name}: {note}" if len(custom.files) > 1 else note
             for file, people in zip(custom.files, everybody) for note in people.notes]
    edges = custom.files[0].category.get("skeleton")
    if edges and not _edges(custom.files[0], len(custom.files[0].category["keypoints"])):
        notes.append("`skeleton` has COCO's limbs, which are not of these joints: no limbs are drawn.")
    if len(custom.files) == 2:
        notes.append(f"{custom.files[1].path} is tested on; the best weights are chosen on a twentieth of the other "
                     "file's images.")
    return notes


def _repeated(source: Dict[str, Any], custom: Custom, named: Sequence[Sequence[str]]) -> List[str]:
    """A warning of pictures that are in several parts, under whatever name."""
    where: Dict[str, Dict[str, str]] = {}
    for file, names in zip(custom.files, named):
        for name in names:
            where.setdefault(source["images"][name], {}).setdefault(file.part or source["parts"][name], name)
    again = [names for names in where.values() if len(names) > 1]
    if not again:
        return []
    first = ", ".join(f"{name} ({part})" for part, name in again[0].items())
    return [f"The same image is in more than one part: {first}"
            f"{f', and {len(again) - 1} others' if len(again) > 1 else ''}. The numbers look too good."]
