"""Reads what the results folder has of a table: numbers, claims, curves and its picture."""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from integral_pose.errors import InputError
from integral_pose.report import curves, verdicts
from integral_pose.report.layout import Cost
from integral_pose.report.verdicts import Verdict
from integral_pose.storage import csv_files
from integral_pose.tables import Claim, Metric, Table, read_by_dark

Where = Tuple[str, str, str]  # row, column, metric
POSES = "-poses.json"  # after a table's name
TITLES = {"table": "Table", "figure": "Figure"}
COSTS = ("multiply-adds", "parameters, network", "parameters, backbone as classifier")


def _optional(text: str) -> Optional[float]:
    return float(text) if text else None


NUMBER: csv_files.Kinds = {
    "row": str, "column": str, "metric": str, "ours": _optional, "low": _optional, "high": _optional, "seeds": str,
    "data": str, "protocol": str, "run_key": str, "commit": str,
}


class Number(NamedTuple):
    """One measured number, the middle 95 % of the resamplings, and its signature."""

    ours: float
    low: float
    high: float
    seeds: str
    data: str
    protocol: str
    keys: str
    commit: str


@dataclass(frozen=True)
class Numbers:
    """A table and all that was measured of it; nothing at all if it was not trained.

    `judged` is whether the networks were trained for long enough to judge claims by them.
    """

    table: Table
    measured: Dict[Where, Number] = field(default_factory=dict)
    costs: Sequence[Cost] = ()
    verdicts: Sequence[Verdict] = ()
    training: Sequence[curves.Validation] = ()
    pckh: Sequence[curves.Point] = ()
    picture: Optional[Path] = None
    judged: bool = True
    dark: Optional[Numbers] = None  # its heat maps read by DARK
    profile: str = "quick"
    poses: Optional[Path] = None  # of a 3D table's picture

    @property
    def title(self) -> str:
        """As the paper calls it: "Table 6", "Table 6, stages", "Figure 2"."""
        kind, number, rest = _parts(self.table.name)
        name = f"{TITLES.get(kind, kind.capitalize())} {number}".strip()
        return f"{name}, {rest.replace('_', ' ')}" if rest else name

    @property
    def command(self) -> str:
        """What trains and evaluates it."""
        return _command(self.table, self.profile)

    def shown(self, row: str, column: str, metric: str) -> str:
        """A number to one decimal, "" if there is none."""
        number = self.measured.get((row, column, metric))
        return f"{number.ours:.1f}" if number else ""

    @property
    def changes(self) -> Dict[Tuple[str, str], float]:
        """Percent by which held-out losses still changed at the end, by row and column."""
        return curves.changes(curves.endings(self.training))

    def value(self, row: str, column: str, metric: str) -> float:
        """`tables.Values` as published."""
        return self.measured[row, column, metric].ours

    def cells(self) -> Dict[Tuple[str, str], Number]:
        """The first number of each measured row and column: its signature is that of the cell."""
        first: Dict[Tuple[str, str], Number] = {}
        for (row, column, _), number in self.measured.items():
            first.setdefault((row, column), number)
        return first

    def signed(self, what: str) -> List[str]:
        """The "seeds", "data" or "commit" of all signatures, each once, in their order."""
        separator = ", " if what == "data" else " "
        words = (word for cell in self.cells().values() for word in getattr(cell, what).split(separator))
        return list(dict.fromkeys(words))

    def unjudged(self) -> List[Tuple[Claim, str]]:
        """Claims without a verdict, and why."""
        judged = [verdict.claim for verdict in self.verdicts]
        trained = [row.name for row in self.table.rows if row.runs]
        return [(claim, self._why(claim, trained)) for claim in self.table.claims if claim not in judged]

    def _why(self, claim: Claim, trained: Sequence[str]) -> str:
        """Why a claim has no verdict."""
        if any(row not in trained for row in claim.rows):
            return "other people's numbers are on the paper's data"
        if not self.judged:
            return "two training steps are too few"
        seeds = {self.cells()[row, column].seeds if (row, column) in self.cells() else ""
                 for row in claim.rows for column in self.table.columns}
        if self.verdicts and len(seeds) == 1 and "" not in seeds:
            return f"added after these numbers were published: {self.command} judges it"
        return "not all of its rows are trained, or not with the same seeds"


def order(name: str) -> Tuple[int, int, str]:
    """Sorts tables by their number, puts figures behind them, and what is beyond the paper behind these."""
    kind, number, rest = _parts(name)
    return (*TITLES, kind).index(kind), int(number or 0), rest


def _parts(name: str) -> Tuple[str, str, str]:
    """table6_stages: table, 6 and stages."""
    found = re.fullmatch(r"([a-z]+)(\d*)_?(.*)", name)
    assert found
    return found[1], found[2], found[3]


def _command(table: Table, profile: str) -> str:
    name = table.name.partition("-")[0]  # what is read by DARK comes with its table
    return f"make {name}" if profile == "quick" else f"make {name} PROFILE={profile}"


def read(table: Table, folder: Path, judged: bool = True, profile: str = "quick") -> Numbers:
    """What `folder`, that of a profile, has of a table; its verdicts only if claims are `judged`.

    Raises:
        InputError: a file is damaged, or of another version of the table.
    """
    path = folder / f"{table.name}.csv"
    if not path.exists():
        return Numbers(table, judged=judged, profile=profile)
    remedy = f"Run {_command(table, profile)} again: it writes a new file, and trains only what is not trained yet."
    beside = {kind: folder / f"{table.name}-{kind}.csv" for kind in ("claims", "training", "curves")}
    lines = csv_files.read(path, NUMBER, remedy)
    return Numbers(
        table,
        _measured(table, lines, path, remedy),
        _costs(table, lines, path, remedy),
        verdicts.read(table, beside["claims"], remedy) if judged and beside["claims"].exists() else (),
        curves.read_training(beside["training"], remedy) if beside["training"].exists() else (),
        curves.read_pckh(beside["curves"], remedy) if beside["curves"].exists() else (),
        next((file for file in (folder / f"{table.name}.jpg", folder / f"{table.name}.png") if file.exists()), None),
        judged,
        _by_dark(table, folder, judged, profile),
        profile,
        next((file for file in (folder / f"{table.name}{POSES}",) if file.exists()), None),
    )


def _by_dark(table: Table, folder: Path, judged: bool, profile: str) -> Optional[Numbers]:
    """What was evaluated of its heat maps read by DARK, if anything was."""
    dark = read_by_dark(table)
    found = read(dark, folder, judged, profile) if dark else None
    return found if found and found.measured else None


def _measured(table: Table, lines: Sequence[Dict[str, Any]], path: Path, remedy: str) -> Dict[Where, Number]:
    """Every number of ours; other people's rows have none."""
    rows, metrics = {row.name for row in table.rows}, _names(table.metrics) | _names(table.beside)
    found = {}
    for line in lines:
        where = row, column, metric = line["row"], line["column"], line["metric"]
        if row == "all":
            continue
        if row not in rows or column not in table.columns or metric not in metrics:
            raise InputError(f"{path}: {table.name} has no {metric} of {row}, {column}. {remedy}")
        if line["ours"] is not None:
            found[where] = Number(*list(line.values())[3:])
    missing = [(row, column, m.name) for row, column, _ in found for m in table.metrics
               if (row, column, m.name) not in found]
    if missing:
        raise InputError(f"{path}: the line of {', '.join(missing[0])} is missing. {remedy}")
    return found


def _names(metrics: Sequence[Metric]) -> Set[str]:
    return {metric.name for metric in metrics}


def _costs(table: Table, lines: Sequence[Dict[str, Any]], path: Path, remedy: str) -> List[Cost]:
    if not table.costs:
        return []
    found = {(line["column"], line["metric"]): line["ours"] for line in lines if line["row"] == "all"}
    if any(found.get((column, name)) is None for column in table.columns for name in COSTS):
        raise InputError(f"{path}: a line of what the networks cost is missing. {remedy}")
    return [Cost(*(found[column, name] for name in COSTS)) for column in table.columns]
