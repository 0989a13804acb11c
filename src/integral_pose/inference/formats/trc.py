"""TRC, the marker files of OpenSim: the joints in mm over time, one file for each person."""
from __future__ import annotations

from pathlib import Path
from typing import Sequence

import numpy as np

from integral_pose.inference.formats.motion import Motion


def write(path: Path, motion: Motion, joints: Sequence[str], rate: float) -> None:
    """Writes a person's joints as markers. Frames in between in which they are not there have empty cells.

    Frame# counts the video's frames from 1, so that all people's files agree.

    Args:
        rate: frames a second, on average; the column Time has each frame's own time.
    """
    first, count = int(motion.frames[0]), int(motion.frames[-1] - motion.frames[0]) + 1
    known = dict(zip(motion.frames.tolist(), range(len(motion.frames))))
    times = np.interp(np.arange(first, first + count), motion.frames, motion.seconds)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"PathFileType\t4\t(X/Y/Z)\t{path.name}\n"
                   "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
                   f"{rate:.4f}\t{rate:.4f}\t{count}\t{len(joints)}\tmm\t{rate:.4f}\t{first + 1}\t{count}\n"
                   "Frame#\tTime\t" + "\t\t\t".join(joints) + "\t\t\n"
                   "\t\t" + "\t".join(f"X{n}\tY{n}\tZ{n}" for n in range(1, len(joints) + 1)) + "\n\n")
        for number in range(count):
            where = known.get(first + number)
            values = [] if where is None else (motion.poses[where].ravel().round(2) + 0.0).tolist()
            cells = [f"{value:.2f}" for value in values] or [""] * 3 * len(joints)
            file.write("\t".join([str(first + number + 1), f"{times[number]:.5f}", *cells]) + "\n")
