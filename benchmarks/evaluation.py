"""The metrics on 100,000 predictions, against loops over samples as other repositories have them."""
from __future__ import annotations

from typing import List, Tuple

import numpy as np

from benchmarks.contest import Contender, Contest, Prepared
from integral_pose.metrics import mpjpe as metrics_mpjpe
from integral_pose.metrics import oks
from integral_pose.metrics import pckh as metrics_pckh

COUNT = 100_000
POSES = 500
SKIPPED = (6, 7)  # pelvis and thorax are not counted by PCKh


def contests() -> List[Contest]:
    """One for each metric; NumPy uses one thread for matrices this small."""
    made = []
    for metric in ("pckh", "mpjpe", "pa_mpjpe"):
        ours, theirs = (
            Contender(name, f"benchmarks.evaluation:{metric}", {"vectorised": vectorised})
            for name, vectorised in (("ours", True), ("a loop over samples", False))
        )
        made.append(Contest(f"evaluation, {metric.upper().replace('_', ' ')}", (ours, theirs), 1, COUNT, 1e-6))
    ours, theirs = (
        Contender(name, "benchmarks.evaluation:suppression", {"vectorised": vectorised})
        for name, vectorised in (("ours", True), ("a call for each pair", False))
    )
    return [*made, Contest("OKS-NMS, 100 poses an image", (ours, theirs), 1, POSES, 0)]


def pckh(vectorised: bool) -> Prepared:
    """PCKh@0.5 in percent, and the area under the curve."""
    rng = np.random.default_rng(1)
    joints = rng.uniform(0, 500, (COUNT, 16, 2))
    predictions, heads = joints + rng.normal(0, 20, joints.shape), rng.uniform(40, 90, COUNT)
    annotated = rng.random((COUNT, 16)) < 0.9

    def loop() -> List[float]:
        hits, count = np.zeros(51), 0
        for predicted, true, known, head in zip(predictions, joints, annotated, heads):
            for k in range(16):
                if known[k] and k not in SKIPPED:
                    hits += np.linalg.norm(predicted[k] - true[k]) / head <= np.arange(51) / 100
                    count += 1
        return [100 * hits[-1] / count, 100 * hits.mean() / count]

    def ours() -> List[float]:
        found = metrics_pckh.score(predictions, joints, annotated, heads)
        return [found.at_05, found.auc]

    return np.__version__, ours if vectorised else loop


def mpjpe(vectorised: bool) -> Prepared:
    """MPJPE in mm."""
    predictions, truth = _poses()

    def loop() -> float:
        errors = [np.linalg.norm((p - p[0]) - (t - t[0]), axis=1).mean() for p, t in zip(predictions, truth)]
        return float(np.mean(errors))

    return np.__version__, (lambda: metrics_mpjpe.joint_errors(predictions, truth).mean()) if vectorised else loop


def pa_mpjpe(vectorised: bool) -> Prepared:
    """MPJPE in mm after a rigid motion."""
    predictions, truth = _poses()

    def loop() -> float:
        return float(np.mean([_aligned(p, t) for p, t in zip(predictions, truth)]))

    return np.__version__, (lambda: metrics_mpjpe.aligned_errors(predictions, truth).mean()) if vectorised else loop


def suppression(vectorised: bool) -> Prepared:
    """The poses that OKS-NMS keeps of pictures with ten people each, half of whose poses are duplicates."""
    rng = np.random.default_rng(0)
    images = np.repeat(np.arange(POSES // 100), 100)
    people = rng.uniform(0, 300, (POSES // 100, 10, 17, 2))[images, rng.integers(0, 10, POSES)]
    joints = people + rng.normal(0, 1, people.shape) * rng.uniform(0, 12, (POSES, 1, 1))
    scores, areas = rng.uniform(size=POSES), rng.uniform(1e4, 4e4, POSES)

    def by_pairs() -> np.ndarray:
        kept: List[int] = []
        for image in np.unique(images):
            left = sorted(np.flatnonzero(images == image).tolist(), key=lambda i: -scores[i])
            while left:
                best, *others = left
                kept.append(best)
                left = [i for i in others if _alike(joints[best], joints[i], areas[best], areas[i]) <= oks.ALIKE]
        return np.sort(kept)

    return np.__version__, (lambda: oks.nms(joints, scores, images, areas)) if vectorised else by_pairs


def _alike(one: np.ndarray, other: np.ndarray, area: float, other_area: float) -> float:
    squares = ((one - other) ** 2).sum(axis=1)
    return float(np.exp(-squares / oks.VARIANCES / ((area + other_area) / 2 + oks.TINY) / 2).mean())


def _aligned(predicted: np.ndarray, true: np.ndarray) -> float:
    moved, centred = predicted - predicted.mean(axis=0), true - true.mean(axis=0)
    left, _, right = np.linalg.svd(moved.T @ centred)
    if np.linalg.det(left @ right) < 0:
        left[:, 2] *= -1
    return float(np.linalg.norm(moved @ left @ right - centred, axis=1).mean())


def _poses() -> Tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    truth = rng.normal(0, 300, (COUNT, 17, 3))
    return truth + rng.normal(0, 40, truth.shape), truth
