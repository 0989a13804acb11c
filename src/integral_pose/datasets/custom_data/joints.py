"""Custom joints: left and right are recognised by names in several languages, or given by the user.

Two joints are a pair if their names differ in a side alone, wherever in the name it stands: left_ear and right_ear,
LKNE and RKNE, kneeL and kneeR, mixamorig:LeftArm and mixamorig:RightArm, links_Ohr and rechts_Ohr. A name with a side
but without a partner is refused, since mirrored images would get wrong labels.
"""
from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Sequence, Set, Tuple

from integral_pose.errors import InputError

Pair = Tuple[int, int]  # numbers of the left and the right joint

WORDS = (
    ("left", "right"), ("lft", "rgt"), ("links", "rechts"), ("linker", "rechter"), ("linkes", "rechtes"),
    ("linke", "rechte"), ("gauche", "droite"), ("gauche", "droit"), ("izquierda", "derecha"), ("izquierdo", "derecho"),
    ("izq", "der"), ("sinistra", "destra"), ("sinistro", "destro"), ("sx", "dx"), ("esquerda", "direita"),
    ("esquerdo", "direito"), ("vänster", "höger"), ("venstre", "højre"), ("venstre", "høyre"), ("lew", "praw"),
    ("лев", "прав"), ("左", "右"), ("왼", "오른"),
)
VAGUE = {"der", "dx", "sx", "lew", "lft", "rgt"}  # these tell a side only if the other side is there too
GLUED = ("left", "right", "左", "右", "왼", "오른")  # these tell a side also without a separator
NO_SIDES = {"upright", "bright", "cleft", "alright"}
TOKEN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[^\W\d_A-Za-z]+")
REMEDY = "Rename it, give its partner with --pairs LEFT=RIGHT, or use --pairs NAME if it has no side."


class Side(NamedTuple):
    """A place in a name that gives a side."""

    right: bool
    partner: str  # the name with the other side there, normalised
    rest: str  # the name without a side, normalised
    style: str  # of a letter that is not set apart, its case and whether it is the first or the last; else ""


class Joints(NamedTuple):
    """K joints as a skeleton has them."""

    names: Tuple[str, ...]  # of pairs l_… and r_…, unless that would be two joints' name, or none
    pairs: Tuple[Pair, ...]


def joints(path: Path, names: Sequence[str], given: Sequence[Sequence[str]] = (), strict: bool = True) -> Joints:
    """Joints and pairs of a file's names.

    Args:
        given: pairs of names, left and right, that the user knows of; one name by itself has no side.
        strict: refuse a name that tells a side and has no partner, as is right where pictures are mirrored.

    Raises:
        InputError: two names are the same, a side cannot be told, or `given` has a name that is not there.
    """
    where = {normalised(name): number for number, name in enumerate(names)}
    for number, name in enumerate(names):
        if where[normalised(name)] != number:
            raise InputError(f"{path}: several joints are called `{name}`. Give each joint its own name.")
    told = _given(path, where, given)
    settled = frozenset(number for numbers in told for number in numbers)
    pairs = [(numbers[0], numbers[1]) for numbers in told if len(numbers) == 2]
    found, styles = _found(path, names, where, settled)
    if strict:
        _demand_partners(path, names, settled | {number for pair in found for number in pair}, styles)
    pairs += found
    return Joints(_named(names, pairs), tuple(sorted(pairs)))


def normalised(name: str) -> str:
    """A joint's name in the form in which names are compared: lower case, words joined by _."""
    return re.sub(r"[^\w.]+|_+", "_", unicodedata.normalize("NFKC", name)).strip("._").lower()


def by_prefix(names: Sequence[str]) -> Tuple[Pair, ...]:
    """The pairs given by the prefixes l_ and r_."""
    where = {name: number for number, name in enumerate(names)}
    rights = ((number, where.get(f"r_{name[2:]}")) for name, number in where.items() if name.startswith("l_"))
    return tuple(sorted((left, right) for left, right in rights if right is not None))


def _given(path: Path, where: Dict[str, int], given: Sequence[Sequence[str]]) -> List[Tuple[int, ...]]:
    numbers: List[Tuple[int, ...]] = []
    seen: Set[int] = set()
    for names in given:
        unknown = [name for name in names if normalised(name) not in where]
        if unknown or not 1 <= len(names) <= 2:
            what = f"no joint is called `{unknown[0]}`" if unknown else f"`{'='.join(names)}` is not two names"
            raise InputError(f"{path}: the pairs of joints that were given are wrong: {what}. The joints are "
                             f"{', '.join(where)}.")
        pair = tuple(dict.fromkeys(where[normalised(name)] for name in names))
        if seen & set(pair):
            raise InputError(f"{path}: the pairs of joints that were given name `{names[0]}` or `{names[-1]}` twice. "
                             "Name each joint once.")
        seen |= set(pair)
        numbers.append(pair)
    return numbers


def _found(
    path: Path, names: Sequence[str], where: Dict[str, int], settled: FrozenSet[int]
) -> Tuple[List[Pair], Set[str]]:
    """Pairs that names tell, of joints that are not settled; and the styles of letters that tell them."""
    partners: Dict[int, Dict[int, Side]] = {}
    for number, name in enumerate(names):
        if number not in settled:
            there = [(where[side.partner], side) for side in _sides(name) if side.partner in where]
            partners[number] = {other: side for other, side in there if other not in settled and other != number}
    pairs, styles = [], set()
    for number, others in partners.items():
        if len(others) > 1:
            raise InputError(f"{path}: the joint `{names[number]}` may be a pair with "
                             f"{' or '.join(f'`{names[other]}`' for other in others)}. Name the pairs with --pairs "
                             "LEFT=RIGHT.")
        for other, side in others.items():
            if not side.right and number in partners.get(other, {}):
                pairs.append((number, other))
                styles.add(side.style)
    return pairs, styles - {""}


def _sides(name: str) -> List[Side]:
    """Where a name may contain a side: by words or, where no certain word does, by a letter at the edge of a word.

    A vague word may be a part of another, as "der" is of "shoulder".
    """
    name = unicodedata.normalize("NFKC", name).strip()
    words = list(_words(name))
    certain = any(word not in VAGUE for word, _ in words)
    return [side for _, side in words] + ([] if certain else list(_letters(name)))


def _words(name: str) -> Iterator[Tuple[str, Side]]:
    for pair in WORDS:
        for right, (own, other) in enumerate((pair, pair[::-1])):
            for match in re.finditer(own, name, re.IGNORECASE):
                yield own, _side(name, match.start(), match.end(), other, bool(right), "")


def _letters(name: str) -> Iterator[Side]:
    for token in TOKEN.finditer(name):
        for start in sorted({token.start(), token.end() - 1}):
            letter = name[start]
            if letter in "lrLR":
                first = start == token.start()
                case = "lower" if letter.islower() else "capitals" if token[0].isupper() else "capital"
                style = "" if len(token[0]) == 1 else f"{'first' if first else 'last'} {case}"
                yield _side(name, start, start + 1, {"l": "r", "r": "l"}[letter.lower()], letter in "rR", style)


def _side(name: str, start: int, end: int, other: str, right: bool, style: str) -> Side:
    before, after = name[:start], name[end:]
    return Side(right, normalised(before + other + after), normalised(before + after), style)


def _demand_partners(path: Path, names: Sequence[str], settled: FrozenSet[int], styles: Set[str]) -> None:
    """Refuses a name with a side but without a partner.

    What is written as the sides of pairs are, such as RBAK beside LKNE and RKNE, tells one too.
    """
    for number, name in enumerate(names):
        if number not in settled and (_is_obvious(name) or any(side.style in styles for side in _sides(name))):
            raise InputError(f"{path}: the joint `{name}` is of one side by its name, and there is none of the other "
                             f"side. {REMEDY}")


def _is_obvious(name: str) -> bool:
    name = unicodedata.normalize("NFKC", name).strip()
    tokens = [token.lower() for token in TOKEN.findall(name)]
    words = {word for pair in WORDS for word in pair} - VAGUE
    glued = any(t.startswith(GLUED) or t.endswith(GLUED) for t in tokens if t not in NO_SIDES)
    return bool(glued or words & set(tokens) or (len(tokens) > 1 and {"l", "r"} & set(tokens)))


def _named(names: Sequence[str], pairs: Sequence[Pair]) -> Tuple[str, ...]:
    """Names with the sides of pairs as prefixes, where that gives each joint a name of its own."""
    plain = [normalised(name) for name in names]
    prefixed = dict(enumerate(plain))
    for left, right in pairs:
        rests = {side.rest for side in _sides(names[left]) if side.partner == plain[right]} - {""}
        if rests:
            rest = min(rests, key=lambda rest: (len(rest), rest))
            prefixed.update({left: f"l_{rest}", right: f"r_{rest}"})
    counts = list(prefixed.values())
    return tuple(prefixed[i] if counts.count(prefixed[i]) == 1 else name for i, name in enumerate(plain))
