"""The command of a table's file: trains what is missing, evaluates, and prints our numbers beside the paper's."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NoReturn, Optional, Sequence

from integral_pose.commands import console
from integral_pose.commands.console import CORES, positive, told
from integral_pose.commands.report import tables as every_table
from integral_pose.commands.reproduce import _rows, reproduce
from integral_pose.profiles import PROFILES
from integral_pose.storage import processes
from integral_pose.tables import Table

EXAMPLE = """examples:
  integral-pose table table1 --profile smoke
  integral-pose table table1
  integral-pose table table1 --profile paper --data /data --gpus 0,1,2,3"""


def of_any(argv: Sequence[str]) -> int:
    """Runs the table whose name comes first, as `integral-pose table table1`; without one it prints their names."""
    tables = {table.name: table for table in every_table()}
    if argv and argv[0] in tables:
        main(tables[argv[0]], argv[1:])
    listed = "\n".join(f"  {name.ljust(22)}{table.caption}" for name, table in tables.items())
    parser = console.Parser(prog="integral-pose table", epilog=f"tables:\n{listed}\n\n{EXAMPLE}",
                            description="Trains what a table is missing, evaluates it, and prints our numbers beside "
                            "the paper's.\nintegral-pose table TABLE --help lists the options.",
                            formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", choices=tuple(tables), metavar="TABLE", help="one of those below")
    if argv:
        parser.parse_args(argv)
    parser.print_help()
    return 0


def main(table: Table, argv: Optional[Sequence[str]] = None) -> NoReturn:
    """Runs a table from the command line and exits: 0, 1 if a run failed, 2 for wrong input."""
    options = _parser(table).parse_args(argv)
    with told(), processes.interruptible():
        reproduce(table, options)
    sys.exit(0)


def _parser(table: Table) -> argparse.ArgumentParser:
    parser = console.Parser(
        prog=f"python -m experiments.{table.name}",
        description=f"{table.name}: {table.caption}. Trains what is missing, evaluates it, and prints our numbers "
        "beside the paper's. You can stop it at any moment; the same command resumes.",
        epilog=f"example: python -m experiments.{table.name} --profile paper --data /data --gpus 0,1,2,3",
    )
    parser.add_argument("--profile", choices=PROFILES, default="quick",
                        help="quick (the default): synthetic people, on a laptop; photos: Tables 1 to 4 and Figure 2 "
                        "on photographs, on a laptop; smoke: two training steps, as a check; paper: the paper's data, "
                        "networks and schedule")
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR",
                        help="folder of the data sets (docs/data.md). Synthetic people are generated there too, or in "
                        "data/ if DIR contains files of yours (default: data)")
    parser.add_argument("--gpus", default="", metavar="LIST", help="GPUs to train on, as in 0,1 (default: the CPU)")
    parser.add_argument("--amp", action="store_true",
                        help="compute in float16 the operators that MXNet's automatic mixed precision allows; on GPUs "
                             "only; such runs have keys of their own")
    parser.add_argument("--rows", nargs="+", metavar="ROW", help="train these rows only: "
                        + " ".join(_rows(table)))
    parser.add_argument("--set", nargs="+", metavar="FIELD=VALUE",
                        help="change fields of every run, as in --set batch=64 rate=5e-4. Such runs have keys of their "
                        "own, and their CSV files, in RESULTS/PROFILE/changed, have the changes in their names")
    parser.add_argument("--status", action="store_true",
                        help="train nothing: show what is trained, what is missing, and how long the rest takes")
    parser.add_argument("--seeds", type=positive, default=1, metavar="N", help="seeds per row (default: 1)")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR",
                        help="folder for CSV files and figures (default: results)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR",
                        help="folder for trained networks, logs and checkpoints (default: runs)")
    parser.add_argument("--jobs", type=positive, metavar="N",
                        help="processes that share the rows (default: one per core, at most 4; 1 with --gpus or in "
                        "the paper profile)")
    parser.add_argument("--workers", type=positive, default=min(CORES, 16), metavar="N",
                        help="threads per process that prepare images (default: one per core, at most 16)")
    return parser
