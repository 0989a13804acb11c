"""What the paper leaves open in its schedule: two comparisons on photographs, by the whole schedule.

patience     "The learning rate is 1e-3 until performance on validation set saturates, then 1e-5": how many validations
             without a better loss are saturation? For I*.
sharpening   I1 starts from H1's maps. They have a peak of 1, so their softmax is nearly uniform: by what are they
             multiplied first? The paper multiplies by nothing, which is 1. H1 itself stands beside it.

The networks are small enough for a laptop. Held-out people decide. The command trains what is missing, resumes where it
was stopped, and writes a line for each value.
"""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional

import mxnet as mx

from integral_pose import methods
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

VALUES: Dict[str, List[int]] = {"patience": [3, 10, 30], "sharpening": [1, 5, 20]}
LOGGED = ("rate", "validation_loss", "validation_error_px")
REMEDY = "Delete the run's folder and train it again."
Line = Dict[str, str]


def small(run: Run) -> Run:
    """The paper's run, an eighth as wide and with a quarter of the patch, on ResNet-18 from random weights."""
    return run.everywhere(data=lsp.EXTENDED, backbone="resnet18", width=0.125, patch=64, pretrained=False)


def compared(setting: str, values: List[int]) -> Dict[str, Run]:
    """The runs of a comparison by their names. Sharpening is compared on maps of 16 x 16 cells, as quick has them."""
    if setting == "patience":
        return {str(value): replace(small(methods.I_STAR), patience=value) for value in values}
    h1, i1 = small(methods.I1).everywhere(upsamplings=3).chain
    return {"H1": h1, **{str(value): replace(i1, logit_scale=float(value)) for value in values}}


def measured(run: Run, site: Site) -> Line:
    """Where a trained run's phases ended, in epochs, its best held-out loss in each, and the joints of its network.

    Mean errors are in px of the patch, PCK is in percent.
    """
    log = csv_files.read(site.folder(run) / LOG, dict.fromkeys(LOGGED, float), REMEDY)
    best = min(log, key=lambda line: line["validation_loss"])
    high = [line["validation_loss"] for line in log if line["rate"] == run.rate]
    return {
        "epochs_at_1e-3": str(len(high)), "epochs_at_1e-5": str(len(log) - len(high)),
        "held_out_loss_at_1e-3": f"{min(high):.5f}", "held_out_loss": f"{best['validation_loss']:.5f}",
        "held_out_px": f"{best['validation_error_px']:.2f}",
        **{f"pck_{split}": f"{_pck(run, site, split):.2f}" for split in ("held-out", "test")},
        "run_key": run.training.key,
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
    return console.run("schedule", lambda: print(_compared(args)))


def _compared(args: argparse.Namespace) -> str:
    site, lines = Site(args.data, args.runs, (mx.cpu(),), args.workers), []
    for name, run in compared(args.setting, args.values or VALUES[args.setting]).items():
        train(run, site, f"{args.setting} {name}")
        lines.append({args.setting: name, **measured(run, site)})
    path = args.results / f"{args.setting}.csv"
    csv_files.write(path, list(lines[0]), [list(line.values()) for line in lines])
    rows = "\n".join("  ".join(f"{value:>21}" for value in row) for row in (lines[0], *(one.values() for one in lines)))
    return f"{rows}\n{path}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments.schedule", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting", choices=list(VALUES), help="what is compared")
    parser.add_argument("--values", type=console.positive, nargs="+", metavar="N",
                        help="values to compare (default: 3 10 30 of patience, 1 5 20 of sharpening)")
    parser.add_argument("--data", type=Path, default=Path("data"), metavar="DIR",
                        help="holds lspet/ (default: %(default)s)")
    parser.add_argument("--runs", type=Path, default=Path("runs/photos"), metavar="DIR",
                        help="where trained networks go (default: %(default)s)")
    parser.add_argument("--results", type=Path, default=Path("results/photos"), metavar="DIR",
                        help="where the CSV file goes (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="threads that prepare images")
    return parser


if __name__ == "__main__":
    sys.exit(main())
