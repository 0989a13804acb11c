"""The measures of Leeds Sports Pose: PCK of the torso, its own, and PCKh of the head from neck to head top.

PCK@0.2 is the share of joints within a fifth of the distance from left shoulder to right hip (Sapp & Taskar, CVPR 2013;
`eval_pck.m` of github.com/bearpaw/eval_pose, which the papers that use LSP share). Where one of the two is not
annotated, as in a tenth of LSPET, it is from the right shoulder to the left hip; people who lack both, or whose torso
has no length, do not count. PCKh has the curve of Table 1, with the head measured from neck to head top, since LSP has
no head boxes: a little shorter than MPII's 0.6 x the head box's diagonal, so the numbers of the two do not compare.
"""
from __future__ import annotations

from typing import Dict, NamedTuple

import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.metrics import pckh
from integral_pose.skeletons import LSP, MPII

TORSO = 0.2  # of the torso's length
DIAGONALS = (("l_shoulder", "r_hip"), ("r_shoulder", "l_hip"))  # the second where the first is not known
HEAD = ("neck", "head_top")
GROUPS = pckh.GROUPS  # of which the head is neck and head top


class Scores(NamedTuple):
    """The result, all in percent; nan where nothing is annotated."""

    pck: float  # @0.2 of the torso, of all joints pooled
    pckh_05: float
    pckh_01: float
    auc: float  # of PCKh up to 0.5
    pck_of_joints: Dict[str, float]  # @0.2 of the torso, of each of the 14 joints
    pck_of_groups: Dict[str, float]  # left and right averaged, neck and head top too
    pckh_of_joints: Dict[str, float]  # @0.5
    torsos: int  # people with a torso, who count in PCK
    heads: int  # people with a head, who count in PCKh


def length(joints: Array, annotated: Array, one: str, other: str) -> Array:
    """The distance of two joints of people (N, 14, 2), px: (N,); nan where one is not annotated or it is 0."""
    first, second = LSP.index(one), LSP.index(other)
    lengths = np.linalg.norm(joints[:, first] - joints[:, second], axis=1)
    known = (annotated[:, first] > 0) & (annotated[:, second] > 0) & (lengths > 0)
    return np.where(known, lengths, np.nan)


def heads(joints: Array, annotated: Array) -> Array:
    """Neck to head top, px: (N,), nan where that is not known."""
    return length(joints, annotated, *HEAD)


def torsos(joints: Array, annotated: Array) -> Array:
    """Shoulder to opposite hip, px: (N,), nan where that is not known."""
    first, second = (length(joints, annotated, *diagonal) for diagonal in DIAGONALS)
    return np.where(np.isnan(first), second, first)


def distances(predictions: Array, joints: Array, annotated: Array, unit: Array) -> Array:
    """Distances in units, (N, 14), nan where a joint is not annotated or the person has no unit.

    Args:
        predictions, joints: (N, 14, 2), px.
        annotated: (N, 14), nonzero where a joint counts.
        unit: (N,), px: `torsos` or `heads`.
    """
    lengths = np.linalg.norm(predictions - joints, axis=2)
    return np.where(annotated > 0, lengths / unit[:, None], np.nan)


def as_mpii(normalised: Array) -> Array:
    """Distances (N, 14) as those of MPII's 16 joints, (N, 16), nan for the two that LSP lacks."""
    slots = np.array(MPII.slots_in(LSP))
    return np.where(slots >= 0, normalised[:, slots], np.nan)


def score(predictions: Array, joints: Array, annotated: Array) -> Scores:
    """All measures of N people; arguments as in `distances`.

    Raises:
        InputError: nobody has a torso.
    """
    torso, head = torsos(joints, annotated), heads(joints, annotated)
    if np.isnan(torso).all():
        raise InputError("No person has a shoulder and the opposite hip annotated, so PCK has no unit. Check the "
                         "annotation file.")
    in_torsos, in_heads = (distances(predictions, joints, annotated, unit) for unit in (torso, head))
    of_joints = dict(zip(LSP.joints, pckh.pckh(in_torsos, TORSO).tolist()))
    curve = pckh.curve(as_mpii(in_heads)) if not np.isnan(head).all() else np.full(len(pckh.THRESHOLDS), np.nan)
    at_01, at_05 = (float(curve[np.searchsorted(pckh.THRESHOLDS, threshold)]) for threshold in (0.1, 0.5))
    return Scores(
        pck(in_torsos), at_05, at_01, float(curve.mean()), of_joints, _groups(of_joints),
        dict(zip(LSP.joints, pckh.pckh(in_heads, 0.5).tolist())),
        int((~np.isnan(torso)).sum()), int((~np.isnan(head)).sum()),
    )


def pck(in_torsos: Array) -> float:
    """Percent of all joints of all people within a fifth of the torso."""
    return float(100 * (in_torsos <= TORSO).sum() / (~np.isnan(in_torsos)).sum())


def _groups(of_joints: Dict[str, float]) -> Dict[str, float]:
    """Left and right averaged, as LSP's tables have them."""
    members = {group: HEAD if group == "head" else (f"l_{group}", f"r_{group}") for group in GROUPS}
    return {group: float(np.mean([of_joints[name] for name in names])) for group, names in members.items()}


def protocol(people: int, torsos: int, heads: int) -> str:
    """The line that goes with a number: everything that it depends on."""
    return (
        f"lsp|people:{people}|joints:14, person-centric|PCK: distance <= 0.2 x l_shoulder to r_hip, or r_shoulder to "
        f"l_hip ({torsos} people)|PCKh: distance <= t x neck to head top ({heads} people)"
        "|counted: annotated"
    )
