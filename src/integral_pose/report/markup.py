"""HTML and SVG elements whose text is escaped unless it is markup already."""
from __future__ import annotations

from html import escape

LINES = ("details", "figure", "h2", "h3", "li", "p", "section", "svg", "tr")  # a line of the file begins after them
VOID = ("br", "img", "link", "meta")  # elements without content or end


class Html(str):
    """Text that is markup."""


def joined(*inside: str) -> Html:
    """Markup and plain text, one after the other."""
    return Html("".join(part if isinstance(part, Html) else escape(part, quote=False) for part in inside))


def tag(name: str, /, *inside: str, **attributes: object) -> Html:
    """An element; `class_` is its class, `aria_label` its aria-label, and an attribute that is None is left out."""
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items() if value is not None
    )
    if name in VOID:
        return Html(f"<{name}{words}>")
    end = "\n" if name in LINES else ""
    return Html(f"<{name}{words}>{joined(*inside)}</{name}>{end}")
