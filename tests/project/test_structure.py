"""The code stays in pieces that are found and read at once: small folders, and short functions."""
from __future__ import annotations

import ast
from pathlib import Path
from statistics import median
from typing import Any, Dict, Iterator, List

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("src", "symbols", "scripts", "benchmarks", "tests")  # and experiments, which is one file per table
MOST_MODULES, MOST_LINES, USUAL_LINES = 12, 60, 10


def crowded(root: Path) -> Dict[str, int]:
    """Folders with more modules than are seen at once, and how many; __init__.py is not counted."""
    counts: Dict[str, int] = {}
    for top in FOLDERS:
        for path in (root / top).rglob("*.py"):
            folder = path.parent.relative_to(root).as_posix()
            counts[folder] = counts.get(folder, 0) + (path.name != "__init__.py")
    return {folder: count for folder, count in counts.items() if count > MOST_MODULES}


def functions(source: str) -> Iterator[Any]:
    """Every function of a module, inner ones and methods too."""
    return (node for node in ast.walk(ast.parse(source)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def lengths(root: Path, folder: str) -> Dict[str, int]:
    """Lines of every function of a folder, from its `def` to its end, by module, line and name."""
    return {
        f"{path.relative_to(root)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in sorted((root / folder).rglob("*.py"))
        for node in functions(path.read_text(encoding="utf-8"))
    }


def test_no_folder_holds_more_modules_than_are_seen_at_once() -> None:
    assert crowded(ROOT) == {}


@pytest.mark.parametrize("folder", [*FOLDERS, "experiments"])
def test_functions_are_short(folder: str) -> None:
    lines = lengths(ROOT, folder)
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
    assert median(lines.values()) <= USUAL_LINES


@pytest.mark.parametrize(("count", "found"), [(12, {}), (13, {"src/a": 13})])
def test_a_crowded_folder_is_found(tmp_path: Path, count: int, found: Dict[str, int]) -> None:
    (tmp_path / "src/a").mkdir(parents=True)
    for name in ["__init__", *(f"m{i}" for i in range(count))]:
        (tmp_path / f"src/a/{name}.py").touch()
    assert crowded(tmp_path) == found


@pytest.mark.parametrize("indents", [[""], ["class A:", "    "]], ids=["function", "method"])
def test_lines_are_counted_from_def_to_end(tmp_path: Path, indents: List[str]) -> None:
    *before, indent = indents
    (tmp_path / "src").mkdir()
    lines = [*before, f"{indent}def f():", f'{indent}    """A docstring."""', f"{indent}    return 1", "", "x = 1"]
    (tmp_path / "src/a.py").write_text("\n".join(lines))
    assert lengths(tmp_path, "src") == {f"src/a.py:{len(indents)} f": 3}
