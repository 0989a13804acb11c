"""The people of a custom annotation file: what is certain is read and reported; what is ambiguous is refused.

Numbers may be text, boxes may be missing or empty, and joints or boxes may be fractions of their pictures. People who
cannot be trained on are counted and named.
"""
from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from integral_pose.datasets import coco
from integral_pose.datasets.coco import Pictures
from integral_pose.datasets.formats.records import Records
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.samples import Sample

NAMED = 5  # of those that are left out, how many are named
FRACTIONS = "lie between 0 and 1: they are taken for fractions of the images' width and height."
LAYOUT = "Write each `bbox` as x and y of its top left corner, width and height, all px."
SMALL = 16  # px: what a picture measures at least if numbers up to 1 in it are taken for fractions
NUMBERS = ("id", "image_id", "category_id", "width", "height")
Sizes = Dict[Path, Tuple[float, float]]
NOT_CROWD, CROWD = (0, "0", False, None, ""), (1, "1", True)


class People(NamedTuple):
    """Everybody with a joint, in the file's order."""

    samples: List[Sample]
    sizes: Sizes  # of their pictures, also of those left out for their boxes, by the file: width and height, px
    notes: List[str]  # sentences: what was recognised, and who is left out
    boxes: Array  # (N, 4): left, top, width and height as annotated, px; not a number where there is no box


def read(
    path: Path, content: Dict[str, Any], category: Dict[str, Any], images: Path, sizes_of: Optional[Sizes] = None
) -> People:
    """The people of one category.

    Args:
        content: of the file `path`, laid out as COCO's.
        category: the one of its categories, whose `keypoints` are names.
        images: the folder of the pictures; they are not opened.
        sizes_of: width and height of pictures that are not as large as the file says.

    Raises:
        InputError: a record lacks something, or it cannot be told what its numbers mean.
    """
    pictures = coco.index(path, content, images)
    known = sizes_of or {}
    pictures = pictures._replace(sizes={
        image: known.get(pictures.paths[image], size) for image, size in pictures.sizes.items()
    })
    everybody = Records.of(path, "annotation", content.get("annotations"))
    records = everybody.where(everybody.integers("category_id") == _category_id(category))
    notes = _counted("of other categories", len(everybody.rows) - len(records.rows))
    crowds = _are_crowds(records)
    posed = np.array([bool(row.get("keypoints")) for row in records.rows], bool)
    notes += _left_out("marked as crowds", records, crowds) + _left_out("without keypoints", records, ~posed & ~crowds)
    records = records.where(posed & ~crowds)
    sizes = _sizes(records, pictures)
    keypoints, said = _keypoints(records, len(category["keypoints"]), sizes)
    labelled = keypoints[..., 2] > 0
    notes += said + _left_out("without an annotated joint", records, ~labelled.any(axis=1))
    records, keypoints, labelled, sizes = _chosen(labelled.any(axis=1), records, keypoints, labelled, sizes)
    edges, given, said = _boxes(records, keypoints, labelled, sizes)
    squares, extents = coco.squares(edges, coco.image_ids(records, pictures), pictures)
    inside = (extents > 0).all(axis=1)
    notes += said + _left_out("with a box outside the image", records, ~inside)
    notes += _outside(keypoints[inside], labelled[inside], sizes[inside])
    paths = [pictures.paths[image] for image in coco.image_ids(records, pictures).tolist()]
    samples = [
        Sample(paths[i], keypoints[i, :, :2], labelled[i].astype(float), squares[i])
        for i in np.flatnonzero(inside).tolist()
    ]
    measured = {pictures.paths[image]: size for image, size in pictures.sizes.items()}
    boxes = np.where(given[:, None], edges, np.nan)[inside]
    return People(samples, {path: measured[path] for path in paths}, notes, boxes)


def demand_no_corners(path: Path, people: People) -> None:
    """Refuses boxes that are two corners each, x1, y1, x2, y2. The sizes of the pictures must be the real ones.

    Raises:
        InputError: most boxes reach beyond their pictures, and all would lie within them as corners.
    """
    given = ~np.isnan(people.boxes[:, 0])
    edges = people.boxes[given]
    sizes = np.array([people.sizes[sample.image] for sample in people.samples], float).reshape(-1, 2)[given]
    corners = (edges[:, 2:] > edges[:, :2]).all(axis=1) & (edges[:, 2:] <= sizes + 1).all(axis=1)
    beyond = (edges[:, :2] + edges[:, 2:] > 1.02 * sizes + 1).any(axis=1)
    if corners.all() and 2 * beyond.sum() > len(edges):
        raise InputError(f"{path}: {beyond.sum()} of {len(edges)} boxes reach beyond their images, and all would "
                         f"lie within them as two corners, x1, y1, x2, y2. {LAYOUT}")


def with_numbers(content: Dict[str, Any]) -> Dict[str, Any]:
    """The content of a file with ids and sizes that are numbers where they were written as text."""
    lists = {name: content[name] for name in ("images", "annotations", "categories") if _is_list(content.get(name))}
    return {**content, **{name: [_with_numbers(row) for row in rows] for name, rows in lists.items()}}


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _with_numbers(row: Any) -> Any:
    if not isinstance(row, dict):
        return row
    texts = {key: row[key] for key in NUMBERS if isinstance(row.get(key), str)}
    return {**row, **{key: _number(text) for key, text in texts.items()}}


def _number(text: str) -> Any:
    """The number that a text is, else the text."""
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        return float(text)
    return text


def _chosen(which: Array, records: Records, *arrays: Array) -> Tuple[Any, ...]:
    return (records.where(which), *(array[which] for array in arrays))


def _category_id(category: Dict[str, Any]) -> int:
    return int(category["id"])


def _are_crowds(records: Records) -> Array:
    values = [row.get("iscrowd") for row in records.rows]
    known = [isinstance(value, (int, float, str, type(None))) and value in (*NOT_CROWD, *CROWD) for value in values]
    records.refuse(~np.array(known, bool), "`iscrowd` must be 0 or 1")
    return np.array([value in CROWD for value in values], bool)


def _sizes(records: Records, pictures: Pictures) -> Array:
    """Width and height of each record's picture, (N, 2) px."""
    images = coco.image_ids(records, pictures).tolist()
    return np.array([pictures.sizes[image] for image in images], float).reshape(-1, 2)


def _keypoints(records: Records, joints: int, sizes: Array) -> Tuple[Array, List[str]]:
    """x, y and flag of joints (N, K, 3) in px, and what was recognised in them."""
    keypoints = records.numbers("keypoints", 3 * joints).reshape(-1, joints, 3).copy()
    notes = []
    nowhere = (keypoints[..., 2] > 0) & (keypoints[..., :2] == 0).all(axis=2)
    if nowhere.any():
        keypoints[nowhere, 2] = 0
        notes.append(f"{nowhere.sum()} joints are marked as annotated at 0, 0: they are taken as not annotated.")
    labelled = keypoints[..., 2] > 0
    unit = labelled & (keypoints[..., :2] >= 0).all(axis=2) & (keypoints[..., :2] <= 1).all(axis=2)
    fractions = (unit == labelled).all(axis=1) & labelled.any(axis=1) & (sizes.min(axis=1, initial=np.inf) >= SMALL)
    known = labelled.any(axis=1)
    if known.any() and fractions[known].all():
        keypoints[..., :2] *= sizes[:, None]
        return keypoints, [*notes, f"All joints {FRACTIONS}"]
    records.refuse(fractions & (labelled.sum(axis=1) > 1),
                   "all joints lie between 0 and 1, as fractions of the image do, and other people's are px. Write "
                   "all in px")
    return keypoints, notes


def _boxes(records: Records, keypoints: Array, labelled: Array, sizes: Array) -> Tuple[Array, Array, List[str]]:
    """Left, top, width and height (N, 4) in px, around the joints of those who have no box; who has one; and notes."""
    there = np.array([bool(row.get("bbox")) for row in records.rows], bool)
    edges = np.zeros((len(there), 4))
    edges[there] = coco.boxes(records.where(there))
    empty = there & (edges[:, 2:] == 0).any(axis=1)
    notes = [f"{empty.sum()} boxes are empty: those people get a box around their joints."] if empty.any() else []
    full = there & ~empty
    unit = full & (edges >= 0).all(axis=1) & (edges[:, :2] + edges[:, 2:] <= 1.001).all(axis=1)
    unit &= sizes.min(axis=1, initial=np.inf) >= SMALL
    if full.any() and unit[full].all():
        edges[full] *= np.tile(sizes[full], 2)
        notes.append(f"All boxes {FRACTIONS}")
    else:
        records.refuse(unit, "`bbox` lies between 0 and 1, as fractions of the image do, and others are px. Write "
                             "all in px")
    _demand_plausible(records.path, edges[full], keypoints[full], labelled[full])
    for i in np.flatnonzero(~full).tolist():
        edges[i] = _around(keypoints[i, labelled[i], :2])
    return edges, full, notes


def _demand_plausible(path: Path, edges: Array, keypoints: Array, labelled: Array) -> None:
    """Refuses boxes or joints that are written otherwise: boxes by centres, joints in per cent."""
    near, far = edges[:, None, :2], edges[:, None, :2] + edges[:, None, 2:]
    beside = labelled & ((keypoints[..., :2] < near - 1) | (keypoints[..., :2] > far + 1)).any(axis=2)
    if 2 * beside.sum() > labelled.sum():
        raise InputError(f"{path}: {beside.sum()} of {labelled.sum()} annotated joints lie outside their people's "
                         f"boxes. {LAYOUT} x and y of joints are px too, not per cent.")


def _around(points: Array) -> List[float]:
    """The box of joints (n, 2), a tenth wider each way; a few px of a single joint."""
    near, far = points.min(axis=0), points.max(axis=0)
    pad = 0.1 * float((far - near).max()) or 1.0
    return [*(near - pad + 0.5).tolist(), *(far - near + 2 * pad).tolist()]


def _outside(keypoints: Array, labelled: Array, sizes: Array) -> List[str]:
    beyond = (keypoints[..., :2] < -0.5).any(axis=2) | (keypoints[..., :2] > sizes[:, None]).any(axis=2)
    count, of = int((beyond & labelled).sum()), int(labelled.sum())
    note = f"{count} of {of} annotated joints lie outside their images. They teach nothing, but count in a test."
    return [note] if count else []


def _left_out(why: str, records: Records, which: Array) -> List[str]:
    """A sentence that counts and names records."""
    places = [place for place, chosen in zip(records.places, which) if chosen]
    named = ", ".join(map(str, places[:NAMED])) + (", …" if len(places) > NAMED else "")
    return _counted(why, len(places), f" (annotation{'s' if len(places) > 1 else ''} {named}, counted from 0)")


def _counted(why: str, count: int, which: str = "") -> List[str]:
    return [f"Left out: {count} {why}{which}."] if count else []
