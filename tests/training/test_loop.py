"""The loop: its schedule, its devices, and what a kill, a NaN or a wrong checkpoint does to it."""
from __future__ import annotations

import csv
import gc
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, List

import mxnet as mx
import numpy as np
import pytest
from mxnet import gluon
from mxnet.gluon import nn

from integral_pose.datasets import loader
from integral_pose.datasets.batches import Batch, Batches
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.errors import InputError, RunFailed
from integral_pose.evaluation.evaluate import TESTED, evaluate
from integral_pose.methods import H1, I1, I_STAR, R1, integral_of, on_human36m
from integral_pose.models import build, saved
from integral_pose.profiles import smoke
from integral_pose.run import Run
from integral_pose.run_folder import CHECKPOINT, DONE, PARAMETERS, Site
from integral_pose.storage import array_files
from integral_pose.training import loop
from integral_pose.training.loop import Schedule, _Training, forward_backward, train
from symbols.losses import JointL1

ROOT = Path(__file__).resolve().parents[2]
SHORT = replace(smoke(I_STAR), start=None, steps=10, validate_every=2, drop_at=0.7)


def site(data: Path, runs: Path, devices: int = 1) -> Site:
    return Site(data, runs, tuple(mx.cpu(i) for i in range(devices)), workers=1)


def parameters(folder: Path) -> dict:
    return {name: array.asnumpy() for name, array in mx.nd.load(str(folder / PARAMETERS)).items()}


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def log(folder: Path) -> list:
    with open(folder / "log.csv", newline="") as handle:
        return [{k: v for k, v in line.items() if k != "images_per_s"} for line in csv.DictReader(handle)]


# ---------------------------------------------------------------- schedule

def test_the_rate_falls_and_training_ends_when_the_validation_loss_saturates() -> None:
    run, schedule = replace(I_STAR, patience=2), Schedule()
    rates = []
    for loss in (3.0, 2.0, 2.5, 2.1, 1.0, 1.5, 1.0):
        schedule.validated(run, loss, per_epoch=5)
        rates.append(schedule.rate(run))
    assert rates == [1e-3, 1e-3, 1e-3, 1e-5, 1e-5, 1e-5, 1e-5]
    assert schedule.done and schedule.best == 1.0


def test_training_ends_after_the_last_epoch_though_the_loss_still_falls() -> None:
    run, schedule = replace(I_STAR, max_epochs=3), Schedule(step=15)
    assert schedule.validated(run, 1.0, per_epoch=5) and schedule.done


@pytest.mark.parametrize(("step", "rate"), [(0, 1e-3), (6, 1e-3), (7, 1e-5), (9, 1e-5)])
def test_with_a_budget_the_rate_falls_at_a_fixed_step(step: int, rate: float) -> None:
    assert Schedule(step=step).rate(SHORT) == rate


# ---------------------------------------------------------------- devices

def no_batch_statistics() -> nn.HybridSequential:
    """A network whose samples do not see one another, so that halves of a batch add up exactly."""
    net = nn.HybridSequential()
    net.add(nn.Conv2D(5, 3, 2), nn.Activation("relu"), nn.GlobalAvgPool2D(), nn.Dense(6))
    net.add(nn.HybridLambda(lambda F, x: F.reshape(x, (0, 3, 2))))
    return net


@pytest.mark.parametrize("people", [8, 7])
def test_two_devices_train_as_one(people: int) -> None:
    """Each with the loss of its part on itself; weights to 1e-6, and the same on both."""
    rng = np.random.default_rng(0)
    batches = [
        Batch(rng.normal(size=(people, 3, 9, 11)).astype("f"), rng.random((people, 3, 2)).astype("f"),
              np.ones((people, 3, 2), "f"))
        for _ in range(4)
    ]
    totals, weights = [], []
    for devices in ([mx.cpu(0)], [mx.cpu(0), mx.cpu(1)]):
        mx.random.seed(3)
        net = no_batch_statistics()
        net.initialize(mx.init.Xavier(), ctx=devices)
        trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 1e-2}, kvstore="device",
                                update_on_kvstore=False)
        losses = []
        for batch in batches:
            parts = forward_backward(net, JointL1(), batch, devices)
            assert [part.context for part in parts] == devices
            losses.append(sum(part.asscalar() for part in parts))
            trainer.step(people)
        weights += [[p.data(device).asnumpy() for p in net.collect_params().values()] for device in devices]
        totals.append(losses)
    assert totals[0][0] != pytest.approx(totals[0][-1], rel=1e-3)
    np.testing.assert_allclose(totals[0], totals[1], rtol=1e-5)
    for one, first, second in zip(*weights):
        np.testing.assert_allclose(first, one, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(first, second)


def test_the_whole_network_on_two_devices_has_the_loss_and_gradients_of_one(smoke_people: Path) -> None:
    """Batch normalisation is per device, as in the paper, so both halves of the batch hold the same people here."""
    half = loader.training_batches(SHORT, Catalogue(smoke_people)).batch(0)
    batch = Batch(*(np.concatenate([array, array]) for array in half))
    losses, gradients = [], []
    for devices in ([mx.cpu(0)], [mx.cpu(0), mx.cpu(1)]):
        net = build.network(SHORT)
        build.initialise(net, SHORT, devices, smoke_people)
        losses.append(sum(part.asscalar() for part in forward_backward(net, build.loss(SHORT), batch, devices)))
        trained = [p for p in net.collect_params().values() if p.grad_req != "null"]
        gradients.append([sum(g.asnumpy() for g in p.list_grad()) for p in trained])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)
    largest = max(np.linalg.norm(gradient) for gradient in gradients[0])
    for one, two in zip(*gradients):
        assert np.linalg.norm(one - two) <= 1e-3 * np.linalg.norm(one) + 1e-6 * largest


# ---------------------------------------------------------------- backbones of other runs

def test_a_run_starts_from_the_backbone_of_another_that_is_trained_first_or_ships(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(SHORT, output="heat map", loss="softmax-ce", steps=2)
    run = replace(SHORT, trunk=other, steps=2, rate=1e-9, low_rate=1e-9)
    train(run, site(smoke_people, tmp_path / "runs"))
    first, second = parameters(tmp_path / "runs" / other.key), parameters(tmp_path / "runs" / run.key)
    near = {name: np.allclose(second[name], first[name], atol=1e-6) for name in first if name.endswith(".weight")}
    assert all(is_near == name.startswith("trunk.") for name, is_near in near.items())

    monkeypatch.setattr(saved, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "shipped" / saved.TRUNKS).mkdir(parents=True)
    shutil.copy(tmp_path / "runs" / other.key / PARAMETERS, saved.trunk_file(other))
    train(run, site(smoke_people, tmp_path / "again"))
    assert same(parameters(tmp_path / "again" / run.key), second) and not (tmp_path / "again" / other.key).exists()
    train(other, site(smoke_people, tmp_path / "again"))
    assert (tmp_path / "again" / other.key / DONE).exists()  # asked for, it is trained though it ships


# ---------------------------------------------------------------- interruptions

SCRIPT = """
import sys, integral_pose
from pathlib import Path
import tests.training.test_loop as t
from integral_pose.training.loop import train
t.train(t.LONG, t.site(Path(sys.argv[1]), Path(sys.argv[2])))
"""
STEPS = 6
LONG = replace(smoke(I1), steps=STEPS, validate_every=2, start=replace(smoke(I1).start, steps=STEPS, validate_every=2))


def in_its_own_process(data: Path, runs: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, str(data), str(runs)], cwd=ROOT, stderr=subprocess.DEVNULL,
                            env={**os.environ, "PYTHONPATH": "src:."})


@pytest.fixture(scope="module")
def whole(smoke_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of LONG, trained without interruption."""
    place = site(smoke_people, tmp_path_factory.mktemp("whole"))
    folder = train(LONG, place)
    evaluate(LONG, place)
    return folder


def ends_like(whole: Path, place: Site) -> bool:
    """Whether LONG, run again where it was interrupted, has the log, the weights and the test errors of `whole`."""
    again = train(LONG, place)
    errors = [array_files.read(path)[0]["distances"] for path in (whole / TESTED, evaluate(LONG, place))]
    weights = same(parameters(whole), parameters(again))
    return weights and log(whole) == log(again) and np.array_equal(*errors, equal_nan=True)


def test_killed_at_a_random_moment_and_run_again_it_ends_as_if_nothing_had_happened(
    whole: Path, smoke_people: Path, tmp_path: Path
) -> None:
    process = in_its_own_process(smoke_people, tmp_path)
    deadline = time.time() + 60
    while not (tmp_path / LONG.chain[0].key / CHECKPOINT).exists() and time.time() < deadline:
        time.sleep(0.01)
    time.sleep(np.random.default_rng().uniform(0, 2))
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert ends_like(whole, site(smoke_people, tmp_path))


class Killed(BaseException):
    """Stands for a signal that nothing catches."""


def killed(monkeypatch: pytest.MonkeyPatch, run: Run, place: Site, write: int, before: bool = False) -> None:
    """Trains until a checkpoint is written for the `write`-th time, and is killed after that, or before."""
    writing, count = array_files.write, iter(range(1, 100))

    def interrupted(*arguments: Any) -> None:
        now = next(count) == write
        if not (now and before):
            writing(*arguments)
        if now:
            raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(array_files, "write", interrupted)
        train(run, place)


@pytest.mark.parametrize(("write", "before"), [(1, True), (3, False), (4, True), (4, False), (6, False)])
def test_killed_around_a_checkpoint_it_ends_as_if_nothing_had_happened(
    whole: Path, smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int, before: bool
) -> None:
    """Between the best parameters and their checkpoint, before the first and after the last, in both phases."""
    killed(monkeypatch, LONG, site(smoke_people, tmp_path), write, before)
    assert ends_like(whole, site(smoke_people, tmp_path))


@pytest.mark.parametrize("run", [
    on_human36m(I1, extra="mpii", backbone="resnet18"), integral_of(replace(H1, stages=2, backbone="resnet18")),
    integral_of(on_human36m(H1, backbone="coarse-to-fine", pretrained=False, stages=2)),
    replace(I_STAR, samples=2, backbone="resnet18"), replace(R1, loss="joint-rle", backbone="resnet18"),
], ids=["mixed", "two stages", "coarse to fine", "samples", "flow"])
def test_other_networks_and_data_resume_too(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    """From a kill in the middle of their first half."""
    small = smoke(run)
    small = replace(small, start=replace(small.start, steps=2, validate_every=1), steps=1, validate_every=1)
    killed(monkeypatch, small, site(smoke_people, tmp_path / "killed"), write=1)
    places = [site(smoke_people, tmp_path / name) for name in ("killed", "whole")]
    assert same(*(parameters(train(small, place)) for place in places))
    for half in small.chain:
        one, other = (log(place.folder(half)) for place in places)
        assert one == other


def test_on_two_devices_of_any_number_it_resumes_too(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit, running statistics of batch normalisation too."""
    devices, run = (mx.cpu(1), mx.cpu(3)), replace(SHORT, steps=3, validate_every=1)
    folder = train(run, Site(smoke_people, tmp_path / "whole", devices))
    killed(monkeypatch, run, Site(smoke_people, tmp_path / "killed", devices), write=1)
    again = train(run, Site(smoke_people, tmp_path / "killed", devices))
    assert same(parameters(folder), parameters(again)) and log(folder) == log(again)


def test_a_run_that_another_process_trains_is_waited_for_and_not_trained_again(
    whole: Path, smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread stands for the other process: a lock is its open file's. pytest's own capture can lose what is printed
    while it is read."""
    run, place, said = LONG.chain[0], site(smoke_people, tmp_path), io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    with ThreadPoolExecutor() as pool:
        with place.held(run):
            trained = pool.submit(train, run, place)
            while "waiting for another process" not in said.getvalue() and not trained.done():
                time.sleep(0.01)
            assert not place.folder(run).exists()
            shutil.copytree(whole.parent / run.key, place.folder(run))
        assert trained.result() == place.folder(run)
    assert len(list(place.folder(run).glob("events.*"))) == 1


def test_a_finished_run_is_not_trained_again(smoke_people: Path, tmp_path: Path) -> None:
    folder = train(SHORT, site(smoke_people, tmp_path))
    before = (folder / DONE).stat().st_mtime_ns
    train(SHORT, site(tmp_path / "no data here", tmp_path))
    assert (folder / DONE).stat().st_mtime_ns == before
    assert not (folder / CHECKPOINT).exists()


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_the_run_with_key_and_step(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: float
) -> None:
    drawn = Batches.batch

    def planted(self: Batches, step: int) -> Batch:
        batch = drawn(self, step)
        return batch._replace(joints=np.full_like(batch.joints, number)) if step == 5 else batch

    monkeypatch.setattr(Batches, "batch", planted)
    with pytest.raises(RunFailed, match=rf"{SHORT.key}.*step 5\b"):
        train(SHORT, site(smoke_people, tmp_path))
    _, state = array_files.read(tmp_path / SHORT.key / CHECKPOINT)
    assert state["schedule"]["step"] == 4


def test_weights_that_became_nan_in_the_last_step_do_not_reach_a_checkpoint(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = gluon.Trainer.step

    def spoiling(self: gluon.Trainer, people: int) -> None:
        step(self, people)
        if self._optimizer.num_update == 4:
            for parameter in self._params:
                parameter.set_data(parameter.data() * np.nan)

    monkeypatch.setattr(gluon.Trainer, "step", spoiling)
    with pytest.raises(RunFailed, match="step 3"):
        train(SHORT, site(smoke_people, tmp_path))
    arrays, state = array_files.read(tmp_path / SHORT.key / CHECKPOINT)
    assert state["schedule"]["step"] == 2 and all(np.isfinite(array).all() for array in arrays.values())


def test_only_reports_wait_for_the_device(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, inside, waits = replace(SHORT, steps=25, validate_every=25), ["elsewhere"], []

    def noting(owner: Any, name: str) -> None:
        made = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *given, **named: (waits.append(inside[-1]), made(*given, **named))[1])

    def entering(name: str) -> None:
        made = getattr(_Training, name)

        def entered(*given: Any) -> Any:
            inside.append(name)
            try:
                return made(*given)
            finally:
                inside.pop()

        monkeypatch.setattr(_Training, name, entered)

    for owner, name in ((mx.nd.NDArray, "asnumpy"), (mx.nd.NDArray, "wait_to_read"), (mx.nd, "waitall")):
        noting(owner, name)
    for name in ("_steps", "_report"):
        entering(name)
    train(run, site(smoke_people, tmp_path))
    assert "_steps" not in waits and waits.count("_report") == 25


def planted_checkpoint(tmp_path: Path, state: dict, keep: float = 1.0) -> Path:
    path = tmp_path / SHORT.key / CHECKPOINT
    array_files.write(path, {"parameter x": np.zeros(1000)}, state)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


@pytest.mark.parametrize(("key", "keep", "message"), [
    ("other", 1.0, "checkpoint of run other"), (SHORT.key, 0.5, "damaged"), (SHORT.key, 1.0, "another version"),
])
def test_a_checkpoint_of_another_run_or_version_or_half_a_checkpoint_is_refused(
    smoke_people: Path, tmp_path: Path, key: str, keep: float, message: str
) -> None:
    path = planted_checkpoint(tmp_path, {"key": key, "schedule": {}, "history": []}, keep)
    with pytest.raises(InputError, match=message) as error:
        train(SHORT, site(smoke_people, tmp_path))
    assert str(path) in str(error.value) and "elete" in str(error.value)


def test_an_integral_run_starts_from_its_heat_map_run(smoke_people: Path, tmp_path: Path) -> None:
    """With a rate of zero an I1 run ends with the weights of its H1."""
    still: Run = replace(smoke(I1), rate=0.0, low_rate=0.0, steps=1)
    end = train(still, site(smoke_people, tmp_path))
    begin = tmp_path / still.start.key  # type: ignore[union-attr]
    trained = build.network(still)
    names = [name for name, p in trained._collect_params_with_prefix().items() if p.grad_req != "null"]
    one, other = parameters(begin), parameters(end)
    assert all(np.array_equal(one[name], other[name]) for name in names)


def test_one_network_at_a_time_is_in_memory(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two large ones may not fit into a GPU. They are parts of reference cycles, which Python leaves for later."""
    alive: List[Any] = []
    there: List[int] = []

    def watched(make: Callable[..., Any]) -> Callable[..., Any]:
        def made(run: Run) -> Any:
            there.append(sum(one() is not None for one in alive))
            alive.append(weakref.ref(net := make(run)))
            return net
        return made

    monkeypatch.setattr(build, "network", watched(build.network))
    gc.disable()
    try:
        for run in (replace(smoke(I1), steps=1), replace(smoke(R1), steps=1)):
            train(run, site(smoke_people, tmp_path))
            evaluate(run, site(smoke_people, tmp_path))
    finally:
        gc.enable()
    assert there == [0] * 6  # two halves and a test of each


def test_a_run_leaves_its_settings_a_log_and_events(smoke_people: Path, tmp_path: Path) -> None:
    folder = train(SHORT, site(smoke_people, tmp_path))
    assert json.loads((folder / "run.json").read_text())["key"] == SHORT.key
    assert [line["step"] for line in log(folder)] == ["2", "4", "6", "8", "10"]
    assert [float(line["rate"]) for line in log(folder)] == [1e-3, 1e-3, 1e-3, 1e-5, 1e-5]
    assert list(folder.glob("events.*"))
    assert H1.key != SHORT.key


@pytest.mark.parametrize("devices", [1, 2])
def test_a_checkpoint_is_due_by_time_too_and_is_resumed_to_the_bit(
    smoke_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], devices: int
) -> None:
    """Between validations, with the loss so far and, on several devices, each one's running statistics.

    Where there is no terminal, each validation is a line.
    """
    long = replace(SHORT, steps=3, validate_every=3)
    whole = train(long, site(smoke_people, tmp_path / "whole", devices), "I*")
    assert capfd.readouterr().err.startswith(f"I* {long.key}: step 3 of 3, loss ")
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY", 0.0)
    monkeypatch.setattr(loop, "CHECKPOINT_SHARE", 1e9)
    place = site(smoke_people, tmp_path / "killed", devices)
    killed(monkeypatch, long, place, write=2)
    _, state = array_files.read(place.folder(long) / CHECKPOINT)
    assert state["schedule"]["step"] == 2 and len(state["losses"]) == 2
    again = train(long, place)
    assert same(parameters(whole), parameters(again)) and log(whole) == log(again)
