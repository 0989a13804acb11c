"""Several processes train as one: what they add up, who writes, what a death does. Some need Horovod installed."""
from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import mxnet as mx
import numpy as np
import pytest
from mxnet import gluon

from integral_pose import distributed
from integral_pose.commands import console
from integral_pose.datasets import loader
from integral_pose.datasets.batches import Batch, Batches, Mixed
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.distributed import HorovodCrew
from integral_pose.errors import InputError
from integral_pose.methods import I1, R1
from integral_pose.models import build
from integral_pose.profiles import smoke
from integral_pose.run_folder import CHECKPOINT, DONE, Site
from integral_pose.skeletons import MPII
from integral_pose.training.loop import train
from tests.training.test_loop import log, parameters

ROOT = Path(__file__).resolve().parent.parent
STEPS, EVERY = 9, 3
SHORT: Dict[str, Any] = {"steps": STEPS, "validate_every": EVERY}
NORMALISED = replace(smoke(I1), start=replace(smoke(I1).start, **SHORT), **SHORT)
APART = replace(smoke(R1), start=None, **SHORT)
JOINTS = len(MPII.joints)
installed = pytest.mark.skipif(importlib.util.find_spec("horovod") is None, reason="needs `make setup HOROVOD=1`")


# ---------------------------------------------------------------- one of two, without Horovod

class Other:
    """Stands for the module horovod.mxnet in one of two processes; the other one gives `numbers` and told `told`."""

    def __init__(self, rank: int, numbers: float = 0, told: Any = None) -> None:
        self._rank, self._numbers, self._told = rank, numbers, told

    def init(self) -> None:
        assert os.environ["HOROVOD_STALL_CHECK_DISABLE"] == "1"

    def rank(self) -> int:
        return self._rank

    local_rank = rank

    def size(self) -> int:
        return 2

    local_size = size

    def broadcast_object(self, outcome: Any, name: str) -> Any:
        return outcome if self._rank == 0 else self._told

    def allreduce(self, array: mx.nd.NDArray, average: bool, name: str) -> mx.nd.NDArray:
        assert not average
        return array + self._numbers

    def grouped_allreduce_(self, arrays: List[mx.nd.NDArray], average: bool, name: str) -> None:
        for array in arrays:
            array[:] = self.allreduce(array, average, name)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOROVOD_STALL_CHECK_DISABLE", "1")


def test_alone_nothing_is_shared() -> None:
    alone = distributed.assembled()
    assert alone.leads and (alone.rank, alone.size) == (0, 1)
    assert alone.first(lambda: 3) == 3 and alone.own([4, 5, 6]) == [4, 5, 6]
    np.testing.assert_array_equal(alone.total(np.array([1.5, 2])), [1.5, 2])


def test_without_horovod_its_installation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOROVOD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "horovod", None)
    with pytest.raises(InputError, match="make setup HOROVOD=1"):
        distributed.assembled()


def test_a_job_of_one_worker_needs_no_horovod(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOROVOD_SIZE", "1")
    monkeypatch.setitem(sys.modules, "horovod", None)
    assert distributed.assembled().size == 1


def test_the_leader_does_it_and_the_other_hears_of_it() -> None:
    assert HorovodCrew(Other(rank=0)).first(lambda: 3) == 3
    follower = HorovodCrew(Other(rank=1, told=(3, None)))
    assert follower.first(lambda: pytest.fail("did it too")) == 3 and not follower.leads


def failing() -> None:
    raise InputError("no such file")


def test_what_the_leader_raises_the_other_raises_too() -> None:
    for process in (Other(rank=0), Other(rank=1, told=(None, InputError("no such file")))):
        with pytest.raises(InputError, match="no such file"):
            HorovodCrew(process).first(failing)


def test_totals_keep_float64() -> None:
    numbers = np.array([1.0, 1 + 1e-12])
    np.testing.assert_array_equal(HorovodCrew(Other(rank=0, numbers=2)).total(numbers), numbers + 2)


def test_a_data_set_is_gone_through_together() -> None:
    both = [HorovodCrew(Other(rank)).own(range(7)) for rank in range(2)]
    assert both == [[0, 2, 4, 6], [1, 3, 5]]


@pytest.mark.parametrize("devices", [[mx.cpu(0)], [mx.cpu(0), mx.cpu(1)]], ids=["one device", "two devices"])
def test_a_step_is_that_of_all_gradients(devices: List[mx.Context]) -> None:
    """Plain gradient descent of a weight 5: each device gives gradient 3, the other process 7, of 4 people in all."""
    weight = gluon.Parameter("weight", shape=(2,))
    weight.initialize(mx.init.Constant(5), ctx=devices)
    trainer = gluon.Trainer({"weight": weight}, "sgd", {"learning_rate": 1}, kvstore="device", update_on_kvstore=False)
    with mx.autograd.record():
        losses = [(3 * value).sum() for value in weight.list_data()]
    mx.autograd.backward(losses)
    HorovodCrew(Other(rank=0, numbers=7)).step(trainer, people=4)
    for value in weight.list_data():
        np.testing.assert_allclose(value.asnumpy(), 5 - (3 * len(devices) + 7) / 4)


# ---------------------------------------------------------------- shares

def test_parts_of_a_mini_batch_make_the_whole(smoke_people: Path) -> None:
    for size in (4, 7):
        run = replace(NORMALISED, batch=size)
        whole = loader.training_batches(run, Catalogue(smoke_people)).batch(5)
        for workers in (2, 3):
            shares = [loader.training_batches(run, Catalogue(smoke_people), (rank, workers)) for rank in range(workers)]
            parts = [batches.batch(5) for batches in shares]
            assert {batches.people for batches in shares} == {size}
            for one, together in zip(whole, zip(*parts)):
                np.testing.assert_array_equal(one, np.concatenate(together))


def test_each_part_of_a_mixed_mini_batch_is_mixed(smoke_people: Path) -> None:
    first = loader.training_batches(replace(NORMALISED, batch=3), Catalogue(smoke_people))
    def mixed(share: Any) -> Mixed:
        return Mixed(replace(first, share=share), replace(first, share=share, source=1))

    whole, parts = mixed((0, 1)).batch(2), [mixed((rank, 2)).batch(2) for rank in range(2)]
    assert [len(part.images) for part in parts] == [2, 4]
    np.testing.assert_array_equal(whole.joints, np.concatenate([part.joints for part in parts]))


@pytest.mark.parametrize(("workers", "devices"), [(5, 1), (2, 3)])
def test_more_workers_or_devices_than_people_are_refused(smoke_people: Path, workers: int, devices: int) -> None:
    with pytest.raises(InputError, match="Start fewer"):
        loader.training_batches(NORMALISED, Catalogue(smoke_people), (0, workers), devices)


# ---------------------------------------------------------------- two and three processes

def start_worker(data: str, runs: str, kind: str, dies_at: str) -> None:
    """What each worker runs; one that does not lead is given a folder of runs that it has no use for."""
    own = distributed.assembled()
    if own.rank == 1 and int(dies_at):
        die_at(int(dies_at))
    place = Path(runs) if own.leads else Path(runs) / "of no use"
    with console.told():
        train_kind(kind, Site(Path(data), place, (mx.cpu(),), 1, crew=own))


def train_kind(kind: str, place: Site) -> Path:
    """Trains the real network, or one without batch normalisation, whose people do not see one another."""
    if kind == "normalised":
        return train(NORMALISED, place)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(build, "network", lambda run: apart())
        return train(APART, place)


def apart() -> gluon.nn.HybridSequential:
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Conv2D(5, 5, 3, in_channels=3), gluon.nn.Activation("relu"), gluon.nn.AvgPool2D(7, 7))
    net.add(gluon.nn.Dense(2 * JOINTS, in_units=5 * 2 * 2))
    net.add(gluon.nn.HybridLambda(lambda F, x: F.reshape(x, (0, JOINTS, 2))))
    return net


def die_at(step: int) -> None:
    """Kills this process when it makes this mini-batch."""
    made = Batches.batch

    def batch(self: Batches, number: int) -> Batch:
        if number == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return made(self, number)

    Batches.batch = batch  # type: ignore[method-assign]


def horovodrun(
    workers: int, data: Path, runs: Path, kind: str = "apart", dies_at: int = 0
) -> subprocess.CompletedProcess[str]:
    script = "import sys, integral_pose, tests.test_distributed as t; t.start_worker(*sys.argv[1:])"
    return subprocess.run(
        [str(Path(sys.executable).with_name("horovodrun")), "--gloo", "-np", str(workers), "-H", f"localhost:{workers}",
         "--network-interface", "lo", sys.executable, "-c", script, str(data), str(runs), kind, str(dies_at)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": "src:."}, capture_output=True, text=True, timeout=300,
    )


def assert_near(one: Path, other: Path) -> None:
    """The same weights to 1e-6, and the same losses."""
    found, expected = parameters(one), parameters(other)
    assert found.keys() == expected.keys()
    for name, weights in expected.items():
        np.testing.assert_allclose(found[name], weights, rtol=1e-6, atol=1e-6, err_msg=name)
    losses = [[(int(line["step"]), float(line["train_loss"]), float(line["validation_loss"])) for line in log(place)]
              for place in (one, other)]
    np.testing.assert_allclose(*losses, rtol=1e-6)


@pytest.fixture(scope="module")
def of_one(smoke_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """APART, trained by one worker on one device."""
    return train_kind("apart", Site(smoke_people, tmp_path_factory.mktemp("one"), (mx.cpu(),), 1))


@installed
def test_two_workers_train_to_the_weights_of_one_with_the_whole_batch(
    of_one: Path, smoke_people: Path, tmp_path: Path
) -> None:
    """One of them writes, the other does not even read what is kept."""
    job = horovodrun(2, smoke_people, tmp_path)
    assert job.returncode == 0, job.stderr
    assert_near(tmp_path / APART.key, of_one)
    assert sorted(path.name for path in tmp_path.iterdir()) == [APART.key, f"{APART.key}.lock"]
    assert len(list((tmp_path / APART.key).glob("events.*"))) == 1


@installed
def test_two_workers_train_the_real_network_as_two_devices_of_one_do(smoke_people: Path, tmp_path: Path) -> None:
    """Batch normalisation is per device, so the one process has two; both phases, and running statistics too."""
    job = horovodrun(2, smoke_people, tmp_path / "workers", "normalised")
    assert job.returncode == 0, job.stderr
    train_kind("normalised", Site(smoke_people, tmp_path / "devices", (mx.cpu(0), mx.cpu(1)), 1))
    for run in NORMALISED.chain:
        assert_near(tmp_path / "workers" / run.key, tmp_path / "devices" / run.key)


@installed
def test_a_dead_worker_stops_the_job_which_another_number_of_workers_ends(
    of_one: Path, smoke_people: Path, tmp_path: Path
) -> None:
    """Killed in the last of three rounds; three workers, who share four people 1, 1 and 2, go on from the second."""
    job = horovodrun(2, smoke_people, tmp_path, dies_at=STEPS - 1)
    assert job.returncode != 0
    assert "Process name: 1" in job.stderr and "Exit code: 137" in job.stderr
    kept = tmp_path / APART.key
    assert (kept / CHECKPOINT).exists() and not (kept / DONE).exists()
    job = horovodrun(3, smoke_people, tmp_path)
    assert job.returncode == 0, job.stderr
    assert_near(kept, of_one)
    assert [line["step"] for line in log(kept)] == ["3", "6", "9"]
