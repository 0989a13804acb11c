"""Measures what a video's people gain by tracking and smoothing: identity switches, jitter, lag and MPJPE.

    python -m benchmarks.video                         # synthetic videos of three people who cross, with truth
    python -m benchmarks.video --photos FOLDER         # photographs, panned and zoomed into clips, without truth
    python -m benchmarks.video --seeds 10 --write DIR  # a synthetic video, DIR/10.mp4, and its boxes, 10.json

docs/video.md has the numbers and defines them.
"""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import mxnet as mx
import numpy as np
from scipy.optimize import linear_sum_assignment

from integral_pose.geometry import Array, overlap
from integral_pose.inference import media, output
from integral_pose.inference.boxes import Boxes
from integral_pose.inference.estimator import Estimator, Person, Seen, from_root
from integral_pose.inference.media import Picture
from integral_pose.inference.pipeline import Task, VideoSteps
from integral_pose.inference.search import Search
from integral_pose.inference.tracking import gaps
from integral_pose.inference.tracking.smoothing import smoothed
from integral_pose.models import saved
from integral_pose.skeletons import HUMAN36M, MPII
from integral_pose.synthetic import make_video
from integral_pose.synthetic.make_video import Frame, Truth

ROOT = make_video.JOINTS.index("pelvis")
FOUND = 0.3  # intersection over union of boxes from which on a person found is a true one
SURE = 0.5  # score of a box
SIZE = (640, 480)  # px of a clip of a photograph
RATE = 25.0
LAGS = np.arange(0, 6.01, 0.05)  # frames
RAW, FILLED, SMOOTH = "as predicted", "filled", "filled and smoothed"


class Figures(NamedTuple):
    """What is measured of one video."""

    switches: int  # times that a true person's identity changes
    identities: int  # that were given to people who are there
    found: float  # share of the true people who are not hidden
    error: float  # mean distance of the joints from the truth: MPJPE in mm, or px of a 2D network
    jitter: Tuple[float, float]  # median and 95th percentile of the second difference of joints, px


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command."""
    args = _parser().parse_args(argv)
    if args.write:
        for seed in args.seeds:
            print(write(seed, args.seconds, args.write))
    elif args.photos:
        _print_photos(args)
    else:
        _print_synthetic(args)
    return 0


# ---------------------------------------------------------------- synthetic people


def _print_synthetic(args: argparse.Namespace) -> None:
    clips = [list(make_video.frames(seed, args.seconds)) for seed in args.seeds]
    for every in args.every:
        print(f"{args.network}, seeds {' '.join(map(str, args.seeds))}, a detector in every {every}. frame")
        raw = [followed(args.network, clip, {"track": True, "detect_every": every}) for clip in clips]
        filled = [list(gaps.filled(video)) for video in raw]
        runs = {RAW: raw, FILLED: filled, SMOOTH: [list(smoothed(video, ROOT)) for video in filled]}
        for name, videos in runs.items():
            figures = [figures_of(clip, video) for clip, video in zip(clips, videos)]
            print(f"  {name:20}", _line(figures))
        lags = [lag(before, after) for before, after in zip(runs[FILLED], runs[SMOOTH])]
        print(f"  lag {np.mean(lags):.2f} frames")


def write(seed: int, seconds: float, folder: Path) -> str:
    """Writes a synthetic video and the boxes of the simulated detector; returns a command that predicts it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{seed}.mp4"
    video, boxes = output.Video(path, make_video.RATE), []
    for number, frame in enumerate(make_video.frames(seed, seconds)):
        video.add(frame.pixels)
        boxes += [{"image_id": number, "bbox": box[:4].round(2).tolist(), "score": round(float(box[4]), 4)}
                  for box in frame.detections]
    video.close()
    path.with_suffix(".json").write_text(json.dumps(boxes), encoding="utf-8")
    python = os.path.relpath(sys.executable)
    return (f"{python} -m scripts.predict {path} --boxes {path.with_suffix('.json')} --checkpoint people-3d --focal "
            f"{make_video.FOCAL:g} --formats trc,bvh")


def _line(figures: Sequence[Figures]) -> str:
    jitter = np.mean([one.jitter for one in figures], axis=0)
    return (f"switches {sum(one.switches for one in figures)}, identities {sum(one.identities for one in figures)} of "
            f"{3 * len(figures)}, found {np.mean([one.found for one in figures]):.3f}, error "
            f"{np.mean([one.error for one in figures]):.1f}, jitter {jitter[0]:.2f} {jitter[1]:.2f} px")


def followed(network: str, clip: Sequence[Frame], options: Dict[str, Any]) -> List[Seen]:
    """The people of each frame, with the boxes of the simulated detector."""
    boxes = {str(number): frame.detections[frame.detections[:, 4] >= SURE] for number, frame in enumerate(clip)}
    pictures = (Picture(str(number), frame.pixels, frame.seconds) for number, frame in enumerate(clip))
    return _seen(network, pictures, lambda picture: Boxes(boxes[picture.name][:, :4], boxes[picture.name][:, 4]),
                 options)


def _seen(network: str, pictures: Iterator[Picture], boxes: Any, options: Dict[str, Any]) -> List[Seen]:
    trained = saved.at(Path(network))
    estimator = Estimator(trained, mx.cpu())
    focal = make_video.FOCAL if trained.run.coordinates == 3 else 0.0
    task = replace(Task(trained, mx.cpu(), boxes, "", Path(), focal=focal), **options)
    steps = VideoSteps(task, estimator)
    views = ((picture, steps.task.boxes(picture)) for picture in pictures)
    return [seen._replace(picture=seen.picture._replace(pixels=np.empty((0, 0, 3), np.uint8))) for seen in steps(views)]


def figures_of(clip: Sequence[Frame], video: Sequence[Seen]) -> Figures:
    """A video's figures against the truth."""
    last: Dict[int, int] = {}
    switches, visible, found, errors = 0, 0, 0, []
    for frame, seen in zip(clip, video):
        matches = matched(frame.people, seen.people)
        visible += sum(not truth.hidden for truth in frame.people)
        for truth, person in matches:
            identity = person.identity or 0
            switches += last.get(truth.person, identity) != identity
            last[truth.person] = identity
            found += not truth.hidden
            errors.append(_error(truth, person))
    identities = {person.identity for seen in video for person in seen.people}
    return Figures(switches, len(identities), found / visible, float(np.mean(errors)), jitter(video))


def matched(people: Sequence[Truth], found: Sequence[Person]) -> List[Tuple[Truth, Person]]:
    """True people with who was found of them, by their boxes."""
    if not people or not found:
        return []
    table = np.array([[overlap(truth.box, person.box) for person in found] for truth in people])
    return [(people[i], found[j]) for i, j in zip(*linear_sum_assignment(-table)) if table[i, j] >= FOUND]


def _error(truth: Truth, person: Person) -> float:
    if person.space is not None:
        return float(np.linalg.norm(from_root(person.space, ROOT) - from_root(truth.space, ROOT), axis=1).mean())
    slots = MPII.slots_in(HUMAN36M)
    known = [joint for joint, slot in enumerate(slots) if slot >= 0]
    other = [slots[joint] for joint in known]
    return float(np.linalg.norm(person.joints[known] - truth.joints[other], axis=1).mean())


# ---------------------------------------------------------------- what is measured of any video


def paths(video: Sequence[Seen]) -> Dict[int, Dict[int, Array]]:
    """For each identity the joints (K, 2), px, by frame."""
    found: Dict[int, Dict[int, Array]] = {}
    for number, seen in enumerate(video):
        for person in seen.people:
            found.setdefault(person.identity or 0, {})[number] = person.joints
    return found


def jitter(video: Sequence[Seen]) -> Tuple[float, float]:
    """Median and 95th percentile of the second difference of joints in three frames that follow one another, px."""
    seconds = [np.linalg.norm(path[n - 1] - 2 * path[n] + path[n + 1], axis=1)
               for path in paths(video).values() for n in path if n - 1 in path and n + 1 in path]
    joined = np.concatenate(seconds)
    return float(np.median(joined)), float(np.percentile(joined, 95))


def lag(before: Sequence[Seen], after: Sequence[Seen]) -> float:
    """How many frames later than `before` the joints of `after` are where those are, by least squares."""
    raw, smooth = paths(before), paths(after)
    costs = np.zeros(len(LAGS))
    for identity, path in raw.items():
        numbers = sorted(set(path) & set(smooth.get(identity, {})))
        if len(numbers) < 30 or numbers[-1] - numbers[0] + 1 != len(numbers):
            continue
        one, other = (np.array([of[n] for n in numbers]).reshape(len(numbers), -1) for of in (path, smooth[identity]))
        one = cv2.GaussianBlur(one, (1, 13), 3, borderType=cv2.BORDER_REPLICATE)  # of both: noise has no lag
        other = cv2.GaussianBlur(other, (1, 13), 3, borderType=cv2.BORDER_REPLICATE)
        times = np.arange(len(numbers), dtype=float)
        inside = slice(20, None)
        for number, late in enumerate(LAGS):
            moved = np.array([np.interp(times - late, times, column) for column in one.T]).T
            costs[number] += float(((moved - other)[inside] ** 2).sum())
    return float(LAGS[np.argmin(costs)])


# ---------------------------------------------------------------- photographs


def panned(pixels: Array, seconds: float, still: bool = False) -> Iterator[Picture]:
    """A clip of a photograph (h, w, 3): the frame wanders over it and comes nearer; or, still, only zooms slowly."""
    height, width = pixels.shape[:2]
    count = round(seconds * RATE)
    for number in range(count):
        part = number / max(count - 1, 1)
        zoom = 1 + (0.15 if still else 0.5) * part
        scale = zoom * min(SIZE[0] / width, SIZE[1] / height)
        sway = 0.0 if still else 0.12 * np.sin(2 * np.pi * part)
        centre = np.array([width * (0.5 + sway), height * (0.5 + 0.5 * sway)])
        matrix = np.array([[scale, 0, SIZE[0] / 2 - scale * centre[0]], [0, scale, SIZE[1] / 2 - scale * centre[1]]])
        shown = cv2.warpAffine(pixels, matrix, SIZE, flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        yield Picture(str(number), shown, number / RATE)


def _print_photos(args: argparse.Namespace) -> None:
    found = media.gathered([args.photos])
    paths_of = list(found.pictures)[: args.most]
    for still in (True, False):
        rows: Dict[str, List[Tuple[float, ...]]] = {}
        for shown in media.pictures(paths_of, 1):
            if isinstance(shown, Picture):
                for name, row in _of_photo(args.network, shown.pixels, args.seconds, still).items():
                    rows.setdefault(name, []).append(row)
        print("slow zoom" if still else "pan and zoom", f"{len(paths_of)} photographs:")
        for name, each in rows.items():
            print("  {:35} jitter, median {:.2f}, 95th percentile {:.2f} px, lag {:.2f} frames, found {:.2f}".format(
                name, *np.median(each, axis=0)))


def _of_photo(network: str, pixels: Array, seconds: float, still: bool) -> Dict[str, Tuple[float, ...]]:
    """Jitter, lag and the share of frames with somebody, by what is done."""
    boxes: Dict[str, Boxes] = {}
    search = Search.shipped(mx.cpu())

    def find(picture: Picture) -> Boxes:
        return boxes.get(picture.name) or boxes.setdefault(picture.name, search(picture))

    anew = _seen(network, panned(pixels, seconds, still), find, {})
    kept = _seen(network, panned(pixels, seconds, still), find, {"track": True, "detect_every": 5})
    filled = list(gaps.filled(kept))
    runs = {"searched in every frame": (anew, anew), "smoothed": (anew, list(smoothed(anew, 0))),
            "followed, searched in every fifth": (kept, kept), "followed, filled and smoothed":
            (filled, list(smoothed(filled, 0)))}
    return {name: (*jitter(after), lag(before, after), float(np.mean([bool(seen.people) for seen in after])))
            for name, (before, after) in runs.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.video", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="people-3d", help="network that comes with the program")
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12, 13], help="of the synthetic videos")
    parser.add_argument("--every", type=int, nargs="+", default=[1, 5], help="frames between detections")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of a clip")
    parser.add_argument("--write", type=Path, metavar="DIR", help="write synthetic videos and boxes instead")
    parser.add_argument("--photos", type=Path, help="folder of photographs")
    parser.add_argument("--most", type=int, default=10, help="photographs that are used")
    return parser


if __name__ == "__main__":
    sys.exit(main())
