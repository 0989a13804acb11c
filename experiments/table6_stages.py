"""The effect of each stage between an image and AP: Table 6's networks, with one stage left out at a time.

The paper has no such table. In the authors' release, joints of an integral have the score 1: rescoring multiplies by 1.
A map's mass near the joint is the confidence that `scripts.predict` gives.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Tuple

from experiments import table6
from integral_pose.run import Run
from integral_pose.tables import AP, AP50, AR, Row, Table, beats

LEFT_OUT: Dict[str, Dict[str, Any]] = {
    "all stages": {},
    "annotated boxes": {"boxes": "annotated"},
    "no NMS": {"suppressed": False},
    "no rescoring": {"rescored": False},
    "no flip test": {"flip_test": False},
}
COLUMNS = tuple(LEFT_OUT)


def _without_each(run: Run) -> Tuple[Run, ...]:
    return tuple(replace(run, **change) for change in LEFT_OUT.values())


PEAK, MASS, ONE = "I1", "I1, joints' scores: mass", "I1, joints' scores: 1"

TABLE = Table(
    name="table6_stages",
    caption="What the stages before and after the network are worth on COCO",
    topic="Stages of the COCO evaluation",
    columns=COLUMNS,
    rows=(
        Row("H1", _without_each(table6.H1)),
        Row(PEAK, _without_each(table6.I1)),
        Row(MASS, _without_each(replace(table6.I1, joint_score="mass"))),
        Row(ONE, _without_each(replace(table6.I1, joint_score="one"))),
    ),
    metrics=(AP, AP50, AR),
    claims=(
        beats(MASS, ONE, AP, columns=COLUMNS[:1], text="map mass as joints' score > 1 in AP", in_paper=None),
        beats(PEAK, MASS, AP, columns=COLUMNS[:1], text="map peak as joints' score > map mass in AP", in_paper=None),
    ),
    picture="scenes",
    phases=table6.TABLE.phases,
)

if __name__ == "__main__":
    from integral_pose.commands.table import main

    main(TABLE)
