"""Table 8: the hourglass of Pavlakos et al. [5], one stage and two, H1 and I1, on Human3.6M alone."""
from __future__ import annotations

from integral_pose.methods import H1, integral_of, on_human36m
from integral_pose.tables import MPJPE, PA_MPJPE, PA_MPJPE_SCALED, Claim, Row, Table, beats, every, ordered

COLUMNS = ("one stage, d = 64", "two stages, d = 1, 64")
ROWS = ("H1", "I1")
HEAT_MAPS = tuple(on_human36m(H1, backbone="coarse-to-fine", pretrained=False, stages=stages) for stages in (1, 2))

TABLE = Table(
    name="table8",
    caption="Coarse-to-fine hourglass; Human3.6M alone, Protocol 2, MPJPE in mm",
    topic="Coarse-to-fine volumes",
    columns=COLUMNS,
    rows=(
        Row("Coarse-to-Fine[5]", (), "85.8 69.8"),
        Row("H1", HEAT_MAPS, "85.5 68.0"),
        Row("I1", tuple(map(integral_of, HEAT_MAPS)), "78.7 64.1"),
    ),
    metrics=(MPJPE,),
    beside=(PA_MPJPE, PA_MPJPE_SCALED),
    claims=(
        # "our integral regression I1 further improves H1 at both stages"
        *(Claim(f"I1 < H1 with {column}", beats("I1", "H1", (MPJPE,), (column,)), ROWS) for column in COLUMNS),
        # "our baseline implementation H1 is strong enough that is already better than [5] at both stages", "I1 wins"
        Claim(
            "H1 and I1 < Coarse-to-Fine[5] at both stages",
            every(*(beats(row, "Coarse-to-Fine[5]", (MPJPE,), COLUMNS) for row in ROWS)),
            ("Coarse-to-Fine[5]", *ROWS),
        ),
        Claim("two stages < one", ordered(COLUMNS[::-1], ROWS, (MPJPE,)), ROWS),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
