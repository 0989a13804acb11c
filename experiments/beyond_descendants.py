"""What others made of the integral later, beside it and with the same number of images: losses and gradients.

Each keeps the network and changes what it is trained with. None of it is needed at test.

    RLE        residual log-likelihood (Li et al., ICCV 2021): a normalizing flow learns how errors are distributed
    sampling   sampling-argmax (Li et al., NeurIPS 2021): the mean error of 30 samples of a map, not that of its mean
    symmetric  AlphaPose's gradient (Fang et al., TPAMI 2022), which does not grow with a cell's coordinate
    JS         DSNT's divergence from a Gaussian (Nibali et al. 2018), from scratch and from H1's heat maps

The claims are what others found on COCO with a ResNet-50. In AP, heat maps have 70.4 and a soft-argmax that does not
start from them 64.5, with sampling 69.8, with JS 55.6; JS from heat maps has 67.4 in mmpose. RLE raises direct
regression by 12.4, past heat maps, and AlphaPose prefers its gradient to the integral's own. Our tables have PCKh: OKS,
which AP needs, has a constant for each joint, and COCO defines these for its joints, MPII does not.
"""
from __future__ import annotations

from dataclasses import replace

from experiments import beyond
from experiments.beyond_regularisers import JS
from integral_pose.methods import H1, I1, I_STAR, R1
from integral_pose.tables import AT_05, AUC, Row, Table

SAMPLING, SYMMETRIC = "I* + sampling", "I* + symmetric gradient"
JS_SCRATCH, JS_MAPS = "I* + JS, from scratch", "I1 + JS, from heat maps"

TABLE = Table(
    name="beyond_descendants",
    caption="Later losses and gradients for the integral, and for direct regression",
    topic="The integral's descendants",
    columns=(beyond.COLUMN,),
    rows=(
        Row("R1", (R1,)),
        Row("R1 + RLE", (replace(R1, loss="joint-rle"),)),
        Row("I*", (I_STAR,)),
        Row("I* + RLE", (replace(I_STAR, loss="joint-rle"),)),
        Row(SAMPLING, (replace(I_STAR, samples=30),)),
        Row(SYMMETRIC, (replace(I_STAR, gradient="symmetric"),)),
        Row(JS_SCRATCH, (replace(I_STAR, **JS),)),
        Row(JS_MAPS, (replace(I1, **JS),)),
        Row("H1", (H1,)),
        Row("I1", (I1,)),
    ),
    claims=(
        beyond.expected("R1 + RLE", "R1"),
        beyond.expected("I* + RLE", "I*"),
        beyond.expected("R1 + RLE", "I*"),
        beyond.expected(SAMPLING, "I*"),
        beyond.expected(SYMMETRIC, "I*"),
        beyond.expected(JS_MAPS, JS_SCRATCH),
        beyond.expected("H1", "I*", (AT_05, AUC)),  # of @0.1 the integer decoding of H1 decides: beyond_decoders
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
