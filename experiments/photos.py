"""The networks of photographs, which come with the program: how they are trained, shipped and measured.

`people` predicts joints in 2D, `people-3d` in 3D; `finder` finds people. Their photographs are Leeds Sports Pose
Extended's (docs/photos.md), of its training people alone. `train` resumes a run where it stopped; `ship` writes what
comes with the program; `calibrate` prepares a network for 8 bits; `measure` compares networks on photographs.
"""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import csv
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Tuple

import mxnet as mx
import numpy as np

from integral_pose.commands import console
from integral_pose.datasets import catalogue, coco, loader, lsp, mpii
from integral_pose.datasets.batches import PICTURES, Batches
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.errors import InputError
from integral_pose.evaluation.predict import predict, predict_scored
from integral_pose.geometry import Array, Box
from integral_pose.inference.boxes import whole
from integral_pose.inference.estimator import square
from integral_pose.inference.media import Picture
from integral_pose.inference.search import FINDER, Search
from integral_pose.metrics import lsp as sports
from integral_pose.metrics import mpjpe, pck, pckh
from integral_pose.models import compact, int8, saved, weights
from integral_pose.models.saved import Trained
from integral_pose.profiles import trunk_of
from integral_pose.report.curves import LOG
from integral_pose.run import Backbone, Run
from integral_pose.run_folder import PARAMETERS, Site
from integral_pose.samples import Sample, truth
from integral_pose.skeletons import COCO, LSP, MPII, Skeleton
from integral_pose.storage.atomic import replacing
from integral_pose.training.loop import train

# Heat maps from the first step: while a network cannot tell left from right, the expectation of a map lies between both
# places, and the most probable cell at one of them (docs/photos.md). The augmentation is strong, since there are few
# photographs. The rate is constant first, so that this phase can be as long as there is time for, and falls then.
CONSTANT = Run(
    data=lsp.EXTENDED, output="heat map", loss="softmax-ce", backbone="resnet18", width=0.5, pretrained=False,
    patch=128, shift=0.05, scale=0.3, turn=45.0, colour=0.3, occlusion=0.3,
    batch=32, rate=2e-3, low_rate=2e-3, steps=10000, validate_every=500,
)
PEOPLE = replace(CONSTANT, start=CONSTANT, cosine=True, low_rate=2e-5, steps=7000)
DRESSED = 3  # the version of synthetic people in ordinary clothes
BACKBONES: Tuple[Backbone, ...] = ("resnet18", "resnet50", "resnet101")
TRUNKS: Dict[str, Run] = {name: trunk_of(name) for name in BACKBONES}
# Finds people in whole images, and that there is nobody: it sees them small, in parts and not at all, and its maps are
# empty where a joint is not in the patch.
FINDS = replace(
    TRUNKS["resnet18"], trunk=TRUNKS["resnet18"], loss="gaussian-mse", absent=True, widest=3.0, shift=0.5,
)
# In 3D: half of each mini-batch is of these photographs, half of synthetic people in ordinary clothes (Strategy 2). It
# starts as `people`: every slice of a joint's volume begins as its map.
IN_3D = replace(
    CONSTANT, data=f"synthetic-human36m-v{DRESSED}-2x4x4", extra=lsp.EXTENDED, coordinates=3, output="integral",
    loss="joint-l1", trunk=PEOPLE, tuned=True, rate=1e-3, low_rate=1e-5, cosine=True, steps=3000,
)
CLOSER = 0.85 * mpii.MARGIN  # their maps are coarse: they see people larger than in training (docs/photos.md)
RUNS: Dict[str, Run] = {
    "people": replace(PEOPLE, decoder="window", flip_test=True, flip_in="maps", margin=CLOSER),
    FINDER: FINDS, **TRUNKS, saved.IN_3D: replace(IN_3D, flip_test=True, margin=CLOSER),
    # The same synthetic people without the photographs, to see what these bring.
    "people-3d-alone": replace(IN_3D, extra="", batch=16, flip_test=True, margin=CLOSER),
}
CALIBRATES = 8  # every so many of the held-out people, from the first on, for networks in 8 bits
SMALL = (saved.IN_3D,)  # networks that ship with 8 bits instead of 16, since all together are to stay below 25 MB
BOXES = ("annotated", "whole", "found")
NOWHERE = Box(-1e6, -1e6, 1)  # of somebody who is not found, so that all joints are wrong
LIMBS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")


class Measured(NamedTuple):
    """One network on photographs, in percent."""

    lsp: float  # PCK@0.2 of the torso, LSPET's test people
    mpii: float  # PCKh@0.5
    coco: float  # PCK@0.1 of the box's longer side, joints of arms and legs
    synthetic: float = float("nan")  # MPJPE in mm, of a 3D network, on the synthetic test people of IN_3D


def measure(network: Trained, data: Path, device: mx.Context, boxes: str = "annotated") -> Measured:
    """A network on LSPET's test people and on the photographs of MPII and COCO in `data`.

    Args:
        boxes: "annotated"; "whole", all of each picture; or "found", by the network itself. COCO's pictures show
            several people, who have annotated boxes only.

    Raises:
        InputError: a data set is missing or wrong, or the network's parameters are.
    """
    test, posed, scenes = lsp.read(data, lsp.EXTENDED, "test"), five(data / "mpii"), coco.read(data / "coco", "test")
    joints, annotated, _ = truth(test)
    in_test = said(network, boxed(network, test, boxes, device), LSP, device)
    of_torsos = sports.distances(in_test, joints, annotated, sports.torsos(joints, annotated))
    in_posed = said(network, boxed(network, posed, boxes, device), MPII, device)
    curve = pckh.curve(pckh.normalised_distances(in_posed, *truth(posed)), np.array([0.5]))
    if boxes != "annotated":
        return Measured(sports.pck(of_torsos), float(curve[0]), float("nan"))
    sides = np.array([sample.box.side / coco.MARGIN for sample in scenes])
    in_scenes = said(network, boxed(network, scenes, boxes, device), COCO, device)
    of_boxes = pck.distances(in_scenes, *truth(scenes)[:2], sides)
    limbs = [joint for joint, name in enumerate(COCO.joints) if name[2:] in LIMBS]
    in_3d = _mpjpe(network, data, device) if network.run.coordinates == 3 else float("nan")
    return Measured(sports.pck(of_torsos), float(curve[0]), _share(of_boxes[:, limbs], 0.1), in_3d)


def _mpjpe(network: Trained, data: Path, device: mx.Context) -> float:
    """A 3D network's error on synthetic people in ordinary clothes, who are made if they are not there."""
    run = replace(network.run, data=IN_3D.data)
    people = loader.batches(run, "test", Catalogue(data))
    found = _joints(network._replace(run=run), people, device)
    true = np.stack([sample.pose.joints for sample in people.samples if sample.pose])
    return float(mpjpe.joint_errors(found, true).mean())


def boxed(network: Trained, samples: List[Sample], boxes: str, device: mx.Context) -> List[Sample]:
    """The people with the boxes that `predict` would use if no annotated boxes were given."""
    if boxes == "annotated":
        margin = network.run.margin or mpii.MARGIN  # all three data sets have MPII's
        return [replace(one, box=replace(one.box, side=one.box.side * margin / mpii.MARGIN)) for one in samples]
    in_3d = network.run.coordinates == 3  # then `people` finds whoever this network predicts
    search = Search.shipped(device) if in_3d else Search.of(saved.at(Path(FINDER)), network, device)
    made = []
    for sample in samples:
        picture = Picture(sample.image.name, PICTURES.read(sample.image))
        found = whole(picture.pixels) if boxes == "whole" else search(picture)
        box = square(picture, found.edges[0], network.run) if len(found.edges) else NOWHERE
        made.append(replace(sample, box=box))
    return made


def _share(distances: Array, threshold: float) -> float:
    return float(100 * (distances <= threshold).sum() / (~np.isnan(distances)).sum())


def five(folder: Path) -> List[Sample]:
    """The people of MPII's valid.json, with the head sizes that valid.h5 has of the same records.

    Raises:
        InputError: a file is missing or wrong, or one of them is not in valid.h5.
    """
    path = folder / "annot/valid.h5"
    known = mpii.read_file(path, folder / "images")
    return [replace(sample, head_size=_same(path, sample, known).head_size)
            for sample in mpii.read_file(folder / "annot/valid.json", folder / "images")]


def _same(path: Path, sample: Sample, known: List[Sample]) -> Sample:
    """The record of the same person: of the same picture, with a box within a tenth of its side."""
    def apart(other: Sample) -> float:
        return float(np.hypot(other.box.x - sample.box.x, other.box.y - sample.box.y) / sample.box.side)

    near = sorted((one for one in known if one.image == sample.image), key=apart)
    if not near or apart(near[0]) > 0.1:
        raise InputError(f"{path}: lacks a person of {sample.image.name}. Take both files from the same people.")
    return near[0]


def said(network: Trained, samples: List[Sample], skeleton: Skeleton, device: mx.Context) -> Array:
    """The network's joints, (N, K, 2) px, in the order of another skeleton; nan where it has none of that name."""
    own = catalogue.skeleton(network.run)
    people = Batches(samples, own, network.run.patch, 32)
    slots = np.array(skeleton.slots_in(own))
    found = _joints(network, people, device)
    return np.where((slots >= 0)[:, None], found[:, slots], np.nan)


def _joints(network: Trained, people: Batches, device: mx.Context) -> Array:
    if network.int8:
        return predict_scored(network.run, network.parameters, people, device, in_8_bits=True)[0]
    return predict(network.run, network.parameters, people, device)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code: 2 for wrong input, 1 if the training failed."""
    args = _parser().parse_args(argv)
    return console.run("photos", lambda: print(args.run(args)))


def _train(args: argparse.Namespace) -> str:
    return f"The network is in {_trained(args.name, args)}."


def _trained(name: str, args: argparse.Namespace) -> Path:
    """Trains a network, or resumes its training; returns its folder."""
    run, site = RUNS[name], Site(args.data, args.runs, (mx.cpu(),), args.workers)
    if run.tuned and run.trunk and not site.folder(run.trunk).exists():
        saved.write_imported(run.trunk, saved.shipped()[saved.DEFAULT], site.folder(run.trunk))
    return train(run, site, f"photographs, {name}")


def _trunks(args: argparse.Namespace) -> str:
    """Trains backbones and writes them, with 16 bits, as the program has them."""
    told = []
    for name in args.names or TRUNKS:
        folder = _trained(name, args)
        run = TRUNKS[name].training
        target, draft = (args.out / name for name in (saved.trunk_file(run).name, f"{run.key}.params"))
        target.parent.mkdir(parents=True, exist_ok=True)
        values = weights.trunk_of(folder / PARAMETERS)
        _save({weights.TRUNK + part: value for part, value in values.items()}, run, f"backbone {name}", draft)
        compact.pack(draft, target)
        _write_log(run, args.runs, args.results / f"{name}-training.csv")
        told.append(f"{target}: {name}, {target.stat().st_size / 1e6:.1f} MB.")
    return "\n".join(told)


def _measure(args: argparse.Namespace) -> str:
    shown = [f"{'':24}{'boxes':>10}{'LSPET, PCK@0.2':>16}{'MPII, PCKh@0.5':>16}{'COCO, PCK@0.1':>16}"
             f"{'synthetic, mm':>16}"]
    lines = []
    for path in args.checkpoint:
        for boxes in args.boxes:
            found = measure(saved.at(path)._replace(int8=args.int8), args.data, mx.cpu(), boxes)
            values = {name: "" if np.isnan(value) else f"{value:.2f}" for name, value in found._asdict().items()}
            lines.append({"network": path.stem, "boxes": boxes, **values})
            shown.append(f"{path.stem:24}{boxes:>10}" + "".join(f"{value or '-':>16}" for value in values.values()))
    if args.csv:
        _write_lines(args.csv, lines)
    return "\n".join(shown)


def _calibrate(args: argparse.Namespace) -> str:
    """Writes the thresholds that a network needs in 8 bits, found on held-out people of LSPET."""
    network = saved.at(args.checkpoint)
    int8.demand(network.run, mx.cpu())
    samples = lsp.read(args.data, lsp.EXTENDED, "held-out")[::CALIBRATES]
    boxes = boxed(network, samples, "annotated", mx.cpu())
    people = Batches(boxes, catalogue.skeleton(network.run), network.run.patch, 32)
    images = np.concatenate([batch.images for batch in people.once(1)])
    found = int8.calibrated(int8.loaded(network.run, network.parameters), images)
    path = int8.write(network.parameters, found, f"{len(images)} held-out people of {lsp.EXTENDED}")
    return f"{path}: thresholds of {len(found)} layers, from {len(images)} people."


def _ship(args: argparse.Namespace) -> str:
    """Writes a network's parameters, with 16 or 8 bits, and its settings, as it is to be read."""
    shown = RUNS[args.name]
    found = saved.find(str(args.runs / shown.training.key), args.runs)
    if not found.finished:
        raise InputError(f"{found.parameters.parent}: training is not finished. Run `train {args.name}` again.")
    target = args.out / f"{args.name}.params"
    _save(mx.nd.load(str(found.parameters)), shown, args.name, target, args.name in SMALL)
    _write_log(shown, args.runs, args.results / f"{args.name}-training.csv")
    again = f" Run `calibrate {target}` for --int8." if int8.of_parameters(target).is_file() else ""
    return f"{target}: {target.stat().st_size / 1e6:.1f} MB, run {found.run.key}.{again}"


def _save(values: Dict[str, mx.nd.NDArray], run: Run, label: str, target: Path, small: bool = False) -> None:
    """Writes parameters with 16 bits, or 8, and beside them the run's settings."""
    if small:
        weights.save_small(values, target)
    else:
        with weights.saving(target) as draft:
            mx.nd.save(draft, {name: value.astype("float16") for name, value in values.items()})
    with replacing(target.with_suffix(".json")) as place:
        settings = {"key": run.key, "label": f"photographs, {label}", **run.settings}
        place.write_text(json.dumps(settings, indent=1) + "\n")


def _write_log(run: Run, runs: Path, path: Path) -> None:
    """The logs of a run and of those it starts from, one after the other."""
    lines: List[Dict[str, str]] = []
    for phase, link in enumerate(run.training.chain, 1):
        with open(runs / link.key / LOG, newline="", encoding="utf-8") as handle:
            lines += [{"key": link.key, "phase": str(phase), **line} for line in csv.DictReader(handle)]
    _write_lines(path, lines)


def _write_lines(path: Path, lines: List[Dict[str, str]]) -> None:
    with replacing(path) as draft, open(draft, "w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments.photos", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    trains = commands.add_parser("train", help="train a network, or resume its training")
    trains.set_defaults(run=_train)
    ships = commands.add_parser("ship", help="write a trained network with 16 bits or 8, as the program has it")
    ships.set_defaults(run=_ship)
    trunks = commands.add_parser("trunks", help="train the backbones that other networks start from, and write them")
    trunks.set_defaults(run=_trunks)
    trunks.add_argument("names", choices=(*TRUNKS, []), nargs="*", metavar="NAME",
                        help=f"which: {', '.join(TRUNKS)} (default: all three)")
    for command in (trains, ships):
        command.add_argument("name", choices=tuple(RUNS))
    for command in (trains, ships, trunks):
        command.add_argument("--runs", type=Path, default=Path("runs/photos"), metavar="DIR",
                             help="where trained networks go (default: %(default)s)")
    for command, place in ((ships, saved.SHIPPED), (trunks, saved.SHIPPED / saved.TRUNKS)):
        command.add_argument("--out", type=Path, default=place, metavar="DIR", help="(default: where networks ship)")
        command.add_argument("--results", type=Path, default=Path("results/photos"), metavar="DIR",
                             help="where the logs go (default: %(default)s)")
    measures = commands.add_parser("measure", help="compare networks on photographs")
    measures.set_defaults(run=_measure)
    measures.add_argument("--boxes", choices=BOXES, nargs="+", default=BOXES[:1], help="(default: annotated)")
    measures.add_argument("--csv", type=Path, metavar="FILE", help="writes the numbers there too")
    measures.add_argument("--int8", action="store_true", help="the networks compute in 8 bits")
    calibrates = commands.add_parser("calibrate", help="find the thresholds that a network needs to predict in 8 bits")
    calibrates.set_defaults(run=_calibrate)
    calibrates.add_argument("checkpoint", type=Path, metavar="FILE.params|NAME")
    measures.add_argument("checkpoint", type=Path, nargs="+", metavar="FILE.params")
    for command in (trains, trunks, measures, calibrates):
        command.add_argument("--data", type=Path, default=Path("data"), metavar="DIR",
                             help="holds lspet/, and for measure mpii/ and coco/ too (default: %(default)s)")
    for command in (trains, trunks):
        command.add_argument("--workers", type=int, default=1, metavar="N", help="threads that prepare images")
    return parser


if __name__ == "__main__":
    sys.exit(main())
