"""Data making that is killed or finds no room: a clear message, and it is taken up where it was."""
from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Dict

import pytest

from integral_pose.commands import console
from integral_pose.errors import InputError
from integral_pose.synthetic import folder as folders
from integral_pose.synthetic import make_mpii
from tests.helpers import faulty_maker
from tests.helpers.faults import PATIENCE, is_alive, no_room, started, wait_until

SIZES = {"train": 5, "valid": 2}
RECIPE = {"version": make_mpii.VERSION, **SIZES, "seed": 8}
SCRIPT = """
import sys
from pathlib import Path
from integral_pose.synthetic import folder
from tests.faults.test_data_faults import RECIPE
folder.make(Path(sys.argv[1]), "tests.helpers.faulty_maker", RECIPE, int(sys.argv[2]))
"""


def made(place: Path) -> Path:
    return make_mpii.make(place, **SIZES, seed=8, workers=1)


def contents(place: Path) -> Dict[str, bytes]:
    """What the files hold, but for the date that .mat files begin with."""
    files = [path for path in place.rglob("*") if path.is_file()]
    return {str(path.relative_to(place)): path.read_bytes()[128 * (path.suffix == ".mat"):] for path in files}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("whole") / "mpii")


def taken_up(place: Path, whole: Path) -> None:
    """Makes the rest of an unfinished folder; nothing that was there is made again, nothing else is there at last."""
    part = place.with_name(f".{place.name}.part")
    kept = {path.name: path.stat().st_mtime_ns for path in (part / "images").glob("*.jpg")}
    assert kept and not place.exists()
    made(place)
    assert {name: (place / "images" / name).stat().st_mtime_ns for name in kept} == kept
    assert contents(place) == contents(whole) and not part.exists()


def test_a_killed_worker_is_named_with_its_signal(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VICTIM", "self")
    monkeypatch.setenv("SIGNS", str(tmp_path))
    with pytest.raises(InputError, match=r"\.mpii\.part: .* by signal 9 \(Killed\).* finished images are kept"):
        folders.make(tmp_path / "mpii", faulty_maker.__name__, RECIPE, 2)
    taken_up(tmp_path / "mpii", whole)


@pytest.mark.parametrize(("workers", "victim"), [(1, "self"), (2, "parent")])
def test_killed_it_leaves_no_process_and_is_taken_up_again(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, workers: int, victim: str
) -> None:
    (tmp_path / "signs").mkdir()
    monkeypatch.setenv("VICTIM", victim)
    monkeypatch.setenv("SIGNS", str(tmp_path / "signs"))
    with started("-c", SCRIPT, str(tmp_path / "mpii"), str(workers)) as making:
        _, said = making.communicate(timeout=PATIENCE)
    assert making.returncode == -signal.SIGKILL and "Traceback" not in said
    wait_until(lambda: not any(is_alive(int(sign.name)) for sign in (tmp_path / "signs").iterdir()))
    taken_up(tmp_path / "mpii", whole)


def refused(captured: pytest.CaptureFixture[str], place: Path, workers: int) -> str:
    """What the user reads when the folder cannot be made."""
    with pytest.raises(SystemExit) as left, console.told():
        folders.make(place, make_mpii.__name__, RECIPE, workers)
    said = " ".join(captured.readouterr().err.split())
    assert left.value.code == 2 and "Traceback" not in said and "are kept" in said.replace("is kept", "are kept")
    return said


@pytest.mark.parametrize("workers", [1, 2])
def test_where_a_picture_finds_no_room_it_is_named(
    tmp_path: Path, whole: Path, capfd: pytest.CaptureFixture[str], workers: int
) -> None:
    largest = max((whole / "images").iterdir(), key=lambda path: path.stat().st_size)
    with no_room(largest.stat().st_size - 1):
        said = refused(capfd, tmp_path / "mpii", workers)
    assert f"{tmp_path}/.mpii.part/images/{largest.name}: File too large" in said
    taken_up(tmp_path / "mpii", whole)


def test_where_annotations_find_no_room_the_folder_is_named(
    tmp_path: Path, whole: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    annot = tmp_path / ".mpii.part" / "annot"
    annot.mkdir(parents=True)
    (annot / "recipe.json").write_text(json.dumps(RECIPE))
    (annot / "train.json").symlink_to("/dev/full")
    assert f"{tmp_path}/mpii: No space left on device" in refused(capfd, tmp_path / "mpii", 1)
    (annot / "train.json").unlink()
    taken_up(tmp_path / "mpii", whole)


def test_where_there_is_no_room_for_anything_the_recipe_stays_and_with_it_what_is_made(
    tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with no_room(min(path.stat().st_size for path in (whole / "images").iterdir())):
        refused(capsys, tmp_path / "mpii", 1)
    with no_room(0):
        refused(capsys, tmp_path / "mpii", 1)
    taken_up(tmp_path / "mpii", whole)


def test_a_workers_half_picture_is_its_own_and_goes_at_last(tmp_path: Path, whole: Path) -> None:
    part = tmp_path / ".mpii.part"
    with no_room(1000), pytest.raises(OSError):
        folders.make(tmp_path / "mpii", make_mpii.__name__, RECIPE, 1)
    (part / "images" / f"train_000000.{os.getpid() + 1}.half").write_bytes(b"of a worker that is still at it")
    assert contents(made(tmp_path / "mpii")) == contents(whole)
