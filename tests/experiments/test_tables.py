"""Every table is well formed, and its claims say of the paper's numbers what the paper says of them."""
from __future__ import annotations

import copy
import importlib
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterator, List

import numpy as np
import pytest

from integral_pose.tables import (
    AT_01,
    AT_05,
    AUC,
    MPJPE,
    PCKH,
    Claim,
    Row,
    Table,
    Values,
    beats,
    lead,
    loses_less,
    ordered,
    read_by_dark,
)

FOLDER = Path(__file__).resolve().parents[2] / "experiments"
MODULES = (importlib.import_module(f"experiments.{path.stem}") for path in sorted(FOLDER.glob("*.py")))
TABLES: Dict[str, Table] = {module.TABLE.name: module.TABLE for module in MODULES if hasattr(module, "TABLE")}
PRINTED = [(table, claim) for table in TABLES.values() for claim in table.claims if claim.in_paper is not None]

each_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
each_claim = pytest.mark.parametrize("table, claim", PRINTED, ids=[f"{table.name}: {c.text}" for table, c in PRINTED])


def holds(claim: Claim, values: Values) -> bool:
    return all(margin > 0 for margin in claim.margins(values))


def plants(table: Table, row: Row) -> Iterator[Table]:
    """The table with one number of a row replaced by the worst or the best there could be."""
    words = [word.split("/") for word in row.paper.split()]
    for column, numbers in enumerate(words):
        for metric in range(len(numbers)):
            for wrong in ("0", "1000"):
                planted = [[*numbers[:metric], wrong, *numbers[metric + 1:]] if c == column else w
                           for c, w in enumerate(words)]
                changed = replace(row, paper=" ".join("/".join(numbers) for numbers in planted))
                planted_in = copy.copy(table)  # not `replace`, which would prepare all claims again, thousands of times
                object.__setattr__(planted_in, "rows", tuple(changed if r is row else r for r in table.rows))
                yield planted_in


def test_the_tables_are_found() -> None:
    assert {f"table{number}" for number in (1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12)} <= set(TABLES)


@each_table
def test_a_module_is_named_as_its_table(table: Table) -> None:
    assert importlib.import_module(f"experiments.{table.name}").TABLE is table


@each_table
def test_runs_rows_columns_and_claims_are_distinct(table: Table) -> None:
    for names in (
        [run.key for row in table.rows for run in row.runs], [row.name for row in table.rows], table.columns,
        [metric.name for metric in (*table.metrics, *table.beside)], [claim.text for claim in table.claims],
    ):
        assert len(set(names)) == len(names)


@each_table
def test_every_row_fills_every_column_and_metric(table: Table) -> None:
    for row in table.rows:
        assert len(row.runs) == len(table.columns) or (not row.runs and row.paper)
        if row.paper:
            assert len(row.paper.split()) == len(table.columns)
            assert {len(row.numbers(column)) for column in range(len(table.columns))} == {len(table.metrics)}
    if table.costs:
        assert len(table.costs.flops) == len(table.costs.parameters) == len(table.columns)
    assert [(row.name, column) for row, column in table.cells()] == [
        (row.name, column) for row in table.rows if row.runs for column in range(len(table.columns))
    ]


@each_table
def test_percentages_are_percentages(table: Table) -> None:
    for row in table.rows:
        for column in range(len(table.columns)):
            for metric, number in zip(table.metrics, row.numbers(column)):
                assert metric.unit != "%" or 0 <= number <= 100


@each_claim
def test_a_claim_holds_on_the_papers_numbers_as_it_says(table: Table, claim: Claim) -> None:
    assert holds(claim, table.paper) == claim.in_paper


@each_claim
def test_one_wrong_number_in_any_of_its_rows_breaks_a_claim_and_others_do_not_matter(
    table: Table, claim: Claim
) -> None:
    assert set(claim.rows) <= {row.name for row in table.rows}
    for row in table.rows:
        # Margins name their rows, so of the others one wrong number shows what all would.
        planted = plants(table, row) if row.name in claim.rows else islice(plants(table, row), 1)
        results: List[Any] = [(holds(claim, p.paper), list(claim.margins(p.paper))) for p in planted]
        if row.name in claim.rows:
            assert any(margins != list(claim.margins(table.paper)) for _, margins in results)
            assert not all(held for held, _ in results)
        else:
            assert all(margins == list(claim.margins(table.paper)) for _, margins in results)


@each_claim
def test_margins_are_linear_in_the_values_and_take_arrays(table: Table, claim: Claim) -> None:
    def resampled(row: str, column: str, metric: str) -> Any:
        return table.paper(row, column, metric) * np.array([1.0, 2.0, -0.5])

    expected = np.array(claim.margins(table.paper))[:, None] * [1, 2, -0.5]
    np.testing.assert_allclose(np.array(claim.margins(resampled)), expected, atol=1e-9)


@each_table
def test_a_claim_without_numbers_of_the_papers_is_of_what_it_does_not_print(table: Table) -> None:
    printed = {row.name for row in table.rows if row.paper}

    def value(row: str, column: str, metric: str) -> float:
        assert row not in printed or metric in {beside.name for beside in table.beside}
        return 0.0

    for claim in table.claims:
        if claim.in_paper is None:
            assert len(claim.margins(value)) > 0


DARK = {name: dark for name, table in TABLES.items() for dark in [read_by_dark(table)] if dark}


def test_every_2d_table_with_a_heat_map_and_its_integral_is_read_by_dark() -> None:
    assert set(DARK) >= {"table1", "table2", "table3", "table4", "table5", "table6", "figure2"}
    assert not set(DARK) & {"table6_stages", "table7", "table8", "table9", "beyond_decoders"}
    assert [row.name for row in DARK["table1"].rows] == ["H1, DARK", "H1", "I1"]
    assert {row.name for row in DARK["table5"].rows} >= {"HG-H1, DARK", "HG-H1", "HG-I1"}
    first, *others = [row for row in TABLES["table1"].rows if row.name in ("H1", "I1")]
    renamed = replace(TABLES["table1"], rows=(first, replace(others[0], name="other"), *others), claims=())
    chosen = read_by_dark(renamed)
    assert chosen and chosen.rows[-1].name == "I1"  # its namesake, of two that start from it


@pytest.mark.parametrize("name, dark", DARK.items())
def test_reading_by_dark_trains_nothing_new(name: str, dark: Table) -> None:
    trained = {run.training.key for row in TABLES[name].rows for run in row.runs}
    assert {run.training.key for row in dark.rows for run in row.runs} <= trained
    assert [run.decoder for run in dark.rows[0].runs] == ["dark"] * len(dark.columns)
    assert read_by_dark(dark) is None and len(dark.claims) == len(dark.columns) * len(dark.rows) / 3
    assert all(claim.in_paper is None and len(claim.parts) == 1 for claim in dark.claims)


def test_sentences_of_the_paper_are_told_from_what_was_added() -> None:
    claims = {claim.text: claim for table in TABLES.values() for claim in table.claims}
    assert claims["I1 > H1 at every resolution in @0.1, AUC"].of_paper
    assert not claims["larger images and maps are better in every metric"].of_paper  # its own numbers contradict it
    assert not claims["I1 is the best of all in every metric"].of_paper
    assert not claims["H1 > I1 in AP50"].of_paper  # no sentence
    assert not claims["I2 is the best in Strategy 1"].of_paper
    assert not any(claim.of_paper for name in TABLES if name.startswith("beyond") for claim in TABLES[name].claims)


def test_every_quotation_is_in_the_paper_word_for_word(real_data: Path) -> None:
    """But for capitals, markup and what "..." leaves out."""
    papers = list((real_data.parents[1] / "paper").glob("*.md"))
    if not papers:
        pytest.skip(f"the paper's text is not in {real_data.parents[1] / 'paper'}")
    text = _plain(papers[0].read_text())
    quotes = {claim.quote for table in TABLES.values() for claim in table.claims if claim.quote}
    missing = [quote for quote in quotes if not re.search(_pattern(quote), text)]
    assert not missing and len(quotes) > 30


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[\\$*^{}]", "", text)).lower()


def _pattern(quote: str) -> str:
    """What is left out is at most some sentences."""
    return ".{0,1000}".join(re.escape(_plain(part).strip()) for part in quote.split("..."))


TINY = Table(
    "tiny", "", ("left", "right"), (Row("A", (), "1/2/3 4/5/6"), Row("B", (), "0.5/1/1.5 7/8/9"), Row("C", ()))
)


@pytest.mark.parametrize(
    "row, column, metric, number",
    [("A", "left", "@0.5", 1), ("A", "right", "AUC", 6), ("B", "left", "@0.1", 1), ("B", "right", "@0.5", 7)],
)
def test_the_papers_number_is_found_by_name(row: str, column: str, metric: str, number: float) -> None:
    assert TINY.paper(row, column, metric) == number


def test_a_row_the_paper_does_not_have_has_no_numbers() -> None:
    assert TINY.rows[2].numbers(0) == TINY.rows[2].numbers(1) == ()


def margins(claim: Claim) -> List[float]:
    """Of the claim, in the tiny table, on the numbers that stand there."""
    (planted,) = replace(TINY, claims=(claim,)).claims
    return planted.margins(TINY.paper)


def test_a_claim_is_of_every_column_unless_it_names_some() -> None:
    assert margins(beats("A", "B", AT_01, AUC, columns=("left",))) == [1, 1.5]
    assert margins(beats("A", "B", AT_05)) == [0.5, -3]
    assert margins(beats(("A", "B"), "B", AT_05, columns=("right",))) == [-3, 0]


def test_margins_add_up_as_on_paper() -> None:
    two = lead("A", "B", AUC, "left") - lead("A", "B", AT_05, "left") / 2
    assert margins(Claim("", (two,))) == [1.5 - 0.5 / 2]
    assert margins(Claim("", (lead("A", "B", AUC, "left", "right"),))) == [3 - 9]


def test_columns_are_ordered_and_losses_compared() -> None:
    assert margins(ordered("", ("right", "left"), ("A", "B"), AT_05)) == [3, 6.5]
    assert margins(loses_less("A", "B", AT_05, "left", "right", "it halves")) == [(0.5 - 7) - (1 - 4)]
    assert loses_less("A", "B", AT_05, "left", "right", "").presumes == lead("A", "A", AT_05, "left", "right")
    assert loses_less("A", "B", MPJPE, "left", "right", "it halves").text == "A loses less than B when it halves"


@pytest.mark.parametrize("claim, text", [
    (beats("A", "B", *PCKH), "A > B in every metric"), (beats("A", "B", MPJPE, where="at both"), "A < B at both"),
    (beats(("A", "B", "C"), ("D", "E"), AT_01, AUC), "A, B, C > D and E in @0.1, AUC"),
])
def test_a_claims_words_are_made_of_its_parts(claim: Claim, text: str) -> None:
    assert claim.text == text


@each_table
def test_no_claim_is_a_function_and_sentences_are_the_papers(table: Table) -> None:
    for claim in table.claims:
        assert all(term.column in table.columns for part in claim.parts for term in part.terms)
        assert claim.in_paper is not None or not claim.quote
