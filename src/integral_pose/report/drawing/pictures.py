"""Images of results: PCKh curves, and predictions drawn over test people and in 3D."""
from __future__ import annotations

from pathlib import Path
from typing import Any, List, Sequence, Tuple

import matplotlib
import numpy as np

from integral_pose.datasets.dataset import Candidates
from integral_pose.geometry import Array
from integral_pose.metrics import pckh
from integral_pose.report.results import Measured
from integral_pose.samples import Sample, cut, patch_of
from integral_pose.skeletons import LEFT, MIDDLE, RIGHT, Skeleton
from integral_pose.storage import image_files
from integral_pose.storage.atomic import replacing

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # the backend is chosen first: there may be no screen

plt.rcParams["text.parse_math"] = False  # a dollar in a name is a dollar

TILE = 192  # px of a person in the grid
PEOPLE = 8
SCENES, DRAWN = 5, 0.3  # pictures of the grid with several people, and from which score on a pose is drawn
SHOWN = ("Walking", "Sitting", "Photo")  # actions of the 3D picture


def curves(measured: Measured, path: Path) -> None:
    """Figure 2: one curve a row, the mean over its seeds."""
    figure, axes = plt.subplots(figsize=(5, 4))
    for row, style in zip(measured.table.rows, ("-", "--", "-.", ":")):
        evidence = measured.evidence.get((row.name, measured.table.columns[0]))
        if evidence:
            mean = np.mean([pckh.curve(e.arrays["distances"]) for e in evidence], axis=0)
            axes.plot(pckh.THRESHOLDS, mean, style, label=row.name)
    axes.set(xlabel="threshold, head sizes", ylabel="PCKh, %", xlim=(0, 0.5), ylim=(0, 100))
    axes.set_title(next(iter(measured.evidence.values()))[0].signature["data"], fontsize="small")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def grid(measured: Measured, samples: Sequence[Sample], skeleton: Skeleton, path: Path) -> None:
    """The first test people: as annotated, then as the first seed of each row and column predicts."""
    annotated = [np.where(sample.annotated[:, None] > 0, sample.joints, np.nan) for sample in samples]
    lines: List[Tuple[str, Any]] = [("annotated", annotated)]
    for (row, column), evidence in measured.evidence.items():
        title = row if len(measured.table.columns) == 1 else f"{row}\n{column}"
        lines.append((title, evidence[0].predictions))
    people = samples[:PEOPLE]
    figure, axes = plt.subplots(
        len(lines), len(people), figsize=(1.5 * len(people), 1.5 * len(lines)), squeeze=False, layout="constrained"
    )
    for line, (title, joints) in zip(axes, lines):
        line[0].set_ylabel(title)
        for place, sample, of_person in zip(line, people, joints):
            _person(place, sample, of_person, skeleton)
    _save(figure, path)


def scenes(measured: Measured, people: Candidates, skeleton: Skeleton, path: Path) -> None:
    """The first test pictures with several people: as annotated, then with the poses that each row's first seed found.

    Of a table with several columns only the first is drawn.
    """
    ids, counts = np.unique(people.images, return_counts=True)
    shown = [int(i) for i in ids[counts > 1][:SCENES]]
    joints = [np.where(sample.annotated[:, None] > 0, sample.joints, np.nan) for sample in people.samples]
    lines: List[Tuple[str, Array, Any]] = [("annotated", people.images, joints)]
    for (row, column), (evidence, *_) in measured.evidence.items():
        if column == measured.table.columns[0]:
            sure = evidence.arrays["pose_scores"] > DRAWN
            lines.append((row, evidence.arrays["pictures"][sure], evidence.predictions[sure]))
    figure, axes = plt.subplots(
        len(lines), len(shown), figsize=(2.6 * len(shown), 2 * len(lines)), squeeze=False, layout="constrained"
    )
    files = dict(zip(people.images.tolist(), (sample.image for sample in people.samples)))
    for line, (title, images, poses) in zip(axes, lines):
        line[0].set_ylabel(title)
        for place, image in zip(line, shown):
            _scene(place, files[image], [poses[i] for i in np.flatnonzero(images == image)], skeleton)
    _save(figure, path)


def _scene(axes: Any, image: Path, poses: Sequence[Array], skeleton: Skeleton) -> None:
    """A whole picture with limbs over it."""
    pixels = image_files.read(image)
    axes.imshow(pixels[:, :, ::-1])
    for joints in poses:
        _limbs(axes, joints, skeleton)
    axes.set(xticks=[], yticks=[], xlim=(0, pixels.shape[1]), ylim=(pixels.shape[0], 0))


def _person(axes: Any, sample: Sample, joints: Array, skeleton: Skeleton) -> None:
    """One person's patch with limbs over it."""
    patch = patch_of(sample, TILE)
    axes.imshow(cut(image_files.read(sample.image, sample.upright), patch)[:, :, ::-1])
    _limbs(axes, patch.to_fraction(joints) * TILE - 0.5, skeleton)
    axes.set(xticks=[], yticks=[], xlim=(0, TILE), ylim=(TILE, 0))


def _limbs(axes: Any, points: Array, skeleton: Skeleton) -> None:
    """Limbs between points (K, 2), left and right in different colours."""
    for parent, child in skeleton.limbs:
        colour = {"l_": LEFT, "r_": RIGHT}.get(skeleton.joints[child][:2], MIDDLE)
        axes.plot(*points[[parent, child]].T, "-", color=colour, linewidth=1.2)


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as draft:
        figure.savefig(draft, dpi=110, format=path.suffix[1:])
    plt.close(figure)


def skeletons(measured: Measured, samples: Sequence[Sample], skeleton: Skeleton, path: Path) -> None:
    """Test people of three actions in their pictures, and in 3D from the camera and from the side.

    One line as annotated, then one for the first seed of each row and column.
    """
    truth = {index: samples[index].pose for index in chosen(samples)}
    lines: List[Tuple[str, Any]] = [("annotated", {index: pose.joints for index, pose in truth.items() if pose})]
    for (row, column), evidence in measured.evidence.items():
        lines.append((f"{row}\n{column}", evidence[0].predictions))
    figure, axes = plt.subplots(
        len(lines), 3 * len(truth), figsize=(3.9 * len(truth), 1.3 * len(lines)), squeeze=False, layout="constrained"
    )
    for line, (title, joints) in zip(axes, lines):
        line[0].set_ylabel(title, fontsize="small")
        for place, index in enumerate(truth):
            _pose(line[3 * place : 3 * place + 3], samples[index], joints[index], skeleton)
    for place, pose in enumerate(truth.values()):
        for axis, what in zip(axes[0, 3 * place :], (pose.action if pose else "", "as the camera", "from beside")):
            axis.set_title(what, fontsize="small")
    _save(figure, path)


def chosen(samples: Sequence[Sample]) -> List[int]:
    """One test person for each of three actions: the one in the middle of its frames."""
    frames = [[i for i, sample in enumerate(samples) if sample.pose and sample.pose.action == name] for name in SHOWN]
    return [indices[len(indices) // 2] for indices in frames if indices]


def _pose(axes: Sequence[Any], sample: Sample, joints: Array, skeleton: Skeleton) -> None:
    """A pose (K, 3), camera mm, over its picture and from two sides; both are of the same scale."""
    assert sample.pose
    _person(axes[0], sample, sample.pose.camera.project(joints), skeleton)
    from_root = joints - joints[skeleton.index(skeleton.root)]
    for axis, across in zip(axes[1:], (0, 2)):
        _limbs(axis, from_root[:, [across, 1]], skeleton)
        axis.set(xticks=[], yticks=[], xlim=(-1000, 1000), ylim=(1000, -1000), aspect="equal", facecolor="#444444")
