"""Files of boxes, as detectors and people write them, and whose boxes they are."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Sequence

import integral_pose  # isort: skip  # noqa: F401

import numpy as np
import pytest

from integral_pose.errors import InputError
from integral_pose.inference import boxes as box_files
from integral_pose.inference.boxes import Boxes, BoxFile, FrameBoxes
from integral_pose.inference.media import Picture

LISTED: List[Dict[str, Any]] = [
    {"image_id": "a.jpg", "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.9},
    {"image_id": "a.jpg", "category_id": 1, "bbox": [5, 6, 70, 80], "score": 0.4},
    {"image_id": "b.jpg", "category_id": 3, "bbox": [5, 6, 70, 80], "score": 0.9},
]


def written(folder: Path, content: Any, name: str = "boxes.json") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else
                     (content if isinstance(content, str) else json.dumps(content)).encode())
    return path


def file_of(*names: str, fractions: bool = False) -> BoxFile:
    """A file with a box for each name, as many px wide as its place in the list, from 1."""
    boxes = {name: Boxes(np.array([[0.0, 0, width, 1]]), np.ones(1)) for width, name in enumerate(names, 1)}
    return BoxFile(Path("boxes.json"), boxes, fractions, [])


def widths(boxes: Any, paths: Sequence[Path]) -> List[List[float]]:
    """Of each picture's boxes."""
    return [boxes(Picture(path.name, np.zeros((4, 4, 3), np.uint8))).edges[:, 2].tolist() for path in paths]


@pytest.mark.parametrize("name, content, scores", [
    ("boxes.json", json.dumps(LISTED), [0.9, 0.4]),
    ("boxes.json", {"a.jpg": [[1, 2, 30, 40], [5, 6, 70, 80]]}, [1, 1]),
    ("boxes.csv", "image,x,y,w,h\na.jpg,1,2,30,40\na.jpg,5,6,70,80\n", [1, 1]),
    ("boxes.csv", "a.jpg,1,2,30,40\na.jpg,5,6,70,80\n", [1, 1]),
    ("boxes.csv", "a.jpg,1,2,30,40,0.9\r\na.jpg,5,6,70,80,0.4\r\n", [0.9, 0.4]),
    ("boxes.CSV", "Score,image,h,w,y,x\n0.9,a.jpg,40,30,2,1\n0.4,a.jpg,80,70,6,5\n", [0.9, 0.4]),
    ("boxes.csv", "image,x,y,w,h\na.jpg,1,2,30,40\na.jpg,5,6,70,80\n".encode("utf-16"), [1, 1]),
    ("boxes.json", b"\xef\xbb\xbf" + json.dumps(LISTED).encode(), [0.9, 0.4]),
    ("boxes.json", json.dumps(LISTED).encode("utf-16"), [0.9, 0.4]),
], ids=range(9))
def test_boxes_are_read_in_any_layout(name: str, content: Any, scores: List[float], tmp_path: Path) -> None:
    found = box_files.read(written(tmp_path, content, name)).boxes
    assert list(found) == ["a.jpg"]
    assert found["a.jpg"].edges.tolist() == [[1, 2, 30, 40], [5, 6, 70, 80]]
    assert found["a.jpg"].scores.tolist() == scores


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    zero = {"image_id": "c.jpg", "bbox": [0, 0, 0, 0]}
    found = box_files.read(written(tmp_path, [*LISTED, zero]), 0.5)
    assert found.boxes["a.jpg"].edges.tolist() == [[1, 2, 30, 40]] and list(found.boxes) == ["a.jpg"]
    (note,) = found.notes
    assert "of its 4 boxes are left out: 1 of other categories than people (3), 1 without width or height, 1 with a " \
           "score below --min-score 0.5." in note
    assert box_files.read(written(tmp_path, LISTED[:1])).notes == []


def test_a_csv_without_a_header_is_told(tmp_path: Path) -> None:
    (note,) = box_files.read(written(tmp_path, "a.jpg,1,2,30,40\n", "b.csv")).notes
    assert "has no header line; its columns are taken as image, x, y, w, h." in note


@pytest.mark.parametrize("category", [1, 1.0, "1", "person"])
@pytest.mark.parametrize("image, name", [(785, "785"), (785.0, "785"), ("785", "785"), ("a/b.jpg", "a/b.jpg")])
def test_numbers_may_be_text_and_text_numbers(category: Any, image: Any, name: str, tmp_path: Path) -> None:
    row = {"image_id": image, "category_id": category, "bbox": ["1", "2", 3, "4.5"], "score": "0.5"}
    found = box_files.read(written(tmp_path, [row]))
    assert list(found.boxes) == [name] and found.boxes[name].edges.tolist() == [[1, 2, 3, 4.5]] and found.notes == []


def test_fractions_are_recognised_and_told(tmp_path: Path) -> None:
    found = box_files.read(written(tmp_path, {"a.jpg": [[0.25, 0.5, 0.5, 0.5]], "b.jpg": [[0, 0, 1, 1]]}))
    boxes = box_files.of_pictures(found, [Path("a.jpg"), Path("b.jpg")])
    assert boxes(Picture("a.jpg", np.zeros((100, 40, 3), np.uint8))).edges.tolist() == [[10, 50, 20, 50]]
    assert boxes(Picture("b.jpg", np.zeros((100, 40, 3), np.uint8))).edges.tolist() == [[0, 0, 40, 100]]
    assert "taken as fractions of each image's width and height" in found.notes[0]


@pytest.mark.parametrize("name, content, said", [
    ("b.json", "{", "cannot be read as a JSON"), ("b.json", "3", "is not a list of boxes"),
    ("b.json", '{"images": [], "annotations": []}', "is not a list of boxes"),
    ("b.json", '[{"image_id": "a", "bbox": [1, 2, 3]}]', "box 0 .*`bbox` must be 4 finite numbers"),
    ("b.json", '[{"image_id": "a", "bbox": [1, 2, -1, 4]}]', "width and height must not be below 0"),
    ("b.json", '[{"image_id": "a", "bbox": [0, 0, 0, 0]}]', "none of its 1 boxes of people has a width and a height"),
    ("b.json", '[{"image_id": "a", "bbox": [1, 2, 3, NaN]}]', "4 finite numbers"),
    ("b.json", '[{"bbox": [1, 2, 3, 4]}]', "`image_id` must be"), ("b.json", "[3]", "is not an object"),
    ("b.json", '[{"image_id": 1.5, "bbox": [1, 2, 3, 4]}]', "`image_id` must be"),
    ("b.json", '[{"image_id": true, "bbox": [1, 2, 3, 4]}]', "`image_id` must be"),
    ("b.json", '[{"image_id": NaN, "bbox": [1, 2, 3, 4]}]', "`image_id` must be"),
    ("b.json", '[{"image_id": "a", "category_id": "2", "bbox": [1, 2, 3, 4]}]', "none .* is a person's.* 2,"),
    ("b.json", '{"a": [[1, 2, 3, null]]}', "finite numbers"),
    ("b.json", '{"a": [[0.1, 0.1, 0.5, 0.5], [30, 2, 30, 40]]}', "box 0 .* use px for all"),
    ("b.json", '{"a": [[0.5, 0.5, 0.9, 0.9]]}', "box 0 .* may be given by its centre or by two corners"),
    ("b.csv", "name,x1,y1,x2,y2\na,1,2,3,4\n", "lacks the header image,x,y,w,h"),
    ("b.csv", "image,x,y,w,h\na,1,2,3\n", "finite numbers"), ("b.csv", "image,x,y,w,h\na,1,2,3,wide\n", "finite"),
    ("b.csv", b"\xff\xfe\x00", "cannot be read as a CSV file .*UTF-16"), ("nowhere.csv", None, "no such file"),
    ("b.csv", "image,x,y,w,h\na,1,2,3,4,\na,281,5,45,5,218,5,346,5\n", "box 1 .* 9 cells, and the header 5.*point"),
])
def test_what_is_no_file_of_boxes_is_refused(name: str, content: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / name if content is None else written(tmp_path, content, name)
    with pytest.raises(InputError, match=f"{name}: .*{said}"):
        box_files.read(path)


def test_a_file_without_boxes_is_no_mistake(tmp_path: Path) -> None:
    found = box_files.read(written(tmp_path, []))
    paths = [Path("a.jpg")]
    assert widths(box_files.of_pictures(found, paths), paths) == [[]]
    assert box_files.of_frames(found).after(5, True) == []


# ---------------------------------------------------------------- whose they are


@pytest.mark.parametrize("key, name", [
    ("a.jpg", "a.jpg"), ("a", "a.jpg"), ("785", "000000000785.jpg"), ("000000000785", "000000000785.jpg"),
    ("val2017/a.jpg", "a.jpg"), ("x\\val2017\\a.jpg", "a.jpg"), ("./a.jpg", "deep/a.jpg"), ("12", "12.png"),
    ("Fuß\u0308.jpg", "Fuß\u0308.jpg"), ("u\u0308.jpg", "\u00fc.jpg"),  # macOS writes letters and their dots apart
])
def test_boxes_go_by_name_path_or_number(key: str, name: str) -> None:
    boxes = box_files.of_pictures(file_of(key), [Path(name)])
    assert widths(boxes, [Path(name)]) == [[1]] and boxes.notes == []


def test_of_pictures_with_one_name_folders_tell_which_is_meant() -> None:
    file, paths = file_of("clips/cam2/1.jpg", "cam1/1.jpg"), [Path("/data/cam2/1.jpg")]
    boxes = box_files.of_pictures(file, paths)
    assert widths(boxes, paths) == [[1]]
    assert "1 of its 2 images were not given: cam1/1.jpg." in boxes.notes[0]


@pytest.mark.parametrize("keys, paths, said", [
    (["1.jpg"], ["cam1/1.jpg", "cam2/1.jpg"], "'1.jpg' may be cam1/1.jpg or cam2/1.jpg"),
    (["a"], ["a.jpg", "a.png"], "'a' may be a.jpg or a.png"),
    (["x/1.jpg", "y/1.jpg"], ["1.jpg"], "'x/1.jpg' and 'y/1.jpg' may all be 1.jpg"),
    (["b.jpg", "c.jpg"], ["a.jpg"], r"none of its 2 images \(b.jpg, c.jpg\) was given \(a.jpg\)"),
    ([f"{i}.png" for i in range(9)], ["a.jpg"], r"0.png, 1.png, 2.png, 3.png, 4.png and 4 more"),
])
def test_names_that_do_not_tell_a_picture_are_refused(keys: List[str], paths: List[str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        box_files.of_pictures(file_of(*keys), [Path(path) for path in paths])


def test_a_misspelt_name_and_its_picture_are_both_told() -> None:
    paths = [Path("a.jpg"), Path("b.jpg")]
    boxes = box_files.of_pictures(file_of("a", "bb.jpg"), paths)
    assert widths(boxes, paths) == [[1], []]
    assert "1 of its 2 images were not given: bb.jpg." in boxes.notes[0]
    assert "has no box for 1 of 2 images; nobody is predicted there: b.jpg." in boxes.notes[1]


def test_two_names_of_one_picture_are_put_together() -> None:
    paths = [Path("000000000785.jpg")]
    assert widths(box_files.of_pictures(file_of("785", "000000000785.jpg"), paths), paths) == [[1, 2]]


def frame_widths(boxes: FrameBoxes, count: int) -> List[List[float]]:
    return widths(boxes, [Path(str(number)) for number in range(count)])


@pytest.mark.parametrize("keys", [("0", "1", "3"), ("000000", "000001", "000003")])
def test_boxes_of_frames_go_by_number(keys: Sequence[str]) -> None:
    boxes = box_files.of_frames(file_of(*keys))
    assert frame_widths(boxes, 4) == [[1], [2], [], [3]]
    assert boxes.before(4) == [] and boxes.after(4, True) == []


def test_where_frames_are_counted_from_is_asked_or_told() -> None:
    boxes = box_files.of_frames(file_of("1", "2", "3"))
    with pytest.raises(InputError, match="its frames are 1 to 3, and the video's are 0 to 2. Give --first-frame 1 if"):
        boxes.before(3)
    asked = "Frames are counted from 0: if this file counts from 1, give --first-frame 1."
    assert boxes.before(9) == [f"boxes.json: has no box for 6 of 9 frames (0, 4, 5, 6, 7 and 1 more). {asked}"]
    assert boxes.before(0) == [f"boxes.json: has no box for frame 0. {asked}"]  # of a camera nobody knows how many
    assert frame_widths(box_files.of_frames(file_of("1", "2", "3"), 1), 3) == [[1], [2], [3]]
    for first in (0, 1):
        assert box_files.of_frames(file_of("1", "2", "3"), first).before(3) == []
    assert box_files.of_frames(file_of("1", "2", "3"), 1).after(3, True) == []


def test_frames_that_are_not_in_the_video_are_told() -> None:
    boxes = box_files.of_frames(file_of("0", "1", "7", "a"))
    assert boxes.after(2, True) == [
        "boxes.json: 2 of its 4 frames are not in the video, whose frames are 0 to 1: 7, a."]
    assert "1 of its 4 frames are not in the video, whose frames are 0 to 1: a." in boxes.after(2, False)[0]
    with pytest.raises(InputError, match=r"none of its 2 frames \(8, 9\) is in the video, whose frames are 0 to 4"):
        box_files.of_frames(file_of("8", "9")).after(5, True)
    assert box_files.of_frames(file_of("0", 5000 * "1")).foreign == [5000 * "1"]
    with pytest.raises(InputError, match=r"its images \(a.jpg\) are not numbers"):
        box_files.of_frames(file_of("a.jpg"))
