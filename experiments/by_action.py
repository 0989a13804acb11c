"""Shared by Tables 10 to 12: a line per method, a column per action of Human3.6M, other work above ours."""
from __future__ import annotations

from dataclasses import replace
from typing import Sequence, Tuple

from integral_pose.metrics.mpjpe import ACTIONS, HEADINGS
from integral_pose.tables import Claim, Metric, Row, beats

OURS = "Ours"


def columns(measure: Metric) -> Tuple[Metric, ...]:
    """The measure on each action's frames, in the paper's order, and on all frames."""
    actions = (replace(measure, name=heading, action=action) for heading, action in zip(HEADINGS, ACTIONS))
    return (*actions, replace(measure, name="Avg"))


def others(lines: str) -> Tuple[Row, ...]:
    """Other people's rows: on each line a name and the numbers that the paper prints for it."""
    return tuple(Row(name, (), numbers) for name, numbers in (line.split() for line in lines.split("\n") if line))


def best(rows: Sequence[Row], metrics: Sequence[Metric], quote: str) -> Tuple[Claim, ...]:
    """That ours is ahead of each row in all that it prints: in every action and the mean, or in the mean alone.

    Other people's numbers are on the paper's data, so these claims are held against the paper's numbers and not ours.
    """
    claims = []
    for row in rows:
        printed = [metric for metric, number in zip(metrics, row.numbers(0)) if number == number]  # nan is not itself
        where = "in every action and the mean" if len(printed) > 1 else "in the mean"
        claims.append(beats(OURS, row.name, *printed, where=where, quote=quote))
    return tuple(claims)
