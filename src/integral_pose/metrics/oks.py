"""OKS, COCO's object keypoint similarity: how alike two poses are, from 0 to 1; and which of several alike to keep."""
from __future__ import annotations

from typing import List

import numpy as np

from integral_pose.geometry import Array

# How far apart annotators put a joint, in square roots of the person's area: COCO's joints, in its order.
SIGMAS = np.array([26, 25, 25, 35, 35, 79, 79, 72, 72, 62, 62, 107, 107, 87, 87, 89, 89]) / 1000
VARIANCES = (2 * SIGMAS) ** 2
ALIKE, LEAST = 0.9, 0.2  # as in SimpleBaseline and HRNet: from which OKS on poses are duplicates, joints that count
TINY = np.spacing(1)  # added to areas, as in pycocotools


def similarities(joints: Array, truth: Array, areas: Array, boxes: Array) -> Array:
    """OKS of N poses with M annotated people of the same image, (N, M), as pycocotools computes it.

    Args:
        joints: (N, 17, 2), image px.
        truth: (M, 17, 3), image px and COCO's flag; joints count where it is above 0. With a person who has none, all
            joints are compared with the box, doubled, and are as far away as they lie outside it.
        areas: (M,), px², of the people's segments.
        boxes: (M, 4), left, top, width and height.
    """
    labelled = truth[..., 2] > 0
    nobody = ~labelled.any(axis=1)
    offsets = joints[:, None] - truth[..., :2]
    offsets[:, nobody] = _beyond(joints[:, None], boxes[nobody, None, :2], boxes[nobody, None, 2:])
    closeness = _closeness(offsets, areas[None])
    counts = labelled | nobody[:, None]
    return (closeness * counts).sum(axis=2) / counts.sum(axis=1)


def nms(joints: Array, scores: Array, images: Array, areas: Array, threshold: float = ALIKE) -> Array:
    """Which of N poses to keep: the indices, ascending, of those that no kept pose with a higher score is like.

    Two poses of an image are alike where their OKS is above the threshold, over all joints and with the mean of the
    two areas, as in HRNet's oks_nms. Of equal scores the first goes first.

    Args:
        joints: (N, 17, 2), image px.
        scores: (N,), of the poses.
        images: (N,), which image each is in.
        areas: (N,), px²; HRNet takes those of the boxes that the network looked at.
    """
    kept: List[Array] = []
    left = np.lexsort((-scores, images))
    while len(left):  # in every image at once, the best that is left stays and all that are like it go
        is_best = np.diff(images[left], prepend=images[left[0]] - 1) != 0
        best = left[is_best][np.cumsum(is_best) - 1]
        alike = _closeness(joints[best] - joints[left], (areas[best] + areas[left]) / 2).mean(axis=1) > threshold
        kept.append(left[is_best])
        left = left[~alike & ~is_best]
    return np.sort(np.concatenate([np.empty(0, int), *kept]))


def rescored(boxes: Array, joints: Array, least: float = LEAST) -> Array:
    """The poses' scores, (N,): the box's times the mean of the joints' above `least`, as in SimpleBaseline and HRNet.

    A pose of which no joint is above it gets 0.

    Args:
        boxes: (N,), the detector's scores.
        joints: (N, 17), the pose network's.
    """
    counts = joints > least
    return boxes * (joints * counts).sum(axis=1) / np.maximum(counts.sum(axis=1), 1)


def _beyond(joints: Array, corner: Array, extent: Array) -> Array:
    """How far joints lie outside boxes of twice the extent about the same centre, along each axis, px."""
    return np.maximum(corner - extent - joints, 0) + np.maximum(joints - corner - 2 * extent, 0)


def _closeness(offsets: Array, areas: Array) -> Array:
    """From 0 to 1, (..., 17), of offsets (..., 17, 2) px with people of these areas (...)."""
    squares = np.einsum("...i,...i", offsets, offsets)
    return np.exp(squares / (-2 * VARIANCES * (areas + TINY)[..., None]))
