"""Compares the speed of this project with other libraries; writes bench.csv and a figure of the ratios."""
from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence

import matplotlib

matplotlib.use("Agg")  # before pyplot, which would look for a screen

from matplotlib import pyplot

from benchmarks import evaluation, memory, networks, ours, people
from benchmarks.contest import ROOT, Contest, Figure, measure
from benchmarks.int8 import ours as int8
from benchmarks.whole_video import ours as whole_video
from integral_pose.errors import InputError
from integral_pose.storage.atomic import replacing
from integral_pose.synthetic.folder import place as synthetic_place
from integral_pose.training.loop import commit

DATA = Path("data")  # unless the user names another folder
TOPICS = ("integral", "step", "loader", "inference", "int8", "start", "video", "evaluation", "people", "memory")
COLUMNS = (*Figure._fields, "images_per_s", "memory_growth_mb", "machine", "cores", "commit")
EXAMPLE = """example:
  python -m benchmarks.run --rivals .venv-rivals/bin/python
  python -m benchmarks.run --topics loader evaluation

PyTorch and ONNX Runtime need an environment of their own (requirements/rivals.txt); without it they are skipped, with a
note. All programs take turns, each in a process of its own, and their results must agree before they are timed."""


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code: 2 for wrong input, 1 where programs do not run or do not agree."""
    args = _parser().parse_args(argv)
    try:
        _check_rivals(args.rivals)
        args.data = _free_of_real_data(args.data)
        _measure(args)
    except (InputError, RuntimeError) as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    _say(f"{args.results / 'bench.csv'} has these numbers, {args.results / 'bench.png'} the ratios.")
    return 0


def _free_of_real_data(asked: Path) -> Path:
    """Where synthetic people are made: never among other data."""
    place = synthetic_place(asked, DATA)
    if place != asked:
        _say(f"--data {asked} (DATA=) is not used: benchmarks use synthetic people, which are made in {place}/.")
    return place


def _check_rivals(python: str) -> None:
    """Refuses what is no Python, before anything is measured."""
    try:
        works = not python or subprocess.run([python, "-c", ""], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        works = False
    if not works:
        raise InputError(f"--rivals {python}: is no Python that runs. Name that of an environment with "
                         "requirements/rivals.txt, such as .venv-rivals/bin/python (`make bench RIVALS=...`).")


def _measure(args: argparse.Namespace) -> None:
    """All that was asked for, one after the other; what is done is written each time."""
    rows = _integral(args) if "integral" in args.topics else []
    write(rows, args.results)
    with tempfile.TemporaryDirectory() as folder:
        for contest in _contests(args, Path(folder)):
            if args.processor:
                contest = contest._replace(per_core=True)
            figures = measure(contest, args.rivals, args.rounds, _say)
            _say("\n".join(map(_line, figures)))
            rows += [_row(figure) for figure in figures]
            write(rows, args.results)
    if "memory" in args.topics:
        rows.append(_memory(args))
        write(rows, args.results)


def _contests(args: argparse.Namespace, folder: Path) -> Iterator[Contest]:
    """The contests of the chosen topics; each is prepared when its turn comes."""
    data, threads = str(args.data.resolve()), args.threads
    if "step" in args.topics:
        for table in args.tables:
            yield networks.step(table, data, folder, threads, 8)
    if "loader" in args.topics:
        for table in ("Table 1", "Table 7"):
            yield from networks.loader(table, data, folder, 16)
        yield networks.loader_of_large_pictures(data, folder, 16)
    if "inference" in args.topics:
        for size in (1, 32):
            yield networks.inference("Table 1", folder, threads, size)
    if "int8" in args.topics:
        yield from int8.contests(folder, threads)
    if "start" in args.topics:
        yield networks.start(data, folder, threads)
    if "video" in args.topics:
        yield from whole_video.contests(folder, threads)
    if "evaluation" in args.topics:
        yield from evaluation.contests()
    if "people" in args.topics:
        yield people.contest()


def _integral(args: argparse.Namespace) -> List[Dict[str, Any]]:
    """The operator, all contenders in one process: it is over too soon for messages between processes."""
    _say("integral: forward and backward of 4 x 17 maps of 64 x 64 x 64 cells, and of 4 x 1088 of 64 x 64")
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads), "PYTHONPATH": os.pathsep.join(["src", "."])}
    python, module = args.rivals or sys.executable, "benchmarks.integral"
    command = [python, "-m", module, "--json", "--rounds", str(args.rounds)]
    run = subprocess.run(command, cwd=str(ROOT), env=environment, stdout=subprocess.PIPE, text=True)
    if run.returncode:
        _say(f"integral: skipped, because {python} ended with status {run.returncode}; it needs all of "
             "requirements/rivals.txt, MXNet too")
        return []
    rows: List[Dict[str, Any]] = []
    ours: Dict[str, float] = {}
    for line in filter(None, run.stdout.splitlines()):
        figure = json.loads(line)
        seconds, case = figure["milliseconds"] / 1e3, figure["case"]
        ratio = seconds / ours.setdefault(case, seconds)
        _say(f"{'integral, ' + case:32} {figure['contender']:24} {seconds:9.4f} s {ratio:7.2f} x")
        rows.append({"benchmark": f"integral, {case}", "contender": figure["contender"], "threads": args.threads,
                     "batch": 4, "seconds": f"{seconds:.5f}", "ratio": f"{ratio:.2f}", **_machine()})
    return rows


def _row(figure: Figure) -> Dict[str, Any]:
    rounded = {"seconds": f"{figure.seconds:.5f}", "spread": f"{figure.spread:.5f}", "ratio": f"{figure.ratio:.2f}"}
    return {**figure._asdict(), **rounded, "images_per_s": f"{figure.batch / figure.seconds:.1f}", **_machine()}


def _memory(args: argparse.Namespace) -> Dict[str, Any]:
    grown = memory.growth(args.data, args.steps)
    _say(f"after {grown.steps} small steps the process holds {grown.megabytes:.1f} MB more than after the first few")
    figure = {"benchmark": f"memory of {grown.steps} small steps", "contender": "ours", "threads": args.threads}
    return {**figure, "batch": 4, "memory_growth_mb": f"{grown.megabytes:.1f}", "seconds": f"{grown.seconds:.0f}",
            **_machine()}


def _machine() -> Dict[str, Any]:
    """The machine's properties that the numbers depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")
    return {"machine": name, "cores": len(os.sched_getaffinity(0)), "commit": commit()}


def write(rows: Sequence[Dict[str, Any]], folder: Path) -> None:
    """bench.csv, a line a contender, and bench.png."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "bench.csv") as draft, open(draft, "w", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    rivals = [row for row in rows if row.get("ratio") and not str(row["contender"]).startswith(("ours", "one copy"))]
    if rivals:
        _draw(rivals, folder / "bench.png")


def _draw(rows: Sequence[Dict[str, Any]], path: Path) -> None:
    """A bar for each rival: how many times our time it takes."""
    figure, axes = pyplot.subplots(figsize=(8, 0.8 + 0.28 * len(rows)))
    names = [f"{row['benchmark']} ({row['batch']}): {row['contender']}" for row in rows]
    ratios = [float(row["ratio"]) for row in rows]
    bars = axes.barh(names, ratios, color="#4c72b0")
    axes.bar_label(bars, [f"{ratio:.2f}" for ratio in ratios], padding=3, fontsize=8)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel("time, as a multiple of ours")
    axes.tick_params(labelsize=8)
    axes.margins(x=0.1)
    with replacing(path) as draft:
        figure.savefig(draft, format="png", dpi=150, bbox_inches="tight")
    pyplot.close(figure)


def _line(figure: Figure) -> str:
    return (f"{figure.benchmark:32} {figure.contender:24} {figure.seconds:9.4f} s  ± {figure.spread / 2:.4f}  "
            f"{figure.ratio:7.2f} x  {figure.batch / figure.seconds:9.1f}/s")


def _say(text: str) -> None:
    print(text, flush=True)


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.run", description=__doc__, epilog=EXAMPLE, formatter_class=layout
    )
    parser.add_argument("--topics", nargs="+", choices=TOPICS, default=list(TOPICS), metavar="TOPIC",
                        help=f"what to measure (default: all of {', '.join(TOPICS)})")
    parser.add_argument("--tables", nargs="+", choices=list(ours.RUNS), default=list(ours.RUNS), metavar="TABLE",
                        help="whose training step to measure (default: Table 1 and Table 7)")
    parser.add_argument("--rivals", default="", metavar="PYTHON", help="Python of the environment with the rivals")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="turns of each contender (default: 7)")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), metavar="N",
                        help="threads of each network (default: one a core)")
    parser.add_argument("--processor", action="store_true",
                        help="measure processor time everywhere, as for the loader: for a machine that others use too")
    parser.add_argument("--steps", type=int, default=5000, metavar="N",
                        help="number of small steps during which memory is watched")
    parser.add_argument("--data", type=Path, default=DATA, metavar="DIR",
                        help="folder in which synthetic people are generated, unless it holds other data")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="output folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
