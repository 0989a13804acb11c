"""Five real MPII photographs through the whole of it: reader, crop, training until they are learnt, score."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from experiments.table1 import TABLE
from integral_pose.datasets import catalogue, mpii
from integral_pose.datasets.mpii import Mpii
from integral_pose.evaluation.evaluate import evaluate
from integral_pose.methods import H2
from integral_pose.metrics import pckh
from integral_pose.report.drawing import pictures
from integral_pose.report.results import Evidence, Measured
from integral_pose.run_folder import Site
from integral_pose.training.loop import train

MEMORISED = replace(
    H2, backbone="resnet18", width=0.25, patch=128, upsamplings=3, pretrained=False, batch=5, steps=120,
    validate_every=120, shift=0.0, scale=0.0, turn=0.0, mirror=False,
)


def test_five_photographs_are_learnt(real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = real_data / "mpii"
    head_sizes = [sample.head_size for sample in mpii.read_file(folder / "annot/valid.h5", folder / "images")]
    people = [
        replace(sample, head_size=size)
        for sample, size in zip(mpii.read_file(folder / "annot/valid.json", folder / "images"), head_sizes)
    ]
    assert len(people) == 5

    monkeypatch.setattr(Mpii, "_read", lambda self, split: people)
    site = Site(folder, tmp_path, (mx.cpu(),))
    train(MEMORISED, site)
    found = Evidence.read(evaluate(MEMORISED, site))
    picture = tmp_path / "five.jpg"
    pictures.grid(Measured(TABLE, {("H2", TABLE.columns[0]): [found]}), people, catalogue.skeleton(MEMORISED), picture)
    assert pckh.curve(found.arrays["distances"], np.array([0.5]))[0] >= 95
    assert picture.stat().st_size > 10_000
