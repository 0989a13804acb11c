"""The training loop: data parallel, bit-identical when resumed on a CPU, stopped by a loss that is not finite.

A run's folder holds run.json (what it is), log.csv and TensorBoard events (how it went), checkpoint.npz (where it
is), net.params (its best weights so far, by the loss on held-out people) and, once it is done, trained.json.
"""
from __future__ import annotations

import csv
import json
import math
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon
from tqdm import tqdm

from integral_pose.datasets import loader
from integral_pose.datasets.batches import Batch
from integral_pose.errors import InputError, RunFailed
from integral_pose.geometry import Array
from integral_pose.models import build, decode, float16, saved, weights
from integral_pose.models.devices import free_memory
from integral_pose.run import Run
from integral_pose.run_folder import CHECKPOINT, DONE, PARAMETERS, SETTINGS, Site
from integral_pose.runtime import commit
from integral_pose.storage import array_files
from integral_pose.storage.atomic import replacing
from integral_pose.training.grouped_norms import gathered
from integral_pose.training.tensorboard import Events

REPORT_EVERY = 10  # steps between waits for the devices
CHECKPOINT_EVERY = 60.0  # s between checkpoints, at most, and
CHECKPOINT_SHARE = 1 / 50  # of the time, for writing them: large ones are rarer
Losses = List[mx.nd.NDArray]  # of a mini-batch: each device's summed loss, still on the device


@dataclass
class Schedule:
    """Where a run is, and what its rate is: 1e-3, then 1e-5 when the validation loss saturates, then the end.

    With a fixed budget of steps the rate falls at a fixed step instead.
    """

    step: int = 0
    low: bool = False
    done: bool = False
    best: float = math.inf
    stale: int = 0  # validations since the best

    def rate(self, run: Run) -> float:
        if run.cosine:
            done = 0.5 - 0.5 * math.cos(math.pi * min(1.0, self.step / run.steps))
            return run.rate + (run.low_rate - run.rate) * done
        falls = self.step >= run.drop_at * run.steps if run.steps else self.low
        return run.low_rate if falls else run.rate

    def validated(self, run: Run, loss: float, per_epoch: int) -> bool:
        """Records a validation loss; returns whether it is the best so far."""
        improved = loss < self.best
        self.best, self.stale = (loss, 0) if improved else (self.best, self.stale + 1)
        if run.steps:
            self.done = self.step >= run.steps
        elif self.stale >= run.patience:
            self.done, self.low, self.stale = self.low, True, 0
        self.done = self.done or self.step >= run.max_epochs * per_epoch
        return improved


def train(run: Run, site: Site, label: str = "", wait: bool = True) -> Path:
    """Trains the run and the runs it starts from, unless they are trained or shipped; returns the run's folder.

    Raises:
        InputError: bad data or a bad checkpoint.
        RunFailed: the loss is not finite.
        Busy: another process trains one of them, and `wait` is False.
    """
    for link in run.training.needed:
        if link != run.training and saved.trunk(link):
            continue
        folder = site.folder(link)
        with site.held(link, wait):
            if not site.crew.first((folder / DONE).exists):
                free_memory()
                _Training(link, site, label).to_the_end()
    return site.folder(run)


def adam(net: Any, rate: float) -> gluon.Trainer:
    """The trainer of a network's initialised parameters (Sec. 5, Training); gradients of its devices are added up."""
    rates = {"learning_rate": rate}
    return gluon.Trainer(gathered(net.collect_params()), "adam", rates, kvstore="device", update_on_kvstore=False)


def forward_backward(
    net: Any, loss: Any, batch: Batch, devices: Sequence[mx.Context], scaled: Callable[[Losses], Losses] = list
) -> Losses:
    """Gradients of the summed loss of a mini-batch, split over devices; each device's summed loss, on the device.

    `scaled` makes of the losses what gradients are taken of: by default the same.
    """
    parts = zip(*(gluon.utils.split_and_load(array, list(devices), even_split=False) for array in batch))
    with autograd.record():
        losses = [loss(net(images), joints, weights).sum() for images, joints, weights in parts]
        larger = scaled(losses)
    autograd.backward(larger)
    return [part.detach() for part in losses]


@dataclass
class _Training:
    """One run under way."""

    run: Run
    site: Site
    label: str
    schedule: Schedule = field(default_factory=Schedule)
    history: List[Dict[str, float]] = field(default_factory=list)
    losses: List[float] = field(default_factory=list)  # of the steps since the last validation
    due: float = field(default_factory=lambda: time.monotonic() + CHECKPOINT_EVERY)  # the next checkpoint
    commit: str = field(default_factory=commit)

    def __post_init__(self) -> None:
        run, site, crew = self.run, self.site, self.site.crew
        self.folder = site.folder(run)
        self.batches = loader.training_batches(run, site.catalogue, (crew.rank, crew.size), len(site.devices))
        held_out = loader.batches(run, "held-out", site.catalogue, len(site.devices))
        self.held_out = replace(held_out, samples=crew.own(held_out.samples))
        self.net, self.loss = build.network(run), build.loss(run)
        self._initialise()
        build.hybridize(self.net, run)
        self.trainer = adam(self.net, run.rate)
        self.scaled: Callable[[Losses], Losses] = float16.scaling(self.trainer) if run.amp else list

    def _initialise(self) -> None:
        """First values: the leader's, which alone needs the files that they come from."""
        run, site, crew = self.run, self.site, self.site.crew
        before = None
        if run.trunk and crew.leads:
            shipped = None if run.tuned else saved.trunk(run.trunk)
            before = shipped or site.folder(run.trunk) / PARAMETERS
        known = run if crew.leads else replace(run, pretrained=False)
        build.initialise(self.net, known, site.devices, site.data, before)
        if run.start and crew.leads:
            build.hand_over(self.net, run, site.folder(run.start) / PARAMETERS, site.devices)
        if crew.size > 1:
            parameters = self._parameters()
            values = crew.first(lambda: {name: p.list_data()[0].asnumpy() for name, p in parameters.items()})
            for name, parameter in parameters.items():
                parameter.set_data(mx.nd.array(values[name]))

    def to_the_end(self) -> None:
        """From the checkpoint, or the beginning, to the last step."""
        started = time.time()
        self._resume()
        leads = self.site.crew.leads
        if leads:
            self._write_settings()
        stream = self.batches.stream(self.schedule.step, self.site.workers)
        most = self.run.steps or self.run.max_epochs * self.batches.per_epoch
        with (Events(self.folder, self.schedule.step) if leads else nullcontext()) as events, tqdm(
            total=most, initial=self.schedule.step, unit="step", desc=self._name(), leave=False, dynamic_ncols=True,
            position=self.site.line, disable=None if leads else True,  # None: where there is no terminal
        ) as bar:
            while not self.schedule.done:
                self._round(stream, events, bar)
        if leads:
            self._close(time.time() - started)

    def _close(self, seconds: float) -> None:
        with replacing(self.folder / DONE) as draft:
            draft.write_text(json.dumps({"commit": self.commit, "seconds": seconds, **asdict(self.schedule)}, indent=1))
        (self.folder / CHECKPOINT).unlink()

    def _name(self) -> str:
        phase = len(self.run.chain)
        return f"{self.label or self.run.loss} {self.run.key}" + (f" phase {phase}" if phase > 1 else "")

    def _round(self, stream: Iterator[Batch], events: Optional[Events], bar: tqdm) -> None:
        """Steps up to the next validation, the validation, and a checkpoint."""
        started = time.time()
        every = self.run.validate_every or self.batches.per_epoch
        steps = every - self.schedule.step % every
        if self.run.steps:
            steps = min(steps, self.run.steps - self.schedule.step)
        trained = self._steps(islice(stream, steps), steps, bar)
        speed = steps * self.run.batch / (time.time() - started)
        self._agree_on_statistics()
        tested, error = self._validate()
        self._demand_finite(tested, self.schedule.step - 1)
        improved = self.schedule.validated(self.run, tested, self.batches.per_epoch)
        if improved and self.site.crew.leads:
            with weights.saving(self.folder / PARAMETERS) as draft:
                self.net.save_parameters(draft)
        self._log(events, train_loss=trained, validation_loss=tested, validation_error_px=error, images_per_s=speed)
        if bar.disable and self.site.crew.leads:
            print(f"{self._name()}: step {self.schedule.step} of {bar.total}, loss {trained:.4g}, "
                  f"held out {tested:.4g}, {speed:.0f} images/s", file=sys.stderr)
        if self.site.crew.leads:
            self._save()

    def _steps(self, batches: Iterable[Batch], number: int, bar: tqdm) -> float:
        """Trains on this many batches; returns the mean loss a person since the last validation.

        The only waits for devices are the reports, and the checkpoints that are due by time.
        """
        pending: List[Losses] = []
        for left, batch in zip(reversed(range(number)), batches):
            self.trainer.set_learning_rate(self.schedule.rate(self.run))
            self._seed()
            pending.append(forward_backward(self.net, self.loss, batch, self.site.devices, self.scaled))
            self.site.crew.step(self.trainer, self.batches.people)
            self.schedule.step += 1
            bar.update()
            due = left > 0 and self._is_due()  # after the last step, the one that follows the validation comes at once
            if len(pending) == REPORT_EVERY or due:
                self.losses += self._report(pending, bar)
                pending = []
            if due:
                mx.nd.waitall()  # for the running statistics that the last backward pass writes
                self._save()
        self.losses += self._report(pending, bar)
        mean, self.losses = sum(self.losses) / len(self.losses), []
        return mean

    def _seed(self) -> None:
        """The random numbers of a loss that draws samples follow from the step too, so that it resumes to the bit."""
        if self.run.samples:
            numbers = np.random.SeedSequence([self.run.seed, self.schedule.step, self.site.crew.rank])
            mx.random.seed(int(numbers.generate_state(1)[0] >> 1))  # 31 bits, as MXNet takes them

    def _is_due(self) -> bool:
        """Whether a checkpoint is due by time. Statistics of several processes are together at validations only."""
        return self.site.crew.size == 1 and time.monotonic() >= self.due

    def _report(self, pending: List[Losses], bar: tqdm) -> List[float]:
        """The mean losses of the last steps, all of them finite."""
        if not pending:
            return []
        sums = [sum(float(part.asscalar()) for part in parts) for parts in pending]
        losses = [float(loss) / self.batches.people for loss in self.site.crew.total(np.array(sums))]
        for loss, step in zip(losses, range(self.schedule.step - len(losses), self.schedule.step)):
            self._demand_finite(loss, step)
        speed = bar.format_dict["rate"] or 0
        bar.set_postfix_str(f"loss {losses[-1]:.4g}, {speed * self.run.batch:.0f} images/s", refresh=False)
        return losses

    def _demand_finite(self, loss: float, step: int) -> None:
        if not math.isfinite(loss):
            raise RunFailed(
                f"run {self.run.key} ({self._name()}): the loss is {loss} at step {step}. Earlier checkpoints stay in "
                f"{self.folder}; see its log.csv, and check the people of that step."
            )

    def _agree_on_statistics(self) -> None:
        """Each device of each process has its own running statistics; all continue with their mean, which is saved."""
        mx.nd.waitall()  # a backward pass writes them without the engine's knowing, so reading would not wait for it
        crew = self.site.crew
        if len(self.site.devices) * crew.size > 1:
            for parameter in self._parameters().values():
                if parameter.grad_req == "null":
                    copies = [copy.asnumpy() for copy in parameter.list_data()]
                    parameter.set_data(mx.nd.array(crew.total(np.mean(copies, axis=0)) / crew.size))
            mx.nd.waitall()

    def _validate(self) -> Tuple[float, float]:
        """On held-out people: mean loss a person, and mean joint error in patch px, depth in the same unit."""
        sums = np.zeros(4)  # of losses over people, and of errors over known joints
        for batch in self.held_out.once(self.site.workers):
            images, joints, weights = (mx.nd.array(array, ctx=self.site.devices[0]) for array in batch)
            output = self.net(images)
            losses = self.loss(output, joints, weights).asnumpy()
            distances = np.linalg.norm(decode.joints_of(output, self.run) - batch.joints, axis=2)
            errors = distances[(batch.weights > 0).all(axis=2)]
            sums += losses.sum(dtype=float), len(losses), errors.sum(dtype=float), len(errors)
        loss, people, error, known = self.site.crew.total(sums)
        return float(loss / people), float(error / known * self.run.patch)

    def _log(self, events: Optional[Events], **numbers: float) -> None:
        step = self.schedule.step
        self.history.append({"step": step, "rate": self.trainer.learning_rate, **numbers})
        if not events:
            return
        events.add(step, self.history[-1])
        with replacing(self.folder / "log.csv") as draft, open(draft, "w", newline="") as handle:
            writer = csv.DictWriter(handle, list(self.history[0]))
            writer.writeheader()
            writer.writerows(self.history)

    def _write_settings(self) -> None:
        with replacing(self.folder / SETTINGS) as draft:
            draft.write_text(json.dumps({"key": self.run.key, "label": self.label, **self.run.settings}, indent=1))

    def _save(self) -> None:
        """Parameters, Adam's moments, the schedule and the history.  Data order and jitter follow from the step."""
        started = time.monotonic()
        arrays = {f"parameter {name}": p.list_data()[0].asnumpy() for name, p in self._parameters().items()}
        arrays.update({name: copy.asnumpy() for name, copy in self._copies()})
        names = self._trained()
        for index, moments in self.trainer._updaters[0].states.items():
            arrays.update({f"moment {i} {names[index]}": moment.asnumpy() for i, moment in enumerate(moments)})
        state = {
            "key": self.run.key, "commit": self.commit, "schedule": asdict(self.schedule), "history": self.history,
            "losses": self.losses,
        }
        array_files.write(self.folder / CHECKPOINT, arrays, state)
        now = time.monotonic()
        self.due = now + max(CHECKPOINT_EVERY, (now - started) / CHECKPOINT_SHARE)

    def _copies(self) -> Iterator[Tuple[str, mx.nd.NDArray]]:
        """The running statistics of each device but the first: between validations they differ."""
        for name, parameter in self._parameters().items():
            if parameter.grad_req == "null":
                for number, copy in enumerate(parameter.list_data()[1:], 1):
                    yield f"copy {number} {name}", copy

    def _resume(self) -> None:
        """Resumes from the checkpoint, if there is one.

        Raises:
            InputError: it is damaged, or of another run or version.
        """
        found = self.site.crew.first(self._read_checkpoint)
        if not found:
            return
        try:
            self._restore(*found)
        except (KeyError, TypeError) as error:
            raise InputError(
                f"{self.folder / CHECKPOINT}: this checkpoint was written by another version of the program ({error}). "
                "Use that version, or delete the checkpoint to train this run from scratch."
            ) from error

    def _read_checkpoint(self) -> Optional[Tuple[Dict[str, Array], Dict[str, Any]]]:
        path = self.folder / CHECKPOINT
        if not path.exists():
            return None
        arrays, state = array_files.read(path)
        if state.get("key") != self.run.key:
            raise InputError(
                f"{path}: this is a checkpoint of run {state.get('key')}, not of {self.run.key}. Move it back, or "
                "delete it to train this run from scratch."
            )
        return arrays, state

    def _restore(self, arrays: Dict[str, Array], state: Dict[str, Any]) -> None:
        """Inverse of `_save`."""
        for name, parameter in self._parameters().items():
            parameter.set_data(mx.nd.array(arrays[f"parameter {name}"]))
        for name, copy in self._copies():
            if name in arrays:
                copy[:] = arrays[name]
        self.schedule, self.history = Schedule(**state["schedule"]), state["history"]
        self.losses = state.get("losses", [])  # earlier versions wrote checkpoints at validations only
        self.commit = state["commit"]
        self._restore_moments(arrays)
        mx.nd.waitall()  # or the first backward pass may write running statistics before they are restored

    def _restore_moments(self, arrays: Dict[str, Array]) -> None:
        optimizer, devices = self.trainer._optimizer, self.site.devices
        names = self._trained()
        for updater, device in zip(self.trainer._updaters, devices):
            for index, name in enumerate(names):
                updater.states[index] = tuple(mx.nd.array(arrays[f"moment {i} {name}"], ctx=device) for i in range(2))
                updater.states_synced[index] = True
            optimizer._all_index_update_counts[device.device_id] = dict.fromkeys(range(len(names)), self.schedule.step)
        optimizer.num_update = self.schedule.step

    def _trained(self) -> List[str]:
        """Names of the trainer's parameters, which it knows by their numbers."""
        names = {parameter: name for name, parameter in self._parameters().items()}
        return [names.get(parameter, parameter.name) for parameter in self.trainer._params]

    def _parameters(self) -> Dict[str, gluon.Parameter]:
        return self.net._collect_params_with_prefix()
