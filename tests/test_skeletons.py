"""Skeletons are trees, and the same in a mirror."""
from __future__ import annotations

import pytest

from integral_pose import skeletons
from integral_pose.skeletons import COCO, MPII, Skeleton

TRIDENT = Skeleton(("l_tip", "shaft", "r_tip", "head"), "shaft", ("shaft-head", "shaft-l_tip", "shaft-r_tip"))
ALL = {name: value for name, value in vars(skeletons).items() if isinstance(value, Skeleton)}
every_skeleton = pytest.mark.parametrize("skeleton", [*ALL.values(), TRIDENT], ids=[*ALL, "TRIDENT"])


@every_skeleton
def test_every_joint_reaches_the_root(skeleton: Skeleton) -> None:
    root, parents = skeleton.index(skeleton.root), skeleton.parents
    assert [joint for joint, parent in enumerate(parents) if joint == parent] == [root]
    for joint in range(len(parents)):
        for _ in parents:
            joint = parents[joint]
        assert joint == root


@every_skeleton
def test_every_joint_but_the_root_ends_one_limb(skeleton: Skeleton) -> None:
    ends = sorted([skeleton.index(skeleton.root), *(child for _, child in skeleton.limbs)])
    assert ends == list(range(len(skeleton.joints)))


@every_skeleton
def test_a_mirror_swaps_left_and_right_and_twice_is_nothing(skeleton: Skeleton) -> None:
    swapped = [skeleton.joints[i] for i in skeleton.mirror]
    turned = {"l_": "r_", "r_": "l_"}
    assert swapped == [turned.get(name[:2], name[:2]) + name[2:] for name in skeleton.joints]
    assert [skeleton.mirror[i] for i in skeleton.mirror] == list(range(len(skeleton.joints)))


@every_skeleton
def test_limbs_are_the_same_in_a_mirror(skeleton: Skeleton) -> None:
    mirrored = {(skeleton.mirror[parent], skeleton.mirror[child]) for parent, child in skeleton.limbs}
    assert mirrored == set(skeleton.limbs)


@every_skeleton
def test_slots_in_itself_are_its_own(skeleton: Skeleton) -> None:
    assert skeleton.slots_in(skeleton) == tuple(range(len(skeleton.joints)))


def test_slots_in_another_skeleton_go_by_name() -> None:
    other = Skeleton(("r_tip", "tail", "shaft"), "shaft", ("shaft-r_tip", "shaft-tail"))
    assert TRIDENT.slots_in(other) == (-1, 2, 0, -1)
    assert other.slots_in(TRIDENT) == (2, -1, 1)


@pytest.mark.parametrize(
    "joint, parent", [("r_ankle", "r_knee"), ("l_hip", "pelvis"), ("l_shoulder", "thorax"), ("head_top", "neck")]
)
def test_mpii_parents(joint: str, parent: str) -> None:
    assert MPII.joints[MPII.parents[MPII.index(joint)]] == parent


def test_coco_names_its_joints_in_its_own_order() -> None:
    sides = {"l": "left", "r": "right"}
    names = [f"{sides[name[0]]}_{name[2:]}" if name[1] == "_" else name for name in COCO.joints]
    assert names == [  # the categories' `keypoints` in person_keypoints_val2017.json
        "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
        "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
        "right_ankle",
    ]


def test_coco_limbs_are_ones_that_coco_draws() -> None:
    drawn = (  # the categories' `skeleton`, counted from 1
        (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11),
        (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
    )
    assert {(min(limb) + 1, max(limb) + 1) for limb in COCO.limbs} <= {(min(limb), max(limb)) for limb in drawn}
