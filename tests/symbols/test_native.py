"""Compiling and loading what the program has in C++, what happens where either fails, and the operator for MXNet."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mxnet as mx
import pytest

from integral_pose.synthetic.drawing import capsules
from scripts.compile import main as compile_all
from symbols.integral import Integral
from symbols.native import Library, marginals

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = [marginals.LIBRARY, capsules.LIBRARY]
each_library = pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.source.stem)
needs_a_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
needs_the_operator = pytest.mark.skipif(not marginals.loaded(), reason="the compiled operator is not built")


@pytest.fixture
def elsewhere(tmp_path):
    """The operator's library, made of a copy of its source in a folder of its own; it compiles faster."""
    source = Path(shutil.copy(marginals.LIBRARY.source, tmp_path))
    return replace(marginals.LIBRARY, source=source, flags=(*marginals.LIBRARY.flags, "-O0"))


@pytest.fixture
def small(tmp_path):
    """A library that compiles in no time."""
    source = tmp_path / "small.cc"
    source.write_text('extern "C" int one() { return 1; }')
    return Library(source, "nothing counts to one")


@needs_a_compiler
@each_library
def test_is_compiled_where_a_compiler_is(library):
    assert library.path.exists(), "`make setup` or `python -m scripts.compile` builds what this tests"


@needs_a_compiler
def test_first_use_compiles_and_prints_that_once(small, capsys):
    assert small.opened(str) == str(small.path) and small.path.exists()
    assert capsys.readouterr().err == "Compiling small.cc, on first use only: some seconds.\n"
    assert small.opened(str) == str(small.path) and capsys.readouterr().err == ""


@needs_a_compiler
def test_of_several_processes_one_compiles(small):
    """All begin at once; those that wait find what the first has made."""
    program = f"""
from pathlib import Path
from symbols.native import Library
print(Library(Path({str(small.source)!r}), "nothing").opened(str))
"""
    together = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate() for process in together]
    assert len({path for path, _ in outputs}) == 1 and outputs[0][0].strip().endswith(".so")
    assert sorted(said for _, said in outputs) == ["", "", "Compiling small.cc, on first use only: some seconds.\n"]


def test_without_a_compiler_a_sentence_is_printed_once(monkeypatch, elsewhere, capsys):
    monkeypatch.setenv("PATH", "")
    assert elsewhere.opened(str) is None
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "MXNet's own operators take its place" in said and "apt-get install g++" in said
    assert elsewhere.opened(str) is None and capsys.readouterr().err == ""


@needs_a_compiler
def test_a_compiler_that_was_installed_later_is_used(monkeypatch, small):
    with monkeypatch.context() as without:
        without.setenv("PATH", "")
        assert small.opened(str) is None
    assert small.opened(str)


def test_a_failed_compilation_is_not_repeated(monkeypatch, small, capsys):
    tries = []
    monkeypatch.setattr(type(small), "_compile", lambda library: tries.append(library) or "it is too old")
    assert small.opened(str) is small.opened(str) is None and len(tries) == 1
    assert capsys.readouterr().err.endswith("it is too old.\n")
    assert small.build() == "it is too old" and len(tries) == 2, "asked for, it is tried again"


def test_where_the_program_is_read_only_the_cache_has_it(monkeypatch, small, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    assert small.path.parent == tmp_path / "cache" / "integral-pose"
    monkeypatch.setattr(type(small), "_compile", lambda library: library.path.write_text("compiled") and None)
    assert small.opened(str) == str(small.path)
    assert not list(small.source.parent.glob("*.so"))


def test_where_nothing_can_be_written_it_is_done_without(monkeypatch, small, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(small.source))  # a file
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    assert small.opened(str) is None and "cannot be written" in capsys.readouterr().err
    assert "set XDG_CACHE_HOME" in small.build()


def test_a_library_that_does_not_load_is_named(monkeypatch, elsewhere):
    elsewhere.path.write_bytes(b"of another machine")
    monkeypatch.setattr(marginals, "LIBRARY", elsewhere)
    message = f"{re.escape(str(elsewhere.path))} does not load, so MXNet's own .*remove it.*integral-pose compile"
    with pytest.warns(RuntimeWarning, match=message) as caught:
        assert not marginals.loaded.__wrapped__()
    assert caught[0].filename == __file__


def test_a_changed_source_flag_or_mxnet_is_another_library(elsewhere):
    names = {library.path.name for library in (
        elsewhere, replace(elsewhere, flags=("-O1",)), replace(elsewhere, version="2.0"))}
    elsewhere.source.write_bytes(elsewhere.source.read_bytes() + b"\n")
    assert len(names | {elsewhere.path.name}) == 4


def test_the_folder_of_headers_makes_no_other_library(elsewhere):
    moved = replace(elsewhere, headers=(Path("/elsewhere"),))
    assert moved != elsewhere and moved.path == elsewhere.path


def test_without_a_compiler_nothing_is_built(monkeypatch, elsewhere):
    monkeypatch.setenv("PATH", str(elsewhere.source.parent))
    assert "apt-get install g++" in elsewhere.build()
    assert not elsewhere.path.exists()


@needs_a_compiler
def test_source_that_does_not_compile_is_no_traceback(small):
    small.source.write_text("int main( {")
    assert re.match(r"\S+ could not compile small.cc \(.*error", small.build())
    assert list(small.source.parent.iterdir()) == [small.source]


@needs_a_compiler
def test_builds_a_library_that_another_process_loads(elsewhere):
    assert elsewhere.build() is None
    program = f"""
import dataclasses, pathlib, mxnet as mx
from symbols.native import marginals
marginals.LIBRARY = dataclasses.replace(marginals.LIBRARY, source=pathlib.Path({str(elsewhere.source)!r}),
                                        flags={elsewhere.flags!r})
from symbols.integral import Integral
block = Integral(2, 3, 5, 4)
assert block.fused
print(block(mx.nd.zeros((1, 8, 3, 5))).asnumpy().tolist())
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    assert run.stdout.decode().strip() == "[[[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]]"


@needs_the_operator
def test_brings_no_second_openmp():
    """Two would start twice the threads, and the second one hears of no limit."""
    names = {Path(line.split()[-1]).name for line in Path("/proc/self/maps").read_text().splitlines() if "omp" in line}
    assert {name for name in names if re.match(r"lib(g|i)?omp", name)} == {"libgomp.so.1.0.0"}


@needs_the_operator
def test_says_what_size_it_was_built_for():
    sizes = {"joints": 2, "depth": 3, "height": 4, "width": 5}
    for shape in ((1, 6, 4, 6), (1, 6, 5, 4), (1, 7, 4, 5), (1, 6, 20), (1, 1, 6, 4, 5)):
        with pytest.raises(mx.MXNetError, match=r"built for maps \(N, 6, 4, 5\)"):
            mx.nd.softmax_marginals(mx.nd.zeros(shape), **sizes)


def test_blocks_ask_whether_it_is_loaded(monkeypatch):
    monkeypatch.setattr(marginals, "loaded", lambda: False)
    assert not Integral(2, 3, 5).fused


def test_set_up_says_what_is_compiled_and_why_something_is_not(monkeypatch, capsys, elsewhere):
    monkeypatch.setattr(marginals, "LIBRARY", elsewhere)
    monkeypatch.setenv("PATH", "")
    assert compile_all([]) == 0
    operator, painter = capsys.readouterr().out.splitlines()
    assert operator.startswith("marginals.cc is not compiled, so MXNet's own operators take its place: there is no g++")
    compiled = f"capsules.cc is compiled as {capsules.LIBRARY.path.name}."
    assert painter == compiled or not capsules.LIBRARY.path.exists()
