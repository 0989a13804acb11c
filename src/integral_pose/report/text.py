"""The words of the report: what is counted, which unit, what the protocols have in common, what was found."""
from __future__ import annotations

import re
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from integral_pose.report import curves, layout
from integral_pose.report.curves import LEARNING, Ending
from integral_pose.report.numbers import Numbers
from integral_pose.report.verdicts import HELD, NOT_HELD, OUTCOMES, UNDECIDED
from integral_pose.tables import Claim, Table, Term, Values, read_by_dark

MEASURES = {"OKS": "Average precision by OKS,"}
MARKUP = re.compile(r"([\\`|]|[*_](?=\S)|<(?=[A-Za-z/!?])|&(?=[#\w])|\[(?=[^\]]*\]\())")  # where Markdown sees some
HEAT_MAP, INTEGRAL, DARK = "H1", "I1", "H1, DARK"


class Finding(NamedTuple):
    """The main result in one line, the numbers it stands on, and what weakens it."""

    headline: str
    numbers: List[Tuple[str, List[Tuple[float, float]]]]  # metric; heat map and integral of each of `sources`
    sources: List[str]  # whose the numbers are
    weakened: str


class Tally(NamedTuple):
    """How many claims have each outcome."""

    held: int
    undecided: int
    not_held: int
    unjudged: int

    def __bool__(self) -> bool:
        return any(self)


def tally(tables: Sequence[Numbers], of_paper: bool = True) -> Tally:
    """The paper's own sentences that its own numbers bear out; or all other claims."""
    outcomes = [v.outcome for numbers in tables for v in numbers.verdicts if v.claim.of_paper == of_paper]
    unjudged = sum(claim.of_paper == of_paper for numbers in tables for claim, _ in numbers.unjudged())
    return Tally(outcomes.count(HELD), outcomes.count(UNDECIDED), outcomes.count(NOT_HELD), unjudged)


def tallies(numbers: Numbers) -> List[Tuple[int, int]]:
    """For each outcome how many claims are the paper's, and how many are counted apart."""
    return list(zip(tally([numbers]), tally([numbers], of_paper=False)))


def counted(found: Tally) -> str:
    """A tally in words: "12 held, 3 not held"."""
    words = zip(found, (*OUTCOMES, "not judged"))
    return ", ".join(f"{number} {word}" for number, word in words if number) or "no claims"


def summary(tables: Sequence[Numbers]) -> str:
    """How many of the paper's claims hold, and how many others."""
    papers, others = tally(tables), tally(tables, of_paper=False)
    judged = papers.held + papers.undecided + papers.not_held
    return (f"Of the paper's own sentences that its own numbers bear out, {judged} were judged: {papers.held} held, "
            f"{papers.undecided} undecided, {papers.not_held} not held; {papers.unjudged} more were not judged. "
            f"Claims that we added or that the paper's own numbers contradict are counted apart: {counted(others)}.")


def note(table: Table, claim: Claim, values: Values, changes: Mapping[Tuple[str, str], float]) -> str:
    """Whether a margin comes from a network that was trained for too short a time; "" if not.

    That is where what a claim presumes fails, and does not fail in the paper: a row gains when its maps shrink.

    Args:
        changes: as `curves.changes` gives them; a cell may be missing.
    """
    if not claim.presumes or (claim.in_paper is not None and claim.presumes.of(table.paper) <= 0):
        return ""
    gained = -claim.presumes.of(values)
    if gained <= 0:
        return ""
    large, small = ((term.row, term.column) for term in sorted(claim.presumes.terms, key=_is_small))
    found = (f"{gained:.1f} {margin_unit(table)} of this margin are no robustness: {large[0]} is better with "
             f"{small[1]} than with {large[1]}")
    if large not in changes:
        return found
    state = "was still learning" if changes[large] <= -LEARNING else "had stopped learning"
    return f"{found}, which {state}: {_changed(changes[large])} in held-out loss in the last fifth of its steps"


def _is_small(term: Term) -> bool:
    """Of the two terms of `loses_less`' presumption, whether it is that of the smaller size."""
    return term.weight * term.metric.sign < 0


def seeds_in_words(numbers: Numbers) -> str:
    """What intervals do not cover."""
    seeds = len(numbers.signed("seeds"))
    if seeds == 1:
        return ("One seed: no interval covers how much networks differ that were trained alike from other random "
                "numbers.")
    known = all(verdict.seeds for verdict in numbers.verdicts)
    rule = ("claims on which the seeds differ in sign are undecided" if known else
            f"what each seed alone would give was not published with these numbers, and `{numbers.command}` adds it")
    return f"{seeds} seeds: margins are those of their mean, intervals cover the test people only, and {rule}."


def converged_in_words(numbers: Numbers) -> str:
    """How far the networks are from converged; "" if nothing was logged."""
    changes = curves.changes(_each_network_once(curves.endings(numbers.training)))
    found = sorted((change, *where) for where, change in changes.items())
    if not found:
        return ""
    learning = sum(change <= -LEARNING for change, _, _ in found)
    ends = [f"{_changed(change)} ({_cell(numbers, row, column)})" for change, row, column in (found[0], found[-1])]
    return (f"Distance from converged: in the last fifth of their steps, the held-out losses of {learning} of "
            f"{len(found)} networks still fell by {LEARNING:.0f} % or more; they changed by between {ends[0]} and "
            f"{ends[1]}.")


def _each_network_once(endings: Sequence[Ending]) -> List[Ending]:
    """Those of the first row and column that has the network; others only test it in another way."""
    first: Dict[str, Tuple[str, str]] = {}
    return [end for end in endings if first.setdefault(end.key, (end.row, end.column)) == (end.row, end.column)]


def _changed(change: float) -> str:
    return f"{change:+.1f} %"


def _cell(numbers: Numbers, row: str, column: str) -> str:
    return f"{row}, {column}" if len(numbers.table.columns) > 1 else row


def weaknesses(numbers: Numbers) -> List[str]:
    """What stands against the claims of a table that hold: a sentence each."""
    found = [seeds_in_words(numbers), converged_in_words(numbers)]
    if read_by_dark(numbers.table) and not numbers.dark:
        found.append(f"Heat maps read by DARK, a better decoder, were not evaluated with these numbers: "
                     f"`{numbers.command}` does it, without training.")
    elif numbers.dark:
        found.append(f"Read by DARK, a better decoder, the heat maps are {_behind(numbers.dark)}:")
    return [sentence for sentence in found if sentence]


def _behind(dark: Numbers) -> str:
    """ "ahead of the integral in 2 of 4 comparisons": DARK against the integrals."""
    outcomes = [v.outcome for v in dark.verdicts]
    if not outcomes:
        return "beside the integrals"
    return (f"ahead of the integrals in {outcomes.count(NOT_HELD)} of {len(outcomes)} comparisons, behind in "
            f"{outcomes.count(HELD)} and level in {outcomes.count(UNDECIDED)}")


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


def finding(tables: Sequence[Numbers], photos: Sequence[Numbers] = ()) -> Optional[Finding]:
    """The paper's main claim on our numbers, I1 of Table 1 against its heat map H1; None if they are not measured."""
    known = {numbers.table.name: numbers for numbers in tables if numbers.judged}
    ours = _main(known.get("table1"))
    if not ours:
        return None
    theirs = _main({numbers.table.name: numbers for numbers in photos}.get("table1"))
    where = _won(ours)
    if theirs:
        on_photos = _won(theirs)
        where = (f"{where}, on synthetic people and on photographs" if where == on_photos
                 else f"{where} on synthetic people and {on_photos} on photographs")
    return Finding(
        f"Integral regression beats the heat map it starts from {where}",
        [(metric, [pair, *([theirs[metric]] if theirs else []), _printed(known["table1"], metric)])
         for metric, pair in ours.items()],
        ["ours, synthetic people", "ours, photographs", "paper"] if theirs else ["ours", "paper"],
        _weakened(known["beyond_decoders"]) if "beyond_decoders" in known else "",
    )


def _main(table: Optional[Numbers]) -> Dict[str, Tuple[float, float]]:
    return _pairs(table, HEAT_MAP, INTEGRAL, 0) if table else {}


def _won(pairs: Mapping[str, Tuple[float, float]]) -> str:
    won = [metric for metric, (heat_map, integral) in pairs.items() if integral > heat_map]
    if len(won) == len(pairs):
        return "in every metric"
    return f"in {' and '.join(won)} only" if won else "in no metric"


def _printed(numbers: Numbers, metric: str) -> Tuple[float, float]:
    """The paper's numbers of the same pair."""
    paper, column = numbers.table.paper, numbers.table.columns[0]
    return paper(HEAT_MAP, column, metric), paper(INTEGRAL, column, metric)


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
    ahead = [f"{pair[0]:.1f} against {pair[1]:.1f} with {setting.replace('->', '→')}"
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
