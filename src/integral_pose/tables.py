"""A table of the paper as data: its rows, its numbers and its claims."""
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from integral_pose.run import Run

Names = Union[str, Sequence[str]]  # of a row, or of several


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


class Term(NamedTuple):
    """One number of a table, with its weight in a margin. No column stands for each column of the table."""

    weight: float
    row: str
    metric: Metric
    column: str = ""


@dataclass(frozen=True)
class Margin:
    """By how much something is better, as a weighted sum of a table's numbers: positive where it is.

    Margins are added, subtracted and divided by numbers, so that a claim can be written as it would be on paper.
    """

    terms: Tuple[Term, ...]

    def __add__(self, other: Margin) -> Margin:
        return Margin(self.terms + other.terms)

    def __sub__(self, other: Margin) -> Margin:
        return self + other / -1

    def __truediv__(self, number: float) -> Margin:
        return Margin(tuple(term._replace(weight=term.weight / number) for term in self.terms))

    def of(self, values: Values) -> Any:
        """The margin in the metric's unit: a number, or an array where the values are arrays."""
        return sum(term.weight * values(term.row, term.column, term.metric.name) for term in self.terms)

    def in_columns(self, columns: Sequence[str]) -> Tuple[Margin, ...]:
        """One margin for each column, if the terms name none."""
        if all(term.column for term in self.terms):
            return (self,)
        return tuple(Margin(tuple(t._replace(column=t.column or column) for t in self.terms)) for column in columns)


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper as margins, all of which must be positive for it to hold.

    `quote` is the paper's sentence, where it has one. `in_paper` is False for sentences that the paper's own numbers
    contradict, None for those of which it prints no numbers. `presumes` is what the claim takes for granted, and what
    networks that were trained for too short a time may not show: see `loses_less`.
    """

    text: str
    parts: Tuple[Margin, ...]
    quote: str = ""
    in_paper: Optional[bool] = True
    presumes: Optional[Margin] = None

    @property
    def of_paper(self) -> bool:
        """Whether it is a sentence of the paper that its own numbers bear out; the others are counted apart."""
        return bool(self.quote) and self.in_paper is True

    @property
    def rows(self) -> Tuple[str, ...]:
        """The rows that it is about, the better ones first."""
        return tuple(dict.fromkeys(term.row for part in self.parts for term in part.terms))

    def margins(self, values: Values) -> List[Any]:
        """The margins of these values, in the metric's unit."""
        return [part.of(values) for part in self.parts]


class Phases(NamedTuple):
    """What a table changes in the two phases of `quick`, for all of its rows: times the steps, and the second's rate.

    An integral that follows heat maps has them as its first phase; other rows continue as they began.
    """

    first: int = 1
    second: int = 1
    rate: float = 1.0  # times the rates of the second


AS_PROFILE = Phases()


@dataclass(frozen=True)
class Table:
    """Rows, columns and metrics of one table; `caption` is shown above it, `picture` is drawn beside it.

    `topic` says in two to five words what it is about, for a list of contents; the caption stands in for it.

    `beside` are metrics that the paper does not print; they are written to the CSV. `submission` asks for the file
    that the data set's server takes, of each run. `phases` is for tables whose networks would be too far from trained
    to compare them.
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
    phases: Phases = AS_PROFILE

    def __post_init__(self) -> None:
        claims = (replace(c, parts=tuple(p for part in c.parts for p in part.in_columns(self.columns)))
                  for c in self.claims)
        object.__setattr__(self, "claims", tuple(claims))

    @property
    def heading(self) -> str:
        """The heading of its claims: the paper's or, if it prints no such numbers, expectations."""
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


def read_by_dark(table: Table) -> Optional[Table]:
    """Its 2D heat maps read by DARK, beside the integrals that start from them: what a better decoder leaves of a lead.

    No network is trained for it. None if the table has no such pair, or reads by DARK itself, or tests one network in
    several ways, as Table 6's stages do.
    """
    if any(run.decoder == "dark" for row in table.rows for run in row.runs):
        return None
    found = [(row, _integral_of(row, table.rows)) for row in table.rows]
    paired = [(heat_map, integral) for heat_map, integral in found if integral]
    if not paired:
        return None
    metrics = PCKH if table.metrics[0].measure == "PCKh" else table.metrics
    overall = AUC if AUC in metrics else metrics[0]
    named = [(Row(f"{h.name}, DARK", tuple(replace(run, decoder="dark") for run in h.runs)), h, i)
             for h, i in paired]
    return Table(
        name=f"{table.name}-dark", caption=f"Heat maps read by DARK; {table.caption}", columns=table.columns,
        rows=tuple(replace(row, paper="") for rows in named for row in rows), metrics=metrics, phases=table.phases,
        claims=tuple(beats(i.name, dark.name, overall, columns=(column,), in_paper=None,
                           where=f"with {column}" if len(table.columns) > 1 else "")
                     for dark, _, i in named for column in table.columns),
    )


def _integral_of(heat_map: Row, rows: Sequence[Row]) -> Optional[Row]:
    """The integral that starts from it: its namesake, as I1 of H1, or else the first."""
    namesake = "I".join(heat_map.name.rsplit("H", 1))
    starting = [row for row in rows if _starts_from(row, heat_map)]
    return next((row for row in starting if row.name == namesake), starting[0] if starting else None)


def _starts_from(integral: Row, heat_map: Row) -> bool:
    """Whether an integral starts in each column from 2D Gaussian heat maps, of which each column has its own."""
    starts = [run.start.training if run.start and run.output == "integral" else None for run in integral.runs]
    trained = [run.training for run in heat_map.runs]
    flat = all(run.loss == "gaussian-mse" and run.coordinates == 2 for run in heat_map.runs)
    return bool(trained) and flat and starts == trained and len({run.key for run in trained}) == len(trained)


def lead(better: str, worse: str, metric: Metric, column: str = "", other: str = "") -> Margin:
    """By how much one row is better than another: in a column, or each in its own, or in every column."""
    return Margin((Term(metric.sign, better, metric, column), Term(-metric.sign, worse, metric, other or column)))


def beats(
    better: Names, worse: Names, *metrics: Metric, columns: Sequence[str] = ("",), where: str = "", text: str = "",
    quote: str = "", in_paper: Optional[bool] = True,
) -> Claim:
    """That rows are better than others in every metric and column.

    Args:
        better, worse: a row, or several, of which each is better than each.
        columns: those that it is said of; by default all of the table.
        where: of the columns, in words; or `text` for the whole sentence, if it reads better than what is made of them.
    """
    pairs = [(b, w) for b in _listed(better) for w in _listed(worse)]
    parts = [lead(b, w, metric, column) for b, w in pairs for metric in metrics for column in columns]
    relation = ">" if metrics[0].sign > 0 else "<"
    words = [_joined(better), relation, _joined(worse), where, _measured(metrics)]
    return Claim(text or " ".join(filter(None, words)), tuple(parts), quote, in_paper)


def ordered(
    text: str, columns: Sequence[str], rows: Sequence[str], *metrics: Metric, quote: str = "",
    in_paper: Optional[bool] = True,
) -> Claim:
    """That each column is better than the next, for every row and metric."""
    parts = [lead(row, row, metric, better, worse)
             for row in rows for better, worse in zip(columns, columns[1:]) for metric in metrics]
    return Claim(text, tuple(parts), quote, in_paper)


def lead_growth(robust: str, other: str, metric: Metric, large: str, small: str) -> Margin:
    """By how much the lead of a row over another grows from one column to the next, which is how much less it loses."""
    return lead(other, other, metric, large, small) - lead(robust, robust, metric, large, small)


def loses_less(
    robust: str, other: str, metric: Metric, large: str, small: str, when: str, quote: str = "",
    in_paper: Optional[bool] = True,
) -> Claim:
    """That a row loses less than another from one column to the next, which is what happens `when`.

    It presumes that the row loses anything at all. Where it gains, the larger network was not trained for long enough,
    and the margin is not about robustness.
    """
    name = metric.name if metric.unit == "%" else ""
    text = " ".join(filter(None, [robust, "loses less", name, "than", other, "when", when]))
    margin = lead_growth(robust, other, metric, large, small)
    return Claim(text, (margin,), quote, in_paper, lead(robust, robust, metric, large, small))


def _listed(names: Names) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _joined(names: Names) -> str:
    listed = _listed(names)
    return " and ".join(listed) if len(listed) == 2 else ", ".join(listed)


def _measured(metrics: Tuple[Metric, ...]) -> str:
    """ "in @0.1, AUC"; nothing where only millimetres are told."""
    if metrics[0].unit != "%":
        return ""
    return "in every metric" if metrics == PCKH else f"in {', '.join(metric.name for metric in metrics)}"
