"""Writes a trained network as one graph, from the patch to joints: in ONNX, and as MXNet's symbol and parameters."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import json
import sys
from pathlib import Path
from typing import List, Optional

import mxnet as mx

from integral_pose.commands import console
from integral_pose.errors import InputError, RunFailed
from integral_pose.models import build, export, saved, weights
from integral_pose.published import to_torch
from integral_pose.storage.atomic import replacing

FORMATS = ("onnx", "mxnet")
EXAMPLE = """examples:
  python -m scripts.export people --out exported
  python -m scripts.export runs/quick/1a2b3c4d5e
  python -m scripts.export 1a2b3c
  python -m scripts.export people --to torch
  python docs/examples/run_onnx.py exported/1a2b3c4d5e.onnx photo.jpg --box 120 40 210 430 --out joints.jpg

The first command exports a network that comes with the program. Files are named by the run's key. The second command
writes, for the run with the key 1a2b3c4d5e:
  1a2b3c4d5e.onnx         for ONNX Runtime 1.19 and other readers of opset 13. Use it on GPUs that are newer than MXNet
  1a2b3c4d5e-symbol.json, 1a2b3c4d5e-0000.params
                          for gluon.SymbolBlock.imports(symbol, ["images"], params)
  1a2b3c4d5e.json         the card: joint names, size, mean and deviation, box, units. The ONNX file has it too, in its
                          metadata, as `integral_pose`
Then it runs the ONNX file and the network on the same images, and prints how much their joints differ.

The graph takes images (N, 3, size, size), RGB, normalised as the card says, and gives joints (N, K, 2 or 3) as
fractions of the patch. It includes the decoding: integrals, or for heat maps the highest cell, or the 3 x 3 cells
around it if the run says so, as that of `people` does. It does not include the flip test: run it on the mirrored patch
too, and average the joints. The last command is an example that needs no MXNet."""


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code: 2 for wrong input, 1 for an ONNX file that differs from the network."""
    args = _parser().parse_args(argv)
    return console.run("export", lambda: print(_export(args)))


def _export(args: argparse.Namespace) -> str:
    """Writes the chosen formats; returns what was written."""
    if args.batch < 0:
        raise InputError(f"--batch {args.batch}: must be 1 or more, or 0 for any number of people.")
    if args.to:
        return _to_torch(_trained(args), args.out)
    graph = export.read(_trained(args))
    stem = args.out / graph.run.key
    lines = []
    try:
        if "onnx" in args.formats:
            lines.append(_onnx(graph, stem.with_suffix(".onnx"), args.batch))
        if "mxnet" in args.formats:
            export.write_mxnet(graph, stem)
            lines.append(f"{stem}-symbol.json, {stem}-0000.params, {stem}.json")
    except OSError as error:
        raise InputError(f"--out {args.out}: cannot be written to ({error.strerror}). Choose another "
                         "folder.") from error
    return "\n".join(lines)


def _to_torch(trained: saved.Trained, out: Path) -> str:
    """Writes a state_dict with SimpleBaseline's names, and the card; returns what was written."""
    run = trained.run
    net = build.maps_network(run)
    weights.load(net, trained.parameters, [mx.cpu()])
    values = {name: parameter.data().asnumpy() for name, parameter in net._collect_params_with_prefix().items()}
    named, path = to_torch.state_dict(values, run), out / f"{run.key}.pth"
    try:
        to_torch.write(named, path, run.key)
        with replacing(path.with_suffix(".json")) as draft:
            draft.write_text(json.dumps(export.card(run, "unknown"), indent=1))
    except OSError as error:
        raise InputError(f"--out {out}: cannot be written to ({error.strerror}). Choose another folder.") from error
    filters = ", ".join([str(round(256 * run.width))] * run.upsamplings)
    style = "STYLE caffe, " if run.early_stride else ""
    differs = "" if run.published.startswith("simple-baseline") else ", which is not as in SimpleBaseline"
    narrow = "" if run.width == 1 else f" Its layers have {run.width:g} times the channels of PoseResNet's, 64 to 512."
    return (f"{path}: {len(named)} parameters by the names of SimpleBaseline's PoseResNet, with NUM_LAYERS "
            f"{run.layers}, {style}NUM_DECONV_FILTERS {filters} and NUM_JOINTS {len(named['final_layer.bias'])}."
            f"{narrow}\n{path.with_suffix('.json')}: how patches are cut and maps read{differs}.")


def _trained(args: argparse.Namespace) -> saved.Trained:
    """The network of a file of parameters, or of a run's folder or key."""
    if Path(args.run).is_file() or args.run.endswith(".params") or args.run in saved.shipped():
        return saved.at(Path(args.run), option="")
    return saved.find(args.run, args.runs, option="")


def _onnx(graph: export.Graph, path: Path, batch: int) -> str:
    export.write_onnx(graph, path, batch)
    apart = export.disagreement(graph, path, batch)
    if not apart <= export.AGREEMENT:
        path.unlink()
        raise RunFailed(
            f"{path}: its joints differ from the network's by {apart:.2g} of the patch, more than "
            f"{export.AGREEMENT:g}, so it was deleted. Try the versions of onnx and onnxruntime in "
            "requirements/export.txt."
        )
    return f"{path}: joints agree with the network's to {apart:.1e} of the patch"


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(
        prog="python -m scripts.export", description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", metavar="RUN", help="a trained run: its folder, or the first digits of its key; or a "
                        "network's parameters, FILE.params, with FILE.json or run.json beside them; or a network that "
                        f"comes with the program: {', '.join(saved.shipped())}")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="FOLDER",
                        help="folder of trained runs (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=Path("exported"), metavar="FOLDER",
                        help="output folder (default: %(default)s)")
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS, help="one or both (default: both)")
    parser.add_argument("--to", choices=("torch",), help="instead, write a state_dict for PyTorch with the parameters' "
                        "names in SimpleBaseline (docs/published.md)")
    parser.add_argument("--batch", type=int, default=0, metavar="N",
                        help="people in a mini-batch of the ONNX file, for runtimes that need a fixed number "
                        "(default: 0, any number)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
