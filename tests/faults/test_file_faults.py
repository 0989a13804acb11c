"""Files cut short anywhere are refused and named; nothing from outside is ever unpickled."""
from __future__ import annotations

import ast
import io
import json
import os
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, NamedTuple

import cv2
import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import nn

from integral_pose import run
from integral_pose.datasets import human36m, mpii
from integral_pose.datasets.formats.reading import read_pickle
from integral_pose.errors import InputError
from integral_pose.models import weights
from integral_pose.report import curves, numbers
from integral_pose.report.results import Evidence
from integral_pose.storage import array_files, image_files
from tests.datasets.test_mpii import VALID, write_detections, write_release
from tests.faults.test_record_faults import ARRAYS, CLIP, READERS, gt_valid
from tests.helpers import human36m_forms as forms

ROOT = Path(__file__).resolve().parents[2]
CUTS = 12  # places at which each file is cut


class Kind(NamedTuple):
    """A kind of file."""

    path: str  # below the folder
    write: Callable[[Path], Any]  # all that the reader needs, into the folder
    read: Callable[[Path], Any]  # from the folder
    padding: int = 0  # bytes at the end that may be missing without anything being lost


# ---------------------------------------------------------------- every reader

def array_kinds() -> Iterator[Any]:
    for name, kind in ARRAYS.items():
        def write(folder: Path, kind: Any = kind) -> None:
            kind.write(folder / kind.path, kind.good(folder))
        yield name, Kind(kind.path, write, kind.read, 8 if kind.path.endswith(".mat") else 0)


def text_kinds() -> Iterator[Any]:
    for name, reader in READERS.items():
        def write(folder: Path, reader: Any = reader) -> None:
            content = reader.good(folder)
            (folder / reader.path).write_text(reader.write(content))
        if reader.path.endswith(".json"):
            yield name, Kind(reader.path, write, reader.read)


def picture(folder: Path, suffix: str) -> None:
    cv2.imwrite(str(folder / f"a{suffix}"), np.random.default_rng(9).integers(0, 256, (40, 50, 3), np.uint8))


def release(folder: Path) -> None:
    write_release(folder / mpii.RELEASE)
    write_detections(folder / "detections.mat", VALID)


def layer(values: bool = True) -> Any:
    net = nn.Dense(5, in_units=7)
    if values:
        net.initialize()
    return net


RUN = run.Run(seed=3)
LOG = "step,train_loss,validation_loss,validation_error_px\n2,0.5,0.25,3.5\n4,0.25,0.125,1.5\n"
OWN: Dict[str, Kind] = {
    ".jpg": Kind("a.jpg", lambda f: picture(f, ".jpg"), lambda f: image_files.read(f / "a.jpg")),
    ".png": Kind("a.png", lambda f: picture(f, ".png"), lambda f: image_files.read(f / "a.png")),
    "release": Kind(mpii.RELEASE, release, lambda f: mpii.read_file(f / mpii.RELEASE, f), 8),
    "split": Kind("detections.mat", release, lambda f: mpii.read_file(f / mpii.RELEASE, f), 8),
    "cameras.pkl": Kind("annotation_body3d/cameras.pkl", lambda f: forms.write_npz(f, CLIP),
                        lambda f: human36m.read(f, "test", 1)),
    "net.params": Kind("net.params", lambda f: layer().save_parameters(str(f / "net.params")),
                       lambda f: weights.load(layer(), f / "net.params", [mx.cpu()])),
    "checkpoint": Kind("checkpoint.npz", lambda f: array_files.write(f / "checkpoint.npz", gt_valid(f), {"key": "1"}),
                       lambda f: array_files.read(f / "checkpoint.npz")),
    "test.npz": Kind("test.npz", lambda f: array_files.write(f / "test.npz", {"predictions": np.ones((2, 3))}, {}),
                     lambda f: Evidence.read(f / "test.npz")),
    "run.json": Kind("run.json", lambda f: (f / "run.json").write_text(json.dumps({"key": RUN.key, **RUN.settings})),
                     lambda f: run.read(f / "run.json")),
    "log.csv": Kind("log.csv", lambda f: (f / "log.csv").write_text(LOG),
                    lambda f: curves.write_training([("H1", "", RUN)], lambda of: f, f / "out.csv")),
}
KINDS: Dict[str, Kind] = {**dict(array_kinds()), **dict(text_kinds()), **OWN}


@pytest.mark.parametrize("name", KINDS)
def test_a_file_that_is_cut_short_is_refused_and_named(name: str, tmp_path: Path) -> None:
    kind, rng = KINDS[name], random.Random(name)
    kind.write(tmp_path)
    kind.read(tmp_path)
    path = tmp_path / kind.path
    content = path.read_bytes()
    most = len(content) - 1 - kind.padding
    for size in (0, 1, most, *(rng.randrange(2, most) for _ in range(CUTS))):
        if content[:size].endswith(b"\n"):
            continue  # of a text, whole lines
        path.write_bytes(content[:size])
        with pytest.raises(InputError) as refused:
            kind.read(tmp_path)
        assert path.name in str(refused.value) and "\n" not in str(refused.value)


def test_a_table_that_is_cut_short_is_refused_and_named_with_its_remedy(tmp_path: Path) -> None:
    """Of `make report`; the committed one serves."""
    from experiments.table1 import TABLE

    for kind in ("", "-claims", "-training", "-curves"):
        for file in (ROOT / "results/quick").glob("table1*.csv"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
        path = tmp_path / f"table1{kind}.csv"
        if not path.exists():
            continue
        content, rng = path.read_bytes(), random.Random(kind)
        for size in (0, 1, len(content) - 1, *(rng.randrange(2, len(content)) for _ in range(CUTS))):
            if content[:size].endswith(b"\n"):
                continue
            path.write_bytes(content[:size])
            with pytest.raises(InputError, match=rf"{path.name}, line \d+: .*Run make table1 again"):
                numbers.read(TABLE, tmp_path)


# ---------------------------------------------------------------- nothing is unpickled

class Harm:
    """A pickle of this makes a folder when it is read freely."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def pickled(harm: Harm, names: Any) -> bytes:
    return pickle.dumps(dict.fromkeys(names, harm) or harm)


def npy(harm: Harm, names: Any) -> bytes:
    content = io.BytesIO()
    np.save(content, np.array([harm], object), allow_pickle=True)
    return content.getvalue()


def npz(harm: Harm, names: Any) -> bytes:
    """Every array that the reader looks for, and a checkpoint's state, is a pickle."""
    content = io.BytesIO()
    np.savez(content, **{name or "a": np.array([harm], object) for name in (*names, array_files.STATE)})
    return content.getvalue()


def torch_archive(harm: Harm, names: Any) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(harm))
        archive.writestr("archive/version", "3\n")
    return content.getvalue()


def test_the_harm_is_done_where_a_pickle_is_read_freely(tmp_path: Path) -> None:
    pickle.loads(pickled(Harm(tmp_path / "one"), "a"))
    np.load(io.BytesIO(npy(Harm(tmp_path / "two"), ())), allow_pickle=True)
    assert (tmp_path / "one").exists() and (tmp_path / "two").exists()


@pytest.mark.parametrize("attack", [pickled, npy, npz, torch_archive])
@pytest.mark.parametrize("name", [*KINDS, *(name for name in READERS if name not in KINDS)])
def test_a_malicious_file_is_refused_by_every_reader_and_nothing_in_it_is_run(
    name: str, attack: Callable[[Harm, Any], bytes], tmp_path: Path
) -> None:
    if name in KINDS:
        kind = KINDS[name]
        kind.write(tmp_path)
    else:
        reader = READERS[name]
        reader.good(tmp_path)
        kind = Kind(reader.path, lambda folder: None, reader.read)
    names = ARRAYS[name].good(tmp_path / "names") if name in ARRAYS else ()
    (tmp_path / kind.path).write_bytes(attack(Harm(tmp_path / "harm"), names))
    with pytest.raises(InputError, match=Path(kind.path).name):
        kind.read(tmp_path)
    assert not (tmp_path / "harm").exists()


def test_a_pickle_of_cameras_is_read_without_running_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickled(Harm(tmp_path / "harm"), ["R"]))
    with pytest.raises(InputError, match=r"a\.pkl: calls posix\.mkdir"):
        read_pickle(tmp_path / "a.pkl")
    assert not (tmp_path / "harm").exists()


# ---------------------------------------------------------------- nor could it be

FREE = {"cloudpickle", "dill", "joblib", "marshal", "shelve"}  # what reads pickles, or code
FREE_CALLS = {"eval", "exec", "pickle.load", "pickle.loads", "torch.load", "torch.jit.load", "yaml.load"}
SAFE = tuple(Path("src/integral_pose") / name for name in (  # these answer themselves to all that a pickle names
    "datasets/formats/safe_pickle.py", "published/torch_file.py",
))
NUMPY_READERS = {"load", "read_array"}


def unsafe(source: str, may_pickle: bool = False) -> Iterator[str]:
    """Each place of a module where a file from outside could be unpickled, or run."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            below = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            names = {f"{below}{alias.name}" for alias in node.names}
            modules = {name.split(".")[0] for name in names}
            if modules & FREE or names & FREE_CALLS or ("pickle" in modules and not may_pickle):
                yield f"line {node.lineno} imports {', '.join(names)}"
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func) if hasattr(ast, "unparse") else _dotted(node.func)
            if called in FREE_CALLS:
                yield f"line {node.lineno} calls {called}"
            if called.startswith(("np.", "numpy.")) and called.split(".")[-1] in NUMPY_READERS and not _refuses(node):
                yield f"line {node.lineno} calls {called} without allow_pickle=False"


def _dotted(node: Any) -> str:
    """a.b.c of an expression, for Python 3.8."""
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _refuses(call: ast.Call) -> bool:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    value = given.get("allow_pickle")
    return isinstance(value, ast.Constant) and value.value is False


def test_no_module_could_unpickle_a_file() -> None:
    found = {}
    for folder in ("src", "scripts", "symbols", "experiments"):
        for path in (ROOT / folder).rglob("*.py"):
            where = path.relative_to(ROOT)
            found[str(where)] = list(unsafe(path.read_text(encoding="utf-8"), may_pickle=where in SAFE))
    assert len(found) > 50 and {where: lines for where, lines in found.items() if lines} == {}


@pytest.mark.parametrize("source", [
    "np.load(path)", "np.load(path, allow_pickle=True)", "np.load(path, allow_pickle=wanted)", "numpy.load(path, 'r')",
    "np.lib.format.read_array(file)", "import pickle", "from pickle import loads", "torch.load(path)",
    "from torch import load", "eval(text)", "yaml.load(file)", "import joblib.memory",
    "def late():\n    from joblib import load",
])
def test_what_could_is_found(source: str) -> None:
    assert list(unsafe(source))


def test_the_one_that_reads_pickles_calls_no_free_reader() -> None:
    assert list(unsafe("import pickle\npickle.loads(content)", may_pickle=True)) == ["line 2 calls pickle.loads"]
    assert list(unsafe("np.load(path, allow_pickle=False)")) == []
