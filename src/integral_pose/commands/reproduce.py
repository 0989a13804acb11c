"""Trains and evaluates what a table is missing, in one process or several, then publishes the results."""
from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import mxnet as mx
from tqdm import tqdm

from integral_pose import distributed
from integral_pose.commands.console import CORES, told
from integral_pose.datasets import loader
from integral_pose.errors import Busy, InputError
from integral_pose.evaluation import progress
from integral_pose.evaluation.cells import Cell, changed
from integral_pose.evaluation.cells import cells as cells_of
from integral_pose.evaluation.evaluate import check, evaluate
from integral_pose.evaluation.submission import submit
from integral_pose.models.devices import parse_devices
from integral_pose.profiles import judges, on_real_people
from integral_pose.report.publish import publish, publish_dark
from integral_pose.run import Run
from integral_pose.run_folder import Site
from integral_pose.storage import image_paths, processes
from integral_pose.storage.atomic import demand_writable
from integral_pose.synthetic import folder
from integral_pose.tables import Table, read_by_dark
from integral_pose.training.loop import train

DATA = Path("data")  # unless the user names another folder
MOST_JOBS = 4  # each takes about a gigabyte
POLL = 1.0  # s, between looks at what other processes hold


class Work(NamedTuple):
    """What is to be done for a table."""

    table: str
    cells: Tuple[Cell, ...]
    processes: int = 1  # that share it


def reproduce(table: Table, options: argparse.Namespace) -> None:
    """Trains and evaluates what a table is missing; prints it and writes its CSV files and figure.

    Raises:
        InputError, RunFailed: see `main`.
    """
    rows = _rows(table)
    asked = options.rows or rows
    unknown = [row for row in asked if row not in rows]
    if unknown:
        raise InputError(f"--rows {unknown[0]}: {table.name} has the rows {', '.join(rows)}.")
    site, results = _site(options), options.results / options.profile
    changes = _changes(options.set)
    if changes:
        table, results = changed(table, asked, changes), results / "changed"
    site.crew.first(lambda: _tell_unused(options, site))
    cells = list(cells_of(table, options.profile, options.seeds, options.amp, changes))
    own = [cell for cell in cells if cell.row in asked]
    if options.status:
        print(progress.status(table.name, own, site, _jobs(options, own, site.crew.size > 1) or 1))
        return
    site.crew.first(lambda: demand_writable(results, "--results"))
    dark = None if "decoder" in changes else read_by_dark(table)
    by_dark = list(cells_of(dark, options.profile, options.seeds, options.amp, changes)) if dark else []
    needed = [*own, *_beside(own, by_dark, _rows(table))]
    wanted = site.crew.first(lambda: [cell for cell in needed if not cell.is_finished(site)])
    if wanted:
        site.crew.first(lambda: demand_writable(site.runs, "--runs"))
        site.crew.first(lambda: _check(wanted, site))
        jobs = _jobs(options, wanted, site.crew.size > 1)
        work = Work(table.name, tuple(wanted), max(1, jobs))
        if jobs:
            _share(work, options)
        else:
            _work(work, site)
    if site.crew.leads:
        publish(table, cells, site, results, judges(options.profile))
        if dark:
            publish_dark(dark, by_dark, site, results, judges(options.profile))


def _beside(own: Sequence[Cell], by_dark: Sequence[Cell], rows: Sequence[str]) -> List[Cell]:
    """Cells that only test once more what a row that was asked for has trained; `rows` are those of the table."""
    trained = {cell.run.training.key for cell in own}
    return [cell for cell in by_dark if cell.row not in rows and cell.run.training.key in trained]


def _check(cells: Sequence[Cell], site: Site) -> None:
    """Checks that all data are there, before a network is trained for days.

    Raises:
        InputError: data are missing, or the test people cannot be evaluated.
    """
    runs = {(cell.run.data, cell.run.extra, cell.run.protocol, cell.run.boxes): cell.run for cell in cells}
    images: Set[Path] = set()
    for run in runs.values():
        check(run, site.catalogue)
        trained_on = loader.training_batches(run, site.catalogue, (0, site.crew.size), len(site.devices))
        for batches in (trained_on, loader.batches(run, "held-out", site.catalogue)):
            images.update(sample.image for sample in batches.samples)
    image_paths.demand(sorted(images))


def _changes(words: Optional[Sequence[str]]) -> Dict[str, Any]:
    """What --set changes in every run.

    Raises:
        InputError: a word is no field, or no value of it.
    """
    try:
        return Run.changes(words or ())
    except ValueError as error:
        raise InputError(f"--set {error}.") from error


def _rows(table: Table) -> List[str]:
    """The rows that can be trained; rows of other publications have numbers only."""
    return [row.name for row in table.rows if row.runs]


def _site(options: argparse.Namespace, line: int = 0) -> Site:
    if options.amp and not options.gpus:
        raise InputError("--amp: MXNet computes in float16 on GPUs only. Select them with --gpus.")
    own = distributed.assembled()
    if own.size > 1 and options.jobs:
        raise InputError(f"--jobs {options.jobs}: the workers that horovodrun has started already share each row. "
                         "Leave out --jobs.")
    devices = _own_devices(parse_devices(options.gpus), own) if options.gpus else parse_devices("")
    made = folder.place(options.data, DATA)  # not among the user's real data
    data = options.data if on_real_people(options.profile) else made
    runs = options.runs / options.profile
    return Site(data, runs, tuple(devices), options.workers, line, own, made)


def _tell_unused(options: argparse.Namespace, site: Site) -> None:
    if site.data != options.data:
        print(f"--data {options.data} (DATA=) is not used: the {options.profile} profile trains on synthetic people, "
              f"which are generated in {site.data}/, apart from other data. The profiles paper and photos use it.",
              file=sys.stderr)


def _own_devices(gpus: Sequence[mx.Context], own: distributed.Crew) -> Sequence[mx.Context]:
    """Of a machine's GPUs those of one of the workers there.

    Raises:
        InputError: they cannot be shared equally.
    """
    if len(gpus) % own.local_size:
        raise InputError(f"--gpus: {own.local_size} workers on one machine cannot share {len(gpus)} GPU(s) equally. "
                         "Start one worker for each GPU, or one for all of them.")
    return gpus[own.local_rank :: own.local_size]


def _work(work: Work, site: Site) -> None:
    """Trains and evaluates; a run that another process is working on comes last, when that process has finished it."""
    told, cells = False, list(work.cells)
    while cells:
        busy = []
        for cell in cells:
            try:
                _train(cell, site, work)
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


def _train(cell: Cell, site: Site, work: Work) -> None:
    """Trains the run, unless it is trained; then tells how long the whole table still takes."""
    before = progress.of_run(cell.run, site).done
    train(cell.run, site, f"{cell.row}, {cell.column}, seed {cell.run.seed}", wait=False)
    if not before and site.crew.leads and len(work.cells) > 1:
        tqdm.write(progress.summary(work.table, work.cells, site, work.processes), file=sys.stderr)


def _test(cell: Cell, site: Site) -> None:
    """Evaluates the run; writes the submission, if the table asks for one."""
    evaluate(cell.run, site, wait=False)
    if cell.submitted:
        submit(cell.run, site, wait=False)


def _jobs(options: argparse.Namespace, cells: Sequence[Cell], crewed: bool) -> int:
    """The number of processes that share the work; 0 if this one does it alone.

    On a CPU small networks gain more from processes than from threads, a single one too: on two cores I* of Table 10
    trained at 191 images/s on two threads, at 354 on one.
    """
    alone = options.profile == "paper" or options.gpus or crewed
    if options.jobs == 1 or (not options.jobs and alone):
        return 0
    return min(options.jobs or MOST_JOBS, CORES, len(cells))


def _share(work: Work, options: argparse.Namespace) -> None:
    """Several processes work through the cells, each with its share of the cores.

    Raises:
        RunFailed: one of them was killed.
    """
    threads = CORES // min(CORES, max(work.processes, MOST_JOBS))
    os.environ["OMP_NUM_THREADS"] = str(threads)  # a new process reads it, this one has
    failed = max(processes.share(_helper, [(work, options, line) for line in range(work.processes)]))
    if failed:
        sys.exit(failed)


def _helper(work: Work, options: argparse.Namespace, line: int) -> None:
    """One of several processes. It tests only when nothing is left to train, so that all end together."""
    with told():
        site = _site(options, line)
        for cell in work.cells:
            with suppress(Busy):
                _train(cell, site, work)
        _work(work, site)
