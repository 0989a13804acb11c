"""Trains a network on your own keypoints, with any joints, in COCO's format, and prints its accuracy."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import csv
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import List, Mapping, Optional, Pattern, Sequence

from integral_pose import skeletons
from integral_pose.commands import console
from integral_pose.commands.console import CORES, positive
from integral_pose.datasets import batches, custom
from integral_pose.datasets.custom_data import images as custom_images
from integral_pose.errors import InputError
from integral_pose.evaluation.evaluate import check, evaluate
from integral_pose.methods import H1, H2, H3, I1, I2, I3, I_STAR, R1
from integral_pose.metrics import pck
from integral_pose.models import saved
from integral_pose.models.devices import parse_devices
from integral_pose.profiles import PROFILES
from integral_pose.run import Run
from integral_pose.run_folder import Site
from integral_pose.skeletons import Skeleton
from integral_pose.storage import image_files, processes
from integral_pose.storage.array_files import read
from integral_pose.storage.atomic import replacing
from integral_pose.training.loop import train

METHODS = {"R1": R1, "H1": H1, "H2": H2, "H3": H3, "I*": I_STAR, "I1": I1, "I2": I2, "I3": I3}
# What a network that starts from another has of it; and the method that goes on as that was trained.
KEPT = ("backbone", "width", "early_stride", "upsamplings", "patch", "colours")
OF_LOSS = {"gaussian-mse": "H1", "softmax-ce": "H2", "disc-bce": "H3", "joint-l1": "I*"}
RATES = (1e-4, 1e-5)  # of a network that starts from another; the profiles' undo in a few steps what it has learnt
ENOUGH = 50  # steps: a network that had fewer has learnt nothing
PARTS = "parts.csv"  # of a run's folder
BACKBONES = ("resnet18", "resnet50", "resnet101")
BUDGETS = {"smoke": {}, "quick": {}, "paper": {"steps": 10_000, "batch": 32, "validate_every": 500}}
EXAMPLE = """example:
  python -m scripts.train --data hands.json --images photos
  python -m scripts.train --data hands.json --images photos --profile paper --gpus 0
  python -m scripts.predict --run 1a2b3c4d5e photo.jpg

--data is a JSON file in COCO's format: `images`, `annotations` with `keypoints`, and a category that names the joints
(`keypoints`) and the limbs between them (`skeleton`). It can also be a folder as Roboflow exports it, with train/,
valid/ and test/. Two joints whose names differ only in left and right are a pair: left_knee and right_knee, LKNE and
RKNE, kneeL and kneeR. docs/custom_data.md has the smallest file that works.

About a tenth of the images, selected by a hash of their paths, is the test set. About a twentieth of the others is held
out to choose the best weights. Frames of one video, and augmented copies of one image, are kept in the same part if
their names show it, or by --group. parts.csv in the run's folder lists the part of each image. Accuracy is measured by
PCK, the share of joints within 0.05 and 0.1 of the longer side of the person's box, and by the mean distance in px.

The profiles: quick trains a network with a quarter of the channels, on patches of half the size, from scratch, in
minutes on a CPU; use it as a check. paper trains the paper's network, which starts from ImageNet weights and needs a
GPU and hours. smoke trains for two steps, which show that the data can be read. You can stop the training at any
moment: the same command resumes it."""


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code: 2 for wrong input, 1 if the training failed."""
    args = _parser().parse_args(argv)
    return console.run("train", lambda: _work(args))


def _work(args: argparse.Namespace) -> None:
    with processes.interruptible():
        print(console.spelled(_train(args)))


def _train(args: argparse.Namespace) -> str:
    """Trains and evaluates what is missing; returns what there is to say."""
    annotated = custom.find(args.data, args.category, args.images, args.valid, args.test)
    skeleton = custom.skeleton(annotated, [pair.split("=") for pair in args.pairs or ()], not args.no_mirror)
    devices = tuple(parse_devices(args.gpus))
    batches.PICTURES.most_pixels = args.max_pixels
    data = custom.register(annotated, args.cache, args.group, args.labels_of)
    before = saved.of_name(args.start, args.runs, "--from ") if args.start else None
    run = described(args, data.name, skeleton, before.run if before else None)
    site = Site(args.cache, args.runs / "custom", devices, args.workers)
    if before and not site.folder(before.run).exists():
        saved.write_imported(before.run, before.parameters, site.folder(before.run))
    check(run, site.catalogue)
    print("\n".join([_plan(annotated.path, run, skeleton, site), *_notes(data.notes, run, skeleton)]), file=sys.stderr)
    folder = train(run, site, f"{_method(args, before.run if before else None)}, {annotated.path.name}")
    _write_parts(custom.parts(site.data / run.data), folder / PARTS)
    arrays, signature = read(evaluate(run, site))
    result = pck.score(arrays["distances"], arrays["sides"])
    return "\n".join([
        *_table(result, skeleton), "", signature["protocol"], "",
        f"The network is in {folder}. To use it:",
        f"  python -m scripts.predict --run {folder} photo.jpg",
    ])


def described(args: argparse.Namespace, data: str, skeleton: Skeleton, before: Optional[Run] = None) -> Run:
    """The run that the options describe.

    Args:
        before: of the network that it starts from, whose layers and patch it then has.

    Raises:
        InputError: they do not go together.
    """
    asked = {"backbone": args.backbone, "patch": args.patch, "batch": args.batch, "steps": args.steps}
    as_before = {name: getattr(before, name) for name in KEPT} if before else {}
    changes = {**as_before, **BUDGETS[args.profile], **{name: value for name, value in asked.items() if value}}
    if args.no_mirror:
        changes["mirror"] = False
    try:
        written = skeletons.written(skeleton)
        base = METHODS[_method(args, before)].everywhere(data=data, skeleton=written, seed=args.seed)
        run = PROFILES[args.profile](base).everywhere(**changes)
        return tuned(gently(run, before), before) if before else run
    except ValueError as error:
        raise InputError(f"These options do not go together: {error}.") from error


def _method(args: argparse.Namespace, before: Optional[Run]) -> str:
    """The method's name in the paper."""
    return str(args.method or (OF_LOSS.get(before.loss, "I1") if before else "I1"))


def gently(run: Run, before: Run) -> Run:
    """The run with rates for a network that is trained already; alike maps are read as before."""
    alike = all(link.loss == before.loss for link in run.chain)
    return run.everywhere(rate=RATES[0], low_rate=RATES[1], **({"decoder": before.decoder} if alike else {}))


def tuned(run: Run, before: Run) -> Run:
    """The run whose first phase starts from all of another network's layers.

    Raises:
        ValueError: theirs do not fit.
    """
    if run.start:
        return replace(run, start=tuned(run.start, before))
    return replace(run, pretrained=False, trunk=before, tuned=True)


def _plan(path: Path, run: Run, skeleton: Skeleton, site: Site) -> str:
    parts = ("train", "held-out", "test")
    counts = ", ".join(f"{len(custom.read(site.data / run.data, part))} {part}" for part in parts)
    pairs = len(_pairs(skeleton))
    return (f"{path}: {len(skeleton.joints)} joints, {len(skeleton.limbs)} limbs, {pairs} pairs of left and right; "
            f"people: {counts}. Run {run.key}: {run.backbone}, {run.patch} px, {sum(link.steps for link in run.chain)} "
            f"steps of {run.batch}.")


def _pairs(skeleton: Skeleton) -> List[str]:
    names = skeleton.joints
    return [f"{names[joint]} = {names[other]}" for joint, other in enumerate(skeleton.mirror) if joint < other]


def _notes(notes: Sequence[str], run: Run, skeleton: Skeleton) -> List[str]:
    """What the user ought to look at before trusting the numbers, a line each."""
    pairs = _pairs(skeleton)
    if run.steps < ENOUGH:
        notes = [*notes, f"{run.steps} steps only show that everything runs; the numbers below mean nothing."]
    if pairs:
        sides = f"Left and right: {', '.join(pairs)}."
    elif run.mirror and len(skeleton.joints) > 1:
        sides = ("No joint's name has a side (left or right), and images are mirrored in training. If some joints "
                 "must be swapped in a mirrored image, give them with --pairs LEFT=RIGHT; if mirrored images would be "
                 "wrong, use --no-mirror.")
    else:
        return [f"- {note}" for note in notes]
    return [f"- {note}" for note in (sides, *notes)]


def _write_parts(parts: Mapping[str, str], path: Path) -> None:
    """Who was trained on and who was tested, for the user; the program reads the data set's own file."""
    with replacing(path) as draft, open(draft, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([("image", "part"), *sorted(parts.items())])


def _pattern(text: str) -> Pattern[str]:
    """For argparse."""
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text} is not a regular expression: {error}") from None


def _table(result: pck.PCK, skeleton: Skeleton) -> List[str]:
    """A line for each joint."""
    width = max(map(len, (*skeleton.joints, "all joints"))) + 2
    head = "".join(f"PCK@{threshold:g}".rjust(10) for threshold in pck.THRESHOLDS) + "px".rjust(8)
    lines = ["joint".ljust(width) + head]
    for joint, name in enumerate(skeleton.joints):
        values = [result.of_joints[threshold][joint] for threshold in pck.THRESHOLDS]
        lines.append(_line(name, values, result.pixels_of_joints[joint], width))
    return [*lines, _line("all joints", [result.at[threshold] for threshold in pck.THRESHOLDS], result.pixels, width)]


def _line(name: str, shares: List[float], pixels: float, width: int) -> str:
    cells = [*(f"{share:.1f}".rjust(10) for share in shares), f"{pixels:.1f}".rjust(8)]
    return name.ljust(width) + "".join(cells).replace("nan", "  -")


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(
        prog="python -m scripts.train", description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, metavar="FILE.json|DIR",
                        help="the annotations, or a folder with one JSON file, there or in annotations/")
    parser.add_argument("--images", type=Path, metavar="DIR",
                        help="folder of the images (default: images/ beside the annotations, or their own folder)")
    parser.add_argument("--valid", type=Path, metavar="FILE.json",
                        help="your own held-out annotations, which choose the best weights; without --test, these are "
                        "the test annotations")
    parser.add_argument("--test", type=Path, metavar="FILE.json", help="your own test annotations")
    parser.add_argument("--group", type=_pattern, metavar="REGEX",
                        help="keep images in the same part if this pattern (or, if it has groups in parentheses, "
                        "these) matches the same text in their paths: '^[^/]*' keeps each folder together, "
                        "'(.*)_[0-9]*' keeps images together that differ only in their last number, and '.*' treats "
                        "each image separately")
    parser.add_argument("--pairs", nargs="+", metavar="LEFT=RIGHT",
                        help="joints that are swapped in mirrored images, if their names do not show it; a NAME "
                        "without = is a joint that has no side")
    parser.add_argument("--labels-of", choices=custom_images.LABELS_OF, default="",
                        help="whether joints are in px of images as displayed (seen), or before the rotation in their "
                        "EXIF tag (stored) (default: as each image's width and height in the file show)")
    parser.add_argument("--max-pixels", type=positive, default=image_files.MOST_PIXELS, metavar="N",
                        help="refuse images with more pixels; each takes 3 bytes of memory (default: %(default)s)")
    parser.add_argument("--category", default="", metavar="NAME",
                        help="category to train on, if several have keypoints")
    parser.add_argument("--method", choices=tuple(METHODS),
                        help="method, named as in the paper (default: I1; with --from, that of the network)")
    parser.add_argument("--from", dest="start", default="", metavar="NETWORK",
                        help="start from this network instead of from ImageNet or random values: one that comes with "
                        "the program, a run's key or folder, the name of an imported network, or a published file. "
                        "Joints with the same names keep their maps")
    parser.add_argument("--profile", choices=tuple(BUDGETS), default="quick",
                        help="size of the network and length of the training, see below (default: %(default)s)")
    parser.add_argument("--backbone", choices=BACKBONES, help="backbone of the network (default: resnet50)")
    parser.add_argument("--patch", type=positive, metavar="PX",
                        help="side of the patch that the network sees, a multiple of 32 (default: 128 in quick, 256 "
                        "in paper)")
    parser.add_argument("--batch", type=positive, metavar="N", help="people in a mini-batch (default: 16 in quick, "
                        "32 in paper)")
    parser.add_argument("--steps", type=positive, metavar="N", help="training steps per phase (default: 500 in quick, "
                        "10000 in paper). In quick every method has two phases; in paper I1, I2 and I3 have two, the "
                        "others one")
    parser.add_argument("--no-mirror", action="store_true",
                        help="never train on mirrored images: for objects whose mirror image would be wrong")
    parser.add_argument("--seed", type=int, default=0, metavar="N",
                        help="seed of the random numbers (default: %(default)s)")
    parser.add_argument("--gpus", default="", metavar="LIST", help="GPUs to train on, as in 0,1 (default: the CPU)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR",
                        help="folder for trained networks, in its subfolder custom/ (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=Path("data"), metavar="DIR",
                        help="folder for records of each run's data and, in its subfolder models/, for ImageNet "
                        "weights (default: %(default)s)")
    parser.add_argument("--workers", type=positive, default=min(CORES, 16), metavar="N",
                        help="threads that prepare images (default: one per core, at most 16)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
