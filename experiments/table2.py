"""Table 2: two image sizes and two heat map sizes, H1 and I1, with multiply-adds and parameters."""
from __future__ import annotations

from dataclasses import replace

from integral_pose.methods import H1, integral_of
from integral_pose.tables import AT_01, AUC, PCKH, Claim, Costs, Metric, Row, Table, loses_less, ordered

COLUMNS = ("(a) 256 -> 64", "(b) 256 -> 32", "(c) 128 -> 32", "(d) 128 -> 16")
A, B, C, D = COLUMNS
ROWS = ("H1", "I1")
HEAT_MAPS = tuple(
    replace(H1, patch=patch, upsamplings=upsamplings) for patch, upsamplings in ((256, 3), (256, 2), (128, 3), (128, 2))
)


def _loses_less(large: str, small: str, metric: Metric, what: str) -> Claim:
    margins = loses_less("I1", "H1", metric, large, small)
    return Claim(f"I1 loses less {metric.name} than H1 when {what}", margins, ROWS)


TABLE = Table(
    name="table2",
    caption="Image and heat map resolution, ResNet-50",
    topic="Resolution in 2D",
    columns=COLUMNS,
    rows=(
        Row("H1", HEAT_MAPS, "86.7/28.0/57.7 86.8/17.2/52.9 81.6/13.6/46.6 75.4/5.6/34.1"),
        Row("I1", tuple(map(integral_of, HEAT_MAPS)), "86.6/32.1/58.9 87.3/29.3/58.3 83.2/20.6/50.7 80.9/16.1/47.2"),
    ),
    claims=(
        # "I1 only drops 0.6 in AUC while H1 drops 4.8", "3.5 ... 12.5", "11.1 ... 18.8"
        _loses_less(A, B, AUC, "the map of a large image halves"),
        _loses_less(C, D, AUC, "the map of a small image halves"),
        _loses_less(B, D, AUC, "the image halves"),
        _loses_less(A, B, AT_01, "the map of a large image halves"),
        # "using large image size and heat map size obtains better accuracy, under all cases"
        Claim("larger images and maps are better in @0.1, AUC", ordered(COLUMNS, ROWS, (AT_01, AUC)), ROWS),
        Claim("larger images and maps are better in every metric", ordered(COLUMNS, ROWS, PCKH), ROWS, in_paper=False),
    ),
    costs=Costs(flops=(7.3, 6.2, 1.8, 1.5), parameters=(26, 26, 26, 26)),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
