"""The runs that several tables share, each derived from the one it differs from in one thing."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict

from integral_pose.run import Run

# Sec. 5, Training; ResNet-50 with setting (b) of Table 2: 256 px, two deconvolutions, 32 x 32 cells.
I_STAR = Run(output="integral", loss="joint-l1")
R1 = replace(I_STAR, output="direct")
H1 = replace(I_STAR, output="heat map", loss="gaussian-mse")
H2 = replace(H1, loss="softmax-ce")
H3 = replace(H1, loss="disc-bce")


def integral_of(heat_map: Run) -> Run:
    """I1 of H1, and so on: trained on heat maps first, "and then, only integral loss is used"."""
    return replace(heat_map, output="integral", loss="joint-l1", start=heat_map)


def averaging_maps(heat_map: Run) -> Run:
    """With a flip test that averages heat maps, "as used in [26]"; that of other runs averages joints.

    For an integral the two are the same: a joint is linear in its normalized map. (Sec. 5.1; [26] is Newell's.)
    """
    return replace(heat_map, flip_test=True, flip_in="maps")


I1, I2, I3 = integral_of(H1), integral_of(H2), integral_of(H3)


def on_human36m(run: Run, extra: str = "", **changes: Any) -> Run:
    """The method on Human3.6M, by Strategy 1 or, with extra 2D people, Strategy 2 (Sec. 5.3).

    Setting (a) of Table 9, 64 x 64 x 64 cells, as the numbers that the two tables share show. Both strategies validate
    after the same number of steps: an epoch of the second is a seventh of one of the first.
    """
    settings: Dict[str, Any] = {"data": "human36m", "coordinates": 3, "upsamplings": 3, "validate_every": 500}
    return run.everywhere(extra=extra, **{**settings, **changes})
