"""A checkpoint comes back as it was written, or is refused; it never runs code."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import pytest

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.storage import array_files

ARRAYS = {"parameter head.final": np.arange(15.0).reshape(3, 5), "moment 0 1": np.float32([1, np.nan, np.inf])}
STATE: Dict[str, Any] = {"key": "0123456789", "schedule": {"step": 7, "low": False}, "history": [1.5, None]}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    written = tmp_path / "run" / "checkpoint.npz"
    array_files.write(written, ARRAYS, STATE)
    return written


def assert_reads(path: Path, arrays: Dict[str, Array], state: Dict[str, Any]) -> None:
    found, said = array_files.read(path)
    assert set(found) == set(arrays) and said == state
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_read_undoes_write(path: Path) -> None:
    assert_reads(path, ARRAYS, STATE)
    array_files.write(path, {"other": np.eye(2)}, {"best": float("inf")})
    assert_reads(path, {"other": np.eye(2)}, {"best": float("inf")})
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("share", [0.0, 0.004, 0.2, 0.6, 0.9, 0.999])
def test_a_truncated_file_is_refused(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"checkpoint\.npz: .*damaged.*Delete"):
        array_files.read(path)


def test_a_flipped_byte_is_refused_or_harmless(path: Path) -> None:
    content, refused = path.read_bytes(), 0
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xA5]) + content[place + 1:])
        try:
            arrays, _ = array_files.read(path)
        except InputError:
            refused += 1
        else:
            assert all((arrays[n].tobytes() == a.tobytes()) for n, a in ARRAYS.items() if n in arrays)
    assert refused > len(content) / 6


def object_array(path: Path) -> None:
    np.savez(path, state=np.array("{}"), evil=np.array([Mine(path.parent / "executed")], object))


class Mine:
    """Its unpickling makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def array_file(path: Path) -> None:
    with open(path, "wb") as file:
        np.save(file, np.ones(3))


@pytest.mark.parametrize(
    "write",
    [object_array, array_file, Path.unlink, lambda path: np.savez(path, other=np.ones(3)),
     lambda path: np.savez(path, state=np.array("{half")), lambda path: path.write_text("hello")],
    ids=["objects", "npy", "missing", "stateless", "bad state", "text"],
)
def test_another_file_is_refused_and_nothing_in_it_is_run(path: Path, write: Callable[[Path], Any]) -> None:
    write(path)
    with pytest.raises(InputError, match=r"checkpoint\.npz"):
        array_files.read(path)
    assert not (path.parent / "executed").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from integral_pose.storage import array_files

def write_array(entry, *arguments, **options):
    entry.write(bytes(10**6))
    os.kill(os.getpid(), signal.SIGKILL)

np.lib.format.write_array = write_array
array_files.write(Path(sys.argv[1]), {"a": np.ones(3)}, {"new": True})
"""


def test_a_killed_write_leaves_the_old_file_whole(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(place or os.getcwd() for place in sys.path)}
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    assert_reads(path, ARRAYS, STATE)
    array_files.write(path, {}, {"new": True})
    assert_reads(path, {}, {"new": True})


def test_ctrl_c_as_an_entry_begins_is_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(array_files.ZipFile):
        def open(self, *arguments: Any, **options: Any) -> Any:
            entry = super().open(*arguments, **options)
            raise KeyboardInterrupt(entry)

    monkeypatch.setattr(array_files, "ZipFile", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        array_files.write(tmp_path / "a.npz", {}, {})
    assert list(tmp_path.iterdir()) == []
