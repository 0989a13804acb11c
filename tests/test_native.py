"""Building and loading the compiled operator, and what happens where either fails."""
from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import mxnet as mx
import pytest

from symbols import native
from symbols.integral import Integral

ROOT = Path(__file__).resolve().parent.parent
needs_a_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")


def test_the_compiled_operator_is_in_use_where_a_compiler_is():
    assert native.loaded() or shutil.which("g++") is None, "`python -m symbols.native` builds what this tests"


def test_without_the_library_mxnets_own_operators_are_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(native, "library", lambda: tmp_path / "missing.so")
    assert not native.loaded.__wrapped__()


def test_a_library_that_does_not_load_is_named(monkeypatch, tmp_path):
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"of another machine")
    monkeypatch.setattr(native, "library", lambda: broken)
    with pytest.warns(RuntimeWarning, match=f"{re.escape(str(broken))} does not load.*make setup"):
        assert not native.loaded.__wrapped__()


def test_a_changed_source_is_another_library(monkeypatch, tmp_path):
    before = native.library().name
    changed = tmp_path / native.SOURCE.name
    changed.write_bytes(native.SOURCE.read_bytes() + b"\n")
    monkeypatch.setattr(native, "SOURCE", changed)
    assert native.library().name != before and native.library().parent == tmp_path


def test_without_a_compiler_nothing_is_built(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install g++" in native.build(tmp_path / "none.so")
    assert list(tmp_path.iterdir()) == []


@needs_a_compiler
def test_source_that_does_not_compile_is_no_traceback(monkeypatch, tmp_path):
    source = tmp_path / "marginals.cc"
    source.write_text("int main( {")
    monkeypatch.setattr(native, "SOURCE", source)
    assert re.match(r"\S+ could not compile marginals.cc \(.*error", native.build(tmp_path / "none.so"))
    assert list(tmp_path.iterdir()) == [source]


@needs_a_compiler
def test_builds_a_library_that_another_process_loads(tmp_path):
    built = tmp_path / "built.so"
    assert native.build(built) is None
    program = f"""
import pathlib, mxnet as mx
from symbols import native
native.library = lambda: pathlib.Path({str(built)!r})
from symbols.integral import Integral
block = Integral(2, 3, 5, 4)
assert block.fused
print(block(mx.nd.zeros((1, 8, 3, 5))).asnumpy().tolist())
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    assert run.stdout.decode().strip() == "[[[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]]"


@needs_a_compiler
def test_brings_no_second_openmp():
    """Two would start twice the threads, and the second one hears of no limit."""
    if not native.loaded():
        pytest.skip("the compiled operator is not built")
    names = {Path(line.split()[-1]).name for line in Path("/proc/self/maps").read_text().splitlines() if "omp" in line}
    assert {name for name in names if re.match(r"lib(g|i)?omp", name)} == {"libgomp.so.1.0.0"}


def test_says_what_size_it_was_built_for():
    if not native.loaded():
        pytest.skip("the compiled operator is not built")
    sizes = {"joints": 2, "depth": 3, "height": 4, "width": 5}
    for shape in ((1, 6, 4, 6), (1, 6, 5, 4), (1, 7, 4, 5), (1, 6, 20), (1, 1, 6, 4, 5)):
        with pytest.raises(mx.MXNetError, match=r"built for maps \(N, 6, 4, 5\)"):
            mx.nd.softmax_marginals(mx.nd.zeros(shape), **sizes)


def test_blocks_ask_whether_it_is_loaded(monkeypatch):
    monkeypatch.setattr(native, "loaded", lambda: False)
    assert not Integral(2, 3, 5).fused
