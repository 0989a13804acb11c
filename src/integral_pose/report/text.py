"""RESULTS.md: every table in the paper's layout, the claims and the signatures, from numbers that were read."""
from __future__ import annotations

from typing import Dict, Iterator, List, Sequence, Tuple

from integral_pose.report import layout
from integral_pose.report.numbers import Numbers, Verdict
from integral_pose.tables import Table

MEASURES = {"OKS": "average precision by OKS,"}
HEADER = """\
# Results of the {profile} profile

`make report` writes this page from `results/{profile}/*.csv`; edit neither. `make table1`, or any other table, writes
its own CSV files, `make tables` those of all; what is trained is not trained again.

The paper's numbers are of MPII, COCO and Human3.6M. Ours are of the data that each table names, and where their name
begins with `synthetic` what can be compared with the paper's is the claims, not the values. A claim holds if its
smallest margin is above 0; behind the margin stand the middle 95 % of the resamplings of the test people.
"""


def results(tables: Sequence[Numbers], profile: str) -> str:
    """The whole of RESULTS.md."""
    parts = [HEADER.format(profile=profile), _summary(tables), *(_section(numbers) for numbers in tables)]
    return "\n".join(parts)


def tally(numbers: Numbers) -> Tuple[int, int, int]:
    """Claims held, not held and not judged."""
    held = sum(verdict.held for verdict in numbers.verdicts)
    return held, len(numbers.verdicts) - held, len(numbers.unjudged())


def cells_are(table: Table) -> str:
    """What the numbers of a table are: "PCKh @0.5/@0.1/AUC in %, more is better"."""
    metric = table.metrics[0]
    names = [m.name for m in table.metrics if m.name != metric.measure] if len(table.columns) > 1 else []
    what = " ".join(filter(None, (MEASURES.get(metric.measure, metric.measure), "/".join(names))))
    return f"{what} in {metric.unit}, {'more' if metric.better == 'higher' else 'less'} is better"


def _summary(tables: Sequence[Numbers]) -> str:
    lines = ["| | | seeds | claims held | not held | not judged |", "|---|---|---|---|---|---|"]
    for numbers in tables:
        if numbers.measured:
            words = [" ".join(numbers.said("seeds")), *map(str, tally(numbers))]
        else:
            words = ["not trained", "", "", str(len(numbers.table.claims))]
        lines.append(f"| {numbers.title} | {numbers.table.caption} | {' | '.join(words)} |")
    return "\n".join([*lines, ""])


def _section(numbers: Numbers) -> str:
    heading = f"## {numbers.title}: {numbers.table.caption}\n"
    if not numbers.measured:
        return f"{heading}\nNot trained in this profile: `make {numbers.table.name}` trains it.\n"
    blocks = [
        [f"paper: the paper's data. ours: {', '.join(numbers.said('data'))}; seeds {' '.join(numbers.said('seeds'))}.",
         f"{cells_are(numbers.table)}.", "",
         *layout.aligned(layout.lines(numbers.table, numbers.shown, numbers.costs))],
        _beside(numbers), _claims(numbers), list(_signatures(numbers)),
    ]
    return "\n".join([heading, *("\n".join(["```", *block, "```", ""]) for block in blocks if block)])


def _beside(numbers: Numbers) -> List[str]:
    lines = layout.beside(numbers.table, numbers.shown)
    if not lines:
        return []
    return ["measured beside: " + "/".join(metric.name for metric in numbers.table.beside), *layout.aligned(lines)]


def _claims(numbers: Numbers) -> List[str]:
    lines = [_claim(verdict) for verdict in numbers.verdicts]
    lines += [f"  not judged  {claim.text}: {why}" for claim, why in numbers.unjudged()]
    return [f"claims, smallest margin and 95 % of resamplings, {margin_unit(numbers.table)}", *lines] if lines else []


def margin_unit(table: Table) -> str:
    """Of a claim's margin."""
    unit = table.metrics[0].unit
    return "points" if unit == "%" else unit


def _claim(verdict: Verdict) -> str:
    outcome = "held    " if verdict.held else "not held"
    interval = f"[{verdict.low:+.2f}, {verdict.high:+.2f}]"
    said = verdict.claim.text + layout.NOTES[verdict.claim.in_paper]
    return f"  {outcome} {verdict.margin:+7.2f} {interval:<17} {said}"


def _signatures(numbers: Numbers) -> Iterator[str]:
    """Protocols, with what differs between rows, and a line for each cell's runs."""
    common, differing = protocols(numbers)
    yield f"protocol: {common}"
    for words, cells in differing.items():
        yield f"  {words}: {', '.join(cells)}"
    yield from layout.aligned([("row", "column", "seeds", "runs", "commits"), *(
        (row, column, cell.seeds, cell.keys, cell.commit) for (row, column), cell in numbers.cells().items()
    )])


def protocols(numbers: Numbers) -> Tuple[str, Dict[str, List[str]]]:
    """What the protocols of all cells say; and what only some say, with the names of these rows or cells."""
    said = {cell: number.protocol.split("|") for cell, number in numbers.cells().items()}
    common = [words for words in next(iter(said.values())) if all(words in others for others in said.values())]
    cells: Dict[str, List[Tuple[str, str]]] = {}
    for cell, all_words in said.items():
        rest = "|".join(words for words in all_words if words not in common)
        if rest:
            cells.setdefault(rest, []).append(cell)
    return "|".join(common), {words: _named(which, list(said)) for words, which in cells.items()}


def _named(cells: Sequence[Tuple[str, str]], known: Sequence[Tuple[str, str]]) -> List[str]:
    """Rows whose cells are all among these by their name, other cells by both names."""
    whole = {row for row, _ in cells if all(cell in cells for cell in known if cell[0] == row)}
    return list(dict.fromkeys(row if row in whole else f"{row} {column}" for row, column in cells))
