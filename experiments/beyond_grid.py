"""Where cell i of n lies: at (i + 0.5) / n, its centre, as everywhere here, or at i / n, as in the authors' release.

Public code has both conventions, and many questions about half a pixel. A network can be trained with either, since its
joints are compared with annotated joints and not with cells; evaluated on the other grid, it is off by half a cell. The
flip test is another matter. x becomes 1 - x whatever the grid. Mirroring cell by cell, i to n - 1 - i, as in a
reimplementation of the release, is right for cell centres and off by a whole cell for i / n, half of one after
averaging. A network that is evaluated on the wrong grid is off to the left in the original view, and equally far to the
right in the mirrored one: the flip test hides this error in x, but not in y. One network is trained for this, the
second half of I1.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Tuple

from experiments import beyond
from integral_pose.methods import I1
from integral_pose.run import Run
from integral_pose.tables import AUC, Claim, Row, Table, lead

COLUMNS = ("one view", "flip test", "flip test by cells")
ONE, FLIPPED, BY_CELLS = COLUMNS
CENTRE, INDEX, MIXED = "I1, centres", "I1, i / n", "I1, centres, read at i / n"


def _seen(run: Run) -> Tuple[Run, ...]:
    """Columns for one view and for two views with averaged joints."""
    return run, replace(run, flip_test=True), replace(run, flip_test=True, flip_in="cells")


def _better(row: str, column: str, other: str) -> Claim:
    return Claim(f"{row}: {column} > {other} in AUC", (lead(row, row, AUC, column, other),), in_paper=None)


TABLE = Table(
    name="beyond_grid",
    caption="Cells at their centres and at i / n, without and with the flip test",
    topic="Where a cell lies",
    columns=COLUMNS,
    rows=(
        Row(CENTRE, _seen(I1)),
        Row(INDEX, _seen(replace(I1, grid="index"))),
        Row(MIXED, _seen(replace(I1, read_grid="index"))),
    ),
    claims=(
        _better(CENTRE, FLIPPED, ONE),
        _better(INDEX, FLIPPED, ONE),
        _better(INDEX, FLIPPED, BY_CELLS),
        _better(MIXED, FLIPPED, ONE),
        *(beyond.expected(row, MIXED, (AUC,), (ONE,), f"{row} > {MIXED} in AUC, in one view")
          for row in (CENTRE, INDEX)),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
