"""JSON and CSV as Windows programs write them, and as nobody should."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import integral_pose  # isort: skip  # noqa: F401

import pytest

from integral_pose.datasets.formats.reading import read_json, read_text
from integral_pose.errors import InputError
from integral_pose.evaluation import predictions
from integral_pose.inference import boxes as box_files

ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")
BOXES = {"Fuß0.jpg": [[1, 2, 30, 40]]}
LINES = "image,x,y,w,h\r\nFuß0.jpg,1,2,30,40\r\n"
JOINTS = "person,joint,x,y\n" + "".join(f"0,{joint},{joint},2\n" for joint in range(16))
READERS: Dict[str, Tuple[str, Callable[[Path], Any]]] = {
    "boxes.json": (json.dumps(BOXES, ensure_ascii=False), box_files.read), "boxes.csv": (LINES, box_files.read),
    "joints.csv": (JOINTS, lambda path: predictions.read(path, 1)),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", READERS)
def test_text_is_read_in_every_unicode_encoding(name: str, encoding: str, tmp_path: Path) -> None:
    text, read = READERS[name]
    (tmp_path / name).write_bytes(text.encode(encoding))
    found = read(tmp_path / name)
    if name == "joints.csv":
        assert found[0, 7].tolist() == [7, 2]
    else:
        assert found.boxes["Fuß0.jpg"].edges.tolist() == [[1, 2, 30, 40]]


def test_other_encodings_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes('{"Fuß": 1}'.encode("cp1252"))
    with pytest.raises(InputError, match=r"a\.json: cannot be read as a JSON file \(byte 4 is not UTF-8; UTF-8 and"):
        read_json(tmp_path / "a.json")
    with pytest.raises(InputError, match="there is no such file"):
        read_text(tmp_path / "b.txt")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_json_that_is_nested_too_deep_gets_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json: cannot be read as a JSON file \(its lists or .* nested too deep"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_numbers_that_are_none_get_a_sentence(number: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    record = f'{{"image_id": "a", "bbox": [1, 2, 3, 4], "score": {number}}}'
    for text in (f'{{"a.jpg": [[1, {number}, 3, 4]]}}', f"[{record}]"):
        path.write_text(text)
        with pytest.raises(InputError, match="a.json: box 0 .*finite number"):
            box_files.read(path)
