"""The split of custom data into training, held-out and test people, from the images' paths below their folder.

It is the same in every process and in any order of the file. What is nearly one picture stays on one side: augmented
copies, frames of a video, or whatever a pattern of the user says.
"""
from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from pathlib import Path, PurePosixPath
from typing import Dict, List, Mapping, NamedTuple, Optional, Pattern, Sequence, Set, Tuple

from integral_pose.errors import InputError

TRAIN, HELD_OUT, TEST = PARTS = ("train", "held-out", "test")
TESTED = 1 / 10  # of the groups,
HELD = 1 / 20  # and of the others
MOST = 3  # times as many pictures as that may be in a part, because a group is large
COPY = re.compile(r"\.rf\.[0-9A-Za-z]+$")  # Roboflow's augmented copies: name_jpg.rf.<hash>.jpg
VIDEO = re.compile(r"^(.*?)(?:(?<![a-z])(?:frame|frm)s?|[._-](?:mp4|mov|avi|mkv|webm|wmv|m4v|mpe?g))[\W_]*\d+(?!.*\d)",
                   re.I)  # walk_frame12, walk_mp4-0012_jpg, frame0001
NUMBERED = re.compile(r"^(.*?)[\W_]*\d+$")  # cam0/000012: a number is all that tells pictures of a folder apart
COUNTED = re.compile(r"^(.*[^\W\d_].*?)[\W_]+0\d{3,}$")  # walk1_00012
CAMERAS = re.compile(r"^(img|image|images|photo|picture|pic|pict|dscn?|dscf|pxl|p|dji|gopr|screenshot|[a-z]*coco.*)$",
                     re.IGNORECASE)  # what cameras and data sets call pictures of anything


class Division(NamedTuple):
    """The part of each image."""

    parts: Dict[str, str]  # by path below the images' folder
    notes: List[str]  # sentences


def divide(
    path: Path, pictures: Sequence[str], pattern: Optional[Pattern[str]] = None, tested_elsewhere: bool = False
) -> Division:
    """Divides pictures: about a tenth is the test, a twentieth of the others is held out.

    Args:
        path: the annotations, for messages.
        pictures: paths below the images' folder, with slashes.
        pattern: pictures are kept together if its groups, or all that it matches, are the same text in their paths.
        tested_elsewhere: none is for the test.

    Raises:
        InputError: there are too few, or the pattern does not match a path.
    """
    names, least = sorted(set(pictures)), 2 if tested_elsewhere else 3
    needed = f"{least} are needed, to train{'' if tested_elsewhere else ', to test'} and to choose the best weights"
    if len(names) < least:
        raise InputError(f"{path}: has joints in {len(names)} images, and {needed}. Annotate more.")
    groups, notes = (_given(names, pattern), []) if pattern else _guessed(path, names, least, needed)
    sizes = Counter(groups.values())
    if len(sizes) < least:
        raise InputError(f"{path}: --group keeps the {len(names)} images together as {len(sizes)}, and {needed}. "
                         "Give another pattern: '.*' takes each by itself.")
    tested = [] if tested_elsewhere else _taken(sizes, TESTED, leave=2)
    others = {group: size for group, size in sizes.items() if group not in tested}
    held = _taken(others, HELD, leave=1)
    parts = {name: TEST if group in tested else HELD_OUT if group in held else TRAIN for name, group in groups.items()}
    return Division(parts, notes)


def _taken(sizes: Mapping[str, int], share: float, leave: int) -> List[str]:
    """The groups that belong to a part of about this share: those whose hash is below it, but one at least.

    Each group's place follows from its name alone, unless there are few, or it is so large that it would leave little.
    """
    order = sorted(sizes, key=lambda group: (_place(group, leave), group))
    most = max(1.0, MOST * share * sum(sizes.values()))
    small = [group for group in order if sizes[group] <= most] or [min(order, key=lambda group: sizes[group])]
    taken: List[str] = []
    for group in small[: len(sizes) - leave]:
        fits = sum(sizes[one] for one in taken) + sizes[group] <= most
        if not taken or (_place(group, leave) < share and fits):
            taken.append(group)
    return taken


def _place(group: str, salt: int) -> float:
    """A number in [0, 1) that follows from the name; another one for each salt."""
    digest = hashlib.sha256(f"{salt}/{group}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _given(names: Sequence[str], pattern: Pattern[str]) -> Dict[str, str]:
    groups = {}
    for name in names:
        match = pattern.search(name)
        if not match:
            raise InputError(f"--group {pattern.pattern}: does not match the image {name}. Give a pattern that matches "
                             "every image's path.")
        groups[name] = "\n".join(text or "" for text in match.groups()) or match[0]
    return groups


def _guessed(path: Path, names: Sequence[str], least: int, needed: str) -> Tuple[Dict[str, str], List[str]]:
    """Groups that follow from the names, and notes about them.

    Raises:
        InputError: nearly all are frames of one or two videos.
    """
    sure = {name: _copies_of(name) for name in names}
    videos = {name: _video(original) for name, original in sure.items()}
    groups = {name: videos[name] or original for name, original in sure.items()}
    if len(set(groups.values())) < least:
        raise InputError(
            f"{path}: by their names the images are frames or copies of {len(set(groups.values()))}, and {needed}: "
            "neighbouring frames are nearly one image. Annotate other videos or images, give your own parts with "
            "--valid and --test, or have each image taken by itself with --group '.*': the numbers will look too "
            "good then."
        )
    numbered = {name: _sequence(original) or groups[name] for name, original in sure.items()}
    sizes = Counter(numbered.values())
    if len(sizes) >= least and max(sizes.values()) <= len(names) / 2:
        groups = numbered
    return groups, _notes(sure, groups, numbered)


def _notes(originals: Mapping[str, str], groups: Mapping[str, str], numbered: Mapping[str, str]) -> List[str]:
    notes = []
    copies = len(originals) - len(set(originals.values()))
    if copies:
        notes.append(f"{copies} images are augmented copies of others by their names (.rf.): they stay with those.")
    together: Dict[str, Set[str]] = defaultdict(set)
    for name, group in groups.items():
        together[group].add(originals[name])
    videos = sorted(group for group, members in together.items() if len(members) > 1)
    if videos:
        shown = ", ".join(videos[:3]) + (", …" if len(videos) > 3 else "")
        notes.append(f"Images that are numbered alike are kept together, as frames of one video: {len(videos)} such "
                     f"({shown}). If they are not, take each by itself with --group '.*'.")
    elif len(set(numbered.values())) < len(set(groups.values())):
        notes.append("Each image is taken by itself. If some are frames of one video, or otherwise nearly the same, "
                     "the numbers look too good: keep them together with --group (see --help).")
    return notes


def _copies_of(name: str) -> str:
    """The path without its ending, and without what marks an augmented copy."""
    return COPY.sub("", str(PurePosixPath(name).with_suffix("")))


def _video(original: str) -> str:
    """The video that a picture is a frame of by its name; "" if it does not tell."""
    folder, _, stem = original.rpartition("/")
    match = VIDEO.match(stem)
    return f"{folder}/{match[1].strip('._- ')}*" if match else ""


def _sequence(original: str) -> str:
    """What numbers go on within: a folder, or a name before a long number; "" if there is none."""
    folder, _, stem = original.rpartition("/")
    numbered, counted = NUMBERED.match(stem), COUNTED.match(stem)
    name = numbered[1] if numbered else ""
    if folder and numbered and (not name or CAMERAS.match(name)):
        return f"{folder}/*"
    return f"{folder}/{counted[1]}*".lstrip("/") if counted and not CAMERAS.match(counted[1]) else ""
