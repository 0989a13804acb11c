"""The same people come out of Human3.6M's three formats, in one order, split by clip."""
from __future__ import annotations

from pathlib import Path
from typing import Callable, Dict, List

import numpy as np
import pytest

from integral_pose.datasets import human36m
from integral_pose.errors import InputError
from integral_pose.metrics.mpjpe import ACTIONS
from integral_pose.samples import Augmentation, Sample, decode_pose, encode, patch_of
from integral_pose.skeletons import HUMAN36M
from tests.helpers import human36m_forms as forms

WRITERS: Dict[str, Callable[..., Path]] = {
    "json": forms.write_json, "npz": forms.write_npz, "h5": forms.write_h5,
}
IMAGE_NAMES = {"json": forms.json_name, "npz": forms.npz_name, "h5": forms.h5_name}
TRAINING = {1: (1, 5, 6, 7, 8, 9), 2: (1, 5, 6, 7, 8)}
TESTING = {1: (11,), 2: (9, 11)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """All clips in each format."""
    return {name: write(tmp_path_factory.mktemp(name), forms.EVERYTHING) for name, write in WRITERS.items()}


def expected(subjects, every):
    """(clip, camera, frame) in the order of the samples."""
    return [
        (clip, camera, frame)
        for clip in sorted(forms.EVERYTHING) if clip[0] in subjects
        for camera in (1, 2, 3, 4) if (*clip, camera) != (11, 2, 2, 1)
        for frame in forms.EVERYTHING[clip] if frame % every == 0
    ]


def images(folder: Path, samples: List[Sample]) -> List[str]:
    return [str(sample.image.relative_to(folder)) for sample in samples]


def assert_are(samples: List[Sample], wanted) -> None:
    """The samples show these frames: joints in mm and px, box, action."""
    assert len(samples) == len(wanted)
    for sample, (clip, camera, frame) in zip(samples, wanted):
        points, lens = forms.seen(clip, camera, [frame])[0], forms.lens(clip[0], camera)
        pixels = forms.project(points, lens)
        assert sample.pose and sample.pose.action == forms.NAMES[clip[1]]
        assert sample.pose.moment == f"{name_of(clip)} {frame}"
        np.testing.assert_allclose(sample.pose.joints[:17], points, atol=0.01)
        np.testing.assert_allclose(sample.pose.joints[17], (points[11] + points[14]) / 2, atol=0.01)
        np.testing.assert_allclose(sample.joints[:17], pixels, atol=0.001)
        np.testing.assert_allclose((sample.box.x, sample.box.y), pixels[0], atol=0.001)
        np.testing.assert_allclose(sample.box.side, 2000 * np.sqrt(lens.focal.prod()) / points[0, 2], rtol=1e-9)
        assert sample.box.span == 2000 and sample.annotated.tolist() == [1] * 18


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("protocol", [1, 2])
def test_every_format_gives_the_same_test_frames(folders, form, protocol):
    samples = human36m.read(folders[form], "test", protocol)
    wanted = expected(TESTING[protocol], 64)
    assert images(folders[form], samples) == [IMAGE_NAMES[form](*place) for place in wanted]
    assert_are(samples, wanted)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("protocol", [1, 2])
def test_every_format_gives_the_same_training_frames(folders, form, protocol):
    held = [clip for clip in sorted(forms.EVERYTHING) if _held(clip, TRAINING[protocol])]
    assert held
    for split, is_held, every in (("train", False, 5), ("held-out", True, 40)):
        samples = human36m.read(folders[form], split, protocol)
        part = [place for place in expected(TRAINING[protocol], every) if (place[0] in held) == is_held]
        assert images(folders[form], samples) == [IMAGE_NAMES[form](*place) for place in part]
        assert_are(samples, part)


def _held(clip, subjects):
    clips = [other for other in forms.EVERYTHING if other[0] in subjects]
    return clip in [other for other, is_held in zip(clips, human36m.held_out(list(map(name_of, clips)))) if is_held]


def name_of(clip):
    return f"S{clip[0]}/{ACTIONS[clip[1] - 2]}-{clip[2]}"


@pytest.mark.parametrize(
    ("protocol", "subactions", "count"), [(1, (1, 2), 14), (2, (1, 2), 11), (1, (1,), 6), (2, (1,), 5)]
)
def test_a_few_clips_of_each_subject_are_held_out(protocol, subactions, count):
    clips = [(s, a, b) for s in TRAINING[protocol] for a in range(2, 17) for b in subactions]
    held = [clip for clip, is_held in zip(clips, human36m.held_out(list(map(name_of, clips)))) if is_held]
    assert len(held) == count and {clip[0] for clip in held} == set(TRAINING[protocol])


def test_of_two_clips_one_is_held_out(tmp_path):
    clips = {(subject, 2, 1): [0, 40] for subject in TRAINING[2]}
    folder = forms.write_json(tmp_path, clips)
    train, held = (human36m.read(folder, split, 2) for split in ("train", "held-out"))
    assert train and held
    views = [{sample.image.parent.name[:-6] for sample in part} for part in (train, held)]
    assert not views[0] & views[1] and len(train) + len(held) == len(clips) * 4 * 2


def test_actions_have_the_numbers_of_the_data_set():
    assert list(human36m.ACTION_IDS) == list(range(2, 17)) and tuple(human36m.ACTION_IDS.values()) == ACTIONS
    assert {number: human36m.ACTION_IDS[number] for number in forms.NAMES} == forms.NAMES


@pytest.mark.parametrize("form", ["json", "npz"])
def test_cameras_lead_back_to_the_world(folders, form):
    for sample, (clip, _, frame) in zip(human36m.read(folders[form], "test", 2), expected(TESTING[2], 64)):
        found = sample.pose.camera.to_world(sample.pose.joints[:17])
        np.testing.assert_allclose(found, forms.world(clip, [frame])[0], atol=0.01)


@pytest.mark.parametrize("form", WRITERS)
def test_a_subject_and_camera_share_one_camera(folders, form):
    samples = human36m.read(folders[form], "test", 2)
    cameras = {id(sample.pose.camera) for sample in samples if sample.pose}
    assert len(cameras) == (8 if form != "h5" else 6 * 4 - 1)


def test_only_files_of_needed_subjects_are_opened(tmp_path):
    folder = forms.write_json(tmp_path, forms.EVERYTHING)
    for path in folder.glob("annotations/*subject[1-8]_*.json"):
        path.write_text("{")
    (folder / "annotations/Human36M_subject9_data.json").write_text("{")
    assert {sample.image.name[:4] for sample in human36m.read(folder, "test", 1)} == {"s_11"}


@pytest.mark.parametrize("bends", [forms.STRAIGHT, forms.BENT], ids=["pinhole", "distorted"])
@pytest.mark.parametrize("mirror", [False, True])
def test_truth_encoded_and_decoded_is_the_truth(tmp_path, bends, mirror):
    samples = human36m.read(forms.write_npz(tmp_path, forms.EVERYTHING, bends=bends), "test", 2)
    rng, errors = np.random.default_rng(5), []
    for sample in samples:
        jitter = Augmentation(mirror=False).draw(rng)
        patch = patch_of(sample, 256, type(jitter)(jitter.shift, 1.3 * jitter.scale, jitter.turn, mirror))
        fractions, known = encode(sample, patch, HUMAN36M, coordinates=3)
        found = decode_pose(fractions, patch, HUMAN36M, sample.pose)
        order = list(HUMAN36M.mirror) if mirror else slice(None)
        joints = known[order].all(axis=1)
        errors.append(np.linalg.norm(found - sample.pose.joints, axis=1)[joints])
    assert sum(map(len, errors)) > 0.8 * 18 * len(samples)
    assert np.concatenate(errors).mean() < 0.1 and np.concatenate(errors).max() < 0.1


def test_nothing_there_is_explained(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        human36m.read(tmp_path / "nowhere", "test", 2)
    with pytest.raises(InputError, match=r"holds no Human3.6M.*Human36M_subject.*annotation_body3d.*annot.h5.*--data"):
        human36m.read(tmp_path, "test", 2)


@pytest.mark.parametrize("form", WRITERS)
def test_a_missing_subject_is_named_with_its_protocol_and_file(tmp_path, form):
    clips = {clip: frames for clip, frames in forms.EVERYTHING.items() if clip[0] != 9}
    folder = WRITERS[form](tmp_path, clips)
    assert human36m.read(folder, "test", 1) and human36m.read(folder, "train", 2)
    with pytest.raises(InputError, match="protocol 2 tests on subject 9") as error:
        human36m.read(folder, "test", 2)
    file = {"json": "Human36M_subject9_data.json", "npz": str(folder), "h5": "S9"}[form]
    assert file in str(error.value)
    with pytest.raises(InputError, match="protocol 1 trains on subject 9"):
        human36m.read(folder, "train", 1)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_joint_that_is_not_finite_is_refused_with_its_image(tmp_path, monkeypatch, form, bad):
    real = forms.world

    def damaged(clip, frames):
        joints = real(clip, frames)
        if clip == (11, 6, 1):
            joints[list(frames).index(64), 3] = bad
        return joints

    monkeypatch.setattr(forms, "world", damaged)
    with np.errstate(invalid="ignore"):
        folder = WRITERS[form](tmp_path, forms.EVERYTHING)
    with pytest.raises(InputError, match=rf"{IMAGE_NAMES[form]((11, 6, 1), 1, 64)}.*not finite or lies behind"):
        human36m.read(folder, "test", 1)


def test_an_unknown_split_is_a_mistake_of_the_caller(folders):
    with pytest.raises(ValueError, match="val"):
        human36m.read(folders["json"], "val", 2)


def test_json_is_preferred(tmp_path):
    forms.write_h5(forms.write_npz(forms.write_json(tmp_path, forms.EVERYTHING), forms.EVERYTHING), forms.EVERYTHING)
    assert human36m.read(tmp_path, "test", 1)[0].image.name.startswith("s_11")
    for path in tmp_path.glob("annotations/*"):
        path.unlink()
    assert human36m.read(tmp_path, "test", 1)[0].image.name.startswith("S11_")
