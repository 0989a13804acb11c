"""A network, trained here or imported, over the test people of a data set in a folder, ready to be scored."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import mxnet as mx
import numpy as np

from integral_pose.datasets import catalogue, loader
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.datasets.dataset import DataSet
from integral_pose.errors import InputError
from integral_pose.evaluation import topdown
from integral_pose.evaluation.evaluate import signed
from integral_pose.evaluation.predict import predict, predict_scored
from integral_pose.evaluation.topdown import Poses
from integral_pose.geometry import Array, Box
from integral_pose.models.saved import Trained
from integral_pose.run import Boxes, Run
from integral_pose.samples import Sample

SPAN = 2000.0  # mm in depth, whatever the box shows (3DMPPE, main/config.py: bbox_3d_shape)
AROUND_JOINTS = 1.2  # of 3DMPPE's boxes for Human3.6M, times the box of the joints (tool/Human36M/h36m2coco.py)


class Predicted(NamedTuple):
    """Predictions for test people, and who they are."""

    joints: Array  # (N, K, 2) in image px, or (N, K, 3) in camera mm
    samples: List[Sample]
    signature: str  # of the network, the flip test and the decoding, as protocols end


class Options(NamedTuple):
    """How a network is run."""

    data: Path  # the data set's folder, or the one that holds it
    device: mx.Context
    workers: int = 2
    flip: bool = False
    batch: int = 32


def on_people(trained: Trained, name: str, options: Options, protocol: int = 2) -> Predicted:
    """One prediction for each test person of MPII or Human3.6M, in their annotated boxes.

    Raises:
        InputError: the network has other joints, or the data are missing.
    """
    run, data_set = _prepared(trained, name, options, protocol)
    samples = [_as_published(sample, run) for sample in data_set.people("test")]
    people = loader.in_batches(run, samples, f"the test split of {name} in {options.data}", options.batch)
    joints = predict(run, trained.parameters, people, options.device, options.workers)
    return Predicted(joints, samples, _signature(run))


def on_scenes(trained: Trained, options: Options, boxes: Boxes) -> Tuple[Poses, DataSet, str]:
    """The poses found in COCO's val2017, in boxes that are "detected" or "annotated"; the data set; the signature.

    Raises:
        InputError: as `on_people`.
    """
    run, data_set = _prepared(trained, "coco", options)
    run = replace(run, boxes=boxes)
    found = data_set.candidates(boxes)
    people = loader.in_batches(run, found.samples, f"the {boxes} boxes of {options.data}", options.batch)
    scored = predict_scored(run, trained.parameters, people, options.device, options.workers)
    return topdown.settled(run, found, *scored), data_set, f"{topdown.protocol(run)}|{_signature(run)}"


def _prepared(trained: Trained, name: str, options: Options, protocol: int = 2) -> Tuple[Run, DataSet]:
    """The network's run on another data set, whose joints it must have."""
    own = catalogue.skeleton(trained.run).joints
    changes: Dict[str, Any] = {"data": name, "skeleton": "", "protocol": protocol, "test_people": 0}
    in_3d = name == "human36m"
    if (trained.run.coordinates == 3) != in_3d:
        raise InputError(f"--network: predicts joints in {trained.run.coordinates}D, and {name} has them in "
                         f"{3 if in_3d else 2}D.")
    run = replace(trained.run, flip_test=options.flip or trained.run.flip_test, **changes)
    if catalogue.skeleton(run).joints != own:
        raise InputError(f"--network: predicts the joints of {trained.run.data} ({', '.join(own[:3])}, …), not those "
                         f"of {name}. Give a network for {name}; docs/published.md lists some.")
    return run, Catalogue(options.data).of(run)


def _as_published(sample: Sample, run: Run) -> Sample:
    """The sample in the box of a publisher whose 3D network sees the box of the joints, and not 2 m around the root."""
    if run.coordinates == 2 or not run.margin or not sample.pose:
        return sample
    near, far = sample.joints.min(axis=0), sample.joints.max(axis=0)
    aspect = run.patch_columns / run.patch
    wide, high = (run.margin * (1.0 if run.bones else AROUND_JOINTS) * (far - near)).tolist()
    x, y = ((near + far) / 2).tolist()
    side = max(high, wide / aspect)
    depth = sample.pose.joints[0, 2] / float(np.sqrt(np.prod(sample.pose.camera.focal)))  # mm a px, at the root
    return replace(sample, box=Box(x, y, side, side * aspect * depth if run.bones else SPAN))


def _signature(run: Run) -> str:
    whose = f"network: {run.published}, " if run.published else "network: "
    size = f"{run.patch} x {run.patch_columns} px"
    return signed(run, f"{whose}run {run.key}, {run.backbone}, {size}")
