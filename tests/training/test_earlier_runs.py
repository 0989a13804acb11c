"""Runs' folders that earlier versions of the program left are read and resumed.

helpers/earlier/910e5f0.tar.xz was made at commit 910e5f0, before the modules moved into packages, on Python 3.11 with
OMP_NUM_THREADS=2: RUN below, trained by that version's `train(RUN, Site(data, runs, (mx.cpu(),), workers=1), "I1")`
on the smoke profile's synthetic people. stopped/ is its folder of runs when an exception left `checkpoints.write`
after RUN's own first checkpoint, so that the run it starts from is finished and RUN itself is half done; whole/ holds
the last weights and the log of the same call without interruption.
"""
from __future__ import annotations

import csv
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import mxnet as mx
import numpy as np
import pytest

from integral_pose.evaluation.evaluate import evaluate
from integral_pose.methods import I1
from integral_pose.models import saved
from integral_pose.profiles import smoke
from integral_pose.run import Run
from integral_pose.run_folder import CHECKPOINT, DONE, PARAMETERS, Site
from integral_pose.storage import array_files
from integral_pose.training.loop import train

ARCHIVE = Path(__file__).resolve().parents[1] / "helpers/earlier/910e5f0.tar.xz"


def small(run: Run, **changes: Any) -> Run:
    return replace(run, backbone="resnet18", width=0.008, steps=4, validate_every=2, **changes)


RUN = small(smoke(I1), start=small(smoke(I1).start))  # type: ignore[arg-type]


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The archive's two folders."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    return tmp_path


def log(folder: Path) -> List[Dict[str, float]]:
    with open(folder / "log.csv", newline="") as handle:
        return [{name: float(value) for name, value in line.items() if name != "images_per_s"}
                for line in csv.DictReader(handle)]


def test_an_interrupted_run_of_an_earlier_version_ends_as_it_would_have_there(
    earlier: Path, smoke_people: Path
) -> None:
    """To 1e-5, as the order of sums differs between processors; the run it starts from is not trained again."""
    folder, start = (earlier / "stopped" / run.key for run in (RUN, RUN.start))  # type: ignore[union-attr]
    assert array_files.read(folder / CHECKPOINT)[1]["schedule"]["step"] == 2
    before = {path.name: path.read_bytes() for path in start.iterdir()}
    place = Site(smoke_people, earlier / "stopped", (mx.cpu(),), workers=1)
    assert train(RUN, place) == folder and (folder / DONE).exists() and not (folder / CHECKPOINT).exists()
    assert {path.name: path.read_bytes() for path in start.iterdir()} == before
    ours, theirs = (mx.nd.load(str(path / PARAMETERS)) for path in (folder, earlier / "whole"))
    assert ours.keys() == theirs.keys()
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name].asnumpy(), values.asnumpy(), rtol=1e-5, atol=1e-7, err_msg=name)
    for now, then in zip(log(folder), log(earlier / "whole")):
        assert now == pytest.approx(then, rel=1e-5)
    assert len(log(folder)) == 2 and evaluate(RUN, place).exists()


@pytest.mark.parametrize(("run", "finished"), [(RUN.start, True), (RUN, False)], ids=["finished", "interrupted"])
def test_a_network_of_an_earlier_version_is_found_by_its_key(earlier: Path, run: Run, finished: bool) -> None:
    file = earlier / "stopped" / run.key / PARAMETERS
    assert saved.find(run.key, earlier) == saved.Trained(run, file, finished) and saved.at(file).run == run
