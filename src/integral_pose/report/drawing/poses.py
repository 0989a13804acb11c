"""The poses of a 3D table's picture as JSON, for the viewer that turns them in the report."""
from __future__ import annotations

from pathlib import Path
from typing import Sequence

import numpy as np

from integral_pose.geometry import Array
from integral_pose.report.drawing.pictures import TILE, chosen
from integral_pose.report.results import Measured
from integral_pose.samples import Sample, cut, patch_of
from integral_pose.skeletons import Skeleton
from integral_pose.storage import image_files
from integral_pose.storage.atomic import replacing
from integral_pose.viewer.page import Page, Pose

ANNOTATED = "annotated"


def write(measured: Measured, samples: Sequence[Sample], skeleton: Skeleton, path: Path) -> None:
    """The people of `pictures.skeletons`: each as annotated beside the first seed of each row and column."""
    page = Page(f"{measured.table.name}: predictions beside annotated poses", skeleton, ANNOTATED)
    for number in chosen(samples):
        sample = samples[number]
        assert sample.pose
        pixels = cut(image_files.read(sample.image, sample.upright), patch_of(sample, TILE))
        truth = _pose(ANNOTATED, sample, sample.pose.joints, skeleton)._replace(filled=True)
        for (row, column), evidence in measured.evidence.items():
            name = row if len(measured.table.columns) == 1 else f"{row}, {column}"
            found = _pose(row, sample, evidence[0].predictions[number], skeleton)
            page.add(f"{sample.pose.action}: {name}", None, pixels, [truth, found])
    with replacing(path) as draft:
        draft.write_text("".join(page.content()), encoding="utf-8")


def _pose(name: str, sample: Sample, joints: Array, skeleton: Skeleton) -> Pose:
    """Joints (K, 3), camera mm, over the sample's patch and from their root."""
    assert sample.pose
    flat = patch_of(sample, TILE).to_fraction(sample.pose.camera.project(joints)) * TILE - 0.5
    return Pose(name, flat, joints - joints[skeleton.index(skeleton.root)], np.ones(len(joints)))

