"""What people look at: curves of PCKh, and predictions drawn on the people they are about."""
from __future__ import annotations

from pathlib import Path
from typing import Any, List, Sequence, Tuple

import matplotlib
import numpy as np

from integral_pose.files import replacing
from integral_pose.geometry import Array
from integral_pose.metrics import pckh
from integral_pose.results import Measured
from integral_pose.samples import Sample, cut, patch_of, read_image
from integral_pose.skeletons import Skeleton

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # the backend is chosen first: there may be no screen

LEFT, RIGHT, MIDDLE = "#e69f00", "#56b4e9", "#ffffff"  # told apart by colour-blind people
TILE = 192  # px of a person in the grid
PEOPLE = 8


def curves(measured: Measured, path: Path) -> None:
    """Figure 2: one curve a row, the mean over its seeds."""
    figure, axes = plt.subplots(figsize=(5, 4))
    for row, style in zip(measured.table.rows, ("-", "--", "-.", ":")):
        evidence = measured.evidence.get((row.name, measured.table.columns[0]))
        if evidence:
            mean = np.mean([pckh.curve(e.distances) for e in evidence], axis=0)
            axes.plot(pckh.THRESHOLDS, mean, style, label=row.name)
    axes.set(xlabel="threshold, head sizes", ylabel="PCKh, %", xlim=(0, 0.5), ylim=(0, 100))
    axes.set_title(next(iter(measured.evidence.values()))[0].signature["data"], fontsize="small")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def grid(measured: Measured, samples: Sequence[Sample], skeleton: Skeleton, path: Path) -> None:
    """The first test people: as annotated, then as the first seed of each row and column says."""
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


def _person(axes: Any, sample: Sample, joints: Array, skeleton: Skeleton) -> None:
    """One person's patch with limbs over it, left and right in different colours."""
    patch = patch_of(sample, TILE)
    axes.imshow(cut(read_image(sample.image), patch)[:, :, ::-1])
    points = patch.to_fraction(joints) * TILE - 0.5
    for parent, child in skeleton.limbs:
        colour = {"l_": LEFT, "r_": RIGHT}.get(skeleton.joints[child][:2], MIDDLE)
        axes.plot(*points[[parent, child]].T, "-", color=colour, linewidth=1.2)
    axes.set(xticks=[], yticks=[], xlim=(0, TILE), ylim=(TILE, 0))


def _save(figure: Any, path: Path) -> None:
    with replacing(path) as draft:
        figure.savefig(draft, dpi=110, format=path.suffix[1:])
    plt.close(figure)
