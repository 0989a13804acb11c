"""The words of the report: what is counted, which unit, what the protocols have in common, what was found."""
from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from integral_pose.report import layout
from integral_pose.report.numbers import Numbers
from integral_pose.tables import Table

MEASURES = {"OKS": "Average precision by OKS,"}
MARKUP = re.compile(r"([\\`|]|[*_](?=\S)|<(?=[A-Za-z/!?])|&(?=[#\w])|\[(?=[^\]]*\]\())")  # where Markdown sees some
HEAT_MAP, INTEGRAL, DARK = "H1", "I1", "H1, DARK"


class Finding(NamedTuple):
    """The main result in one line, the numbers it stands on, and what weakens it."""

    headline: str
    numbers: List[Tuple[str, Tuple[float, float], Tuple[float, float]]]  # metric, heat map and integral: ours, paper's
    weakened: str


def tally(numbers: Numbers) -> Tuple[int, int, int]:
    """Claims held, not held and not judged."""
    held = sum(verdict.held for verdict in numbers.verdicts)
    return held, len(numbers.verdicts) - held, len(numbers.unjudged())


def counted(numbers: Numbers) -> str:
    """A tally in words: "12 held, 3 not held"."""
    words = zip(tally(numbers), ("held", "not held", "not judged"))
    return ", ".join(f"{number} {word}" for number, word in words if number) or "no claims"


def cells_are(table: Table) -> str:
    """What the numbers of a table are: "PCKh @0.5/@0.1/AUC in %, more is better"."""
    metric = table.metrics[0]
    names = [m.name for m in table.metrics if m.name != metric.measure] if len(table.columns) > 1 else []
    what = " ".join(filter(None, (MEASURES.get(metric.measure, metric.measure), "/".join(names))))
    return f"{what} in {metric.unit}, {'more' if metric.better == 'higher' else 'less'} is better"


def margin_unit(table: Table) -> str:
    """Of a claim's margin."""
    unit = table.metrics[0].unit
    return "points" if unit == "%" else unit


def quotes(table: Table) -> List[str]:
    """The paper's sentences that the claims are made of, each once."""
    return list(dict.fromkeys(claim.quote for claim in table.claims if claim.quote))


def protocols(numbers: Numbers) -> Tuple[str, Dict[str, List[str]]]:
    """What the protocols of all cells have in common; and the rest, each part with the names of its rows or cells."""
    found = {cell: number.protocol.split("|") for cell, number in numbers.cells().items()}
    common = [words for words in next(iter(found.values())) if all(words in others for others in found.values())]
    cells: Dict[str, List[Tuple[str, str]]] = {}
    for cell, all_words in found.items():
        rest = "|".join(words for words in all_words if words not in common)
        if rest:
            cells.setdefault(rest, []).append(cell)
    return "|".join(common), {words: _named(which, list(found)) for words, which in cells.items()}


def _named(cells: Sequence[Tuple[str, str]], known: Sequence[Tuple[str, str]]) -> List[str]:
    """Rows whose cells are all among these by their name, other cells by both names."""
    whole = {row for row, _ in cells if all(cell in cells for cell in known if cell[0] == row)}
    return list(dict.fromkeys(row if row in whole else f"{row} {column}" for row, column in cells))


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return MARKUP.sub(r"\\\1", text)


def fenced(block: str) -> str:
    """Text as a code block of Markdown, whatever backticks it has."""
    ticks = max((len(run) for run in re.findall("`+", block)), default=0)
    fence = "`" * max(3, ticks + 1)
    return f"{fence}\n{block}\n{fence}"


def finding(tables: Sequence[Numbers]) -> Optional[Finding]:
    """The paper's main claim on our numbers, I1 of Table 1 against its heat map H1; None if they are not measured."""
    known = {numbers.table.name: numbers for numbers in tables if numbers.judged}
    pairs = _pairs(known["table1"], HEAT_MAP, INTEGRAL, 0) if "table1" in known else {}
    if not pairs:
        return None
    won = [metric for metric, (heat_map, integral) in pairs.items() if integral > heat_map]
    where = "in every metric" if len(won) == len(pairs) else f"in {' and '.join(won)} only" if won else "in no metric"
    paper, column = known["table1"].table.paper, known["table1"].table.columns[0]
    return Finding(
        f"Integral regression beats the heat map it starts from {where}",
        [(metric, pair, (paper(HEAT_MAP, column, metric), paper(INTEGRAL, column, metric)))
         for metric, pair in pairs.items()],
        _weakened(known["beyond_decoders"]) if "beyond_decoders" in known else "",
    )


def _pairs(numbers: Numbers, one: str, other: str, column: int) -> Dict[str, Tuple[float, float]]:
    """Both rows' numbers in a column by metric, of those metrics that both have."""
    where, found = numbers.table.columns[column], {}
    for metric in numbers.table.metrics:
        first, second = (numbers.measured.get((row, where, metric.name)) for row in (one, other))
        if first and second:
            found[metric.name] = (first.ours, second.ours)
    return found


def _weakened(decoders: Numbers) -> str:
    """Where the heat map decoded by DARK is ahead of the integral: the sentence that limits the finding."""
    pairs = {setting: _pairs(decoders, DARK, INTEGRAL, place).get("AUC")
             for place, setting in enumerate(decoders.table.columns)}
    ahead = [f"{pair[0]:.1f} against {pair[1]:.1f} with {setting}"
             for setting, pair in pairs.items() if pair and pair[0] > pair[1]]
    if not ahead:
        return ""
    return f"Decoded by DARK, the heat map is ahead of {INTEGRAL} in AUC: {' and '.join(ahead)}."


def signatures(numbers: Numbers) -> Iterator[str]:
    """Protocols, with what differs between rows, and a line for the runs of each row and column."""
    common, differing = protocols(numbers)
    yield f"protocol: {common}"
    for words, cells in differing.items():
        yield f"  {words}: {', '.join(cells)}"
    yield from layout.aligned([("row", "column", "seeds", "runs", "commits"), *(
        (row, column, cell.seeds, cell.keys, cell.commit) for (row, column), cell in numbers.cells().items()
    )])
