"""MPJPE against loops, alignment against SciPy's, and what an alignment must not do."""
from __future__ import annotations

from typing import List, Tuple

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.metrics import mpjpe
from integral_pose.skeletons import HUMAN36M

FRAMES, JOINTS = 29, 17


def poses(frames: int = FRAMES, joints: int = 18, seed: int = 0) -> Array:
    """Camera mm, some 5 m away."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 400, (frames, joints, 3)) + rng.uniform([-900, -300, 3000], [900, 300, 6000], (frames, 1, 3))


def pair() -> Tuple[Array, Array]:
    truth = poses()
    return truth + np.random.default_rng(1).normal(0, 150, truth.shape), truth


def moved(truth: Array) -> Array:
    """Every frame turned and shifted in its own way."""
    turns = Rotation.random(len(truth), random_state=2).as_matrix()
    return truth @ turns + np.random.default_rng(3).normal(0, 800, (len(truth), 1, 3))


def aligned_by_scipy(predicted: Array, true: Array, scale: bool) -> Array:
    """One frame (17, 3) after the other."""
    predicted, true = predicted - predicted.mean(axis=0), true - true.mean(axis=0)
    turned = Rotation.align_vectors(true, predicted)[0].apply(predicted)
    size = (true * turned).sum() / np.square(turned).sum() if scale else 1.0
    return np.linalg.norm(size * turned - true, axis=1)


def test_the_thorax_alone_is_not_scored() -> None:
    assert [HUMAN36M.joints[i] for i in mpjpe.SCORED] == [joint for joint in HUMAN36M.joints if joint != "thorax"]
    assert len(mpjpe.ACTIONS) == len(set(mpjpe.ACTIONS)) == len(mpjpe.HEADINGS) == 15


@pytest.mark.parametrize("joints", [(17, 17), (17, 18), (18, 17), (18, 18)])
def test_joint_errors_equal_a_loop_over_joints(joints: Tuple[int, int]) -> None:
    predicted, true = (array[:, :count] for array, count in zip(pair(), joints))
    errors = mpjpe.joint_errors(predicted, true)
    assert errors.shape == (FRAMES, JOINTS) and not errors[:, 0].any()
    for n in range(FRAMES):
        for k in range(JOINTS):
            offset = (predicted[n, k] - predicted[n, 0]) - (true[n, k] - true[n, 0])
            assert errors[n, k] == pytest.approx(np.sqrt((offset**2).sum()))


def test_where_the_roots_are_does_not_matter() -> None:
    predicted, true = pair()
    elsewhere = predicted + np.random.default_rng(5).normal(0, 900, (FRAMES, 1, 3))
    for measure in (mpjpe.joint_errors, mpjpe.aligned_errors):
        np.testing.assert_allclose(measure(elsewhere, true), measure(predicted, true), atol=1e-9)


def test_a_rigid_motion_is_taken_back() -> None:
    truth = poses()
    assert mpjpe.joint_errors(moved(truth), truth).mean() > 100
    for scale in (False, True):
        assert mpjpe.aligned_errors(moved(truth), truth, scale).max() < 1e-6


@pytest.mark.parametrize("size", [0.7, 1.3])
def test_only_the_alignment_with_scale_takes_back_a_scale(size: float) -> None:
    truth = poses()
    distances = np.linalg.norm(truth[:, :JOINTS] - truth[:, :JOINTS].mean(axis=1, keepdims=True), axis=2)
    np.testing.assert_allclose(mpjpe.aligned_errors(moved(size * truth), truth), abs(size - 1) * distances, atol=1e-6)
    assert mpjpe.aligned_errors(moved(size * truth), truth, scale=True).max() < 1e-6


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("scale", [False, True])
def test_a_mirrored_pose_does_not_fit(axis: int, scale: bool) -> None:
    truth = poses()
    mirrored = truth * np.where(np.arange(3) == axis, -1, 1)
    assert mpjpe.aligned_errors(moved(mirrored), truth, scale).mean(axis=1).min() > 10


@pytest.mark.parametrize("noise", [0.0, 5.0, 150.0, 2000.0])
@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("mirror", [1, -1])
def test_alignment_equals_scipys_frame_by_frame(noise: float, scale: bool, mirror: int) -> None:
    truth = poses(joints=JOINTS)
    predicted = moved(truth * [mirror, 1, 1] + np.random.default_rng(4).normal(0, noise, truth.shape))
    expected = [aligned_by_scipy(*frame, scale) for frame in zip(predicted, truth)]
    np.testing.assert_allclose(mpjpe.aligned_errors(predicted, truth, scale), expected, atol=1e-6)


def test_every_freedom_lowers_the_squared_error() -> None:
    predicted, true = pair()
    errors = [mpjpe.joint_errors(predicted, true), *(mpjpe.aligned_errors(predicted, true, s) for s in (False, True))]
    as_is, rigid, scaled = (np.square(error).sum(axis=1) for error in errors)
    assert (rigid < as_is).all() and (scaled < rigid).all()


def test_single_precision_is_measured_in_double() -> None:
    truth = poses()
    narrow = moved(truth).astype(np.float32)
    wide = narrow.astype(float)
    np.testing.assert_array_equal(mpjpe.aligned_errors(narrow, truth), mpjpe.aligned_errors(wide, truth))


def flat(points: Array, dimensions: int) -> Array:
    """The same points in space of 0 dimensions, a point; of 1, a line; or of 2, a plane; turned, some 5 m away."""
    return moved(points * (np.arange(3) < dimensions)) + [0, 0, 5000]


@pytest.mark.parametrize("scale", [False, True])
@pytest.mark.parametrize("dimensions", [0, 1, 2])
def test_flat_poses_fit_their_like_and_have_finite_errors_to_others(scale: bool, dimensions: int) -> None:
    truth = poses(joints=JOINTS)
    relative = truth - truth.mean(axis=1, keepdims=True)
    like = flat(relative, dimensions)
    assert mpjpe.aligned_errors(moved(like), like, scale).max() < 1e-6
    assert np.isfinite(mpjpe.aligned_errors(like, truth, scale)).all()
    assert np.isfinite(mpjpe.aligned_errors(truth, like, scale)).all()


@pytest.mark.parametrize("scale", [False, True])
def test_a_point_leaves_the_distances_from_the_centre(scale: bool) -> None:
    truth = poses(joints=JOINTS)
    distances = np.linalg.norm(truth - truth.mean(axis=1, keepdims=True), axis=2)
    for point in (flat(truth, 0), np.zeros_like(truth)):
        np.testing.assert_allclose(mpjpe.aligned_errors(point, truth, scale), distances, atol=1e-6)


def actions_of(counts: List[int]) -> List[str]:
    named = [name for name, count in zip(mpjpe.ACTIONS, counts) for _ in range(count)]
    return list(np.random.default_rng(7).permutation(named))


def test_frames_weigh_alike_and_actions_do_not() -> None:
    predicted, true = pair()
    actions = actions_of([3, 11, 0, 15])
    sizes = 1 + np.array([mpjpe.ACTIONS.index(action) for action in actions])
    predicted = true + (predicted - true) * sizes[:, None, None]
    result = mpjpe.score(predicted, true, actions)
    frames = {
        "mpjpe": mpjpe.joint_errors(predicted, true),
        "pa_mpjpe": mpjpe.aligned_errors(predicted, true),
        "pa_mpjpe_scaled": mpjpe.aligned_errors(predicted, true, scale=True),
    }
    for metric, errors in frames.items():
        assert getattr(result, metric) == pytest.approx(errors.mean())
        by_action = result.by_action[metric]
        assert list(by_action) == list(mpjpe.ACTIONS)
        means = [errors[np.array(actions) == name].mean() for name in ("Directions", "Discussion", "Greeting")]
        assert [by_action[name] for name in ("Directions", "Discussion", "Greeting")] == pytest.approx(means)
        assert np.isnan([by_action[name] for name in mpjpe.ACTIONS if name not in actions]).all()
        assert result.over_actions[metric] == pytest.approx(np.mean(means))
        assert abs(result.over_actions[metric] - getattr(result, metric)) > 10


@pytest.mark.parametrize("predicted, true, message", [
    ((5, 17, 3), (6, 17, 3), "5 predictions for 6 frames"),
    ((5, 16, 3), (5, 17, 3), r"predictions have shape \(5, 16, 3\)"),
    ((5, 17, 3), (5, 17, 2), r"truth have shape \(5, 17, 2\)"),
    ((0, 17, 3), (0, 17, 3), "shape"),
    ((17, 3), (17, 3), "shape"),
])
def test_sizes_that_differ_are_refused(predicted: tuple, true: tuple, message: str) -> None:
    for measure in (mpjpe.joint_errors, mpjpe.aligned_errors):
        with pytest.raises(InputError, match=message):
            measure(np.ones(predicted), np.ones(true))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    predicted, true = pair()
    predicted[3, 17], predicted[5, 16, 2] = np.nan, value
    for measure in (mpjpe.joint_errors, mpjpe.aligned_errors):
        for arrays in ((predicted, true), (true, predicted)):
            with pytest.raises(InputError, match="Frame 5"):
                measure(*arrays)


def test_actions_must_be_known_and_as_many_as_frames() -> None:
    predicted, true = pair()
    with pytest.raises(InputError, match="28 actions for 29 frames"):
        mpjpe.score(predicted, true, ["Eating"] * 28)
    with pytest.raises(InputError, match="No action is called Dancing"):
        mpjpe.score(predicted, true, ["Eating"] * 28 + ["Dancing"])


def test_the_protocol_says_who_how_many_and_how() -> None:
    line = mpjpe.protocol(8671, 1, "synthetic")
    for part in ("synthetic|", "protocol:1 (test: S11)", "frames:8671, every 64th", "joints:17", "no reflection"):
        assert part in line
    assert "S9, S11" in mpjpe.protocol(3, 2)
