"""Processes, on one machine or several, that train a network together, each on its part of every mini-batch.

`horovodrun` starts the same command several times, and sets environment variables from which each process knows its
rank; the command needs no further options. One process leads: it alone reads and writes files, and sends their content
to the others. Horovod is imported only in such a process.
"""
from __future__ import annotations

import os
import signal
from typing import Any, Callable, List, Sequence, TypeVar

import mxnet as mx
import numpy as np
from mxnet import gluon

from integral_pose.errors import InputError
from integral_pose.geometry import Array

LOST = "Horovod has been shut down"  # what MXNet's error says in a process that another one has left
T = TypeVar("T")


class Crew:
    """A process that trains alone, the usual case.

    Every process of a crew calls the same methods in the same order; each method ends when all have called it.
    """

    rank, size = 0, 1  # of this process among all; how many they are
    local_rank, local_size = 0, 1  # the same among those of this machine

    @property
    def leads(self) -> bool:
        """Whether this process is the one that reads and writes files."""
        return self.rank == 0

    def first(self, do: Callable[[], T]) -> T:
        """The result of the leader's call, sent to all; if it raises, all raise."""
        return do()

    def step(self, trainer: gluon.Trainer, people: int) -> None:
        """A step of the optimizer on the gradients of all processes and devices, which are sums over `people`."""
        trainer.step(people)

    def total(self, numbers: Array) -> Array:
        """The sum of what the processes give."""
        return numbers

    def own(self, items: Sequence[T]) -> List[T]:
        """This process's share of a data set that they go through together: every `size`-th."""
        return list(items[self.rank :: self.size])


class HorovodCrew(Crew):
    """One of several processes that `horovodrun` has started."""

    def __init__(self, horovod: Any) -> None:
        """Waits for the others.

        Args:
            horovod: the module horovod.mxnet.
        """
        # The others wait while the leader makes data or evaluates, for as long as it takes: nothing has stalled.
        os.environ.setdefault("HOROVOD_STALL_CHECK_DISABLE", "1")
        horovod.init()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # horovodrun's, to one that waits for another in C
        self._horovod = horovod
        self.rank, self.size = horovod.rank(), horovod.size()
        self.local_rank, self.local_size = horovod.local_rank(), horovod.local_size()

    def first(self, do: Callable[[], T]) -> T:
        outcome: Any = None
        if self.leads:
            try:
                outcome = do(), None
            except Exception as error:
                outcome = None, error
        result, failure = self._horovod.broadcast_object(outcome, name="told")
        mx.nd.waitall()  # Horovod refuses a second message of this name before the first has gone
        if failure:
            raise failure
        return result

    def step(self, trainer: gluon.Trainer, people: int) -> None:
        trainer.allreduce_grads()
        gradients = [parameter.list_grad() for parameter in trainer._params if parameter.grad_req != "null"]
        # As one group: which of them are added in one go, and so the order of the additions, is not left to chance.
        self._horovod.grouped_allreduce_([each[0] for each in gradients], average=False, name="gradients")
        for total, *others in gradients:
            for other in others:
                total.copyto(other)
        trainer.update(people)

    def total(self, numbers: Array) -> Array:
        own = mx.nd.array(numbers, dtype=np.asarray(numbers).dtype)
        return self._horovod.allreduce(own, average=False, name="total").asnumpy()


def assembled() -> Crew:
    """The crew that this process belongs to: the one that `horovodrun` has started, or itself alone.

    Raises:
        InputError: Horovod is not installed.
    """
    if int(os.environ.get("HOROVOD_SIZE", "1")) == 1:
        return Crew()
    try:
        import horovod.mxnet
    except ImportError as error:
        raise InputError(
            f"Horovod, which starts several workers, is not installed ({error}): install it with `make setup "
            "HOROVOD=1`, and start them with its own .venv/bin/horovodrun."
        ) from error
    return HorovodCrew(horovod.mxnet)
