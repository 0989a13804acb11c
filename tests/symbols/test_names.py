"""`from symbols import Integral`: the public blocks, imported when they are first used, and what they print."""
from __future__ import annotations

import subprocess
import sys

import integral_pose  # isort: skip  # noqa: F401

import pytest

import symbols
from symbols import CompensatedIntegral, HeatVectors, Integral, MassNear

CHEAP = "import sys, symbols; assert 'Integral' in dir(symbols) and 'mxnet' not in sys.modules"


def test_importing_symbols_does_not_import_mxnet() -> None:
    subprocess.run([sys.executable, "-c", CHEAP], check=True, timeout=60)


def test_each_name_is_that_of_its_module() -> None:
    assert sorted(symbols.__all__) == sorted(name for names in symbols.MODULES.values() for name in names)
    for module, names in symbols.MODULES.items():
        for name in names:
            assert getattr(symbols, name).__module__ == f"symbols.{module}" and name in dir(symbols)
    with pytest.raises(AttributeError, match="no attribute 'Integrall'"):
        symbols.Integrall  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("block", [Integral, HeatVectors, CompensatedIntegral])
def test_a_block_prints_its_sizes(block: type) -> None:
    sizes = {"joints": 3, "height": 8, "width": 8, "depth": 8}
    assert repr(block(**sizes, fused=False)) == (
        f"{block.__name__}(joints=3, height=8, width=8, depth=8, fused=False)")
    assert repr(MassNear(3, 4, 5)).startswith("MassNear(joints=3, height=4, width=5, depth=1, fused=")
