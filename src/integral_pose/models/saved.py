"""Trained networks: found by their run's key, or by the file of their parameters."""
from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

import mxnet as mx

from integral_pose import run
from integral_pose.datasets import catalogue
from integral_pose.datasets.dataset import SYNTHETIC
from integral_pose.errors import InputError
from integral_pose.models import build, int8, weights
from integral_pose.published import networks
from integral_pose.run import Run
from integral_pose.run_folder import DONE, PARAMETERS, SETTINGS
from integral_pose.storage.atomic import replacing

SHIPPED = Path(__file__).resolve().parents[1] / "pretrained"  # the folder of the networks that come with the program
DEFAULT = "people"  # of those
IN_3D = "people-3d"  # as well
IMPORTED = "imported"  # the folder, beside those of the profiles, of networks that others have trained
OF_FILES = (".params", ".pth", ".pth.tar", ".pt", ".safetensors")  # how names of files of parameters end
TRUNKS = "trunks"  # the folder in there of backbones, named by their runs' keys


class Trained(NamedTuple):
    """A run and where its parameters are."""

    run: Run
    parameters: Path
    finished: bool = True  # else these are the best so far
    int8: bool = False  # whether it predicts in 8 bits (`models.int8`)

    @property
    def name(self) -> str:
        """What the user calls it: its name in the program, that of its run's folder, or its file's."""
        return self.parameters.parent.name if self.parameters.name == PARAMETERS else self.parameters.stem

    @property
    def boxes(self) -> str:
        """How people are boxed unless the user says: "find" with the networks for photographs, else "whole"."""
        return "find" if self.parameters in map(shipped().get, (DEFAULT, IN_3D)) else "whole"

    @property
    def notes(self) -> List[str]:
        """Notes for users of its predictions, in sentences."""
        notes = []
        real = bool(self.run.extra) and not self.run.extra.startswith(SYNTHETIC)
        if catalogue.is_synthetic(self.run) and real:
            notes.append(
                "This network has learned depth from synthetic people alone. Where joints are right in the photograph, "
                "expect their depths to be roughly right at best."
            )
        elif catalogue.is_synthetic(self.run):
            notes.append(
                "This network was trained on a small number of synthetic people. On photographs, expect poses that "
                "are roughly right at best, and often wrong."
            )
        if not self.finished:
            notes.append("The training of this network is not finished; its best parameters so far are used.")
        if self.int8:
            notes.append(int8.NOTE)
        return notes


def find(name: str, runs: Path, option: str = "--run ") -> Trained:
    """The network of a run.

    Args:
        name: the run's folder, the beginning of its key, or the name that an imported network was given.
        runs: holds a folder for each profile, and that one for each run.
        option: what messages have before the name.

    Raises:
        InputError: there is none, several begin like that, or it has no parameters yet.
    """
    if (Path(name) / SETTINGS).is_file():
        return _of(Path(name))
    there = sorted(path.parent for path in runs.glob(f"*/*/{SETTINGS}"))
    exact = [folder for folder in there if folder.name == name]
    chosen = exact or [folder for folder in there if name and folder.name.startswith(name)]
    if len(chosen) == 1:
        return _of(chosen[0])
    if name and Path(name).is_dir() and not chosen:
        return _of(Path(name))  # which says what is missing there
    if not there:
        raise InputError(f"{option}{name}: {runs} contains no trained runs. `make table1` trains some; --runs gives "
                         "another folder.")
    what = "several runs match" if chosen else "no run matches"
    lines = "; ".join(f"{folder} ({_label(folder)})" for folder in chosen or there)
    raise InputError(f"{option}{name}: {what}. Choose one of: {lines}.")


def at(parameters: Path, option: str = "--checkpoint ") -> Trained:
    """The network of a file of parameters, whose settings are in a .json file of the same name, or in run.json, beside.

    A file that somebody else has published needs none: its parameters' names and shapes tell (docs/published.md).

    Args:
        parameters: the file, or the name of a network that comes with the program, as `shipped` has it.
        option: what messages have before the file.

    Raises:
        InputError: one of the two is missing or damaged, or the file is of a network that is not known.
    """
    if not parameters.exists():
        parameters = shipped().get(str(parameters), parameters)
    if not parameters.is_file():
        what = "is a folder. Give it with --run, or a" if parameters.is_dir() else "there is no such file. Give a"
        raise InputError(f"{option}{parameters}: {what} file such as "
                         f"runs/quick/1a2b3c4d5e/{PARAMETERS}, or a network that comes with the program: "
                         f"{', '.join(shipped())}.")
    own = parameters.with_suffix(".json")
    settings = own if own.is_file() else parameters.with_name(SETTINGS)
    if networks.is_one(parameters) or not (settings.is_file() or networks.may_be_ours(parameters)):
        return Trained(networks.recognise(parameters).run, parameters)
    if not settings.is_file():
        raise InputError(f"{option}{parameters}: the file {own.name} or {SETTINGS} beside it must describe the "
                         f"network. Copy the run's {SETTINGS} there.")
    return Trained(run.read(settings), parameters)


def of_name(name: str, runs: Path, option: str) -> Trained:
    """The network of a file, of a name that comes with the program, of an imported name, or of a run's key or folder.

    Raises:
        InputError: as `at` and `find`.
    """
    by_file = Path(name).is_file() or name.endswith(OF_FILES) or name in shipped()
    return at(Path(name), option) if by_file else find(name, runs, option)


def write_imported(run: Run, published: Path, folder: Path) -> None:
    """Writes somebody else's network into a folder of its own, whole or not at all: run.json and net.params.

    Raises:
        InputError: its file is damaged, or the folder cannot be written.
    """
    net = build.maps_network(run)
    weights.load(net, published, [mx.cpu()], "Copy it again from its source.")
    settings = {"key": run.key, "label": f"imported from {published.name}", **run.settings}
    try:
        folder.mkdir(parents=True)
        with weights.saving(folder / PARAMETERS) as draft:
            net.save_parameters(draft)
        for name, content in ((SETTINGS, settings), (DONE, {"commit": "imported"})):
            with replacing(folder / name) as place:
                place.write_text(json.dumps(content, indent=1), encoding="utf-8")
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise InputError(f"{folder}: cannot be written ({error.strerror}). Choose another folder with "
                             "--runs.") from error
        raise


def shipped() -> Dict[str, Path]:
    """The files of parameters that come with the program, by their networks' names, such as "people"."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.params"))}


def trunk(run: Run) -> Optional[Path]:
    """The backbone of a run, where that comes with the program: other runs then start from it untrained."""
    path = trunk_file(run)
    return path if path.is_file() else None


def trunk_file(run: Run) -> Path:
    """Where the program would have a run's backbone."""
    return SHIPPED / TRUNKS / f"{run.training.key}.params.gz"


def _of(folder: Path) -> Trained:
    found = run.read(folder / SETTINGS)
    if not (folder / PARAMETERS).is_file():
        raise InputError(f"{folder}: this run has no parameters yet. Run its table's command again; it resumes.")
    return Trained(found, folder / PARAMETERS, (folder / DONE).is_file())


def _label(folder: Path) -> str:
    """What a run was trained for."""
    try:
        return str(json.loads((folder / SETTINGS).read_bytes())["label"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "damaged"
