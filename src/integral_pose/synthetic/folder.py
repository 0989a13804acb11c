"""A data set made on disk: whole or not there, taken up again after a kill, its pictures shared among processes."""
from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from importlib import import_module
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Dict, Iterator, List, Protocol, Sequence, Tuple, cast

import cv2
from tqdm import tqdm

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.storage.atomic import naming, only_here
from integral_pose.storage.processes import starting

CORES = len(os.sched_getaffinity(0))
QUALITY = 92
HALF = ".half"
MADE = ("synthetic-", "custom-", "own-", "checked-images.json", "models")  # how names begin of what the program makes
Recipe = Dict[str, int]


class Maker(Protocol):
    """The interface of a module that generates a data set; worker processes find it by the module's name.

    `ANNOTATIONS` names the folder of everything but pictures, `PICTURES` those of pictures, `UNIT` what one job makes.
    What `make_one` returns goes through JSON; `annotate` gets all of it in the order of the jobs and writes the files
    beside the pictures.
    """

    ANNOTATIONS: str
    PICTURES: Tuple[str, ...]
    UNIT: str

    def jobs_of(self, part: Path, recipe: Recipe) -> Sequence[Any]: ...

    def make_one(self, job: Any) -> Any: ...

    def annotate(self, folder: Path, jobs: Sequence[Any], made: List[Any]) -> None: ...


def maker_of(module: str) -> Maker:
    """The maker that a module is."""
    return cast(Maker, import_module(module))


def jobs_of(maker: Maker, part: Path) -> Sequence[Any]:
    """All jobs of an unfinished folder, in order, as its recipe asks for them."""
    return maker.jobs_of(part, json.loads(_note(maker, part).read_text()))


def make(folder: Path, module: str, recipe: Recipe, workers: int) -> Path:
    """Make the data set of a maker's module and a recipe in `folder`, unless it is there; returns `folder`.

    The folder appears when it is complete: until then all is in a hidden one beside it, where a killed call is taken
    up again. A lock makes a second caller wait.

    Raises:
        InputError: `folder` exists but holds something else, or cannot be made; or a worker died.
        OSError: there is no space left, for instance.
    """
    folder, maker = Path(folder), maker_of(module)
    if folder.exists():
        _refuse_other(maker, folder, recipe)
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be created ({error.strerror}). Choose another one.") from error
    with only_here(folder.with_name(f".{folder.name}.lock")):
        if not folder.exists():
            with naming(folder):
                part = _part_of(maker, folder, recipe)
                _fill(module, part, workers)
                os.replace(part, folder)
    _refuse_other(maker, folder, recipe)
    return folder


def place(asked: Path, default: Path) -> Path:
    """Where synthetic people are made: in `asked`, unless anything else than the program's own files is there."""
    entries = [path.name.lstrip(".") for path in asked.iterdir()] if asked.is_dir() else []
    ours = all(name.startswith(MADE) for name in entries)
    return asked if ours or asked.absolute() == default.absolute() else default


def save_picture(path: Path, picture: Array) -> None:
    """Write a picture (h, w, 3) BGR as JPEG, whole or not at all."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    save_whole(path, data.tobytes())


def save_whole(path: Path, data: bytes) -> None:
    """Write a file that is there whole or not at all, however the process ends."""
    half = path.with_suffix(f".{os.getpid()}{HALF}")  # its own: a worker of a killed call may still be at its last job
    with naming(path):
        half.write_bytes(data)
        os.replace(half, path)


def _note(maker: Maker, folder: Path) -> Path:
    return folder / maker.ANNOTATIONS / "recipe.json"


def _refuse_other(maker: Maker, folder: Path, recipe: Recipe) -> None:
    try:
        found = json.loads(_note(maker, folder).read_text())
    except (OSError, ValueError):
        found = None
    if found != recipe:
        raise InputError(
            f"{folder}: this folder contains other data than the requested synthetic people ({recipe}). Choose another "
            "folder, or move this one away."
        )


def _part_of(maker: Maker, folder: Path, recipe: Recipe) -> Path:
    """The hidden folder of an unfinished call with the same recipe, or a fresh one."""
    part = folder.with_name(f".{folder.name}.part")
    note = _note(maker, part)
    if part.exists() and not (note.exists() and note.read_text() == json.dumps(recipe)):
        shutil.rmtree(part)
    for name in (maker.ANNOTATIONS, *maker.PICTURES):
        (part / name).mkdir(parents=True, exist_ok=True)
    if not note.exists():
        note.write_text(json.dumps(recipe))
    return part


def _fill(module: str, part: Path, workers: int) -> None:
    maker = maker_of(module)
    jobs = jobs_of(maker, part)
    results = map(maker.make_one, jobs) if workers <= 1 else _share(module, part, len(jobs), workers)
    made = list(tqdm(results, total=len(jobs), desc="making synthetic people", unit=maker.UNIT, disable=None))
    maker.annotate(part, jobs, made)
    for half in part.rglob(f"*{HALF}"):
        half.unlink()


def _share(module: str, part: Path, count: int, workers: int) -> Iterator[Any]:
    """Results in the order of the jobs, from processes that take every `workers`-th job each.

    They are programs of their own: a fork of a process that runs MXNet may hang, and multiprocessing's other ways
    import the main script once more, which then must be guarded. One whose reader is killed ends at its next line.
    """
    places = [place or os.getcwd() for place in sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-m", "integral_pose.synthetic.worker", module, str(part)]
    crew: List[Popen[bytes]] = []
    try:
        with starting():
            crew += [Popen([*program, str(i), str(workers)], stdout=PIPE, env=environment) for i in range(workers)]
        for i in range(count):
            yield _received(crew[i % workers], part)
    finally:
        for process in crew:
            process.kill()
            process.communicate()


def _received(process: Popen[bytes], part: Path) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        raise InputError(
            f"{part}: a process that generates images there ended early, {_ending(process.wait())}. Disk space or "
            "memory may have run out. Free some and run the command again; finished images are kept."
        )
    said = json.loads(line)
    if "failed" in said:
        raise InputError(
            f"{said['failed']}. Images are generated there. Fix this, or choose another folder with --data, and run "
            "the command again; finished images are kept."
        )
    return said["made"]


def _ending(status: int) -> str:
    return f"with exit status {status}" if status >= 0 else f"by signal {-status} ({signal.strsignal(-status)})"
