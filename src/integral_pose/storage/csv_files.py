"""CSV files with a header line: written atomically, and read with every cell checked."""
from __future__ import annotations

import csv
import io
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Dict, Iterable, List, Mapping, Sequence

from integral_pose.errors import InputError
from integral_pose.storage.atomic import replacing

Kinds = Mapping[str, Callable[[str], Any]]  # each column's name, and what makes its value of the text in a cell


def write(path: Path, columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    """Puts a header and lines into `path`, replacing what was there."""
    with replacing(path) as draft, open(draft, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(columns)
        writer.writerows(lines)


def read(path: Path, kinds: Kinds, remedy: str, optional: Kinds = MappingProxyType({})) -> List[Dict[str, Any]]:
    """The lines of `path`, each as column name -> value; columns that are not named are left out.

    Args:
        optional: columns that a file may lack, which then gives None.
        remedy: what to do about a damaged file, a sentence.

    Raises:
        InputError: a column is missing, a line is cut short or a cell is not what it should be.
    """
    number = 1
    try:
        with open(path, newline="", encoding="utf-8") as handle:
            text = handle.read()
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        _demand_columns(reader.fieldnames or (), kinds)
        lines = []
        for line in reader:
            number = reader.line_num
            lines.append({**_converted(line, kinds), **_converted_if_there(line, optional)})
        if not text.endswith("\n"):
            raise ValueError("the last line is cut short")
        return lines
    except (ValueError, csv.Error) as error:  # bytes that are not UTF-8 are a ValueError too
        raise InputError(f"{path}, line {number}: {str(error) or type(error).__name__}. {remedy}") from error


def _demand_columns(header: Sequence[str], kinds: Kinds) -> None:
    missing = [name for name in kinds if name not in header]
    if missing:
        raise ValueError(f"there is no column {missing[0]}")


def _converted_if_there(line: Mapping[Any, Any], optional: Kinds) -> Dict[str, Any]:
    there = {name: kind for name, kind in optional.items() if name in line}
    return {**dict.fromkeys(optional), **_converted(line, there)}


def _converted(line: Mapping[Any, Any], kinds: Kinds) -> Dict[str, Any]:
    if None in line or None in line.values():  # DictReader's mark of too many cells, and of too few
        raise ValueError("the number of cells differs from the number of columns")
    values = {}
    for name, kind in kinds.items():
        try:
            values[name] = kind(line[name])
        except (ValueError, KeyError):
            raise ValueError(f"{line[name]!r} cannot stand in column {name}") from None
    return values
