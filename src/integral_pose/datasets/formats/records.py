"""Records of a JSON list, read field by field into arrays; errors name a record by its number in the list."""
from __future__ import annotations

from itertools import compress
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array

EXACT = 2**53  # from here on a double does not tell neighbouring integers apart


class Records(NamedTuple):
    """Objects of a list in a file."""

    path: Path
    kind: str  # what one of them is: "annotation"
    rows: List[Dict[str, Any]]
    places: Sequence[int]  # of each in the list, from 0

    @classmethod
    def of(cls, path: Path, kind: str, values: Any) -> Records:
        """All that are in a list.

        Raises:
            InputError: it is no list, or holds something else than objects.
        """
        if not isinstance(values, list):
            raise InputError(f"{path}: holds no list of {kind}s. Take the file from its source, or write it as COCO's.")
        records = cls(path, kind, values, range(len(values)))
        records.refuse([not isinstance(row, dict) for row in values], "is not an object with named fields")
        return records

    def where(self, chosen: Array) -> Records:
        """Those that are chosen."""
        return self._replace(rows=list(compress(self.rows, chosen)), places=list(compress(self.places, chosen)))

    def numbers(self, key: str, *shape: int) -> Array:
        """One field of all N, finite numbers: (N, *shape).

        Raises:
            InputError: a record lacks the field, or has something else there.
        """
        column = _column(self.rows, key, shape)
        if column is None:
            wanted = f"{' x '.join(map(str, shape))} finite numbers" if shape else "one finite number"
            self.refuse([_column([row], key, shape) is None for row in self.rows], f"`{key}` must be {wanted}")
        assert column is not None  # else a row of its own was refused
        return column

    def integers(self, key: str) -> Array:
        """One field of all N, whole numbers: (N,).

        Raises:
            InputError: a record lacks the field, or has something else there.
        """
        values = [row.get(key) for row in self.rows]
        self.refuse([not _is_whole(value) for value in values], f"`{key}` must be an integer")
        return np.array(values, int)

    def refuse(self, bad: Union[Array, Sequence[bool]], what: str) -> None:
        """Reports the first wrong record.

        Raises:
            InputError: any is bad.
        """
        wrong = np.flatnonzero(bad)
        if len(wrong):
            more = f" and {len(wrong) - 1} more like it" if len(wrong) > 1 else ""
            raise InputError(
                f"{self.path}: {self.kind} {self.places[wrong[0]]} (counted from 0){more}: {what}. "
                "Correct or remove it, or copy the file again from its source."
            )


def is_file_name(value: Any) -> bool:
    """Whether it is text that can name a file: JSON's may hold half a character, or one that ends a name early."""
    try:
        return isinstance(value, str) and value != "" and b"\0" not in value.encode()
    except UnicodeEncodeError:
        return False


def _is_whole(value: Any) -> bool:
    """Also of 785.0, as tables write it; not of true, which JSON tells from 1."""
    whole = type(value) is int or (type(value) is float and value.is_integer())
    return whole and abs(value) < EXACT


def _column(rows: Sequence[Dict[str, Any]], key: str, shape: Tuple[int, ...]) -> Optional[Array]:
    """(N, *shape), or None where anything else than finite numbers stands there."""
    if not rows:
        return np.empty((0, *shape))
    try:
        column = np.array([row[key] for row in rows], float)
    except (TypeError, ValueError, KeyError, OverflowError):
        return None
    return column if column.shape == (len(rows), *shape) and np.isfinite(column).all() else None
