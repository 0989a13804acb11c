"""The cells of a table: each row, column and seed is a run."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Iterator, NamedTuple

from integral_pose.evaluation.evaluate import outcome_file
from integral_pose.evaluation.submission import can_submit, submission
from integral_pose.profiles import PROFILES
from integral_pose.run import Run
from integral_pose.run_folder import Site
from integral_pose.tables import Table


class Cell(NamedTuple):
    """One run of a table, scaled by a profile."""

    row: str
    column: str
    run: Run
    submitted: bool  # to the data set's server

    def is_finished(self, site: Site) -> bool:
        submits = self.submitted and can_submit(self.run, site)
        return outcome_file(self.run, site).exists() and (not submits or submission(self.run, site).exists())


def cells(table: Table, profile: str, seeds: int, amp: bool) -> Iterator[Cell]:
    for seed in range(seeds):
        for row, index in table.cells():
            run = everywhere(PROFILES[profile](row.runs[index]), seed=seed, amp=amp)
            yield Cell(row.name, table.columns[index], run, table.submission)


def everywhere(run: Run, **changes: Any) -> Run:
    """The run with changes that what it starts from has too."""
    return replace(run, start=everywhere(run.start, **changes) if run.start else None, **changes)
