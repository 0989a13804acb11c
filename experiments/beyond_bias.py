"""The integral's pull to the middle of the map, compensated: at test of a trained I1, or in training too.

The cells that hold no joint have logits near 0, and so exp(0) / C of the softmax each. Gu, Yang and Yao ("Removing the
Bias of Integral Pose Regression", ICCV 2021) take that out: x = C / (C - n) E - n / (C - n) / 2 in fractions of a map
of n cells, C = sum of exp(logit); `symbols.compensated` derives it. A well-known library's form of it
lacks the factor n, and so compensates next to nothing. Maps that were sharpened by 20 begin almost without the pull: C
is e^15 where H1 is sure. It comes with training: in quick I1's peaks come down to 9, and n / C is 1.5 % for the median
joint and over 8 % for one in ten. But a network that was trained with it has learned to make up for it, so that to
compensate at test overdoes it, the more as the background leaves 0, on which the formula counts (-0.4 there).
"""
from __future__ import annotations

from dataclasses import replace

from experiments import beyond
from integral_pose.methods import I1
from integral_pose.tables import Row, Table

FLAT = replace(I1, logit_scale=5.0)
PULLED, AT_TEST, IN_TRAINING = "I1, x 5", "I1, x 5, compensated at test", "I1, x 5, compensated"

TABLE = Table(
    name="beyond_bias",
    caption="I1 with its pull to the middle of the map compensated",
    topic="Pull to the middle",
    columns=(beyond.COLUMN,),
    rows=(
        Row("I1, x 20", (replace(I1, logit_scale=20.0),)),
        Row("I1, x 20, compensated at test", (replace(I1, logit_scale=20.0, compensated_test=True),)),
        Row(PULLED, (FLAT,)),
        Row(AT_TEST, (replace(FLAT, compensated_test=True),)),
        Row(IN_TRAINING, (replace(FLAT, compensated=True),)),
    ),
    claims=(
        beyond.expected(IN_TRAINING, PULLED),
        beyond.expected("I1, x 20", "I1, x 20, compensated at test"),
        beyond.expected(PULLED, AT_TEST),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
