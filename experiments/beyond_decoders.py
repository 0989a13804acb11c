"""Decoders of H1 beside I1, at three sizes of the map: how much of the integral's lead comes from decoding?

The paper does not say how H1's maps are decoded; rounding to a cell gives its H1 numbers, a quarter cell does not.
Rounding alone limits @0.1: on maps of 32 cells, a perfect network reaches 32 % on MPII's validation people, and 98 %
with the best position within the cell. Others move the joint by a quarter of a cell (Newell et al., on maps of 64
cells) or to the top of a Gaussian by a second-order fit (DARK, Zhang et al., CVPR 2020: the smaller the map, the more
it gains). Nobody has published the paper's H1 at 32 or 16 cells with any of them. No network is trained for this: the
runs are Table 2's.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Dict

from experiments import beyond, table2
from integral_pose.methods import integral_of
from integral_pose.run import Decoder
from integral_pose.tables import AUC, Claim, Margin, Row, Table, lead, loses_less

COLUMNS = (table2.A, table2.B, table2.D)
LARGE, MIDDLE, SMALL = COLUMNS
HEAT_MAPS = tuple(run for run, column in zip(table2.HEAT_MAPS, table2.COLUMNS) if column in COLUMNS)
ROWS: Dict[Decoder, str] = {
    "integer": "H1, integer", "quarter": "H1, quarter", "dark": "H1, DARK", "local": "H1, local",
}
INTEGER, QUARTER, DARK, LOCAL = ROWS.values()


def _ahead(column: str) -> Margin:
    """By how much DARK's AUC is above the middle between H1's, integer, and I1's."""
    return (lead(DARK, INTEGER, AUC, column) - lead("I1", DARK, AUC, column)) / 2


TABLE = Table(
    name="beyond_decoders",
    caption="Decoders of H1 at three map sizes, and I1",
    topic="Better heat map decoders",
    columns=COLUMNS,
    phases=table2.TABLE.phases,
    rows=(
        *(Row(name, tuple(replace(run, decoder=kind) for run in HEAT_MAPS)) for kind, name in ROWS.items()),
        Row("I1", tuple(map(integral_of, HEAT_MAPS))),
    ),
    claims=(
        *(beyond.expected(name, INTEGER) for name in (QUARTER, DARK, LOCAL)),
        beyond.expected(DARK, QUARTER),
        # rounding costs the more the larger a cell is
        loses_less(DARK, INTEGER, AUC, LARGE, MIDDLE, "the map halves", in_paper=None),
        loses_less(DARK, INTEGER, AUC, MIDDLE, SMALL, "the image halves", in_paper=None),
        # what Table 2 says of I1 and H1, as it is between networks that both place a joint within a cell
        loses_less("I1", DARK, AUC, LARGE, MIDDLE, "the map halves", in_paper=None),
        loses_less("I1", DARK, AUC, MIDDLE, SMALL, "the image halves", in_paper=None),
        Claim("DARK makes up for more than half of what I1 is ahead of integer in AUC at every size",
              tuple(map(_ahead, COLUMNS)), in_paper=None),
        # what is left is the joint training that the paper gives as its reason
        beyond.expected("I1", DARK),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
