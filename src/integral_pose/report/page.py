"""One HTML page of everything in results/: no network, no scripts, pictures inside."""
from __future__ import annotations

import base64
import re
from pathlib import Path
from statistics import median
from typing import Dict, Iterator, List, Optional, Sequence

from integral_pose.errors import InputError
from integral_pose.report import charts, figures, layout, markdown
from integral_pose.report.markup import Html, joined, tag
from integral_pose.report.numbers import Numbers, Verdict
from integral_pose.report.text import cells_are, margin_unit, protocols, tally

STYLE = Path(__file__).with_name("style.css")
PAPER = "https://arxiv.org/abs/1711.08229"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
OUTCOMES = {True: ("held", "✓", "held"), False: ("not-held", "✗", "not held"), None: ("not-judged", "–", "not judged")}
MAGIC = {".jpg": (b"\xff\xd8", b"\xff\xd9", "jpeg"), ".png": (b"\x89PNG", b"IEND\xaeB`\x82", "png")}  # begin, end, type
DRAWN = {"distance": figures.distance, "resolution": figures.resolution, "training": figures.training}
IN_WORDS = ("outcome", "claim", "row", "column", "metric", "runs", "commits")  # columns that are not numbers
MANY = 10  # columns make a table wide
HEADINGS = {
    "distance": "PCKh against distance", "resolution": "Against map resolution", "training": "Training",
}


def render(tables: Sequence[Numbers], profile: str, deviations: str) -> str:
    """The page.

    Args:
        tables: in the order of the page.
        deviations: docs/deviations.md.

    Raises:
        InputError: a picture is damaged.
    """
    drawn = {numbers.table.name: _drawn(numbers) for numbers in tables}
    body = [
        tag("a", "Skip to the results", href="#main", class_="skip"),
        _header(tables, profile),
        tag("div", _contents(tables, drawn), tag(
            "main", _glance(tables), *(_section(numbers, drawn[numbers.table.name]) for numbers in tables),
            _deviations(deviations), id="main", tabindex=-1,
        ), class_="columns"),
        tag("footer", tag("p", "make report wrote this page from the CSV files and pictures in results/.")),
    ]
    title = f"Integral Human Pose Regression: {profile} profile"
    return f"<!DOCTYPE html>\n{tag('html', _head(title), tag('body', *body), lang='en')}\n"


def _head(title: str) -> Html:
    return tag(
        "head", tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="color-scheme", content="light dark"), tag("link", rel="icon", href="data:,"),
        tag("title", title), tag("style", Html(STYLE.read_text(encoding="utf-8"))),
    )


def _header(tables: Sequence[Numbers], profile: str) -> Html:
    data = dict.fromkeys(name for numbers in tables for name in numbers.said("data"))
    made_up = all(name.startswith("synthetic") for name in data)
    people = (
        "Ours are on synthetic people, with small networks: what can be compared is who beats whom, not the values. "
        if made_up else f"Ours are on {', '.join(data)}. "
    )
    return tag(
        "header", tag("p", "Results of the ", tag("strong", profile), " profile", class_="kicker"),
        tag("h1", "Integral Human Pose Regression"),
        tag("p", "Every table of ", tag("a", "Sun et al., ECCV 2018", href=PAPER), " with our numbers below the ",
            f"paper's. {people}A claim is a sentence of the paper; it holds if its smallest margin is above zero.",
            class_="lead"),
        _counts(tables),
    )


def _counts(tables: Sequence[Numbers]) -> Html:
    held, failed, unjudged = (sum(tally(numbers)[i] for numbers in tables) for i in range(3))
    trained = sum(bool(numbers.measured) for numbers in tables)
    contradicted = sum(not v.held and v.claim.in_paper is False for numbers in tables for v in numbers.verdicts)
    facts = (
        (f"{trained} of {len(tables)}", "tables and figures trained"),
        (f"{held} of {held + failed}", "claims held of those judged"),
        (f"{contradicted} of {failed}", "that did not hold, the paper's own numbers contradict too"),
        (str(unjudged), "claims not judged"),
    )
    return tag("dl", *(tag("div", tag("dt", what), tag("dd", number)) for number, what in facts), class_="counts")


def _contents(tables: Sequence[Numbers], drawn: Dict[str, Dict[str, Html]]) -> Html:
    """Links to every section, and to the curves of each kind."""
    entries = [_link("glance", "At a glance"), *(_link(numbers.table.name, numbers.title) for numbers in tables)]
    curves = [
        tag("li", f"{HEADINGS[kind]}: ", *_commas([
            tag("a", numbers.title, href=f"#{numbers.table.name}-{kind}")
            for numbers in tables if kind in drawn[numbers.table.name]
        ]))
        for kind in DRAWN if any(kind in of_table for of_table in drawn.values())
    ]
    return tag(
        "nav", tag("h2", "Contents"), tag("ul", *entries, _link("deviations", "Deviations"), class_="tables"),
        *([tag("h2", "Curves"), tag("ul", *curves)] if curves else []), aria_label="Contents",
    )


def _commas(links: Sequence[Html]) -> Iterator[str]:
    for place, link in enumerate(links):
        yield from (", ", link) if place else (link,)


def _link(anchor: str, words: str) -> Html:
    return tag("li", tag("a", words, href=f"#{anchor}"))


def _glance(tables: Sequence[Numbers]) -> Html:
    head = tag("thead", _heading(("", "", "seeds", "held", "not held", "not judged")))
    rows = []
    for numbers in tables:
        words = [" ".join(numbers.said("seeds")) or "not trained", *(str(n or "") for n in tally(numbers))]
        rows.append(tag(
            "tr", tag("th", tag("a", numbers.title, href=f"#{numbers.table.name}"), scope="row"),
            tag("td", numbers.table.caption, class_="words"), *(tag("td", word) for word in words),
        ))
    return tag(
        "section", tag("h2", "At a glance", id="glance-heading"),
        _scrolled(tag("table", head, tag("tbody", *rows), class_="glance"), "Claims of each table"),
        id="glance", aria_labelledby="glance-heading",
    )


def _heading(words: Sequence[str]) -> Html:
    cells = (tag("th", word, scope="col", class_="words" if word in IN_WORDS else None) if word else tag("td")
             for word in words)
    return tag("tr", *cells)


def _scrolled(inside: Html, label: str) -> Html:
    """A box of its own that can be scrolled, by keyboard too."""
    return tag("div", inside, class_="scroll", tabindex=0, role="region", aria_label=label)


def _drawn(numbers: Numbers) -> Dict[str, Html]:
    charts_of = {kind: draw(numbers) for kind, draw in DRAWN.items()}
    return {kind: chart for kind, chart in charts_of.items() if chart}


def _section(numbers: Numbers, drawn: Dict[str, Html]) -> Html:
    name, table = numbers.table.name, numbers.table
    heading = tag("h2", tag("span", numbers.title, class_="number"), " ", table.caption, id=f"{name}-heading")
    parts = [heading, _about(numbers), *_tables(numbers), *_claims(numbers)]
    for kind, chart in drawn.items():
        parts.append(tag("section", tag("h3", HEADINGS[kind]), chart, id=f"{name}-{kind}"))
    parts += [*_picture(numbers, "distance" in drawn), *_details(numbers)]
    return tag("section", *parts, id=name, aria_labelledby=f"{name}-heading")


def _about(numbers: Numbers) -> Html:
    if not numbers.measured:
        command = tag("code", f"make {numbers.table.name}")
        return tag("p", "Not trained in this profile: ", command, " trains it. The numbers are the paper's.")
    seeds, data = (numbers.said(what) for what in ("seeds", "data"))
    return tag("p", f"{cells_are(numbers.table)}. Ours: {', '.join(data)}; seeds {', '.join(seeds)}.")


def _tables(numbers: Numbers) -> Iterator[Html]:
    lines = layout.lines(numbers.table, numbers.shown, numbers.costs)
    if len(lines) > 1:
        yield _scrolled(_laid_out(lines, ""), f"{numbers.title}, the paper's numbers and ours")
    beside = layout.beside(numbers.table, numbers.shown)
    if beside:
        names = "/".join(metric.name for metric in numbers.table.beside)
        yield _scrolled(_laid_out(beside, f"Measured beside: {names}"), f"{numbers.title}, measured beside")


def _laid_out(lines: Sequence[Sequence[str]], caption: str) -> Html:
    """Lines of `layout` as a table: a group of lines for each method or metric."""
    groups: List[List[Sequence[str]]] = []
    for line in lines[1:]:
        if line[0]:
            groups.append([])
        groups[-1].append(line)
    return tag(
        "table", *([tag("caption", caption)] if caption else []), tag("thead", _heading(lines[0])),
        *(tag("tbody", *(_line(line, len(group)) for line in group)) for group in groups),
        class_="numbers wide" if len(lines[0]) > MANY else "numbers",
    )


def _line(line: Sequence[str], group: int) -> Html:
    name, whose, *words = line
    first = [tag("th", name, scope="rowgroup", rowspan=group)] if name else []
    whose_are = "paper" if whose == "paper" else "ours"
    return tag("tr", *first, tag("th", whose, scope="row"), *(tag("td", word) for word in words), class_=whose_are)


def _claims(numbers: Numbers) -> Iterator[Html]:
    """What held, what did not, what was not judged: an icon and a word, the margin, and its interval as a picture."""
    if not numbers.table.claims:
        return
    margins = [abs(verdict.margin) for verdict in numbers.verdicts]
    reach = min(max(margins) * 1.2, median(margins) * 4) or 1 if margins else 1
    head = ("outcome", "claim", f"margin, {margin_unit(numbers.table)}", "95 %", *(["around zero"] if margins else []))
    rows = [_judged(verdict, reach) for verdict in numbers.verdicts]
    rows += [
        tag("tr", _outcome(None), tag("td", claim.text, class_="words"),
            tag("td", why, colspan=3 if margins else 2, class_="words quiet"))
        for claim, why in numbers.unjudged()
    ]
    yield tag("h3", numbers.table.heading)
    table = tag("table", tag("thead", _heading(head)), tag("tbody", *rows), class_="claims")
    yield _scrolled(table, f"Claims of {numbers.title}")


def _judged(verdict: Verdict, reach: float) -> Html:
    said = joined(verdict.claim.text, tag("span", layout.NOTES[verdict.claim.in_paper], class_="quiet"))
    return tag(
        "tr", _outcome(verdict.held), tag("td", said, class_="words"), tag("td", f"{verdict.margin:+.2f}"),
        tag("td", f"{verdict.low:+.2f} to {verdict.high:+.2f}"),
        tag("td", charts.interval(verdict.margin, verdict.low, verdict.high, reach, verdict.held)),
    )


def _outcome(held: Optional[bool]) -> Html:
    kind, icon, word = OUTCOMES[held]
    return tag("th", tag("span", icon, aria_hidden="true", class_="icon"), " ", word, scope="row", class_=kind)


def _picture(numbers: Numbers, is_drawn: bool) -> Iterator[Html]:
    """The picture beside the table; curves that are drawn here already are not shown twice."""
    if numbers.picture and not (is_drawn and numbers.table.picture == "curves"):
        image = tag("img", src=_embedded(numbers.picture), alt=_alternative(numbers))
        picture = _scrolled(image, f"Picture of {numbers.title}")
        yield tag("figure", picture, tag("figcaption", _alternative(numbers)), class_="picture")


def _alternative(numbers: Numbers) -> str:
    rows = list(dict.fromkeys(row for row, _, _ in numbers.measured))
    who = f"as {', '.join(rows[:-1])} and {rows[-1]} say" if len(rows) > 1 else f"as {rows[0]} says"
    if numbers.table.picture == "curves":
        return f"Curves of {numbers.title}: {numbers.table.caption}."
    runs = [run for row in numbers.table.rows for run in row.runs]
    if runs[0].coordinates == 3:
        return f"Test people as annotated, then {who}: over the picture, from the camera's side and from beside."
    what = "Scenes with the poses found in them" if numbers.table.picture == "scenes" else "Test people"
    return f"{what}: as annotated, then {who}."


def _embedded(path: Path) -> str:
    """The picture as a data URI.

    Raises:
        InputError: it is cut short or is no picture.
    """
    begin, end, kind = MAGIC[path.suffix]
    content = path.read_bytes()
    if not (content.startswith(begin) and content.rstrip(b"\0").endswith(end)):
        raise InputError(f"{path}: this picture is damaged. Run make {path.stem} again, which draws it anew.")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def _details(numbers: Numbers) -> Iterator[Html]:
    """Intervals and signatures, folded."""
    if numbers.measured:
        yield tag("details", tag("summary", "Every number with its interval"), _intervals(numbers))
        yield tag("details", tag("summary", "Signatures"), *_signatures(numbers))


def _intervals(numbers: Numbers) -> Html:
    rows = [
        tag("tr", tag("th", row, scope="row"), tag("td", column, class_="words"), tag("td", metric, class_="words"),
            tag("td", f"{n.ours:.3f}"), tag("td", f"{n.low:.3f} to {n.high:.3f}"))
        for (row, column, metric), n in numbers.measured.items()
    ]
    table = tag("table", tag("thead", _heading(("row", "column", "metric", "ours", "95 %"))), tag("tbody", *rows))
    return _scrolled(table, f"Every number of {numbers.title}")


def _signatures(numbers: Numbers) -> Iterator[Html]:
    common, differing = protocols(numbers)
    yield tag("p", "Protocol: ", common.replace("|", "; "), ".")
    if differing:
        yield tag("ul", *(tag("li", words, ": ", ", ".join(cells)) for words, cells in differing.items()))
    rows = [
        tag("tr", tag("th", row, scope="row"), tag("td", column, class_="words"), tag("td", cell.seeds),
            tag("td", tag("code", cell.keys), class_="words"), tag("td", tag("code", cell.commit), class_="words"))
        for (row, column), cell in numbers.cells().items()
    ]
    table = tag("table", tag("thead", _heading(("row", "column", "seeds", "runs", "commits"))), tag("tbody", *rows))
    yield _scrolled(table, f"Signatures of {numbers.title}")


def _deviations(source: str) -> Html:
    heading, _, rest = source.partition("\n")
    title = tag("h2", markdown.inline(re.sub(r"^#+ ", "", heading)), id="deviations-heading")
    return tag("section", title, markdown.html(rest, deeper=1), id="deviations", aria_labelledby="deviations-heading")
