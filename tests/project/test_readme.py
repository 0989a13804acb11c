"""The README says what is there: its files, its commands, its numbers."""
from __future__ import annotations

import csv
import importlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "src/integral_pose/pretrained/README.md", ROOT / "CONTRIBUTING.md",
         *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text()
TABLES = sorted(set(re.findall(r"^(table\d+): ", README, re.MULTILINE)))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.name}")
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https://)([^)#]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.name}")
def test_make_knows_every_target_named(page: Path) -> None:
    named = set(re.findall(r"make ([a-z]+\d*)", page.read_text())) - {"of", "it", "them"}
    for target in sorted(named):
        asked = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert asked.returncode == 0, asked.stderr


@pytest.mark.parametrize("table", TABLES)
def test_measured_numbers_are_those_of_the_csv(table: str) -> None:
    with open(ROOT / f"results/quick/{table}.csv", newline="") as handle:
        lines = [line for line in csv.DictReader(handle) if line["ours"] and line["row"] != "all"]
    metrics = importlib.import_module(f"experiments.{table}").TABLE.metrics
    printed = {metric.name for metric in metrics}
    cells = {}
    for line in lines:
        if line["metric"] in printed:
            cells.setdefault((line["row"], line["column"]), []).append(f"{float(line['ours']):.1f}")
    single = len({column for _, column in cells}) == 1 and not metrics[0].action
    shown = [" ".join(numbers) for numbers in zip(*cells.values())] if single else [
        (" " if metrics[0].action else "/").join(numbers) for numbers in cells.values()
    ]
    spaced = re.sub(r" +", " ", README)
    assert shown and all(numbers in spaced for numbers in shown)


def test_no_placeholder_is_left() -> None:
    assert not re.findall(r"\b[A-Z0-9]{3,}_[A-Z_]{3,}\b", re.sub(r"`[^`]*`", "", README))
