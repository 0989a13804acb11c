"""Measured numbers beside the paper's: intervals, claims, CSV and the table on the terminal.

Reads files that `evaluate` wrote, never networks.
"""
from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Sequence, Tuple

import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.metrics import estimates
from integral_pose.report import layout
from integral_pose.report.layout import Cost
from integral_pose.report.verdicts import Verdict
from integral_pose.storage import array_files
from integral_pose.storage.atomic import replacing
from integral_pose.tables import Metric, Table, Values

RESAMPLINGS = 2000
COLUMNS = (
    "table", "row", "column", "metric", "paper", "ours", "low", "high", "unit", "better", "seeds", "data", "protocol",
    "run_key", "commit",
)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one run's numbers are computed from, and their signature."""

    arrays: Mapping[str, Array]  # predictions, and the errors that `metrics.estimates` takes
    signature: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Evidence:
        """From the file that `evaluate` wrote.

        Raises:
            InputError: the file is damaged.
        """
        arrays, signature = array_files.read(path)
        if "predictions" not in arrays:
            raise InputError(f"{path}: this file has no predictions. Delete it to evaluate the run again.")
        return cls(arrays, signature)

    @property
    def predictions(self) -> Array:
        """(N, K, 2) in image px or (N, K, 3) in camera mm; in COCO's pictures, of N poses that were found."""
        return self.arrays["predictions"]


class Measured:
    """A table's measured values: each the mean over seeds, with people resampled together in all its cells.

    What several cameras saw at one moment is resampled together, and so is a picture with several people.

    Args:
        evidence: (row name, column) to the evidence of each seed.  Cells may be missing; seeds of one cell and cells of
            one table have the same test people.
        judged: whether the networks are trained for long enough to judge claims by them.

    Raises:
        InputError: they were tested on different people.
    """

    def __init__(
        self, table: Table, evidence: Mapping[Tuple[str, str], Sequence[Evidence]], judged: bool = True
    ) -> None:
        self.table, self.evidence, self.judged = table, evidence, judged
        self._resampled: Dict[Tuple[str, str, str], Array] = {}
        first, *others = (e for cell in evidence.values() for e in cell)
        for other in others:
            if other.signature["people"] != first.signature["people"]:
                raise InputError(
                    f"Runs {first.signature['key']} and {other.signature['key']} were tested on different people, so "
                    "their numbers cannot stand in one table. Delete test.npz in the run folder that used other data."
                )
        number = estimates.units(first.arrays)
        rng = np.random.default_rng(0)
        self._draws = rng.multinomial(number, np.full(number, 1 / number), size=RESAMPLINGS).astype(np.float32)

    def has(self, rows: Sequence[str]) -> bool:
        """Whether every cell of these rows was measured, all with the same seeds."""
        cells = [self.evidence.get((row, column), ()) for row in rows for column in self.table.columns]
        seeds = {tuple(e.signature["seed"] for e in cell) for cell in cells}
        return len(seeds) == 1 and () not in seeds

    def value(self, row: str, column: str, metric: str) -> float:
        """The mean over the seeds: `Values` as measured."""
        return float(self._estimate(row, column, metric, np.ones((1, self._draws.shape[1])))[0])

    def resampled(self, row: str, column: str, metric: str) -> Array:
        """The same on each resampling of the test people, (RESAMPLINGS,): `Values` as they might have been.

        A resampling without anybody who counts gives nan.
        """
        where = (row, column, metric)
        if where not in self._resampled:
            self._resampled[where] = self._estimate(row, column, metric, self._draws)
        return self._resampled[where]

    def of_each_seed(self, row: str) -> List[Values]:
        """The `Values` of each seed that a row was trained with, alone."""
        return [partial(self._of_seed, seed) for seed in range(len(self.evidence[row, self.table.columns[0]]))]

    def _of_seed(self, seed: int, row: str, column: str, metric: str) -> float:
        weights = np.ones((1, self._draws.shape[1]))
        evidence = self.evidence[row, column][seed]
        return float(estimates.estimate(evidence.arrays, self._measure(metric), weights)[0])

    def _measure(self, metric: str) -> Metric:
        return next(m for m in (*self.table.metrics, *self.table.beside) if m.name == metric)

    def _estimate(self, row: str, column: str, metric: str, weights: Array) -> Array:
        """On each of several weightings, (R,)."""
        measure = self._measure(metric)
        seeds = [estimates.estimate(e.arrays, measure, weights) for e in self.evidence[row, column]]
        return np.asarray(np.mean(seeds, axis=0))


def interval(resampled: Any) -> Tuple[float, float]:
    """The middle 95 % of the resamplings."""
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def verdicts(measured: Measured) -> List[Verdict]:
    """Of every claim whose rows were measured; none if claims are not judged."""
    found: List[Verdict] = []
    if not measured.judged:
        return found
    for claim in measured.table.claims:
        if measured.has(claim.rows):
            low, high = interval(np.min(claim.margins(measured.resampled), axis=0))
            seeds = tuple(float(min(claim.margins(values))) for values in measured.of_each_seed(claim.rows[0]))
            found.append(Verdict(claim, float(min(claim.margins(measured.value))), low, high, seeds))
    return found


def write_csv(measured: Measured, costs: Sequence[Cost], path: Path) -> None:
    """One line a row, column and metric; then the costs."""
    with replacing(path) as draft, open(draft, "w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(_measured_lines(measured))
        writer.writerows(_cost_lines(measured.table, costs))


def _measured_lines(measured: Measured) -> Iterator[Dict[str, Any]]:
    table = measured.table
    for row in table.rows:
        for index, column in enumerate(table.columns):
            evidence = measured.evidence.get((row.name, column), ())
            if row.runs and not evidence:
                continue
            signature = _signature([e.signature for e in evidence])
            printed = dict(zip((metric.name for metric in table.metrics), row.numbers(index)))
            for metric in (*table.metrics, *(table.beside if evidence else ())):
                paper = printed.get(metric.name, math.nan)
                yield {
                    "table": table.name, "row": row.name, "column": column, "metric": metric.name,
                    "paper": "" if math.isnan(paper) else paper, "unit": metric.unit, "better": metric.better,
                    **(_ours(measured, row.name, column, metric.name) if evidence else {}), **signature,
                }


def _ours(measured: Measured, row: str, column: str, metric: str) -> Dict[str, str]:
    low, high = interval(measured.resampled(row, column, metric))
    return {"ours": f"{measured.value(row, column, metric):.3f}", "low": f"{low:.3f}", "high": f"{high:.3f}"}


def _signature(signatures: Sequence[Mapping[str, Any]]) -> Dict[str, str]:
    """The signatures of a cell's seeds as one."""

    def joined(name: str) -> str:
        return " ".join(dict.fromkeys(str(signature[name]) for signature in signatures))

    return {
        "seeds": joined("seed"), "data": joined("data"), "protocol": joined("protocol"), "run_key": joined("key"),
        "commit": joined("commit"),
    }


def _cost_lines(table: Table, costs: Sequence[Cost]) -> Iterator[Dict[str, Any]]:
    for index, cost in enumerate(costs):
        assert table.costs
        parameters = table.costs.parameters[index]
        for metric, paper, ours, unit in (
            ("multiply-adds", table.costs.flops[index], cost.flops, "1e9"),
            ("parameters, network", "", cost.parameters, "1e6"),
            ("parameters, backbone as classifier", parameters, cost.classifier, "1e6"),
        ):
            yield {
                "table": table.name, "row": "all", "column": table.columns[index], "metric": metric, "paper": paper,
                "ours": f"{ours:.2f}", "unit": unit, "better": "lower",
                "protocol": "the paper's network, whatever the profile",
            }


def render(measured: Measured, costs: Sequence[Cost]) -> str:
    """The table as the paper lays it out, ours below the paper's; then the claims."""
    lines = layout.lines(measured.table, {"ours": partial(_shown, measured)}, costs)
    return "\n".join([_title(measured), *layout.aligned(lines), *_claims(measured)])


def _title(measured: Measured) -> str:
    signatures = [e.signature for cell in measured.evidence.values() for e in cell]
    data = dict.fromkeys(name for signature in signatures for name in signature["data"].split(", "))
    return (
        f"\n{measured.table.name}: {measured.table.caption}\n"
        f"paper: the paper's data. ours: {', '.join(data)}, seeds {_signature(signatures)['seeds']}\n"
    )


def _shown(measured: Measured, row: str, column: str, metric: str) -> str:
    """A value to one decimal, rounded from the three of the CSV so that the two never disagree."""
    if (row, column) not in measured.evidence:
        return ""
    return f"{float(f'{measured.value(row, column, metric):.3f}'):.1f}"


def _claims(measured: Measured) -> List[str]:
    if measured.table.claims and not measured.judged:
        return ["", "No claim is judged: two training steps show that every row runs, not which is better."]
    found = verdicts(measured)
    if not found:
        return []
    heading = f"{measured.table.heading}, on our numbers (smallest margin, 95 % of resamplings of the test people):"
    lines = ["", heading]
    for v in found:
        said = v.claim.text + layout.aside(v.claim)
        lines.append(f"  {v.outcome:9} {v.margin:+6.1f} [{v.low:+.1f}, {v.high:+.1f}]  {said}")
    return lines
