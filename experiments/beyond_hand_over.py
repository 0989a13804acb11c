"""How sharp the maps should be when an integral takes them over: I1 with H1's last layer multiplied by 1 to 60.

H1's maps have a peak of 1. The softmax over such a map is nearly flat: on 32 x 32 cells it keeps 0.8 % of a joint's
distance from the middle. For a map 10 times as high it is 85 to 96 %, for one 30 times as high all of it. The paper
does not mention this. One public reimplementation multiplies by 30, "otherwise I have no idea how to train I1"; the
quick profile by 20. Too large a factor leaves a softmax that is all in one cell, so that its gradient vanishes: an
integer argmax to start with.
"""
from __future__ import annotations

from dataclasses import replace

from experiments import beyond
from integral_pose.methods import I1
from integral_pose.tables import Row, Table

SCALES = {f"I1, x {factor}": float(factor) for factor in (1, 5, 10, 20, 30, 60)}
AS_IT_IS, BY_5, BY_10, BY_20, BY_30, BY_60 = SCALES

TABLE = Table(
    name="beyond_hand_over",
    caption="What H1's maps are multiplied by when I1 starts from them",
    topic="Sharpening before the integral",
    columns=(beyond.COLUMN,),
    rows=tuple(Row(name, (replace(I1, logit_scale=scale),)) for name, scale in SCALES.items()),
    claims=(
        *(beyond.expected(name, AS_IT_IS) for name in (BY_10, BY_20, BY_30)),
        beyond.expected(BY_20, BY_60),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
