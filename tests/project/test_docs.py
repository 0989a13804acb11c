"""What the documents tell a reader to type or to write is understood by the program."""
from __future__ import annotations

import importlib
import re
import shlex
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Dict, List, Tuple

import pytest

from integral_pose.commands import table as command
from integral_pose.datasets import catalogue
from integral_pose.errors import InputError
from integral_pose.geometry import Box

ROOT = Path(__file__).resolve().parents[2]
DOORS = {f"scripts.{name}": f"integral_pose.commands.{name}" for name in (
    "predict", "train", "evaluate", "export", "import", "detect", "demo", "report", "compile")}
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"^(?:.*&& )?(?:\S*/)?(?:\.venv/bin/)?python -m ((?:scripts|experiments)\.\w+)(.*)$")


def blocks(page: Path) -> List[str]:
    """What stands between fences."""
    return re.findall(r"```\w*\n(.*?)```", page.read_text(), re.DOTALL)


def commands() -> List[Tuple[str, str, str]]:
    """Page, module and arguments of each python command of the documents."""
    found = []
    for page in PAGES:
        for line in "\n".join(blocks(page)).splitlines():
            command = COMMAND.match(line.split("horovodrun", 1)[-1].strip())
            if command:
                found.append((page.name, command.group(1), command.group(2)))
    return found


@pytest.mark.parametrize("page, module, arguments", commands())
def test_a_command_has_the_options_that_a_document_gives_it(page: str, module: str, arguments: str) -> None:
    imported = importlib.import_module(DOORS.get(module, module))
    parser = command._parser(imported.TABLE) if hasattr(imported, "TABLE") else imported._parser()
    parser.parse_args(shlex.split(arguments, comments=True))


def test_there_are_commands_of_every_script() -> None:
    told = {module for _, module, _ in commands()}
    assert {"scripts.evaluate", "scripts.predict", "scripts.export", "scripts.train", "scripts.costs"} <= told


def test_the_experiment_of_the_documents_runs(smoke_people: Path, tmp_path: Path) -> None:
    code = next(block for block in blocks(ROOT / "docs/experiments.md") if "TABLE = Table(" in block)
    written: Dict[str, object] = {"__name__": "experiments.sigma"}
    exec(code, written)
    folders = ["--data", str(smoke_people), "--runs", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    with pytest.raises(SystemExit) as left:
        command.main(written["TABLE"], ["--profile", "smoke", "--jobs", "1", *folders])  # type: ignore[arg-type]
    assert left.value.code == 0 and (tmp_path / "results/smoke/sigma-claims.csv").exists()


def test_the_data_set_of_the_contributing_page_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = next(block for block in blocks(ROOT / "CONTRIBUTING.md") if "(DataSet)" in block)
    module = ModuleType("csv_people")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(textwrap.dedent(code), module.__dict__)
    monkeypatch.setitem(catalogue.KINDS, "csvpeople", module.CsvPeople)
    (tmp_path / "csvpeople").mkdir()
    (tmp_path / "csvpeople/test.csv").write_text(f"a.jpg,5,6,40,9.5,1,2{',,' * 15}\n")
    found = catalogue.find("csvpeople", tmp_path)
    (sample,) = found.people("test")
    assert sample.box == Box(5, 6, 40) and sample.joints[0].tolist() == [1, 2] and sample.head_size == 9.5
    assert sample.annotated.tolist() == [1] + 15 * [0] and sample.image == tmp_path / "csvpeople/images/a.jpg"
    with pytest.raises(InputError, match="train.csv: there is no such file"):
        found.people("train")
