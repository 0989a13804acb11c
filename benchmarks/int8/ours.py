"""The joints of patches in 8 bits and in float32, beside ONNX Runtime with both."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401  it sets the threads before anything imports MXNet

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator

import mxnet as mx
import numpy as np

from benchmarks.contest import Contender, Contest, Prepared
from integral_pose.datasets import catalogue
from integral_pose.evaluation.predict import scorer
from integral_pose.models import export, saved

HERE = "benchmarks.int8"
PEOPLE = 32
TOGETHER = {"one by one": 1, "together": PEOPLE}  # in a mini-batch
NEAR = 0.1  # of the patch: how far the mean of a person's joints may differ; single joints of noise mean nothing


def contests(folder: Path, threads: int) -> Iterator[Contest]:
    """Both networks of photographs, for people one by one and together. ONNX Runtime quantizes what we export."""
    for network in (saved.DEFAULT, saved.IN_3D):
        trained, graph, inputs = saved.at(Path(network)), folder / f"{network}.onnx", folder / f"{network}.npy"
        export.write_onnx(export.read(trained), graph)
        patch = trained.run.patch
        np.save(inputs, np.random.default_rng(0).normal(size=(PEOPLE, 3, patch, patch)).astype(np.float32))
        for name, size in TOGETHER.items():
            yield _contest(f"8 bits, {network}, {name}", network, graph, {"inputs": str(inputs), "size": size}, threads)


def _contest(title: str, network: str, graph: Path, people: Dict[str, Any], threads: int) -> Contest:
    own: Dict[str, Any] = {"network": network, **people}
    given: Dict[str, Any] = {"graph": str(graph), "threads": threads, **people}
    contenders = (
        Contender("ours, 8 bits", f"{HERE}.ours:predicting", {**own, "in_8_bits": True}),
        Contender("ours, float32", f"{HERE}.ours:predicting", {**own, "in_8_bits": False}),
        Contender("ONNX Runtime, 8 bits", f"{HERE}.in_onnx:predicting", {**given, "in_8_bits": True}, rival=True),
        Contender("ONNX Runtime, float32", f"{HERE}.in_onnx:predicting", {**given, "in_8_bits": False}, rival=True),
    )
    return Contest(title, contenders, threads, PEOPLE, NEAR)


def predicting(network: str, inputs: str, size: int, in_8_bits: bool) -> Prepared:
    """Joints of the patches in the file `inputs`, `size` at a time; the turn gives each person's mean."""
    trained, images = saved.at(Path(network)), np.load(inputs, allow_pickle=False)
    run = replace(trained.run, flip_test=False)  # the exported network has none either
    said = scorer(run, trained.parameters, catalogue.skeleton(run), mx.cpu(), in_8_bits)
    parts = np.split(images, len(images) // size)
    return str(mx.__version__), lambda: np.concatenate([said(part)[0].mean(axis=1) for part in parts])
