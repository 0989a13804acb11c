"""COCO's average precision and recall of keypoints: pycocotools decides what is matched; sums can be resampled.

What pycocotools finds in each image is kept as arrays, from which AP follows with each image counted any number of
times.
"""
from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from integral_pose.errors import InputError
from integral_pose.geometry import Array

PERSON = 1  # the category
THRESHOLDS = 10  # of OKS: 0.50:0.05:0.95
RECALLS = np.linspace(0, 1, 101)
MOST = 20  # detections of an image count, those with the highest scores
EVERY = slice(None)
# Of which area range (all, medium: 32² to 96² px, large) and at which thresholds.
METRICS: Dict[str, Tuple[int, slice]] = {
    "AP": (0, EVERY), "AP50": (0, slice(0, 1)), "AP75": (0, slice(5, 6)), "APM": (1, EVERY), "APL": (2, EVERY),
    "AR": (0, EVERY),
}
AREAS = 3
CHUNK = 2**20  # numbers held at a time for each detection of each resampling: 8 MB


def match(truth: Path, images: Array, joints: Array, scores: Array) -> Dict[str, Array]:
    """Matches N poses with the annotated people by pycocotools.

    A pose's own area, by which it belongs to a range if it matches nobody, is that of the box around its joints.

    Args:
        truth: a file in the layout of person_keypoints_val2017.json; all its images count.
        images: (N,), image ids.
        joints: (N, 17, 2), image px.
        scores: (N,).

    Returns:
        of the D poses that count, at most 20 an image, in the order of I images: `scores` (D,), `images` (D,), indices
        of images, and `matched` and `ignored`, both (3, 10, D) bool, by area range and OKS threshold. `positives`
        (3, I): how many people of the range there are to find. `image_ids` (I,).

    Raises:
        InputError: the file is missing, is not laid out so, or does not have one of the images.
    """
    # pycocotools prints its progress, and squares distances that may be of any size.
    with contextlib.redirect_stdout(io.StringIO()), np.errstate(over="ignore", invalid="ignore"):
        annotations = _open(truth)
        ids = np.unique(np.array(annotations.getImgIds(), int))
        unknown = np.flatnonzero(~np.isin(images, ids))
        if len(unknown):
            raise InputError(
                f"{truth}: has no image {images[unknown[0]]}, and pose {unknown[0]} (counted from 0) is in it "
                f"({len(unknown)} of {len(images)} poses are in unknown images). Score them against their own images."
            )
        found = COCOeval(annotations, _poses(annotations, images, joints, scores), "keypoints")
        found.params.catIds, found.params.maxDets = [PERSON], [MOST]
        found.evaluate()
    by_area = [found.evalImgs[len(ids) * area:len(ids) * (area + 1)] for area in range(AREAS)]
    return {"image_ids": ids, **_as_arrays(by_area)}


def average_precision(arrays: Mapping[str, Array], what: str, weights: Array) -> Array:
    """A metric from 0 to 1 with image i counted weights[r, i] times, (R,), as COCOeval would have it.

    Args:
        arrays: as `match` returns them.
        what: "AP", "AP50", "AP75", "APM", "APL" or "AR".
        weights: (R, I), whole numbers; ones for the metric itself.

    Returns:
        nan where nobody is there to be found, for which COCOeval says -1.
    """
    area, thresholds = METRICS[what]
    positives = weights @ arrays["positives"][area].astype(float)
    matched, ignored = arrays["matched"][area, thresholds], arrays["ignored"][area, thresholds]
    if what == "AR":
        values = _recall(matched & ~ignored, arrays["images"], weights, positives)
    else:
        order = np.argsort(-arrays["scores"], kind="stable")  # of equal scores the first image's goes first
        values = _precision(matched[:, order], ignored[:, order], arrays["images"][order], weights, positives)
    return np.where(positives > 0, values, np.nan)


def score(arrays: Mapping[str, Array]) -> Dict[str, float]:
    """Every metric by name, in percent; nan if there is no person to be found."""
    ones = np.ones((1, len(arrays["image_ids"])))
    return {what: 100 * float(average_precision(arrays, what, ones)[0]) for what in METRICS}


def protocol(arrays: Mapping[str, Array]) -> str:
    """The line that goes with a number: everything that it depends on."""
    return (
        f"coco|images:{len(arrays['image_ids'])}|people:{arrays['positives'][0].sum()} (with labelled joints, no crowd)"
        f"|OKS 0.50:0.05:0.95|detections:{len(arrays['scores'])} (at most {MOST} an image)|pycocotools"
    )


def _open(truth: Path) -> Any:
    annotations = COCO()
    try:
        annotations.dataset = json.loads(truth.read_bytes())  # in any of JSON's encodings, where COCO's own has but one
        annotations.createIndex()
        return annotations
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(
            f"{truth}: cannot be read as COCO's annotations ({reason}). Give a file such as "
            "person_keypoints_val2017.json."
        ) from error


def _poses(annotations: Any, images: Array, joints: Array, scores: Array) -> Any:
    """The poses as pycocotools' `loadRes` would give them, which takes no file without any."""
    near, extents = joints.min(axis=1), np.ptp(joints, axis=1)
    columns = {
        "image_id": images,
        "keypoints": np.insert(joints, 2, 1, axis=2).reshape(-1, 3 * joints.shape[1]),
        "score": scores,
        "area": extents.prod(axis=1),
        "bbox": np.concatenate([near, extents], axis=1),
    }
    rows = zip(*(column.tolist() for column in columns.values()))
    poses = COCO()
    poses.dataset = {
        "images": annotations.dataset["images"],
        "categories": [{"id": PERSON}],
        "annotations": [{"id": i, "category_id": PERSON, **dict(zip(columns, row))} for i, row in enumerate(rows, 1)],
    }
    poses.createIndex()
    return poses


def _as_arrays(by_area: Sequence[Sequence[Any]]) -> Dict[str, Array]:
    """From COCOeval's results: of each area range, of each image, a dict, or None where the image has nobody at all."""
    there = [(i, image) for i, image in enumerate(by_area[0]) if image]
    positives = [[0 if image is None else np.count_nonzero(image["gtIgnore"] == 0) for image in area]
                 for area in by_area]
    return {
        "scores": np.array([value for _, image in there for value in image["dtScores"]], float),
        "images": np.array([i for i, image in there for _ in image["dtScores"]], int),
        "matched": np.stack([_joined(area, "dtMatches") for area in by_area]),
        "ignored": np.stack([_joined(area, "dtIgnore") for area in by_area]),
        "positives": np.array(positives, int),
    }


def _joined(images: Sequence[Any], name: str) -> Array:
    """(10, D) bool."""
    none: List[Array] = [np.empty((THRESHOLDS, 0))]
    return np.concatenate(none + [image[name] for image in images if image], axis=1) > 0


def _recall(hits: Array, images: Array, weights: Array, positives: Array) -> Array:
    """The share of people that is found, the mean over the thresholds, (R,)."""
    found = np.bincount(images, weights=hits.mean(axis=0), minlength=weights.shape[1])
    return np.asarray(weights @ found / np.maximum(positives, 1))


def _precision(matched: Array, ignored: Array, images: Array, weights: Array, positives: Array) -> Array:
    """The mean over thresholds and recalls of the best precision from that recall on, (R,).

    Args:
        matched, ignored: (T, D), highest score first.
        images: (D,), indices.
        positives: (R,), how many people there are to find.
    """
    rows = max(CHUNK // max(len(images), 1), 1)
    sums = np.zeros(len(weights))
    for start in range(0, len(weights), rows):
        part = slice(start, start + rows)
        counts = weights[part][:, images].astype(float)
        for hits, counted in zip(matched & ~ignored, ~ignored):
            sums[part] += _interpolated(counts, hits, counted, positives[part])
    return sums / len(matched)


def _interpolated(counts: Array, hits: Array, counted: Array, positives: Array) -> Array:
    """The mean over the 101 recalls of the best precision from that recall on, (R,).

    Recall grows with hits only and precision with them too, so the best precisions are at hits: the rest is left out.

    Args:
        counts: (R, D), how many times each detection counts, highest score first.
        hits, counted: (D,) bool; what is counted and no hit is a false positive.
    """
    where = np.flatnonzero(hits)
    right = np.cumsum(counts[:, where], axis=1)
    precision = right / (np.cumsum(counts * counted, axis=1)[:, where] + np.spacing(1))
    best = np.zeros((len(counts), len(where) + 1))  # 0 for recalls that are not reached
    best[:, :-1] = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = right / np.maximum(positives, 1)[:, None]
    return np.array([row[np.searchsorted(reached, RECALLS)].mean() for row, reached in zip(best, recall)])
