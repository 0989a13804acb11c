"""Readers of Human3.6M: 3DMPPE's JSON, mmpose's npz, h36m-fetch's h5.

Samples and their order are the same, whichever of the three was read.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Tuple

import numpy as np

from integral_pose.datasets.dataset import MPJPE, SYNTHETIC, DataSet, limits
from integral_pose.datasets.formats import human36m_h5, human36m_json, human36m_npz
from integral_pose.datasets.formats.human36m_views import ACTION_IDS, View, Views, Wanted
from integral_pose.datasets.mpii import held_out
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.metrics.mpjpe import TEST_SUBJECTS
from integral_pose.run import Run
from integral_pose.samples import Pose, Sample
from integral_pose.skeletons import HUMAN36M
from integral_pose.synthetic import make_human36m
from integral_pose.synthetic.versions import number_of

LARGEST = 1e6  # mm or px that are taken for a place
SPAN = 2000.0  # mm: the box is a square of 2 m around the pelvis
EVERY = {"train": 5, "test": 64}
HELD_OUT_EVERY = 40  # frames: those held out are seen again after each epoch
SUBJECTS: Dict[Tuple[int, str], Tuple[int, ...]] = {
    (1, "train"): (1, 5, 6, 7, 8, 9), (1, "test"): TEST_SUBJECTS[1],
    (2, "train"): (1, 5, 6, 7, 8), (2, "test"): TEST_SUBJECTS[2],
}
DAMAGED = (11, 2, 2, 1)  # s_11_act_02_subact_02_ca_01: the video is cut off
PELVIS = HUMAN36M.index("pelvis")
SHOULDERS = [HUMAN36M.index("l_shoulder"), HUMAN36M.index("r_shoulder")]


class _Format(NamedTuple):
    found: Callable[[Path], bool]
    read: Callable[[Path, Wanted], Views]


FORMATS = (
    _Format(human36m_json.found, human36m_json.read),
    _Format(human36m_npz.found, human36m_npz.read),
    _Format(human36m_h5.found, human36m_h5.read),
)


@dataclass(frozen=True)
class Human36m(DataSet):
    """Human3.6M: one person a frame, in 3D, measured in millimetres.

    Args:
        protocol: 1 or 2: who is trained on and who is tested.
    """

    metric, skeleton = MPJPE, HUMAN36M

    protocol: int = 2

    @classmethod
    def find(cls, name: str, root: Path, run: Run) -> Human36m:
        """As `DataSet.find`; the reader finds out which of its layouts is there."""
        if name.startswith(SYNTHETIC):
            version = number_of(name, make_human36m.VERSIONS)
            subactions, cameras, frames, *rest = (int(number) for number in name.split("-")[3].split("x"))
            made = make_human36m.make(root / name, subactions, cameras, frames, seed=0, version=version,
                                      test_frames=sum(rest))
            return cls(made, protocol=run.protocol)
        return cls(root / name if (root / name).is_dir() else root, limits(run), run.protocol)

    def _read(self, split: str) -> List[Sample]:
        return read(self.folder, split, self.protocol)


def read(folder: Path, split: str, protocol: int) -> List[Sample]:
    """The people of one split, by subject, action, sub-action, camera and frame.

    Args:
        folder: holds the data set in one of three formats; the first of these that is there is read.
            3DMPPE: annotations/Human36M_subject1_{data,camera,joint_3d}.json (also in annot/, or in the folder
            itself) and images/. mmpose: annotation_body3d/ and images/. h36m-fetch: processed/S1/*/annot.h5, or
            S1/*/annot.h5, with imageSequence/ beside each.
        split: "test" for every 64th frame of the test subjects' clips; "train" and "held-out" divide the training
            subjects' clips, so that a clip's cameras and neighbouring frames go together, and have every 5th frame of
            theirs and every 40th: held out are 11 of Protocol 2's 150 clips and 14 of Protocol 1's 180, some of each
            subject.
            Of a file that holds fewer frames, as h36m-fetch's do in training, these are taken as far as they are
            there.
        protocol: 1 tests on subject 11, 2 on subjects 9 and 11.

    Returns:
        samples of HUMAN36M's 18 joints. `joints` is the projection of `pose.joints` by `pose.camera`, with the lens's
        distortion where the format tells it; it is not the format's own 2D annotation, which need not fit the camera
        that decodes (h36m-fetch's includes a distortion that its cameras lack).

    Raises:
        InputError: no format is there, a subject is missing, or a file is wrong.
    """
    if split not in ("train", "held-out", "test"):
        raise ValueError(f"no such split: {split}")
    part = "test" if split == "test" else "train"
    views = _views(folder, Wanted(protocol, part, SUBJECTS[protocol, part], EVERY[part]))
    if part == "train":
        held = dict(zip([view.clip for view in views], held_out([view.clip for view in views])))
        views = [view for view in views if held[view.clip] == (split == "held-out")]
    if split == "held-out":
        views = [_thinned(view, HELD_OUT_EVERY) for view in views]
    return [sample for view in views if len(view.frames) for sample in _samples(view)]


def _views(folder: Path, wanted: Wanted) -> Views:
    """The wanted views in order, without the damaged one and those that hold no wanted frame."""
    views = sorted(_format(folder).read(folder, wanted), key=lambda view: view.key)
    kept = [view for view in views if len(view.frames) and view.key != DAMAGED]
    for view in kept:
        _check(view)
    missing = set(wanted.subjects) - {view.subject for view in kept}
    if missing:
        subject = min(missing)
        raise InputError(
            f"{folder}: holds no frame of subject {subject}, and {wanted.reason(subject)} (every {wanted.every}th "
            "frame of each clip). Add the subject, or give another folder with --data."
        )
    return kept


def _format(folder: Path) -> _Format:
    for candidate in FORMATS:
        if candidate.found(folder):
            return candidate
    raise InputError(
        f"{folder}: {'holds no Human3.6M' if folder.is_dir() else 'there is no such folder'}. Expected were "
        "annotations/Human36M_subject*_data.json (3DMPPE; also in annot/ or in the folder itself), annotation_body3d/ "
        "(mmpose) and processed/S*/*/annot.h5 (h36m-fetch). Put one of them there; --data names the folder above "
        "human36m/ and mpii/."
    )


def _thinned(view: View, every: int) -> View:
    """The view's frames whose number is a multiple of `every`."""
    rows = np.flatnonzero(view.frames % every == 0)
    return view._replace(frames=view.frames[rows], joints=view.joints[rows], images=[view.images[i] for i in rows])


def _check(view: View) -> None:
    """Refuses what cannot be projected."""
    focal, centre = view.camera.focal, view.camera.centre
    if not all(0 < length < LARGEST for length in focal) or not all(abs(place) < LARGEST for place in centre):
        raise InputError(
            f"{view.images[0]}: the camera of this frame has a focal length of {focal} px and its centre at {centre} "
            "px, which no camera has. Its file is damaged: copy it again from its source."
        )
    good = ((np.abs(view.joints) < LARGEST).all(axis=2) & (view.joints[..., 2] > 0)).all(axis=1)
    if not good.all():
        image = view.images[int(np.flatnonzero(~good)[0])]
        raise InputError(
            f"{image}: a joint of this frame is not finite or lies behind the camera. The annotation is damaged, or "
            "does not go with its camera file: copy both again from their source."
        )


def _samples(view: View) -> Iterator[Sample]:
    poses = _with_thorax(view.joints)
    annotated = np.ones(len(HUMAN36M.joints))
    annotated.flags.writeable = False  # all frames share it
    action = ACTION_IDS[view.action]
    for frame, image, pixels, pose in zip(view.frames, view.images, view.camera.project(poses), poses):
        box = view.camera.box(pose[PELVIS], SPAN)
        moment = f"{view.clip} {frame}"
        yield Sample(image, pixels, annotated, box, pose=Pose(pose, view.camera, action, moment))


def _with_thorax(joints: Array) -> Array:
    """(N, 17, 3) -> (N, 18, 3)."""
    return np.concatenate([joints, joints[:, SHOULDERS].mean(axis=1, keepdims=True)], axis=1)
