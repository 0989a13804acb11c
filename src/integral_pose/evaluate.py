"""A trained run to what its numbers are computed from: every test person's predictions and errors, signed."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from integral_pose import build, checkpoints
from integral_pose.metrics import pckh
from integral_pose.predict import predict
from integral_pose.run import Run
from integral_pose.train import DONE, PARAMETERS, Site

TESTED = "test.npz"


def evaluate(run: Run, site: Site) -> Path:
    """Predicts the run's test people, unless that is done; returns the file with predictions and distances.

    Raises:
        InputError: the data or the run's parameters cannot be read.
    """
    path = site.folder(run) / TESTED
    with site.held(run):
        if not path.exists():
            _evaluate(run, site, path)
    return path


def _evaluate(run: Run, site: Site, path: Path) -> None:
    people = build.batches(run, "test", site.data)
    predictions = predict(run, site.folder(run) / PARAMETERS, people, site.devices[0], site.workers)
    joints, annotated = (np.stack([getattr(s, name) for s in people.samples]) for name in ("joints", "annotated"))
    head_sizes = np.array([sample.head_size for sample in people.samples])
    distances = pckh.normalised_distances(predictions, joints, annotated, head_sizes)
    signature = {
        "key": run.key,
        "seed": run.seed,
        "data": run.data,
        "protocol": f"{pckh.protocol(len(predictions))}|flip: no|decode: {_decoding(run)}|box: annotated",
        "commit": json.loads((site.folder(run) / DONE).read_text())["commit"],
    }
    checkpoints.write(path, {"predictions": predictions, "distances": distances}, signature)


def _decoding(run: Run) -> str:
    return {"heat map": "argmax", "integral": "expectation", "direct": "regression"}[run.output]
