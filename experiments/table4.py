"""Table 4: one to four stages, H1 and I1, on MPII validation."""
from __future__ import annotations

from dataclasses import replace

from integral_pose.methods import H1, integral_of
from integral_pose.tables import AT_01, AT_05, AUC, PCKH, Claim, Row, Table, beats, lead, ordered

COLUMNS = ("1", "2", "3", "4")
ROWS = ("MS-H1", "MS-I1")
HEAT_MAPS = tuple(replace(H1, stages=int(column)) for column in COLUMNS)
OUTPERFORMS = "integral regression outperforms its heat map based counterpart on all stages"
IMPROVES = "performance improves as stage increases"

TABLE = Table(
    name="table4",
    caption="Stages of a multi-stage ResNet-50",
    topic="Multi-stage networks",
    columns=COLUMNS,
    rows=(
        Row("MS-H1", HEAT_MAPS, "86.8/17.2/52.9 86.9/17.6/53.4 87.1/17.8/53.7 87.4/17.8/54.0"),
        Row("MS-I1", tuple(map(integral_of, HEAT_MAPS)), "87.3/29.3/58.3 87.7/32.0/59.5 87.8/32.4/59.9 88.1/32.3/60.1"),
    ),
    claims=(
        beats("MS-I1", "MS-H1", AT_01, AUC, where="at every stage", quote=OUTPERFORMS),
        beats("MS-I1", "MS-H1", AT_05, where="at every stage", quote=OUTPERFORMS),
        # in the paper's numbers @0.1 stands still from 3 to 4 stages
        ordered("more stages are better in @0.5, AUC", COLUMNS[::-1], ROWS, AT_05, AUC, quote=IMPROVES),
        ordered("more stages are better in every metric", COLUMNS[::-1], ROWS, *PCKH, quote=IMPROVES, in_paper=False),
        Claim("MS-I1 with 2 stages > MS-H1 with 4 in @0.5", (lead("MS-I1", "MS-H1", AT_05, "2", "4"),),
              quote="MS-I1 stage-2 result 87.7 is already better than MS-H1 state-4 result 87.4"),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
