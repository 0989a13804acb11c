"""Networks in 8 bits against float32, in turns: processor time of one thread, for one person and for 32.

    OMP_NUM_THREADS=1 .venv/bin/python -m benchmarks.int8
"""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List

import mxnet as mx
import numpy as np

from integral_pose.datasets import catalogue
from integral_pose.evaluation.predict import scorer
from integral_pose.geometry import Array
from integral_pose.models import build, int8, saved, weights

ROUNDS = {1: 60, 32: 12}  # by people
Turn = Callable[[], Any]


def main() -> None:
    """Prints a line for each network and number of people."""
    for name in (saved.DEFAULT, saved.IN_3D):
        for people, rounds in ROUNDS.items():
            for part, turns in contests(name, people).items():
                exact, fast = medians(turns, rounds)
                print(f"{name:10} {people:2} {part:28} float32 {exact:7.2f} ms, 8 bits {fast:7.2f} ms", flush=True)


def contests(name: str, people: int) -> Dict[str, List[Turn]]:
    """Turns in float32 and in 8 bits: of the network alone, and with all that predicts joints of patches."""
    run, parameters, *_ = saved.at(Path(name))
    exact = build.maps_network(run)
    weights.load(exact, parameters, [mx.cpu()])
    build.fuse(exact, run, mx.cpu())
    images = np.random.default_rng(0).normal(size=(people, 3, run.patch, run.patch)).astype(np.float32)
    said = [scorer(run, parameters, catalogue.skeleton(run), mx.cpu(), in_8_bits) for in_8_bits in (False, True)]
    nets = (exact, int8.network(run, parameters, mx.cpu()))
    return {
        "network": [partial(_maps, net, images) for net in nets],
        "flip test and joints too": [partial(one, images) for one in said],
    }


def _maps(net: Any, images: Array) -> Array:
    return np.asarray(net(mx.nd.array(images)).asnumpy())


def medians(turns: List[Turn], rounds: int) -> List[float]:
    """The median processor time of each, ms, in an order of chance."""
    took: List[List[float]] = [[] for _ in turns]
    rng = np.random.default_rng(0)
    for each in (*turns, *turns):
        each()
    for _ in range(rounds):
        for number in rng.permutation(len(turns)):
            start = time.process_time()
            turns[number]()
            took[number].append(1000 * (time.process_time() - start))
    return [float(np.median(each)) for each in took]


if __name__ == "__main__":
    main()
