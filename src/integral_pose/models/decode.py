"""From a network's output to joints."""
from __future__ import annotations

from typing import Any

import mxnet as mx
import numpy as np

from integral_pose.geometry import Array
from integral_pose.models import subpixel
from integral_pose.run import Run

PLACES = {"centre": 0.5, "index": 0.0}  # of a cell's coordinate within the cell


def place(run: Run) -> float:
    """Where within a cell the coordinate is that the run reads."""
    return PLACES[run.read_grid or run.grid]


def joints_of(output: Any, run: Run) -> Array:
    """A network's output, an NDArray or a list of each stage's, to the joints of its last stage (N, K, C)."""
    return decode(last_stage(output).asnumpy(), run)


def last_stage(output: Any) -> mx.nd.NDArray:
    """A network's output; of several stages, the last one's."""
    return output[-1] if isinstance(output, (list, tuple)) else output


def decode(output: Array, run: Run) -> Array:
    """A network's output to joints (N, K, C), fractions: as they are, or the place of the highest cell of its map.

    Of heat vectors (N, K, 3, cells) it is the highest cell of each. A run may ask for a place within the cell.
    """
    if run.output != "heat map":
        return output
    if run.on_vectors:
        return (output.argmax(axis=3) + 0.5) / run.cells
    if run.decoder == "window":
        return subpixel.in_window(output)
    if run.decoder != "integer":
        return subpixel.refined(output, run.decoder, run.sigma, place(run))
    people, _, height, width = output.shape
    volumes = output.reshape(people, -1, run.depth, height, width)
    best = volumes.reshape(*volumes.shape[:2], -1).argmax(axis=2)
    z, y, x = np.unravel_index(best, volumes.shape[2:])
    axes = ((x, width), (y, height), (z, run.depth))[:run.coordinates]
    return np.stack([(cell + place(run)) / cells for cell, cells in axes], axis=2)


def peaks(maps: Array, run: Run) -> Array:
    """The highest values of maps (N, K * D, H, W), or of vectors (N, K, 3, cells) on average: (N, K)."""
    if run.on_vectors:
        return np.asarray(maps.max(axis=3).mean(axis=2))
    return np.asarray(maps.reshape(len(maps), -1, run.depth * run.cells * run.columns).max(axis=2))
