"""Which files the names in an annotation file may mean, and whether they are there before training begins."""
from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Dict, Iterable, List, Sequence, Set

from integral_pose.errors import InputError
from integral_pose.storage.file_kinds import printable

FOLLOW = "INTEGRAL_POSE_FOLLOW_LINKS"  # set to 1 by those who trust their links
NAMED = 3


def below(source: Path, folder: Path, names: Sequence[str]) -> List[Path]:
    """The files of these names in a folder of images, there or not.

    A name may lead into folders below and not out of them, and neither may a link: annotation files and archives of
    pictures come from anybody. The folder itself may be a link.

    Args:
        source: the file that has the names, for messages.

    Raises:
        InputError: a name is absolute, has `..` in it, or goes by a link to another place.
    """
    for name in names:
        if name[:1] == "/" or (".." in name and ".." in name.split("/")):
            raise InputError(
                f"{printable(source)}: names the image {printable(name)}, which is not below {printable(folder)}. "
                "Write the names as paths below the images' folder, and put the images there."
            )
    if os.environ.get(FOLLOW) != "1":
        _refuse_links(source, folder, names)
    return [folder / name for name in names]


def _refuse_links(source: Path, folder: Path, names: Sequence[str]) -> None:
    root = os.path.realpath(folder)
    by_folder: Dict[str, List[str]] = {}
    for name in names:
        inner, _, file = name.rpartition("/")
        by_folder.setdefault(inner, []).append(file)
    for inner, files in by_folder.items():
        place = os.path.join(folder, inner)
        links = _links(place)
        suspects = [place, *(os.path.join(place, file) for file in files if file in links)]
        for suspect in suspects:
            if os.path.commonpath([root, os.path.realpath(suspect)]) != root:
                raise InputError(
                    f"{printable(suspect)}: {printable(source)} names it, and it is a link out of the images' folder, "
                    f"to {printable(os.path.realpath(suspect))}. Put the file itself there or, if you made the links "
                    f"or trust who did, set {FOLLOW}=1."
                )


def _links(folder: str) -> Set[str]:
    """The names in a folder that are links; nothing where there is no folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_symlink()}
    return set()


def demand(images: Iterable[Path]) -> None:
    """That the files are there and not empty; they are not opened.

    Raises:
        InputError: some are not.
    """
    wanted = list(dict.fromkeys(images))
    bad = [image for image in wanted if not _size(image)]
    if bad:
        named = ", ".join(map(printable, bad[1 : 1 + NAMED])) + (", …" if len(bad) > 1 + NAMED else "")
        more = f" So are {len(bad) - 1} others of {len(wanted)}: {named}." if len(bad) > 1 else ""
        raise InputError(f"{printable(bad[0])}: the image is missing or empty.{more} Put the data set's images there, "
                         "or give its folder with --data.")


def _size(image: Path) -> int:
    """Bytes; 0 where there is no such file."""
    with suppress(OSError):
        return os.stat(image).st_size
    return 0
