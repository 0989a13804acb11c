"""Line charts and intervals as numbers in pixels: templates/charts.html draws them, style.css colours them."""
from __future__ import annotations

import math
from itertools import product
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

WIDTH, HEIGHT = 360, 250  # px of a chart; small enough that its words can be read on a phone
LEFT, RIGHT, TOP, BOTTOM = 52, 20, 26, 40  # px, margins
COLOURS = ("blue", "vermillion", "green", "purple", "orange", "sky", "ink")  # Okabe and Ito's
DASHES = ("solid", "dashed", "dotted", "dashdot")
INTERVAL_WIDTH, INTERVAL_HEIGHT = 160, 18  # px
NAME_HEIGHT = 14  # px between the names at the ends of two lines
Place = Tuple[float, float]


class Style(NamedTuple):
    """How a line looks: no two on one chart differ in the colour alone unless they must."""

    colour: str
    dash: str


# A heat map and the integral over it have one colour, heat maps are dashed.
METHODS = {
    "R1": Style("orange", "dotted"), "I*": Style("purple", "dashdot"),
    "H1": Style("blue", "dashed"), "H2": Style("vermillion", "dashed"), "H3": Style("green", "dashed"),
    "I1": Style("blue", "solid"), "I2": Style("vermillion", "solid"), "I3": Style("green", "solid"),
}


class Line(NamedTuple):
    """A line of a chart, its points in the data's units, and intervals (x, low, high) drawn as whiskers."""

    name: str
    style: Style
    points: Sequence[Tuple[float, float]]
    whiskers: Sequence[Tuple[float, float, float]] = ()
    mark: str = ""  # "full" or "hollow" dots at the points


class Axis(NamedTuple):
    """What an axis is about, its range, and where it has ticks."""

    label: str
    low: float
    high: float
    ticks: Sequence[Tuple[float, str]]


def styles(names: Iterable[str]) -> Dict[str, Style]:
    """A style for each name, all different: a method's own where there is one."""
    found: Dict[str, Style] = {}
    for name in names:
        free = (Style(colour, dash) for dash, colour in product(DASHES, COLOURS))
        own = [METHODS[method] for method in (name, name.rpartition("-")[2]) if method in METHODS]
        found[name] = next(style for style in (*own, *free) if style not in found.values())
    return found


def linear(label: str, values: Iterable[float], low: float = math.inf) -> Axis:
    """An axis that holds all values, with round ticks; from `low` at the most."""
    known = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(low, *known, max(known)), max(known)
    step = _round_step((high - low) / 5 or 1)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    last = max(last, first + 1)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = [(i * step, f"{i * step:.{digits}f}") for i in range(first, last + 1)]
    return Axis(label, first * step, last * step, ticks)


def logarithmic(label: str, values: Iterable[float]) -> Axis:
    """An axis of decimal logarithms that holds all positive values, with ticks at 1, 2, 5, 10 and so on."""
    known = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    decades = range(math.floor(math.log10(min(known))) - 1, math.ceil(math.log10(max(known))) + 2)
    places = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
    low = max(place for place in places if place <= min(known) * (1 + 1e-9))
    high = min(place for place in places if place > max(known))
    ticks = [place for place in places if low <= place <= high]
    ticks = ticks if len(ticks) <= 8 else [place for place in ticks if f"{place:e}".startswith("1")]
    return Axis(label, math.log10(low), math.log10(high), [(math.log10(place), f"{place:.3g}") for place in ticks])


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5, 10, ... times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def _scale(value: float, axis: Axis, start: float, end: float) -> float:
    return start + (value - axis.low) / (axis.high - axis.low or 1) * (end - start)


class Chart(NamedTuple):
    """Lines over two axes; its methods turn the data's units into px, x from the left and y from the top."""

    lines: Sequence[Line]
    x: Axis
    y: Axis
    title: str
    said: str  # the chart in words, for readers who do not see it
    verticals: Sequence[float] = ()  # x of vertical rules
    named: bool = False  # whether each line's name stands at its end

    @property
    def right(self) -> int:
        """Where the axes end."""
        return WIDTH - (RIGHT + 14 if self.named else RIGHT)

    def across(self, value: float) -> float:
        return _scale(value, self.x, LEFT, self.right)

    def up(self, value: float) -> float:
        return _scale(value, self.y, HEIGHT - BOTTOM, TOP)

    def places(self, points: Iterable[Place]) -> List[Place]:
        """Points in px, without those that are not finite."""
        return [(self.across(x), self.up(y)) for x, y in points if math.isfinite(x) and math.isfinite(y)]

    def dots(self, line: Line) -> List[Tuple[float, float, float]]:
        """Points in px with their value, if the line has marks."""
        finite = [(x, y) for x, y in line.points if math.isfinite(x) and math.isfinite(y)] if line.mark else []
        return [(*place, y) for place, (_, y) in zip(self.places(finite), finite)]

    def ends(self) -> List[Tuple[Line, float]]:
        """Lines with the height of their name, moved apart where names would overlap."""
        last = [(line, self.places(line.points)[-1][1]) for line in self.lines if self.named]
        found: List[Tuple[Line, float]] = []
        for line, place in sorted(last, key=lambda end: -end[1]):
            found.append((line, min(place, found[-1][1] - NAME_HEIGHT) if found else place))
        return found


class Interval(NamedTuple):
    """A margin and its interval beside the zero that it should be above."""

    margin: float
    low: float
    high: float
    reach: float  # of the picture, on both sides of zero

    @property
    def is_beyond(self) -> bool:
        """Whether the margin is outside the picture, where an arrow stands for it."""
        return abs(self.margin) > self.reach

    @property
    def tip(self) -> float:
        """px from an arrow's ends to its tip, negative to the left."""
        return math.copysign(5, self.margin)

    def across(self, value: float) -> float:
        held = max(-self.reach, min(self.reach, value))
        return _scale(held, Axis("", -self.reach, self.reach, ()), 6, INTERVAL_WIDTH - 6)
