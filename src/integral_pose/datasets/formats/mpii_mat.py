"""The official MPII file, `mpii_human_pose_v1_u12_1.mat`, and the Tompson split that is not in it."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from integral_pose.datasets.formats.reading import read_h5, read_mat
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.skeletons import MPII

JOINTS = len(MPII.joints)
HEAD_FRACTION = 0.6  # of the head box's diagonal, in every MPII scorer
NEEDED = ("annopoints", "scale", "objpos")
AS_IT_IS = "Use the file from MPII's web page as it is."

Pair = Tuple[int, int]


class People(NamedTuple):
    """N people in columns and in MPII's own units: px are 1-based, the centre is as annotated."""

    images: Sequence[str]
    joints: Array  # (N, 16, 2)
    annotated: Array  # (N, 16)
    centre: Array  # (N, 2)
    scale: Array  # (N,), height of the person / 200 px
    head_size: Array  # (N,), px; nan where there is no head box


class SinglePeople(NamedTuple):
    """The N people whom MPII's single-person test asks for, in MPII's own units; their joints are not published."""

    annolist: Array  # (M,), the test images' structs, as they are in RELEASE
    places: Sequence[Pair]  # (N,), each person's image in annolist and rectangle in it, 0-based
    centre: Array  # (N, 2)
    scale: Array  # (N,)


class _Person(NamedTuple):
    image: str
    joints: Array
    annotated: Array
    centre: Array
    scale: float
    head_size: float


def read_release(path: Path, variables: Dict[str, Any], train: bool) -> People:
    """The people of RELEASE on one side of Tompson's split.

    Args:
        path: the .mat file; the split is looked for beside it.
        variables: what the file holds.
        train: everyone in a training image without a validation person, if annotated with joints, scale and
            centre (gen_mpii.m's rule); else the 2,958 validation people, in the order of the split.

    Raises:
        InputError: there is no split, it does not fit the file, or an annotation is damaged.
    """
    annolist, in_train = _parts(path, variables, "annolist", "img_train")
    images, rects = annolist["image"], annolist["annorect"]
    pairs = read_split(path.parent)
    if train:
        held = {image for image, _ in pairs}
        rows = [i for i in np.flatnonzero(in_train > 0) if i not in held]
        people = [person for i in rows for person in _people(path, i, images[i], rects[i]) if person]
    else:
        people = [_chosen(path, pair, images, rects) for pair in pairs]
    return _columns(path, people)


def read_single_people(path: Path, variables: Dict[str, Any]) -> SinglePeople:
    """The people of RELEASE's test images who stand apart from others (single_person), image by image.

    A rectangle without a centre is nobody, as it is in MPII's scorer.

    Raises:
        InputError: the file is not laid out as MPII's, or names nobody, or a person is damaged.
    """
    annolist, in_train, single = _parts(path, variables, "annolist", "img_train", "single_person")
    if not len(annolist) == len(in_train) == len(single):
        raise InputError(f"{path}: annolist, img_train and single_person differ in length. {AS_IT_IS}")
    rows = np.flatnonzero(in_train == 0)
    people = []
    for image, row in enumerate(rows):
        for number in np.ravel(single[row]).tolist():
            position = _position(path, row, annolist["annorect"][row], number)
            people += [((image, int(number) - 1), position)] if position else []
    if not people:
        raise InputError(f"{path}: no person in its test images is in single_person. {AS_IT_IS}")
    places, positions = zip(*people)
    return SinglePeople(annolist[rows], places, np.array(positions)[:, :2], np.array(positions)[:, 2])


def _parts(path: Path, variables: Dict[str, Any], *names: str) -> List[Array]:
    """Fields of RELEASE with an entry for each image, (M,); the first is annolist."""
    try:
        parts = [variables["RELEASE"][name].flat[0].ravel() for name in names]
        if not {"image", "annorect"} <= set(parts[0].dtype.names):
            raise ValueError("annolist has no images or no rectangles")
    except (KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: RELEASE is not in the format of MPII's release ({', '.join(names)} are needed). {AS_IT_IS}"
        ) from error
    return parts


def read_split(folder: Path) -> List[Pair]:
    """Tompson's validation people: 0-based (image, person) indices into RELEASE.

    Raises:
        InputError: the folder has neither of the two files that hold them, or the file is another one.
    """
    hourglass, detections = folder / "valid.h5", folder / "detections.mat"
    if hourglass.is_file():
        return _pairs(hourglass, read_h5(hourglass), ("index", "person"), first=0)
    if detections.is_file():
        names = ("RELEASE_img_index", "RELEASE_person_index")
        return _pairs(detections, read_mat(detections), names, first=1)
    raise InputError(
        f"{folder}: MPII's .mat does not define the validation set. Put valid.h5 (1.3 MB; annot/ of "
        "princeton-vl/pose-hg-demo) or detections.mat (1.8 MB; evaluation/data/ of bearpaw/pytorch-pose) beside it."
    )


def _pairs(path: Path, variables: Dict[str, Any], names: Tuple[str, str], first: int) -> List[Pair]:
    try:
        image, person = (np.ravel(variables[name]).astype(int) - first for name in names)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: lacks {names[0]} and {names[1]}. Use the file that holds MPII's split.") from error
    if len(image) != len(person):
        raise InputError(f"{path}: {names[0]} and {names[1]} differ in length. Copy the file again from its source.")
    return list(zip(image.tolist(), person.tolist()))


def _chosen(path: Path, pair: Pair, images: Array, rects: Array) -> _Person:
    image, person = pair
    inside = 0 <= image < len(images) and 0 <= person < np.size(rects[image])
    found = _person(path, image, images[image], rects[image].ravel()[person]) if inside else None
    if found is None:
        raise InputError(
            f"{path}: person {person + 1} of image {image + 1}, whom the split beside it names, is not annotated with "
            f"{', '.join(NEEDED)}. One of the two files is not MPII's release 1, update 12: replace it."
        )
    return found


def _people(path: Path, index: int, image: Array, rects: Array) -> Iterator[Optional[_Person]]:
    for rect in rects.ravel() if rects.dtype.names else ():
        yield _person(path, index, image, rect)


def _person(path: Path, index: int, image: Array, rect: Any) -> Optional[_Person]:
    """One rectangle; None if it lacks joints, scale or centre."""
    points = field(field(rect, "annopoints"), "point")
    scale, position = field(rect, "scale"), field(rect, "objpos")
    if not (points.size and scale.size and position.size):
        return None
    try:
        joints, annotated = read_points(points.ravel())
        centre = np.array([_number(field(position, axis)) for axis in "xy"])
        corners = [field(rect, name) for name in ("x1", "y1", "x2", "y2")]
        name = str(field(image, "name").item())
        return _Person(name, joints, annotated, centre, _number(scale), _head_size(corners))
    except (ValueError, TypeError, IndexError, KeyError) as error:
        raise InputError(f"{path}: a person of image {index + 1} is damaged ({error}). {AS_IT_IS}") from error


def _position(path: Path, row: int, rects: Array, number: Any) -> Optional[Tuple[float, float, float]]:
    """Centre x, y and scale of an image's rectangle, counted from 1; None if it has no centre."""
    try:
        if not 0 < number <= rects.size:
            raise IndexError(f"the image has {rects.size} rectangles")
        rect = rects.ravel()[int(number) - 1]  # a file that was saved again may hold doubles
        centre = field(rect, "objpos")
        if not centre.size:
            return None
        x, y, scale = (_number(value) for value in (field(centre, "x"), field(centre, "y"), field(rect, "scale")))
        if not (np.isfinite([x, y]).all() and 0 < scale < np.inf):
            raise ValueError("its centre is not finite, or its scale is not above 0")
        return x, y, scale
    except (ValueError, TypeError, IndexError) as error:
        raise InputError(
            f"{path}: person {number} of image {row + 1}, whom single_person names, is damaged ({error}). {AS_IT_IS}"
        ) from error


def read_points(points: Array) -> Tuple[Array, Array]:
    """Joints (16, 2) and which are there (16,), of a person's `point` structs (P,).

    Points come in any order and not all of them; whether they are visible does not matter here.

    Raises:
        ValueError, IndexError: they are not points of 16 joints.
    """
    joints, annotated = np.zeros((JOINTS, 2)), np.zeros(JOINTS)
    ids, x, y = (np.concatenate(list(points[name]), axis=None).astype(float) for name in ("id", "x", "y"))
    if not (len(ids) == len(x) == len(y) == len(points) and ids.min() >= 0):
        raise ValueError("its points are not each one id from 0 on, one x and one y")
    rows = ids.astype(int)
    joints[rows, 0], joints[rows, 1], annotated[rows] = x, y, 1
    return joints, annotated


def _head_size(corners: List[Array]) -> float:
    if not all(corner.size for corner in corners):
        return float("nan")
    x1, y1, x2, y2 = (_number(corner) for corner in corners)
    return HEAD_FRACTION * float(np.hypot(x2 - x1, y2 - y1))


def field(struct: Any, name: str) -> Array:
    """A field of one struct; empty where the struct, or the field, is missing or empty."""
    if struct.dtype.names is None or name not in struct.dtype.names or not struct.size:
        return np.empty(0)
    value = struct[name]
    return np.asarray(value.flat[0] if isinstance(struct, np.ndarray) else value)


def _number(value: Any) -> float:
    return float(np.asarray(value).item())


def _columns(path: Path, people: Sequence[_Person]) -> People:
    if not people:
        raise InputError(f"{path}: contains no person of this part of the split. Use MPII's complete file.")
    images, *columns = zip(*people)
    joints, annotated, centre, scale, head_size = (np.array(column) for column in columns)
    return People(images, joints, annotated, centre, scale, head_size)
