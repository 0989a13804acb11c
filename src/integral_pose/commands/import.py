"""Imports a network that somebody else has trained, from its file, under a name of your own."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import re
import sys
from pathlib import Path
from typing import List, Optional

from integral_pose.commands import console
from integral_pose.errors import InputError
from integral_pose.models import saved, weights
from integral_pose.published import networks
from integral_pose.published.sources import SOURCES

ZOO = re.compile(r"simple_pose_resnet(18|50|101|152)_v1b")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
EXAMPLE = """examples:
  python -m scripts.import pose_resnet_50_256x256.pth.tar --as mpii50
  python -m scripts.import simple_pose_resnet50_v1b --as coco50
  python -m scripts.import snapshot_24.pth.tar --as h36m --source 3dmppe
  python -m scripts.predict --run mpii50 photo.jpg --boxes detect

A file is recognised by the names and shapes of its parameters, not by its own name: PyTorch's .pth and .pth.tar, in
both of their forms, safetensors, and MXNet's .params of GluonCV's networks. Nothing in a file is run. What the
parameters do not tell (the size of the patch, where the stride is, which of two programs trained them) is taken from
the publisher's name of the file, from what else is in the file, or asked for with --patch, --style and --source.
docs/published.md lists the networks and where to get them.

The network is written to --runs, in imported/NAME. Without importing it first, predict --checkpoint FILE and
integral_pose.load(FILE) read the same files."""


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code: 2 for wrong input."""
    args = _parser().parse_args(argv)
    return console.run("import", lambda: print(console.spelled(_import(args))), "Nothing was written.",
                       "Stopped. Nothing was written.")


def _import(args: argparse.Namespace) -> str:
    """Writes the network; returns what was recognised, and how to use it."""
    if not NAME.fullmatch(args.name):
        raise InputError(f"--as {args.name}: a name has letters, digits, dots, dashes and underscores only.")
    if args.name in saved.shipped():
        raise InputError(f"--as {args.name}: a network of this name comes with the program. Give another name.")
    if args.name.endswith(saved.OF_FILES):
        raise InputError(f"--as {args.name}: would be taken for a file. Give a name without its ending.")
    folder = args.runs / saved.IMPORTED / args.name
    if folder.exists():
        raise InputError(f"{folder}: there is a network of this name already. Give another name, or move it away.")
    path = weights.download(args.file, args.models) if ZOO.fullmatch(args.file) else Path(args.file)
    found = networks.recognise(path, args.source, args.patch, args.style)
    saved.write_imported(found.run, path, folder)
    run = found.run
    return "\n".join([
        f"{path}: {found.source.title}.",
        f"{run.backbone}, {run.patch} x {run.patch_columns} px, {_joints(found)}; {found.source.name}{_style(found)}.",
        f"The network is in {folder}. To use it:",
        f"  python -m scripts.predict --run {args.name} photo.jpg --boxes detect",
    ])


def _joints(found: networks.Published) -> str:
    return f"{found.source.maps // found.run.depth} joints in {found.run.coordinates}D"


def _style(found: networks.Published) -> str:
    """Which of two styles was chosen, where a file does not tell it by its parameters."""
    if found.source.layout != "baseline" or found.run.layers < 50:
        return ""
    return f", stride in the {'1x1' if found.run.early_stride else '3x3'} convolution"


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(
        prog="python -m scripts.import", description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE|ZOO", help="the network's file, or the name of one in GluonCV's model "
                        "zoo, which GluonCV then downloads: simple_pose_resnet18_v1b, …50_v1b, …101_v1b or …152_v1b")
    parser.add_argument("--as", dest="name", required=True, metavar="NAME", help="what you will call it")
    parser.add_argument("--patch", default="", metavar="HxW",
                        help="size of the patch it was trained on, height x width in px, such as 256x192 (default: the "
                        "publisher's only one, or the one in the file's name)")
    parser.add_argument("--source", default="", choices=[source.name for source in SOURCES], metavar="SOURCE",
                        help="whose it is, if its file does not tell: "
                        f"{', '.join(source.name for source in SOURCES)}")
    parser.add_argument("--style", default="", choices=networks.STYLES,
                        help="where SimpleBaseline's ResNet-50, -101 or -152 has its stride: in the 3x3 convolution "
                        "(pytorch) or in the 1x1 (caffe), as MODEL.STYLE in its experiment says. Needed unless the "
                        "file has the name that its publisher gave it, or one with caffe in it")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR",
                        help="folder of networks (default: %(default)s)")
    parser.add_argument("--models", type=Path, default=Path("data/models"), metavar="DIR",
                        help="folder for what GluonCV downloads (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
