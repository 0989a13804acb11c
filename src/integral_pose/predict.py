"""A trained network and people to joints in their pictures."""
from __future__ import annotations

from pathlib import Path

import mxnet as mx
import numpy as np
from tqdm import tqdm

from integral_pose import build
from integral_pose.batches import Batches
from integral_pose.geometry import Array
from integral_pose.run import Run
from integral_pose.samples import Sample, decode, decode_pose, patch_of
from integral_pose.skeletons import Skeleton


def predict(
    run: Run, parameters: Path, people: Batches, device: mx.Context, workers: int = 2, line: int = 0
) -> Array:
    """Joints of everybody, in order: (N, K, 2) in image px or, of poses in space, (N, K, 3) in camera mm.

    The depth of a pose is counted from its own root, which is given, as is the camera. `line` is the terminal's, for
    the progress bar.

    Raises:
        InputError: the parameters are not this run's, or a picture cannot be read.
    """
    net = build.network(run)
    build.load(net, parameters, [device])
    net.hybridize(static_alloc=True)
    progress = tqdm(
        people.once(workers), total=-(-len(people.samples) // people.size), unit="batch", desc="predict", leave=False,
        position=line,
    )
    outputs = (net(mx.nd.array(batch.images, ctx=device)).asnumpy() for batch in progress)
    fractions = np.concatenate([build.decode(output, run) for output in outputs])
    return np.stack([_decoded(f, sample, run, people.skeleton) for f, sample in zip(fractions, people.samples)])


def _decoded(fractions: Array, sample: Sample, run: Run, skeleton: Skeleton) -> Array:
    patch = patch_of(sample, run.patch)
    if run.coordinates == 3:
        assert sample.pose  # or its data set would not be a 3D run's
        return decode_pose(fractions, patch, skeleton, sample.pose)
    return decode(fractions, patch, skeleton)
