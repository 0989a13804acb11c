"""A table as the paper lays it out, ours below the paper's: lines of words, for the terminal, Markdown and HTML.

The first line is the heading. In each line the first word is a method or a metric, empty where it is the same as in the
line above, and the second word names whose numbers these are.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Callable, Dict, List, Mapping, Sequence

from integral_pose.tables import Claim, Metric, Row, Table

Shown = Callable[[str, str, str], str]  # row, column and metric: our number as it is printed, or "" if there is none
Ours = Mapping[str, Shown]  # by what our numbers are called, such as "ours"
ASIDES = {False: " (the paper's own numbers contradict it)", None: " (the paper prints no such numbers)"}


@dataclass(frozen=True)
class Cost:
    """Multiply-adds and parameters of a column's network at the paper's scale."""

    flops: float  # 1e9
    parameters: float  # 1e6, the network's
    classifier: float  # 1e6, the backbone's as a classifier of ImageNet: what the paper prints


def aside(claim: Claim) -> str:
    """Why a claim is counted apart from the paper's; nothing if it is one of those."""
    if claim.of_paper:
        return ""
    return ASIDES.get(claim.in_paper, " (true of the paper's numbers, but no sentence of it)")


def lines(table: Table, ours: Ours, costs: Sequence[Cost]) -> List[List[str]]:
    """Rows that we have numbers of, and other people's; if we have none, all rows with the paper's alone."""
    if len(table.columns) > 1:
        found = _by_row(table, ours)
    elif any(not row.runs for row in table.rows):
        found = _by_method(table, ours)
    else:
        found = _by_metric(table, ours)
    return [*found, *_cost_lines(table, costs)]


def beside(table: Table, ours: Ours) -> List[List[str]]:
    """What was measured beside the paper's metrics: settings across, methods down, metrics joined by slashes."""
    found = [["", "", *table.columns]]
    for row in table.rows:
        found += _lines_of(row.name, [], _joined(table, ours, row, table.beside))
    return found if len(found) > 1 else []


def aligned(found: Sequence[Sequence[str]]) -> List[str]:
    """Lines of words as lines of text, in columns."""
    widths = [max(map(len, column)) for column in zip(*found)]
    return [
        "  ".join(
            word.ljust(width) if place < 2 else word.rjust(width)
            for place, (word, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in found
    ]


def _is_measured(table: Table, ours: Ours, row: Row) -> bool:
    return any(shown(row.name, column, metric.name)
               for shown in ours.values() for column in table.columns for metric in table.metrics)


def _rows(table: Table, ours: Ours) -> Sequence[Row]:
    return [row for row in table.rows if _is_measured(table, ours, row)] or table.rows


def _by_metric(table: Table, ours: Ours) -> List[List[str]]:
    """Table 1's layout: methods across, metrics down."""
    rows = _rows(table, ours)
    found = [["", "", *(row.name for row in rows)]]
    for place, metric in enumerate(table.metrics):
        paper = [f"{row.numbers(0)[place]:.1f}" if row.paper else "" for row in rows]
        found += _lines_of(metric.name, paper, {
            whose: [shown(row.name, table.columns[0], metric.name) for row in rows] for whose, shown in ours.items()
        })
    return found


def _by_row(table: Table, ours: Ours) -> List[List[str]]:
    """The layout of Tables 2 and 3: settings across, methods down, metrics joined by slashes."""
    found = [["", "", *table.columns]]
    for row in _rows(table, ours):
        found += _lines_of(row.name, row.paper.split(), _joined(table, ours, row, table.metrics))
    return found


def _by_method(table: Table, ours: Ours) -> List[List[str]]:
    """The layout of Tables 5, 6 and 10 to 12: metrics across, everybody's methods down."""
    names = [metric.name for metric in table.metrics]
    found = [["", "", *names]]
    for row in table.rows:
        paper = ["-" if math.isnan(number) else f"{number:.1f}" for number in row.numbers(0)]
        found += _lines_of(row.name, paper, {
            whose: [shown(row.name, table.columns[0], name) for name in names] for whose, shown in ours.items()
        })
    return found


def _joined(table: Table, ours: Ours, row: Row, metrics: Sequence[Metric]) -> Dict[str, List[str]]:
    """Of each column the metrics, joined by slashes."""
    return {
        whose: ["/".join(filter(None, (shown(row.name, column, metric.name) for metric in metrics)))
                for column in table.columns]
        for whose, shown in ours.items()
    }


def _lines_of(name: str, paper: List[str], ours: Mapping[str, List[str]]) -> List[List[str]]:
    """The paper's line and ours below it, without those that are empty."""
    found = [[whose, *words] for whose, words in {"paper": paper, **ours}.items() if any(words)]
    return [["" if place else name, *line] for place, line in enumerate(found)]


def _cost_lines(table: Table, costs: Sequence[Cost]) -> List[List[str]]:
    if not (table.costs and costs):
        return []
    return [
        ["FLOPs", "paper", *(f"{number:.1f}G" for number in table.costs.flops)],
        ["", "ours", *(f"{_one_decimal(cost.flops)}G" for cost in costs)],
        ["params", "paper", *(f"{number:.0f}M" for number in table.costs.parameters)],
        ["", "ours", *(f"{cost.classifier:.0f}M" for cost in costs)],
        ["", "whole network", *(f"{_one_decimal(cost.parameters)}M" for cost in costs)],
    ]


def _one_decimal(cost: float) -> Decimal:
    """Rounded from the two decimals of the CSV, so that the two never disagree."""
    return Decimal(f"{cost:.2f}").quantize(Decimal("0.1"), ROUND_HALF_UP)
