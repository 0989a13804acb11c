"""OKS is pycocotools'; NMS is the plain loop's; scores are HRNet's."""
from __future__ import annotations

import contextlib
import io
from typing import Any, List, Sequence

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval, Params

from integral_pose.geometry import Array
from integral_pose.metrics import oks
from integral_pose.skeletons import COCO as SKELETON
from tests.helpers import coco_forms as forms


def index(images: Sequence[int], people: List[Any]) -> COCO:
    held = COCO()
    held.dataset = {"images": [{"id": i} for i in images], "annotations": people, "categories": [{"id": 1}]}
    held.createIndex()
    return held


def official(people: List[Any], joints: Array) -> Array:
    """pycocotools' OKS of poses with the people of image 4."""
    found = [{"id": i + 1, "image_id": 4, "category_id": 1, "score": -i, "iscrowd": 0, "area": 0,
              "keypoints": np.column_stack([pose, np.ones(17)]).ravel().tolist()} for i, pose in enumerate(joints)]
    with contextlib.redirect_stdout(io.StringIO()):
        scorer = COCOeval(index([4], people), index([4], found), "keypoints")
        scorer.params.maxDets = [len(found)]
        scorer._prepare()
        return np.asarray(scorer.computeOks(4, 1))


def test_sigmas_are_pycocotools() -> None:
    np.testing.assert_allclose(oks.SIGMAS, Params("keypoints").kpt_oks_sigmas, rtol=1e-15)
    np.testing.assert_array_equal(oks.SIGMAS, oks.SIGMAS[list(SKELETON.mirror)])


@pytest.mark.parametrize("seed", range(5))
def test_similarities_are_pycocotools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = [forms.person(rng, i + 1, 4, side, labelled)
              for i, (side, labelled) in enumerate([(30, 0.6), (90, 1), (200, 0), (150, 0.1), (60, 0), (0.01, 1)])]
    truth = np.array([one["keypoints"] for one in people]).reshape(-1, 17, 3)
    near = truth[:, :, :2] + rng.normal(0, 5, (6, 17, 2))
    joints = np.concatenate([near, truth[:2, :, :2], rng.uniform(-50, 500, (23, 17, 2))])
    areas, boxes = np.array([one["area"] for one in people]), np.array([one["bbox"] for one in people], float)
    expected = official(people, joints)
    assert expected.shape == (31, 6) and (expected[:, [2, 4]] > 0.1).any() and expected.max() == 1
    np.testing.assert_allclose(oks.similarities(joints, truth, areas, boxes), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("poses, people", [(0, 3), (3, 0), (0, 0)])
def test_nothing_is_similar_to_nothing(poses: int, people: int) -> None:
    found = oks.similarities(np.zeros((poses, 17, 2)), np.zeros((people, 17, 3)), np.ones(people), np.ones((people, 4)))
    assert found.shape == (poses, people)


def similarity(one: Array, other: Array, area: float) -> float:
    total = 0.0
    for (x, y), (u, v), sigma in zip(one, other, Params("keypoints").kpt_oks_sigmas):
        total += np.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * (2 * sigma) ** 2 * area))
    return total / 17


def plain(joints: Array, scores: Array, images: Array, areas: Array, threshold: float) -> List[int]:
    """NMS a pair at a time: the best that is left stays, and all that are like it go."""
    left, kept = sorted(range(len(scores)), key=lambda i: -scores[i]), []
    while left:
        best, *others = left
        kept.append(best)
        left = [i for i in others if images[i] != images[best]
                or similarity(joints[best], joints[i], (areas[best] + areas[i]) / 2) <= threshold]
    return sorted(kept)


@pytest.mark.parametrize("threshold", [0.7, 0.9])
@pytest.mark.parametrize("seed", range(4))
def test_nms_is_the_plain_loops(seed: int, threshold: float) -> None:
    rng = np.random.default_rng(seed)
    people = rng.uniform(0, 200, (9, 17, 2))
    who = rng.integers(0, 9, 70)
    joints = people[who] + rng.normal(0, 1, (70, 17, 2)) * rng.uniform(0, 15, (70, 1, 1))
    scores, images, areas = rng.integers(0, 40, 70) / 40, 300 - who // 4, rng.uniform(5e3, 5e4, 70)
    kept = oks.nms(joints, scores, images, areas, threshold)
    assert kept.tolist() == plain(joints, scores, images, areas, threshold)
    assert len(set(who.tolist())) < len(kept) < 65


def test_nms_leaves_one_of_each_person_in_each_image() -> None:
    rng = np.random.default_rng(0)
    people = rng.uniform(0, 200, (2, 17, 2))
    joints = people[[0, 0, 1, 1, 0, 1, 1]] + rng.normal(0, 0.1, (7, 17, 2))
    scores = np.array([0.2, 0.3, 0.9, 0.8, 0.1, 0.5, 0.5])
    assert oks.nms(joints, scores, np.array([5, 5, 5, 5, 3, 3, 3]), np.full(7, 4e4)).tolist() == [1, 2, 4, 5]


def test_nms_of_nothing_is_nothing() -> None:
    assert oks.nms(np.empty((0, 17, 2)), np.empty(0), np.empty(0, int), np.empty(0)).shape == (0,)


def test_rescored_is_the_box_times_the_mean_of_joints_above_the_least() -> None:
    joints = np.full((4, 17), 0.1)
    joints[0, :2] = 0.4, 0.8
    joints[1, 5] = 0.2
    joints[2] = 0.9
    np.testing.assert_allclose(oks.rescored(np.array([0.5, 1, 0.7, 1]), joints), [0.3, 0, 0.63, 0])
    np.testing.assert_allclose(oks.rescored(np.array([0.5, 1, 0.7, 1]), joints, 0.05)[3], 0.1)
