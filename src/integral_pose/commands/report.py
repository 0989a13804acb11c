"""Writes RESULTS.md and one HTML page from results/: tables, claims, curves, figures and deviations."""
from __future__ import annotations

import argparse
import importlib
import re
import sys
from pathlib import Path
from typing import List, Optional

from integral_pose.commands import console
from integral_pose.errors import InputError
from integral_pose.profiles import PROFILES, judges
from integral_pose.report import numbers, page
from integral_pose.storage.atomic import replacing
from integral_pose.tables import Table

ROOT = Path(__file__).resolve().parents[3]
DEFAULT, PHOTOS = "quick", "photos"  # profiles
COMMITTED = ROOT / "results" / "quick"  # what RESULTS.md of the checkout is about

DEVIATIONS = Path(page.__file__).with_name("deviations.md")  # a link to that of docs/


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code, 2 for wrong input."""
    options = _parser().parse_args(argv)
    return console.run("report", lambda: print(*report(options.results, options.profile, options.out), sep="\n"), "")


def report(results: Path, profile: str, out: Optional[Path] = None) -> List[Path]:
    """Writes index.html and RESULTS.md to `out`; RESULTS.md of the checkout's own quick results goes to its root.

    `out` is results/report, and for another profile than quick a folder of its own in there.

    Raises:
        InputError: there are no results, or a file of theirs is damaged.
    """
    folder = results / profile
    out = out or results / "report" / ("" if profile == DEFAULT else profile)
    found = [numbers.read(table, folder, judges(profile), profile) for table in tables()]
    if not any(table.measured for table in found):
        raise InputError(f"{folder}: contains no CSV file of a table. `make table1` writes one, `make tables` all.")
    markdown = ROOT / "RESULTS.md" if folder.resolve() == COMMITTED else out / "RESULTS.md"
    html = out / "index.html"
    deviations, photos = DEVIATIONS.read_text(encoding="utf-8"), _photos(results, profile)
    for path, content in ((markdown, page.markdown(found, profile, photos)),
                          (html, page.html(found, profile, deviations, photos))):
        with replacing(path) as draft:
            draft.write_text(content, encoding="utf-8")
    return [markdown, html]


def _photos(results: Path, profile: str) -> List[numbers.Numbers]:
    """The tables on photographs, which stand beside those of the default profile."""
    return [numbers.read(table, results / PHOTOS, True, PHOTOS) for table in tables() if profile == DEFAULT]


def tables() -> List[Table]:
    """Every table of the paper that has a file in experiments/, in the paper's order, then its figures."""
    folder = importlib.import_module("experiments").__path__  # by name: its files stand above this one
    files = [file for place in folder for file in sorted(Path(place).glob("*.py")) if _has_table(file)]
    found: List[Table] = [importlib.import_module(f"experiments.{file.stem}").TABLE for file in files]
    return sorted(found, key=lambda table: numbers.order(table.name))


def _has_table(file: Path) -> bool:
    """Whether a file of experiments/ defines a table; others, which may train, are not imported."""
    return re.search(r"(?m)^TABLE\b", file.read_text(encoding="utf-8")) is not None


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(prog="python -m scripts.report", description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR",
                        help="folder of the tables' CSV files and figures (default: results)")
    parser.add_argument("--profile", choices=PROFILES, default=DEFAULT,
                        help=f"profile of the results (default: {DEFAULT})")
    parser.add_argument("--out", type=Path, metavar="DIR",
                        help=f"output folder (default: report in --results; for profiles other than {DEFAULT}, a "
                        "subfolder with the profile's name)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
