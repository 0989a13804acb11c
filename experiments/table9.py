"""Table 9: image and heat map resolution on Human3.6M, H2 and I2."""
from __future__ import annotations

from integral_pose.methods import H2, integral_of, on_human36m
from integral_pose.tables import MPJPE, PA_MPJPE, PA_MPJPE_SCALED, Claim, Row, Table, beats, loses_less

COLUMNS = ("(a) 256 -> 64", "(b) 256 -> 32", "(c) 128 -> 32", "(d) 128 -> 16")
A, B, C, D = COLUMNS
ROWS = ("H2", "I2")
HEAT_MAPS = tuple(
    on_human36m(H2, extra="mpii", patch=patch, upsamplings=upsamplings)
    for patch, upsamplings in ((256, 3), (256, 2), (128, 3), (128, 2))
)


def _loses_less(large: str, small: str, what: str) -> Claim:
    return Claim(f"I2 loses less than H2 when {what}", loses_less("I2", "H2", MPJPE, large, small), ROWS)


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
    beside=(PA_MPJPE, PA_MPJPE_SCALED),
    claims=(
        # "integral regression (I2) is much less affected by the resolution than heat map based method (H2)"
        _loses_less(A, B, "the map of a large image halves"),
        _loses_less(C, D, "the map of a small image halves"),
        _loses_less(B, D, "the image halves"),
        # "I2 even gets slightly better while H2 drops"
        Claim("I2 gets better when the map of a large image halves",
              lambda v: [v("I2", A, MPJPE.name) - v("I2", B, MPJPE.name)], ("I2",)),
        Claim("I2 < H2 at every resolution", beats("I2", "H2", (MPJPE,), COLUMNS), ROWS),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
