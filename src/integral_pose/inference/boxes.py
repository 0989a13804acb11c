"""Boxes around people from a file: COCO's detections, {"image": [[x, y, w, h], ...]}, or CSV; and their matching with
images."""
from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from integral_pose.datasets.formats.reading import read_json, read_text
from integral_pose.datasets.formats.records import Records
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.inference.detector import image_id
from integral_pose.inference.media import Picture
from integral_pose.storage.file_kinds import printable

COLUMNS = ("image", "x", "y", "w", "h")
KINDS = (
    'Write it as COCO\'s detections, [{"image_id": "a.jpg", "bbox": [x, y, w, h], "score": 0.9}, ...], as '
    '{"a.jpg": [[x, y, w, h], ...], ...}, or as CSV with the header image,x,y,w,h.'
)
PERSON = ("1", "person")  # COCO's category, and its name
NEARLY = 1e-3  # of a picture's side: how far a box in fractions may reach beyond the edge, by rounding
SHOWN, LONG = 5, 80  # names in a message, and characters of each
DIGITS = 18  # of a frame's number: Python refuses to read thousands


class Boxes(NamedTuple):
    """N boxes of a picture."""

    edges: Array  # (N, 4): x, y, width and height, px counted from the picture's top left edge
    scores: Array  # (N,), how sure it is that there is a person


NONE = Boxes(np.empty((0, 4)), np.empty(0))


class BoxFile(NamedTuple):
    """The people's boxes in a file."""

    path: Path
    boxes: Dict[str, Boxes]  # by what the file calls a picture or frame
    fractions: bool  # whether edges are fractions of the picture's width and height, not px
    notes: List[str]  # what was left out or taken for something, in sentences

    def sized(self, boxes: Boxes, pixels: Array) -> Boxes:
        """Boxes in px of a picture (h, w, 3)."""
        height, width = pixels.shape[:2]
        return boxes._replace(edges=boxes.edges * (width, height, width, height)) if self.fractions else boxes


@dataclass(frozen=True)
class PictureBoxes:
    """The boxes of a file for pictures that are known."""

    file: BoxFile
    by_name: Dict[str, Boxes]  # by the picture's name
    notes: List[str]  # which pictures and which boxes have no other half, in sentences

    def __call__(self, picture: Picture) -> Boxes:
        """A picture's boxes, px."""
        return self.file.sized(self.by_name.get(picture.name, NONE), picture.pixels)


@dataclass(frozen=True)
class FrameBoxes:
    """The boxes of a file for a video's frames."""

    file: BoxFile
    by_number: Dict[int, Boxes]  # as the file counts
    first: Optional[int]  # what the file calls the first frame, where the user says so
    foreign: List[str]  # names in the file that are no numbers

    @property
    def most(self) -> int:
        """The largest number of boxes in a frame."""
        return max((len(boxes.scores) for boxes in self.by_number.values()), default=0)

    def __call__(self, picture: Picture) -> Boxes:
        """A frame's boxes, px."""
        number = int(picture.name) + (self.first or 0)
        return self.file.sized(self.by_number.get(number, NONE), picture.pixels)

    def before(self, frames: int) -> List[str]:
        """Notes before the prediction of a video with so many frames; 0 if that is unknown.

        Raises:
            InputError: the file seems to count from 1, which only the user can tell.
        """
        numbers = self.by_number
        if self.first is not None or not numbers or 0 in numbers:
            return []
        if max(numbers) == frames:
            raise InputError(
                f"{self.file.path}: its frames are {min(numbers)} to {max(numbers)}, and the video's are 0 to "
                f"{frames - 1}. Give --first-frame 1 if the file counts from 1, or --first-frame 0 if it counts "
                "from 0."
            )
        bare = [str(number) for number in range(frames) if number not in numbers]
        where = f"{len(bare)} of {frames} frames ({listed(bare)})" if frames else "frame 0"
        return [f"{self.file.path}: has no box for {where}. Frames are counted from 0: if this file counts from 1, "
                "give --first-frame 1."]

    def after(self, frames: int, all_of_them: bool) -> List[str]:
        """Notes after so many frames.

        Args:
            all_of_them: whether the video has no more.

        Raises:
            InputError: no box is of any frame.
        """
        first = self.first or 0
        last = first + frames - 1
        missed = [str(n) for n in sorted(self.by_number) if n < first or (n > last and all_of_them)] + self.foreign
        if not missed:
            return []
        total = len(self.by_number) + len(self.foreign)
        if len(missed) == total:
            raise InputError(f"{self.file.path}: none of its {total} frames ({listed(missed)}) is in the video, whose "
                             f"frames are {first} to {last}. Of a video, the image is the frame's number.")
        return [f"{self.file.path}: {len(missed)} of its {total} frames are not in the video, whose frames are {first} "
                f"to {last}: {listed(missed)}."]


def whole(pixels: Array) -> Boxes:
    """All of a picture (h, w, 3)."""
    return Boxes(np.array([[0, 0, pixels.shape[1], pixels.shape[0]]], float), np.ones(1))


def of_frames(file: BoxFile, first: Optional[int] = None) -> FrameBoxes:
    """A file's boxes for the frames of a video, which go by their number: 12, "12" or "000012".

    Args:
        first: what the file calls the first frame, 0 or 1; None where nobody has said so, which is 0 or is asked.

    Raises:
        InputError: no name in the file is a number.
    """
    numbered: Dict[int, List[Boxes]] = {}
    foreign = []
    for name, boxes in file.boxes.items():
        if name.isascii() and name.isdigit() and len(name) <= DIGITS:
            numbered.setdefault(int(name), []).append(boxes)
        else:
            foreign.append(name)
    if foreign and not numbered:
        raise InputError(f"{file.path}: its images ({listed(foreign)}) are not numbers. For a video, the image is the "
                         "frame's number, counted from 0.")
    return FrameBoxes(file, {number: _joined(boxes) for number, boxes in numbered.items()}, first, foreign)


def of_pictures(file: BoxFile, paths: Sequence[Path]) -> PictureBoxes:
    """A file's boxes for pictures, which it calls by their name, with or without its ending, or by COCO's number.

    A name may have folders: of several pictures with the same name it is the one with the most folders in common.

    Raises:
        InputError: no name is any picture's, or one may be of several.
    """
    known = _Known(paths)
    found: Dict[Path, List[Tuple[int, str]]] = {}  # how many folders a name has in common with the picture, and it
    for name in file.boxes:
        match = known.match(file, name)
        if match:
            found.setdefault(match[1], []).append((match[0], name))
    names = {path: _best(file, path, matches) for path, matches in found.items()}
    matched = {name for each in names.values() for name in each}
    missed = [name for name in file.boxes if name not in matched]
    if file.boxes and not matched:
        raise InputError(
            f"{file.path}: none of its {len(missed)} images ({listed(missed)}) was given "
            f"({listed([printable(path.name) for path in paths])}). An image goes by its file's name, with or without "
            "folders and ending, or by COCO's number."
        )
    by_name = {printable(path.name): _joined([file.boxes[name] for name in each]) for path, each in names.items()}
    bare = [printable(path.name) for path in paths if path not in names]
    return PictureBoxes(file, by_name, _halves(file, missed, bare, len(paths)))


def _halves(file: BoxFile, missed: Sequence[str], bare: Sequence[str], pictures: int) -> List[str]:
    """What is said of names without a picture, and of pictures without a name."""
    notes = []
    if missed:
        notes.append(f"{file.path}: {len(missed)} of its {len(file.boxes)} images were not given: "
                     f"{listed(missed)}.")
    if bare:
        notes.append(f"{file.path}: has no box for {len(bare)} of {pictures} images; nobody is predicted there: "
                     f"{listed(bare)}.")
    return notes


class _Known:
    """Pictures, by what a file may call them."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._forms: Tuple[Dict[str, List[Path]], ...] = ({}, {}, {})  # by name, name without ending, and number
        for path in paths:
            number = image_id(path)
            names = (path.name, path.stem, str(number) if isinstance(number, int) else "")
            for form, name in zip(self._forms, names):
                form.setdefault(unicodedata.normalize("NFC", name), []).append(path)

    def match(self, file: BoxFile, name: str) -> Optional[Tuple[int, Path]]:
        """The picture that a name in the file means, and how many folders they have in common; None for no picture.

        Raises:
            InputError: it may be several.
        """
        *folders, last = _parts(name) or [""]
        pictures = next((form[last] for form in self._forms if last and last in form), [])
        common = [_common(folders, _parts(str(path.absolute()))[:-1]) for path in pictures]
        best = [path for path, depth in zip(pictures, common) if depth == max(common)]
        if len(best) > 1:
            raise InputError(f"{file.path}: the image {name!r} may be {' or '.join(map(str, best[:3]))}. Write its "
                             "ending, or more of its folders.")
        return (max(common), best[0]) if best else None


def _parts(name: str) -> List[str]:
    """Folders and name, in the one form of letters that may be written in two."""
    return [part for part in unicodedata.normalize("NFC", name).replace("\\", "/").split("/") if part not in ("", ".")]


def _common(folders: Sequence[str], others: Sequence[str]) -> int:
    """How many folders, from the innermost on, are the same."""
    same = [one == other for one, other in zip(reversed(folders), reversed(others))]
    return (same + [False]).index(False)


def _best(file: BoxFile, path: Path, matches: Sequence[Tuple[int, str]]) -> List[str]:
    """Which of the names that may mean a picture do: those with the most folders in common.

    Raises:
        InputError: several do, in different folders.
    """
    most = max(common for common, _ in matches)
    names = [name for common, name in matches if common == most]
    if len({tuple(_parts(name)[:-1]) for name in names}) > 1:
        raise InputError(f"{file.path}: the images {' and '.join(map(repr, names[:3]))} may all be {path}. Leave the "
                         "boxes of only one of them in the file.")
    return names


def listed(names: Sequence[str]) -> str:
    """The first names of a list, for a sentence, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(name if len(name) <= LONG else f"{name[:LONG]}…" for name in names[:SHOWN]) + more


def _joined(boxes: Sequence[Boxes]) -> Boxes:
    return Boxes(*(np.concatenate(arrays) for arrays in zip(*boxes)))


# ---------------------------------------------------------------- reading


def read(path: Path, least: float = 0.0) -> BoxFile:
    """The boxes of a file; those of other categories than people, without an area or with a score below `least` are
    left out, and counted in its notes.

    Raises:
        InputError: the file is missing, damaged, or laid out otherwise; it has boxes and none of a person.
    """
    rows, notes = _csv_rows(path) if path.suffix.lower() == ".csv" else (_json_rows(path), [])
    records = Records.of(path, "box", [{"score": 1.0, **row} if isinstance(row, dict) else row for row in rows])
    edges, scores = records.numbers("bbox", 4), records.numbers("score")
    records.refuse((edges[:, 2:] < 0).any(axis=1), "width and height must not be below 0")
    names = _names(records)
    kinds = [_label(row.get("category_id", 1)) for row in records.rows]
    persons, area = np.array([kind in PERSON for kind in kinds], bool), (edges[:, 2:] > 0).all(axis=1)
    others = sorted({kind for kind in kinds if kind not in PERSON})
    _demand_people(path, persons, area, others)
    fractions = _are_fractions(records.where(persons & area), edges[persons & area])
    chosen: Dict[str, List[int]] = {}
    for number in np.flatnonzero(persons & area & (scores >= least)).tolist():
        chosen.setdefault(names[number], []).append(number)
    notes += _left_out(path, persons, area, scores < least, others, least)
    if fractions:
        notes.append(f"{path}: its boxes are within 0 and 1, so they are taken as fractions of each image's width "
                     "and height: x and y of the top left corner, width, height.")
    return BoxFile(path, {name: Boxes(edges[n], scores[n]) for name, n in chosen.items()}, fractions, notes)


def _names(records: Records) -> List[str]:
    """What each box's picture or frame is called: 785, 785.0 and "785" are one."""
    names = [row.get("image_id") for row in records.rows]
    wrong = [isinstance(name, bool) or not isinstance(name, (str, int, float)) or
             (isinstance(name, float) and not name.is_integer()) for name in names]
    records.refuse(wrong, "`image_id` must be a name or a whole number")
    return [str(int(name)) if isinstance(name, float) else str(name) for name in names if name is not None]


def _label(category: Any) -> str:
    """A category as text: 1, 1.0 and "1" are one."""
    if isinstance(category, float) and category.is_integer():
        return str(int(category))
    return str(category).strip()


def _demand_people(path: Path, persons: Array, area: Array, others: Sequence[str]) -> None:
    if len(persons) and not persons.any():
        raise InputError(f"{path}: none of its {len(persons)} boxes is a person's: their categories are "
                         f"{listed(others)}, and people's is {PERSON[0]}. Correct `category_id`, or leave it out.")
    if persons.any() and not (persons & area).any():
        raise InputError(f"{path}: none of its {persons.sum()} boxes of people has a width and a height. They are "
                         "x, y, w, h.")


def _left_out(
    path: Path, persons: Array, area: Array, unsure: Array, others: Sequence[str], least: float
) -> List[str]:
    """How many boxes do not count, and why, in a sentence."""
    counts = {
        f"of other categories than people ({listed(others)})": ~persons,
        "without width or height": persons & ~area,
        f"with a score below --min-score {least:g}": persons & area & unsure,
    }
    parts = [f"{which.sum()} {why}" for why, which in counts.items() if which.any()]
    return [f"{path}: these of its {len(persons)} boxes are left out: {', '.join(parts)}."] if parts else []


def _are_fractions(records: Records, edges: Array) -> bool:
    """Whether boxes (N, 4) are in fractions of the picture: no box of a person is within one px.

    Raises:
        InputError: only some are, or they reach beyond the picture.
    """
    within = (edges >= -NEARLY).all(axis=1) & (edges <= 1 + NEARLY).all(axis=1)
    if not within.any():
        return False
    records.refuse(within if not within.all() else [], "is within 0 and 1, and other boxes are in px: use px for all")
    beyond = (edges[:, :2] + edges[:, 2:] > 1 + NEARLY).any(axis=1)
    records.refuse(beyond, "is within 0 and 1 and, as x, y, width and height, reaches beyond the image, so it may be "
                           "given by its centre or by two corners: write x, y of the top left corner, width, height")
    return True


def _json_rows(path: Path) -> List[Any]:
    content = read_json(path)
    if isinstance(content, list):
        return content
    by_name = isinstance(content, dict) and all(isinstance(boxes, list) for boxes in content.values())
    if by_name and not {"images", "annotations"} <= set(content):
        return [{"image_id": name, "bbox": box} for name, boxes in content.items() for box in boxes]
    raise InputError(f"{path}: is not a list of boxes. {KINDS}")


def _csv_rows(path: Path) -> Tuple[List[Any], List[str]]:
    """A box for each line, and what is to be said of the header."""
    text = read_text(path, "CSV")
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline="")) if line]
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({error}). {KINDS}") from error
    notes = []
    if lines and _is_box(lines[0]):
        header = [*COLUMNS, "score"][: len(lines[0])]
        notes.append(f"{path}: has no header line; its columns are taken as {', '.join(header)}.")
    else:
        header = [name.strip().lower() for name in lines.pop(0)] if lines else list(COLUMNS)
    if not set(COLUMNS) <= set(header):
        raise InputError(f"{path}: lacks the header {','.join(COLUMNS)}. {KINDS}")
    for number, line in enumerate(lines):
        if any(text.strip() for text in line[len(header):]):
            raise InputError(f"{path}: box {number} (counted from 0) has {len(line)} cells, and the header "
                             f"{len(header)}. Write decimals with a point, and put names with commas in quotes.")
    return [_csv_row(dict(zip(header, line))) for line in lines], notes


def _is_box(line: Sequence[str]) -> bool:
    """Whether a line without a header is a name and four numbers, and perhaps a score."""
    return len(line) in (5, 6) and all(isinstance(_number(text), float) for text in line[1:])


def _csv_row(line: Dict[str, str]) -> Dict[str, Any]:
    row = {"image_id": line.get("image", "").strip(), "bbox": [_number(line.get(name)) for name in COLUMNS[1:]]}
    return {**row, "score": _number(line["score"])} if line.get("score") else row


def _number(text: Any) -> Any:
    """A number where that is what stands there; else what stands there, for others to refuse."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return text
