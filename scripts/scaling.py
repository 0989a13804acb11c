"""Estimates what the paper profile of each table would cost on GPUs, from counted multiply-adds. Nothing is run."""
from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple

import experiments
from integral_pose.metrics import flops
from integral_pose.models import build
from integral_pose.run import Run
from integral_pose.tables import Table

# People that a run sees before its loss saturates, in millions: what others gave their schedules. MPII and COCO 140
# epochs (SimpleBaseline and the authors' released R1), Human3.6M 104,100 steps of 128 (the authors' released I*).
PEOPLE = {"mpii": 3.0, "coco": 20.0, "human36m": 13.3}
PASSES = 3  # the backward pass takes twice the multiply-adds of the forward pass
HEADING = ("table", "runs", "1e9 multiply-adds", "GPU-hours", "days", "disk, GB", "images/s", "cores", "2 machines",
           "4 machines")
EXAMPLE = """example:
  python -m scripts.scaling                                   every table, on V100s
  python -m scripts.scaling --peak 19.5 --network 100         on A100s in float32, machines joined by 100 Gbit/s

A run that several tables need is counted once per table, and once in the sum. Disk space is for finished runs; a run in
progress needs four times its parameters more. Speed-ups are for additional machines with as many GPUs on the same
mini-batch, and only the exchange of gradients limits them."""


class Network(NamedTuple):
    """A network, counted."""

    giga: float  # multiply-adds an image, in 1e9
    mega: float  # parameters, in 1e6


class Machine(NamedTuple):
    """The assumed machine and network."""

    gpus: int
    rate: float  # multiply-adds a second and GPU, in 1e9
    bandwidth: float  # to other machines, bytes a second

    def step(self, network: Network, people: int, machines: int = 1) -> float:
        """Seconds for a mini-batch of `people` that machines share: computing, then a ring of gradients."""
        computing = people * PASSES * network.giga / (self.rate * self.gpus * machines)
        return computing + 2 * (machines - 1) / machines * 4e6 * network.mega / self.bandwidth


def main(argv: Sequence[str]) -> int:
    """Runs the command; returns its exit code."""
    options = _parser().parse_args(argv)
    machine = Machine(options.gpus, options.peak * 1e3 / 2 * options.fraction, options.network * 1e9 / 8)
    print(_line(HEADING))
    everything: Dict[str, Run] = {}
    counted: Dict[str, Network] = {}
    for name, table in tables():
        runs = links(table)
        everything.update(runs)
        counted.update({key: count(run) for key, run in runs.items() if key not in counted})
        _print(name, runs, counted, machine, options.images_per_core)
    _print("all of them", everything, counted, machine, options.images_per_core)
    return 0


def tables() -> Iterator[Tuple[str, Table]]:
    """The tables and figures of experiments/, in order."""
    names = [module.name for module in pkgutil.iter_modules(experiments.__path__)]
    for name in sorted(names, key=lambda each: (len(each), each)):
        found = getattr(importlib.import_module(f"experiments.{name}"), "TABLE", None)
        if isinstance(found, Table):
            yield name, found


def links(table: Table) -> Dict[str, Run]:
    """All that is trained for a table at the paper's scale, by key: its runs, and the runs that those start from."""
    runs = (row.runs[index] for row, index in table.cells())
    return {link.key: link for run in runs for link in run.training.chain}


def count(run: Run) -> Network:
    """The run's network, counted without being run."""
    net = build.network(run)
    return Network(flops.multiply_adds(net, run.patch) / 1e9, flops.parameters(net) / 1e6)


def hours(run: Run, network: Network, machine: Machine) -> float:
    """GPU-hours of a run."""
    return PEOPLE[run.data] * 1e6 * PASSES * network.giga / machine.rate / 3600


def _print(name: str, runs: Dict[str, Run], counted: Dict[str, Network], machine: Machine, per_core: float) -> None:
    """One line: sums over the runs, and of single figures the range from the smallest network to the largest."""
    networks = [counted[key] for key in runs]
    total = sum(hours(run, counted[key], machine) for key, run in runs.items())
    speeds = [run.batch / machine.step(counted[key], run.batch) for key, run in runs.items()]
    gains = [[machine.step(counted[key], run.batch) / machine.step(counted[key], run.batch, machines)
              for key, run in runs.items()] for machines in (2, 4)]
    texts = [name, str(len(runs)), _range([each.giga for each in networks], 1), f"{total:.0f}",
             f"{total / machine.gpus / 24:.1f}", f"{sum(each.mega for each in networks) * 4e-3:.1f}", _range(speeds, 0),
             _range([speed / per_core for speed in speeds], 0), *(_range(gain, 1) for gain in gains)]
    print(_line(texts), flush=True)


def _line(texts: Sequence[str]) -> str:
    """The name to the left, numbers to the right."""
    widths = [max(9, len(name)) for name in HEADING]
    return "  ".join([texts[0].ljust(13), *(text.rjust(width) for text, width in zip(texts[1:], widths[1:]))])


def _range(numbers: List[float], digits: int) -> str:
    low, high = (f"{number:.{digits}f}" for number in (min(numbers), max(numbers)))
    return low if low == high else f"{low}-{high}"


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m scripts.scaling", description=__doc__, epilog=EXAMPLE, formatter_class=layout
    )
    parser.add_argument("--gpus", type=int, default=4, help="GPUs per machine (default: 4, as in the paper)")
    parser.add_argument("--peak", type=float, default=15.7, metavar="TFLOPS",
                        help="peak speed of a GPU in float32 (default: 15.7, a V100)")
    parser.add_argument("--fraction", type=float, default=0.4,
                        help="fraction of the peak that training reaches (default: 0.4)")
    parser.add_argument("--network", type=float, default=10, metavar="GBIT",
                        help="network between machines, Gbit/s (default: 10)")
    parser.add_argument("--images-per-core", type=float, default=160, metavar="N",
                        help="images that a core prepares per second (default: 160, see docs/scaling.md)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
