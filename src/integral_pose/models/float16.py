"""Float16 on a GPU, by MXNet's own lists of the operators that tolerate it (mxnet.contrib.amp).

Convolutions and fully connected layers then compute in float16; softmax, sums, losses, parameters and the optimizer
stay in float32. We have seen MXNet build such networks, and had no GPU to run one.
"""
from __future__ import annotations

from typing import Callable, List

import mxnet as mx
from mxnet import gluon
from mxnet.contrib import amp

from integral_pose.errors import InputError

Losses = List[mx.nd.NDArray]


def choose(half: bool) -> None:
    """Makes networks that are built from now on compute in float16, or checks that they do not.

    Raises:
        InputError: float32 is required in a process that has switched to float16, which MXNet cannot undo.
    """
    if half:
        amp.init()
    elif amp.amp._amp_initialized:
        raise InputError("This process computes in float16 since it trained a run with amp; use another process for "
                         "this run.")


def scaling(trainer: gluon.Trainer) -> Callable[[Losses], Losses]:
    """What multiplies losses before the backward pass, so that small gradients are not lost in float16.

    The trainer divides the gradients again, skips steps in which they overflow, and adapts the factor. It reads them
    on the host for that, once a step.
    """
    amp.init_trainer(trainer)

    def scaled(losses: Losses) -> Losses:
        with amp.scale_loss(losses, trainer) as larger:
            return larger

    return scaled
