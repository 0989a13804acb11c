"""The results folder as pages to read: RESULTS.md, and one HTML page with its pictures inside and no request."""
from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

from integral_pose.errors import InputError
from integral_pose.report import layout, prose, rendering, text
from integral_pose.report.drawing import figures
from integral_pose.report.drawing.charts import Interval
from integral_pose.report.drawing.figures import Figure
from integral_pose.report.layout import Ours
from integral_pose.report.numbers import Numbers, order
from integral_pose.report.verdicts import Verdict
from integral_pose.viewer import page as viewer

PAPER = "https://arxiv.org/abs/1711.08229"
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
MAGIC = {".jpg": (b"\xff\xd8", b"\xff\xd9", "jpeg"), ".png": (b"\x89PNG", b"IEND\xaeB`\x82", "png")}  # begin, end, type
DRAWN = {"distance": figures.distance, "resolution": figures.resolution, "training": figures.training}
KINDS = ("Tables, 2D pose", "Tables, 3D pose", "Figures", "Beyond the paper")
PHOTOS = "On real photographs"
FIRST = ("figure2", "table1")  # whose curve is the page's first picture
MANY = 10  # columns make a table wide


@dataclass(frozen=True)
class Section:
    """A table as a page shows it."""

    numbers: Numbers
    figures: Dict[str, Figure]  # by the keys of DRAWN
    image: str  # the picture as a data URI, "" if there is none
    viewer: str = ""  # a page that turns the picture's poses, "" if they are not kept
    synthetic: Optional[Numbers] = None  # for numbers on photographs: the same table's on synthetic people

    @property
    def name(self) -> str:
        """Of the place on the page."""
        return self.numbers.table.name if self.synthetic is None else f"photos-{self.numbers.table.name}"

    @property
    def title(self) -> str:
        return self.numbers.title if self.synthetic is None else f"{self.numbers.title}, photographs"

    @property
    def label(self) -> str:
        """Its title in the contents, where what is beyond the paper has a heading of its own."""
        return "" if _heading(self) == KINDS[-1] else self.numbers.title

    @property
    def topic(self) -> str:
        """What it is about, in a few words if the table has them."""
        return self.numbers.table.topic or self.numbers.table.caption

    @property
    def ours(self) -> Ours:
        """Our numbers, by what they are called."""
        if self.synthetic is None:
            return {"ours": self.numbers.shown}
        return {"ours, synthetic": self.synthetic.shown, "ours, photographs": self.numbers.shown}

    @property
    def lines(self) -> List[List[str]]:
        """The paper's layout; only a heading if there are no numbers at all."""
        return layout.lines(self.numbers.table, self.ours, self.numbers.costs)

    @property
    def beside(self) -> List[List[str]]:
        return layout.beside(self.numbers.table, self.ours)

    @property
    def dark(self) -> Optional[Section]:
        """Heat maps read by DARK beside the integrals, if that was evaluated."""
        return Section(self.numbers.dark, {}, "") if self.numbers.dark else None

    def notes(self, verdict: Verdict) -> str:
        """What a reader should know of a verdict's margin."""
        return text.note(self.numbers.table, verdict.claim, self.numbers.value, self.numbers.changes)

    def elsewhere(self, verdict: Verdict) -> Optional[Verdict]:
        """The verdict on synthetic people, for one on photographs."""
        others = self.synthetic.verdicts if self.synthetic else ()
        return next((other for other in others if other.claim.text == verdict.claim.text), None)

    def interval(self, verdict: Verdict) -> Interval:
        """A verdict's margin on the scale that all claims of the table share."""
        margins = [abs(verdict.margin) for verdict in self.numbers.verdicts]
        reach = min(max(margins) * 1.2, median(margins) * 4) or 1
        return Interval(verdict.margin, verdict.low, verdict.high, reach)


def html(tables: Sequence[Numbers], profile: str, deviations: str, photos: Sequence[Numbers] = ()) -> str:
    """The HTML page.

    Args:
        tables: in the order of the page.
        deviations: docs/deviations.md.
        photos: tables on photographs, which get a part of their own.

    Raises:
        InputError: a picture is damaged.
    """
    sections, data = [*_on_photos(photos, tables), *map(_section, tables)], _data(tables)
    return rendering.render(
        "page.html", tables=tables, photos=[numbers for numbers in photos if numbers.measured], sections=sections,
        groups=_groups(sections), profile=profile, first=_first(sections), finding=text.finding(tables, photos),
        facts=_facts(tables), data=data, synthetic=all(map(_is_synthetic, data)),
        judged=any(numbers.judged for numbers in tables),
        deviations=prose.html(deviations, deeper=1), paper=PAPER, policy=_policy(sections), grouped=_grouped,
        alternative=_alternative, many=MANY,
    )


def markdown(tables: Sequence[Numbers], profile: str, photos: Sequence[Numbers] = ()) -> str:
    """The whole of RESULTS.md, with the same arguments as `html`."""
    sections = [Section(numbers, {}, "") for numbers in tables]
    on_photos = _on_photos(photos, tables, drawn=False)
    return rendering.render("results.md", tables=tables, sections=sections, photos=on_photos, profile=profile)


def _on_photos(photos: Sequence[Numbers], tables: Sequence[Numbers], drawn: bool = True) -> List[Section]:
    """Tables on photographs beside the same on synthetic people; those that were not trained are left out."""
    by_name = {numbers.table.name: numbers for numbers in tables}
    return [
        replace(_section(numbers) if drawn else Section(numbers, {}, ""), synthetic=by_name[numbers.table.name])
        for numbers in photos if numbers.measured and numbers.table.name in by_name
    ]


def _section(numbers: Numbers) -> Section:
    drawn = {kind: draw(numbers) for kind, draw in DRAWN.items()}
    found = {kind: figure for kind, figure in drawn.items() if figure}
    is_drawn = "distance" in found and numbers.table.picture == "curves"  # the page has these curves already
    image = _embedded(numbers.picture) if numbers.picture and not is_drawn else ""
    return Section(numbers, found, image, _viewer(numbers) if image else "")


def _groups(sections: Sequence[Section]) -> List[Tuple[str, List[Section]]]:
    """Neighbours of one kind, for the contents."""
    return [(heading, list(of_kind)) for heading, of_kind in groupby(sections, _heading)]


def _heading(section: Section) -> str:
    if section.synthetic is not None:
        return PHOTOS
    kind, table = order(section.name)[0], section.numbers.table
    return KINDS[kind + 1] if kind else KINDS[table.metrics[0].unit == "mm"]


def _first(sections: Sequence[Section]) -> Optional[Tuple[Section, Figure]]:
    """The picture of the first screen, and whose it is."""
    by_name = {section.name: section for section in sections if "distance" in section.figures}
    found = next((by_name[name] for name in FIRST if name in by_name), None)
    drawn = figures.opening(found.numbers) if found else None
    return (found, drawn) if found and drawn else None


def _data(tables: Sequence[Numbers]) -> List[str]:
    """The data sets that our numbers are of."""
    return list(dict.fromkeys(name for numbers in tables for name in numbers.signed("data")))


def _is_synthetic(data: str) -> bool:
    return data.startswith("synthetic")


def _facts(tables: Sequence[Numbers]) -> List[Tuple[str, str]]:
    """Numbers of the first screen, with their words."""
    papers, others = text.tally(tables), text.tally(tables, of_paper=False)
    trained = sum(bool(numbers.measured) for numbers in tables)
    judged = papers.held + papers.undecided + papers.not_held
    return [
        *([(f"{papers.held} of {judged}", "of the paper’s claims held"), (str(papers.undecided), "undecided"),
           (str(papers.not_held), "not held")] if judged else []),
        *([(f"{others.held} of {sum(others[:3])}", "of the claims counted apart held")] if any(others[:3]) else []),
        (str(papers.unjudged + others.unjudged), "not judged"),
        (f"{trained} of {len(tables)}", "tables and figures trained"),
    ]


def _grouped(lines: Sequence[Sequence[str]]) -> Iterator[List[Sequence[str]]]:
    """Lines of `layout` below their heading: the lines of each method or metric together."""
    starts = [place for place, line in enumerate(lines) if place and line[0]]
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        yield list(lines[start:end])


def _alternative(numbers: Numbers) -> str:
    """A picture in words."""
    rows = list(dict.fromkeys(row for row, _, _ in numbers.measured))
    who = f"as {', '.join(rows[:-1])} and {rows[-1]} predict" if len(rows) > 1 else f"as {rows[0]} predicts"
    if numbers.table.picture == "curves":
        return f"Curves of {numbers.title}: {numbers.table.caption}."
    runs = [run for row in numbers.table.rows for run in row.runs]
    if runs[0].coordinates == 3:
        return f"Test people as annotated, then {who}: over the image, from the camera and from the side."
    what = "Scenes with the poses found in them" if numbers.table.picture == "scenes" else "Test people"
    return f"{what}: as annotated, then {who}."


def _viewer(numbers: Numbers) -> str:
    """The page with the poses of a 3D table.

    Raises:
        InputError: their file is damaged.
    """
    if numbers.poses is None:
        return ""
    try:
        return viewer.page_of(json.loads(numbers.poses.read_text(encoding="utf-8")))
    except ValueError as error:
        raise InputError(f"{numbers.poses}: these poses are damaged ({error}). Run {numbers.command} again, which "
                         "writes new ones.") from error


def _policy(sections: Sequence[Section]) -> str:
    """The content security policy: no script runs but the viewer's, where there is one."""
    if not any(section.viewer for section in sections):
        return POLICY
    digest = hashlib.sha256(viewer.script().encode()).digest()
    return f"{POLICY}; script-src 'sha256-{base64.b64encode(digest).decode()}'"


def _embedded(path: Path) -> str:
    """The picture as a data URI.

    Raises:
        InputError: it is cut short or is no picture.
    """
    begin, end, kind = MAGIC[path.suffix]
    content = path.read_bytes()
    if not (content.startswith(begin) and content.rstrip(b"\0").endswith(end)):
        raise InputError(f"{path}: this image is damaged. Run make {path.stem} again, which draws a new one.")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
