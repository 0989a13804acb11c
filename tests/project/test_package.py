"""The package: what its archives hold, its command, and that its metadata and the locked versions agree."""
from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import List, Set

import pytest

import integral_pose
from integral_pose import commands, runtime
from integral_pose.commands import console

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("src", "symbols", "experiments", "docs", "requirements")
FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff")
DATA = {
    "integral_pose/py.typed", "integral_pose/report/deviations.md", "integral_pose/synthetic/drawing/capsules.cc",
    "integral_pose/viewer/viewer.html", "symbols/py.typed", "symbols/native/marginals.cc",
}
LIGHT = """
import sys
from integral_pose import commands
sys.argv = ["integral-pose", *sys.argv[1:]]
status = commands.main()
assert not {"mxnet", "numpy", "cv2"} & set(sys.modules), "too much is imported"
sys.exit(status)
"""


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what `python -m build` makes, of a copy, so that nothing is left in the checkout."""
    folder = tmp_path_factory.mktemp("package")
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.failed", "*.egg-info")
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / "copy" / name, symlinks=True, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, folder / "copy")
    # Without isolation, so without a network: setuptools of requirements/dev.txt instead of that in pyproject.toml.
    command = [sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check", "--outdir", str(folder)]
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COV_CORE")}
    built = subprocess.run([*command, str(folder / "copy")], capture_output=True, text=True, env=unmeasured)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def committed(folder: str, pattern: str = "*") -> Set[str]:
    """Files of a folder by their paths in the wheel."""
    top = ROOT / folder
    return {path.relative_to(ROOT / "src" if folder.startswith("src") else ROOT).as_posix()
            for path in top.rglob(pattern) if path.is_file() and "__pycache__" not in path.parts}


def test_the_wheel_holds_the_program_and_no_more(archives: Path) -> None:
    wheel, = archives.glob("*.whl")
    assert wheel.name == f"integral_pose-{integral_pose.__version__}-py3-none-any.whl"
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    modules = {name for folder in ("src/integral_pose", "symbols", "experiments") for name in committed(folder, "*.py")}
    data = DATA | committed("src/integral_pose/pretrained") | committed("src/integral_pose/report/templates")
    assert held == modules | data
    assert {"integral_pose/pretrained/people.params", "integral_pose/report/templates/style.css"} <= held
    assert wheel.stat().st_size < 27e6  # of which networks take up to 25


def test_the_source_archive_can_be_built_from(archives: Path) -> None:
    source, = archives.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    top = {name.partition("/")[0] for name in held}
    assert {*FILES, *SOURCES} <= top and not top & {"tests", "data", "runs", "results", "benchmarks", "scripts"}
    assert "src/integral_pose/pretrained/people.params" in held


def test_the_installed_deviations_are_those_of_the_documents(archives: Path) -> None:
    wheel, = archives.glob("*.whl")
    held = zipfile.ZipFile(wheel).read("integral_pose/report/deviations.md")
    assert held == (ROOT / "docs/deviations.md").read_bytes()


def metadata(archives: Path) -> List[str]:
    wheel, = archives.glob("*.whl")
    name = f"integral_pose-{integral_pose.__version__}.dist-info/METADATA"
    return zipfile.ZipFile(wheel).read(name).decode().splitlines()


def test_each_extra_has_one_mxnet_and_opencv_comes_once(archives: Path) -> None:
    required = [line[len("Requires-Dist: "):] for line in metadata(archives) if line.startswith("Requires-Dist: ")]
    assert [line for line in required if line.startswith("mxnet")] == [
        'mxnet==1.9.1; extra == "cpu"', 'mxnet-cu112==1.9.1; extra == "cuda"']
    assert sum("opencv" in line for line in required) == 1
    assert "gluoncv==0.8.0" in required, "later ones require opencv-python beside opencv-python-headless"


@pytest.mark.parametrize("extra, lock", [("cpu", "cpu"), ("cuda", "cuda"), ("", "runtime"), ("export", "export"),
                                         ("dev", "dev")])
def test_what_is_locked_is_what_the_metadata_allows(archives: Path, extra: str, lock: str) -> None:
    locked = dict(re.findall(r"^([\w-]+)==([\w.]+)", (ROOT / f"requirements/{lock}.txt").read_text(), re.MULTILINE))
    named = {name.lower(): version for name, version in locked.items()}
    marked = f'; extra == "{extra}"'
    for line in metadata(archives):
        if line.startswith("Requires-Dist: ") and (line.endswith(marked) if extra else ";" not in line):
            name, bounds = re.fullmatch(r"([\w-]+)(.*)", line[len("Requires-Dist: "):].partition(";")[0]).groups()
            assert all(allows(bound, named[name.lower()]) for bound in bounds.split(",")), line


def allows(bound: str, version: str) -> bool:
    kind, limit = re.fullmatch(r"(==|>=|<)([\w.]+)", bound).groups()
    ours, theirs = ([int(part) for part in re.findall(r"\d+", number)] for number in (version, limit))
    return {"==": version == limit, ">=": ours >= theirs, "<": ours < theirs}[kind]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """`integral-pose` in a process of its own, which fails if it imports MXNet."""
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT)])
    return subprocess.run([sys.executable, "-c", LIGHT, *words], capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": path})


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_the_help_lists_every_command_and_imports_little(words: List[str]) -> None:
    shown = command(*words)
    assert shown.returncode == 0 and not shown.stderr
    assert all(re.search(rf"^  {name} +\w", shown.stdout, re.MULTILINE) for name in commands.COMMANDS)


def test_every_command_has_a_module_and_every_script_is_a_command() -> None:
    doors = {path.stem for path in (ROOT / "scripts").glob("*.py") if "A door to `integral_pose.commands" in
             path.read_text()}
    assert doors == set(commands.COMMANDS) - {"table"}
    for name in commands.COMMANDS:
        assert importlib.import_module(f"integral_pose.commands.{name}").main


def test_a_command_that_is_not_there_is_refused_with_the_nearest() -> None:
    refused = command("pridict")
    assert refused.returncode == 2 and "Did you mean predict?" in refused.stderr and not refused.stdout


def test_the_version_is_signed_by_the_commit_if_there_is_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    version = f"integral-pose {integral_pose.__version__}"
    assert re.fullmatch(rf"{re.escape(version)}(, commit [0-9a-f]{{10}}\+?)?\n", command("--version").stdout)
    monkeypatch.setattr(runtime, "ROOT", tmp_path)
    assert runtime.described() == version and runtime.commit() == f"v{integral_pose.__version__}"


def test_a_repository_around_the_installed_program_does_not_sign(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setattr(runtime, "ROOT", tmp_path / "env" / "lib" / "python3.11")
    assert runtime.commit() == f"v{integral_pose.__version__}"


def test_without_mxnet_it_is_said_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(commands, "MXNET", "a_package_that_is_not_there")
    assert commands.main(["predict", "photo.jpg"]) == 2
    assert "pip install mxnet==1.9.1" in capsys.readouterr().err


def test_a_library_that_mxnet_misses_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def broken(name: str) -> None:
        raise OSError("libquadmath.so.0: cannot open shared object file")

    monkeypatch.setattr(commands.importlib, "import_module", broken)
    assert commands.main(["demo"]) == 2
    assert "apt-get install libgomp1 libquadmath0" in capsys.readouterr().err


@pytest.mark.parametrize("checkout, installed", [
    ("python -m scripts.predict photo.jpg", "integral-pose predict photo.jpg"),
    (".venv/bin/python -m scripts.export people", "integral-pose export people"),
    ("python -m experiments.table1 --rows I1", "integral-pose table table1 --rows I1"),
    ("`make table1` trains some", "`integral-pose table table1` trains some"),
    ("as scripts.detect writes it", "as integral-pose detect writes it"),
    ("make setup EXPORT=1", "make setup EXPORT=1"),
])
def test_texts_name_commands_as_they_were_called(
    monkeypatch: pytest.MonkeyPatch, checkout: str, installed: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["/checkout/scripts/predict.py"])
    assert console.spelled(checkout) == checkout
    monkeypatch.setattr(sys, "argv", ["/env/bin/integral-pose", "predict"])
    assert console.spelled(checkout) == installed


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_the_help_of_a_command_names_it_as_it_was_called(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", ["/env/bin/integral-pose", name])
    with pytest.raises(SystemExit) as left:
        commands.main([name, *(["table1"] if name == "table" else []), "--help"])
    shown = capsys.readouterr().out
    assert left.value.code == 0 and shown.startswith(f"usage: integral-pose {name}")
    assert "python -m" not in re.sub(r"python -m docs\S*", "", shown) and "scripts." not in shown


def test_table_lists_the_tables(capsys: pytest.CaptureFixture) -> None:
    assert commands.main(["table"]) == 0
    shown = capsys.readouterr().out
    assert "  table1 " in shown and "  figure2 " in shown and "  beyond_grid " in shown
    with pytest.raises(SystemExit) as left:
        commands.main(["table", "table13"])
    assert left.value.code == 2
