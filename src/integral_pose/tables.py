"""A table of the paper as data: its rows, its numbers, and what it claims."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterator, Optional, Sequence, Tuple

from integral_pose.run import Run


@dataclass(frozen=True)
class Metric:
    """A column of numbers: its name as the paper writes it, its unit, and which way is better."""

    name: str
    unit: str
    better: str = "higher"


AT_05, AT_01, AUC = Metric("@0.5", "%"), Metric("@0.1", "%"), Metric("AUC", "%")
PCKH = (AT_05, AT_01, AUC)


@dataclass(frozen=True)
class Row:
    """One method: a run in each column, and the paper's numbers as the paper prints them.

    `paper` has a word for each column, metrics joined by slashes: "86.8/17.2/52.9 81.6/13.6/46.6"; it is empty where
    the paper prints none.
    """

    name: str
    runs: Tuple[Run, ...]
    paper: str = ""

    def numbers(self, column: int) -> Tuple[float, ...]:
        """The paper's numbers in a column, one a metric, or none at all."""
        if not self.paper:
            return ()
        return tuple(float(number) for number in self.paper.split()[column].split("/"))


@dataclass(frozen=True)
class Costs:
    """The paper's multiply-adds (1e9) and parameters (1e6) of each column."""

    flops: Tuple[float, ...]
    parameters: Tuple[float, ...]


# Given row, column and metric, a number; or an array of them, one a resampling of the test people.
Values = Callable[[str, str, str], Any]
Margins = Callable[[Values], Sequence[Any]]


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper as numbers that must be positive for it to hold.

    `margins(values)` are in the metric's unit, and linear in the values, so that they can be resampled.
    `in_paper` is False for the sentences that the paper's own numbers contradict.
    """

    text: str
    margins: Margins
    rows: Tuple[str, ...] = ()
    in_paper: bool = True


@dataclass(frozen=True)
class Table:
    """Rows, columns and metrics of one table; `caption` is shown above it, `picture` is drawn beside it."""

    name: str
    caption: str
    columns: Tuple[str, ...]
    rows: Tuple[Row, ...]
    claims: Tuple[Claim, ...] = ()
    metrics: Tuple[Metric, ...] = PCKH
    costs: Optional[Costs] = None
    picture: str = "predictions"  # or "curves"

    def cells(self) -> Iterator[Tuple[Row, int]]:
        """Every (row, column index)."""
        return ((row, column) for row in self.rows for column in range(len(self.columns)))

    def paper(self, row: str, column: str, metric: str) -> float:
        """The number that the paper prints: the `Values` of the paper itself."""
        found = next(r for r in self.rows if r.name == row)
        names = [m.name for m in self.metrics]
        return found.numbers(self.columns.index(column))[names.index(metric)]


def beats(
    better: str, worse: str, metrics: Sequence[Metric], columns: Sequence[str]
) -> Margins:
    """Margins by which one row exceeds another, for every metric and column."""

    def margins(values: Values) -> Sequence[Any]:
        return [values(better, c, m.name) - values(worse, c, m.name) for m in metrics for c in columns]

    return margins


def ordered(columns: Sequence[str], rows: Sequence[str], metrics: Sequence[Metric]) -> Margins:
    """Margins by which each column beats the next, for every row and metric."""

    def margins(values: Values) -> Sequence[Any]:
        pairs = list(zip(columns, columns[1:]))
        return [values(r, one, m.name) - values(r, two, m.name) for r in rows for one, two in pairs for m in metrics]

    return margins


def every(*groups: Margins) -> Margins:
    """The margins of several statements that hold together."""
    return lambda values: [margin for group in groups for margin in group(values)]
