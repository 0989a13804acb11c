"""A loss on the shape of an integral's maps beside the one on its joints: DSNT's regularisers (Nibali et al. 2018).

They push the softmax towards a Gaussian of one cell around the joint (Jensen-Shannon divergence, DSNT's choice), or
towards the width of one (variance). Later reports differ: on COCO sampling-argmax has 64.5 AP without, 60.6 with the
variance and 55.6 with the divergence, all from scratch; mmpose has 67.4 with the divergence against 63.3 with a heat
map loss, both from trained heat maps. So the initialisation may decide; this table has both. With training as short as
in quick, a Gaussian prior should help in both cases, since it is reported to speed up training (BCIR, Gu et al. 2023).

DSNT's coordinates run from -1 to 1 and its divergence has the weight 1, which is 1/2 beside ours from 0 to 1; it is
then about as large as the loss on joints. For the variance it depends on the unit: a weight of 0.01 makes it a sixth of
that.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

from experiments import beyond
from integral_pose.methods import I1, I_STAR
from integral_pose.tables import Row, Table

JS: Dict[str, Any] = {"regulariser": "js", "penalty": 0.5}
VARIANCE: Dict[str, Any] = {"regulariser": "variance", "penalty": 0.01}

TABLE = Table(
    name="beyond_regularisers",
    caption="Regularisers of an integral's maps",
    topic="Regularisers of maps",
    columns=(beyond.COLUMN,),
    rows=(
        Row("I*", (I_STAR,)),
        Row("I* + JS", (replace(I_STAR, **JS),)),
        Row("I1", (I1,)),
        Row("I1 + JS", (replace(I1, **JS),)),
        Row("I1 + variance", (replace(I1, **VARIANCE),)),
    ),
    claims=(beyond.expected("I* + JS", "I*"), beyond.expected("I1 + JS", "I1 + variance")),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
