"""Which synthetic people the quick profile trains on: a comparison on held-out people that decides.

People of the second version wear suits whose limbs differ in colour, those of the third ordinary clothes. H1 of Table 1
is trained on each as in the quick profile, from nothing and from a backbone of photographs. The third version is taken
if the pretrained H1 finds at least as many joints on it as the H1 from nothing does on the second (PCKh@0.5). All
numbers are of the people of the training split that are held out: nothing is decided on test people.

The command trains what is missing, resumes where it was stopped, and writes a page with images, learning curves and the
decision.
"""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Sequence

import cv2
import matplotlib
import mxnet as mx
import numpy as np

from integral_pose.commands import console
from integral_pose.datasets import loader
from integral_pose.datasets.formats.mpii_mat import HEAD_FRACTION
from integral_pose.errors import InputError
from integral_pose.evaluation.predict import predict
from integral_pose.geometry import Array
from integral_pose.methods import H1
from integral_pose.metrics import pckh
from integral_pose.models import saved
from integral_pose.profiles import quick, trunk_of
from integral_pose.report import curves
from integral_pose.run import Run
from integral_pose.run_folder import DONE, PARAMETERS, Site
from integral_pose.samples import Sample, truth
from integral_pose.skeletons import MPII
from integral_pose.storage import csv_files
from integral_pose.storage.atomic import replacing
from integral_pose.synthetic import make_mpii
from integral_pose.training.loop import train

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # the backend is chosen first: there may be no screen

COLUMN = "ResNet-50"
SUITS, CLOTHES = 2, 3  # versions of synthetic people
SHOWN = 12  # people on a version's sheet
DRAWS = 2000  # of people, for the interval


def _row(version: int, pretrained: bool) -> Run:
    """H1 of Table 1 in the quick profile, on people of a version."""
    run = quick(H1)
    first = replace(run.start or run, data=f"synthetic-mpii-v{version}", trunk=None)
    if pretrained:
        first = replace(first, trunk=trunk_of(first.backbone))
    return replace(run, data=first.data, start=first)


BASELINE, CANDIDATE = "v2, from nothing", "v3, pretrained"
ROWS: Dict[str, Run] = {
    BASELINE: _row(SUITS, False), "v3, from nothing": _row(CLOTHES, False),
    "v2, pretrained": _row(SUITS, True), CANDIDATE: _row(CLOTHES, True),
}


class Measured(NamedTuple):
    """H1 on held-out people, in percent."""

    at_05: float  # PCKh@0.5, and its 95 % interval over people
    low: float
    high: float
    at_01: float
    auc: float
    exchanged: float  # joints of arms and legs that are found nearer to the same joint of the other side


def measure(run: Run, site: Site) -> Measured:
    """A trained run on the people of its data's training split that are held out.

    Raises:
        InputError: the run's parameters or the images cannot be read.
    """
    people = loader.batches(run, "held-out", site.catalogue)
    found = predict(run, site.folder(run) / PARAMETERS, people, site.devices[0], site.workers)
    joints, annotated, _ = truth(people.samples)
    version = int(run.data.split("-v")[1])
    heads = np.array([head_size(sample, version) for sample in people.samples])
    return measured(found, joints, annotated, heads)


def measured(found: Array, joints: Array, annotated: Array, heads: Array) -> Measured:
    """Numbers of joints (N, 16, 2) as found and as they are, of which `annotated` (N, 16) count; heads (N,) in px."""
    distances = pckh.normalised_distances(found, joints, annotated, heads)
    at_01, at_05 = pckh.curve(distances, np.array([0.1, 0.5]))
    hits, counted = pckh.tallies(distances, "@0.5")
    drawn = np.random.default_rng(0).integers(0, len(hits), (DRAWS, len(hits)))
    low, high = np.percentile(100 * hits[drawn].sum(axis=1) / counted[drawn].sum(axis=1), (2.5, 97.5))
    exchanged = _exchanged(found, joints, annotated, heads)
    return Measured(float(at_05), float(low), float(high), float(at_01), pckh.auc(distances), exchanged)


def _exchanged(found: Array, joints: Array, annotated: Array, heads: Array) -> float:
    """Of the joints whose other side is annotated and half a head away: how many are found nearer to the other side."""
    sided = [i for i, other in enumerate(MPII.mirror) if other != i]
    others = [MPII.mirror[i] for i in sided]
    apart = np.linalg.norm(joints[:, sided] - joints[:, others], axis=2) > 0.5 * heads[:, None]
    counts = apart & (annotated[:, sided] > 0) & (annotated[:, others] > 0)
    own, wrong = (np.linalg.norm(found[:, sided] - joints[:, which], axis=2) for which in (sided, others))
    return float(100 * (wrong < own)[counts].mean()) if counts.any() else float("nan")


def head_size(sample: Sample, version: int) -> float:
    """Of a training person, px: the files have head boxes of test people only, but whoever made the people knows."""
    index = int(sample.image.stem.rpartition("_")[2])
    job = make_mpii.Job("", "train", index, seed=0, version=version)
    _, head = make_mpii.annotation(job, job.shot())
    return float(HEAD_FRACTION * np.linalg.norm(head[1] - head[0]))


def decision(found: Dict[str, Measured]) -> str:
    """What the rule says, or what is missing for it."""
    if BASELINE not in found or CANDIDATE not in found:
        return f"Not decided yet: it takes the rows \"{BASELINE}\" and \"{CANDIDATE}\"."
    before, after = found[BASELINE].at_05, found[CANDIDATE].at_05
    verdict = "The third version is taken" if after >= before else "The second version stays"
    return f"{verdict}: PCKh@0.5 of \"{CANDIDATE}\" is {after:.1f}, that of \"{BASELINE}\" {before:.1f}."


def write(site: Site, results: Path) -> str:
    """Writes the page, its images and CSV files about all rows that are trained; returns the decision."""
    rows = {name: run for name, run in ROWS.items() if (site.folder(run) / DONE).exists()}
    found = {name: measure(run, site) for name, run in rows.items()}
    results.mkdir(parents=True, exist_ok=True)
    curves.write_training([(name, COLUMN, run) for name, run in rows.items()], site.folder, results / "training.csv")
    csv_files.write(results / "held-out.csv", ("row", "run_key", *Measured._fields),
                    ([name, rows[name].key, *(f"{number:.2f}" for number in one)] for name, one in found.items()))
    _draw_curves(results)
    for version in (SUITS, CLOTHES):
        _write_sheet(version, results / f"v{version}.jpg")
    with replacing(results / "README.md") as draft:
        draft.write_text(page(found), encoding="utf-8")
    return decision(found)


def page(found: Dict[str, Measured]) -> str:
    """The side-by-side page, in Markdown."""
    lines = [
        "# Synthetic people, second and third version", "", decision(found), "",
        "Numbers are of held-out people of the training split, in percent; the interval is over people.", "",
        "| H1 of Table 1, quick | PCKh@0.5 | 95 % | @0.1 | AUC | left and right exchanged |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {one.at_05:.1f} | {one.low:.1f} to {one.high:.1f} | {one.at_01:.1f} | {one.auc:.1f} | "
        f"{one.exchanged:.1f} |" for name, one in found.items()
    ]
    lines += ["", "![Mean error of held-out people while H1 is trained](curves.png)", "", "Second version:", "",
              "![People in suits](v2.jpg)", "", "Third version:", "", "![People in ordinary clothes](v3.jpg)", ""]
    return "\n".join(lines)


def _draw_curves(results: Path) -> None:
    """Mean error of held-out people by step, both halves one after the other."""
    figure, axes = plt.subplots(figsize=(6, 4))
    validations = curves.read_training(results / "training.csv", "Run the command again.")
    for (name, run), style in zip(ROWS.items(), ("-", "--", "-.", ":")):
        before = {1: 0, 2: run.start.steps if run.start else 0}
        mine = [(one.step + before[one.phase], one.validation_error_px) for one in validations if one.row == name]
        if mine:
            axes.plot(*zip(*mine), style, marker=".", label=name)
    axes.set(xlabel="step", ylabel="mean error, px of a 128 px patch")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    with replacing(results / "curves.png") as draft:
        figure.savefig(draft, format="png", dpi=110, bbox_inches="tight")
    plt.close(figure)


def _write_sheet(version: int, path: Path) -> None:
    """The first people of a version."""
    jobs = [make_mpii.Job("", "train", index, seed=0, version=version) for index in range(SHOWN)]
    pictures = [job.picture(job.shot()) for job in jobs]
    half = SHOWN // 2
    _, data = cv2.imencode(".jpg", np.vstack([np.hstack(pictures[:half]), np.hstack(pictures[half:])]))
    with replacing(path) as draft:
        draft.write_bytes(data.tobytes())


def _demand_trunk(run: Run, name: str, site: Site) -> None:
    """Training would start with the backbone itself, for hours and on photographs, which nobody asked for."""
    for link in run.training.needed:
        of_photographs = link.data == trunk_of(link.backbone).data
        if of_photographs and not saved.trunk(link) and not (site.folder(link) / DONE).exists():
            raise InputError(
                f"--rows {name!r}: the backbone that it starts from ({link.key}) does not come with the "
                "program. Train it with `python -m experiments.photos trunks` first, or leave out the pretrained rows."
            )


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the command; returns its exit code: 2 for wrong input, 1 if a training failed."""
    args = _parser().parse_args(argv)
    return console.run("people", lambda: _work(args))


def _work(args: argparse.Namespace) -> None:
    site = Site(args.data, args.runs, (mx.cpu(),), args.workers)
    for name in args.rows:
        _demand_trunk(ROWS[name], name, site)
    for name in args.rows:
        train(ROWS[name], site, f"synthetic people, {name}")
    print(write(site, args.results), f"The page is {args.results / 'README.md'}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments.people", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="*", choices=tuple(ROWS), default=list(ROWS), metavar="ROW",
                        help=f"train these only, none to write the page of what is trained: {', '.join(ROWS)}")
    for name, default, what in (
        ("data", "data", "folder that the people are generated in"),
        ("runs", "runs/quick", "folder of trained networks; Table 1's H1 is one of them"),
        ("results", "results/people", "folder that the page is written to"),
    ):
        parser.add_argument(f"--{name}", type=Path, default=Path(default), metavar="DIR",
                            help=f"{what} (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="threads that prepare images (default: 1)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
