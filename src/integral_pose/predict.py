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
from integral_pose.samples import decode, patch_of


def predict(
    run: Run, parameters: Path, people: Batches, device: mx.Context, workers: int = 2, line: int = 0
) -> Array:
    """Joints (N, K, C) in image px of everybody, in order; `line` is the terminal's, for the progress bar.

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
    return np.stack(
        [decode(f, patch_of(sample, run.patch), people.skeleton) for f, sample in zip(fractions, people.samples)]
    )
