"""The cells of a table: each row, column and seed is a run."""
from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Iterator, Mapping, NamedTuple, Optional, Sequence

from integral_pose.errors import InputError
from integral_pose.evaluation.evaluate import outcome_file
from integral_pose.evaluation.submission import can_submit, submission
from integral_pose.profiles import scaled
from integral_pose.run import Run
from integral_pose.run_folder import Site
from integral_pose.tables import Table

LONGEST_NAME = 100  # of a variant, which is part of file names


class Cell(NamedTuple):
    """One run of a table, scaled by a profile."""

    row: str
    column: str
    run: Run
    submitted: bool  # to the data set's server

    def is_finished(self, site: Site) -> bool:
        submits = self.submitted and can_submit(self.run, site)
        return outcome_file(self.run, site).exists() and (not submits or submission(self.run, site).exists())


def cells(
    table: Table, profile: str, seeds: int, amp: bool, changes: Optional[Mapping[str, Any]] = None
) -> Iterator[Cell]:
    """The runs of a table in a profile, seed by seed.

    Args:
        changes: fields of `Run` that every run has otherwise than the profile gives it.

    Raises:
        InputError: a row cannot have these changes.
    """
    for seed in range(seeds):
        for row, index in table.cells():
            unchanged = scaled(row.runs[index], profile, table.phases)
            try:
                run = unchanged.everywhere(**{**(changes or {}), "seed": seed, "amp": amp})
            except ValueError as error:
                raise InputError(f"--set: {row.name} cannot have this: {error}. Leave the row out with --rows, or "
                                 "change something else.") from error
            yield Cell(row.name, table.columns[index], run, table.submission)


def changed(table: Table, rows: Sequence[str], changes: Mapping[str, Any]) -> Table:
    """A variant of the table: some of its rows, with a name and a caption that name the changes."""
    words = [f"{name}={value}" for name, value in changes.items()]
    name = "+".join([table.name, *words])
    if len(name) > LONGEST_NAME:
        name = f"{table.name}+{hashlib.sha256(name.encode()).hexdigest()[:10]}"
    kept = tuple(row for row in table.rows if row.name in rows)
    claims = tuple(claim for claim in table.claims if set(claim.rows) <= set(rows))
    caption = f"{table.caption}; CHANGED: {', '.join(words)}"
    return replace(table, name=name, caption=caption, rows=kept, claims=claims, costs=None)
