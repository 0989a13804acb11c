"""Line charts and intervals as inline SVG; colours and dashes are classes that style.css knows."""
from __future__ import annotations

import math
from itertools import product
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Sequence, Tuple

from integral_pose.report.markup import Html, tag

WIDTH, HEIGHT = 400, 270  # of a chart; small enough that its words can be read on a telephone
LEFT, RIGHT, TOP, BOTTOM = 52, 20, 26, 40  # margins
COLOURS = ("blue", "vermillion", "green", "purple", "orange", "sky", "ink")  # Okabe and Ito's
DASHES = ("solid", "dashed", "dotted", "dashdot")
INTERVAL_WIDTH, INTERVAL_HEIGHT = 160, 18


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


def chart(lines: Sequence[Line], x: Axis, y: Axis, title: str, said: str, verticals: Sequence[float] = ()) -> Html:
    """Lines over two axes.

    Args:
        said: the chart in words, for those who do not see it.
        verticals: x of vertical rules.
    """
    across, up = _scale(x, LEFT, WIDTH - RIGHT), _scale(y, HEIGHT - BOTTOM, TOP)
    rules = [_path([(across(place), TOP), (across(place), HEIGHT - BOTTOM)], "rule") for place in verticals]
    return tag(
        "svg", tag("text", title, x=LEFT, y=16, class_="title"), *_grid(x, y, across, up), *rules,
        *(part for line in lines for part in _drawn(line, across, up)),
        viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=said, class_="chart",
    )


def _scale(axis: Axis, start: int, end: int) -> Callable[[float], float]:
    extent = axis.high - axis.low or 1
    return lambda value: start + (value - axis.low) / extent * (end - start)


def _grid(x: Axis, y: Axis, across: Callable[[float], float], up: Callable[[float], float]) -> Iterator[Html]:
    floor, middle = HEIGHT - BOTTOM, (TOP + HEIGHT - BOTTOM) / 2
    for value, words in y.ticks:
        yield _path([(LEFT, up(value)), (WIDTH - RIGHT, up(value))], "grid")
        yield tag("text", words, x=LEFT - 6, y=f"{up(value) + 4:.1f}", text_anchor="end")
    for value, words in x.ticks:
        yield _path([(across(value), floor), (across(value), floor + 4)], "axis")
        yield tag("text", words, x=f"{across(value):.1f}", y=floor + 17, text_anchor="middle")
    yield _path([(LEFT, floor), (WIDTH - RIGHT, floor)], "axis")
    yield tag("text", x.label, x=(LEFT + WIDTH - RIGHT) // 2, y=HEIGHT - 5, text_anchor="middle")
    yield tag("text", y.label, transform=f"translate(11 {middle}) rotate(-90)", text_anchor="middle")


def _drawn(line: Line, across: Callable[[float], float], up: Callable[[float], float]) -> Iterator[Html]:
    points = [(across(x), up(y)) for x, y in line.points if math.isfinite(x) and math.isfinite(y)]
    for x, low, high in line.whiskers:
        if math.isfinite(low) and math.isfinite(high):
            yield _path([(across(x), up(low)), (across(x), up(high))], f"whisker {line.style.colour}")
    yield _path(points, f"line {line.style.colour} {line.style.dash}")
    if line.mark:
        for (x, y), (_, value) in zip(points, line.points):
            dot = tag("title", f"{line.name}: {value:.1f}")
            yield tag("circle", dot, cx=f"{x:.1f}", cy=f"{y:.1f}", r=3.5, class_=f"{line.mark} {line.style.colour}")


def _path(points: Sequence[Tuple[float, float]], kind: str) -> Html:
    return tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points), class_=kind)


def legend(named: Dict[str, Style]) -> Html:
    """What each line is, with a piece of it."""
    items: List[Html] = []
    for name, style in named.items():
        piece = _path([(1, 6), (31, 6)], f"line {style.colour} {style.dash}")
        items.append(tag("li", tag("svg", piece, viewBox="0 0 32 12", width=32, height=12, aria_hidden="true"), name))
    return tag("ul", *items, class_="legend")


def interval(margin: float, low: float, high: float, reach: float, held: bool) -> Html:
    """A margin and its interval beside the zero that it is to be above; an arrow for one that is beyond `reach`."""
    across = _scale(Axis("", -reach, reach, ()), 6, INTERVAL_WIDTH - 6)
    middle, kind = INTERVAL_HEIGHT / 2, "held" if held else "not-held"
    place = across(max(-reach, min(reach, margin)))
    tip = math.copysign(5, margin)
    marks = [
        _path([(place - tip, middle - 5), (place, middle), (place - tip, middle + 5)], f"line {kind}")
    ] if abs(margin) > reach else [
        _path([(across(max(-reach, low)), middle), (across(min(reach, high)), middle)], f"whisker {kind}"),
        tag("circle", cx=f"{place:.1f}", cy=middle, r=3.5, class_=f"full {kind}"),
    ]
    return tag(
        "svg", _path([(across(0), 0), (across(0), INTERVAL_HEIGHT)], "axis"), *marks,
        viewBox=f"0 0 {INTERVAL_WIDTH} {INTERVAL_HEIGHT}", width=INTERVAL_WIDTH, height=INTERVAL_HEIGHT,
        aria_hidden="true",
    )
