"""One picture that sums up a video: frames with skeletons, and how high joints are over time."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import cv2
import numpy as np

from integral_pose.geometry import Array
from integral_pose.inference.estimator import Seen
from integral_pose.inference.overlay import Overlays
from integral_pose.skeletons import LEFT, MIDDLE, RIGHT, Skeleton

SHEET, COLUMNS, WIDTH = 12, 4, 320  # pictures, those in a row, and px of each
MOMENTS = 1500  # on a curve, at most
SHOWN_PEOPLE = 4  # with curves
HEIGHTS = ("head_top", "nose", "l_wrist", "r_wrist", "l_ankle", "r_ankle")
GROUND = "#222222"


class Moment(NamedTuple):
    """A frame: its time in s and the heights of joints by person, px above the bottom edge of the picture."""

    seconds: float
    heights: Dict[int, Array]


class Summary:
    """Adds the frames of a video one by one. Memory does not grow with their number."""

    def __init__(self, title: str, skeleton: Skeleton, overlays: Overlays) -> None:
        self._title, self._skeleton, self._overlays = title, skeleton, overlays
        names = [name for name in HEIGHTS if name in skeleton.joints]
        self._names = names[:1] + [name for name in names[1:] if name != "nose"]
        self._pictures: List[Tuple[str, Array]] = []
        self._moments: List[Moment] = []
        self._step = self._every = 1
        self._count = 0

    def add(self, seen: Seen) -> None:
        """A frame and its people."""
        number, self._count = self._count, self._count + 1
        seconds = float(number) if seen.picture.seconds is None else seen.picture.seconds
        if number % self._step == 0:
            self._pictures.append((f"{seconds:.2f} s", self._small(seen)))
            if len(self._pictures) >= 2 * SHEET:
                self._pictures, self._step = self._pictures[::2], 2 * self._step
        if number % self._every == 0:
            self._moments.append(Moment(seconds, self._heights(seen)))
            if len(self._moments) > MOMENTS:
                self._moments, self._every = self._moments[::2], 2 * self._every

    def _small(self, seen: Seen) -> Array:
        drawn = self._overlays.flat(seen)
        return cv2.resize(drawn, (WIDTH, max(1, round(WIDTH * drawn.shape[0] / drawn.shape[1]))),
                          interpolation=cv2.INTER_AREA)

    def _heights(self, seen: Seen) -> Dict[int, Array]:
        joints = [self._skeleton.index(name) for name in self._names]
        bottom = seen.picture.pixels.shape[0] - 0.5
        return {number if person.identity is None else person.identity: bottom - person.joints[joints, 1]
                for number, person in enumerate(seen.people)}

    def write(self, path: Path) -> None:
        """Writes the picture; nothing where no frame was added."""
        if not self._pictures:
            return
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # only here: photographs do not wait for it
        from matplotlib.figure import Figure

        people, sheet = self._longest(), self._sheet()
        high = 13 * sheet.shape[0] / sheet.shape[1]
        figure = Figure(figsize=(13, 0.5 + high + 2.2 * len(people)), facecolor=GROUND)
        FigureCanvasAgg(figure)
        grid = figure.add_gridspec(1 + len(people), 1, height_ratios=[high, *[2.0] * len(people)], left=0.04,
                                   right=0.99, top=1 - 0.35 / figure.get_figheight(), bottom=0.02, hspace=0.25)
        axes = figure.add_subplot(grid[0])
        axes.imshow(sheet[..., ::-1], aspect="auto")
        axes.set_axis_off()
        for number, person in enumerate(people):
            self._plot(figure.add_subplot(grid[1 + number]), person)
        figure.suptitle(self._title, color="white", y=1 - 0.1 / figure.get_figheight(), va="top", fontsize=11)
        quick = {"compress_level": 2}  # PNG's best takes a third of the time of all this, for a tenth of the size
        figure.savefig(path, dpi=80, facecolor=GROUND, pil_kwargs=quick)

    def _sheet(self) -> Array:
        """The pictures in rows, each with its time."""
        places = np.linspace(0, len(self._pictures) - 1, min(SHEET, len(self._pictures))).round().astype(int)
        tiles = []
        for title, pixels in (self._pictures[place] for place in places):
            tile = cv2.copyMakeBorder(pixels, 20, 4, 2, 2, cv2.BORDER_CONSTANT, value=(34, 34, 34))
            tiles.append(cv2.putText(tile, title, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1,
                                     cv2.LINE_AA))
        tiles += [np.full_like(tiles[0], 34)] * (-len(tiles) % COLUMNS)
        return np.vstack([np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)])

    def _longest(self) -> List[int]:
        """Who is in most frames."""
        counts: Dict[int, int] = {}
        for moment in self._moments:
            for person in moment.heights:
                counts[person] = counts.get(person, 0) + 1
        return sorted(sorted(counts, key=lambda person: -counts[person])[:SHOWN_PEOPLE])

    def _plot(self, axes: Any, person: int) -> None:
        nowhere = np.full(len(self._names), np.nan)
        heights = np.array([moment.heights.get(person, nowhere) for moment in self._moments])
        seconds = np.array([moment.seconds for moment in self._moments])
        there = np.pad(np.isfinite(heights).all(axis=1), 1)
        alone = there[1:-1] & ~there[:-2] & ~there[2:]  # a line needs two moments
        for name, curve in zip(self._names, heights.T):
            colour = {"l_": LEFT, "r_": RIGHT}.get(name[:2], MIDDLE)
            axes.plot(seconds, curve, color=colour, label=name, linestyle="--" if "ankle" in name else "-")
            axes.plot(seconds[alone], curve[alone], color=colour, marker="o", linestyle="")
        margin = 0.02 * max(seconds[-1] - seconds[0], 0.1)
        axes.set_xlim(seconds[0] - margin, seconds[-1] + margin)  # of the video: the same for everybody
        axes.set_facecolor("#333333")
        axes.tick_params(colors="white")
        axes.set_title(f"person {person}: height of joints, px from the bottom edge; time in s", color="white",
                       fontsize=10, loc="left")
        axes.legend(fontsize=8, ncol=len(self._names), loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2,
                    frameon=False, labelcolor="white")
