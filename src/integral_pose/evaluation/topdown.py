"""From boxes in pictures to poses: one a box, rescored, the best of those that are nearly the same (Sec. 5.2)."""
from __future__ import annotations

import math
from typing import NamedTuple, Optional

import numpy as np

from integral_pose.datasets import loader
from integral_pose.datasets.dataset import Candidates
from integral_pose.evaluation.predict import predict_scored
from integral_pose.geometry import Array
from integral_pose.metrics import oks
from integral_pose.run import Run
from integral_pose.run_folder import PARAMETERS, Site

SAVED = ("pictures", "predictions", "joint_scores", "pose_scores")  # the names of `Poses` in a run's file


class Poses(NamedTuple):
    """M poses in pictures."""

    images: Array  # (M,), the pictures' ids
    joints: Array  # (M, 17, 2), image px
    joint_scores: Array  # (M, 17)
    scores: Array  # (M,)


def poses(run: Run, site: Site, found: Optional[Candidates] = None) -> Poses:
    """The poses that a trained run finds in the candidates, its own test's or others.

    Raises:
        InputError: the candidates, the run's parameters or a picture cannot be read.
    """
    found = found or site.catalogue.of(run).candidates(run.boxes)
    people = loader.in_batches(run, found.samples, f"the {run.boxes} boxes", run.batch // len(site.devices))
    parameters = site.folder(run) / PARAMETERS
    joints, joint_scores = predict_scored(run, parameters, people, site.devices[0], site.workers, site.line)
    return settled(run, found, joints, joint_scores)


def settled(run: Run, found: Candidates, joints: Array, joint_scores: Array) -> Poses:
    """Scores the poses of all candidates, (N, 17, 2) and (N, 17), and removes duplicates, according to the run's
    settings."""
    scores = oks.rescored(found.scores, joint_scores, least_score(run)) if run.rescored else found.scores
    kept = np.arange(len(joints))
    if run.suppressed:
        areas = np.array([sample.box.side**2 for sample in found.samples])
        kept = oks.nms(joints, scores, found.images, areas)
    return Poses(found.images[kept], joints[kept], joint_scores[kept], scores[kept])


def least_score(run: Run) -> float:
    """The score from which on a joint counts: a fifth of the peak of H1's Gaussian, which is 1.

    In a normalized map, whose cells add up to 1, that Gaussian has a peak of 1 / (2 pi sigma^2), 0.16 with a sigma of
    one cell. A fifth of 1 would leave out nearly all joints of an integral.
    """
    normalized = run.output == "integral" and run.joint_score == "peak"
    return oks.LEAST / (2 * math.pi * run.sigma**2) if normalized else oks.LEAST


def protocol(run: Run) -> str:
    """The settings of a run's scores that do not follow from its network."""
    of_integral = {"mass": "the map's mass near it", "one": "1", "peak": "its normalized map's peak"}
    what = of_integral[run.joint_score] if run.output == "integral" else "its peak"
    scores = f"the box's x the mean over joints above {least_score(run):.2g} ({what})" if run.rescored else "the box's"
    return f"box: {run.boxes}|score: {scores}|OKS-NMS: {oks.ALIKE if run.suppressed else 'no'}"
