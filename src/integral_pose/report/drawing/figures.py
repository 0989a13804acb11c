"""Charts of a table: PCKh against its threshold, errors against map resolution, and the course of training."""
from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from integral_pose.report.curves import Validation
from integral_pose.report.drawing import charts
from integral_pose.report.drawing.charts import Axis, Chart, Line, Style
from integral_pose.report.numbers import Numbers
from integral_pose.tables import Metric

RESOLUTION = re.compile(r".*?(\d+) -> (\d+)")  # "(a) 256 -> 64": px of the patch, cells of the map
THRESHOLD = re.compile(r"@(\d\.\d+)")
EVEN = (2, 4)  # panels that look best in two columns
MEANINGS = {
    "R1": "direct regression", "H1": "heat map", "I*": "integral alone", "I1": "integral, trained after H1",
}
Cell = Tuple[str, str]  # row and column
Triple = Tuple[float, float, float]  # a number and its interval
Course = List[Tuple[float, float, float, float]]  # steps since the first, both losses, the error in px


class Setting(NamedTuple):
    """A column of Tables 2 and 9."""

    column: str
    patch: int  # px
    cells: int  # along one side of the map


@dataclass(frozen=True)
class Figure:
    """Charts side by side with one legend and one caption."""

    panels: Sequence[Chart]
    styles: Dict[str, Style]
    caption: str
    title: str = ""
    kind: str = ""  # "pairs": in two columns
    folded: Optional[Figure] = None  # what a reader may open below it
    meanings: Dict[str, str] = field(default_factory=dict)  # of lines, for readers who do not know the paper's names


def distance(numbers: Numbers) -> Optional[Figure]:
    """PCKh against its threshold, a panel a column; with intervals where the table itself has the thresholds."""
    cells: Dict[Cell, List[Tuple[float, float]]] = defaultdict(list)
    for point in numbers.pckh:
        cells[point.row, point.column].append((point.threshold, point.pckh))
    coarse = _thresholds(numbers)
    for where, known in coarse.items():
        cells.setdefault(where, [(x, ours) for x, ours, _, _ in known])
    if not cells:
        return None
    named = charts.styles(dict.fromkeys(row for row, _ in cells))
    lines: Dict[str, List[Line]] = defaultdict(list)
    for (row, column), points in cells.items():
        whiskers = [(x, low, high) for x, _, low, high in coarse.get((row, column), ())]
        lines[column].append(Line(row, named[row], points, whiskers))
    panels = [_distance_panel(column, of_column) for column, of_column in lines.items()]
    note = " Whiskers are 95 % intervals." * bool(coarse)
    return Figure(panels, named, f"Our PCKh as its threshold grows.{note}", "PCKh against distance", _kind(panels))


def opening(numbers: Numbers) -> Optional[Figure]:
    """PCKh against its threshold for readers who see these curves first: each line has its name at its end."""
    figure = distance(numbers)
    if not figure:
        return None
    panels = [panel._replace(title=f"{numbers.title}, {panel.title}: ours", named=True) for panel in figure.panels[:1]]
    caption = "Share of joints (PCKh) that our networks place within a distance of the truth."
    return replace(figure, panels=panels, caption=caption, meanings=MEANINGS)


def _kind(panels: Sequence[Chart]) -> str:
    return "pairs" if len(panels) in EVEN else ""


def _distance_panel(column: str, lines: Sequence[Line]) -> Chart:
    reached = "; ".join(f"{line.name} reaches {line.points[-1][1]:.1f} %" for line in lines)
    x = charts.linear("threshold, head sizes", (threshold for line in lines for threshold, _ in line.points))
    y = Axis("PCKh, %", 0, 100, [(tick, str(tick)) for tick in range(0, 101, 20)])
    return Chart(lines, x, y, column, f"PCKh against its threshold, {column}: {reached}.")


def _thresholds(numbers: Numbers) -> Dict[Cell, List[Tuple[float, float, float, float]]]:
    """Threshold, PCKh and its interval where a table has a metric for each of many thresholds."""
    found: Dict[Cell, List[Tuple[float, float, float, float]]] = defaultdict(list)
    for (row, column, metric), number in numbers.measured.items():
        threshold = THRESHOLD.fullmatch(metric)
        if threshold and numbers.table.picture == "curves":
            found[row, column].append((float(threshold[1]), number.ours, number.low, number.high))
    return found


def resolution(numbers: Numbers) -> Optional[Figure]:
    """Each metric against the cells of the map, a line for each row and patch size; beside ours the paper's, if any."""
    matches = {column: RESOLUTION.fullmatch(column) for column in numbers.table.columns}
    settings = [Setting(column, int(found[1]), int(found[2])) for column, found in matches.items() if found]
    if len(settings) < len(matches) or not numbers.measured:
        return None
    rows = list(dict.fromkeys(row for row, _, _ in numbers.measured))
    named = charts.styles(rows)
    both = any(row.paper for row in numbers.table.rows)
    panels = [
        _resolution_panel(numbers, metric, whose, settings, named)
        for metric in numbers.table.metrics for whose in (("paper", "ours") if both else ("ours",))
    ]
    caption = (
        f"Full dots: patches of {_largest(settings)} px; hollow dots: smaller patches. Sizes are those of the paper; a "
        "profile may scale them. Whiskers are 95 % intervals."
    )
    return Figure(panels, named, caption, "Against map resolution", "pairs" if both else "")


def _largest(settings: Sequence[Setting]) -> int:
    return max(setting.patch for setting in settings)


def _resolution_panel(
    numbers: Numbers, metric: Metric, whose: str, settings: Sequence[Setting], named: Dict[str, Style]
) -> Chart:
    value = _papers if whose == "paper" else _ours
    lines = [
        _resolution_line(row, style, patch, [
            (math.log2(s.cells), *value(numbers, row, s.column, metric.name)) for s in settings if s.patch == patch
        ])._replace(mark="full" if patch == _largest(settings) else "hollow")
        for row, style in named.items() for patch in dict.fromkeys(s.patch for s in settings)
    ]
    ticks = sorted({(math.log2(setting.cells), str(setting.cells)) for setting in settings})
    x = Axis("cells along a side of the map", ticks[0][0] - 0.2, ticks[-1][0] + 0.2, ticks)
    values = [y for line in lines for _, *ys in (*line.points, *line.whiskers) for y in ys]
    said = "; ".join(f"{line.name}: {_in_words(line)}" for line in lines)
    title = f"{metric.name}, {whose}"
    y = charts.linear(f"{metric.name}, {metric.unit}", values)
    return Chart(lines, x, y, title, f"{title}, against map resolution. {said}.")


def _in_words(line: Line) -> str:
    return ", ".join(f"{value:.1f} at {2 ** at:.0f} cells" for at, value in line.points)


def _papers(numbers: Numbers, row: str, column: str, metric: str) -> Triple:
    """The paper's number, which has no interval."""
    return numbers.table.paper(row, column, metric), math.nan, math.nan


def _ours(numbers: Numbers, row: str, column: str, metric: str) -> Triple:
    """Our number and its interval, nan where there is none."""
    number = numbers.measured.get((row, column, metric))
    return (number.ours, number.low, number.high) if number else (math.nan,) * 3


def _resolution_line(row: str, style: Style, patch: int, values: Sequence[Tuple[float, ...]]) -> Line:
    known = [value for value in values if math.isfinite(value[1])]
    return Line(
        f"{row}, {patch} px", style, [(x, y) for x, y, _, _ in known],
        [(x, low, high) for x, _, low, high in known if math.isfinite(low)],
    )


def training(numbers: Numbers) -> Optional[Figure]:
    """The error on held-out people as runs were trained, a panel a column; and the losses of each row and column."""
    found, starts = courses(numbers.training)
    if not found:
        return None
    named = charts.styles(dict.fromkeys(row for row, _ in found))
    columns = list(dict.fromkeys(column for _, column in found))
    errors = [
        _error_panel(column, {row: course for (row, of), course in found.items() if of == column}, named,
                     [starts[where] for where in found if where[1] == column])
        for column in columns
    ]
    losses = [
        _loss_panel(row if len(columns) == 1 else f"{row}, {column}", course, starts[row, column], named[row])
        for (row, column), course in found.items()
    ]
    two = {"held-out people": Style("ink", "solid"), "training people": Style("ink", "dotted")}
    caption = "Loss per person, the mean over seeds. The two phases of a row have different losses."
    of_losses = Figure(losses, two, caption, "Losses of each row")
    return Figure(errors, named, "Error on held-out people during training, the mean over joints and seeds. A vertical "
                  "line marks the start of the second phase.", "Training", _kind(errors), of_losses)


def courses(
    validations: Sequence[Validation],
) -> Tuple[Dict[Cell, Course], Dict[Cell, List[float]]]:
    """Of each row and column: the mean over seeds of what was logged, phase after phase; and where phases begin."""
    phases: Dict[Cell, Dict[int, Dict[int, List[Validation]]]] = defaultdict(lambda: defaultdict(dict))
    for v in validations:
        phases[v.row, v.column][v.phase].setdefault(v.step, []).append(v)
    courses: Dict[Cell, Course] = defaultdict(list)
    starts: Dict[Cell, List[float]] = defaultdict(list)
    for where, of_phase in phases.items():
        done = 0
        for phase, steps in sorted(of_phase.items()):
            if phase > min(of_phase):
                starts[where].append(done)
            for step, seeds in sorted(steps.items()):
                numbers = ((v.train_loss, v.validation_loss, v.validation_error_px) for v in seeds)
                trained, held_out, error = map(fmean, zip(*numbers))
                courses[where].append((done + step, trained, held_out, error))
            done += max(steps)
    return courses, starts


def _error_panel(
    column: str, courses: Dict[str, Course], named: Dict[str, Style], starts: Sequence[Sequence[float]]
) -> Chart:
    lines = [Line(row, named[row], [(step, error) for step, _, _, error in course]) for row, course in courses.items()]
    x = charts.linear("steps", (step for line in lines for step, _ in line.points), low=0)
    y = charts.linear("error, patch px", (error for line in lines for _, error in line.points), low=0)
    said = "; ".join(f"{line.name} from {line.points[0][1]:.1f} to {line.points[-1][1]:.1f} px" for line in lines)
    verticals = sorted({start for of_row in starts for start in of_row})
    return Chart(lines, x, y, column, f"Error on held-out people, {column}: {said}.", verticals)


def _loss_panel(title: str, course: Course, starts: Sequence[float], style: Style) -> Chart:
    pairs = (("held-out", "solid", 2), ("training", "dotted", 1))
    lines = [
        Line(name, style._replace(dash=dash), [(at[0], math.log10(at[place])) for at in course if at[place] > 0])
        for name, dash, place in pairs
    ]
    x = charts.linear("steps", (at[0] for at in course), low=0)
    y = charts.logarithmic("loss", (loss for at in course for loss in at[1:3]))
    said = f"Loss of {title}: on held-out people from {course[0][2]:.3g} to {course[-1][2]:.3g}."
    return Chart(lines, x, y, title, said, starts)
