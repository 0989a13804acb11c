"""What a table's file runs: train what is missing, evaluate, and set our numbers beside the paper's."""
from __future__ import annotations

import argparse
import os
import sys
import textwrap
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, NoReturn, Optional, Sequence, Tuple

import mxnet as mx

from integral_pose import build, crew, curves, pictures, processes, results
from integral_pose.datasets import catalogue
from integral_pose.errors import Busy, InputError, RunFailed
from integral_pose.evaluate import check, evaluate, outcome_file
from integral_pose.files import demand_writable
from integral_pose.metrics import flops
from integral_pose.profiles import PROFILES
from integral_pose.results import Evidence, Measured
from integral_pose.run import Run
from integral_pose.runtime import cores
from integral_pose.submit import can_submit, submission, submit
from integral_pose.tables import Table
from integral_pose.train import Site, train

CORES = cores()
MOST_JOBS = 4  # each takes about a gigabyte
POLL = 1.0  # s, between looks at what other processes hold


class Cell(NamedTuple):
    """One run of a table, scaled by a profile."""

    row: str
    column: str
    run: Run
    submitted: bool  # to the data set's server

    def is_finished(self, site: Site) -> bool:
        submits = self.submitted and can_submit(self.run, site)
        return outcome_file(self.run, site).exists() and (not submits or submission(self.run, site).exists())


def main(table: Table, argv: Optional[Sequence[str]] = None) -> NoReturn:
    """Runs a table from the command line and exits: 0, 1 if a run failed, 2 for wrong input."""
    options = _parser(table).parse_args(argv)
    with _told(), processes.interruptible():
        reproduce(table, options)
    sys.exit(0)


@contextmanager
def _told() -> Iterator[None]:
    """Ends the process with a paragraph and a status instead of a traceback."""
    try:
        yield
    except InputError as error:
        _leave(2, str(error))
    except OSError as error:
        _leave(2, f"{error.filename or 'the system'}: {error.strerror or error}. Mend that, or name other folders with "
               "--data, --runs and --results. What was finished before is kept, and the same command goes on.")
    except RunFailed as error:
        _leave(1, str(error))
    except mx.MXNetError as error:
        if crew.LOST in str(error):
            _say("Another worker of this job has ended; its message, or horovodrun's, says why. The same command, with "
                 "as many workers as you like, goes on from the last checkpoint.")
            os._exit(1)  # MXNet's own end would raise the error again
        _leave(1, f"MXNet: {str(error).strip().splitlines()[-1]} What was finished before is kept.")
    except KeyboardInterrupt as stopped:
        status = stopped.args[0] if stopped.args else 130
        _leave(status, "Stopped. The same command goes on from the last checkpoint.")


def reproduce(table: Table, options: argparse.Namespace) -> None:
    """Trains and evaluates what is missing of a table; prints it and writes its CSV files and picture.

    Raises:
        InputError, RunFailed: see `main`.
    """
    rows = _rows(table)
    asked = options.rows or rows
    unknown = [row for row in asked if row not in rows]
    if unknown:
        raise InputError(f"--rows {unknown[0]}: {table.name} has the rows {', '.join(rows)}.")
    site, folder = _site(options), options.results / options.profile
    site.crew.first(lambda: demand_writable(folder, "--results"))
    cells = list(_cells(table, options.profile, options.seeds, options.amp))
    wanted = site.crew.first(lambda: [cell for cell in cells if cell.row in asked and not cell.is_finished(site)])
    if wanted:
        site.crew.first(lambda: demand_writable(site.runs, "--runs"))
        site.crew.first(lambda: _check(wanted, site))
        jobs = _jobs(options, wanted, site.crew.size > 1)
        if jobs:
            _share(wanted, options, jobs)
        else:
            _work(wanted, site)
    if site.crew.leads:
        _report(table, cells, site, folder)


def _check(cells: Sequence[Cell], site: Site) -> None:
    """That all data are there, seen before a network is trained for days.

    Raises:
        InputError: they are not, or the test people cannot be scored.
    """
    runs = {(cell.run.data, cell.run.extra, cell.run.protocol, cell.run.boxes): cell.run for cell in cells}
    for run in runs.values():
        check(run, site.data)
        build.training_batches(run, site.data, (0, site.crew.size), len(site.devices))


def _rows(table: Table) -> List[str]:
    """The rows that can be trained: other people's have numbers only."""
    return [row.name for row in table.rows if row.runs]


def _site(options: argparse.Namespace, line: int = 0) -> Site:
    if options.amp and not options.gpus:
        raise InputError("--amp: float16 needs GPUs, which MXNet's operators have it for. Name them with --gpus.")
    own = crew.assembled()
    if own.size > 1 and options.jobs:
        raise InputError(f"--jobs {options.jobs}: the workers that horovodrun has started share each row already. "
                         "Leave --jobs out.")
    devices = _own_devices(build.devices(options.gpus), own) if options.gpus else build.devices("")
    return Site(options.data, options.runs / options.profile, tuple(devices), options.workers, line, own)


def _own_devices(gpus: Sequence[mx.Context], own: crew.Crew) -> Sequence[mx.Context]:
    """Of a machine's GPUs those of one of the workers there.

    Raises:
        InputError: they cannot be shared equally.
    """
    if len(gpus) % own.local_size:
        raise InputError(f"--gpus: {own.local_size} workers on one machine cannot share {len(gpus)} GPU(s) equally. "
                         "Start one worker for each GPU, or one for all of them.")
    return gpus[own.local_rank :: own.local_size]


def _work(cells: Sequence[Cell], site: Site) -> None:
    """Trains and evaluates; what another process is working on comes last, as soon as that one has done with it."""
    told = False
    while cells:
        busy = []
        for cell in cells:
            try:
                _train(cell, site)
                site.crew.first(partial(_test, cell, site.alone))
            except Busy as lock:
                busy.append(cell)
                holder = lock
        if len(busy) == len(cells):
            if not told:
                print(f"waiting for another process that holds {holder}", file=sys.stderr)
            told = True
            time.sleep(POLL)
        cells = busy


def _train(cell: Cell, site: Site) -> None:
    train(cell.run, site, f"{cell.row}, {cell.column}, seed {cell.run.seed}", wait=False)


def _test(cell: Cell, site: Site) -> None:
    """Evaluates; writes what a server asks for."""
    evaluate(cell.run, site, wait=False)
    if cell.submitted:
        submit(cell.run, site, wait=False)


def _jobs(options: argparse.Namespace, cells: Sequence[Cell], crewed: bool) -> int:
    """Processes to share the work, 0 for this one alone.

    On a CPU small networks gain more from processes than from threads, a single one too: on two cores I* of Table 10
    trained at 191 images/s on two threads, at 354 on one.
    """
    alone = options.profile == "paper" or options.gpus or crewed
    if options.jobs == 1 or (not options.jobs and alone):
        return 0
    return min(options.jobs or MOST_JOBS, CORES, len(cells))


def _share(cells: Sequence[Cell], options: argparse.Namespace, jobs: int) -> None:
    """Several processes work through the cells, each with its share of the cores.

    Raises:
        RunFailed: one of them was killed.
    """
    threads = CORES // min(CORES, max(jobs, MOST_JOBS))
    os.environ["OMP_NUM_THREADS"] = str(threads)  # a new process reads it, this one has
    failed = max(processes.share(_helper, [(cells, options, line) for line in range(jobs)]))
    if failed:
        sys.exit(failed)


def _helper(cells: Sequence[Cell], options: argparse.Namespace, line: int) -> None:
    """One of several processes. Tests are for when others train what is left, so that all end together."""
    with _told():
        site = _site(options, line)
        for cell in cells:
            with suppress(Busy):
                _train(cell, site)
        _work(cells, site)


def _cells(table: Table, profile: str, seeds: int, amp: bool) -> Iterator[Cell]:
    for seed in range(seeds):
        for row, index in table.cells():
            run = _everywhere(PROFILES[profile](row.runs[index]), seed=seed, amp=amp)
            yield Cell(row.name, table.columns[index], run, table.submission)


def _everywhere(run: Run, **changes: Any) -> Run:
    """The run with changes that what it starts from has too."""
    return replace(run, start=_everywhere(run.start, **changes) if run.start else None, **changes)


def _report(table: Table, cells: Sequence[Cell], site: Site, folder: Path) -> None:
    """All that has been evaluated, asked for now or before."""
    evidence: Dict[Tuple[str, str], List[Evidence]] = defaultdict(list)
    for cell in cells:
        path = outcome_file(cell.run, site)
        if path.exists():
            evidence[cell.row, cell.column].append(Evidence.read(path))
    measured = Measured(table, evidence)
    costs = [_cost(run) for run in table.rows[0].runs] if table.costs else []
    results.write_csv(measured, costs, folder / f"{table.name}.csv")
    if table.claims:
        results.write_claims(measured, folder / f"{table.name}-claims.csv")
    _write_curves(measured, cells, site, folder)
    print(results.render(measured, costs))
    picture = _draw(measured, cells[0].run, site, folder)
    print(f"\n{folder / table.name}.csv has these numbers with their signatures, {picture} the picture.")
    if table.submission:
        print(_submissions(cells, site))


def _write_curves(measured: Measured, cells: Sequence[Cell], site: Site, folder: Path) -> None:
    """How what was evaluated had been trained, and PCKh at every threshold, for the report."""
    name, done = measured.table.name, [cell for cell in cells if (cell.row, cell.column) in measured.evidence]
    logs = ((cell.row, cell.column, cell.run) for cell in done)
    curves.write_training(logs, site.folder, folder / f"{name}-training.csv")
    if measured.table.metrics[0].measure == "PCKh":
        distances = {where: [e.arrays["distances"] for e in seeds] for where, seeds in measured.evidence.items()}
        curves.write_pckh(distances, folder / f"{name}-curves.csv")


def _submissions(cells: Sequence[Cell], site: Site) -> str:
    """What was written for the data set's server, and where; or what would have to be there."""
    if not can_submit(cells[0].run, site):
        missing = catalogue.official_test(cells[0].run, site.data)
        return f"For the data set's own test nothing was written: {missing} names its people. Put it there."
    written = [cell for cell in cells if cell.is_finished(site)]
    lines = (f"  {cell.row}, seed {cell.run.seed}: {submission(cell.run, site)}" for cell in written)
    return "\n".join(["In the form that the data set's server takes:", *lines])


def _draw(measured: Measured, run: Run, site: Site, folder: Path) -> Path:
    kind = measured.table.picture
    path = folder / f"{measured.table.name}.{'png' if kind == 'curves' else 'jpg'}"
    if kind == "curves":
        pictures.curves(measured, path)
    elif kind == "scenes":
        people = catalogue.candidates(replace(run, boxes="annotated"), site.data)
        pictures.scenes(measured, people, catalogue.skeleton(run), path)
    else:
        draw = pictures.skeletons if run.coordinates == 3 else pictures.grid
        draw(measured, catalogue.people(run, "test", site.data), catalogue.skeleton(run), path)
    return path


def _cost(run: Run) -> results.Cost:
    """Of the network as the paper has it."""
    net = build.network(run)
    return results.Cost(
        flops.multiply_adds(net, run.patch) / 1e9,
        flops.parameters(net) / 1e6,
        flops.classifier_parameters(run.backbone) / 1e6,
    )


def _leave(status: int, message: str) -> NoReturn:
    _say(message)
    sys.exit(status)


def _say(paragraph: str) -> None:
    text = textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)
    print("\n" + text, file=sys.stderr, flush=True)


def _parser(table: Table) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m experiments.{table.name}",
        description=f"{table.name}: {table.caption}. Trains what is missing, evaluates it, and prints our numbers "
        "beside the paper's. Stopped at any moment, the same command goes on where it was.",
        epilog=f"example: python -m experiments.{table.name} --profile paper --data /data --gpus 0,1,2,3",
    )
    parser.add_argument("--profile", choices=PROFILES, default="quick",
                        help="quick: synthetic people on a laptop, the default; smoke: two steps, to see that all "
                        "runs; paper: the paper's data, networks and schedule")
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR",
                        help="folder of the data sets (docs/data.md); synthetic people are made there (default: data)")
    parser.add_argument("--gpus", default="", metavar="LIST", help="GPUs to train on, as in 0,1 (default: the CPU)")
    parser.add_argument("--amp", action="store_true",
                        help="float16 where MXNet's lists allow it; on GPUs only, and trains runs of its own")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="train these rows only: "
                        + " ".join(_rows(table)))
    parser.add_argument("--seeds", type=positive, default=1, metavar="N", help="seeds of each row (default: 1)")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR",
                        help="where CSV files and pictures go (default: results)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR",
                        help="where trained networks, logs and checkpoints go (default: runs)")
    parser.add_argument("--jobs", type=positive, metavar="N",
                        help="processes that share the rows (default: one a core, at most 4; with --gpus or in the "
                        "paper profile, 1)")
    parser.add_argument("--workers", type=positive, default=min(CORES, 16), metavar="N",
                        help="threads of each that prepare pictures (default: one a core)")
    return parser


def positive(text: str) -> int:
    """A whole number above 0, for argparse."""
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number
