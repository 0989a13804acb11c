"""Contenders take turns, each in a process of its own, so that no library's threads or imports disturb another's.

A contender is a function `module:function` that is given its arguments, prepares everything and returns its turn. Run
as a program, this module is the process of one contender: it takes a turn for each line it receives and returns the
time.
"""
from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

Turn = Callable[[], Any]  # does the work once, to its end, and gives an array to compare, or a function that makes it
Prepared = Tuple[str, Turn]  # the version of the library that does the work, and the turn
ROOT = Path(__file__).resolve().parent.parent


class Contender(NamedTuple):
    """Who takes part; `rival` are those that run in the environment of requirements/rivals.txt."""

    name: str
    function: str
    arguments: Dict[str, Any]
    rival: bool = False


class Contest(NamedTuple):
    """What is measured: one turn of each contender processes `items` items. The first contender is ours."""

    benchmark: str
    contenders: Sequence[Contender]
    threads: int
    items: int
    tolerance: Optional[float]  # between what ours and another gives; None where what they give cannot be compared
    per_core: bool = False  # counts the seconds of the processor and not those on the clock


class Figure(NamedTuple):
    """What was measured of one contender."""

    benchmark: str
    contender: str
    version: str
    threads: int
    batch: int
    seconds: float  # of a turn, the median
    spread: float  # seconds between the quartiles
    ratio: float  # to ours: above 1 for who is slower


class Missing(Exception):
    """A contender's library is not installed."""


class Process:
    """One contender's process."""

    def __init__(self, contender: Contender, python: str, threads: int) -> None:
        path = os.pathsep.join(map(str, (ROOT / "src", ROOT)))
        settings = {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": path}  # how threads wait is each one's own affair
        given = json.dumps([contender.function, contender.arguments])
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.contest", given], cwd=ROOT, env={**os.environ, **settings},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        try:
            self.version = self._answer(contender)["version"]
        except BaseException:
            self.close()
            raise

    def _answer(self, contender: Optional[Contender] = None) -> Dict[str, Any]:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith("{"):  # libraries print what they like
                answer: Dict[str, Any] = json.loads(line)
                if "missing" in answer:
                    raise Missing(answer["missing"])
                return answer
        raise RuntimeError(f"{contender.name if contender else 'a contender'} ended with {self._process.wait()}")

    def turn(self, per_core: bool, result: str = "") -> float:
        """Seconds of one turn; its result is written to the file `result`, if one is named."""
        assert self._process.stdin
        self._process.stdin.write(result + "\n")
        self._process.stdin.flush()
        return float(self._answer()["processor" if per_core else "clock"])

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def measure(contest: Contest, python: str, rounds: int, say: Callable[[str], None]) -> List[Figure]:
    """Every contender's median over rounds in which each has one turn; contenders that are not installed are named.

    Args:
        python: of the environment with the rivals; "" without one.

    Raises:
        RuntimeError: two contenders give different results.
    """
    running: Dict[str, Process] = {}
    with ExitStack() as stack:
        for contender in contest.contenders:
            try:
                running[contender.name] = _started(contender, python, contest.threads, stack)
            except Missing as missing:
                say(f"{contest.benchmark}: {contender.name} is skipped, because {missing} is not installed")
        _compare(contest, running)
        turns = [_round(running, contest.per_core) for _ in range(rounds + 1)][1:]  # the first warms up
    versions = {name: process.version for name, process in running.items()}
    return [_figure(contest, name, versions[name], turns) for name in running]


def _round(running: Dict[str, Process], per_core: bool) -> Dict[str, float]:
    return {name: process.turn(per_core) for name, process in running.items()}


def _started(contender: Contender, python: str, threads: int, stack: ExitStack) -> Process:
    if contender.rival and not python:
        raise Missing("the environment with the rivals")
    process = Process(contender, python if contender.rival else sys.executable, threads)
    stack.callback(process.close)
    return process


def _compare(contest: Contest, running: Dict[str, Process]) -> None:
    """One turn of each contender, whose results have to agree with ours."""
    ours: Optional[np.ndarray] = None
    with tempfile.TemporaryDirectory() as folder:
        for name, process in running.items():
            path = Path(folder) / "result.npy"
            process.turn(contest.per_core, str(path))
            found = np.load(path, allow_pickle=False)
            if ours is None:
                ours = found
            elif contest.tolerance is not None:
                far = float(np.abs(found - ours).max()) if found.shape == ours.shape else float("inf")
                if not far <= contest.tolerance:
                    raise RuntimeError(f"{contest.benchmark}: {name} differs from ours by {far:.1e}")


def _figure(contest: Contest, name: str, version: str, turns: Sequence[Dict[str, float]]) -> Figure:
    seconds = [turn[name] for turn in turns]
    low, _, high = statistics.quantiles(seconds, n=4)
    median = statistics.median(seconds)
    ours = statistics.median(turn[contest.contenders[0].name] for turn in turns)
    return Figure(contest.benchmark, name, version, contest.threads, contest.items, median, high - low, median / ours)


def main() -> None:
    """The process of one contender."""
    function, arguments = json.loads(sys.argv[1])
    module, name = function.split(":")
    try:
        version, turn = getattr(importlib.import_module(module), name)(**arguments)
    except ImportError as error:
        print(json.dumps({"missing": error.name or str(error)}), flush=True)
        return
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        clock, processor = time.perf_counter(), time.process_time()
        result = turn()
        took = {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}
        if line.strip():
            np.save(line.strip(), np.asarray(result() if callable(result) else result))
        print(json.dumps(took), flush=True)


if __name__ == "__main__":
    main()
