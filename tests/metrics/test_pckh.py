"""PCKh by hand, and against tables that others published."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from integral_pose.datasets import mpii
from integral_pose.errors import InputError
from integral_pose.evaluation import predictions
from integral_pose.metrics import pckh
from integral_pose.skeletons import MPII

REAL = os.environ.get("INTEGRAL_POSE_REAL_DATA", "")
needs_real = pytest.mark.skipif(not REAL, reason="INTEGRAL_POSE_REAL_DATA is not set")
OURS, TOMPSON = "predictions/valid-ours.h5", "annot/detections_our_format.mat"
GT, HOURGLASS = "annot/detections_our_format.mat", "annot/valid.h5"


def real_score(predicted, annotations):
    folder = Path(REAL) / "mpii"
    truth = mpii.read_truth(folder / annotations)
    points = predictions.read(folder / predicted, len(truth.joints))
    return pckh.score(points, truth.joints, truth.annotated, truth.head_size)


@needs_real
@pytest.mark.parametrize("predicted, annotations, published", [
    (OURS, GT, "87.56 88.04 28.65 58.52"),
    (TOMPSON, GT, "81.46 82.34 28.97 55.49"),
    (OURS, HOURGLASS, "87.56 88.02 28.69 58.53"),
])
def test_totals_as_published(predicted, annotations, published):
    result = real_score(predicted, annotations)
    ours = (result.mean14, result.at_05, result.at_01, result.auc)
    assert " ".join(f"{value:.2f}" for value in ours) == published


@needs_real
@pytest.mark.parametrize("predicted, published", [
    (OURS, "95.94 94.68 88.53 83.38 87.48 83.09 79.05"),
    (TOMPSON, "95.60 92.71 83.36 76.74 81.93 73.36 65.45"),
])
def test_joint_groups_as_published(predicted, published):
    groups = real_score(predicted, GT).groups
    assert list(groups) == ["head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"]
    assert " ".join(f"{value:.2f}" for value in groups.values()) == published


def people(count, seed=3):
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 500, (count, 16, 2)), np.ones((count, 16)), rng.uniform(20, 90, count)


def test_distances_are_in_head_sizes_and_nan_where_not_annotated():
    joints, annotated, _ = people(2)
    annotated[1, 4] = 0
    distances = pckh.normalised_distances(joints + [3, 4], joints, annotated, np.array([10.0, 25.0]))
    assert np.isnan(distances[1, 4]) and np.isnan(distances).sum() == 1
    np.testing.assert_allclose(distances[0], 0.5)
    np.testing.assert_allclose(np.delete(distances[1], 4), 0.2)


@pytest.mark.parametrize("cents", range(51))
def test_a_distance_equal_to_the_threshold_is_correct(cents):
    joints = np.full((1, 16, 2), 7.0)
    distances = pckh.normalised_distances(joints + [cents, 0], joints, np.ones((1, 16)), np.array([100.0]))
    assert pckh.curve(distances)[cents] == 100
    assert cents == 0 or pckh.curve(distances)[cents - 1] == 0


@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_each_joint_is_correct_up_to_and_at_the_threshold(threshold):
    """By joint, in the curve and in the tallies alike."""
    around = [np.nextafter(threshold, 0), threshold, np.nextafter(threshold, 1), np.nan]
    distances = np.repeat(np.array(around)[:, None], 16, axis=1)
    np.testing.assert_array_equal(pckh.pckh(distances, threshold), np.full(16, 100 * 2 / 3))
    assert pckh.curve(distances, np.array([threshold]))[0] == pytest.approx(100 * 2 / 3)
    hits, counted = pckh.tallies(distances, f"@{threshold}")
    assert hits.tolist() == [14, 14, 0, 0] and counted.tolist() == [14, 14, 14, 0]


def test_thresholds_hold_a_tenth_and_a_half_exactly():
    assert pckh.THRESHOLDS[10] == 0.1 and pckh.THRESHOLDS[50] == 0.5 and len(pckh.THRESHOLDS) == 51


def test_area_is_the_mean_over_51_thresholds():
    assert pckh.auc(np.full((3, 16), 0.205)) == pytest.approx(100 * 30 / 51)


def test_pelvis_and_thorax_do_not_count():
    joints, annotated, head_size = people(5)
    moved = joints.copy()
    moved[:, [MPII.index("pelvis"), MPII.index("thorax")]] += 1000
    result = pckh.score(moved, joints, annotated, head_size)
    assert (result.at_05, result.at_01, result.auc, result.mean14) == (100, 100, 100, 100)


def test_pooled_weighs_people_and_mean_weighs_joints():
    joints, annotated, head_size = people(4)
    wrist = MPII.index("r_wrist")
    annotated[1:, wrist] = 0
    moved = joints.copy()
    moved[0, wrist] += 1000
    result = pckh.score(moved, joints, annotated, head_size)
    assert result.at_05 == pytest.approx(100 * 52 / 53)
    assert result.mean14 == pytest.approx(100 * 13 / 14)
    assert result.groups["wrist"] == 50 and result.groups["elbow"] == 100


def test_head_is_the_head_top_alone():
    joints, annotated, head_size = people(3)
    moved = joints.copy()
    moved[:, MPII.index("neck")] += 1000
    assert pckh.score(moved, joints, annotated, head_size).groups["head"] == 100


def test_curve_is_what_counting_gives():
    distances = np.abs(np.random.default_rng(0).normal(0, 0.4, (37, 16)))
    distances[distances > 1] = np.nan
    counted = distances[:, list(pckh.COUNTED)]
    counted = counted[~np.isnan(counted)]
    np.testing.assert_allclose(pckh.curve(distances), [100 * (counted <= t).mean() for t in pckh.THRESHOLDS])


def test_a_joint_that_nobody_has_is_nan_and_leaves_the_mean_alone():
    joints, annotated, head_size = people(6)
    annotated[:, MPII.index("l_knee")] = 0
    result = pckh.score(joints, joints, annotated, head_size)
    assert result.mean14 == 100 and result.groups["knee"] == 100
    annotated[:, MPII.index("r_knee")] = 0
    assert np.isnan(pckh.score(joints, joints, annotated, head_size).groups["knee"])


def test_an_unannotated_person_needs_no_head_size():
    joints, annotated, head_size = people(3)
    annotated[1], head_size[1] = 0, np.nan
    assert pckh.score(joints, joints, annotated, head_size).at_05 == 100


@pytest.mark.parametrize("size", [np.nan, 0.0, -3.0, np.inf])
def test_a_missing_head_size_is_refused(size):
    joints, annotated, head_size = people(4)
    head_size[2] = size
    with pytest.raises(InputError, match="person 2.*gt_valid.mat"):
        pckh.score(joints, joints, annotated, head_size)


def test_nobody_annotated_is_refused():
    joints, annotated, head_size = people(4)
    with pytest.raises(InputError, match="None of the 14 joints"):
        pckh.score(joints, joints, 0 * annotated, head_size)


def test_protocol_says_what_could_change_the_number():
    line = pckh.protocol(2958)
    assert line.startswith("mpii|people:2958|joints:14") and line.endswith("|counted: annotated")
