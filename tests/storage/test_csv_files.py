"""CSV files: what is written is read back, and what is damaged is named with its line and its remedy."""
from __future__ import annotations

from pathlib import Path

import pytest

from integral_pose.errors import InputError
from integral_pose.storage import csv_files

KINDS = {"name": str, "size": int, "share": float}


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    lines = [("a, b", 3, 0.25), ('"c"', 5, 7.0), ("d\ne", 11, 13.5)]
    csv_files.write(tmp_path / "deep" / "x.csv", tuple(KINDS), lines)
    assert [tuple(line.values()) for line in csv_files.read(tmp_path / "deep" / "x.csv", KINDS, "")] == lines


def test_other_columns_are_left_out_and_order_is_that_of_the_kinds(tmp_path: Path) -> None:
    csv_files.write(tmp_path / "x.csv", ("share", "more", "size", "name"), [(0.5, "?", 2, "a")])
    assert [list(line.items()) for line in csv_files.read(tmp_path / "x.csv", KINDS, "")] == [
        [("name", "a"), ("size", 2), ("share", 0.5)]
    ]


@pytest.mark.parametrize("content, said", [
    (b"", "line 1: there is no column name"),
    (b"name,size\na,1\n", "line 1: there is no column share"),
    (b"name,size,share\na,1,0.5\nb,2\n", "line 3: the number of cells differs"),
    (b"name,size,share\na,1,0.5,7\n", "line 2: the number of cells differs"),
    (b"name,size,share\na,1,0.5\nb,2,0.1", "line 3: the last line is cut short"),
    (b"name,size,share\na,one,0.5\n", "line 2: 'one' cannot stand in column size"),
    (b"name,size,share\n\xff\xfe,1,0.5\n", "x.csv, line 1"),
    (b"name,size,share\na,1,\0\n", "x.csv, line"),
    (b'name,size,share\n"a,1,0.5\n', "x.csv, line"),
])
def test_damage_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(InputError, match="Make it anew.") as caught:
        csv_files.read(tmp_path / "x.csv", KINDS, "Make it anew.")
    assert said in str(caught.value) and "x.csv" in str(caught.value)
