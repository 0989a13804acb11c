"""Figure 2: PCKh of H1, R1, I* and I1 as the threshold grows from 0 to 0.5; the runs are Table 1's."""
from __future__ import annotations

from integral_pose.methods import H1, I1, I_STAR, R1
from integral_pose.tables import Metric, Row, Table

TABLE = Table(
    name="figure2",
    caption="PCKh as its threshold grows, ResNet-50",
    topic="PCKh at every threshold",
    columns=("ResNet-50",),
    rows=(Row("H1", (H1,)), Row("R1", (R1,)), Row("I*", (I_STAR,)), Row("I1", (I1,))),
    metrics=tuple(Metric(f"@{0.05 * i:.2f}", "%") for i in range(11)),
    picture="curves",
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
