"""Runs as training leaves them, with networks that say something else of every picture."""
from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mxnet as mx
import numpy as np

from integral_pose.models import build
from integral_pose.profiles import smoke
from integral_pose.run import Run
from integral_pose.run_folder import DONE, PARAMETERS


def tiny(**changes: Any) -> Run:
    """A run of a small network, by itself."""
    return replace(smoke(Run(backbone="resnet18", **changes)), start=None)


def write(run: Run, folder: Path, label: str = "I1") -> Path:
    """A run's folder."""
    folder.mkdir(parents=True)
    net = build.network(run)
    build.initialise(net, run, [mx.cpu()], Path("unused"))
    images = np.random.default_rng(0).normal(0, 1, (2, 3, run.patch, run.patch))
    if run.output != "direct":
        logits = net.head(net.trunk(mx.nd.array(images))).asnumpy()
        net.head.final.weight.set_data(net.head.final.weight.data() * (3.0 / float(logits.std())))
    else:
        net(mx.nd.array(images))
    net.save_parameters(str(folder / PARAMETERS))
    (folder / "run.json").write_text(json.dumps({"key": run.key, "label": label, **run.settings}))
    (folder / DONE).write_text("{}")
    return folder
