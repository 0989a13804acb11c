"""BVH, the motion files of Blender and other programs for animation: bones of constant length that turn.

A network predicts joints, not bones: their lengths vary from frame to frame, and the file has the median of each over
the video. The root stays where it is. A joint from which one bone leads on is turned on the shortest way; where several
do, at the pelvis and the thorax, the turn that fits them all best is taken (Kabsch's).
"""
from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, List, TextIO

import numpy as np
from scipy.spatial.transform import Rotation

from integral_pose.geometry import Array
from integral_pose.inference.formats.motion import Motion
from integral_pose.skeletons import Skeleton

CM = 0.1  # in a mm: most programs take a BVH file's unit for cm
TIP = 5.0  # cm beyond the last joint of a limb
LEAST = 1e-3  # cm: no bone is shorter
ORDER = "ZXY"  # of the turns about the joint's own axes
# Where bones point while nothing is turned, somebody with spread arms who looks along z: x is their left, y up.
REST = {"hip": (1, 0, 0), "shoulder": (1, 0, 0), "elbow": (1, 0, 0), "wrist": (1, 0, 0), "knee": (0, -1, 0),
        "ankle": (0, -1, 0), "nose": (0, 0.6, 0.8)}


class Bones:
    """A skeleton's tree with the constant offset (3,), cm, of each joint from its parent while nothing is turned."""

    def __init__(self, skeleton: Skeleton, poses: Array) -> None:
        self.names, self.root = skeleton.joints, skeleton.index(skeleton.root)
        self.children: Dict[int, List[int]] = {joint: [] for joint in range(len(self.names))}
        self.offsets = np.zeros((len(self.names), 3))
        for parent, child in skeleton.limbs:
            self.children[parent].append(child)
            length = float(np.median(np.linalg.norm(poses[:, child] - poses[:, parent], axis=1)))
            self.offsets[child] = max(length * CM, LEAST) * _rest(self.names[child])

    def order(self) -> Iterator[int]:
        """The joints as the file has them: each before its children."""
        waiting = [self.root]
        while waiting:
            joint = waiting.pop()
            yield joint
            waiting += reversed(self.children[joint])

    def turns(self, poses: Array) -> Array:
        """Degrees (N, K, 3), in `ORDER`, that turn the bones into poses (N, K, 3)."""
        facing: Dict[int, Rotation] = {}
        local = np.zeros((*poses.shape[:2], 3))
        parents = {child: parent for parent, children in self.children.items() for child in children}
        for joint in self.order():
            above = facing[parents[joint]] if joint in parents else Rotation.identity(len(poses))
            facing[joint] = self._turned(joint, above, poses)
            local[:, joint] = (above.inv() * facing[joint]).as_euler(ORDER, degrees=True)
        return local

    def _turned(self, joint: int, above: Rotation, poses: Array) -> Rotation:
        children = self.children[joint]
        seen = poses[:, children] - poses[:, [joint]]
        if len(children) > 1:
            return Rotation.concatenate([_best(directions, self.offsets[children]) for directions in seen])
        if not children:
            return above
        return _shortest(above.apply(self.offsets[children[0]]), seen[:, 0]) * above


def _rest(name: str) -> Array:
    direction = np.array(REST.get(name.split("_", 1)[-1], (0, 1, 0)), float)
    return direction * (-1 if name.startswith("r_") and direction[0] else 1)


def _best(seen: Array, rest: Array) -> Rotation:
    """The turn that brings the directions of rest (M, 3) nearest to those seen (M, 3)."""
    lengths = np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), LEAST)
    u, _, v = np.linalg.svd((seen / lengths).T @ (rest / np.linalg.norm(rest, axis=1, keepdims=True)))
    return Rotation.from_matrix(u @ np.diag([1, 1, np.sign(np.linalg.det(u @ v))]) @ v)


def _shortest(start: Array, end: Array) -> Rotation:
    """The smallest turns that bring directions (N, 3) to others."""
    axis = np.cross(start, end)
    size = np.linalg.norm(axis, axis=1)
    angle = np.arctan2(size, (start * end).sum(axis=1))
    aside = np.cross(start, np.eye(3)[np.abs(start).argmin(axis=1)])  # for those that turn by half a circle
    axis = np.where(size[:, None] > 1e-9, axis, aside)
    return Rotation.from_rotvec(axis / np.maximum(np.linalg.norm(axis, axis=1, keepdims=True), 1e-12) * angle[:, None])


def write(path: Path, motion: Motion, skeleton: Skeleton, rate: float) -> None:
    """Writes a person's motion, at an even `rate` of frames a second: between frames, joints move straight on."""
    start, end = float(motion.seconds[0]), float(motion.seconds[-1])
    times = start + np.arange(round((end - start) * rate) + 1) / rate
    flat = motion.poses.reshape(len(motion.seconds), -1)
    even = np.stack([np.interp(times, motion.seconds, column) for column in flat.T], axis=1)
    poses = even.reshape(len(times), -1, 3)
    bones = Bones(skeleton, motion.poses)
    turns = bones.turns(poses)
    with path.open("w", encoding="ascii") as file:
        file.write("HIERARCHY\n")
        _write_joint(file, bones, bones.root, 0)
        file.write(f"MOTION\nFrames: {len(times)}\nFrame Time: {1 / rate:.7f}\n")
        order = list(bones.order())
        for frame in turns:
            file.write("0 0 0 " + " ".join(f"{angle:.4f}" for angle in frame[order].ravel()) + "\n")


def _write_joint(file: TextIO, bones: Bones, joint: int, depth: int) -> None:
    indent = "\t" * depth
    root = joint == bones.root
    places = "Xposition Yposition Zposition " if root else ""
    file.write(f"{indent}{'ROOT' if root else 'JOINT'} {bones.names[joint]}\n{indent}{{\n"
               f"{indent}\tOFFSET {_cells(bones.offsets[joint])}\n"
               f"{indent}\tCHANNELS {6 if root else 3} {places}Zrotation Xrotation Yrotation\n")
    for child in bones.children[joint]:
        _write_joint(file, bones, child, depth + 1)
    if not bones.children[joint]:
        file.write(f"{indent}\tEnd Site\n{indent}\t{{\n"
                   f"{indent}\t\tOFFSET {_cells(TIP * _rest(bones.names[joint]))}\n{indent}\t}}\n")
    file.write(f"{indent}}}\n")


def _cells(values: Array) -> str:
    return " ".join(f"{value:.4f}" for value in values)
