"""Curves as numbers, in CSV files beside a table's: how its runs were trained, and PCKh as its threshold grows."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.metrics import pckh
from integral_pose.run import Run
from integral_pose.storage import csv_files

LAST = 0.2  # of the steps: where a curve's end begins
LEARNING = 1.0  # percent that the held-out loss still falls in this part, at which a network counts as still learning
LOG = "log.csv"  # in a run's folder
MOST_LINES = 40  # of a run's log that are kept
Where = Tuple[str, str]  # row and column


class Validation(NamedTuple):
    """A line of a training log: the losses and the error when the network was validated."""

    row: str
    column: str
    seed: int
    phase: int  # 1 for the run that is trained first, 2 for the one that starts from it
    key: str
    step: int  # of the phase
    train_loss: float  # a person's, the mean since the last validation
    validation_loss: float  # a held-out person's
    validation_error_px: float  # mean over held-out people's joints, patch px


class Ending(NamedTuple):
    """The end of a network's last phase: how far its held-out loss still changed there."""

    row: str
    column: str
    seed: int
    key: str
    steps: int  # of the phase
    before: float  # held-out loss where the last fifth of the steps begins, interpolated between validations
    after: float  # at the end

    @property
    def change(self) -> float:
        """Percent over the last fifth of the steps: negative while the loss falls, near 0 where it stands still."""
        return 100 * (self.after / self.before - 1)


class Point(NamedTuple):
    """PCKh within one threshold, the mean over the seeds."""

    row: str
    column: str
    threshold: float  # head sizes
    pckh: float  # percent


VALIDATION: csv_files.Kinds = {
    "row": str, "column": str, "seed": int, "phase": int, "run_key": str, "step": int, "train_loss": float,
    "validation_loss": float, "validation_error_px": float,
}
LOGGED: csv_files.Kinds = {name: VALIDATION[name] for name in Validation._fields[5:]}
POINT: csv_files.Kinds = {"row": str, "column": str, "threshold": float, "pckh": float}


def write_training(
    cells: Iterable[Tuple[str, str, Run]], folder: Callable[[Run], Path], path: Path
) -> List[Validation]:
    """Puts the logs of runs, and of what they start from, into one file; a run without a log is left out.

    Args:
        cells: row, column and run of each.
        folder: where a run's files are.

    Returns:
        the lines of the file.

    Raises:
        InputError: a log is damaged.
    """
    found = [line for row, column, run in cells for line in _logged(row, column, run, folder)]
    csv_files.write(path, tuple(VALIDATION), ([*v[:6], *(f"{number:.5g}" for number in v[6:])] for v in found))
    return found


def _logged(row: str, column: str, run: Run, folder: Callable[[Run], Path]) -> Iterator[Validation]:
    for phase, link in enumerate(run.training.chain, start=1):
        path = folder(link) / LOG
        if path.exists():
            remedy = "Move it away to do without this run's curve, or move its folder away to train the run again."
            for line in _thinned(csv_files.read(path, LOGGED, remedy)):
                yield Validation(row, column, run.seed, phase, link.key, *line.values())


def _thinned(lines: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """At most MOST_LINES of them, spread evenly from the first to the last."""
    number = len(lines)
    return [lines[i] for i in np.linspace(0, number - 1, min(MOST_LINES, number)).round().astype(int)]


def read_training(path: Path, remedy: str) -> List[Validation]:
    """Inverse of `write_training`.

    Raises:
        InputError: the file is damaged.
    """
    return [Validation(*line.values()) for line in csv_files.read(path, VALIDATION, remedy)]


def endings(validations: Iterable[Validation]) -> List[Ending]:
    """The end of each network's training; those that were validated fewer than twice in their last phase are left out.

    Only the last phase counts: phases have different losses.
    """
    phases: Dict[Tuple[str, str, int], Dict[int, List[Validation]]] = {}
    for v in validations:
        phases.setdefault((v.row, v.column, v.seed), {}).setdefault(v.phase, []).append(v)
    last = (of_run[max(of_run)] for of_run in phases.values())
    return [_ending(course) for course in last if len(course) > 1]


def _ending(course: Sequence[Validation]) -> Ending:
    end = course[-1]
    before = np.interp((1 - LAST) * end.step, [v.step for v in course], [v.validation_loss for v in course])
    return Ending(end.row, end.column, end.seed, end.key, end.step, float(before), end.validation_loss)


def changes(found: Iterable[Ending]) -> Dict[Where, float]:
    """The mean over the seeds of each row and column's change at its end, percent."""
    cells: Dict[Where, List[float]] = {}
    for ending in found:
        cells.setdefault((ending.row, ending.column), []).append(ending.change)
    return {where: float(np.mean(of_seeds)) for where, of_seeds in cells.items()}


def write_endings(found: Iterable[Ending], path: Path) -> None:
    """One line a network: how far it is from converged."""
    header = ("row", "column", "seed", "run_key", "steps", "held_out_loss_before", "held_out_loss", "change_percent")
    csv_files.write(path, header, ((*e[:5], f"{e.before:.5g}", f"{e.after:.5g}", f"{e.change:.2f}") for e in found))


def write_pckh(distances: Mapping[Where, Sequence[Array]], path: Path) -> None:
    """Puts the curve of each cell, at the thresholds 0:0.01:0.5, into one file.

    Args:
        distances: of each cell's seeds, (N, 16), head sizes, nan where a joint is not annotated.
    """
    means = {where: np.mean([pckh.curve(seed) for seed in seeds], axis=0) for where, seeds in distances.items()}
    points = ([*where, f"{t:.2f}", f"{y:.3f}"] for where, mean in means.items() for t, y in zip(pckh.THRESHOLDS, mean))
    csv_files.write(path, tuple(POINT), points)


def read_pckh(path: Path, remedy: str) -> List[Point]:
    """Inverse of `write_pckh`.

    Raises:
        InputError: the file is damaged.
    """
    return [Point(*line.values()) for line in csv_files.read(path, POINT, remedy)]
