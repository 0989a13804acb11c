"""A table of the paper as data: its rows, its numbers, and what it claims."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterator, Optional, Sequence, Tuple

from integral_pose.run import Run


@dataclass(frozen=True)
class Metric:
    """A column of numbers: its name as the paper writes it, its unit, which way is better, and what is measured.

    `action` limits it to the frames of one action of Human3.6M.
    """

    name: str
    unit: str
    better: str = "higher"
    measure: str = "PCKh"
    action: str = ""

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is."""
        return 1 if self.better == "higher" else -1


AT_05, AT_01, AUC = Metric("@0.5", "%"), Metric("@0.1", "%"), Metric("AUC", "%")
PCKH = (AT_05, AT_01, AUC)
AP, AP50, AP75, APM, APL, AR = (
    Metric(name, "%", measure="OKS") for name in ("AP", "AP50", "AP75", "APM", "APL", "AR")
)
MPJPE, PA_MPJPE, PA_MPJPE_SCALED = (
    Metric(name, "mm", "lower", name) for name in ("MPJPE", "PA MPJPE", "PA MPJPE, scaled")
)


@dataclass(frozen=True)
class Row:
    """One method: a run in each column, or none if it is other people's, and the numbers that the paper prints.

    `paper` has a word for each column, metrics joined by slashes: "86.8/17.2/52.9 81.6/13.6/46.6", a dash for what is
    not known; it is empty where the paper prints none.
    """

    name: str
    runs: Tuple[Run, ...]
    paper: str = ""

    def numbers(self, column: int) -> Tuple[float, ...]:
        """The paper's numbers in a column, one a metric, or none at all."""
        if not self.paper:
            return ()
        words = self.paper.split()[column].split("/")
        return tuple(float("nan") if word == "-" else float(word) for word in words)


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
    `in_paper` is False for the sentences that the paper's own numbers contradict, None for those of which it prints no
    numbers.
    """

    text: str
    margins: Margins
    rows: Tuple[str, ...] = ()
    in_paper: Optional[bool] = True


@dataclass(frozen=True)
class Table:
    """Rows, columns and metrics of one table; `caption` is shown above it, `picture` is drawn beside it.

    `topic` says in two to five words what it is about, for a list of contents; the caption stands in for it.

    `beside` are metrics that the paper does not print; they are written to the CSV. `submission` asks for the file
    that the data set's server takes, of each run.
    """

    name: str
    caption: str
    columns: Tuple[str, ...]
    rows: Tuple[Row, ...]
    claims: Tuple[Claim, ...] = ()
    metrics: Tuple[Metric, ...] = PCKH
    beside: Tuple[Metric, ...] = ()
    costs: Optional[Costs] = None
    picture: str = "predictions"  # or "curves", or "scenes" with the poses found in them
    submission: bool = False
    topic: str = ""

    @property
    def heading(self) -> str:
        """What its claims are: the paper's, or, where it prints no such numbers, one's expectations."""
        quoted = any(claim.in_paper is not None for claim in self.claims)
        return "What the paper says" if quoted else "What one would expect"

    def cells(self) -> Iterator[Tuple[Row, int]]:
        """Every (row, column index) that has a run."""
        return ((row, column) for row in self.rows for column in range(len(row.runs)))

    def paper(self, row: str, column: str, metric: str) -> float:
        """The number that the paper prints: the `Values` of the paper itself."""
        found = next(r for r in self.rows if r.name == row)
        names = [m.name for m in self.metrics]
        return found.numbers(self.columns.index(column))[names.index(metric)]


def beats(
    better: str, worse: str, metrics: Sequence[Metric], columns: Sequence[str]
) -> Margins:
    """Margins by which one row is better than another, for every metric and column."""

    def margins(values: Values) -> Sequence[Any]:
        return [m.sign * (values(better, c, m.name) - values(worse, c, m.name)) for m in metrics for c in columns]

    return margins


def ordered(columns: Sequence[str], rows: Sequence[str], metrics: Sequence[Metric]) -> Margins:
    """Margins by which each column beats the next, for every row and metric."""

    def margins(values: Values) -> Sequence[Any]:
        pairs = [(row, one, two) for row in rows for one, two in zip(columns, columns[1:])]
        return [m.sign * (values(r, one, m.name) - values(r, two, m.name)) for r, one, two in pairs for m in metrics]

    return margins


def loses_less(robust: str, other: str, metric: Metric, large: str, small: str) -> Margins:
    """The margin by which one row loses less than another from one column to the other."""

    def margins(values: Values) -> Sequence[Any]:
        one, two = (values(row, large, metric.name) - values(row, small, metric.name) for row in (other, robust))
        return [metric.sign * (one - two)]

    return margins


def every(*groups: Margins) -> Margins:
    """The margins of several statements that hold together."""
    return lambda values: [margin for group in groups for margin in group(values)]
