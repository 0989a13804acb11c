"""Table 9: image and heat map resolution on Human3.6M, H2 and I2."""
from __future__ import annotations

from experiments import table7
from experiments.table2 import COLUMNS, EVERYWHERE, MAP, SMALL_MAP, A, B, C, D, widens
from integral_pose.methods import H2, integral_of, on_human36m
from integral_pose.tables import MPJPE, PA_MPJPE, PA_MPJPE_SCALED, Claim, Row, Table, beats, lead, loses_less

LESS = "integral regression (I2) is much less affected by the resolution than heat map based method (H2)"
HEAT_MAPS = tuple(
    on_human36m(H2, extra="mpii", patch=patch, upsamplings=upsamplings)
    for patch, upsamplings in ((256, 3), (256, 2), (128, 3), (128, 2))
)


TABLE = Table(
    name="table9",
    caption="Image and heat map resolution in 3D; ResNet-50, Strategy 2, Protocol 2, MPJPE in mm",
    topic="Resolution in 3D",
    columns=COLUMNS,
    rows=(
        Row("H2", HEAT_MAPS, "59.3 61.5 66.6 86.4"),
        Row("I2", tuple(map(integral_of, HEAT_MAPS)), "52.4 51.7 57.1 60.9"),
    ),
    metrics=(MPJPE,),
    phases=table7.TABLE.phases,  # (a) has its runs
    beside=(PA_MPJPE, PA_MPJPE_SCALED),
    claims=(
        loses_less("I2", "H2", MPJPE, A, B, MAP, quote=LESS),
        loses_less("I2", "H2", MPJPE, C, D, SMALL_MAP, quote=LESS),
        loses_less("I2", "H2", MPJPE, B, D, "the image halves", quote=LESS),
        widens("I2", "H2", MPJPE),
        Claim(f"I2 gets better and H2 worse when {MAP}",
              (lead("I2", "I2", MPJPE, B, A), lead("H2", "H2", MPJPE, A, B)),
              quote="I2 even gets slightly better while H2 drops 2.2mm on MPJPE"),
        beats("I2", "H2", MPJPE, where="at every resolution", quote=EVERYWHERE),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
