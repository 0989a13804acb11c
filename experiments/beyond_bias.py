"""The integral's pull to the middle of the map, compensated: at test of a trained I1, or in training too.

Cells without the joint have logits near 0, so each has exp(0) / C of the softmax. Gu, Yang and Yao ("Removing the Bias
of Integral Pose Regression", ICCV 2021) remove that: x = C / (C - n) E - n / (C - n) / 2 in fractions of a map of n
cells, C = sum of exp(logit); `symbols.compensated` derives it. A well-known library omits the factor n and so
compensates almost nothing. Maps sharpened by 20 start almost without the pull, since C is e^15 where H1 is confident.
Training brings it: in quick, I1's peaks fall to 9, and n / C is 1.5 % for the median joint and over 8 % for one in ten.
But a network that was trained with the pull has learned to counteract it. So compensating at test overcorrects, the
more so because the formula assumes a background of 0 and it is -0.4.
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
