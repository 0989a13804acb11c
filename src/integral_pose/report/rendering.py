"""Fills in the templates of this folder: HTML with every text escaped, Markdown as it is."""
from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from integral_pose.report import layout, text
from integral_pose.report.drawing import charts

ENVIRONMENT = Environment(
    loader=PackageLoader("integral_pose.report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    keep_trailing_newline=True, autoescape=select_autoescape(disabled_extensions=("md",), default=True),
)
ENVIRONMENT.filters.update(
    px="{:.1f}".format, signed="{:+.2f}".format, aligned=layout.aligned, fenced=text.fenced, plain=text.plain,
)
ENVIRONMENT.globals.update(
    size=vars(charts), aside=layout.aside, tally=text.tally, cells_are=text.cells_are, margin_unit=text.margin_unit,
    quotes=text.quotes, protocols=text.protocols, counted=text.counted, signatures=text.signatures,
    weaknesses=text.weaknesses, summary=text.summary, tallies=text.tallies,
)


def render(template: str, **values: Any) -> str:
    """A page from the template of this name."""
    return ENVIRONMENT.get_template(template).render(values)
