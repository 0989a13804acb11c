"""Contenders for tests of the benchmark, in a module that a process of their own imports quickly."""
from __future__ import annotations

import time
from typing import Any, Callable, List, Tuple


def sleeping(seconds: float, result: List[float]) -> Tuple[str, Callable[[], Any]]:
    """A contender's work."""
    def turn() -> Any:
        time.sleep(seconds)
        return result

    return "1.2", turn


def importing(library: str) -> Tuple[str, Callable[[], Any]]:
    """A contender whose library is not there."""
    __import__(library)
    raise AssertionError("this library is installed")
