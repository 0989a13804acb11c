"""The training step, the loader and inference against PyTorch, ONNX Runtime, GluonCV and the authors' loader."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import numpy as np

from benchmarks import ours
from benchmarks.contest import Contender, Contest

HERE = "benchmarks"
LAYOUTS = {"PyTorch, channels last": True, "PyTorch": False}


def step(table: str, data: str, folder: Path, threads: int, size: int) -> Contest:
    """A whole step of a table's network: patches from files, forward, loss, backward, Adam and the mean error."""
    people, form = folder / f"{table}.people.npz", ours.write_parameters(table, folder / f"{table}.npz")
    ours.write_people(table, data, size, 4, people)
    own = {"table": table, "parameters": form["parameters"], "data": data, "size": size}
    given: Dict[str, Any] = {"form": form, "people": str(people), "size": size, "threads": threads}
    rivals = (
        Contender(name, f"{HERE}.in_torch:training", {**given, "channels_last": last}, rival=True)
        for name, last in LAYOUTS.items()
    )
    contenders = (Contender("ours", f"{HERE}.ours:training", own), *rivals)
    return Contest(f"training step, {table}", contenders, threads, size, 0.01)


def inference(table: str, folder: Path, threads: int, size: int) -> Contest:
    """Joints of a mini-batch of patches."""
    form, run = ours.write_parameters(table, folder / f"{table}.npz"), ours.RUNS[table]
    inputs = folder / f"{size}.npy"
    np.save(inputs, np.random.default_rng(0).normal(size=(size, 3, run.patch, run.patch)).astype(np.float32))
    own = {"table": table, "parameters": form["parameters"], "inputs": str(inputs)}
    given: Dict[str, Any] = {"form": form, "inputs": str(inputs), "threads": threads}
    contenders = (
        Contender("ours", f"{HERE}.ours:inference", {**own, "fused": True}),
        Contender("ours, not fused", f"{HERE}.ours:inference", {**own, "fused": False}),
        Contender("ONNX Runtime", f"{HERE}.in_onnx:inference", given, rival=True),
        *(
            Contender(name, f"{HERE}.in_torch:inference", {**given, "channels_last": last}, rival=True)
            for name, last in LAYOUTS.items()
        ),
    )
    return Contest(f"inference, {table}", contenders, threads, size, 1e-4)


def start(data: str, folder: Path, threads: int) -> Contest:
    """The command from a cold process, with nobody beside it: what is to be known is its seconds."""
    ours = Contender("ours", f"{HERE}.ours:starting", {"data": data, "out": str(folder / "start")})
    return Contest("predict photo.jpg", (ours,), threads, 1, None)


def loader(table: str, data: str, folder: Path, size: int) -> List[Contest]:
    """Patches, from the same files and with the same draws; GluonCV's are its own, so it is not compared."""
    people = folder / f"{table}.loader.npz"
    ours.write_people(table, data, size, 8, people)
    own = {"table": table, "data": data, "size": size}
    given = {"people": str(people), "size": size}
    first = Contender("ours", f"{HERE}.ours:loading", own)
    compared = (
        first,
        Contender("ours, images kept", f"{HERE}.ours:loading", {**own, "kept": True}),
        Contender("the authors' steps", f"{HERE}.ours:authors_loader", given),
    )
    gluoncv = Contender("GluonCV, Simple Pose", f"{HERE}.ours:gluoncv_loader", given)
    return [
        Contest(f"loader, {table}", compared, 1, size, 0.05, per_core=True),
        Contest(f"loader, {table}, own draws", (first, gluoncv), 1, size, None, per_core=True),
    ]


def loader_of_large_pictures(data: str, folder: Path, size: int) -> Contest:
    """Patches of Table 1 from pictures that are as large as MPII's, decoded whole and reduced."""
    table, people, large = "Table 1", folder / "large.npz", folder / "large"
    large.mkdir()
    ours.write_people(table, data, size, 8, people, str(large))
    own = {"table": table, "data": data, "size": size, "large": str(large)}
    contenders = (
        Contender("ours", f"{HERE}.ours:loading", own),
        Contender("ours, reduced", f"{HERE}.ours:loading", {**own, "reduced": True}),
        Contender("the authors' steps", f"{HERE}.ours:authors_loader", {"people": str(people), "size": size}),
    )
    return Contest("loader, images of 1280 px", contenders, 1, size, 0.3, per_core=True)
