"""How long the paper's schedule waits until the validation loss saturates: a comparison on photographs.

"The learning rate is 1e-3 until performance on validation set saturates, then 1e-5": how many validations without a
better loss are saturation? I* is trained by the paper's whole schedule with several patiences, as a network small
enough for a laptop. The one with the best loss on held-out people decides.

The command trains what is missing, resumes where it was stopped, and writes a line for each patience.
"""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import sys
from pathlib import Path
from typing import Dict, List, Optional

import mxnet as mx

from integral_pose.commands import console
from integral_pose.datasets import loader, lsp
from integral_pose.evaluation.predict import predict
from integral_pose.metrics import lsp as sports
from integral_pose.report.curves import LOG
from integral_pose.run import Run
from integral_pose.run_folder import PARAMETERS, Site
from integral_pose.samples import truth
from integral_pose.storage import csv_files
from integral_pose.training.loop import train

PATIENCES = (3, 10, 30)
REMEDY = "Delete the run's folder and train it again."
Line = Dict[str, str]


def small(patience: int) -> Run:
    """I* of the paper, an eighth as wide and a quarter of the patch, that waits for so many validations."""
    return Run(data=lsp.EXTENDED, backbone="resnet18", width=0.125, patch=64, pretrained=False, patience=patience)


def measured(run: Run, site: Site) -> Line:
    """Where a trained run's phases ended, in epochs, its best held-out loss in each, and its joints in percent."""
    log = csv_files.read(site.folder(run) / LOG, {"rate": float, "validation_loss": float}, REMEDY)
    high = [line["validation_loss"] for line in log if line["rate"] == run.rate]
    low = [line["validation_loss"] for line in log[len(high):]]
    return {
        "patience": str(run.patience), "epochs_at_1e-3": str(len(high)), "epochs_at_1e-5": str(len(low)),
        "held_out_loss_at_1e-3": f"{min(high):.5f}", "held_out_loss": f"{min(high + low):.5f}",
        **{f"pck_{split}": f"{_pck(run, site, split):.2f}" for split in ("held-out", "test")}, "run_key": run.key,
    }


def _pck(run: Run, site: Site, split: str) -> float:
    """PCK@0.2 of the torso."""
    people = loader.batches(run, split, site.catalogue)
    joints, annotated, _ = truth(people.samples)
    found = predict(run, site.folder(run) / PARAMETERS, people, site.devices[0], site.workers)
    return sports.pck(sports.distances(found, joints, annotated, sports.torsos(joints, annotated)))


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code: 2 for wrong input, 1 if the training failed."""
    args = _parser().parse_args(argv)
    return console.run("patience", lambda: print(_compared(args)))


def _compared(args: argparse.Namespace) -> str:
    site, lines = Site(args.data, args.runs, (mx.cpu(),), args.workers), []
    for patience in args.patience:
        train(small(patience), site, f"patience {patience}")
        lines.append(measured(small(patience), site))
    path = args.results / "patience.csv"
    csv_files.write(path, list(lines[0]), [list(line.values()) for line in lines])
    rows = "\n".join("  ".join(f"{value:>21}" for value in row) for row in (lines[0], *(one.values() for one in lines)))
    return f"{rows}\n{path}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments.patience", description=__doc__)
    parser.add_argument("--patience", type=int, nargs="+", default=PATIENCES, metavar="N",
                        help="validations without a better loss that end a phase (default: 3 10 30)")
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR",
                        help="holds lspet/ (default: %(default)s)")
    parser.add_argument("--runs", type=Path, default=Path("runs/photos"), metavar="DIR",
                        help="where trained networks go (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=Path("results/photos"), metavar="DIR",
                        help="where patience.csv goes (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="threads that prepare images")
    return parser


if __name__ == "__main__":
    sys.exit(main())
