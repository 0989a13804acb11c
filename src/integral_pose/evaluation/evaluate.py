"""Evaluates a trained run: predictions and errors of every test person, from which all its numbers follow, signed."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from integral_pose.datasets import catalogue, custom, dataset, loader
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.datasets.dataset import DataSet
from integral_pose.errors import InputError
from integral_pose.evaluation import topdown
from integral_pose.evaluation.predict import ON_MAPS, predict
from integral_pose.geometry import Array
from integral_pose.metrics import average_precision, lsp, mpjpe, pck, pckh
from integral_pose.models.devices import free_memory
from integral_pose.run import Run
from integral_pose.run_folder import DONE, PARAMETERS, Site
from integral_pose.samples import Pose, Sample, truth
from integral_pose.storage import array_files, image_paths
from integral_pose.tables import MPJPE, PA_MPJPE, PA_MPJPE_SCALED

TESTED = "test.npz"
DECODED = {
    "integer": "argmax",
    "quarter": "argmax and a quarter cell to the higher neighbours",
    "quarter-inside": "argmax and, away from the border, a quarter cell to the higher neighbours",
    "dark": "argmax and the top of a Gaussian through the smoothed map (DARK)",
    "local": "expectation in a window around the argmax",
    "window": "expectation in the 3 x 3 cells around the argmax",
}


class Evaluated(NamedTuple):
    """A run's predictions for its test people, and their errors."""

    arrays: Dict[str, Array]
    protocol: str
    people: str  # their fingerprint


def outcome_file(run: Run, site: Site) -> Path:
    """Where the run's predictions and errors are, once it is evaluated."""
    return site.folder(run) / (TESTED if run == run.training else f"test-{run.key}.npz")


def evaluate(run: Run, site: Site, wait: bool = True) -> Path:
    """Predicts the run's test people, unless that is done; returns the file with predictions and distances.

    Raises:
        InputError: the data or the run's parameters cannot be read.
        Busy: another process works on the run, and `wait` is False.
    """
    path = outcome_file(run, site)
    with site.held(run, wait):
        if not path.exists():
            _evaluate(run, site, path)
    return path


def _evaluate(run: Run, site: Site, path: Path) -> None:
    free_memory()
    arrays, protocol, people = (_in_pictures if catalogue.has_scenes(run) else _of_people)(run, site)
    signature = {
        "key": run.training.key,
        "seed": run.seed,
        "data": f"{run.data}, {run.extra}" if run.extra else run.data,
        "protocol": signed(run, protocol),
        "people": people,
        "commit": _trained_by(site.folder(run) / DONE),
    }
    array_files.write(path, arrays, signature)


def signed(run: Run, protocol: str) -> str:
    """A protocol with what the run's network adds to it."""
    return f"{protocol}|flip: {_flip(run)}|decode: {_decoding(run)}{'|amp: float16' if run.amp else ''}"


def _of_people(run: Run, site: Site) -> Evaluated:
    """One prediction for each of the test people."""
    people = loader.batches(run, "test", site.catalogue, len(site.devices))
    parameters = site.folder(run) / PARAMETERS
    predictions = predict(run, parameters, people, site.devices[0], site.workers, site.line)
    errors, protocol = _measure(run)(run, predictions, people.samples)
    return Evaluated({"predictions": predictions, **errors}, protocol, fingerprint(people.samples))


def _measure(run: Run) -> Callable[[Run, Array, Sequence[Sample]], Tuple[Dict[str, Array], str]]:
    """What gives the errors of predictions, and the protocol."""
    return {
        dataset.MPJPE: _in_3d, dataset.BOX_PCK: _in_boxes, dataset.TORSO_PCK: _in_sports, dataset.PCKH: _in_image,
    }[catalogue.metric(run)]


def _in_pictures(run: Run, site: Site) -> Evaluated:
    """As many poses as are found in the test pictures, matched with the people there."""
    data_set = site.catalogue.of(run)
    candidates = data_set.candidates(run.boxes)
    found = topdown.poses(run, site, candidates)
    matches = average_precision.match(data_set.truth_file, found.images, found.joints, found.scores)
    people = fingerprint(data_set.people("test"))
    elsewhere = f"|boxes in other images: {candidates.elsewhere}" if candidates.elsewhere else ""
    protocol = f"{average_precision.protocol(matches)}|{topdown.protocol(run)}{elsewhere}"
    return Evaluated({**dict(zip(topdown.SAVED, found)), **matches}, protocol, people)


def _in_image(run: Run, predictions: Array, samples: Sequence[Sample]) -> Tuple[Dict[str, Array], str]:
    """Errors of joints (N, K, 2) in image px, and the protocol."""
    distances = pckh.normalised_distances(predictions, *truth(samples))
    known = ", whom it was trained on too" if run.everybody else ""
    return {"distances": distances}, f"{pckh.protocol(len(predictions))}{known}|box: annotated"


def _in_sports(run: Run, predictions: Array, samples: Sequence[Sample]) -> Tuple[Dict[str, Array], str]:
    """Errors of joints (N, 14, 2) in heads, in MPII's order for PCKh, and in torsos; and the protocol."""
    joints, annotated, heads = truth(samples)
    torsos = lsp.torsos(joints, annotated)
    of_heads, of_torsos = (lsp.distances(predictions, joints, annotated, unit) for unit in (heads, torsos))
    known = [int((~np.isnan(unit)).sum()) for unit in (torsos, heads)]
    protocol = f"{lsp.protocol(len(predictions), *known)}|box: around the annotated joints"
    return {"distances": lsp.as_mpii(of_heads), "torsos": of_torsos}, protocol


def _in_boxes(run: Run, predictions: Array, samples: Sequence[Sample]) -> Tuple[Dict[str, Array], str]:
    """Errors of joints (N, K, 2) in image px, of people who bring no other measure than their box; and the protocol."""
    sides = np.array([sample.box.side / custom.MARGIN for sample in samples])
    distances = pck.distances(predictions, *truth(samples)[:2], sides)
    return {"distances": distances, "sides": sides}, f"{pck.protocol(len(predictions))}|box: annotated"


def _in_3d(run: Run, predictions: Array, samples: Sequence[Sample]) -> Tuple[Dict[str, Array], str]:
    """Errors of joints (N, K, 3) in camera mm, and the protocol."""
    poses = _poses(samples)
    truth = np.stack([pose.joints for pose in poses])
    errors = {
        MPJPE.measure: mpjpe.joint_errors(predictions, truth),
        PA_MPJPE.measure: mpjpe.aligned_errors(predictions, truth),
        PA_MPJPE_SCALED.measure: mpjpe.aligned_errors(predictions, truth, scale=True),
        "actions": np.array([pose.action for pose in poses]),
        "moments": _moments(poses),
    }
    return errors, mpjpe.protocol(len(poses), run.protocol, run.data) + "|box, root's depth and camera: annotated"


def _moments(poses: Sequence[Pose]) -> Array:
    """A number for each frame (N,), the same for the cameras that saw one person at one time."""
    _, moments = np.unique([pose.moment for pose in poses], return_inverse=True)
    return moments


def _poses(samples: Sequence[Sample]) -> List[Pose]:
    """The samples' poses; people of a 3D data set have one."""
    return [sample.pose for sample in samples if sample.pose]


def check(run: Run, known: Catalogue) -> None:
    """That a run can be tested.

    Raises:
        InputError: its test people, a picture, a head size or detections are missing.
    """
    data_set = known.of(run)
    samples = data_set.people("test")
    if data_set.metric == dataset.OKS:
        samples = [*samples, *_candidates(data_set, run.boxes)]
    elif data_set.metric == dataset.PCKH:
        joints, annotated, head_sizes = truth(samples)
        pckh.normalised_distances(joints, joints, annotated, head_sizes)
    image_paths.demand(sample.image for sample in samples)


def _candidates(data_set: DataSet, boxes: str) -> List[Sample]:
    """The boxes in the test pictures, whose annotations are looked at first."""
    _ = data_set.truth_file  # raises if they are missing or malformed; an assert would be left out by python -O
    return data_set.candidates(boxes).samples


def fingerprint(samples: Sequence[Sample]) -> str:
    """Eight digits that identify the people: their pictures, joints, and head sizes or 3D poses."""
    digest = hashlib.sha256("".join(sample.image.name for sample in samples).encode())
    poses = [pose.joints for pose in _poses(samples)]
    for array in [*truth(samples)[:2], np.stack(poses)] if poses else truth(samples):
        digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()[:8]


def _trained_by(path: Path) -> str:
    try:
        return str(json.loads(path.read_text())["commit"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: this file is damaged. Move its folder away, and the run is trained again.") from None


def _flip(run: Run) -> str:
    if not run.flip_test:
        return "no"
    if run.flip_in in ON_MAPS:
        shifted = ", shifted by a cell" if run.flip_in == "shifted-maps" else ""
        return f"maps averaged with those of the mirrored patch{shifted}"
    said = "joints averaged with those of the mirrored patch"
    counted = {"cells": ", cell i of n as n - 1 - i", "patch-pixels": ", px i of n as n - 1 - i"}
    return f"{said}{counted.get(run.flip_in, '')}"


def _decoding(run: Run) -> str:
    if run.on_vectors:
        return "argmax of each heat vector"
    if run.output == "heat map":
        return DECODED[run.decoder] + (", cells at i / n" if run.read_grid == "index" else "")
    if run.output == "direct":
        return "regression"
    notes = {
        "compensated": run.compensated or run.compensated_test,
        "cells at i / n": (run.read_grid or run.grid) == "index",
    }
    return ", ".join(["expectation", *(note for note, applies in notes.items() if applies)])
