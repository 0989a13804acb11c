"""PyTorch's files, read without it. files/ has two that torch.save of PyTorch 2.13 has written, in both forms."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401

import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import pytest

from integral_pose.errors import InputError
from integral_pose.published import tensors, to_torch, torch_file

FILES = Path(__file__).parent / "files"
BOTH = ("zip.pth", "stream.pth.tar")


@pytest.mark.parametrize("name", BOTH)
def test_what_pytorch_wrote_is_read(name: str) -> None:
    named = tensors.read(FILES / name)
    assert named.beside == {"epoch", "network", "optimizer", "scheduler", "perf_indicator"}
    assert named.shapes["0.weight"] == (2, 1, 2, 2) and named.shapes["1.running_var"] == (2,)
    assert (named.read("0.weight") == np.arange(8).reshape(2, 1, 2, 2)).all()
    assert named.read("t").tolist() == [[0, 3], [1, 4], [2, 5]]  # a transposed view
    assert named.read("part").tolist() == [2, 3]  # of the same storage
    assert named.read("half").tolist() == [0.5, -2] and named.read("bf").tolist() == [1.5, -3]
    assert named.read("p").tolist() == [1, 1] and named.read("none").shape == (0, 3)
    assert named.read("1.num_batches_tracked") == 1


@pytest.mark.parametrize("name", BOTH)
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, name: str) -> None:
    content = (FILES / name).read_bytes()
    for part in (0.2, 0.5, 0.97):
        (tmp_path / name).write_bytes(content[: int(part * len(content))])
        with pytest.raises(InputError, match=r"is not a whole file|neither a file"):
            tensors.read(tmp_path / name)


class _Runs:
    """Something whose unpickling would run a command."""

    def __reduce__(self) -> Any:
        return os.system, ("touch ran",)


def test_a_pickle_with_code_is_refused_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("a.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"state_dict": {}, "x": _Runs()}, protocol=2))
    with pytest.raises(InputError, match=r"a.pth: its pickle asks for posix.system. Only dictionaries"):
        tensors.read(Path("a.pth"))
    assert not Path("ran").exists()


@pytest.mark.parametrize("content, message", [
    ({}, "is a zip archive, but not one of torch.save"),
    ({"archive/data.pkl": pickle.dumps([1], protocol=2)}, "holds list, not a dictionary"),
    ({"archive/data.pkl": pickle.dumps({"model": {"module": {}}}, protocol=2)}, "under model it has module. Accepted"),
    ({"archive/data.pkl": pickle.dumps({"epoch": 1}, protocol=2)}, "has no parameters; at its top it has epoch"),
])
def test_other_archives_are_refused(tmp_path: Path, content: Dict[str, bytes], message: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("other", b"")
        for name, value in content.items():
            archive.writestr(name, value)
    with pytest.raises(InputError, match=message):
        tensors.read(tmp_path / "a.pth")


def _beyond(pickled: bytes) -> bytes:
    """The pickle with the tensor's offset, which is 0, further on."""
    offset = pickled.index(b"Q" + to_torch._number(0)) + 1
    return pickled[:offset] + to_torch._number(5) + pickled[offset + 5:]


@pytest.mark.parametrize("change, message", [
    (_beyond, "reaches beyond its storage"), (lambda p: p.replace(b"FloatStorage", b"DoubleStorage"), "shorter than"),
    (lambda p: p.replace(b"FloatStorage", b"QuantStorage"), "asks for torch.QuantStorage"),
])
def test_tensors_that_do_not_fit_their_storages_are_refused(
    tmp_path: Path, change: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "a.pth"
    to_torch.write({"a": np.ones((2, 3))}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["archive/data.pkl"] = change(parts["archive/data.pkl"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match=message):
        tensors.read(path).read("a")


def test_bfloat16_of_safetensors_is_read(tmp_path: Path) -> None:
    header = json.dumps({
        "__metadata__": {"format": "pt"}, "a": {"dtype": "BF16", "shape": [1, 2], "data_offsets": [0, 4]},
        "b": {"dtype": "F16", "shape": [1], "data_offsets": [4, 6]},
    }).encode()
    header += b" " * (-len(header) % 8)
    content = len(header).to_bytes(8, "little") + header + bytes.fromhex("c03f40c0") + np.float16(0.5).tobytes()
    (tmp_path / "a.safetensors").write_bytes(content)
    named = tensors.read(tmp_path / "a.safetensors")
    assert named.shapes == {"a": (1, 2), "b": (1,)}
    assert named.read("a").tolist() == [[1.5, -3]] and named.read("b").tolist() == [0.5]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    arrays = {"a.weight": np.arange(24.0).reshape(2, 3, 4), "b": np.float32(7), "c": np.zeros((0, 2))}
    to_torch.write(arrays, tmp_path / "a.pth")
    saved = torch_file.read(tmp_path / "a.pth")
    assert list(saved) == list(arrays)
    for name, array in arrays.items():
        assert saved[name].values().dtype == np.float32
        assert (saved[name].values() == array).all() and saved[name].shape == np.shape(array)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x10\0\0\0\0\0\0\0{not json at all}"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"a.pth: is (neither|not a whole file of safetensors)"):
        tensors.read(tmp_path / "a.pth")
