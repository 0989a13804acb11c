"""Predicts the joints of people in images, a video or a camera stream with a trained network."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from integral_pose.commands import console
from integral_pose.commands.console import CORES, positive
from integral_pose.datasets import catalogue
from integral_pose.errors import InputError
from integral_pose.inference import boxes, hog, media, output, videos
from integral_pose.inference.boxes import Boxes, FrameBoxes
from integral_pose.inference.detector import DETECTORS, Detector
from integral_pose.inference.formats import export
from integral_pose.inference.media import Gathered, Picture
from integral_pose.inference.pipeline import Outcome, Task, on_pictures, on_video
from integral_pose.inference.search import SURE, Search
from integral_pose.inference.tracking import gaps
from integral_pose.inference.videos import Source
from integral_pose.models import saved
from integral_pose.models.devices import one_device
from integral_pose.storage import image_files
from integral_pose.storage.file_kinds import printable
from integral_pose.storage.processes import interruptible

NOTHING = "Nothing was written."
DETECTOR = next(iter(DETECTORS))
EVERY, LONGEST_GAP = 5, 50  # frames: of a video from one detection to the next, and that can be filled
LEAST = 0.5  # score of a box
OTHERWISE = ("Without a download, --boxes hog uses OpenCV's own detector, which finds people who stand upright, and "
             "--boxes find looks for one person with networks that come with the program.")
LOOK = ("--boxes find was not sure of anybody. Give the person's box with --boxes FILE, or take --boxes whole if the "
        "person fills the image.")
SCORE = "A lower --min-score keeps boxes of which the detector is less sure."
UPRIGHT = "OpenCV's detector misses many people; --boxes find looks for one person with networks."
CHECK = "Check the boxes of the file, and --min-score."
REMEDIES = {None: LOOK, "find": LOOK, "detect": SCORE, "hog": UPRIGHT}  # by --boxes, if nobody was found
ONE = ("At most one person is found in each image (`--boxes find`). It may be somebody else than is meant, or no "
       "person at all: look at the overlays.")
WHOLE = "all of each image"  # where boxes are from
MIXED = ("People are not tracked: person-0 of --formats trc,bvh has the first box of each image, person-1 the "
         "second, so a file may mix several people.")
EXAMPLE = """examples:
  python -m scripts.predict photo.jpg
  python -m scripts.predict --run 1a2b3c photos/ --boxes detect --out joints
  python -m scripts.predict --run runs/quick/1a2b3c4d5e dance.mp4 --boxes boxes.json
  python -m scripts.predict --checkpoint people-3d photo.jpg --focal 1400
  python -m scripts.predict camera --frames 100

The first command uses `people`, a small network for photographs that comes with the program. It is often wrong
(docs/photos.md); docs/predict.md explains how to get a better one.

Written to --out, everything at the end or nothing:
  joints.json   the network, the source and the units; then each person's box and joints, by name
  joints.csv    a line for each joint: image, or a video's frame and its time in seconds; person, joint, x, y, of
                3D networks x_mm, y_mm, z_mm, and confidence
  overlays/     the images, or an MP4 video, with limbs drawn over them: orange is the person's left, blue the right,
                and hollow joints have a low confidence; for 3D networks also the view from the side
  view.html     of 3D networks, the images beside poses that can be turned, in one page without external requests
  summary.png   of a video, some frames with skeletons, and the heights of joints over time
  coco.json, trc/, bvh/   with --formats

--boxes sets where the people are, since the network sees one person at a time:
  find          two networks that come with the program look at the whole image and at parts of it, and then closer:
                one person per image, or nobody (the default with the network `people`)
  whole         the whole image is one person's box (the default with another network)
  detect        GluonCV's person detector finds them; its weights are downloaded on first use
  hog           OpenCV's own detector finds people who stand upright; there is nothing to download
  FILE          [{"image_id": "a.jpg", "bbox": [x, y, w, h], "score": 0.9}, ...], as COCO and scripts.detect write it;
                or {"a.jpg": [[x, y, w, h], ...], ...}; or CSV with the header image,x,y,w,h. For a video, the image is
                the frame's number, counted from 0"""


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code: 2 for wrong input, 1 if some of the images could not be used."""
    args = _parser().parse_args(argv)
    return console.run("predict", lambda: _work(args), NOTHING, f"Stopped. {NOTHING}")


def _work(args: argparse.Namespace) -> int:
    with interruptible():
        words = [word for word in args.what if len(args.what) > 1 and videos.source(word)]
        return _several(args, words) if words and len(words) == len(args.what) else _one(args)


def _several(args: argparse.Namespace, words: Sequence[str]) -> int:
    """Predicts videos one after the other, each into a folder of its own; those that cannot be used are told."""
    stems = [found.stem for found in map(videos.source, words) if found]
    twice = next((stem for stem in stems if stems.count(stem) > 1), None)
    if twice:
        raise InputError(f"{twice}: several videos have this name, and would share a folder. Give them one at a time.")
    worst, unusable = 0, 0
    for number, (word, stem) in enumerate(zip(words, stems)):
        one = argparse.Namespace(**{**vars(args), "what": [word], "out": args.out / stem})
        try:
            code = _one(one)
        except InputError as error:
            console.say(str(error), "predict")
            code, unusable = 1, unusable + 1
        except KeyboardInterrupt as stopped:
            console.say(f"Stopped. Nothing was written of {printable(word)}.", "predict")
            code = stopped.args[0] if stopped.args else 130
        worst = max(worst, code)
        if code >= 128:
            _say_not_begun(words[number + 1:])
            break
    return 2 if unusable == len(words) else worst


def _say_not_begun(words: Sequence[str]) -> None:
    names = [found.name for found in map(videos.source, words) if found]
    if names:
        console.say(f"Stopped before {', '.join(names)}, of which nothing was done.", "predict")


def _one(args: argparse.Namespace) -> int:
    outcome = _predict(args)
    for unread in outcome.failed:
        console.say(unread.reason, "predict")
    for note in outcome.notes:
        console.say(note, "note")
    if (args.out / output.UNFINISHED).exists():
        console.say(f"{args.out / output.UNFINISHED} has the joints of an earlier prediction that was killed.", "note")
    print(_summary(outcome, args))
    if outcome.stopped and not outcome.endless:
        return 128 + outcome.stopped
    return 1 if outcome.failed else 0


def _predict(args: argparse.Namespace) -> Outcome:
    _check(args)
    found, source = _trained(args), _source(args.what)
    gathered = Gathered([]) if source else media.gathered([Path(name) for name in args.what])
    there = output.replaced(args.out)
    found = found._replace(run=replace(found.run, flip_test=args.flip or found.run.flip_test), int8=args.int8)
    boxes_of, boxes_from, notes = _boxes(args, found, source, gathered.pictures)
    export.demand(args.formats, catalogue.skeleton(found.run), found.run.coordinates == 3)
    task = Task(found, one_device(args.gpus), boxes_of, boxes_from, args.out, args.batch, args.workers, args.focal,
                not args.no_overlays, args.max_pixels, notes, formats=args.formats,
                **(_of_time(args, boxes_of, found) if source else {}))
    if set(args.formats) & set(export.SPATIAL) and not task.track and boxes_from != WHOLE:
        task = replace(task, of_boxes=[*notes, MIXED + (" --track keeps people apart." if source else "")])
    for note in [*task.notes, *gathered.skipped]:
        console.say(note, "note")
    if args.focal and not task.in_3d:
        console.say("--focal is not used: this network gives joints in px of the image, not in mm.", "note")
    if there:
        console.say(f"{args.out}: {', '.join(there)} of an earlier prediction will be replaced.", "note")
    if source and isinstance(source.what, int) and not args.frames:
        console.say("Press Ctrl-C to end the recording; everything so far is then written.", "note")
    return on_video(task, source, args.frames) if source else on_pictures(task, gathered)


def _trained(args: argparse.Namespace) -> saved.Trained:
    if args.run:
        return saved.find(args.run, args.runs)
    return saved.at(args.checkpoint or Path(saved.DEFAULT))


def _boxes(
    args: argparse.Namespace, found: saved.Trained, source: Optional[Source], pictures: Sequence[Path]
) -> Tuple[Callable[[Picture], Boxes], str, List[str]]:
    """The function that gives each image its boxes, its name, and notes about it, in sentences."""
    kind = args.boxes or found.boxes
    least = (SURE if kind == "find" else LEAST) if args.min_score is None else args.min_score
    if kind == "hog":
        return lambda picture: _sure(Boxes(*hog.people(picture.pixels)), least), "found by OpenCV's HOG", []
    if kind == "whole":
        return lambda picture: boxes.whole(picture.pixels), WHOLE, []
    if kind == "detect":
        detector = _detector(args)
        name = f"found by {args.detector}"
        return lambda picture: _sure(Boxes(*detector.people(picture.pixels)), least), name, []
    if kind == "find":
        return Search.shipped(one_device(args.gpus), least), "found by the networks finder and people", [ONE]
    file = boxes.read(Path(kind), least)
    if source:
        return boxes.of_frames(file, args.first_frame), kind, file.notes
    by_picture = boxes.of_pictures(file, pictures)
    return by_picture, kind, [*file.notes, *by_picture.notes]


def _detector(args: argparse.Namespace) -> Detector:
    try:
        return Detector(args.detector, args.weights, args.models, one_device(args.gpus))
    except InputError as error:
        raise InputError(f"{error} {OTHERWISE}") from error


def _of_time(args: argparse.Namespace, boxes_of: Callable[[Picture], Boxes], found: saved.Trained) -> Dict[str, Any]:
    """What `Task` says of a video's people over time."""
    detected = (args.boxes or found.boxes) in ("find", "detect", "hog")
    several = isinstance(boxes_of, FrameBoxes) and boxes_of.most > 1
    track = (detected or several) if args.track is None else args.track
    every = (args.detect_every or EVERY) if detected and track else 1
    return {"track": track, "detect_every": every, "fill": args.fill, "smooth": not args.no_smooth,
            "show": args.show}


def _sure(found: Boxes, least: float) -> Boxes:
    return Boxes(*(array[found.scores >= least] for array in found))


def _source(what: List[str]) -> Optional[Source]:
    """The video, camera or stream, or None for pictures."""
    sources = [found for found in map(videos.source, what) if found]
    if sources and len(what) > 1:
        raise InputError(f"{sources[0].name}: give videos, cameras or addresses by themselves, or only images.")
    return sources[0] if sources else None


def _check(args: argparse.Namespace) -> None:
    if args.min_score is not None and not 0 <= args.min_score <= 1:
        raise InputError(f"--min-score {args.min_score}: must be between 0 and 1.")
    if not 0 <= args.focal < float("inf"):
        raise InputError(f"--focal {args.focal}: must be a number of px, or 0 for the assumed focal length.")
    if args.out.exists() and not args.out.is_dir():
        raise InputError(f"--out {args.out}: is a file. Give a folder.")


def _summary(outcome: Outcome, args: argparse.Namespace) -> str:
    speed = outcome.pictures / max(outcome.seconds, 1e-9)
    names = [output.JSON, output.CSV, *([] if args.no_overlays else [f"{output.OVERLAYS}/"]), *outcome.written]
    written = ", ".join(names)
    of_video = _source(args.what) is not None
    left = _failures(len(outcome.failed), of_video)
    hint = "" if outcome.people else f" Nobody was found. {REMEDIES.get(args.boxes, CHECK)}"
    people = _count(outcome.people, "person", "people")
    pictures = _count(outcome.pictures, *(("frame", "frames") if of_video else ("image", "images")))
    early = f"Stopped early{f', of {outcome.of}' if outcome.of else ''}; what was done so far is kept: "
    return (f"{early if outcome.stopped and not outcome.endless else ''}{people} in {pictures}{left}, "
            f"{speed:.1f} images/s. {printable(args.out)}/ has {written}.{hint}")


def _failures(number: int, of_video: bool) -> str:
    """How many, whose sentences were printed before: pictures or, of a video, also its early end."""
    if not number:
        return ""
    problems = _count(number, "problem", "problems")
    return f", with {problems} named above" if of_video else f", {number} could not be used"


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(
        prog="python -m scripts.predict", description=__doc__, epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="+", metavar="IMAGE|FOLDER|VIDEO|camera",
                        help="images, folders of images, videos, camera (or camera:1 for the second one), or the "
                        "address of a video or stream (https://, rtsp://)")
    network = parser.add_mutually_exclusive_group()
    network.add_argument("--run", metavar="RUN", help="a trained run: its folder, or the first digits of its key")
    network.add_argument("--checkpoint", type=Path, metavar="FILE.params|NAME",
                         help="parameters of a network, with FILE.json or run.json beside them, or a network that "
                         f"comes with the program: {', '.join(saved.shipped())} (default: {saved.DEFAULT})")
    parser.add_argument("--boxes", metavar="whole|find|detect|hog|FILE",
                        help="see below (default: find with the networks people and people-3d, whole with another)")
    parser.add_argument("--out", type=Path, default=Path("predictions"), metavar="DIR",
                        help="output folder (default: %(default)s)")
    parser.add_argument("--focal", type=float, default=0.0, metavar="PX",
                        help="the camera's focal length, for 3D networks (default: 1.15 times the image's longer "
                        "side)")
    parser.add_argument("--flip", action="store_true",
                        help="average the predictions for the image and its mirror image")
    parser.add_argument("--int8", action="store_true",
                        help="compute in 8 bits on the CPU, which is faster and moves joints a little; for people, "
                        "people-3d and networks with FILE.int8.json beside FILE.params")
    parser.add_argument("--no-overlays", action="store_true", help="write no overlays")
    parser.add_argument("--formats", type=export.named, default=[], metavar="FORMAT,FORMAT",
                        help="write more files: coco (COCO's results), trc (OpenSim) and bvh (Blender); the last two "
                        "need a 3D network")
    parser.add_argument("--frames", type=positive, default=0, metavar="N", help="stop after N frames of a video")
    _add_video_options(parser)
    parser.add_argument("--first-frame", type=int, choices=(0, 1), metavar="0|1",
                        help="number of a video's first frame in --boxes FILE (default: 0, but if the file may count "
                        "from 1, the command asks)")
    parser.add_argument("--max-pixels", type=positive, default=image_files.MOST_PIXELS, metavar="N",
                        help="refuse images with more pixels; each takes 3 bytes of memory (default: %(default)s)")
    parser.add_argument("--min-score", type=float, metavar="SCORE",
                        help=f"ignore boxes with a lower score (default: {LEAST}; for --boxes find {SURE})")
    parser.add_argument("--detector", choices=tuple(DETECTORS), default=DETECTOR, metavar="NAME",
                        help="detector for --boxes detect (default: %(default)s; `python -m scripts.detect --help` "
                             "lists them)")
    parser.add_argument("--weights", type=Path, metavar="FILE",
                        help="file of the detector's weights, if they are not in --models")
    parser.add_argument("--models", type=Path, default=Path("data/models"), metavar="DIR",
                        help="folder of the detectors' weights, and for downloading them (default: %(default)s)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR",
                        help="folder of trained runs (default: %(default)s)")
    parser.add_argument("--gpus", default="", metavar="NUMBER",
                        help="number of the GPU to use, such as 0 (default: the CPU)")
    parser.add_argument("--batch", type=positive, default=8, metavar="N",
                        help="people per mini-batch (default: %(default)s)")
    parser.add_argument("--workers", type=positive, default=min(CORES, 8), metavar="N",
                        help="threads that read and crop images (default: one per core, at most 8)")
    return parser


def _gap(text: str) -> int:
    """A number of frames that can be filled, for argparse."""
    number = int(text) if text.isdigit() else -1
    if not 0 <= number <= LONGEST_GAP:
        raise argparse.ArgumentTypeError(f"{text} is not a number of frames from 0 to {LONGEST_GAP}")
    return number


def _add_video_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--track", action="store_true", default=None,
                        help="keep people's identity over a video's frames: `person` is then the same number in all of "
                        "them (default: with boxes that are found, or of a FILE with several boxes in a frame)")
    parser.add_argument("--no-track", dest="track", action="store_false",
                        help="number the people of each frame by themselves")
    parser.add_argument("--detect-every", type=positive, default=0, metavar="N",
                        help="with --track, look for people in every N-th frame of a video only; in between, boxes "
                        f"follow the joints (default: {EVERY})")
    parser.add_argument("--fill", type=_gap, default=gaps.LIMIT, metavar="N",
                        help="with --track, interpolate who is away for up to N frames and mark it as filled; 0: none, "
                        f"{LONGEST_GAP}: the most (default: %(default)s)")
    parser.add_argument("--show", action="store_true", help="show a video's overlays in a window as they come")
    parser.add_argument("--no-smooth", action="store_true",
                        help="write a video's joints as they are predicted in each frame by itself, without the "
                        "one-euro filter")


if __name__ == "__main__":
    sys.exit(main())
