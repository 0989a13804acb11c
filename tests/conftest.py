"""What all tests share. integral_pose comes first: it sets the threads before anything imports MXNet."""

from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401

import os
import random
import sys
from pathlib import Path
from typing import Iterator

import numpy as np
import pytest


@pytest.fixture(params=[False, True], ids=["eager", "hybrid"])
def hybridize(request: pytest.FixtureRequest) -> bool:
    """Runs the test once as it stands and once with hybridized blocks."""
    return bool(request.param)


@pytest.fixture(autouse=True)
def seed() -> int:
    """Starts every random generator from the same state, whichever tests ran before."""
    number = 20180908
    random.seed(number)
    np.random.seed(number)
    if "mxnet" in sys.modules:
        sys.modules["mxnet"].random.seed(number)
    return number


@pytest.fixture(scope="session", autouse=True)
def no_waits_for_the_disk() -> Iterator[None]:
    """Nothing has to survive a power cut here; that files are synced is tested in tests/storage/test_atomic.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real samples that INTEGRAL_POSE_REAL_DATA names."""
    folder = os.environ.get("INTEGRAL_POSE_REAL_DATA")
    if not folder:
        pytest.skip("INTEGRAL_POSE_REAL_DATA is not set")
    return Path(folder)


@pytest.fixture(scope="session")
def smoke_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which the smoke profile's synthetic people are made already."""
    from integral_pose.datasets.catalogue import Catalogue
    from integral_pose.methods import H1
    from integral_pose.profiles import smoke

    root = tmp_path_factory.mktemp("data")
    Catalogue(root).of(smoke(H1)).people("test")
    return root
