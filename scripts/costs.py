"""Prints what the networks of a table cost at the paper's scale: multiply-adds, parameters and, if asked, memory."""
from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import pkgutil
import resource
import sys
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Dict, Hashable, List, NamedTuple, Optional, Sequence, Union

import mxnet as mx
import numpy as np

import experiments
from integral_pose.datasets import catalogue
from integral_pose.datasets.batches import Batch
from integral_pose.errors import InputError, RunFailed
from integral_pose.metrics import flops
from integral_pose.models import build
from integral_pose.profiles import PROFILES
from integral_pose.run import Run
from integral_pose.tables import Table
from integral_pose.training.loop import adam, forward_backward

GB = 1e9
WANT_OF_MEMORY = ("llocat", "memory", "Resource temporarily unavailable")  # arrays, or the stack of a thread
COUNTED = ("patch", "cells", "1e9 multiply-adds", "1e6 parameters")
MEASURED = ("copy of the logits, GB", "memory, GB", "seconds")
EXAMPLE = """example:
  python -m scripts.costs table7                    multiply-adds and parameters, in seconds
  python -m scripts.costs table7 --step --batch 32  and the memory and time of a training step, in minutes

One line is printed for each distinct network, with all rows and columns that use it. The paper's mini-batch of 128
people was shared by four GPUs, 32 each. Memory is the peak of a process that makes two training steps (forward, loss,
backward, Adam) on random images and joints, MXNet itself included. Seconds are for the second step, since the first one
also builds the graph. A copy of the logits is the size of all heat maps of the mini-batch in float32: the unit in which
losses and integrals take memory."""


@dataclass
class Network:
    """A network of a table, trained by one loss, and the cells of the table that have it."""

    run: Run
    rows: List[str]
    columns: List[str]


class Step(NamedTuple):
    """What a training step took."""

    memory: float  # bytes, the most at any moment
    seconds: float


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code, 2 for wrong input."""
    args = _parser().parse_args(argv)
    try:
        found = networks(table(args.table))
        if args.batch < 1:
            raise InputError(f"--batch {args.batch}: must be 1 or more.")
    except InputError as error:
        print(f"costs: {error}", file=sys.stderr)
        return 2
    _print(found, args.batch if args.step else 0)
    return 0


def _print(found: Sequence[Network], people: int) -> None:
    """One line a network, each as soon as it is measured."""
    heading = ["row", "column", *COUNTED, *(MEASURED if people else ())]
    widths = [max(map(len, texts)) for texts in zip(heading, *map(_names, found))]
    widths += [max(9, len(text)) for text in heading[len(widths):]]
    print(_line(heading, widths), flush=True)
    for network in found:
        texts = [*_names(network), *_counts(network.run)]
        print(_line(texts, widths), end="", flush=True)
        measured = _measured(network.run, people) if people else []
        print("".join("  " + text.rjust(width) for text, width in zip(measured, widths[len(texts):])), flush=True)


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    """The two names to the left, numbers to the right."""
    names = [text.ljust(width) for text, width in zip(texts[:2], widths)]
    return "  ".join([*names, *(text.rjust(width) for text, width in zip(texts[2:], widths[2:]))])


def table(name: str) -> Table:
    """The table of experiments/<name>.py.

    Raises:
        InputError: there is none.
    """
    names = [module.name for module in pkgutil.iter_modules(experiments.__path__)]
    if name in names:
        found = getattr(importlib.import_module(f"experiments.{name}"), "TABLE", None)
        if isinstance(found, Table):
            return found
    tables = sorted((each for each in names if each.startswith("table")), key=lambda each: (len(each), each))
    raise InputError(f"{name}: there is no such table. Choose one of {', '.join(tables)}.")


def networks(of: Table) -> List[Network]:
    """The distinct networks of a table, in its order, each with what it is trained by."""
    found: Dict[Hashable, Network] = {}
    for row, index in of.cells():
        run = PROFILES["paper"](row.runs[index])
        network = found.setdefault(_essence(run), Network(run, [], []))
        for names, name in ((network.rows, row.name), (network.columns, of.columns[index])):
            if name not in names:
                names.append(name)
    return list(found.values())


def _essence(run: Run) -> Hashable:
    """The settings that memory and time depend on: neither the data nor the length of training."""
    network = (run.backbone, run.width, run.stages, run.upsamplings, catalogue.skeleton(run).joints)
    return (*network, run.patch, run.coordinates, run.output, run.loss, run.on_vectors)


def step(run: Run, people: int, seed: int = 0) -> Step:
    """Makes two training steps with random people, in this process.

    Args:
        people: in the mini-batch.
    """
    device, rng = mx.cpu(), np.random.default_rng(seed)
    net, loss = build.network(run), build.loss(run)
    build.initialise(net, replace(run, pretrained=False), [device], Path())
    build.hybridize(net, run)
    trainer = adam(net, run.rate)
    joints = rng.uniform(size=(people, len(catalogue.skeleton(run).joints), run.coordinates))
    images = rng.standard_normal((people, 3, run.patch, run.patch), np.float32)
    batch = Batch(images, joints.astype(np.float32), np.ones_like(joints, np.float32))
    started = 0.0
    for _ in range(2):
        started = time.time()
        losses = forward_backward(net, loss, batch, [device])
        trainer.step(people)
        mx.nd.waitall()
    if not np.isfinite(losses[0].asscalar()):
        raise RunFailed(f"the loss is {losses[0].asscalar()}")
    return Step(_peak(), time.time() - started)


def _peak() -> float:
    """The most memory that this process has held, in bytes; getrusage would count that of the process it came from."""
    status = Path("/proc/self/status").read_text()
    return 1024 * float(status.split("VmHWM:")[1].split()[0])


def measure(run: Run, people: int, limit: Optional[int] = None) -> Union[Step, str]:
    """`step` in a process of its own; or, in a few words, why it failed.

    Args:
        limit: of the process's memory, in bytes; what is free at the moment by default, so that the process fails
            before the system ends others for it.
    """
    spawn = multiprocessing.get_context("spawn")
    receiver, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_child, args=(run, people, limit or _free(), sender))
    process.start()
    sender.close()
    try:
        found = receiver.recv()
    except EOFError:
        found = None
    process.join()
    return found or f"ended by the system (exit code {process.exitcode}), probably because memory ran out"


def _child(run: Run, people: int, limit: int, sender: Connection) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, before[1]))
    try:
        sender.send(step(run, people))
    except (mx.MXNetError, MemoryError, RunFailed) as error:
        resource.setrlimit(resource.RLIMIT_DATA, before)  # to say what was wanting takes memory too
        reason = (str(error) or "no memory").strip().splitlines()[-1][:100]
        wanting = any(word in reason for word in WANT_OF_MEMORY)
        sender.send(f"out of {limit / GB:.1f} GB of memory ({reason})" if wanting else f"failed: {reason}")
    os._exit(0)  # MXNet's own end may want memory too, and print a traceback where it finds none


def _free() -> int:
    """Memory that the system can give without ending a process, in bytes."""
    return 1024 * int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0])


def _names(network: Network) -> List[str]:
    return [", ".join(network.rows), ", ".join(network.columns)]


def _counts(run: Run) -> List[str]:
    """Patch, cells, multiply-adds and parameters, as they are printed."""
    net = build.network(run)
    cells = "-" if run.output == "direct" else " x ".join([str(run.cells)] * run.coordinates)
    giga, mega = flops.multiply_adds(net, run.patch) / 1e9, flops.parameters(net) / 1e6
    return [str(run.patch), cells, f"{giga:.2f}", f"{mega:.2f}"]


def _measured(run: Run, people: int) -> List[str]:
    """A copy of the logits, memory and seconds, as they are printed."""
    maps = 0 if run.output == "direct" else len(catalogue.skeleton(run).joints) * sum(run.depths) * run.cells**2
    found = measure(run, people)
    took = [found] if isinstance(found, str) else [f"{found.memory / GB:.2f}", f"{found.seconds:.1f}"]
    return [f"{4 * people * maps / GB:.3f}", *took]


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m scripts.costs", description=__doc__, epilog=EXAMPLE, formatter_class=layout
    )
    parser.add_argument("table", help="table1, table2, ...: a file of experiments/")
    parser.add_argument("--step", action="store_true",
                        help="make a training step of each network and measure its memory and time")
    parser.add_argument("--batch", type=int, default=32, metavar="N", help="people in the mini-batch (default: 32)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
