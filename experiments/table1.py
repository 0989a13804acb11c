"""Table 1: heat maps, direct regression and integral regression on MPII validation, ResNet-50.

    make table1                                        synthetic people, minutes
    make table1 PROFILE=paper DATA=/data GPUS=0,1,2,3  the paper's experiment on MPII

Expected in the quick profile: every claim about @0.1 and AUC holds; `results/quick/table1.csv` has the numbers.
"""
from __future__ import annotations

from integral_pose.methods import H1, H2, H3, I1, I2, I3, I_STAR, R1
from integral_pose.tables import AT_01, AT_05, AUC, PCKH, Claim, Metric, Row, Table, beats, every

COLUMN = "ResNet-50"


def _beats(better: str, worse: str, *metrics: Metric) -> Claim:
    names = ", ".join(metric.name for metric in metrics)
    return Claim(f"{better} > {worse} in {names}", beats(better, worse, metrics, (COLUMN,)), (better, worse))


TABLE = Table(
    name="table1",
    caption="Heat maps, direct regression and integral regression, ResNet-50",
    topic="Heat maps, regression, integrals",
    columns=(COLUMN,),
    rows=(
        Row("R1", (R1,), "84.6/25.0/54.1"),
        Row("H1", (H1,), "86.8/17.2/52.9"),
        Row("H2", (H2,), "86.4/17.6/53.1"),
        Row("H3", (H3,), "83.0/12.6/46.3"),
        Row("I*", (I_STAR,), "86.0/28.3/56.6"),
        Row("I1", (I1,), "87.3/29.3/58.3"),
        Row("I2", (I2,), "86.9/29.7/58.3"),
        Row("I3", (I3,), "86.6/29.1/57.7"),
    ),
    claims=(
        # "all integral regression methods (I1, I2, I3) clearly outperform their heat map based counterpart"
        _beats("I1", "H1", AT_01, AUC),
        _beats("I2", "H2", AT_01, AUC),
        _beats("I3", "H3", AT_01, AUC),
        _beats("I1", "H1", AT_05),
        _beats("I2", "H2", AT_05),
        _beats("I3", "H3", AT_05),
        # "The improvement is especially significant on PCKh@0.1"
        Claim(
            "I1 gains more over H1 in @0.1 than in @0.5",
            lambda v: [
                (v("I1", COLUMN, "@0.1") - v("H1", COLUMN, "@0.1"))
                - (v("I1", COLUMN, "@0.5") - v("H1", COLUMN, "@0.5"))
            ],
            ("I1", "H1"),
        ),
        # "Among the three heat map based methods, H3 performs the worst"
        Claim(
            "H3 is the last of H1, H2, H3 in @0.1, AUC",
            every(beats("H1", "H3", (AT_01, AUC), (COLUMN,)), beats("H2", "H3", (AT_01, AUC), (COLUMN,))),
            ("H1", "H2", "H3"),
        ),
        Claim(
            "H3 is the last of H1, H2, H3 in @0.5",
            every(beats("H1", "H3", (AT_05,), (COLUMN,)), beats("H2", "H3", (AT_05,), (COLUMN,))),
            ("H1", "H2", "H3"),
        ),
        # "It outperforms R1, indicating that integral regression is better than direct regression"
        _beats("I*", "R1", AT_01, AUC),
        _beats("I*", "R1", AT_05),
        # "I* ... outperforms H1/H2/H3 on PCKh@0.1 and AUC"
        Claim(
            "I* > H1, H2, H3 in @0.1, AUC",
            every(*(beats("I*", h, (AT_01, AUC), (COLUMN,)) for h in ("H1", "H2", "H3"))),
            ("I*", "H1", "H2", "H3"),
        ),
        # "joint training of heat maps and joint coordinate prediction ... works best (I>H,R,I*)"
        Claim(
            "I1, I2, I3 > R1 and I* in @0.1, AUC",
            every(*(beats(i, o, (AT_01, AUC), (COLUMN,)) for i in ("I1", "I2", "I3") for o in ("R1", "I*"))),
            ("I1", "I2", "I3", "R1", "I*"),
        ),
        Claim(
            "I1, I2, I3 > R1 and I* in @0.5",
            every(*(beats(i, o, (AT_05,), (COLUMN,)) for i in ("I1", "I2", "I3") for o in ("R1", "I*"))),
            ("I1", "I2", "I3", "R1", "I*"),
        ),
        # "(I*>H, I*>R)" without a metric; at @0.5 the table itself has H1 and H2 above I*
        Claim(
            "I* > H1, H2, H3 in every metric",
            every(*(beats("I*", h, PCKH, (COLUMN,)) for h in ("H1", "H2", "H3"))),
            ("I*", "H1", "H2", "H3"),
            in_paper=False,
        ),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
