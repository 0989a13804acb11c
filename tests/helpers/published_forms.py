"""Files of published networks as others write them, made here: small networks with random values."""
from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Dict, Sequence, Tuple

import numpy as np

from integral_pose.geometry import Array
from integral_pose.published import names, to_torch
from integral_pose.published.names import Anatomy

NARROW = 0.0625  # of the published channels


def values(of: Anatomy, seed: int = 0) -> Dict[str, Array]:
    """Random parameters and running statistics of a network, by our names; features keep about their size."""
    rng = np.random.default_rng(seed)
    return {name: _value(name, shape, rng) for name, shape in names.shapes(of).items()}


def _value(name: str, shape: Tuple[int, ...], rng: np.random.Generator) -> Array:
    if name.endswith(("running_var", "gamma")):
        return rng.uniform(0.7, 1.3, shape).astype(np.float32)
    spread = 0.1 if len(shape) == 1 else (2 / np.prod(shape[1:])) ** 0.5
    return (spread * rng.standard_normal(shape)).astype(np.float32)


def renamed(of: Anatomy, arrays: Dict[str, Array], wrapper: str = "") -> Dict[str, Array]:
    """The parameters by the names of the publisher's program."""
    return {wrapper + theirs: arrays[ours] for ours, theirs in names.names(of).items()}


def write(path: Path, arrays: Dict[str, Array], beside: Sequence[str] = (), under: str = "network") -> Path:
    """Writes a state_dict as torch.save does; with something beside it, as programs save their checkpoints."""
    to_torch.write(arrays, path)
    if beside:
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        held = parts["archive/data.pkl"][2:-1]
        rest = b"".join(to_torch._text(name) + b"}" for name in beside)
        parts["archive/data.pkl"] = b"\x80\x02}(" + to_torch._text(under) + held + rest + b"u."
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
    return path
