"""MPII's single-person test: its people, and the file that its evaluation server takes.

`pred_keypoints_mpii.mat` holds RELEASE's test images with predictions in place of the joints that are not published:

    pred(i).image.name                       every image whose img_train is 0, in RELEASE's order
    pred(i).annorect(r)                      every rectangle with its scale and its centre, objpos, as in RELEASE
    pred(i).annorect(r).annopoints.point(k)  where r is in single_person{i}: x and y, 1-based px, and id, 0 to 15

as the README of MPII's evaluation toolkit says. Its evaluatePCKh.m compares the number of images with its own, takes
from each the rectangles that are in single_person and have an objpos, and finds points by their id.

People with published joints, such as the synthetic ones, can be written so too: an image with one rectangle for each.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np
import scipy.io

from integral_pose.datasets.formats.mpii_mat import AS_IT_IS, JOINTS, Pair, field, read_points, read_single_people
from integral_pose.datasets.formats.reading import read_mat
from integral_pose.datasets.mpii import HEIGHT, LOWER, MARGIN, RELEASE, box_around
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.samples import Sample
from integral_pose.storage import image_paths
from integral_pose.storage.atomic import replacing

NAME = "pred_keypoints_mpii.mat"
NOTHING = np.empty((0, 0))  # an empty field, as MATLAB has it
REWRITE = "Write the submission again from the predictions."


class Subjects(NamedTuple):
    """Whom a submission predicts: N people on M images."""

    samples: Sequence[Sample]  # (N,)
    annolist: Array  # (M,), structs with image.name and annorect
    places: Sequence[Pair]  # (N,), each person's image in annolist and rectangle in it, 0-based


def read_subjects(folder: Path) -> Subjects:
    """The people of the official test, who have no joints: nothing is annotated in their samples.

    Args:
        folder: holds images/ and annot/ with the official .mat.

    Raises:
        InputError: the official file is missing, or is not MPII's.
    """
    path = folder / "annot" / RELEASE
    if not path.is_file():
        raise InputError(f"{path}: there is no such file, and only MPII's official file lists its test people. Put it "
                         "there.")
    people = read_single_people(path, read_mat(path))
    try:
        names = [name for name, _ in _layout(people.annolist)]
    except (TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: an image of its test is damaged ({error}). {AS_IT_IS}") from error
    rows = zip(people.places, people.centre.tolist(), people.scale.tolist())
    paths = image_paths.below(path, folder / "images", names)
    samples = [
        Sample(paths[image], np.zeros((JOINTS, 2)), np.zeros(JOINTS), box_around(x, y, scale))
        for (image, _), (x, y), scale in rows
    ]
    return Subjects(samples, people.annolist, people.places)


def subjects_of(samples: Sequence[Sample]) -> Subjects:
    """Any people as a test: each the only rectangle of an image of their own."""
    annolist = np.concatenate([_image(sample) for sample in samples])
    return Subjects(samples, annolist, [(image, 0) for image in range(len(samples))])


def write_submission(path: Path, subjects: Subjects, joints: Array) -> None:
    """Writes MPII's submission file.

    Args:
        joints: (N, 16, 2), image px, 0-based, in MPII's order.
    """
    if joints.shape != (len(subjects.samples), JOINTS, 2):
        raise ValueError(f"joints of {len(subjects.samples)} people are needed, not {joints.shape}")
    predicted: List[Dict[int, Array]] = [{} for _ in subjects.annolist]
    for (image, rectangle), points in zip(subjects.places, joints.astype(float) + 1):
        predicted[image][rectangle] = _struct(point=_points(points))
    pred = _doubles(subjects.annolist)
    for image, annopoints in enumerate(predicted):
        pred["annorect"][image] = _with_points(pred["annorect"][image], annopoints)
    with replacing(path) as draft:
        scipy.io.savemat(str(draft), {"pred": pred[None]}, appendmat=False, do_compression=True)


def read_submission(path: Path, subjects: Subjects) -> Array:
    """The joints of a submission file, (N, 16, 2), image px, 0-based, after checking that it is what MPII asks for.

    Raises:
        InputError: the file is damaged, has other images or rectangles than the test, or lacks a joint of anybody.
    """
    pred = np.ravel(read_mat(path).get("pred", NOTHING))
    try:
        held, asked = _layout(pred), _layout(subjects.annolist)
    except (TypeError, ValueError, IndexError) as error:
        raise InputError(f"{path}: `pred` is not a list of images with rectangles ({error}). {REWRITE}") from error
    if len(held) != len(asked):
        raise InputError(f"{path}: `pred` holds {len(held)} images, and the test {len(asked)}. {REWRITE}")
    for number, ((name, centres), (other, wanted)) in enumerate(zip(held, asked), start=1):
        if (name, centres) != (other, wanted):
            raise InputError(
                f"{path}: image {number} is {name!r} with rectangles at {centres}, and in the test it is {other!r} "
                f"with rectangles at {wanted}. {REWRITE}"
            )
    return np.array([_joints(path, pred["annorect"][image], image, rectangle) for image, rectangle in subjects.places])


def read_everybody(path: Path, pred: Array) -> Array:
    """The joints of all whom a submission's `pred` has points of, in its order: (N, 16, 2), image px, 0-based.

    Raises:
        InputError: `pred` is something else, or lacks a joint of anybody.
    """
    try:
        annorects = [np.ravel(rects) for rects in np.ravel(pred)["annorect"]]
        places = [(image, rectangle) for image, rects in enumerate(annorects) for rectangle in range(len(rects))
                  if field(rects[rectangle], "annopoints").size]
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: `pred` is not a list of images with rectangles ({error}). {REWRITE}") from error
    joints = [_joints(path, annorects[image], image, rectangle) for image, rectangle in places]
    return np.array(joints).reshape(-1, JOINTS, 2)


def _joints(path: Path, rects: Array, image: int, rectangle: int) -> Array:
    points = field(field(rects.ravel()[rectangle], "annopoints"), "point").ravel()
    try:
        joints, there = read_points(points)
        complete = len(points) == JOINTS and there.all() and np.isfinite(joints).all()
    except (ValueError, IndexError, TypeError):
        complete = False
    if not complete:
        raise InputError(
            f"{path}: rectangle {rectangle + 1} of image {image + 1} does not have {JOINTS} finite points with the ids "
            f"0 to {JOINTS - 1}. {REWRITE}"
        )
    return joints - 1


def _layout(annolist: Array) -> List[Tuple[str, List[Tuple[float, ...]]]]:
    """Each image's file name and its rectangles' centres, () for one that has none.

    Raises:
        ValueError, IndexError, TypeError: these are not images with rectangles.
    """
    images, annorects = annolist["image"], annolist["annorect"]
    return [(str(field(image, "name").item()), _centres(rects)) for image, rects in zip(images, annorects)]


def _centres(rects: Array) -> List[Tuple[float, ...]]:
    objpos = [field(rect, "objpos") for rect in (rects.ravel() if rects.dtype.names else ())]
    return [tuple(float(field(place, axis).item()) for axis in "xy") if place.size else () for place in objpos]


def _image(sample: Sample) -> Array:
    """An entry of annolist, (1,), with the sample's rectangle; inverse of `box_around`."""
    scale = sample.box.side / (MARGIN * HEIGHT)
    centre = _struct(x=sample.box.x + 1, y=sample.box.y + 1 - LOWER * scale)
    return _struct(image=_struct(name=sample.image.name), annorect=_struct(scale=scale, objpos=centre)).ravel()


def _points(joints: Array) -> Array:
    """16 structs x, y, id, (1, 16)."""
    points = np.empty((1, JOINTS), [(name, object) for name in ("x", "y", "id")])
    points["x"], points["y"] = joints.T
    points["id"] = np.arange(JOINTS, dtype=float)
    return points


def _struct(**values: Any) -> Array:
    """One MATLAB struct, (1, 1)."""
    struct = np.empty((1, 1), [(name, object) for name in values])
    struct[0, 0] = tuple(values.values())
    return struct


def _with_points(rects: Array, annopoints: Dict[int, Array]) -> Array:
    """An image's rectangles with these annopoints, by their number from 0, and without any others."""
    names = rects.dtype.names
    if names is None:
        return rects
    pointed = np.empty(rects.shape, [(name, object) for name in dict.fromkeys((*names, "annopoints"))])
    for name in names:
        pointed[name] = rects[name]
    for number, index in enumerate(np.ndindex(rects.shape)):
        pointed["annopoints"][index] = annopoints.get(number, NOTHING)
    return pointed


def _doubles(value: Any) -> Any:
    """A copy with all numbers in double, as MATLAB had them; SciPy reads whole ones as the smallest integers."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.names is None:
        return value.astype(float) if value.dtype.kind in "biuf" else value
    copy = value.copy()
    for name in value.dtype.names:
        for index in np.ndindex(value.shape):
            copy[name][index] = _doubles(value[name][index])
    return copy
