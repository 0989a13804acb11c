"""How far the runs of a table are, and how long the rest takes at the speeds that were measured so far."""
from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from integral_pose.evaluation.cells import Cell
from integral_pose.evaluation.evaluate import outcome_file
from integral_pose.metrics import flops
from integral_pose.models import build, saved
from integral_pose.run import Run
from integral_pose.run_folder import DONE, Site

UNKNOWN = "unknown until a run has been validated once"
OPEN_END = "unknown: some runs train until their loss saturates"


class Progress(NamedTuple):
    """How far a run is."""

    run: Run
    step: int
    done: bool
    speed: Optional[float] = None  # images/s, as measured last

    @property
    def images_left(self) -> int:
        """To train on; 0 where the end is not known, too."""
        return 0 if self.done else max(0, self.run.steps - self.step) * self.run.batch


def of_run(run: Run, site: Site) -> Progress:
    """The state of a run's folder. A damaged file counts as missing here; training reports it."""
    folder = site.folder(run)
    step, speed = _logged(folder / "log.csv")
    try:
        step = int(json.loads((folder / DONE).read_text(encoding="utf-8"))["step"])
        return Progress(run.training, step, True, speed)
    except (OSError, ValueError, KeyError, TypeError):
        return Progress(run.training, step, False, speed)


def _logged(path: Path) -> Tuple[int, Optional[float]]:
    try:
        with open(path, newline="", encoding="utf-8") as handle:
            last = list(csv.DictReader(handle))[-1]
        return int(last["step"]), float(last["images_per_s"]) or None
    except (OSError, ValueError, KeyError, TypeError, IndexError, csv.Error):
        return 0, None


def of_table(cells: Iterable[Cell], site: Site) -> List[Progress]:
    """Of each run that the cells need, those that others start from too, each once."""
    runs = {link.training.key: link for cell in cells for link in cell.run.needed}
    own = {cell.run.training.key for cell in cells}
    return [of_run(run, site) for key, run in runs.items() if key in own or not saved.trunk(run)]


def seconds_left(runs: Sequence[Progress], processes: int = 1) -> Optional[float]:
    """The remaining time of these runs' training; None if it is unknown.

    A run that has not begun is taken to be as fast as another of the same network, or else as its multiply-adds say.
    Tests of the trained networks are not counted.
    """
    waiting = [run for run in runs if not run.done]
    if any(not run.run.steps for run in waiting):
        return None
    costs = {_network(run.run): run.speed for run in runs if run.speed}
    if waiting and not costs:
        return None
    return sum(run.images_left / (run.speed or _speed(run.run, costs)) for run in waiting) / max(1, processes)


def _network(run: Run) -> Run:
    """A run in place of all that have its network."""
    return Run(
        backbone=run.backbone, width=run.width, patch=run.patch, stages=run.stages, upsamplings=run.upsamplings,
        coordinates=run.coordinates, data=run.data, skeleton=run.skeleton, pretrained=False, amp=run.amp,
    )


def _speed(run: Run, measured: Mapping[Run, float]) -> float:
    """Images/s of a run that has not begun."""
    network = _network(run)
    known = measured.get(network)
    if known:
        return known
    other, speed = next(iter(measured.items()))
    return speed * _multiply_adds(other) / _multiply_adds(network)


def _multiply_adds(network: Run) -> float:
    return float(flops.multiply_adds(build.network(network), network.patch))


def in_words(seconds: float) -> str:
    """ "about 3 min": as exactly as it is known."""
    if seconds < 60:
        return "under a minute"
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes < 60 else f"about {minutes // 60} h {minutes % 60} min"


def summary(name: str, cells: Sequence[Cell], site: Site, processes: int) -> str:
    """One line: how many runs are trained, and how long the others take."""
    runs = of_table(cells, site)
    trained = sum(run.done for run in runs)
    return f"{name}: {trained} of {len(runs)} runs are trained; {_left(runs, processes)}."


def _left(runs: Sequence[Progress], processes: int) -> str:
    if all(run.done for run in runs):
        return "no training is left"
    seconds = seconds_left(runs, processes)
    if seconds is not None:
        return f"{in_words(seconds)} of training left"
    reason = OPEN_END if any(not run.done and not run.run.steps for run in runs) else UNKNOWN
    return f"the time left is {reason}"


def status(name: str, cells: Sequence[Cell], site: Site, processes: int) -> str:
    """A line for each cell, what is trained and what is missing, and the summary."""
    lines = [("row", "column", "seed", "run", "state")]
    lines += [(cell.row, cell.column, str(cell.run.seed), cell.run.training.key, _state(cell, site)) for cell in cells]
    widths = [max(map(len, column)) for column in zip(*lines)]
    rows = ["  ".join(word.ljust(width) for word, width in zip(line, widths)).rstrip() for line in lines]
    return "\n".join([*rows, "", summary(name, cells, site, processes)])


def _state(cell: Cell, site: Site) -> str:
    """Of a cell: what it starts from counts as its first part."""
    if outcome_file(cell.run, site).exists():
        return "finished"
    chain = [of_run(link, site) for link in cell.run.chain]
    step, steps = sum(link.step for link in chain), sum(link.run.steps for link in chain)
    if all(link.done for link in chain):
        return "trained, not tested yet"
    if not step:
        return "not begun"
    whole = all(link.run.steps for link in chain)
    return f"{100 * step // steps} % of {steps} steps" if whole else f"at step {step}"
