"""Skeletons as data: joints by name; parents, mirror images and maps between data sets derived.

A skeleton's limbs are paths of joints joined by dashes, written from the root outwards.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Dict, Optional, Tuple

LEFT, RIGHT, MIDDLE = "#e69f00", "#56b4e9", "#ffffff"  # colours of limbs, told apart by colour-blind people


@dataclass(frozen=True)
class Skeleton:
    """A tree of K named joints; of people's own data, where limbs are missing, several trees.

    Left and right joints share a name but for the prefix ``l_`` or ``r_``, or they are listed.
    """

    joints: Tuple[str, ...]
    root: str
    paths: Tuple[str, ...]
    pairs: Optional[Tuple[Tuple[str, str], ...]] = None  # all left and right joints, where prefixes do not tell them

    def index(self, joint: str) -> int:
        return self.joints.index(joint)

    @property
    def limbs(self) -> Tuple[Tuple[int, int], ...]:
        """(parent, child) indices, in the order of the paths."""
        chains = [path.split("-") for path in self.paths]
        return tuple(
            (self.index(parent), self.index(child))
            for chain in chains
            for parent, child in zip(chain, chain[1:])
        )

    @property
    def parents(self) -> Tuple[int, ...]:
        """The parent of each joint; the root is its own."""
        parent_of = {child: parent for parent, child in self.limbs}
        return tuple(parent_of.get(joint, joint) for joint in range(len(self.joints)))

    @property
    def mirror(self) -> Tuple[int, ...]:
        """For each joint, the one it becomes in a mirror."""
        return _mirror(self.joints) if self.pairs is None else _swapped(self.joints, self.pairs)

    def slots_in(self, other: Skeleton) -> Tuple[int, ...]:
        """For each of this skeleton's joints, its index in `other`, -1 where it has none."""
        where: Dict[str, int] = {joint: i for i, joint in enumerate(other.joints)}
        return tuple(where.get(joint, -1) for joint in self.joints)


def written(skeleton: Skeleton) -> str:
    """A skeleton in one line: its joints, from the root outwards its paths and, if they are listed, its pairs."""
    text = f"{','.join(skeleton.joints)}|{','.join(skeleton.paths)}"
    return text if skeleton.pairs is None else f"{text}|{','.join('='.join(pair) for pair in skeleton.pairs)}"


def parsed(text: str) -> Skeleton:
    """Inverse of `written`: the root is where the first path begins.

    Raises:
        ValueError: it is something else.
    """
    joints, bar, rest = text.partition("|")
    paths, listed, sides = rest.partition("|")
    pairs = tuple(tuple(pair.split("=")) for pair in sides.split(",") if pair)
    names = {name for path in paths.split(",") for name in path.split("-")} | {name for pair in pairs for name in pair}
    if not (joints and bar and names <= set(joints.split(",")) and all(len(pair) == 2 for pair in pairs)):
        raise ValueError(f"{text[:100]!r} is no skeleton")
    root = paths.split("-")[0].split(",")[0]
    return Skeleton(tuple(joints.split(",")), root, tuple(paths.split(",")),
                    tuple((left, right) for left, right in pairs) if listed else None)


@lru_cache(maxsize=None)
def _mirror(joints: Tuple[str, ...]) -> Tuple[int, ...]:
    swap = {"l_": "r_", "r_": "l_"}
    return tuple(joints.index(swap.get(name[:2], name[:2]) + name[2:]) for name in joints)


@lru_cache(maxsize=None)
def _swapped(joints: Tuple[str, ...], pairs: Tuple[Tuple[str, str], ...]) -> Tuple[int, ...]:
    swap = {name: other for left, right in pairs for name, other in ((left, right), (right, left))}
    return tuple(joints.index(swap.get(name, name)) for name in joints)


MPII = Skeleton(
    joints=(
        "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle",
        "pelvis", "thorax", "neck", "head_top",
        "r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist",
    ),
    root="pelvis",
    paths=(
        "pelvis-thorax-neck-head_top",
        "pelvis-r_hip-r_knee-r_ankle",
        "pelvis-l_hip-l_knee-l_ankle",
        "thorax-r_shoulder-r_elbow-r_wrist",
        "thorax-l_shoulder-l_elbow-l_wrist",
    ),
)

# Leeds Sports Pose has no pelvis: the root is the neck, and nothing is measured from it.
LSP = Skeleton(
    joints=(
        "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle",
        "r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow", "l_wrist", "neck", "head_top",
    ),
    root="neck",
    paths=(
        "neck-head_top",
        "neck-r_shoulder-r_elbow-r_wrist",
        "neck-l_shoulder-l_elbow-l_wrist",
        "r_shoulder-r_hip-r_knee-r_ankle",
        "l_shoulder-l_hip-l_knee-l_ankle",
    ),
)

# Human3.6M's 17 joints of 32 and, last, the thorax between the shoulders, which is trained and not scored. `neck` and
# `head_top` are Human3.6M's Neck and Head; the authors' release pairs them with MPII's joints of these names.
HUMAN36M = Skeleton(
    joints=(
        "pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle",
        "spine", "neck", "nose", "head_top",
        "l_shoulder", "l_elbow", "l_wrist", "r_shoulder", "r_elbow", "r_wrist", "thorax",
    ),
    root="pelvis",
    paths=(
        "pelvis-spine-thorax-neck-nose-head_top",
        "pelvis-r_hip-r_knee-r_ankle",
        "pelvis-l_hip-l_knee-l_ankle",
        "thorax-l_shoulder-l_elbow-l_wrist",
        "thorax-r_shoulder-r_elbow-r_wrist",
    ),
)

# The joint from which a bone leads to each of Human3.6M's 18, as the authors' release adds them up (s_36_parent_ids in
# common_pytorch/dataset/hm36.py); the pelvis is its own.
RELEASE_PARENTS = (0, 0, 1, 2, 0, 4, 5, 0, 17, 17, 8, 17, 11, 12, 17, 14, 15, 0)

# The 21 joints of MuCo-3DHP and MuPoTS-3D, in the order of 3DMPPE (joints_name in data/MuCo/MuCo.py).
MUCO = Skeleton(
    joints=(
        "head_top", "thorax", "r_shoulder", "r_elbow", "r_wrist", "l_shoulder", "l_elbow", "l_wrist",
        "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle", "pelvis", "spine", "head",
        "r_hand", "l_hand", "r_toe", "l_toe",
    ),
    root="pelvis",
    paths=(
        "pelvis-spine-thorax-head-head_top",
        "pelvis-r_hip-r_knee-r_ankle-r_toe",
        "pelvis-l_hip-l_knee-l_ankle-l_toe",
        "thorax-r_shoulder-r_elbow-r_wrist-r_hand",
        "thorax-l_shoulder-l_elbow-l_wrist-l_hand",
    ),
)

# COCO's joints have no middle of the body: the root only says where the tree is read from, and nothing is measured from
# it. The limbs are some of those that COCO itself draws.
COCO = Skeleton(
    joints=(
        "nose", "l_eye", "r_eye", "l_ear", "r_ear",
        "l_shoulder", "r_shoulder", "l_elbow", "r_elbow", "l_wrist", "r_wrist",
        "l_hip", "r_hip", "l_knee", "r_knee", "l_ankle", "r_ankle",
    ),
    root="nose",
    paths=(
        "nose-l_eye-l_ear-l_shoulder-l_elbow-l_wrist",
        "nose-r_eye-r_ear-r_shoulder-r_elbow-r_wrist",
        "l_shoulder-l_hip-l_knee-l_ankle",
        "r_shoulder-r_hip-r_knee-r_ankle",
    ),
)
