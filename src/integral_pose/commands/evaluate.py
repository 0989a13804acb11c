"""Evaluates predictions from any program: prints PCKh, PCK, MPJPE or AP, and the protocol behind the number."""
from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np

from integral_pose.commands import console
from integral_pose.datasets import coco, human36m, lsp, mpii
from integral_pose.datasets.formats import human36m_json
from integral_pose.errors import InputError
from integral_pose.evaluation import predictions
from integral_pose.geometry import Array
from integral_pose.metrics import average_precision, mpjpe, pckh
from integral_pose.metrics import lsp as sports
from integral_pose.skeletons import LSP

MPII_EXAMPLE = """example:
  python -m scripts.evaluate mpii --annotations annot/gt_valid.mat --predictions valid-ours.h5

Both files must contain the same people, in the same order."""

HUMAN36M_EXAMPLE = """example:
  python -m scripts.evaluate human36m --annotations Human36M --protocol 2 --list
  python -m scripts.evaluate human36m --annotations Human36M --protocol 2 --predictions ours.json

The first command prints the test images, every 64th, in the order of subject, action, sub-action, camera and frame. The
second scores predictions in one of these formats:
  .npy, .npz, .h5, .mat  an array of frames x 17 or 18 joints x (x, y, z), in that order of frames
  .json            {"s_09_act_02_subact_01_ca_01_000001.jpg": 17 x 3 numbers, ...}, or the list of records with image_id
                   and joint_cam that 3DMPPE, set to its protocol 2, writes to bbox_root_pose_human36m_output.json
  .csv             the header image,joint,x,y,z, then a line for each joint, counted from 0, of each image
Images are identified by file name; if several have the same name, by the path that --list prints. Coordinates are along
the camera's axes: x right, y down, z away from it. Their origin does not matter. The joints are, in this order, with or
without the last, which is not scored:
  pelvis, right hip, knee, ankle, left hip, knee, ankle, spine, neck, nose, head top,
  left shoulder, elbow, wrist, right shoulder, elbow, wrist, thorax

The paper's tables give PA MPJPE (rigid) for protocol 1 and MPJPE for protocol 2."""

COCO_EXAMPLE = """example:
  python -m scripts.evaluate coco --annotations annotations/person_keypoints_val2017.json --predictions results.json

Predictions are COCO's keypoint results, a list of
  {"image_id": 785, "category_id": 1, "keypoints": [x, y, v, ... of 17 joints], "score": 0.98}
in any order, with any number of poses in an image, of which the 20 with the highest scores count. x and y are pixels of
the image; v is ignored. Every image of the annotation file counts, with or without predictions; poses in other images
are left out, and counted. The joints are, in this order:
  nose, left eye, right eye, left ear, right ear, left shoulder, right shoulder, left elbow, right elbow,
  left wrist, right wrist, left hip, right hip, left knee, right knee, left ankle, right ankle"""

LSP_EXAMPLE = """example:
  python -m scripts.evaluate lsp --annotations lsp/joints.mat --predictions pred_keypoints_lsp_pc.mat
  python -m scripts.evaluate lsp --annotations lspet/joints.mat --predictions ours.csv --people all

The annotations are joints.mat of Leeds Sports Pose or of its Extended training set. The test people are the last 1,000
of Leeds Sports Pose, or 1,000 people of the Extended set in blocks of neighbours, as docs/photos.md defines them.
Predictions must be for exactly the people that --people selects, in the order of the annotations:
  .mat, .h5  `preds` or `pred`: people x 14 x (x, y), or in .mat with reversed axes, as MATLAB writes it; .npy the same
  .json      a list of people, each a list of 14 joints [x, y], or a record with such a list as `joints`
  .csv       the header person,joint,x,y, then a line for each joint; both count from 0
The joints are, in this order, person-centric (the person's own left and right):
  right ankle, knee, hip, left hip, knee, ankle, right wrist, elbow, shoulder, left shoulder, elbow, wrist, neck,
  head top

PCK@0.2 is the share of joints within 0.2 of the distance from left shoulder to right hip."""

LAYOUT = argparse.RawDescriptionHelpFormatter
ROWS = {"mpjpe": "MPJPE", "pa_mpjpe": "PA MPJPE (rigid)", "pa_mpjpe_scaled": "PA MPJPE (with scale)"}


def main(argv: Optional[List[str]] = None) -> int:
    """Runs the command; returns its exit code, 2 for wrong input."""
    args = _parser().parse_args(argv)
    return console.run("evaluate", lambda: print(_scored(args)), "", "Stopped.")


def _scored(args: argparse.Namespace) -> str:
    if hasattr(args, "network"):
        _demand(args)
    return str(args.run(args))


def _mpii(args: argparse.Namespace) -> str:
    if args.network:
        found = _network(args)
        joints, annotated, heads = (
            np.array([getattr(one, name) for one in found.samples]) for name in ("joints", "annotated", "head_size")
        )
        result = pckh.score(found.joints, joints, annotated, heads)
        protocol = f"{pckh.protocol(len(found.joints))}|box: annotated|{found.signature}"
        return _json(result._asdict(), protocol) if args.json else _mpii_table(result, protocol)
    truth = mpii.read_truth(args.annotations)
    predicted = predictions.read(args.predictions, len(truth.joints), args.base)
    result = pckh.score(predicted, truth.joints, truth.annotated, truth.head_size)
    protocol = pckh.protocol(len(predicted), truth.counted)
    return _json(result._asdict(), protocol) if args.json else _mpii_table(result, protocol)


def _mpii_table(result: pckh.PCKh, protocol: str) -> str:
    width = max(map(len, result.groups)) + 2
    return "\n".join([
        "PCKh (%)" + "".join(name.rjust(width) for name in result.groups),
        "@0.5    " + "".join(f"{value:.2f}".rjust(width) for value in result.groups.values()),
        "",
        f"14 joints pooled    @0.5 {result.at_05:.2f}   @0.1 {result.at_01:.2f}   AUC {result.auc:.2f}",
        f"mean of 14 joints   @0.5 {result.mean14:.2f}",
        protocol,
    ])


def _network(args: argparse.Namespace) -> Any:
    """The predictions of --network for the test people in --data."""
    from integral_pose.evaluation import network  # which imports MXNet, as scoring a file need not

    return network.on_people(*_given_network(args), getattr(args, "protocol", 2))


def _given_network(args: argparse.Namespace) -> Tuple[Any, str, Any]:
    from integral_pose.evaluation.network import Options
    from integral_pose.models import saved
    from integral_pose.models.devices import one_device

    trained = saved.of_name(args.network, args.runs, "--network ")
    return trained, args.dataset, Options(args.data, one_device(args.gpus), console.CORES, args.flip)


def _human36m(args: argparse.Namespace) -> str:
    if args.network:
        found = _network(args)
        posed = [sample.pose for sample in found.samples]
        result = mpjpe.score(found.joints, np.stack([pose.joints for pose in posed]), [pose.action for pose in posed])
        protocol = f"{mpjpe.protocol(len(posed), args.protocol)}|root's depth and camera: annotated|{found.signature}"
        return _json(result._asdict(), protocol) if args.json else _human36m_table(result, protocol)
    samples = human36m.read(args.annotations, "test", args.protocol)
    images = [sample.image for sample in samples]
    if args.list:
        return "\n".join(_name(image, args.annotations) for image in images)
    poses = [sample.pose for sample in samples if sample.pose]
    truth = np.stack([pose.joints for pose in poses])
    predicted = predictions.read_poses(args.predictions, images, args.unit, _data_files(args))
    _check_unit(args.predictions, predicted, truth)
    result = mpjpe.score(predicted, truth, [pose.action for pose in poses])
    protocol = mpjpe.protocol(len(samples), args.protocol)
    return _json(result._asdict(), protocol) if args.json else _human36m_table(result, protocol)


def _name(image: Path, folder: Path) -> str:
    """An image's path below images/, which predictions may use as its name."""
    parts = image.relative_to(folder).parts
    return "/".join(parts[1:] if parts[0] == "images" else parts)


def _data_files(args: argparse.Namespace) -> List[Path]:
    """3DMPPE's files that map an `image_id` to an image, if the annotations are in that format."""
    names = [f"Human36M_subject{subject}_data.json" for subject in mpjpe.TEST_SUBJECTS[args.protocol]]
    paths = [args.annotations / place / name for place in human36m_json.PLACES for name in names]
    return [path for path in paths if path.is_file()]


def _check_unit(path: Path, predicted: Array, truth: Array) -> None:
    sizes = [np.linalg.norm(poses - poses[:, :1], axis=2).mean() for poses in (predicted, truth)]
    if any(0.3 < factor * sizes[0] / sizes[1] < 3 for factor in (1e-3, 1e3)):
        raise InputError(f"{path}: the poses are {sizes[0]:.3g} mm in size and the people {sizes[1]:.3g} mm. Give the "
                         "unit of the predictions with --unit mm or --unit m.")


def _human36m_table(result: mpjpe.MPJPE, protocol: str) -> str:
    columns = (*mpjpe.HEADINGS, "Avg", "actions")
    lines = [_line("mm", columns)]
    for metric, row in ROWS.items():
        values = [*result.by_action[metric].values(), getattr(result, metric), result.over_actions[metric]]
        lines.append(_line(row, ["-" if math.isnan(value) else f"{value:.1f}" for value in values]))
    return "\n".join([*lines, "", "Avg: mean over frames, as in the paper; actions: mean over the actions", protocol])


def _line(row: str, cells: Sequence[str]) -> str:
    return row.ljust(max(map(len, ROWS.values()))) + "".join(cell.rjust(8) for cell in cells)


def _coco(args: argparse.Namespace) -> str:
    if args.network:
        from integral_pose.evaluation import network

        trained, _, options = _given_network(args)
        poses, data_set, signature = network.on_scenes(trained, options, args.boxes)
        arrays = average_precision.match(data_set.truth_file, poses.images, poses.joints, poses.scores)
        result, protocol = average_precision.score(arrays), f"{average_precision.protocol(arrays)}|{signature}"
        return _json(result, protocol) if args.json else _coco_table(result, protocol)
    annotated = coco.check_truth(args.annotations)
    images, joints, scores = coco.read_results(args.predictions)
    inside = coco.known(args.predictions, images, annotated)
    arrays = average_precision.match(args.annotations, images[inside], joints[inside], scores[inside])
    result, protocol = average_precision.score(arrays), average_precision.protocol(arrays)
    if not inside.all():
        elsewhere = (~inside).sum()
        protocol += f"|left out, in other images: {elsewhere}"
        print(f"note: {elsewhere} of {len(inside)} poses are in images that {args.annotations} does not have, and are "
              "left out.", file=sys.stderr)
    return _json(result, protocol) if args.json else _coco_table(result, protocol)


def _coco_table(result: Dict[str, float], protocol: str) -> str:
    values = ["-" if math.isnan(value) else f"{value:.2f}" for value in result.values()]
    return "\n".join([
        "%" + "".join(name.rjust(8) for name in result),
        " " + "".join(value.rjust(8) for value in values),
        "",
        "APM and APL: people of 32² to 96² px, and larger; AR: average recall",
        protocol,
    ])


def _lsp(args: argparse.Namespace) -> str:
    people = lsp.read_joints(args.annotations)
    chosen = lsp.chosen(people, args.people)
    predicted = predictions.read(args.predictions, len(chosen), args.base, len(LSP.joints))
    result = sports.score(predicted, people.joints[chosen], people.annotated[chosen])
    protocol = f"{sports.protocol(len(chosen), result.torsos, result.heads)}|split: {args.people}"
    return _json(result._asdict(), protocol) if args.json else _lsp_table(result, protocol)


def _lsp_table(result: sports.Scores, protocol: str) -> str:
    width = max(map(len, LSP.joints)) + 2
    lines = [f"{name.ljust(width)}{result.pck_of_joints[name]:>9.2f}{result.pckh_of_joints[name]:>10.2f}"
             for name in LSP.joints]
    groups = " ".join(f"{name} {value:.1f}" for name, value in result.pck_of_groups.items())
    return "\n".join([
        f"{'%'.ljust(width)}{'PCK@0.2':>9}{'PCKh@0.5':>10}",
        *(line.replace("nan", "  -") for line in lines),
        f"{'all joints'.ljust(width)}{result.pck:>9.2f}{result.pckh_05:>10.2f}   PCKh@0.1 {result.pckh_01:.2f}   "
        f"AUC {result.auc:.2f}",
        "",
        f"PCK@0.2, left and right averaged: {groups} (head: neck and head top)",
        protocol,
    ])


def _json(result: Dict[str, Any], protocol: str) -> str:
    return json.dumps(_plain({**result, "protocol": protocol}))


def _plain(value: Any) -> Any:
    """Unknown numbers as None, which JSON can represent."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _parser() -> argparse.ArgumentParser:
    parser = console.Parser(prog="python -m scripts.evaluate", description=__doc__, epilog=f"{MPII_EXAMPLE}\n\n"
                                     "`python -m scripts.evaluate mpii --help`, or that of another data set, has "
                                     "more.", formatter_class=LAYOUT)
    commands = parser.add_subparsers(dest="data_set", required=True, metavar="{mpii,lsp,human36m,coco}")
    _add_mpii(commands.add_parser("mpii", help="PCKh on MPII", epilog=MPII_EXAMPLE, formatter_class=LAYOUT))
    _add_lsp(commands.add_parser("lsp", help="PCK and PCKh on Leeds Sports Pose", epilog=LSP_EXAMPLE,
                                 formatter_class=LAYOUT))
    _add_human36m(commands.add_parser("human36m", help="MPJPE and PA MPJPE on Human3.6M", epilog=HUMAN36M_EXAMPLE,
                                      formatter_class=LAYOUT))
    _add_coco(commands.add_parser("coco", help="AP of keypoints on COCO", epilog=COCO_EXAMPLE, formatter_class=LAYOUT))
    return parser


def _add_network(command: argparse.ArgumentParser) -> None:
    """The options for running a network instead of reading predictions."""
    command.add_argument("--network", default="", metavar="FILE|RUN",
                         help="run this network over the test people in --data: a file that others have published, an "
                         "imported network's name, a run's key or folder, or a network that comes with the program")
    command.add_argument("--data", type=Path, default=Path("data"), metavar="DIR",
                         help="with --network: folder of the data set, or the one that holds it (default: %(default)s)")
    command.add_argument("--flip", action="store_true",
                         help="with --network: average the predictions for the patch and its mirror image")
    command.add_argument("--gpus", default="", metavar="NUMBER", help="with --network: the GPU (default: the CPU)")
    command.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR",
                         help="with --network: folder of trained and imported networks (default: %(default)s)")


def _demand(args: argparse.Namespace) -> None:
    """Refuses neither or both of a network and predictions.

    Raises:
        InputError: the options say which.
    """
    files = bool(args.annotations) or bool(args.predictions) or getattr(args, "list", False)
    if args.network and files:
        raise InputError("--network runs a network over the people in --data: leave out --annotations and "
                         "--predictions.")
    named = args.annotations and (args.predictions or getattr(args, "list", False))
    if not args.network and not named:
        raise InputError("Give --annotations and --predictions, to score a file, or --network and --data, to run a "
                         "network.")


def _add_mpii(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_mpii, dataset="mpii")
    _add_network(command)
    command.add_argument("--annotations", type=Path, metavar="FILE",
                         help="gt_valid.mat, valid.json with gt_valid.mat beside it, valid.h5, or MPII's official "
                              ".mat")
    command.add_argument("--predictions", type=Path, metavar="FILE",
                         help=".h5, .mat (MPII's submission file too), .npy, .json or .csv (header person,joint,x,y)")
    command.add_argument("--base", type=int, choices=(0, 1), help="coordinate of the first pixel in the predictions "
                         "(default: 1 in .h5 and .mat, as in MPII; 0 in .npy, .json and .csv)")
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")


def _add_lsp(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_lsp)
    command.add_argument("--annotations", type=Path, required=True, metavar="FILE",
                         help="joints.mat of Leeds Sports Pose or of its Extended training set")
    command.add_argument("--predictions", type=Path, required=True, metavar="FILE",
                         help=".mat, .h5, .npy, .json or .csv, see below")
    command.add_argument("--people", choices=("test", "held-out", "train", "all"), default="test",
                         help="people that the predictions are for (default: %(default)s)")
    command.add_argument("--base", type=int, choices=(0, 1), help="coordinate of the first pixel in the predictions "
                         "(default: 1 in .h5 and .mat, as in joints.mat; 0 in .npy, .json and .csv)")
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")


def _add_human36m(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_human36m, dataset="human36m")
    _add_network(command)
    command.add_argument("--annotations", type=Path, metavar="FOLDER",
                         help="folder of Human3.6M's annotations; the images are not needed")
    command.add_argument("--protocol", type=int, choices=(1, 2), default=2,
                         help="test subjects: 1 for S11, 2 for S9 and S11 (default: %(default)s)")
    what = command.add_mutually_exclusive_group()
    what.add_argument("--predictions", type=Path, metavar="FILE",
                      help=".npy, .npz, .h5, .mat, .json or .csv, see below")
    what.add_argument("--list", action="store_true", help="print the test images, in the order of predictions")
    command.add_argument("--unit", choices=tuple(predictions.UNITS), default="mm",
                         help="unit of the predictions (default: %(default)s)")
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")


def _add_coco(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_coco, dataset="coco")
    _add_network(command)
    command.add_argument("--annotations", type=Path, metavar="FILE",
                         help="person_keypoints_val2017.json, or a file in its format")
    command.add_argument("--predictions", type=Path, metavar="FILE", help=".json, see below")
    command.add_argument("--boxes", choices=("detected", "annotated"), default="detected",
                         help="with --network: boxes in which poses are predicted (default: %(default)s)")
    command.add_argument("--json", action="store_true", help="print the numbers as JSON")


if __name__ == "__main__":
    sys.exit(main())
