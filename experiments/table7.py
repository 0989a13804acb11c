"""Table 7: heat maps, direct regression and integral regression on Human3.6M, without and with 2D people of MPII.

Which of these claims are held, undecided or not held on our numbers is in `results/PROFILE/table7-claims.csv`.
"""
from __future__ import annotations

from typing import Sequence, Tuple

from integral_pose.methods import H1, H2, I1, I2, I_STAR, R1, on_human36m
from integral_pose.run import Run
from integral_pose.tables import MPJPE, PA_MPJPE, PA_MPJPE_SCALED, Claim, Phases, Row, Table, beats, ordered

COLUMNS = ("Strategy 1", "Strategy 2")
METHODS = ("R1", "H1", "H2", "I*", "I1", "I2")
PAIRS = (("I*", "R1"), ("I1", "H1"), ("I2", "H2"))
IMPROVES = "integral regression significantly improves the baselines in both training strategies"
BEST = "for 3D task I* obtains the best performance"


def _both(method: Run) -> Tuple[Run, Run]:
    """Human3.6M alone, and mini-batches of half Human3.6M, half MPII."""
    return on_human36m(method), on_human36m(method, extra="mpii")


def _best(method: str, columns: Sequence[str], where: str, quote: str = BEST, in_paper: bool = True) -> Claim:
    others = [other for other in METHODS if other != method]
    return beats(method, others, MPJPE, columns=columns, text=f"{method} is the best {where}", quote=quote,
                 in_paper=in_paper)


TABLE = Table(
    name="table7",
    caption="Training on Human3.6M alone, or mixed with MPII; ResNet-50, Protocol 2, MPJPE in mm",
    topic="Mixed training in 3D",
    columns=COLUMNS,
    rows=(
        Row("R1", _both(R1), "106.6 56.2"),
        Row("H1", _both(H1), "99.5 63.6"),
        Row("H2", _both(H2), "80.4 59.3"),
        Row("I*", _both(I_STAR), "100.2 49.6"),
        Row("I1", _both(I1), "86.4 52.7"),
        Row("I2", _both(I2), "66.2 52.4"),
    ),
    metrics=(MPJPE,),
    phases=Phases(2, 2),  # with half as many steps, I* is level with R1 in Strategy 2 (docs/results.md)
    beside=(PA_MPJPE, PA_MPJPE_SCALED),
    claims=(
        *(beats(i, h, MPJPE, columns=(column,), where=f"in {column}", quote=IMPROVES)
          for column in COLUMNS for i, h in PAIRS),
        *(ordered(f"Strategy 2 < Strategy 1 for {method}", COLUMNS[::-1], (method,), MPJPE,
                  quote="all methods are significantly improved after using MPII data") for method in METHODS),
        _best("I*", COLUMNS[1:], "in Strategy 2"),
        _best("I2", COLUMNS[:1], "in Strategy 1", quote=""),  # the bold number; no sentence
        _best("I*", COLUMNS, "in both", in_paper=False),
    ),
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
