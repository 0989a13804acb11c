"""Claims against measured numbers: held, undecided or not held; and the file beside a table that has them."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from integral_pose.errors import InputError
from integral_pose.storage import csv_files
from integral_pose.tables import Claim, Table

HELD, UNDECIDED, NOT_HELD = OUTCOMES = ("held", "undecided", "not held")
COLUMNS = (
    "table", "claim", "paper_sentence", "holds_in_paper", "verdict", "margin", "low", "high", "seed_margins", "note",
)


def _seeds(text: str) -> Tuple[float, ...]:
    return tuple(map(float, text.split()))


KINDS: csv_files.Kinds = {"claim": str, "margin": float, "low": float, "high": float}
LATER: csv_files.Kinds = {"seed_margins": _seeds}  # columns that files of earlier versions do not have


@dataclass(frozen=True)
class Verdict:
    """A claim's smallest margin on our numbers, in the metric's unit.

    The margin is of the mean over the seeds, the interval holds 95 % of the resamplings of the test people. It is of
    the smallest margin in each resampling: with many close margins it lies lower than any of theirs. `seeds` are the
    smallest margins of each seed alone; there are none where only the mean was published.
    """

    claim: Claim
    margin: float
    low: float
    high: float
    seeds: Tuple[float, ...] = ()

    @property
    def outcome(self) -> str:
        """One of OUTCOMES: undecided if the interval has 0 in it, or if margin, interval and seeds differ in sign."""
        numbers = (self.margin, self.low, self.high, *self.seeds)
        if all(number > 0 for number in numbers):
            return HELD
        return NOT_HELD if all(number < 0 for number in numbers) else UNDECIDED


def write(table: Table, found: Sequence[Tuple[Verdict, str]], path: Path) -> None:
    """One line a claim, from verdicts with what a reader should know beside each."""
    csv_files.write(path, COLUMNS, (
        (table.name, v.claim.text, v.claim.of_paper, _printed(v.claim), v.outcome,
         *(f"{number:.2f}" for number in (v.margin, v.low, v.high)), " ".join(f"{n:.2f}" for n in v.seeds), note)
        for v, note in found
    ))


def _printed(claim: Claim) -> str:
    """Whether the claim is true of the paper's own numbers; empty where it prints none."""
    return "" if claim.in_paper is None else str(claim.in_paper)


def read(table: Table, path: Path, remedy: str) -> List[Verdict]:
    """Inverse of `write`, without the notes.

    Raises:
        InputError: the file is damaged, or of another version of the table.
    """
    claims: Dict[str, Claim] = {claim.text: claim for claim in table.claims}
    found: List[Verdict] = []
    for line in csv_files.read(path, KINDS, remedy, LATER):
        text, *numbers = line.values()
        if text not in claims:
            raise InputError(f'{path}: {table.name} has no claim "{text}". {remedy}')
        found.append(_verdict(claims[text], numbers))
    return found


def _verdict(claim: Claim, numbers: Sequence[Any]) -> Verdict:
    margin, low, high, seeds = numbers
    return Verdict(claim, margin, low, high, seeds or ())
