"""Imports point down: every module has a layer and imports only from lower ones, or from its own folder."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "integral_pose": "src/integral_pose",
    "symbols": "symbols",
    "experiments": "experiments",
    "scripts": "scripts",
    "benchmarks": "benchmarks",
}

# From the bottom up. A folder is one entry: its modules may import one another, without a cycle.
ORDER: Tuple[Tuple[str, ...], ...] = (
    ("symbols", "integral_pose.errors", "integral_pose.runtime"),
    ("integral_pose",),
    ("integral_pose.run", "integral_pose.skeletons", "integral_pose.geometry"),
    ("integral_pose.methods", "integral_pose.tables", "integral_pose.storage", "integral_pose.distributed"),
    ("integral_pose.samples", "integral_pose.metrics", "integral_pose.viewer"),
    ("integral_pose.synthetic",),
    ("integral_pose.datasets", "integral_pose.profiles"),
    ("integral_pose.run_folder", "integral_pose.published"),
    ("integral_pose.models",),
    ("integral_pose.training",),
    ("integral_pose.evaluation",),
    ("integral_pose.inference", "integral_pose.report"),
    ("integral_pose.api",),
    ("integral_pose.commands",),
    ("experiments",),
    ("benchmarks",),
    ("scripts",),
)
LAYERS = {entry: layer for layer, entries in enumerate(ORDER) for entry in entries}


def modules(root: Path) -> Dict[str, Path]:
    """Dotted name -> file, for every module of the project."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted((root / folder).rglob("*.py")):
            parts = (package, *path.relative_to(root / folder).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def entry_of(module: str) -> str:
    """The entry of ORDER that a module belongs to: integral_pose.datasets.mpii -> integral_pose.datasets."""
    return ".".join(module.split(".")[: 2 if module.startswith("integral_pose.") else 1])


def is_for_types(node: ast.AST) -> bool:
    """Whether it is `if TYPE_CHECKING:` with nothing else to do."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and (
        not node.orelse)


def imported_names(path: Path, module: str) -> Iterator[str]:
    """Dotted names the file imports, wherever in the file; `from a import b` gives a.b.

    What stands below `if TYPE_CHECKING:` is not imported: by that a lazy package tells its types.
    """
    package = module.split(".") if path.stem == "__init__" else module.split(".")[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    of_types = {id(node) for block in ast.walk(tree) if is_for_types(block) for node in ast.walk(block)}
    for node in (node for node in ast.walk(tree) if id(node) not in of_types):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = [*base, *([node.module] if node.module else [])]
            yield from (".".join([*source, alias.name]) for alias in node.names)


def imports(root: Path) -> Dict[str, Set[str]]:
    """Module -> the project's modules that it imports."""
    known = modules(root)
    graph: Dict[str, Set[str]] = {}
    for module, path in known.items():
        graph[module] = set()
        for name in imported_names(path, module):
            target = name if name in known else name.rpartition(".")[0]
            if target in known and target != module:
                graph[module].add(target)
    return graph


def violations(root: Path) -> List[str]:
    """One line for each module without a layer and each import that does not point down."""
    graph = imports(root)
    homeless = [f"{module} has no layer: give it one in ORDER" for module in graph if entry_of(module) not in LAYERS]
    upward = [
        f"{module} imports {target}, which is not below it"
        for module, targets in graph.items()
        for target in sorted(targets)
        if not homeless and entry_of(module) != entry_of(target)
        if LAYERS[entry_of(module)] <= LAYERS[entry_of(target)]
    ]
    return homeless + upward


def cycles(graph: Dict[str, Set[str]]) -> Set[str]:
    """Modules that import themselves by way of others."""

    def reachable(start: str) -> Set[str]:
        seen: Set[str] = set()
        queue = list(graph[start])
        while queue:
            module = queue.pop()
            if module not in seen:
                seen.add(module)
                queue.extend(graph[module])
        return seen

    return {module for module in graph if module in reachable(module)}


def write(root: Path, files: Dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_imports_point_down() -> None:
    assert violations(ROOT) == []


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert cycles(imports(ROOT)) == set()


@pytest.mark.parametrize(
    "statement",
    [
        "from integral_pose import tables",
        "from integral_pose.tables import fit",
        "import integral_pose.tables",
        "from . import tables",
        "from .tables import fit",
        "def late():\n    from integral_pose.tables import fit",
    ],
)
def test_an_upward_import_is_found(tmp_path: Path, statement: str) -> None:
    write(tmp_path, {"src/integral_pose/geometry.py": statement, "src/integral_pose/tables.py": "def fit(): ..."})
    assert violations(tmp_path) == ["integral_pose.geometry imports integral_pose.tables, which is not below it"]


def test_what_only_a_type_checker_imports_is_no_import(tmp_path: Path) -> None:
    lines = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from integral_pose.tables import fit\n"
    write(tmp_path, {"src/integral_pose/geometry.py": lines, "src/integral_pose/tables.py": "def fit(): ..."})
    assert violations(tmp_path) == []
    (tmp_path / "src/integral_pose/geometry.py").write_text(f"{lines}else:\n    import integral_pose.tables")
    assert len(violations(tmp_path)) == 1


def test_modules_of_one_layer_are_apart_and_modules_of_one_folder_are_not(tmp_path: Path) -> None:
    apart = write(tmp_path, {"src/integral_pose/samples.py": "import integral_pose.metrics.pckh"})
    write(apart, {"src/integral_pose/metrics/pckh.py": "from .curves import area"})
    write(apart, {"src/integral_pose/metrics/curves.py": "import numpy"})
    assert violations(apart) == ["integral_pose.samples imports integral_pose.metrics.pckh, which is not below it"]


@pytest.mark.parametrize("module", ["integral_pose", "integral_pose.errors", "integral_pose.geometry"])
def test_symbols_import_nothing_of_integral_pose(tmp_path: Path, module: str) -> None:
    files = ("__init__", "errors", "geometry")
    write(tmp_path, {"symbols/heads.py": f"import {module}", **{f"src/integral_pose/{name}.py": "" for name in files}})
    assert violations(tmp_path) == [f"symbols.heads imports {module}, which is not below it"]


def test_a_new_module_without_a_layer_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"src/integral_pose/novelty.py": ""})
    assert violations(tmp_path) == ["integral_pose.novelty has no layer: give it one in ORDER"]


def test_a_cycle_inside_a_folder_is_found(tmp_path: Path) -> None:
    files = {"symbols/a.py": "import symbols.b", "symbols/b.py": "import symbols.c", "symbols/c.py": "import symbols.a"}
    write(tmp_path, {**files, "symbols/d.py": "import symbols.a"})
    assert cycles(imports(tmp_path)) == {"symbols.a", "symbols.b", "symbols.c"}
