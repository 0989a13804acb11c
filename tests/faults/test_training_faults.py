"""Training that is killed, finds no room or meets NaN: a clear message, and the same call goes on from there."""
from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict

import mxnet as mx
import numpy as np
import pytest
from tensorboardX.record_writer import RecordWriter

from integral_pose import run_folder
from integral_pose.commands import console
from integral_pose.errors import InputError, RunFailed
from integral_pose.evaluation.evaluate import TESTED, evaluate
from integral_pose.methods import I_STAR
from integral_pose.profiles import smoke
from integral_pose.run_folder import CHECKPOINT, DONE, PARAMETERS, Site
from integral_pose.storage import array_files
from integral_pose.training import loop, tensorboard
from tests.helpers.faults import PATIENCE, full_disk_for, no_room, started, wait_until

RUN = replace(smoke(I_STAR), start=None, steps=6, validate_every=2)
TRAIN = """
import sys
from pathlib import Path
import integral_pose
from tests.faults.test_training_faults import RUN, site
from integral_pose.evaluation.evaluate import evaluate
from integral_pose.training.loop import train
place = site(Path(sys.argv[1]), Path(sys.argv[2]))
train(RUN, place)
evaluate(RUN, place)
"""
STALL = """
import sys, time, numpy as np
write_array, calls = np.lib.format.write_array, []
def stalling(entry, array, **options):
    calls.append(array)
    if len(calls) == int(sys.argv[3]):
        while True:
            time.sleep(1)
    write_array(entry, array, **options)
np.lib.format.write_array = stalling
"""
STARTED_LATER = """
import sys
from pathlib import Path
import integral_pose.training.loop
from tests.helpers.faults import wait_until
wait_until(Path(sys.argv[3]).exists)
"""


def site(data: Path, runs: Path) -> Site:
    return Site(data, runs, (mx.cpu(),), workers=1)


def finish(place: Site) -> Path:
    """Trains and evaluates RUN from where it is; returns its folder."""
    loop.train(RUN, place)
    return evaluate(RUN, place).parent


def numbers(folder: Path) -> Dict[str, Any]:
    """Everything that a finished run says: weights, predictions, log without speeds."""
    weights = {name: array.asnumpy() for name, array in mx.nd.load(str(folder / PARAMETERS)).items()}
    lines = [line.rpartition(",")[0] for line in (folder / "log.csv").read_text().splitlines()]
    return {**weights, **array_files.read(folder / TESTED)[0], "log": np.array(lines)}


def same(folder: Path, whole: Path) -> bool:
    """Whether two folders say the same to the bit, and the first has no file that the second has not."""
    one, other = numbers(folder), numbers(whole)
    visible = [{path.name for path in place.iterdir() if "tfevents" not in path.name} for place in (folder, whole)]
    equal = all(np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f") for name in other)
    return one.keys() == other.keys() and equal and visible[0] == visible[1]


@pytest.fixture(scope="module")
def whole(smoke_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of RUN, trained and evaluated without any fault."""
    return finish(site(smoke_people, tmp_path_factory.mktemp("whole")))


class Stopped(BaseException):
    """Stands for a signal that nothing catches."""


@pytest.fixture(scope="module")
def half(smoke_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs' folder after RUN's first checkpoint."""
    runs, write = tmp_path_factory.mktemp("half"), array_files.write

    def stopping(*arguments: Any) -> None:
        write(*arguments)
        raise Stopped

    with pytest.MonkeyPatch.context() as patched, pytest.raises(Stopped):
        patched.setattr(array_files, "write", stopping)
        loop.train(RUN, site(smoke_people, runs))
    return runs


@pytest.fixture
def place(half: Path, smoke_people: Path, tmp_path: Path) -> Site:
    """A copy of it."""
    return site(smoke_people, Path(shutil.copytree(half, tmp_path / "runs")))


def told(capfd: pytest.CaptureFixture[str], call: Callable[[], Any]) -> str:
    """What the user of a table's command reads when the call fails."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as left, console.told():
        call()
    said = " ".join(capfd.readouterr().err.split())
    assert left.value.code == 2 and "Traceback" not in said and "Exception" not in said
    return said


# ---------------------------------------------------------------- killed

def test_killed_in_the_middle_of_a_checkpoint_while_another_waits_the_other_ends_it(
    whole: Path, half: Path, smoke_people: Path, tmp_path: Path
) -> None:
    """SIGKILL, with the second checkpoint half-written; the first is whole, and the second process goes on from it."""
    arguments, folder = (str(smoke_people), str(tmp_path)), tmp_path / RUN.key
    arrays = len(array_files.read(half / RUN.key / CHECKPOINT)[0]) + 1
    with started("-c", STALL + TRAIN, *arguments, str(3 * arrays // 2)) as first, \
            started("-c", STARTED_LATER + TRAIN, *arguments, str(tmp_path / "now")) as second:
        wait_until(lambda: (folder / CHECKPOINT).exists() and bool(list(folder.glob(f".{CHECKPOINT}.*"))))
        (tmp_path / "now").touch()
        assert second.stderr and "waiting for another process" in second.stderr.readline()
        assert first.poll() is None and array_files.read(folder / CHECKPOINT)[1]["schedule"]["step"] == 2
        first.kill()
        _, said = second.communicate(timeout=PATIENCE)
    assert second.returncode == 0, said
    assert same(folder, whole)


def test_what_a_killed_evaluation_left_goes_and_hidden_files_of_others_stay(
    whole: Path, smoke_people: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(whole, tmp_path / RUN.key))
    (folder / TESTED).unlink()
    (folder / "test").mkdir()
    left = [folder / f".{TESTED}.123", folder / "test" / ".pred_keypoints_mpii.mat.123"]
    for draft in left:
        draft.write_text("half")
    others = [folder / ".ipynb_checkpoints" / "log-checkpoint.csv", folder / ".nfs0000012c"]  # a notebook's, a server's
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_text("not ours")
    evaluate(RUN, site(smoke_people, tmp_path))
    assert not any(draft.exists() for draft in left) and all(other.exists() for other in others)


# ---------------------------------------------------------------- no room

@pytest.mark.parametrize("name", ["run.json", "log.csv", CHECKPOINT, DONE, TESTED])
def test_where_a_file_finds_no_room_it_is_named_and_the_run_goes_on_later(
    whole: Path, place: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = place.folder(RUN) / name
    before = path.read_bytes() if path.exists() else None
    with monkeypatch.context() as patched:
        patched.setattr(run_folder, "remove_drafts", lambda folder: None)
        full_disk_for(path)
        said = told(capfd, lambda: finish(place))
    assert f"{path}: No space left on device." in said and "the same command resumes" in said
    assert (path.read_bytes() if path.exists() else None) == before
    assert same(finish(place), whole)


@pytest.mark.parametrize("missing", [100, 10_000])
def test_parameters_that_do_not_fit_leave_the_best_as_they_were(
    whole: Path, place: Site, capfd: pytest.CaptureFixture[str], missing: int
) -> None:
    """Of the last bytes MXNet does not notice that they are lost."""
    path = place.folder(RUN) / PARAMETERS
    before = path.read_bytes()
    with no_room(len(before) - missing):
        said = told(capfd, lambda: finish(place))
    assert str(path) in said and "disk may be full" in said and "the same command resumes" in said
    assert path.read_bytes() == before
    assert same(finish(place), whole)


def test_events_that_do_not_fit_end_the_run_instead_of_hanging_it(
    whole: Path, place: Site, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(tensorboard, "RecordWriter", lambda path: RecordWriter("/dev/full"))
        said = told(capfd, lambda: finish(place))
    assert "tfevents" in said and "No space left on device" in said
    assert same(finish(place), whole)


# ---------------------------------------------------------------- NaN

def spoil(path: Path) -> None:
    """Plants a NaN in a file of parameters."""
    values = mx.nd.load(str(path))
    name = max(values, key=lambda name: values[name].size)
    values[name][:1] = np.nan
    mx.nd.save(str(path), values)


def test_weights_that_are_nan_are_refused_when_they_are_read(
    whole: Path, smoke_people: Path, tmp_path: Path
) -> None:
    """Or a test would leave out the joints that they make NaN, and score the others."""
    folder = Path(shutil.copytree(whole, tmp_path / RUN.key))
    (folder / TESTED).unlink()
    spoil(folder / PARAMETERS)
    with pytest.raises(InputError, match=rf"{PARAMETERS}: .* not finite.*away"):
        evaluate(RUN, site(smoke_people, tmp_path))
    assert not (folder / TESTED).exists()


def test_a_checkpoint_with_nan_ends_the_run_at_its_next_step(place: Site) -> None:
    path = place.folder(RUN) / CHECKPOINT
    arrays, state = array_files.read(path)
    spoilt = {name: array * np.nan if name.startswith("parameter") else array for name, array in arrays.items()}
    array_files.write(path, spoilt, state)
    with pytest.raises(RunFailed, match=rf"{RUN.key}.* nan at step 2\b.*{place.folder(RUN)}"):
        loop.train(RUN, place)
    assert not (place.folder(RUN) / DONE).exists()
