"""docs/deviations.md as a part of the HTML page."""
from __future__ import annotations

from xml.etree.ElementTree import Element

from markdown import Extension, Markdown
from markdown.treeprocessors import Treeprocessor
from markupsafe import Markup

# The page is one file that shows what it is given: HTML is shown as text, and no image is fetched.
HTML = ("html_block",)
INLINE = ("html", "image_link", "image_reference", "short_image_ref")
HEADINGS = tuple(f"h{level}" for level in range(1, 7))


def html(source: str, deeper: int = 0) -> Markup:
    """Markdown with tables as HTML; a heading of level n becomes one of level n + `deeper`."""
    return Markup(Markdown(extensions=["tables", _ForThePage(deeper)]).convert(source))


class _ForThePage(Extension):
    def __init__(self, deeper: int) -> None:
        super().__init__()
        self.deeper = deeper

    def extendMarkdown(self, md: Markdown) -> None:
        for name in HTML:
            md.preprocessors.deregister(name)
        for name in INLINE:
            md.inlinePatterns.deregister(name)
        md.treeprocessors.register(_Shaped(md, self.deeper), "page", 15)  # behind the one for inline elements


class _Shaped(Treeprocessor):
    """Deeper headings, tables that scroll and that a screen reader can read, links to the web only."""

    def __init__(self, md: Markdown, deeper: int) -> None:
        super().__init__(md)
        self.deeper = deeper

    def run(self, root: Element) -> None:
        for element in list(root.iter()):
            if element.tag in HEADINGS:
                element.tag = f"h{min(6, int(element.tag[1]) + self.deeper)}"
            elif element.tag == "a" and not element.get("href", "").startswith("https://"):
                element.tag, element.attrib = "span", {}  # a file beside docs/, which the page does not have
            elif element.tag == "table":
                _roles(element)
        for place, element in enumerate(root):
            if element.tag == "table":
                root[place] = _scrolled(element)


def _roles(table: Element) -> None:
    """Marks what heads what; the roles stay where style.css shows the lines of the table one below the other."""
    columns = ["".join(cell.itertext()) for cell in table.iterfind("thead/tr/th")]
    for cell in table.iterfind("thead/tr/th"):
        cell.set("scope", "col")
    for line in table.iterfind("tbody/tr"):
        line.set("role", "row")
        for cell, column in zip(line, columns):
            cell.set("role", "cell")
            cell.set("data-column", column)
        line[0].tag = "th"
        line[0].attrib = {"scope": "row", "role": "rowheader"}
    table.attrib = {"class": "prose", "role": "table"}


def _scrolled(table: Element) -> Element:
    label = " / ".join("".join(cell.itertext()) for cell in table.iterfind("thead/tr/th"))
    box = Element("div", {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": label})
    box.append(table)
    return box
