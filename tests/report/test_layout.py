"""The paper's layouts, from numbers that are words already."""
from __future__ import annotations

from dataclasses import replace

import pytest

from experiments import table1, table2, table6, table7, table10
from integral_pose.report import layout
from integral_pose.report.layout import Cost


def only(*rows: str):
    """Numbers of these rows alone, which say where they are from."""
    return {"ours": lambda row, column, metric: f"{row}:{metric}" if row in rows else ""}


def test_methods_across_and_metrics_down() -> None:
    lines = layout.lines(table1.TABLE, only("H1", "I1"), [])
    assert lines[0] == ["", "", "H1", "I1"]
    assert lines[1:3] == [["@0.5", "paper", "86.8", "87.3"], ["", "ours", "H1:@0.5", "I1:@0.5"]]
    assert len(lines) == 1 + 2 * 3


def test_settings_across_and_metrics_joined() -> None:
    lines = layout.lines(table2.TABLE, only("I1"), [])
    assert [line[:2] for line in lines[1:]] == [["I1", "paper"], ["", "ours"]]
    assert lines[2][2:] == ["I1:@0.5/I1:@0.1/I1:AUC"] * 4


def test_numbers_of_several_data_sets_stand_below_the_papers() -> None:
    both = {"synthetic": only("H1", "I1")["ours"], "photographs": only("I1")["ours"]}
    one, several = layout.lines(table1.TABLE, both, []), layout.lines(table2.TABLE, both, [])
    assert one[1:4] == [["@0.5", "paper", "86.8", "87.3"], ["", "synthetic", "H1:@0.5", "I1:@0.5"],
                        ["", "photographs", "", "I1:@0.5"]]
    assert [line[:2] for line in several[1:]] == [
        ["H1", "paper"], ["", "synthetic"], ["I1", "paper"], ["", "synthetic"], ["", "photographs"]
    ]


def test_other_people_stand_above_ours() -> None:
    lines = layout.lines(table10.TABLE, only("Ours"), [])
    assert [line[0] for line in lines[1:]] == [*(row.name for row in table10.TABLE.rows), ""]
    assert lines[-1][2] == "Ours:Dir." and len(lines[-1]) == 18


def test_without_a_number_of_ours_the_papers_are_shown() -> None:
    lines = layout.lines(table7.TABLE, only(), [])
    assert [line[:2] for line in lines[1:]] == [[row.name, "paper"] for row in table7.TABLE.rows]
    assert layout.beside(table7.TABLE, only()) == []


def test_what_was_measured_beside_is_joined_too() -> None:
    lines = layout.beside(table7.TABLE, only("H2"))
    assert lines[1:] == [["H2", "ours", *["H2:PA MPJPE/H2:PA MPJPE, scaled"] * 2]]


@pytest.mark.parametrize("flops, shown", [(7.250018, "7.3G"), (7.25, "7.3G"), (6.16, "6.2G"), (1.8449, "1.8G")])
def test_costs_are_rounded_from_the_two_decimals_of_the_csv(flops: float, shown: str) -> None:
    lines = layout.lines(table2.TABLE, only("H1", "I1"), [Cost(flops, 34.0, 25.56)] * 4)
    ours = {line[0] or line[1]: line[2] for line in lines[-5:]}
    assert lines[-4][2] == shown
    assert (ours["FLOPs"], ours["params"], ours["whole network"]) == ("7.3G", "26M", "34.0M")


def test_claims_that_are_not_the_papers_say_why() -> None:
    asides = {claim.text: layout.aside(claim) for claim in table6.TABLE.claims}
    assert asides["I1 > H1 in AP"] == "" and "no sentence" in asides["H1 > I1 in AP50"]
    assert "contradict" in layout.aside(replace(table6.TABLE.claims[0], in_paper=False))
    assert "prints no such" in layout.aside(replace(table6.TABLE.claims[0], in_paper=None))


def test_lines_are_aligned() -> None:
    assert layout.aligned([["", "", "a", "long"], ["H1", "paper", "22", "3"]]) == [
        "            a  long", "H1  paper  22     3"
    ]
