"""h36m-fetch's h5: its frames and fields, and what of it cannot be used."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np
import pytest

from integral_pose.datasets import human36m
from integral_pose.errors import InputError
from tests.helpers import human36m_forms as forms

CLIP = (11, 6, 1)


def edit(folder: Path, change: Callable[[Any], Any]) -> None:
    with h5py.File(folder / forms.h5_folder(CLIP) / "annot.h5", "r+") as file:
        change(file)


def put(name: str, value: Any) -> Callable[[Any], None]:
    def replace(file: Any) -> None:
        del file[name]
        file[name] = value
    return replace


def read(folder: Path):
    return human36m.read(folder, "test", 1)


def test_the_folder_of_the_subjects_itself_is_taken_too(tmp_path):
    folder = forms.write_h5(tmp_path, forms.EVERYTHING)
    assert len(read(folder)) == len(read(folder / "processed")) > 0


def test_folders_names_do_not_matter(tmp_path):
    folder = forms.write_h5(tmp_path, forms.EVERYTHING)
    before = read(folder)
    for i, path in enumerate(sorted(folder.glob("processed/S11/*"), reverse=True)):
        path.rename(path.with_name(f"clip {i}"))
    after = read(folder)
    np.testing.assert_array_equal([one.joints for one in before], [other.joints for other in after])


def test_the_retargeted_skeleton_is_not_needed(tmp_path):
    folder = forms.write_h5(tmp_path, forms.EVERYTHING)
    before = read(folder)
    edit(folder, lambda file: file.__delitem__("pose/3d-univ"))
    np.testing.assert_array_equal([one.joints for one in before], [other.joints for other in read(folder)])


def test_training_takes_the_frames_that_are_there(tmp_path):
    folder = forms.write_h5(tmp_path, {clip: [0, 7, 15, 31, 40] for clip in forms.FILE_NAMES if clip[0] < 9})
    samples = human36m.read(folder, "train", 2) + human36m.read(folder, "held-out", 2)
    assert {sample.image.stem for sample in samples} == {"img_000001", "img_000016", "img_000041"}


def test_training_on_every_64th_frame_is_refused(tmp_path):
    clips = {**forms.EVERYTHING, (9, 3, 1): [0, 64, 128, 192, 256, 320]}
    folder = forms.write_h5(tmp_path, clips)
    assert human36m.read(folder, "test", 2)
    with pytest.raises(InputError, match=r"S9/Discussion-1/annot.h5: holds 2 of every 5th.*trains on subject 9"):
        human36m.read(folder, "train", 1)


def test_testing_on_thinned_frames_is_refused(tmp_path):
    clips = {**forms.EVERYTHING, CLIP: [0, 63, 129, 320]}
    with pytest.raises(InputError, match=r"Phoning-1/annot.h5: holds 2 of every 64th.*select_frame_indices_to_include"):
        read(forms.write_h5(tmp_path, clips))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.__delitem__("pose/3d"), "lacks pose/3d, as files of early versions"),
        (lambda file: file.__delitem__("subaction"), "lacks subaction"),
        (lambda file: file.__delitem__("intrinsics/58860488"), "intrinsics/58860488 must be four numbers"),
        (put("intrinsics/58860488", np.ones(3)), "intrinsics/58860488 must be four numbers"),
        (put("intrinsics/58860488", np.full(4, np.nan)), "intrinsics/58860488 must be four numbers"),
        (put("pose/3d", np.zeros((20, 17, 3))), "of 32 joints"),
        (put("pose/3d", np.zeros((0, 32, 3))), "of 32 joints"),
        (put("pose/3d", 3.0), "of 32 joints"),
        (put("frame", np.arange(4)), "of 32 joints"),
        (put("subject", np.full(28, 9)), "not of one clip of subject 11"),
        (put("action", np.full(28, 17)), "not of one clip of subject 11"),
        (put("subaction", np.arange(28)), "not of one clip of subject 11"),
    ],
)
def test_malformed_files_are_refused(tmp_path, change, message):
    folder = forms.write_h5(tmp_path, forms.EVERYTHING)
    edit(folder, change)
    with pytest.raises(InputError, match=rf"S11/Phoning-1/annot.h5: .*{message}"):
        read(folder)


def test_a_truncated_file_is_refused(tmp_path):
    path = forms.write_h5(tmp_path, forms.EVERYTHING) / forms.h5_folder(CLIP) / "annot.h5"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(InputError, match=r"annot.h5: cannot be read as a HDF5 file"):
        read(tmp_path)
