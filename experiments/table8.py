"""Table 8: the hourglass of Pavlakos et al. [5], one stage and two, H1 and I1, on Human3.6M alone."""
from __future__ import annotations

from integral_pose.methods import H1, integral_of, on_human36m
from integral_pose.tables import MPJPE, PA_MPJPE, PA_MPJPE_SCALED, Row, Table, beats, ordered

COLUMNS = ("one stage, d = 64", "two stages, d = 1, 64")
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
        *(beats("I1", "H1", MPJPE, columns=(column,), where=f"with {column}",
                quote="our integral regression I1 further improves H1 at both stages") for column in COLUMNS),
        beats("H1", "Coarse-to-Fine[5]", MPJPE, where="at both stages",
              quote="our baseline implementation H1 is strong enough that is already better than [5] at both stages"),
        beats("I1", "Coarse-to-Fine[5]", MPJPE, where="at both stages", quote="Our I1 wins at both stages"),
        ordered("two stages < one", COLUMNS[::-1], ("H1", "I1"), MPJPE),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
