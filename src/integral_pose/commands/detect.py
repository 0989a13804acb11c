"""Detects the people in images and writes their boxes in COCO's result format."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence

from tqdm import tqdm

from integral_pose.commands import console
from integral_pose.commands.console import positive
from integral_pose.errors import InputError
from integral_pose.inference import media
from integral_pose.inference.detector import DETECTORS, Detector, image_id, records
from integral_pose.inference.media import Gathered, Shown, Unread
from integral_pose.models.devices import one_device
from integral_pose.storage import image_files
from integral_pose.storage.atomic import replacing
from integral_pose.storage.processes import interruptible, stoppable

DEFAULT = next(iter(DETECTORS))
NOTHING = "Nothing was written."
EXAMPLE = f"""examples:
  python -m scripts.detect photo.jpg --out boxes.json
  python -m scripts.detect my-images --out boxes.json --detector ssd_512_mobilenet1.0_coco
  python -m scripts.detect --coco data/coco --out detections.json --gpus 0

The output is a JSON list with a record for each person found:
  {{"image_id": 785, "category_id": 1, "bbox": [277.12, 45.7, 225.09, 333.56], "score": 0.99997}}
bbox is x, y, width and height in px, from the image's top left corner. image_id is COCO's number if the file's name
ends in its 12 digits (000000000785.jpg), and otherwise the file's name (photo.jpg). Both COCO's own tools and `--boxes
FILE` take the file.

Detectors, all trained on COCO by GluonCV's authors, the most accurate first. The last ones are meant for CPUs:
  {(chr(10) + "  ").join(DETECTORS)}
GluonCV downloads the weights on first use into --models. Without internet access, fetch them elsewhere: the error
message names the file. --weights takes your own file instead, written by the network's save_parameters."""


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code: 2 for wrong input, 1 if some of the images could not be used."""
    args = _parser().parse_args(argv)
    return console.run("detect", lambda: _work(args), NOTHING, f"Stopped. {NOTHING}")


def _work(args: argparse.Namespace) -> int:
    _check(args)
    gathered = coco_pictures(args.coco) if args.coco else find(args.pictures)
    with interruptible():
        found = _found(args, gathered)
    _write(args.out, found.records)
    for said in [*gathered.skipped, *(unread.reason for unread in found.failed)]:
        console.say(said, "detect")
    left = f", {len(found.failed)} could not be used" if found.failed else ""
    early = f"Stopped early, of {len(gathered.pictures)}: " if found.stopped else ""
    print(f"{early}{len(found.records)} people in {found.pictures} images{left}, written to {args.out}")
    return 128 + found.stopped if found.stopped else int(bool(found.failed))


def _found(args: argparse.Namespace, gathered: Gathered) -> Found:
    detector = Detector(args.detector, args.weights, args.models, one_device(args.gpus))
    upright = not args.coco  # COCO's annotations are of pictures as they are stored
    return detect(detector, gathered, args.min_score, media.pictures(gathered.pictures, 1, args.max_pixels, upright))


class Found(NamedTuple):
    """The result."""

    records: List[Dict[str, Any]]
    pictures: int  # that were looked at
    failed: List[Unread]
    stopped: int = 0  # the signal that ended it before all were looked at


def detect(detector: Detector, gathered: Gathered, least: float, shown: Iterable[Shown]) -> Found:
    """The records of all people with a score of at least `least`, image by image, and the images that could not be
    read.

    Args:
        shown: the pictures of `gathered`, in their order.

    Ctrl-C or SIGTERM ends it: what was found so far is returned.

    Raises:
        InputError: none can be read.
        KeyboardInterrupt: it was stopped before any was looked at.
    """
    found: List[Dict[str, Any]] = []
    failed, looked_at = list(gathered.unread), 0
    paths = tqdm(gathered.pictures, unit="image", desc="detect", leave=False, disable=None)
    with stoppable() as stopped:
        for path, one in zip(paths, shown):
            if stopped():
                break
            if isinstance(one, Unread):
                failed.append(one)
                continue
            boxes, scores = detector.people(one.pixels)
            found += records(path, boxes[scores >= least], scores[scores >= least])
            looked_at += 1
        if stopped() and not looked_at:
            raise KeyboardInterrupt(128 + stopped())
        if not looked_at:
            raise InputError(" ".join(unread.reason for unread in failed[:3]))
        early = looked_at + len(failed) < len(gathered.pictures) + len(gathered.unread)
        return Found(found, looked_at, failed, stopped() if early else 0)


def find(places: Sequence[Path]) -> Gathered:
    """The pictures among files and folders; of a folder those directly in it, by name.

    Raises:
        InputError: there is none, or two would have the same image_id.
    """
    gathered = media.gathered(places)
    twice = [name for name, times in Counter(map(image_id, gathered.pictures)).items() if times > 1]
    if twice:
        raise InputError(f"{twice[0]}: several images would have this image_id. Give their folders one at a time.")
    return gathered


def coco_pictures(folder: Path) -> Gathered:
    """All pictures of val2017 in COCO's folder.

    Raises:
        InputError: there are none.
    """
    places = [folder / "val2017", folder / "images" / "val2017"]
    there = next((place for place in places if place.is_dir()), None)
    if not there:
        raise InputError(f"{folder}: has no folder val2017. Unzip COCO's val2017.zip there, or name its folder.")
    return find([there])


def _check(args: argparse.Namespace) -> None:
    """Checks the options before the first image, instead of failing after the last."""
    if not 0 <= args.min_score <= 1:
        raise InputError(f"--min-score {args.min_score}: must be between 0 and 1.")
    folder = next(parent for parent in args.out.absolute().parents if parent.exists())
    if args.out.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InputError(f"--out {args.out}: no file can be written there. Choose another one.")


def _write(path: Path, found: List[Dict[str, Any]]) -> None:
    try:
        with replacing(path) as draft:
            draft.write_text("[" + ",\n".join(map(json.dumps, found)) + "]\n")
    except OSError as error:
        raise InputError(f"--out {path}: cannot be written ({error.strerror}). Choose another file.") from error


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(
        prog="python -m scripts.detect", description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("pictures", nargs="*", type=Path, default=[], metavar="IMAGE",
                      help="images, or folders of images")
    what.add_argument("--coco", type=Path, metavar="FOLDER", help="COCO's folder: all images of its val2017")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="output file")
    parser.add_argument("--detector", choices=tuple(DETECTORS), default=DEFAULT, metavar="NAME",
                        help=f"one of the detectors below (default: {DEFAULT})")
    parser.add_argument("--weights", type=Path, metavar="FILE",
                        help="file of the detector's weights, if they are not in --models")
    parser.add_argument("--models", type=Path, default=Path("data/models"), metavar="FOLDER",
                        help="folder of the weights, and for downloading them (default: %(default)s)")
    parser.add_argument("--min-score", type=float, default=0.05, metavar="SCORE",
                        help="ignore people with a lower score (default: %(default)s)")
    parser.add_argument("--max-pixels", type=positive, default=image_files.MOST_PIXELS, metavar="N",
                        help="refuse images with more pixels; each takes 3 bytes of memory (default: %(default)s)")
    parser.add_argument("--gpus", default="", metavar="NUMBER",
                        help="number of the GPU to use, such as 0 (default: the CPU)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
