"""A trained run to what its numbers are computed from: every test person's predictions and errors, signed."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Sequence, Tuple

import numpy as np

from integral_pose import build, checkpoints
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.metrics import pckh
from integral_pose.predict import predict
from integral_pose.run import Run
from integral_pose.samples import Sample, read_image
from integral_pose.train import DONE, PARAMETERS, Site

TESTED = "test.npz"


def evaluate(run: Run, site: Site, wait: bool = True) -> Path:
    """Predicts the run's test people, unless that is done; returns the file with predictions and distances.

    Raises:
        InputError: the data or the run's parameters cannot be read.
        Busy: another process works on the run, and `wait` is False.
    """
    path = site.folder(run) / TESTED
    with site.held(run, wait):
        if not path.exists():
            _evaluate(run, site, path)
    return path


def _evaluate(run: Run, site: Site, path: Path) -> None:
    people = build.batches(run, "test", site.data, len(site.devices))
    predictions = predict(
        run, site.folder(run) / PARAMETERS, people, site.devices[0], site.workers, site.line
    )
    distances = pckh.normalised_distances(predictions, *_truth(people.samples))
    signature = {
        "key": run.key,
        "seed": run.seed,
        "data": run.data,
        "protocol": f"{pckh.protocol(len(predictions))}|flip: no|decode: {_decoding(run)}|box: annotated",
        "people": fingerprint(people.samples),
        "commit": _trained_by(site.folder(run) / DONE),
    }
    checkpoints.write(path, {"predictions": predictions, "distances": distances}, signature)


def check(samples: Sequence[Sample]) -> None:
    """That people can be tested on, seen before a network is trained for days.

    Raises:
        InputError: a picture or a head size is missing.
    """
    joints, annotated, head_sizes = _truth(samples)
    pckh.normalised_distances(joints, joints, annotated, head_sizes)
    absent = next((sample.image for sample in samples if not sample.image.is_file()), None)
    if absent:
        read_image(absent)


def fingerprint(samples: Sequence[Sample]) -> str:
    """Eight digits of who the people are: their pictures, joints and head sizes."""
    digest = hashlib.sha256("".join(sample.image.name for sample in samples).encode())
    for array in _truth(samples):
        digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()[:8]


def _truth(samples: Sequence[Sample]) -> Tuple[Array, Array, Array]:
    """Joints (N, K, 2), which are annotated (N, K), and head sizes (N,)."""
    joints, annotated = (np.stack([getattr(sample, name) for sample in samples]) for name in ("joints", "annotated"))
    return joints, annotated, np.array([sample.head_size for sample in samples])


def _trained_by(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["commit"])
    except (ValueError, KeyError):
        raise InputError(f"{path}: this file is damaged. Delete its folder to have the run trained anew.") from None


def _decoding(run: Run) -> str:
    return {"heat map": "argmax", "integral": "expectation", "direct": "regression"}[run.output]
