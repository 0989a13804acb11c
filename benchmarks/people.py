"""Images of synthetic people, as for Table 1 in quick, painted by compiled code and by NumPy."""
from __future__ import annotations

import numpy as np

from benchmarks.contest import Contender, Contest, Prepared
from integral_pose.synthetic import make_mpii
from integral_pose.synthetic.drawing import capsules
from integral_pose.synthetic.drawing.renderer import render

COUNT = 20


def contest() -> Contest:
    """The same people twice; the images must be bit-identical."""
    ours, plain = (
        Contender(name, "benchmarks.people:pictures", {"by_numpy": by_numpy})
        for name, by_numpy in (("ours", False), ("ours, without a compiler", True))
    )
    return Contest("synthetic people", (ours, plain), 1, COUNT, 0)


def pictures(by_numpy: bool) -> Prepared:
    """People drawn and painted; they are not written, so the disk does not matter."""
    if by_numpy:
        capsules._compiled = lambda: None  # type: ignore[assignment]

    def turn() -> np.ndarray:
        jobs = [make_mpii.Job("", "train", index, seed=0) for index in range(COUNT)]
        made = [(job.shot(), job.generators()[1]) for job in jobs]
        return np.stack([render(shot.people, shot.camera, shot.size, rng).astype(float) for shot, rng in made])

    return np.__version__, turn
