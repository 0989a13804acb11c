"""The little of Markdown that docs/deviations.md uses, as HTML: headings, paragraphs, tables, code, bold and links."""
from __future__ import annotations

import re
from typing import List

from integral_pose.report.markup import Html, joined, tag

INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<bold>.+?)\*\*|\[(?P<text>[^\]]+)\]\((?P<target>[^)\s]+)\)")
RULE = re.compile(r"\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?")  # between a table's heading and its lines


def html(source: str, deeper: int = 0) -> Html:
    """Blocks between empty lines; a heading of level n becomes one of level n + `deeper`."""
    blocks = re.split(r"\n\s*\n", re.sub(r"(?m)^(#+ .*)$", r"\n\1\n", source).strip())
    return Html("\n".join(_block(block.strip(), deeper) for block in blocks))


def _block(block: str, deeper: int) -> Html:
    heading = re.fullmatch(r"(#+) (.*)", block)
    if heading:
        return tag(f"h{len(heading[1]) + deeper}", inline(heading[2]))
    lines = block.splitlines()
    if len(lines) > 1 and RULE.fullmatch(lines[1].strip()):
        return _table([_cells(line) for line in (lines[0], *lines[2:])])
    return tag("p", inline(" ".join(lines)))


def _cells(line: str) -> List[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _table(lines: List[List[str]]) -> Html:
    heading, *rest = lines
    head = tag("tr", *(tag("th", inline(cell), scope="col") for cell in heading))
    body = [
        tag("tr", tag("th", inline(line[0]), scope="row"), *(tag("td", inline(cell)) for cell in line[1:]))
        for line in rest
    ]
    table = tag("table", tag("thead", head), tag("tbody", *body), class_="prose")
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=" / ".join(heading))


def inline(source: str) -> Html:
    """Code, bold text and links to the web; of a link to a file the words stay, as the page stands alone."""
    parts, end = [], 0
    for found in INLINE.finditer(source):
        parts += [source[end:found.start()], _span(found)]
        end = found.end()
    return joined(*parts, source[end:])


def _span(found: re.Match[str]) -> Html:
    if found["code"]:
        return tag("code", found["code"])
    if found["bold"]:
        return tag("strong", inline(found["bold"]))
    if found["target"].startswith("https://"):
        return tag("a", found["text"], href=found["target"])
    return joined(found["text"])
