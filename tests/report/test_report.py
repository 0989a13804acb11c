"""The report: every table on both pages, numbers as in the CSV files, a page that stands alone, damage named."""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import pytest

from experiments import beyond_decoders, figure2, table1, table2, table7, table9, table10
from integral_pose.commands import report
from integral_pose.errors import InputError
from integral_pose.report import curves, numbers, page, prose, rendering, text, verdicts
from integral_pose.report.drawing import charts, figures
from integral_pose.skeletons import HUMAN36M
from integral_pose.storage import csv_files
from integral_pose.tables import Claim, Table, lead, read_by_dark
from integral_pose.viewer import page as viewer
from tests.viewer.chromium import browser

ROOT = Path(__file__).resolve().parents[2]
QUICK = ROOT / "results" / "quick"
TABLES = report.tables()
VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """Elements with their attributes; demands that each is closed, in the right order."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.elements: List[Tuple[str, Dict[str, str]]] = []
        self.open: List[str] = []
        self.words = ""
        self.styles = ""
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, str]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.styles += data
        else:
            self.words += data

    def of(self, name: str) -> List[Dict[str, str]]:
        return [attributes for element, attributes in self.elements if element == name]


def curved(folder: Path) -> None:
    """Adds what a table writes of its curves to a results folder."""
    lines = [("I1", "ResNet-50", seed, phase, "k", step, 7 / step, 5 / step, 90 / step)
             for seed in (0, 1) for phase in (1, 2) for step in (10, 20, 30)]
    csv_files.write(folder / "table1-training.csv", tuple(curves.VALIDATION), lines)
    points = [(row, "ResNet-50", i / 100, i * 1.5) for row in ("H1", "I1") for i in range(51)]
    csv_files.write(folder / "table1-curves.csv", tuple(curves.POINT), points)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the committed results, with made-up curves of Table 1 alone, and without 3D poses."""
    root = tmp_path_factory.mktemp("results")
    left_out = shutil.ignore_patterns("*-training.csv", "*-curves.csv", "*-poses.json")
    shutil.copytree(QUICK, root / "quick", ignore=left_out)
    curved(root / "quick")
    return root


@pytest.fixture(scope="module")
def made(results: Path) -> Page:
    _, html = report.report(results, "quick")
    assert html == results / "report" / "index.html"
    return Page(html.read_text(encoding="utf-8"))


def drawn(macro: str, *values: object) -> str:
    """What a macro of charts.html makes of these values."""
    return str(getattr(rendering.ENVIRONMENT.get_template("charts.html").module, macro)(*values))


def read(folder: Path = QUICK) -> List[numbers.Numbers]:
    return [numbers.read(table, folder) for table in TABLES]


# ---------------------------------------------------------------- RESULTS.md


def test_the_committed_results_are_those_of_the_committed_csv_files() -> None:
    photos = [numbers.read(table, ROOT / "results" / "photos", True, "photos") for table in TABLES]
    expected = page.markdown(read(), "quick", photos)
    assert (ROOT / "RESULTS.md").read_text(encoding="utf-8") == expected, "run make report"


def test_every_table_of_the_paper_is_there_in_its_order() -> None:
    names = [table.name for table in TABLES]
    assert [n for n in names if re.fullmatch(r"(table|figure)\d+", n)] == [
        *(f"table{i}" for i in range(1, 13) if (ROOT / f"experiments/table{i}.py").exists()), "figure2"
    ]
    headings = re.findall(r"(?m)^## (.*?):", page.markdown(read(), "quick"))
    assert headings == [n.title for n in read()]
    assert numbers.Numbers(replace(table1.TABLE, name="table6_stages")).title == "Table 6, stages"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_number_is_that_of_the_csv(table: Table) -> None:
    found = numbers.read(table, QUICK)
    section = page.markdown([found], "quick")
    if not (QUICK / f"{table.name}.csv").exists():
        assert f"make {table.name}" in section and "```" not in section
        return
    shown = re.findall(r"\d+\.\d", section.split("```")[1])
    for (row, column, metric), number in found.measured.items():
        if metric in [m.name for m in table.metrics]:
            assert f"{number.ours:.1f}" in shown, (row, column, metric)
    for verdict in found.verdicts:
        assert f"{verdict.margin:+.2f}" in section and verdict.claim.text in section


def test_signatures_name_every_run_and_what_differs_between_rows() -> None:
    found = numbers.read(table1.TABLE, QUICK)
    section = page.markdown([found], "quick")
    for cell in found.cells().values():
        assert cell.keys in section and cell.commit in section
    assert "decode: argmax: H1, H2, H3\n" in section and "|decode" not in section


def test_a_protocol_of_some_columns_only_is_named_with_them() -> None:
    def number(protocol: str) -> numbers.Number:
        return numbers.Number(1.0, 0.5, 1.5, "0", "d", protocol, "k", "c")

    said = {("a", "x"): "p|one", ("a", "y"): "p|two", ("b", "x"): "p|two", ("b", "y"): "p|two"}
    found = numbers.Numbers(table1.TABLE, {(*where, "AUC"): number(words) for where, words in said.items()})
    assert text.protocols(found) == ("p", {"one": ["a x"], "two": ["a y", "b"]})


def test_claims_on_other_peoples_numbers_are_not_judged() -> None:
    found = numbers.read(table10.TABLE, QUICK)
    assert len(found.unjudged()) == len(table10.TABLE.claims)
    assert text.tally([found]) == (0, 0, 0, len(table10.TABLE.claims)) and not text.tally([found], of_paper=False)
    assert {why for _, why in found.unjudged()} == {"other people's numbers are on the paper's data"}
    untrained = numbers.Numbers(table1.TABLE)
    assert {why for _, why in untrained.unjudged()} == {"not all of its rows are trained, or not with the same seeds"}
    judged = numbers.read(table1.TABLE, QUICK)
    newer = replace(judged, verdicts=judged.verdicts[1:])
    assert [why for _, why in newer.unjudged()] == ["added after these numbers were published: make table1 judges it"]


# ---------------------------------------------------------------- the page


def test_every_table_has_a_section_and_every_link_leads_to_one(made: Page) -> None:
    anchors = [attributes["id"] for _, attributes in made.elements if "id" in attributes]
    assert len(anchors) == len(set(anchors))
    assert {table.name for table in TABLES} <= set(anchors)
    targets = [attributes["href"] for attributes in made.of("a")]
    assert {target[1:] for target in targets if target.startswith("#")} <= set(anchors)
    assert {target for target in targets if not target.startswith("#")} == {page.PAPER}
    labelled = [attributes["aria-labelledby"] for attributes in made.of("section") if "aria-labelledby" in attributes]
    assert labelled and set(labelled) <= set(anchors)


def test_the_page_stands_alone(made: Page) -> None:
    assert not made.of("script") and not made.of("iframe")
    assert all(attributes["src"].startswith("data:image/") for attributes in made.of("img"))
    assert all(attributes["href"] == "data:," for attributes in made.of("link"))
    assert ".scroll" in made.styles and "url(" not in made.styles and "@import" not in made.styles
    policy = next(a["content"] for a in made.of("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


@pytest.fixture(scope="module")
def turning(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with the poses of Table 7, made up."""
    root = tmp_path_factory.mktemp("turning")
    shutil.copytree(QUICK, root / "quick", ignore=shutil.ignore_patterns("table[1-689]*", "table1[0-2]*", "beyond*"))
    rng = np.random.default_rng(0)
    kept = viewer.Page('</iframe>"<b>', HUMAN36M, "annotated")
    for number in range(4):
        poses = [viewer.Pose(name, rng.uniform(10, 80, (18, 2)), rng.uniform(-800, 800, (18, 3)), np.ones(18))
                 for name in ("annotated", "I1")]
        kept.add(f"Walking: I{number}", None, np.full((90, 90, 3), 99, np.uint8), poses)
    (root / "quick" / "table7-poses.json").write_text("".join(kept.content()))
    return report.report(root, "quick")[1]


def test_3d_tables_have_the_viewer_with_their_poses(turning: Path, made: Page) -> None:
    shown = Page(turning.read_text(encoding="utf-8"))
    (frame,) = shown.of("iframe")
    assert frame["title"] == "Poses of Table 7 that can be turned" and frame["sandbox"] == "allow-scripts"
    assert r'\u003c/iframe>\"' in frame["srcdoc"] and not shown.of("script")
    policies = [a["content"] for of in (shown, made) for a in of.of("meta") if "http-equiv" in a]
    assert "script-src 'sha256-" in policies[0] and "unsafe-inline" not in policies[0].partition("script-src")[2]
    assert "script-src" not in policies[1]  # of a page without poses


def test_the_viewer_in_the_page_draws_and_its_slider_moves(turning: Path, tmp_path: Path) -> None:
    with browser(tmp_path / "profile") as chromium:
        for width, height in ((1440, 900), (390, 844)):
            chromium.open(turning, width, height)
            assert chromium.value("document.documentElement.scrollWidth") <= width
            chromium.value("turn = document.querySelector('.turn'); turn.open = true; turn.scrollIntoView(); "
                           "new Promise(done => setTimeout(done, 1500))")
            picture = chromium.ask("Page.captureScreenshot")["data"]
            x, y = chromium.value("(() => { const b = document.querySelector('.turn iframe').getBoundingClientRect(); "
                                  "return [b.x + b.width / 2, b.y + b.height / 2]; })()")
            for kind in ("mousePressed", "mouseReleased"):
                chromium.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            for kind in ("keyDown", "keyUp"):
                chromium.ask("Input.dispatchKeyEvent", type=kind, key="ArrowRight")
            chromium.value("new Promise(done => setTimeout(done, 500))")
            assert chromium.ask("Page.captureScreenshot")["data"] != picture


def test_it_can_be_read_without_seeing_it(made: Page) -> None:
    pictures = [table for table in TABLES if (QUICK / f"{table.name}.jpg").exists()]
    assert len(made.of("img")) == len(pictures) and all(len(attributes["alt"]) > 20 for attributes in made.of("img"))
    assert all(attributes["scope"] in ("col", "row", "colgroup", "rowgroup") for attributes in made.of("th"))
    for attributes in made.of("svg"):
        assert attributes.get("aria-hidden") or (attributes["role"] == "img" and len(attributes["aria-label"]) > 20)
    names = [name for name, _ in made.elements]
    assert all(names.count(name) == 1 for name in ("header", "nav", "main", "footer", "h1"))
    assert made.of("a")[0] == {"href": "#main", "class": "skip"}
    assert all(a["aria-label"] and a["role"] == "region" for _, a in made.elements if a.get("class") == "scroll")


def test_an_outcome_is_a_word_and_an_icon(made: Page) -> None:
    shown = [one for found in read() for one in (found, found.dark) if one]
    verdicts = [verdict for one in shown for verdict in one.verdicts]
    unjudged = [claim for found in read() for claim in found.unjudged()]
    for mark, outcome in (("✓", "held"), ("?", "undecided"), ("✗", "not held")):
        assert made.words.count(f"{mark} {outcome}") == sum(verdict.outcome == outcome for verdict in verdicts)
    assert made.words.count("– not judged") == len(unjudged) > 0


def test_curves_are_drawn_where_there_are_any(made: Page) -> None:
    anchors = {attributes["id"] for _, attributes in made.elements if "id" in attributes}
    kinds = {anchor for anchor in anchors if anchor.split("-")[-1] in page.DRAWN}
    assert kinds == {
        "figure2-distance", "table1-distance", "table2-resolution", "table9-resolution", "beyond_decoders-resolution",
        "table1-training"
    }


def test_deviations_are_on_the_page(made: Page) -> None:
    source = (ROOT / "docs" / "deviations.md").read_text(encoding="utf-8")
    first_cells = re.findall(r"(?m)^\| ([^|`*]+?) \|", source)
    assert len(first_cells) > 20 and all(cell in made.words for cell in first_cells)


def test_tables_without_files_are_named_and_show_the_papers_numbers(tmp_path: Path) -> None:
    (tmp_path / "quick").mkdir()
    shutil.copy(QUICK / "table2.csv", tmp_path / "quick")
    paths = report.report(tmp_path, "quick", tmp_path / "out")
    assert paths == [tmp_path / "out" / "RESULTS.md", tmp_path / "out" / "index.html"]
    words = Page(paths[1].read_text(encoding="utf-8")).words
    assert words.count("Not trained in this profile") == len(TABLES) - 1 and "106.6" in words


@pytest.mark.parametrize("hostile", ['<script>alert("1")</script>', "a & b", '" onload="x'])
def test_whatever_a_file_says_is_escaped(tmp_path: Path, hostile: str) -> None:
    table = Table("table1", hostile, (hostile,), (replace(table1.TABLE.rows[0], name=hostile),),
                  (Claim(hostile, (lead(hostile, hostile, table1.AUC),), hostile),), metrics=(table1.AUC,))
    columns = ("row", "column", "metric", "ours", "low", "high", "seeds", "data", "protocol", "run_key", "commit")
    csv_files.write(tmp_path / "table1.csv", columns, [(hostile, hostile, "AUC", 1, 0, 2, *[hostile] * 5)])
    csv_files.write(tmp_path / "table1-claims.csv", tuple(verdicts.KINDS), [(hostile, 1, 0.5, 1.5)])
    csv_files.write(tmp_path / "table1-training.csv", tuple(curves.VALIDATION),
                    [(hostile, hostile, 0, 1, "k", 10, 1, 1, 1)])
    made = Page(page.html([numbers.read(table, tmp_path)], "quick", f"# {hostile}\n\n| {hostile} |\n|---|\n| x |\n"))
    assert not made.of("script") and not any("onload" in attributes for _, attributes in made.elements)
    assert made.words.count(hostile) > 8


SCRIPT = "<script>alert(1)</script>"


def test_names_with_markup_are_shown_as_text(tmp_path: Path) -> None:
    """Of a row, of a joint, which a protocol names, and of a file, which names data."""
    row, joint, file = f"{SCRIPT} *row*", f"left{SCRIPT}ear", f"people_{SCRIPT}```.json"
    table = Table("table1", "x", ("c",), (replace(table1.TABLE.rows[0], name=row),), metrics=(table1.AUC,))
    columns = ("row", "column", "metric", "ours", "low", "high", "seeds", "data", "protocol", "run_key", "commit")
    protocol = f"joints:2 (no {joint})|flip: no"
    csv_files.write(tmp_path / "table1.csv", columns, [(row, "c", "AUC", 1, 0, 2, "0", file, protocol, "k", "c")])
    found = [numbers.read(table, tmp_path)]
    made, markdown = Page(page.html(found, "quick", "# D")), page.markdown(found, "quick")
    assert not made.of("script") and all(name in made.words for name in (row, joint, file))
    fences = re.findall(r"(?ms)^(`{3,})\n(.*?)\n\1$", markdown)
    assert row in fences[0][1] and joint in fences[-1][1] and "<script" not in text.plain(file).replace(r"\<", "")
    outside = re.sub(r"(?ms)^(`{3,})\n.*?\n\1$", "", markdown)
    assert r"\<script" in outside and not re.search(r"(?<!\\)<(?!/?(details|summary)>)", outside)


def test_a_code_block_holds_any_backticks() -> None:
    assert text.fenced("a") == "```\na\n```" and text.fenced("a\n````\nb") == "`````\na\n````\nb\n`````"


def test_markdown_shows_plain_text_as_it_is() -> None:
    assert text.plain("I* > R1 in @0.1, I1 < H1 & Sun[7], a_b") == r"I* > R1 in @0.1, I1 < H1 & Sun[7], a\_b"
    assert text.plain("*a* <b> [l](x) |") == r"\*a* \<b> \[l](x) \|"


# ---------------------------------------------------------------- what weakens a table


def made_up(table: Table, value: float = 50.0, seeds: str = "0", **changes: float) -> numbers.Numbers:
    """Every number of a table the same, but those named "ROW COLUMN METRIC"."""
    found = {(row.name, column, metric.name): numbers.Number(value, 49.0, 51.0, seeds, "synthetic", "p", "k", "c")
             for row in table.rows for column in table.columns for metric in table.metrics}
    for where, number in found.items():
        found[where] = number._replace(ours=changes.get(" ".join(where), value))
    return numbers.Numbers(table, found)


def trained(row: str, column: str, *losses: float) -> List[curves.Validation]:
    key = f"key of {row}, {column}"
    return [curves.Validation(row, column, 0, 1, key, 10 * i, 1.0, loss, 1.0) for i, loss in enumerate(losses, 1)]


@pytest.mark.parametrize("large, small, losses, said", [
    (40, 47.5, (10, 10, 10, 10, 9), "7.5 points .* better with .b.* than with .a.*, which was still learning: -10.0 %"),
    (40, 47.5, (9, 9, 9, 9, 9), "which had stopped learning"), (40, 47.5, (), "than with .a. 256 -> 64$"),
    (47.5, 40, (10, 10, 10, 10, 9), "^$"),
])
def test_a_margin_of_an_undertrained_row_says_so(large: float, small: float, losses: Tuple[float, ...], said: str
                                                 ) -> None:
    found = made_up(table2.TABLE, **{f"I1 {table2.A} AUC": large, f"I1 {table2.B} AUC": small})
    found = replace(found, training=trained("I1", table2.A, *losses))
    claim = next(c for c in table2.TABLE.claims if c.text.startswith("I1 loses less AUC than H1 when the map of a l"))
    assert re.search(said, text.note(table2.TABLE, claim, found.value, found.changes))


def test_where_the_paper_gains_too_no_margin_is_called_undertrained() -> None:
    less = next(c for c in table9.TABLE.claims if c.presumes and c.presumes.terms[0].column == table9.A)
    found = made_up(table9.TABLE, **{f"I2 {table9.A} MPJPE": 70.0, f"I2 {table9.B} MPJPE": 60.0})
    assert text.note(table9.TABLE, less, found.value, {}) == ""


def test_what_weakens_a_table_stands_below_its_claims(tmp_path: Path) -> None:
    one = replace(made_up(table1.TABLE), training=[
        *trained("H1", "ResNet-50", 10, 10, 10, 10, 8), *trained("I1", "ResNet-50", 10, 10, 10, 10, 10)
    ])
    seed, converged, dark = text.weaknesses(one)
    assert "One seed" in seed and "make table1" in dark
    assert "1 of 2 networks" in converged and "-20.0 % (H1)" in converged and "+0.0 % (I1)" in converged
    again = replace(one, training=[*one.training, *(v._replace(row=f"{v.row}, read otherwise") for v in one.training)])
    assert text.converged_in_words(again) == converged  # no network counts twice
    assert len(text.weaknesses(made_up(table7.TABLE))) == 1  # in 3D nothing is read by DARK
    three = made_up(table1.TABLE, seeds="0 1 2")
    verdict = verdicts.Verdict(table1.TABLE.claims[0], 1, 0.5, 2)
    assert "was not published" in text.weaknesses(replace(three, verdicts=[verdict]))[0]
    assert "are undecided" in text.weaknesses(replace(three, verdicts=[replace(verdict, seeds=(1, 1, 1))]))[0]


def test_heat_maps_read_by_dark_stand_beside_their_table(tmp_path: Path) -> None:
    dark = read_by_dark(table1.TABLE)
    columns = ("row", "column", "metric", "ours", "low", "high", "seeds", "data", "protocol", "run_key", "commit")
    for table, values in ((table1.TABLE, {}), (dark, {"H1, DARK": 61.25, "I1": 60.0})):
        csv_files.write(tmp_path / f"{table.name}.csv", columns, [
            (row.name, column, metric.name, values.get(row.name, 50), 40, 70, "0", "synthetic", "p", "k", "c")
            for row in table.rows for column in table.columns for metric in table.metrics
        ])
    verdicts.write(dark, [(verdicts.Verdict(dark.claims[0], -1.25, -2, -0.5), "")], tmp_path / "table1-dark-claims.csv")
    found = numbers.read(table1.TABLE, tmp_path)
    made, markdown = Page(page.html([found], "quick", "# D")), page.markdown([found], "quick")
    for words in (made.words, markdown):
        assert "61.2" in words and "I1 > H1, DARK in AUC" in words
        assert "ahead of the integrals in 1 of 1 comparisons" in words
    (tmp_path / "table1-dark.csv").write_text("row\n")
    with pytest.raises(InputError, match="table1-dark.csv.*Run make table1 again"):
        numbers.read(table1.TABLE, tmp_path)


# ---------------------------------------------------------------- photographs


def photographed(table: Table) -> numbers.Numbers:
    """Numbers on photographs, all 30, with two verdicts."""
    found = made_up(table, 30.0)
    judged = [verdicts.Verdict(claim, margin, -1, 2) for claim, margin in zip(table.claims, (1.5, -0.25))]
    return replace(found, verdicts=judged, profile="photos")


def test_photographs_have_a_part_of_their_own_beside_the_paper_and_synthetic_people() -> None:
    quick = [made_up(table, 51.0) for table in (table1.TABLE, table2.TABLE)]
    quick[0] = replace(quick[0], verdicts=[verdicts.Verdict(table1.TABLE.claims[0], 7.25, 6, 8)])
    photos = [photographed(table1.TABLE), numbers.Numbers(table2.TABLE, profile="photos")]
    made, markdown = Page(page.html(quick, "quick", "# D", photos)), page.markdown(quick, "quick", photos)
    for words in (made.words, markdown):
        assert "On real photographs" in words and "Table 1, photographs" in words
        assert "Table 2, photographs" not in words  # it was not trained
        assert "held, +7.25" in words and "make table1 PROFILE=photos" in words
    part = markdown[markdown.index("## On real photographs"):markdown.index("## Table 1:")]
    block = part.split("```")[1].split("\n")
    assert [line[6:24].strip() for line in block[2:5]] == ["paper", "ours, synthetic", "ours, photographs"]
    assert [line.split()[-1] for line in block[2:5]] == ["86.6", "51.0", "30.0"]
    anchors = {attributes["id"] for _, attributes in made.elements if "id" in attributes}
    assert {"photos-table1", "table1"} <= anchors
    assert {a["href"][1:] for a in made.of("a") if a["href"].startswith("#")} <= anchors


def test_photographs_are_read_for_the_page_of_the_default_profile(tmp_path: Path, results: Path) -> None:
    shutil.copytree(results / "quick", tmp_path / "quick", ignore=shutil.ignore_patterns("*.jpg", "*.png"))
    (tmp_path / "photos").mkdir()
    for kind in ("", "-claims", "-training", "-curves"):
        shutil.copy(tmp_path / "quick" / f"table1{kind}.csv", tmp_path / "photos")
    made = report.report(tmp_path, "quick")
    assert all("On real photographs" in path.read_text(encoding="utf-8") for path in made)
    alone = report.report(tmp_path, "photos")
    assert all("On real photographs" not in path.read_text(encoding="utf-8") for path in alone)
    assert "photos profile" in alone[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("photo, said", [
    (52.0, "in every metric, on synthetic people and on photographs"),
    (50.0, "in every metric on synthetic people and in no metric on photographs"),
])
def test_the_finding_is_of_photographs_too(photo: float, said: str) -> None:
    quick, photos = (made_up(table1.TABLE, 50.0, **{f"I1 ResNet-50 {m.name}": best for m in table1.TABLE.metrics})
                     for best in (51.0, photo))
    finding = text.finding([quick], [photos])
    assert finding and finding.headline.endswith(said) and finding.sources[1:] == ["ours, photographs", "paper"]
    assert finding.numbers[0] == ("@0.5", [(50.0, 51.0), (50.0, photo), (86.8, 87.3)])


# ---------------------------------------------------------------- profiles


def test_a_profile_does_not_replace_the_page_of_another(tmp_path: Path) -> None:
    for profile in ("quick", "smoke", "paper"):
        (tmp_path / profile).mkdir()
        shutil.copy(QUICK / "table2.csv", tmp_path / profile)
        shutil.copy(QUICK / "table2-claims.csv", tmp_path / profile)
    written = {profile: report.report(tmp_path, profile) for profile in ("quick", "smoke", "paper")}
    assert len({path for paths in written.values() for path in paths}) == 6
    assert written["smoke"][1] == tmp_path / "report" / "smoke" / "index.html"
    for profile, paths in written.items():
        assert all(f"{profile} profile" in path.read_text(encoding="utf-8").replace("</strong>", "") for path in paths)


def test_two_training_steps_judge_nothing() -> None:
    found = [numbers.read(table, QUICK, judged=False) for table in (table1.TABLE, beyond_decoders.TABLE)]
    made, markdown = Page(page.html(found, "smoke", "# D")), page.markdown(found, "smoke")
    assert text.finding(found) is None and "beats" not in made.words and "0 of 0" not in made.words
    for words in (made.words, markdown):
        assert "Two training steps" in words and "two training steps are too few" in words
    assert not re.search("[✓?✗] (held|undecided|not held)", made.words) and "\n| held |" not in markdown


# ---------------------------------------------------------------- the first screen


def test_the_page_begins_with_the_finding_and_figure_2(results: Path, made: Page) -> None:
    start = [name for name, _ in made.elements].index("nav")
    charts_first = [a["aria-label"] for name, a in made.elements[:start] if name == "svg" and "aria-label" in a]
    assert len(charts_first) == 1 and "I1 reaches" in charts_first[0]
    assert "Integral regression beats the heat map it starts from in every metric" in made.words
    table = numbers.read(table1.TABLE, QUICK)
    header = made.words[:made.words.index("Contents")]
    for row in ("H1", "I1"):
        for metric in table1.TABLE.metrics:
            assert table.shown(row, "ResNet-50", metric.name) in header
            assert f"{table1.TABLE.paper(row, 'ResNet-50', metric.name):.1f}" in header


@pytest.mark.parametrize("integral, where", [
    ((2, 2, 2), "in every metric"), ((0, 2, 2), "in @0.1 and AUC only"), ((0, 0, 0), "in no metric"),
])
def test_the_finding_is_what_the_numbers_are(integral: Tuple[float, ...], where: str) -> None:
    rows = {"H1": (1, 1, 1), "I1": integral}
    found = numbers.Numbers(table1.TABLE, {
        (row, "ResNet-50", metric.name): numbers.Number(value, 0, 3, "0", "d", "p", "k", "c")
        for row, values in rows.items() for metric, value in zip(table1.TABLE.metrics, values)
    })
    finding = text.finding([found])
    assert finding and finding.headline.endswith(where) and finding.weakened == ""
    assert finding.numbers[1] == ("@0.1", [(1, integral[1]), (17.2, 29.3)]) and finding.sources == ["ours", "paper"]
    assert text.finding([numbers.Numbers(table1.TABLE)]) is None and text.finding([]) is None


def test_a_better_decoder_of_the_heat_map_is_named_beside_the_finding() -> None:
    finding = text.finding(read())
    table = numbers.read(beyond_decoders.TABLE, QUICK)
    ahead = [column for column in table.table.columns
             if table.measured["H1, DARK", column, "AUC"].ours > table.measured["I1", column, "AUC"].ours]
    named = {column: column.replace("->", "→") for column in table.table.columns}
    assert finding and ahead and [column for column in named if named[column] in finding.weakened] == ahead


def test_the_contents_say_what_each_table_is_about(made: Page) -> None:
    contents = made.words[made.words.index("Contents"):made.words.index("A claim is judged")]
    for table in TABLES:
        assert 0 < len(table.topic.split()) <= 5 and table.topic in contents
    untitled = replace(table1.TABLE, topic="")
    assert table1.TABLE.caption in Page(page.html([numbers.Numbers(untitled)], "quick", "# D")).words


def test_names_at_the_ends_of_lines_do_not_overlap() -> None:
    axis = charts.Axis("x", 0, 1, [(0, "0")])
    lines = [charts.Line(name, charts.METHODS["I1"], [(0, 0), (1, y)]) for name, y in
             (("a", 0.5), ("b", 0.51), ("c", 0.1), ("d", 0.52))]
    heights = {line.name: height for line, height in charts.Chart(lines, axis, axis, "t", "said", named=True).ends()}
    assert sorted(heights, key=lambda name: -heights[name]) == ["c", "a", "b", "d"]
    ordered = sorted(heights.values())
    assert all(b - a >= charts.NAME_HEIGHT - 1e-9 for a, b in zip(ordered, ordered[1:]))
    assert charts.Chart(lines, axis, axis, "t", "said").ends() == []


# ---------------------------------------------------------------- damage


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def replaced(old: str, new: str):
    return lambda path: path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize("name, damage, said", [
    ("table1.csv", cut, "cut short|cells"),
    ("table1.csv", lambda path: path.write_bytes(b""), "no column"),
    ("table1.csv", lambda path: path.write_bytes(bytes(range(256))), "table1.csv"),
    ("table1.csv", replaced(",84.6,", ",84.6,much"), "'much.*' cannot stand in column ours"),
    ("table1.csv", replaced("table1,R1", "table1,R9"), "table1 has no @0.5 of R9"),
    ("table2.csv", replaced("H1,(b) 256 -> 32,@0.5", "all,,"), r"the line of H1, \(b\) 256 -> 32, @0.5 is missing"),
    ("table2.csv", replaced("multiply-adds,7.3", "adds,7.3"), "what the networks cost"),
    ("table1-claims.csv", replaced("I1 > H1", "I1 >> H1"), "has no claim"),
    ("table1-claims.csv", lambda path: path.write_text(re.sub(r"\d+\.\d", "x", path.read_text())), "cannot stand"),
    ("table1-training.csv", replaced(",10,", ",ten,"), "'ten' cannot stand in column step"),
    ("table1-curves.csv", cut, "table1-curves.csv"),
    ("table1.jpg", cut, "this image is damaged"),
    ("table1-poses.json", lambda path: path.write_text('{"frames": []}'), "poses are damaged .it must have title"),
])
def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path, results: Path, name: str, damage, said: str,
                                                 capsys: pytest.CaptureFixture) -> None:
    shutil.copytree(results / "quick", tmp_path / "quick", ignore=shutil.ignore_patterns("table[3-9]*", "table1[0-2]*"))
    damage(tmp_path / "quick" / name)
    with pytest.raises(InputError, match=said) as caught:
        report.report(tmp_path, "quick")
    assert name in str(caught.value) and "make table" in str(caught.value)
    assert report.main(["--results", str(tmp_path)]) == 2
    assert name in capsys.readouterr().err and not (tmp_path / "report").exists()


def test_an_empty_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert report.main(["--results", str(tmp_path), "--profile", "smoke"]) == 2
    assert str(tmp_path / "smoke") in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, results: Path,
                                                  capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "out").write_text("a file")
    assert report.main(["--results", str(results), "--out", str(tmp_path / "out")]) == 2
    assert str(tmp_path / "out") in capsys.readouterr().err


def test_mxnet_is_not_imported(tmp_path: Path, results: Path) -> None:
    code = (
        "import sys; from scripts import report\n"
        f"assert report.main(['--results', {str(results)!r}, '--out', {str(tmp_path)!r}]) == 0\n"
        "sys.exit('mxnet' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True,
                          env={"PYTHONPATH": "src:.", "PATH": ""})
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "RESULTS.md"), str(tmp_path / "index.html")]


# ---------------------------------------------------------------- parts


def test_markdown_that_the_deviations_use() -> None:
    made = prose.html(
        "# A\nOne `<i>`\ntwo **b** *\n\n| x | y |\n|---|---|\n| `1` | 2 |\n\n## B\n[w](https://w.org) [f](f.md)", 1
    )
    assert "<h2>A</h2>" in made and "<h3>B</h3>" in made
    assert "<p>One <code>&lt;i&gt;</code>\ntwo <strong>b</strong> *</p>" in made
    assert '<th role="rowheader" scope="row"><code>1</code></th>' in made
    assert '<td data-column="y" role="cell">2</td>' in made and 'aria-label="x / y"' in made
    assert '<a href="https://w.org">w</a> <span>f</span>' in made and "f.md" not in made
    Page(made)


@pytest.mark.parametrize("hostile", [
    "<script>x</script>", "a <b onclick='x'>b</b>", "<div>\nblock\n</div>", "![i](https://w.org/i.png)",
    "[l](javascript:x)", "![i][r]\n\n[r]: https://w.org/i.png",
])
def test_markdown_brings_neither_elements_nor_images_nor_scripts(hostile: str) -> None:
    made = Page(prose.html(hostile))
    assert {name for name, _ in made.elements} <= {"p", "a", "span"}
    assert all(set(attributes) <= {"href"} for _, attributes in made.elements)
    assert all(attributes["href"].startswith("https://") for attributes in made.of("a"))


def test_lines_of_one_chart_look_different() -> None:
    for names in (["R1", "H1", "H2", "H3", "I*", "I1", "I2", "I3"], ["H1", "MS-H1", "HG-H1", "R1", "I1", "Ours"],
                  [f"row {i}" for i in range(28)]):
        found = charts.styles(names)
        assert list(found) == names and len(set(found.values())) == len(names)
    assert charts.styles(["MS-I2"])["MS-I2"] == charts.METHODS["I2"]


@pytest.mark.parametrize("values, low, ends", [
    ([0.0, 0.5], 0, (0, 0.5)), ([13.7, 5.2], 0, (0, 15)), ([105.0], 0, (0, 150)), ([], 0, (0, 1)),
    ([86.6, 75.4, float("nan")], float("inf"), (75, 90)), ([3.0], float("inf"), (3, 4)),
])
def test_axes_hold_their_values_between_round_ends(values: List[float], low: float, ends: Tuple[float, float]) -> None:
    axis = charts.linear("x", values, low)
    assert (axis.low, axis.high) == pytest.approx(ends)
    assert [axis.ticks[0][0], axis.ticks[-1][0]] == pytest.approx(ends) and 2 <= len(axis.ticks) <= 7


@pytest.mark.parametrize("values", [[0.03, 4.0], [1.0], [1e-6, 1e5], [float("nan"), 0.0], [12.0, 13.0]])
def test_logarithmic_axes_hold_their_values(values: List[float]) -> None:
    axis = charts.logarithmic("x", values)
    known = [value for value in values if value > 0]
    assert all(10**axis.low <= value * (1 + 1e-9) and value < 10**axis.high for value in known)
    assert 1 <= len(axis.ticks) <= 14


def test_a_point_is_drawn_where_it_belongs() -> None:
    x, y = charts.Axis("x", 0, 10, [(0, "0")]), charts.Axis("y", 0, 4, [(0, "0")])
    line = charts.Line("a", charts.METHODS["I1"], [(0, 0), (5, 2), (10, 4), (7, float("nan"))])
    made = drawn("draw", charts.Chart([line], x, y, "t", "said"))
    places = re.search(r'points="([^"]+)" class="line blue solid"', made)[1].split()
    left, right = charts.LEFT, charts.WIDTH - charts.RIGHT
    floor, top = charts.HEIGHT - charts.BOTTOM, charts.TOP
    middle = f"{(left + right) / 2:.1f},{(floor + top) / 2:.1f}"
    assert places == [f"{left:.1f},{floor:.1f}", middle, f"{right:.1f},{top:.1f}"]


def test_an_interval_is_on_its_side_of_zero_and_an_arrow_when_far_out() -> None:
    def circle(made: str) -> float:
        return float(re.search(r'<circle cx="([\d.]+)"', made)[1])

    zero = charts.INTERVAL_WIDTH / 2
    ahead, behind = (drawn("margin", charts.Interval(*of, 5), "held") for of in ((2, 1, 3), (-2, -3, -1)))
    assert circle(ahead) > zero > circle(behind)
    assert "circle" not in drawn("margin", charts.Interval(44, 43, 45, 5), "held")


def test_phases_follow_one_another_and_seeds_are_averaged(results: Path) -> None:
    made = drawn("figure", figures.training(numbers.read(table1.TABLE, results / "quick")))
    assert "I1 from 9.0 to 3.0 px" in made
    course, starts = figures.courses(numbers.read(table1.TABLE, results / "quick").training)
    assert [at[0] for at in course["I1", "ResNet-50"]] == [10, 20, 30, 40, 50, 60]
    assert starts["I1", "ResNet-50"] == [30] and course["I1", "ResNet-50"][0][1:] == (0.7, 0.5, 9.0)


def test_the_resolution_chart_has_the_papers_numbers_beside_ours() -> None:
    found = numbers.read(table2.TABLE, QUICK)
    made = drawn("figure", figures.resolution(found))
    assert made.count("<svg viewBox=") == 2 * 3 + 2  # and two pieces of line in the legend
    assert "H1, 256 px: 86.7 at 64 cells, 86.8 at 32 cells" in made
    ours = found.measured["I1", "(d) 128 -> 16", "AUC"].ours
    assert f"{ours:.1f} at 16 cells" in made
    assert figures.resolution(numbers.read(table7.TABLE, QUICK)) is None


def test_where_the_paper_prints_nothing_its_panels_are_left_out() -> None:
    number = numbers.Number(50.0, 49.0, 51.0, "0", "d", "p", "k", "c")
    table = beyond_decoders.TABLE
    found = numbers.Numbers(table, {(row.name, column, metric.name): number for row in table.rows
                                    for column in table.columns for metric in table.metrics})
    made = drawn("figure", figures.resolution(found))
    assert ", paper" not in made and made.count("against map resolution.") == len(table.metrics)
    assert "H1, DARK, 256 px: 50.0 at 64 cells, 50.0 at 32 cells" in made and "pairs" not in made


def test_the_papers_tables_come_first_then_its_figures_then_what_is_beyond() -> None:
    names = [table.name for table in TABLES]
    assert names.index("table12") < names.index("figure2") < names.index("beyond_bias") < names.index("beyond_grid")
    assert numbers.Numbers(beyond_decoders.TABLE).title == "Beyond, decoders"


def test_figure_2_is_drawn_from_its_own_thresholds_where_there_is_no_finer_curve() -> None:
    found = numbers.read(figure2.TABLE, QUICK)
    made = drawn("figure", figures.distance(replace(found, pckh=())))
    reached = found.measured["I1", "ResNet-50", "@0.50"].ours
    assert f"I1 reaches {reached:.1f} %" in made and made.count('class="whisker') == 4 * 11


def test_numbers_on_real_data_are_not_called_synthetic() -> None:
    number = numbers.Number(50.0, 49.0, 51.0, "0", "human36m", "p", "k", "c")
    found = numbers.Numbers(table7.TABLE, {("R1", column, "MPJPE"): number for column in table7.COLUMNS})
    assert "synthetic" not in page.html([found], "paper", "# D\n\nx")
