"""3DMPPE's JSON: both generations of its cameras are told apart, and wrong files are refused."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable

import numpy as np
import pytest

from integral_pose.datasets import human36m
from integral_pose.errors import InputError
from tests.helpers import human36m_forms as forms

CLIPS: forms.Clips = {clip: frames for clip, frames in forms.EVERYTHING.items() if clip[0] == 11}


def change(folder: Path, kind: str, edit: Callable[[Any], Any]) -> None:
    """Replaces the content of subject 11's file of a kind by what `edit` makes of it."""
    path = folder / f"annotations/Human36M_subject11_{kind}.json"
    path.write_text(json.dumps(edit(json.loads(path.read_text()))))


def read(folder: Path):
    return human36m.read(folder, "test", 1)


def test_both_generations_of_cameras_give_the_same_people(tmp_path):
    old = read(forms.write_json(tmp_path / "old", CLIPS))
    new = read(forms.write_json(tmp_path / "new", CLIPS, translation=True))
    assert len(old) == len(new) > 0
    for one, other in zip(old, new):
        assert one.image.name == other.image.name and one.pose and other.pose
        np.testing.assert_allclose(one.pose.joints, other.pose.joints, atol=1e-6)
        np.testing.assert_allclose(one.pose.camera.position, other.pose.camera.position, atol=1e-6)


@pytest.mark.parametrize("place", ["annot", "."])
def test_annotations_are_found_elsewhere(tmp_path, place):
    (tmp_path / "annotations").mkdir()
    folder = forms.write_json(tmp_path / "data" if place == "." else tmp_path, CLIPS, place=place)
    assert len(read(folder)) == 45


def test_a_person_behind_the_camera_in_a_few_frames_is_named_by_image(tmp_path, monkeypatch):
    real = forms.world

    def far_away(clip, frames):
        joints = real(clip, frames)
        if clip == (11, 6, 1):
            joints[list(frames).index(64)] += (2e4, 0, 0)
        return joints

    monkeypatch.setattr(forms, "world", far_away)
    with pytest.raises(InputError, match=r"act_06_subact_01_ca_0\d_000065.jpg.*behind the camera"):
        read(forms.write_json(tmp_path, CLIPS))


def swapped(cameras):
    """Every camera stands where another one does."""
    return {name: {**entry, "t": cameras[str(5 - int(name))]["t"]} for name, entry in cameras.items()}


def mixed(cameras):
    """One camera of the later generation among three of the earlier."""
    entry = cameras["2"]
    return {**cameras, "2": {**entry, "t": (-np.array(entry["R"]) @ entry["t"]).tolist()}}


def half(cameras):
    """Two of the cameras stand in the opposite corner and look out of the room."""
    return {name: {**entry, "t": [-t if name < "3" else t for t in entry["t"]]} for name, entry in cameras.items()}


def ambiguous(cameras):
    """Both meanings of `t` are one: the camera stands at the world's origin, turned to what is in front of it."""
    return {
        name: {**entry, "R": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "t": [0, 0, 0]} for name, entry in cameras.items()
    }


@pytest.mark.parametrize("damage", [swapped, mixed, half])
def test_cameras_that_do_not_go_with_the_joints_are_refused(tmp_path, damage):
    folder = forms.write_json(tmp_path, CLIPS)
    change(folder, "camera", damage)
    with pytest.raises(InputError, match=r"subject11_camera.json.*wrong generation.*does not go with.*one download"):
        read(folder)


def test_cameras_that_fit_both_ways_are_refused(tmp_path, monkeypatch):
    real = forms.world
    monkeypatch.setattr(forms, "world", lambda clip, frames: real(clip, frames) + (0, 0, 9000))
    folder = forms.write_json(tmp_path, CLIPS)
    change(folder, "camera", ambiguous)
    with pytest.raises(InputError, match=r"100%.*100%.*wrong generation"):
        read(folder)


def test_an_image_whose_frame_is_not_annotated_is_named_with_its_frame(tmp_path):
    folder = forms.write_json(tmp_path, CLIPS)
    change(folder, "joint_3d", lambda tree: {**tree, "6": {**tree["6"], "2": {"0": tree["6"]["2"]["0"]}}})
    with pytest.raises(InputError) as error:
        read(folder)
    for part in ("subject11_joint_3d.json", "frame 64 of action 6, sub-action 2", "subact_02_ca_01_000065.jpg"):
        assert part in str(error.value)


@pytest.mark.parametrize("kind", ["data", "camera", "joint_3d"])
def test_a_missing_file_is_named_with_what_needs_it(tmp_path, kind):
    folder = forms.write_json(tmp_path, CLIPS)
    (folder / f"annotations/Human36M_subject11_{kind}.json").unlink()
    with pytest.raises(InputError, match=rf"subject11_{kind}.json: there is no such file, and protocol 1 tests on"):
        read(folder)


def image(**fields):
    return lambda data: {**data, "images": [*data["images"][:-1], {**data["images"][-1], **fields}]}


def camera(name: str, value):
    return lambda cameras: {**cameras, "3": {**cameras["3"], name: value}}


def frame(value):
    return lambda tree: {**tree, "6": {**tree["6"], "1": {**tree["6"]["1"], "64": value}}}


@pytest.mark.parametrize(
    ("kind", "damage", "message"),
    [
        ("data", lambda data: [], "no list `images`"),
        ("data", lambda data: {"images": {}}, "no list `images`"),
        ("data", lambda data: {"images": [3]}, "must have a `file_name`.*unlike 3"),
        ("data", image(frame_idx="0"), "whole numbers"),
        ("data", image(frame_idx=None), "whole numbers"),
        ("data", image(frame_idx=0, cam_idx=1.5), "whole numbers.*unlike.*1.5"),
        ("data", image(frame_idx=0, file_name=7), "must have a `file_name`"),
        ("data", image(frame_idx=0, action_idx=17), "not one of 2 to 16"),
        ("camera", lambda cameras: [], "camera 1 must have R"),
        ("camera", lambda cameras: {"1": cameras["1"]}, "camera 2 must have R"),
        ("camera", camera("R", [1, 2, 3]), "camera 3 must have R"),
        ("camera", camera("f", "wide"), "camera 3 must have R"),
        ("camera", camera("t", None), "camera 3 must have R"),
        ("joint_3d", lambda tree: [], "not organised by action"),
        ("joint_3d", lambda tree: {**tree, "6": []}, "not organised by action"),
        ("joint_3d", lambda tree: {**tree, "6": {**tree["6"], "1": 5}}, "not organised by action"),
        ("joint_3d", frame([[1, 2, 3]] * 16), "not 17 joints"),
        ("joint_3d", frame([[1, 2]] * 17), "not 17 joints"),
        ("joint_3d", frame([["a", 2, 3]] * 17), "not 17 joints"),
        ("joint_3d", frame(None), "not 17 joints"),
    ],
)
def test_malformed_fields_are_refused(tmp_path, kind, damage, message):
    folder = forms.write_json(tmp_path, CLIPS)
    change(folder, kind, damage)
    with pytest.raises(InputError, match=f"subject11_{kind}.json.*{message}"):
        read(folder)


@pytest.mark.parametrize("kind", ["data", "camera", "joint_3d"])
def test_a_truncated_file_is_refused(tmp_path, kind):
    folder = forms.write_json(tmp_path, CLIPS)
    path = folder / f"annotations/Human36M_subject11_{kind}.json"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(InputError, match=rf"subject11_{kind}.json: cannot be read as a JSON file"):
        read(folder)
