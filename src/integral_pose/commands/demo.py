"""Shows predictions of two networks that come with the program, on rendered images they have not seen: `make demo`."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

import mxnet as mx
import numpy as np

from integral_pose.commands import console
from integral_pose.datasets import human36m, mpii
from integral_pose.geometry import Array, Box
from integral_pose.inference import output
from integral_pose.inference.boxes import Boxes
from integral_pose.inference.estimator import margin_of
from integral_pose.inference.media import Gathered
from integral_pose.inference.pipeline import Outcome, Task, on_pictures
from integral_pose.models import saved
from integral_pose.skeletons import HUMAN36M, MPII
from integral_pose.synthetic import make_human36m as clips
from integral_pose.synthetic import make_mpii as stills

SEED = 1  # the networks were trained on people of seed 0
SEEN = {"2d": 2, "3d": 3}  # and of these versions
STILLS = (1, 2, 3)
# Picked after a look at eleven, with an earlier network.
CLIPS = tuple(clips.Clip(SEED, *clip, version=SEEN["3d"]) for clip in ((5, 3, 1), (9, 14, 1), (11, 14, 1)))
FRAME = 320
PARTS = {
    "people-synthetic": "2D, I1 on ResNet-18 of Table 3",
    saved.IN_3D: "3D, also trained on photographs",
}
EXPECT = """
The 2D network is from the quick profile: a quarter of the paper's width, trained for minutes on rendered people. The 3D
network is larger and was trained on rendered people and on photographs. These images are rendered too, with people and
rooms that the training data does not have. The three images for 3D were selected by hand; on 3,824 test images the mean
error is 121 mm (docs/photos.md). For your own photographs:
  .venv/bin/python -m scripts.predict photo.jpg
  .venv/bin/python -m scripts.predict --checkpoint people-3d photo.jpg
Both networks for photographs are small and often wrong. For good poses, train on your own keypoints:
docs/custom_data.md."""


class Example(NamedTuple):
    """An image with one person, and the annotation."""

    path: Path
    box: Array  # (4,): x, y, width and height from the picture's edge
    joints: Dict[str, Array]  # (2,) px, or (3,) mm in the camera


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the demonstration; returns its exit code, 2 where it could not write."""
    args = _parser().parse_args(argv)
    return console.run("demo", lambda: _show(args.out), "", "Stopped.")


def _show(out: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for part, what in PARTS.items():
            examples = (_stills if part == "people-synthetic" else _clips)(Path(folder))
            print(_line(what, look(part, examples, out / part), examples, out / part))
    print(console.spelled(EXPECT))


def look(part: str, examples: List[Example], out: Path) -> Outcome:
    """Predictions of a network that comes with the program for the examples."""
    known = {example.path.name: Boxes(example.box[None], np.ones(1)) for example in examples}
    network = saved.at(Path(part))
    task = Task(network, mx.cpu(), lambda picture: known[picture.name], "known", out)
    return on_pictures(task, Gathered([example.path for example in examples]))


def _stills(folder: Path) -> List[Example]:
    """People as in MPII."""
    (folder / "images").mkdir()
    examples = []
    for index in STILLS:
        job = stills.Job(str(folder), "valid", index, SEED, SEEN["2d"])
        person, _ = stills.make_one(job)
        inside = np.array(person["joints_vis"]) > 0
        joints = {name: np.array(xy) - 1 for name, xy, is_in in zip(MPII.joints, person["joints"], inside) if is_in}
        square = mpii.box_around(person["center"][0], person["center"][1], person["scale"])
        examples.append(Example(folder / "images" / job.image, _edges(square, mpii.MARGIN), joints))
    return examples


def _clips(folder: Path) -> List[Example]:
    """People as in Human3.6M, by its first camera."""
    examples, margin = [], margin_of(saved.at(Path(saved.IN_3D)).run)
    for clip in CLIPS:
        world = np.array(clips.make_one(clips.Job(str(folder), clip, FRAME, 1)))
        camera = clips.camera_of(SEED, 1)
        joints = camera.from_world(world)
        square = camera.box(joints[HUMAN36M.index(HUMAN36M.root)], human36m.SPAN)
        known = dict(zip(HUMAN36M.joints, joints))
        examples.append(Example(folder / "images" / clip.file(1, FRAME), _edges(square, margin), known))
    return examples


def _edges(square: Box, margin: float) -> Array:
    """The box of which `square` is the square with its margin."""
    side = square.side / margin
    return np.array([square.x + 0.5 - side / 2, square.y + 0.5 - side / 2, side, side])


def _line(what: str, outcome: Outcome, examples: List[Example], out: Path) -> str:
    """The mean error of the joints, and where the overlays are."""
    people = list(output.people_of(out))
    in_3d = "x_mm" in people[0]["joints"]["pelvis"]
    axes, unit = (output.MM, "mm from the root") if in_3d else (("x", "y"), "px")
    distances = [
        np.linalg.norm([person["joints"][name][axis] for axis in axes] - _relative(example, name, in_3d))
        for person, example in zip(people, examples) for name in example.joints
    ]
    return (f"{what}: joints {np.mean(distances):.0f} {unit} off on average in {outcome.pictures} images "
            f"({outcome.pictures / outcome.seconds:.0f} a second)\n  look at {out / output.OVERLAYS}/")


def _relative(example: Example, name: str, in_3d: bool) -> Array:
    return example.joints[name] - (example.joints[HUMAN36M.root] if in_3d else 0)


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(prog="python -m scripts.demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("predictions/demo"), metavar="DIR",
                        help="output folder for joints and overlays (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
