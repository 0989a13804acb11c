"""Boxes around people from a file: COCO's detections, {"image": [[x, y, w, h], ...]}, or CSV."""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import numpy as np

from integral_pose.datasets.formats.reading import read_json
from integral_pose.datasets.formats.records import Records
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.inference.detector import image_id

COLUMNS = ("image", "x", "y", "w", "h")
KINDS = (
    'Write it as COCO\'s detections, [{"image_id": "a.jpg", "bbox": [x, y, w, h], "score": 0.9}, ...], as '
    '{"a.jpg": [[x, y, w, h], ...], ...}, or as CSV with the header image,x,y,w,h.'
)


class Boxes(NamedTuple):
    """N boxes of a picture."""

    edges: Array  # (N, 4): x, y, width and height, px counted from the picture's top left edge
    scores: Array  # (N,), how sure it is that there is a person


NONE = Boxes(np.empty((0, 4)), np.empty(0))


def whole(pixels: Array) -> Boxes:
    """All of a picture (h, w, 3)."""
    return Boxes(np.array([[0, 0, pixels.shape[1], pixels.shape[0]]], float), np.ones(1))


def of(boxes: Dict[str, Boxes], name: str) -> Boxes:
    """Those of a picture, which a file calls by its name, its name without the ending, or COCO's number."""
    path = Path(name)
    return next((boxes[key] for key in (name, path.stem, str(image_id(path))) if key in boxes), NONE)


def read(path: Path, least: float = 0.0) -> Dict[str, Boxes]:
    """The boxes of each picture, by its name or number; those with a score below `least` are left out.

    Raises:
        InputError: the file is missing, damaged, or laid out otherwise.
    """
    rows = _csv_rows(path) if path.suffix.lower() == ".csv" else _json_rows(path)
    records = Records.of(path, "box", [{"score": 1.0, **row} if isinstance(row, dict) else row for row in rows])
    edges, scores = records.numbers("bbox", 4), records.numbers("score")
    records.refuse((edges[:, 2:] <= 0).any(axis=1), "width and height must be above 0")
    names = [row.get("image_id") for row in records.rows]
    records.refuse([not isinstance(name, (str, int)) for name in names], "`image_id` must be a name or a number")
    persons = np.array([row.get("category_id", 1) == 1 for row in records.rows], bool)
    chosen: Dict[str, List[int]] = {}
    for number in np.flatnonzero(persons & (scores >= least)).tolist():
        chosen.setdefault(str(names[number]), []).append(number)
    return {name: Boxes(edges[numbers], scores[numbers]) for name, numbers in chosen.items()}


def _json_rows(path: Path) -> List[Any]:
    content = read_json(path)
    if isinstance(content, list):
        return content
    by_name = isinstance(content, dict) and all(isinstance(boxes, list) for boxes in content.values())
    if by_name and not {"images", "annotations"} <= set(content):
        return [{"image_id": name, "bbox": box} for name, boxes in content.items() for box in boxes]
    raise InputError(f"{path}: is no list of boxes. {KINDS}")


def _csv_rows(path: Path) -> List[Any]:
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Check the path.")
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            rows = list(csv.DictReader(handle))
    except (ValueError, csv.Error, OSError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}). {KINDS}") from error
    if rows and not set(COLUMNS) <= set(rows[0]):
        raise InputError(f"{path}: lacks the header {','.join(COLUMNS)}. {KINDS}")
    numbers = [{"image_id": row["image"], "bbox": [_number(row[name]) for name in COLUMNS[1:]]} for row in rows]
    return [{**row, "score": _number(of["score"])} if of.get("score") else row for row, of in zip(numbers, rows)]


def _number(text: Any) -> Any:
    """A number where that is what stands there; else what stands there, for others to refuse."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return text
