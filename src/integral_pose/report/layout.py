"""A table as the paper lays it out, ours below the paper's: lines of words, for the terminal, Markdown and HTML.

The first line is the heading. In each line the first word is a method or a metric, empty where it is the same as in the
line above, and the second word names whose numbers these are.
"""
from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Callable, List, Sequence

from integral_pose.tables import Row, Table

Shown = Callable[[str, str, str], str]  # row, column and metric: our number as it is printed, or "" if there is none
NOTES = {True: "", False: " (the paper's own numbers contradict it)", None: " (the paper prints no such numbers)"}


@dataclass(frozen=True)
class Cost:
    """Multiply-adds and parameters of a column's network at the paper's scale."""

    flops: float  # 1e9
    parameters: float  # 1e6, the network's
    classifier: float  # 1e6, the backbone's as a classifier of ImageNet: what the paper prints


def lines(table: Table, shown: Shown, costs: Sequence[Cost]) -> List[List[str]]:
    """Rows that we have numbers of, and other people's; if we have none, all rows with the paper's alone."""
    if len(table.columns) > 1:
        found = _by_row(table, shown)
    elif any(not row.runs for row in table.rows):
        found = _by_method(table, shown)
    else:
        found = _by_metric(table, shown)
    return [*found, *_cost_lines(table, costs)]


def beside(table: Table, shown: Shown) -> List[List[str]]:
    """What was measured beside the paper's metrics: settings across, methods down, metrics joined by slashes."""
    names = [metric.name for metric in table.beside]
    found = [["", "", *table.columns]]
    for row in table.rows:
        ours = ["/".join(filter(None, (shown(row.name, column, name) for name in names))) for column in table.columns]
        if any(ours):
            found.append([row.name, "ours", *ours])
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


def _is_measured(table: Table, shown: Shown, row: Row) -> bool:
    return any(shown(row.name, column, metric.name) for column in table.columns for metric in table.metrics)


def _rows(table: Table, shown: Shown) -> Sequence[Row]:
    return [row for row in table.rows if _is_measured(table, shown, row)] or table.rows


def _by_metric(table: Table, shown: Shown) -> List[List[str]]:
    """Table 1's layout: methods across, metrics down."""
    rows = _rows(table, shown)
    found = [["", "", *(row.name for row in rows)]]
    for place, metric in enumerate(table.metrics):
        paper = [f"{row.numbers(0)[place]:.1f}" if row.paper else "" for row in rows]
        ours = [shown(row.name, table.columns[0], metric.name) for row in rows]
        found += _pair(metric.name, paper, ours)
    return found


def _by_row(table: Table, shown: Shown) -> List[List[str]]:
    """The layout of Tables 2 and 3: settings across, methods down, metrics joined by slashes."""
    names = [metric.name for metric in table.metrics]
    found = [["", "", *table.columns]]
    for row in _rows(table, shown):
        ours = ["/".join(filter(None, (shown(row.name, column, name) for name in names))) for column in table.columns]
        found += _pair(row.name, row.paper.split(), ours)
    return found


def _by_method(table: Table, shown: Shown) -> List[List[str]]:
    """The layout of Tables 5, 6 and 10 to 12: metrics across, everybody's methods down."""
    names = [metric.name for metric in table.metrics]
    found = [["", "", *names]]
    for row in table.rows:
        paper = ["-" if math.isnan(number) else f"{number:.1f}" for number in row.numbers(0)]
        found += _pair(row.name, paper, [shown(row.name, table.columns[0], name) for name in names])
    return found


def _pair(name: str, paper: List[str], ours: List[str]) -> List[List[str]]:
    """The paper's line and ours below it, without those that are empty."""
    both = [[whose, *words] for whose, words in (("paper", paper), ("ours", ours)) if any(words)]
    return [["" if place else name, *line] for place, line in enumerate(both)]


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
