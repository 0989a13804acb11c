"""mmpose's npz: metres, the lens's distortion, the two rates, and a pickle of cameras that runs nothing."""
from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import pytest

from integral_pose.datasets import human36m
from integral_pose.datasets.formats.human36m_npz import ACTIONS, FILE_NUMBERS, USUAL
from integral_pose.datasets.formats.reading import read_pickle
from integral_pose.errors import InputError
from tests.helpers import human36m_forms as forms

TEST_FILE = Path("annotation_body3d/fps50/h36m_test.npz")
CAMERAS = Path("annotation_body3d/cameras.pkl")


def edit(folder: Path, change: Callable[[Dict[str, Any]], Any]) -> None:
    with np.load(folder / TEST_FILE) as file:
        arrays = dict(file)
    change(arrays)
    np.savez(folder / TEST_FILE, **arrays)


def read(folder: Path):
    return human36m.read(folder, "test", 2)


def test_joints_in_the_image_are_those_that_the_file_has(tmp_path):
    folder = forms.write_npz(tmp_path, forms.EVERYTHING, bends=forms.BENT)
    with np.load(folder / TEST_FILE) as file:
        part = dict(zip(file["imgname"].tolist(), file["part"]))
    samples = read(folder)
    bent = [part[str(sample.image.relative_to(folder / "images"))] for sample in samples]
    np.testing.assert_allclose([sample.joints[:17] for sample in samples], bent, atol=1e-6)
    straight = read(forms.write_npz(tmp_path / "straight", forms.EVERYTHING))
    assert max(np.abs(one.joints - other.joints).max() for one, other in zip(samples, straight)) > 1


def test_fps10_is_enough_for_training_and_not_for_testing(tmp_path):
    folder = forms.write_npz(tmp_path, forms.EVERYTHING, rate="fps10")
    assert human36m.read(folder, "train", 1)
    with pytest.raises(InputError, match=r"fps50/h36m_test.npz.*fps10/h36m_test.npz is not enough.*--sample-rate 1"):
        read(folder)


def test_fps10_is_taken_for_training_where_both_are(tmp_path):
    folder = forms.write_npz(tmp_path, forms.EVERYTHING)
    forms.write_npz(tmp_path, {clip: [0, 5] for clip in forms.EVERYTHING}, rate="fps10")
    assert {sample.image.stem[-6:] for sample in human36m.read(folder, "train", 1)} == {"000001", "000006"}


def test_sub_actions_are_told_from_a_subject_s_own_file_names(tmp_path):
    samples = read(forms.write_npz(tmp_path, forms.EVERYTHING))
    names = [sample.image.name.partition(".")[0] for sample in samples]
    assert list(dict.fromkeys(names)) == [
        "S9_Discussion_1", "S9_Discussion_2", "S11_Directions_1", "S11_Directions", "S11_Phoning_3", "S11_Phoning_2",
    ]


def test_a_subject_has_two_files_of_an_action():
    pairs = [pair for actions in FILE_NUMBERS.values() for pair in actions.values()]
    assert all(first != second for first, second in pairs) and USUAL not in pairs
    assert set(FILE_NUMBERS) == {1, 5, 6, 7, 8, 9, 11}
    assert set().union(*FILE_NUMBERS.values()) <= set(range(2, 17))


def test_other_spellings_are_the_same_actions():
    assert (ACTIONS["TakingPhoto"], ACTIONS["WalkingDog"], ACTIONS["WalkingTogether"]) == (12, 15, 16)
    assert (ACTIONS["Photo"], ACTIONS["WalkDog"], ACTIONS["WalkTogether"]) == (12, 15, 16)


class Harm:
    """A pickle of this makes the folder `done` when it is read freely."""

    def __init__(self, done: Path) -> None:
        self.command = f"mkdir {done}"

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_pickle_that_runs_a_program_is_refused_and_does_not_run_it(tmp_path):
    folder, done = forms.write_npz(tmp_path, forms.EVERYTHING), tmp_path / "done"
    (folder / CAMERAS).write_bytes(pickle.dumps({("S9", "54138969"): Harm(done)}))
    with pytest.raises(InputError, match=r"cameras.pkl: calls (posix|nt).system.*not read"):
        read(folder)
    assert not done.exists()


@pytest.mark.parametrize("value", [np.save, np.matrix, Path("a"), {1: print}, np.array([{}]), np.dtype("O"), Harm])
def test_a_pickle_of_other_things_is_refused(tmp_path, value):
    path = tmp_path / "cameras.pkl"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(InputError, match=r"cameras.pkl: calls"):
        read_pickle(path)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_values_and_arrays_come_out_of_a_pickle_as_they_went_in(tmp_path, protocol):
    rng = np.random.default_rng(0)
    arrays = [
        rng.normal(size=(3, 2)), np.asfortranarray(rng.normal(size=(2, 5))), rng.normal(size=(4, 1)).astype(">f4"),
        np.arange(6).reshape(1, 2, 3), np.array([True, False]), np.zeros((0, 3)),
    ]
    path = tmp_path / "plain.pkl"
    path.write_bytes(pickle.dumps({("S1", "x"): arrays, 2: (np.float64(1.5), 3, "é", b"\xff", None, -1.5)}, protocol))
    found = read_pickle(path)
    for one, other in zip(found["S1", "x"], arrays):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype and one.shape == other.shape
    assert found[2] == (1.5, 3, "é", b"\xff", None, -1.5)


def test_a_name_of_numpy_2_is_the_same(tmp_path):
    path = tmp_path / "new.pkl"
    path.write_bytes(pickle.dumps(np.arange(3.0), 3).replace(b"numpy.core", b"numpy._core"))
    np.testing.assert_array_equal(read_pickle(path), [0, 1, 2])


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps({1: np.zeros(9)})[:-20]])
def test_a_damaged_pickle_is_explained(tmp_path, content):
    folder = forms.write_npz(tmp_path, forms.EVERYTHING)
    (folder / CAMERAS).write_bytes(content)
    with pytest.raises(InputError, match=r"cameras.pkl: cannot be read as a pickle"):
        read(folder)


def forged(state) -> bytes:
    """A pickle of an array with this state."""
    class Forged:
        def __reduce__(self):
            return np.zeros(1).__reduce__()[0], (np.ndarray, (0,), b"b"), state
    return pickle.dumps(Forged())


@pytest.mark.parametrize(
    "state",
    [
        (1, (10**9,), np.dtype("f8"), False, b"12345678"), (1, (1,), np.dtype("f8"), False, b"1234"), (1, (1,)), 7,
        (1, (1,), "f8", False, b"12345678"),
    ],
)
def test_a_forged_array_is_damage(tmp_path, state):
    path = tmp_path / "forged.pkl"
    path.write_bytes(forged(state))
    with pytest.raises(InputError, match="cannot be read as a pickle"):
        read_pickle(path)


@pytest.mark.parametrize(
    "cameras",
    [
        [], {}, {("S9", "54138969"): 3}, {("S9", "54138969"): {"R": np.eye(3)}},
        {**forms.npz_cameras(forms.BENT), ("S9", "58860488"): {"R": np.eye(2)}},
        {key: {**entry, "k": None} for key, entry in forms.npz_cameras(forms.BENT).items()},
    ],
)
def test_cameras_that_lack_something_are_refused(tmp_path, cameras):
    folder = forms.write_npz(tmp_path, forms.EVERYTHING)
    (folder / CAMERAS).write_bytes(pickle.dumps(cameras))
    with pytest.raises(InputError, match=r"cameras.pkl: camera \d+ of subject 9 is not there, or lacks R"):
        read(folder)


def in_millimetres(arrays):
    arrays["S"] = arrays["S"] * 1000


def of_16_joints(arrays):
    arrays["S"] = arrays["S"][:, 1:]


def one_short(arrays):
    arrays["S"] = arrays["S"][1:]


def named(name):
    def rename(arrays):
        arrays["imgname"] = np.array([name, *arrays["imgname"][1:]])
    return rename


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda arrays: arrays.pop("S"), "lacks S"),
        (lambda arrays: arrays.update(S=np.array([{}])), "cannot be read as a npz"),
        (in_millimetres, "must be in metres"),
        (of_16_joints, "of 17 joints"),
        (one_short, "of 17 joints"),
        (named("a.jpg"), "image name a.jpg is not in Human3.6M's form"),
        (named("S9/S9_Dancing.54138969/S9_Dancing.54138969_000001.jpg"), "Dancing.*is not in Human3.6M's form"),
        (named("S9/S9_Eating_7.54138969/S9_Eating_7.54138969_000001.jpg"), "Eating_7.*is not in Human3.6M's form"),
        (named("S9/S9_Eating.12345678/S9_Eating.12345678_000001.jpg"), "12345678.*is not in Human3.6M's form"),
    ],
)
def test_malformed_arrays_are_refused(tmp_path, change, message):
    folder = forms.write_npz(tmp_path, forms.EVERYTHING)
    edit(folder, change)
    with pytest.raises(InputError, match=f"h36m_test.npz: .*{message}"):
        read(folder)


@pytest.mark.parametrize("path", [CAMERAS, TEST_FILE])
def test_a_missing_file_is_named(tmp_path, path):
    folder = forms.write_npz(tmp_path, forms.EVERYTHING)
    (folder / path).unlink()
    with pytest.raises(InputError, match=f"{path}: there is no such file"):
        read(folder)


def test_a_truncated_file_is_refused(tmp_path):
    folder = forms.write_npz(tmp_path, forms.EVERYTHING)
    (folder / TEST_FILE).write_bytes((folder / TEST_FILE).read_bytes()[:-99])
    with pytest.raises(InputError, match=r"h36m_test.npz: cannot be read as a npz file"):
        read(folder)
