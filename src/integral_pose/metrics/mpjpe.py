"""MPJPE: the mean distance in mm between joints predicted and true, as they are or after an alignment (PA MPJPE).

The paper takes MPJPE under Protocol 2 and PA MPJPE, after a rigid motion, under Protocol 1 (Sec. 5.3). Others let the
alignment change the size as well, so that figure stands beside it.
"""
from __future__ import annotations

from typing import Dict, NamedTuple, Sequence, Tuple

import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.skeletons import HUMAN36M

# In the order of the columns of Tables 10 to 12, which is that of Human3.6M's own numbers and not the alphabet's.
ACTIONS: Tuple[str, ...] = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases", "Sitting", "SittingDown",
    "Smoking", "Photo", "Waiting", "Walking", "WalkDog", "WalkTogether",
)
HEADINGS: Tuple[str, ...] = (
    "Dir.", "Dis.", "Eat", "Gre.", "Phon.", "Pose", "Pur.", "Sit", "SitD.", "Smo.", "Phot.", "Wait", "Walk", "WalkD.",
    "WalkP.",
)
SCORED: Tuple[int, ...] = tuple(i for i, joint in enumerate(HUMAN36M.joints) if joint != "thorax")
ROOT = HUMAN36M.index(HUMAN36M.root)
TEST_SUBJECTS = {1: (11,), 2: (9, 11)}  # of each protocol


class MPJPE(NamedTuple):
    """The result, all in mm. Frames weigh alike, as in the paper, so the actions do not."""

    mpjpe: float
    pa_mpjpe: float  # after rotation and translation
    pa_mpjpe_scaled: float  # after rotation, translation and scale
    by_action: Dict[str, Dict[str, float]]  # name of the metric -> ACTIONS -> mm; nan for an action without frames
    over_actions: Dict[str, float]  # name of the metric -> unweighted mean of the actions that have frames


def score(predictions: Array, truth: Array, actions: Sequence[str]) -> MPJPE:
    """MPJPE and PA MPJPE of N frames.

    Args:
        predictions, truth: (N, K, 3), mm along the camera's axes, in HUMAN36M's order; K is 17 or more.
        actions: of each frame, out of ACTIONS.

    Raises:
        InputError: sizes differ, a number is not finite, or there is no such action.
    """
    columns = _columns(actions, len(predictions))
    predicted, true = _scored(predictions, truth)
    turned, centred, scales = _aligned(predicted, true)
    errors = {
        "mpjpe": _distances(_rooted(predicted), _rooted(true)).mean(axis=1),
        "pa_mpjpe": _distances(turned, centred).mean(axis=1),
        "pa_mpjpe_scaled": _distances(scales[:, None, None] * turned, centred).mean(axis=1),
    }
    by_action = {metric: _by_action(frames, columns) for metric, frames in errors.items()}
    over_actions = {metric: float(np.nanmean(list(means.values()))) for metric, means in by_action.items()}
    means = {metric: float(frames.mean()) for metric, frames in errors.items()}
    return MPJPE(**means, by_action=by_action, over_actions=over_actions)


def joint_errors(predictions: Array, truth: Array) -> Array:
    """Distances in mm, (N, 17), each pose relative to its own root, whose distance is therefore 0.

    Args and errors are those of `score`.
    """
    predicted, true = _scored(predictions, truth)
    return _distances(_rooted(predicted), _rooted(true))


def aligned_errors(predictions: Array, truth: Array, scale: bool = False) -> Array:
    """Distances in mm, (N, 17), after the motion of each frame that makes their squares' sum least.

    The motion is a rotation and a translation, never a reflection, and with `scale` a change of size as well; it is
    fitted on the 17 joints, and the root is not put back in place. Args and errors are those of `score`.
    """
    turned, centred, scales = _aligned(*_scored(predictions, truth))
    return _distances(scales[:, None, None] * turned if scale else turned, centred)


def protocol(frames: int, number: int = 2, data: str = "human36m") -> str:
    """The line that goes with a number: everything that it depends on.

    Args:
        number: of the protocol, 1 or 2, which says who the test people are.
        data: name of the data set.
    """
    subjects = ", ".join(f"S{subject}" for subject in TEST_SUBJECTS[number])
    return (
        f"{data}|protocol:{number} (test: {subjects})|frames:{frames}, every 64th"
        "|joints:17 (root, no thorax)|MPJPE: relative to the root"
        "|PA: fitted on the 17 joints, no reflection|mean over frames"
    )


def _scored(predictions: Array, truth: Array) -> Tuple[Array, Array]:
    """The 17 joints of both, checked, (N, 17, 3)."""
    for name, poses in (("predictions", predictions), ("truth", truth)):
        if poses.ndim != 3 or not len(poses) or poses.shape[1] < len(SCORED) or poses.shape[2] != 3:
            raise InputError(f"The {name} have shape {poses.shape}. They must be frames x 17 or 18 joints x (x, y, z).")
    if len(predictions) != len(truth):
        raise InputError(f"There are {len(predictions)} predictions for {len(truth)} frames. Give one for each frame.")
    chosen = [np.asarray(poses[:, SCORED], float) for poses in (predictions, truth)]
    bad = np.flatnonzero(~np.isfinite(chosen).all(axis=(0, 2, 3)))
    if len(bad):
        raise InputError(f"Frame {bad[0]} (counted from 0) has a joint that is not finite. Predict every joint.")
    return chosen[0], chosen[1]


def _columns(actions: Sequence[str], frames: int) -> Array:
    """Each frame's index in ACTIONS, (N,)."""
    if len(actions) != frames:
        raise InputError(f"There are {len(actions)} actions for {frames} frames. Give one for each frame.")
    unknown = sorted(set(actions) - set(ACTIONS))
    if unknown:
        raise InputError(f"No action is called {unknown[0]}. Human3.6M's are {', '.join(ACTIONS)}.")
    return np.array([ACTIONS.index(action) for action in actions], int)


def _by_action(errors: Array, columns: Array) -> Dict[str, float]:
    counts = np.bincount(columns, minlength=len(ACTIONS))
    sums = np.bincount(columns, errors, minlength=len(ACTIONS))
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return dict(zip(ACTIONS, means.tolist()))


def _rooted(poses: Array) -> Array:
    return poses - poses[:, ROOT:ROOT + 1]


def _distances(poses: Array, others: Array) -> Array:
    return np.sqrt(np.square(poses - others).sum(axis=2))


def _aligned(predicted: Array, true: Array) -> Tuple[Array, Array, Array]:
    """Poses about their centres, the predicted ones turned onto the true ones, and the scale that fits then, (N,).

    Least squares by the singular value decomposition of the covariance (Kabsch; Umeyama, PAMI 1991). If it takes a
    reflection, the axis that matters least is flipped back. Where all joints predicted are equal, any scale fits.
    """
    moved, centred = (poses - poses.mean(axis=1, keepdims=True) for poses in (predicted, true))
    left, values, right = np.linalg.svd(moved.transpose(0, 2, 1) @ centred)
    signs = np.ones_like(values)
    signs[:, 2] = np.sign(np.linalg.det(left @ right))
    spread = np.square(moved).sum(axis=(1, 2))
    scales = np.divide((values * signs).sum(axis=1), spread, out=np.ones(len(spread)), where=spread > 0)
    return moved @ (left * signs[:, None]) @ right, centred, scales
