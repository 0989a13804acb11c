"""A network trained on one format of Human3.6M has the same numbers on the same frames of another."""
from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import integral_pose  # isort: skip  # noqa: F401

import cv2
import mxnet as mx
import numpy as np
import pytest

from integral_pose.evaluation.evaluate import evaluate
from integral_pose.methods import I_STAR, on_human36m
from integral_pose.profiles import smoke
from integral_pose.run_folder import Site
from integral_pose.storage import array_files
from integral_pose.training.loop import train
from tests.helpers import human36m_forms as forms

RUN = replace(smoke(on_human36m(I_STAR)), data="human36m", backbone="resnet18", start=None, batch=8, rate=1e-3, steps=4)
NAMES = {"npz": forms.npz_name, "h5": forms.h5_name}


def take_pictures(folder: Path) -> None:
    """A disc at each joint, in the joint's own grey, on every image of the JSON layout."""
    for clip, frames in forms.EVERYTHING.items():
        for camera in (1, 2, 3, 4):
            for frame, points in zip(frames, forms.seen(clip, camera, frames)):
                picture = np.zeros((*forms.SIZES[camera - 1][::-1], 3), np.uint8)
                for k, (x, y) in enumerate(forms.project(points, forms.lens(clip[0], camera)).round().astype(int)):
                    cv2.circle(picture, (int(x), int(y)), 25, (60 + 10 * k, 255 - 10 * k, 128), -1)
                path = folder / forms.json_name(clip, camera, frame)
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), picture)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """json/human36m, npz/human36m and h5/human36m with the same frames, and runs/ of a network trained on the first."""
    place = tmp_path_factory.mktemp("formats")
    writers = {"json": forms.write_json, "npz": forms.write_npz, "h5": forms.write_h5}
    for name, write in writers.items():
        write(place / name / "human36m", forms.EVERYTHING)
    take_pictures(place / "json" / "human36m")
    for name, called in NAMES.items():
        for clip, frames in forms.EVERYTHING.items():
            for camera, frame in ((camera, frame) for camera in (1, 2, 3, 4) for frame in frames):
                path = place / name / "human36m" / called(clip, camera, frame)
                path.parent.mkdir(parents=True, exist_ok=True)
                os.link(place / "json" / "human36m" / forms.json_name(clip, camera, frame), path)
    site = Site(place / "json", place / "runs", (mx.cpu(),))
    train(RUN, site)
    return place


@pytest.mark.parametrize("form", NAMES)
def test_numbers_do_not_depend_on_the_format(roots: Path, form: str) -> None:
    shutil.copytree(roots / "runs", roots / f"runs-{form}", ignore=shutil.ignore_patterns("test.npz"))
    found = [
        array_files.read(evaluate(RUN, Site(roots / name, roots / runs, (mx.cpu(),))))[0]
        for name, runs in (("json", "runs"), (form, f"runs-{form}"))
    ]
    for name in ("predictions", "MPJPE", "PA MPJPE", "PA MPJPE, scaled"):
        np.testing.assert_allclose(found[1][name], found[0][name], atol=0.05)
    assert found[0]["actions"].tolist() == found[1]["actions"].tolist()
    assert np.ptp(found[0]["predictions"], axis=0).max() > 100
