"""Scores anyone's predictions: prints PCKh, and the protocol it was measured by."""
from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import List, Optional

from integral_pose.datasets import mpii, predictions
from integral_pose.errors import InputError
from integral_pose.metrics import pckh

EXAMPLE = """example:
  python -m scripts.evaluate mpii --annotations annot/gt_valid.mat --predictions valid-ours.h5

The people of both files must be the same, in the same order."""


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code, 2 for wrong input."""
    args = _parser().parse_args(argv)
    try:
        truth = mpii.read_truth(args.annotations)
        predicted = predictions.read(args.predictions, len(truth.joints), args.base)
        result = pckh.score(predicted, truth.joints, truth.annotated, truth.head_size)
    except InputError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2
    protocol = pckh.protocol(len(predicted), truth.counted)
    print(_json(result, protocol) if args.json else _table(result, protocol))
    return 0


def _json(result: pckh.PCKh, protocol: str) -> str:
    groups = {name: None if math.isnan(value) else value for name, value in result.groups.items()}
    return json.dumps({**result._asdict(), "groups": groups, "protocol": protocol})


def _table(result: pckh.PCKh, protocol: str) -> str:
    width = max(map(len, result.groups)) + 2
    return "\n".join([
        "PCKh (%)" + "".join(name.rjust(width) for name in result.groups),
        "@0.5    " + "".join(f"{value:.2f}".rjust(width) for value in result.groups.values()),
        "",
        f"14 joints pooled    @0.5 {result.at_05:.2f}   @0.1 {result.at_01:.2f}   AUC {result.auc:.2f}",
        f"mean of 14 joints   @0.5 {result.mean14:.2f}",
        protocol,
    ])


def _parser() -> argparse.ArgumentParser:
    layout = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="evaluate", description=__doc__, epilog=EXAMPLE, formatter_class=layout)
    commands = parser.add_subparsers(dest="data", required=True, metavar="{mpii}")
    command = commands.add_parser("mpii", help="PCKh on MPII", epilog=EXAMPLE, formatter_class=layout)
    command.add_argument("--annotations", type=Path, required=True, metavar="FILE",
                         help="gt_valid.mat, valid.json with gt_valid.mat beside it, valid.h5, or MPII's own .mat")
    command.add_argument("--predictions", type=Path, required=True, metavar="FILE",
                         help=".h5, .mat, .npy, .json or .csv (header person,joint,x,y)")
    command.add_argument("--base", type=int, choices=(0, 1), help="what the predictions call the first pixel; by "
                         "default 1 in .h5 and .mat, as MPII itself, and 0 in .npy, .json and .csv")
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
