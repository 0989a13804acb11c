"""Predicts joints with a trained network."""
from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence, Tuple

import mxnet as mx
import numpy as np
from tqdm import tqdm

from integral_pose.datasets.batches import Batch, Batches
from integral_pose.geometry import Array
from integral_pose.models import build, int8, weights
from integral_pose.models.decode import joints_of, last_stage
from integral_pose.run import Run
from integral_pose.samples import Sample, decode, decode_pose, patch_of
from integral_pose.skeletons import Skeleton
from symbols.pose_net import OnPatches

ON_MAPS = ("maps", "shifted-maps")  # of `Run.flip_in`
TOGETHER = 4  # patches, at most, that a network sees in one call with their mirror images: it saves a call's overhead


def predict(
    run: Run, parameters: Path, people: Batches, device: mx.Context, workers: int = 2, line: int = 0
) -> Array:
    """Joints of everybody, in order: (N, K, 2) in image px or, of people with 3D poses, (N, K, 3) in camera mm.

    The depth of a pose is counted from its own root, which is given, as is the camera. `line` is the terminal's, for
    the progress bar.

    Raises:
        InputError: the parameters are not this run's, or a picture cannot be read.
    """
    net = _loaded(build.network(run), run, parameters, device)
    parts = [all_joints(net, batch.images, run, people.skeleton, device) for batch in _progress(people, workers, line)]
    return _all_decoded(np.concatenate(parts), run, people)


def predict_scored(
    run: Run, parameters: Path, people: Batches, device: mx.Context, workers: int = 2, line: int = 0,
    in_8_bits: bool = False,
) -> Tuple[Array, Array]:
    """Joints of everybody, as `predict` gives them, and their scores (N, K), as `build.scored_readout` defines them.

    A direct regression does not tell: its joints' scores are 1. `in_8_bits` is as for `scorer`.

    Raises:
        InputError: as `predict`.
    """
    said = scorer(run, parameters, people.skeleton, device, in_8_bits)
    parts = [said(batch.images) for batch in _progress(people, workers, line)]
    fractions, scores = (np.concatenate(arrays) for arrays in zip(*parts))
    return _all_decoded(fractions, run, people), scores


def scorer(
    run: Run, parameters: Path, skeleton: Skeleton, device: mx.Context, in_8_bits: bool = False
) -> Callable[[Array], Tuple[Array, Array]]:
    """A trained network as a function of patches (N, 3, size, size) to joints (N, K, C), fractions, and scores (N, K).

    Args:
        in_8_bits: whether the network computes in 8 bits (`models.int8`).

    Raises:
        InputError: the parameters are not this run's, or cannot be used in 8 bits.
    """
    if in_8_bits:
        return _of_maps(int8.network(run, parameters, device), run, skeleton, device)
    if run.output == "direct":
        net = _loaded(build.network(run), run, parameters, device)
        return lambda images: _flip_tested(_certain(net, run, device), images, run, skeleton)
    return _of_maps(_loaded(build.maps_network(run), run, parameters, device), run, skeleton, device)


def _of_maps(
    net: Callable[[mx.nd.NDArray], Any], run: Run, skeleton: Skeleton, device: mx.Context
) -> Callable[[Array], Tuple[Array, Array]]:
    """The same, of a network that gives maps."""
    readout, seen = build.scored_readout(run), _both_ways(net, run, skeleton)
    return lambda images: _flip_tested(lambda i: readout(seen(mx.nd.array(i, ctx=device))), images, run, skeleton)


def _loaded(net: OnPatches, run: Run, parameters: Path, device: mx.Context) -> OnPatches:
    weights.load(net, parameters, [device])
    build.fuse(net, run, device)
    return net


def _progress(people: Batches, workers: int, line: int) -> Iterable[Batch]:
    batches = -(-len(people.samples) // people.size)
    return tqdm(people.once(workers), total=batches, unit="batch", desc="predict", leave=False, position=line,
                disable=None)


def _all_decoded(fractions: Array, run: Run, people: Batches) -> Array:
    return np.stack([_decoded(f, sample, run, people.skeleton) for f, sample in zip(fractions, people.samples)])


def all_joints(
    net: Callable[[mx.nd.NDArray], Any], images: Array, run: Run, skeleton: Skeleton, device: mx.Context
) -> Array:
    """The last stage's predictions for patches (N, 3, size, size): joints (N, K, C), fractions of the patch.

    With a flip test (Sec. 5.1, Result on the MPII test benchmark) it is the mean of the predictions for the patches and
    for their mirror images. Joints are averaged, as in the authors' release, unless the run averages maps (`flip_in`).
    """
    return _flip_tested(_certain(_both_ways(net, run, skeleton), run, device), images, run, skeleton)[0]


def _both_ways(
    net: Callable[[mx.nd.NDArray], Any], run: Run, skeleton: Skeleton
) -> Callable[[mx.nd.NDArray], Any]:
    """The network or, where the run averages maps (N, K, H, W), the mean of a patch's and of its mirror image's.

    Shifted, the mirror image's map is moved right by a cell first, and its first column stays: where cell i is read at
    i / n, that of the mirror image lies a cell further left than it should (SimpleBaseline's SHIFT_HEATMAP).
    """
    if not (run.flip_test and run.flip_in in ON_MAPS):
        return net

    def mean(images: mx.nd.NDArray) -> mx.nd.NDArray:
        views = images, mx.nd.flip(images, axis=3)
        (maps,), (of_mirrored,) = _of_two(lambda seen: (last_stage(net(seen)),), *views, partial(mx.nd.concat, dim=0))
        mirrored = mx.nd.flip(of_mirrored, axis=3)
        if run.flip_in == "shifted-maps":
            mirrored = mx.nd.concat(mirrored[:, :, :, :1], mirrored[:, :, :, :-1], dim=3)
        order = mx.nd.array(skeleton.mirror, ctx=images.ctx)
        return (maps + mx.nd.take(mirrored, order, axis=1)) / 2

    return mean


def _of_two(see: Callable[[Any], Sequence[Any]], images: Any, mirrored: Any, join: Callable[..., Any]) -> Any:
    """What is seen of patches, a sequence of arrays, and of their mirror images; of few patches joined in one call."""
    count = len(images)
    if count > TOGETHER:
        return see(images), see(mirrored)
    found = see(join(images, mirrored))
    return [part[:count] for part in found], [part[count:] for part in found]


def _certain(
    net: Callable[[mx.nd.NDArray], Any], run: Run, device: mx.Context
) -> Callable[[Array], Tuple[Array, Array]]:
    """A network's predictions, with a score of 1 for each joint."""
    def said(images: Array) -> Tuple[Array, Array]:
        joints = joints_of(net(mx.nd.array(images, ctx=device)), run)
        return joints, np.ones(joints.shape[:2])

    return said


def _flip_tested(
    said: Callable[[Array], Tuple[Array, Array]], images: Array, run: Run, skeleton: Skeleton
) -> Tuple[Array, Array]:
    """What is said of patches: joints (N, K, C) and their scores (N, K); if the run asks for it, of both views."""
    if not run.flip_test or run.flip_in in ON_MAPS:
        return said(images)
    (joints, scores), (mirrored, mirrored_scores) = _of_two(
        said, images, images[:, :, :, ::-1], lambda *both: np.concatenate(both))
    joints = (joints + unmirrored(mirrored, skeleton, _end(run))) / 2
    return joints, (scores + mirrored_scores[:, list(skeleton.mirror)]) / 2


def _end(run: Run) -> float:
    """What x and its mirror image add up to: 1 or, where i of n is at i / n and becomes n - 1 - i, (n - 1) / n.

    So may cells of a map be counted, or px of the patch.
    """
    if run.flip_in == "patch-pixels":
        return 1 - 1 / run.patch_columns
    by_index = run.flip_in == "cells" and (run.read_grid or run.grid) == "index"
    return 1 - 1 / run.columns if by_index else 1


def unmirrored(fractions: Array, skeleton: Skeleton, end: float = 1) -> Array:
    """Joints (N, K, C) of mirrored patches as joints of the patches: left and right exchanged, x from the other side.

    Fractions count from the patch's edge to cell centres, so x becomes exactly 1 - x, wherever the person's root is in
    the patch and however many cells a map has. Depths stay. On another grid x may become `end` - x.
    """
    exchanged = fractions[:, list(skeleton.mirror)]
    exchanged[:, :, 0] = end - exchanged[:, :, 0]
    return exchanged


def _decoded(fractions: Array, sample: Sample, run: Run, skeleton: Skeleton) -> Array:
    patch = patch_of(sample, run.patch, width=run.patch_width, corner=run.by_corner)
    if run.coordinates == 3 and sample.pose:
        return decode_pose(fractions, patch, skeleton, sample.pose)
    return decode(fractions[:, :2], patch, skeleton)
