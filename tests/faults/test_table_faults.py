"""A table's command that is ended, finds no room or damaged files: a clear message, and nothing finished is lost."""
from __future__ import annotations

import csv
import os
import shutil
import signal
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest

from experiments import table1
from experiments.table1 import TABLE
from integral_pose.commands import reproduce
from integral_pose.commands import table as command
from integral_pose.commands.console import STOPPED
from integral_pose.evaluation.evaluate import TESTED
from integral_pose.profiles import smoke
from integral_pose.run_folder import CHECKPOINT, DONE, PARAMETERS
from tests.helpers.faults import PATIENCE, full_disk_for, is_alive, started, wait_until

ROWS = ("H1", "H2")
RUNS = [smoke(getattr(table1, row)) for row in ROWS]


def arguments(data: Path, folder: Path, *more: str) -> List[str]:
    return ["--jobs", "1", "--profile", "smoke", "--data", str(data), "--runs", str(folder / "runs"),
            "--results", str(folder / "results"), "--rows", *ROWS, *more]


def ended(capsys: pytest.CaptureFixture[str], argv: List[str]) -> Tuple[Any, str]:
    """The command's exit status, and what the user reads on standard error."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, argv)
    return left.value.code, " ".join(capsys.readouterr().err.split())


def numbers(folder: Path) -> List[Dict[str, str]]:
    with open(folder / "results/smoke/table1.csv", newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def finished(smoke_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the rows were run in smoke, without any fault."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.raises(SystemExit) as left:
        command.main(TABLE, arguments(smoke_people, folder))
    assert left.value.code == 0
    return folder


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


# ---------------------------------------------------------------- ended from outside

def children(process: int) -> List[int]:
    """The processes that a process has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [int(stat.parent.name)] if parent == process else []
    return found


def test_ended_while_two_processes_train_it_ends_them_and_goes_on_later(
    finished: Path, smoke_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = arguments(smoke_people, tmp_path)
    folders = [tmp_path / "runs/smoke" / run.chain[0].key for run in RUNS]
    with started("-m", "tests.helpers.stalling_table", *argv, "--jobs", "2") as table:
        wait_until(lambda: all((folder / CHECKPOINT).exists() for folder in folders) or table.poll() is not None)
        crew = children(table.pid)
        table.terminate()
        _, said = table.communicate(timeout=PATIENCE)
    assert len(crew) >= 2, said
    assert table.returncode == 128 + signal.SIGTERM and "Traceback" not in said
    assert said.count(STOPPED) == 1
    wait_until(lambda: not any(map(is_alive, crew)))
    assert all((folder / CHECKPOINT).exists() for folder in folders)
    assert ended(capsys, argv)[0] == 0 and numbers(tmp_path) == numbers(finished)
    assert all(len(list(folder.glob("events.*"))) == 2 for folder in folders), "each began from its checkpoint"


def test_sigterm_ends_a_single_process_with_a_sentence(
    smoke_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reproduce, "train", lambda *_, **options: os.kill(os.getpid(), signal.SIGTERM))
    status, said = ended(capsys, arguments(smoke_people, tmp_path))
    assert (status, said) == (143, STOPPED)


# ---------------------------------------------------------------- folders that cannot be written

def a_file(folder: Path) -> Path:
    (folder / "taken").write_text("a file where a folder should be")
    return folder / "taken"


def read_only(folder: Path) -> Path:
    """As the system's own folders are, for root too."""
    place = folder / "read-only"
    place.mkdir(mode=0o555)
    return Path("/sys/kernel") if os.geteuid() == 0 else place


@pytest.mark.parametrize("place", [a_file, lambda folder: a_file(folder) / "below", read_only],
                         ids=["a file", "below a file", "read-only"])
@pytest.mark.parametrize("option", ["--results", "--runs"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_trained_or_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, place: Callable[[Path], Path]
) -> None:
    folder = place(tmp_path)
    status, said = ended(capsys, [*arguments(tmp_path / "data", tmp_path), option, str(folder)])
    assert status == 2 and said.startswith(f"{option} {folder}/smoke: no file can be written there")
    assert "choose another" in said and not (tmp_path / "data").exists()


def test_where_all_is_trained_the_runs_may_be_read_only(
    finished: Path, smoke_people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch
) -> None:
    demanded: List[str] = []
    monkeypatch.setattr(reproduce, "demand_writable", lambda folder, option: demanded.append(option))
    assert ended(capsys, [*arguments(smoke_people, finished), "--results", str(tmp_path)])[0] == 0
    assert demanded == ["--results"]


# ---------------------------------------------------------------- no room for results

@pytest.mark.parametrize("name", ["table1.csv", "table1-claims.csv", "table1-training.csv", "table1.jpg"])
def test_a_result_that_finds_no_room_is_named_and_the_old_one_stays(
    copy: Path, smoke_people: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = copy / "results/smoke" / name
    before = path.read_bytes()
    full_disk_for(path)
    status, said = ended(capsys, arguments(smoke_people, copy))
    assert status == 2 and said.startswith(f"{path}: No space left on device.") and "resumes" in said
    assert path.read_bytes() == before and not list(path.parent.glob(".*"))


# ---------------------------------------------------------------- damaged files of a run

@pytest.mark.parametrize(("name", "remedy"), [
    (TESTED, "file"), ("log.csv", "file"), (DONE, "folder"), (PARAMETERS, "folder"),
])
def test_a_file_of_a_run_that_is_cut_short_is_named_and_its_remedy_helps(
    copy: Path, finished: Path, smoke_people: Path, capsys: pytest.CaptureFixture[str], name: str, remedy: str
) -> None:
    """Of one row; the other's is not touched."""
    folder, other = (copy / "runs/smoke" / run.key for run in RUNS)
    path, kept = folder / name, (other / TESTED).stat().st_mtime_ns
    path.write_bytes(path.read_bytes()[:-9])
    if remedy == "folder":
        (folder / TESTED).unlink()  # or it would not be read
    status, said = ended(capsys, arguments(smoke_people, copy))
    assert status == 2 and str(path) in said and ("elete it" in said or "away" in said)
    if remedy == "folder":
        shutil.rmtree(folder)
    else:
        path.unlink()
    assert ended(capsys, arguments(smoke_people, copy))[0] == 0
    assert numbers(copy) == numbers(finished) and (other / TESTED).stat().st_mtime_ns == kept
