"""Memory of a long training: what the process holds after some steps, and after thousands more."""
from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import mxnet as mx
import numpy as np

from benchmarks.ours import RUNS
from integral_pose.datasets import loader
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.models import build
from integral_pose.training.loop import adam, forward_backward

WARM_UP = 500  # steps, in which graphs are made and allocators fill their pools


class Growth(NamedTuple):
    """Of the resident memory, from the step WARM_UP to the last."""

    steps: int
    megabytes: float
    seconds: float


def growth(data: Path, steps: int) -> Growth:
    """Trains a very narrow version of Table 1's network for `steps` steps, loader and report included."""
    run = replace(RUNS["Table 1"], width=0.0625, patch=64, batch=4)
    net, loss, people = build.network(run), build.loss(run), loader.training_batches(run, Catalogue(data))
    build.initialise(net, replace(run, pretrained=False), [mx.cpu()], Path())
    build.hybridize(net, run)
    trainer = adam(net, run.rate)
    stream, before, started = people.stream(0, 2), 0.0, time.perf_counter()
    for step in range(steps):
        losses = forward_backward(net, loss, next(stream), [mx.cpu()])
        trainer.step(run.batch)
        if step % 10 == 9:
            assert np.isfinite(losses[0].asscalar())
        if step == min(WARM_UP, steps // 2):
            before = _resident()
    mx.nd.waitall()
    return Growth(steps, _resident() - before, time.perf_counter() - started)


def _resident() -> float:
    """Megabytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
