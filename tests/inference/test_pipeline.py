"""From pictures of any origin to joints and overlays: what is read, where it is looked, and what is written."""
from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, Iterator, List

import integral_pose  # isort: skip  # noqa: F401

import cv2
import mxnet as mx
import numpy as np
import pytest
from PIL import Image

from integral_pose import run, skeletons
from integral_pose.datasets import catalogue
from integral_pose.datasets.batches import Batches
from integral_pose.errors import InputError
from integral_pose.evaluation.predict import predict_scored
from integral_pose.geometry import Array, Box
from integral_pose.inference import boxes, estimator, media, output, overlay
from integral_pose.inference.boxes import Boxes
from integral_pose.inference.estimator import Estimator, Person, Seen, camera, from_root, meaning_of_confidence, square
from integral_pose.inference.media import Picture, Unread
from integral_pose.models import saved
from integral_pose.models.saved import Trained
from integral_pose.run import Run
from integral_pose.samples import Pose, Sample
from integral_pose.skeletons import HUMAN36M, MPII
from integral_pose.storage import image_files
from tests.helpers import trained_forms

CPU = mx.cpu()
IN_3D = {"data": "human36m", "coordinates": 3}
KINDS: Dict[str, Dict[str, Any]] = {
    "integral": {}, "heat maps": {"output": "heat map", "loss": "gaussian-mse"}, "direct": {"output": "direct"},
    "3D": IN_3D, "3D, flipped": {**IN_3D, "flip_test": True},
}


def pixels(height: int, width: int, seed: int = 0) -> Array:
    """A smooth picture with something everywhere."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (5, 6, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def made(of: Run, folder: Path, **options: Any) -> Estimator:
    place = folder if folder.is_dir() else trained_forms.write(of, folder)
    return Estimator(Trained(of, place / "net.params"), CPU, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_says_what_prediction_says_of_annotated_people(kind: str, tmp_path: Path) -> None:
    of, box = replace(trained_forms.tiny(**KINDS[kind])), np.array([30.0, 10.0, 60.0, 80.0])
    picture = Picture("a.png", pixels(120, 150))
    cv2.imwrite(str(tmp_path / "a.png"), picture.pixels)
    mine = made(of, tmp_path / "run")
    (seen,) = mine.seen([(picture, Boxes(box[None], np.array([0.7])))])
    skeleton, looked_at = catalogue.skeleton(of), square(picture, box, of)
    unknown = np.zeros((len(skeleton.joints), 2))
    sample = Sample(tmp_path / "a.png", unknown, unknown[:, 0], looked_at)
    if of.coordinates == 3:
        lens = camera(picture.pixels)
        root = np.zeros((len(skeleton.joints), 3))
        root[:, 2] = lens.focal[0] * 2000 / looked_at.side
        sample = replace(sample, pose=Pose(root, lens, ""))
    people = Batches([sample], skeleton, of.patch, 1, coordinates=of.coordinates)
    expected, scores = predict_scored(of, tmp_path / "run" / "net.params", people, CPU)
    person = seen.people[0]
    np.testing.assert_allclose(person.space if of.coordinates == 3 else person.joints, expected[0], atol=1e-3)
    np.testing.assert_allclose(person.confidence, scores[0], atol=1e-5)
    assert person.score == 0.7


def test_pictures_come_back_in_order_with_their_own_people_whatever_the_batch(tmp_path: Path) -> None:
    views = [(Picture(str(i), pixels(60 + i, 90, i)), Boxes(np.array([[5.0 * j, 2, 40, 50] for j in range(count)])
              .reshape(-1, 4), np.linspace(0.3, 0.9, count))) for i, count in enumerate((1, 0, 3, 0, 2))]
    by_size = [list(made(trained_forms.tiny(), tmp_path / "run", batch=size).seen(views)) for size in (1, 2, 50)]
    for seen in by_size:
        assert [one.picture.name for one in seen] == ["0", "1", "2", "3", "4"]
        assert [[round(p.score, 2) for p in one.people] for one in seen] == [
            [0.3], [], [0.3, 0.6, 0.9], [], [0.3, 0.9]]
        for one, first in zip(seen, by_size[0]):
            for person, same in zip(one.people, first.people):
                np.testing.assert_allclose(person.joints, same.joints, atol=1e-3)


@pytest.mark.parametrize("box, expected", [
    ((0, 0, 100, 60), (49.5, 29.5, 100)),  # all of the picture: no margin
    ((10, 20, 30, 40), (24.5, 39.5, 50)),  # 1.25 times the longer side
    ((-20, 20, 50, 10), (14.5, 24.5, 37.5)),  # what the picture holds of it
])
def test_squares_are_around_boxes(box: Any, expected: Any) -> None:
    found = square(Picture("a", pixels(60, 100)), np.array(box, float), Run())
    assert (found.x, found.y, found.side) == pytest.approx(expected)


def test_cubes_are_2_m_and_around_a_cell(tmp_path: Path) -> None:
    of = Run(**IN_3D)
    found = square(Picture("a", pixels(60, 100)), np.array([10.0, 20, 30, 40]), of)
    assert found == Box(24.5, 39.5, 48, 2000.0).around_cell(of.cells)


def test_a_box_outside_of_the_picture_is_refused() -> None:
    with pytest.raises(InputError, match=r"a: the box .* nothing of the image, which is 100 x 60 px"):
        square(Picture("a", pixels(60, 100)), np.array([100.0, 0, 30, 40]), Run())


def test_the_root_is_the_origin_and_the_focal_length_hardly_matters() -> None:
    lens = [camera(pixels(60, 100), focal) for focal in (0.0, 300.0)]
    assert lens[0].focal == (pytest.approx(115),) * 2 and lens[1].focal == (300.0, 300.0)
    assert lens[0].centre == (49.5, 29.5)
    space = np.random.default_rng(0).normal(0, 300, (18, 3))
    assert from_root(space, 3)[3].tolist() == [0, 0, 0]
    np.testing.assert_allclose(from_root(space, 3)[5], space[5] - space[3])


def test_many_boxes_are_cut_out_a_batch_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: List[str] = []
    mine, cut = made(trained_forms.tiny(), tmp_path / "run", batch=4), estimator.normalise
    said = mine._said
    monkeypatch.setattr(estimator, "normalise", lambda patch, **_: (done.append("cut"), cut(patch))[1])
    monkeypatch.setattr(mine, "_said", lambda patches: (done.append(f"{len(patches)} looked at"), said(patches))[1])
    boxes = Boxes(np.tile([3.0, 4, 30, 50], (10, 1)), np.linspace(0, 1, 10))
    (seen,) = mine.seen([(Picture("a.png", pixels(60, 60)), boxes)])
    assert done == [*["cut"] * 4, "4 looked at", *["cut"] * 4, "4 looked at", *["cut"] * 2, "2 looked at"]
    assert [person.score for person in seen.people] == boxes.scores.tolist()


def test_large_pictures_do_not_wait_for_one_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: List[int] = []

    def views() -> Iterator[Any]:
        for number in range(6):
            shown.append(number)
            picture = pixels(60, 60)
            yield Picture(str(number), picture), boxes.whole(picture)

    for most, waiting in ((256 << 20, 6), (2 * 60 * 60 * 3, 3)):
        monkeypatch.setattr(estimator, "MOST_BYTES", most)
        shown.clear()
        next(made(trained_forms.tiny(), tmp_path / "run", batch=8).seen(views()))
        assert len(shown) == waiting


@pytest.mark.parametrize("kind", KINDS)
def test_says_what_confidence_is(kind: str) -> None:
    said = meaning_of_confidence(trained_forms.tiny(**KINDS[kind]))
    assert ("heat map" in said) != (kind == "direct")


@pytest.mark.parametrize(("score", "words"), [("mass", "within two cells"), ("one", "1 for every joint"), (
    "peak", "the highest value of the joint's normalized heat map")])
def test_says_what_an_integrals_score_is(score: Any, words: str) -> None:
    assert words in meaning_of_confidence(trained_forms.tiny(joint_score=score))


# ---------------------------------------------------------------- pictures


def test_photographs_are_turned_by_their_tag(tmp_path: Path) -> None:
    upright = Image.fromarray(pixels(40, 70))
    tag = upright.getexif()
    tag[274] = 6  # turn by 90 degrees to the right
    upright.rotate(90, expand=True).save(tmp_path / "a.jpg", exif=tag, quality=95)
    (found,) = media.pictures([tmp_path / "a.jpg"], 1)
    assert isinstance(found, Picture) and found.pixels.shape == (40, 70, 3)
    assert np.abs(found.pixels[:, :, ::-1].astype(int) - np.asarray(upright)).mean() < 8


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("left", [0, 0.5])
def test_a_damaged_picture_is_named_and_passed_over(name: str, left: float, tmp_path: Path) -> None:
    path, whole = tmp_path / name, tmp_path / "whole.png"
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    cv2.imwrite(str(path), noise)
    cv2.imwrite(str(whole), noise)
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content))])
    bad, good = media.pictures([path, whole], 2)
    assert isinstance(bad, Unread) and bad.name == name and str(path) in bad.reason
    assert isinstance(good, Picture)


def test_folders_give_their_pictures_by_name(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.JPG", "a.png", "c.webp", "noending", "d.tif", "notes.txt", "._b.jpg", ".DS_Store", "Thumbs.db"):
        ending = Path(name).suffix.lower()
        content = bytes(cv2.imencode(ending if ending in image_files.WRITTEN else ".jpg", pixels(8, 9))[1])
        (tmp_path / name).write_bytes(b"words" if ending == ".txt" else content)
    (tmp_path / "photo.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (tmp_path / "late.heic").symlink_to("nowhere")
    (tmp_path / "empty.jpg").touch()
    for number in range(5):
        (tmp_path / f"clip{number}.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(40))
    found = media.gathered([tmp_path])
    assert [path.name for path in found.pictures] == ["a.png", "b.JPG", "c.webp", "d.tif", "noending"]
    assert [one.name for one in found.unread] == ["empty.jpg", "late.heic", "photo.HEIC"]
    assert "is empty" in found.unread[0].reason and "heif-convert photo.HEIC photo.jpg" in found.unread[2].reason
    folder, notes, clips = sorted(found.skipped)
    assert "left out 5 that are each a video: clip0.mp4, clip1.mp4, clip2.mp4, …. Give it to predict" in clips
    assert "1 that is a text: notes.txt." in notes and "1 that is a folder: sub. Give it too" in folder


def test_one_name_that_is_not_utf_8_does_not_end_a_folder(tmp_path: Path) -> None:
    bad = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    for path in (bad, tmp_path / "a.jpg"):
        image_files.write(path, pixels(8, 9))
    shown = list(media.pictures(media.gathered([tmp_path]).pictures, 2))
    assert [one.name for one in shown] == ["a.jpg", r"caf\xe9.jpg"] and all(isinstance(one, Picture) for one in shown)
    assert media.pictures([bad], 1, most=70).__next__().name == r"caf\xe9.jpg"


@pytest.mark.parametrize("places, said", [
    (["empty"], "has no images"), (["texts"], "has no images.*left out 1 that is a text: a.txt"),
    (["nowhere.jpg"], "no such file or folder"),
    (["one/a.jpg", "two/a.jpg"], "a.jpg: several images"),
])
def test_places_without_pictures_are_refused(places: List[str], said: str, tmp_path: Path) -> None:
    for folder in ("empty", "one", "two", "texts"):
        (tmp_path / folder).mkdir()
    (tmp_path / "texts" / "a.txt").write_text("words")
    for name in ("one/a.jpg", "two/a.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=said):
        media.gathered([tmp_path / place for place in places])


# ---------------------------------------------------------------- what is written


def person(space: bool = False, sure: float = 1.0) -> Person:
    """Joints apart from one another, upright in a picture of 300 x 500 px."""
    count = len(HUMAN36M.joints) if space else len(MPII.joints)
    joints = np.column_stack([40 + 23 * (np.arange(count) % 9), 30 + 25 * np.arange(count)]).astype(float)
    depths = np.column_stack([joints, 10 * np.arange(count)]) if space else None
    return Person(np.array([10.0, 5, 280, 490]), 0.75, joints, np.full(count, sure), depths)


def seen(*people: Person) -> Seen:
    return Seen(Picture("a.jpg", np.full((500, 300, 3), 90, np.uint8)), list(people))


def test_sides_have_their_colours_and_unsure_joints_are_hollow() -> None:
    drawn = {sure: overlay.overlay(seen(person(sure=sure)), MPII, False) for sure in (1.0, 0.0)}
    assert drawn[1.0].shape == (500, 300, 3)
    for joint, name in enumerate(MPII.joints):
        x, y = person().joints[joint].astype(int)
        code = {"l_": skeletons.LEFT, "r_": skeletons.RIGHT}.get(name[:2], skeletons.MIDDLE)
        rgb = [int(code[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(drawn[1.0][y, x, ::-1] - np.array(rgb)).max() < 30, name
        assert drawn[0.0][y, x].mean() < drawn[1.0][y, x].mean() - 30, name
    assert (drawn[1.0][:, :20] == 90).all()


def test_poses_in_3d_are_shown_from_the_camera_and_from_beside() -> None:
    bent = person(True)
    drawn = overlay.overlay(seen(bent), HUMAN36M, True)
    assert drawn.shape == (500, 550, 3)
    other = bent._replace(space=bent.space * [1, 1, -1])
    mirrored = overlay.overlay(seen(other), HUMAN36M, True)
    changed = np.argwhere((drawn != mirrored).any(axis=2))
    assert changed[:, 0].min() >= 250 and changed[:, 1].min() >= 300  # only the view from beside knows depth
    assert overlay.overlay(seen(), HUMAN36M, True).shape == (500, 550, 3)


def test_a_picture_is_drawn_once_for_all_who_ask_for_it() -> None:
    overlays, one, other = overlay.Overlays(HUMAN36M, True), seen(person(True)), seen(person(True))
    flat = overlays.flat(one)
    assert overlays.flat(one) is flat and np.array_equal(overlays.whole(one)[:, :300], flat)
    assert np.array_equal(overlays.whole(one), overlay.overlay(one, HUMAN36M, True))
    assert overlays.flat(other) is not flat


def test_a_small_picture_is_enlarged() -> None:
    small = Seen(Picture("a", np.zeros((120, 100, 3), np.uint8)), [])
    assert overlay.overlay(small, MPII, False).shape == (480, 400, 3)


def test_joints_far_outside_can_be_drawn() -> None:
    far = person()._replace(joints=np.full((16, 2), 1e12))
    assert overlay.overlay(seen(far), MPII, False).shape == (500, 300, 3)


@pytest.mark.parametrize("space", [False, True])
def test_records_have_names_px_mm_and_confidence(space: bool, tmp_path: Path) -> None:
    skeleton = HUMAN36M if space else MPII
    record = output.record(seen(person(space)), 0, skeleton)
    assert (record["image"], record["person"], record["box"], record["score"]) == ("a.jpg", 0, [10, 5, 280, 490], 0.75)
    assert list(record["joints"]) == list(skeleton.joints)
    wrist = record["joints"]["l_wrist"]
    assert (wrist["x"], wrist["y"], wrist["confidence"]) == (*person(space).joints[skeleton.index("l_wrist")], 1)
    assert ("z_mm" in wrist) == space
    results = output.Results(tmp_path, skeleton, space, video=False)
    results.add([record])
    results.finish({"head": 1})
    assert list(output.people_of(tmp_path)) == [record]
    assert json.loads((tmp_path / "joints.json").read_text()) == {"head": 1, "people": [record]}
    lines = (tmp_path / "joints.csv").read_text().splitlines()
    assert len(lines) == 1 + len(skeleton.joints)
    assert lines[0] == "image,person,joint,x,y," + ("x_mm,y_mm,z_mm," if space else "") + "confidence"
    assert lines[1].startswith(f"a.jpg,0,{skeleton.joints[0]},40.0,30.0,")


def test_a_prediction_is_put_in_place_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with pytest.raises(KeyError), output.draft(out) as place:
        (place / "joints.json").write_text("1")
        raise KeyError
    assert not out.exists()
    for text in ("first", "second"):
        with output.draft(out) as place:
            (place / "joints.json").write_text(text)
            (place / "overlays" / f"{text}.jpg").touch()
    (out / "notes.txt").touch()
    with pytest.raises(KeyError), output.draft(out) as place:
        (place / "joints.json").write_text("third")
        raise KeyError
    assert (out / "joints.json").read_text() == "second"
    assert sorted(path.name for path in out.rglob("*")) == ["joints.json", "notes.txt", "overlays", "second.jpg"]
    assert output.replaced(out) == ["joints.json", "overlays"]


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    for process in (2**22 + 1, os.getppid()):
        (tmp_path / f".draft-{process}" / "overlays").mkdir(parents=True)
    with output.draft(tmp_path):
        pass
    assert [path.name for path in tmp_path.glob(".draft-*")] == [f".draft-{os.getppid()}"]


def test_somebody_elses_overlays_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "overlays").mkdir()
    with pytest.raises(InputError, match="not from an earlier prediction"), output.draft(tmp_path):
        pass


# ---------------------------------------------------------------- trained networks


def test_runs_are_found_by_folder_and_by_the_beginning_of_their_key(tmp_path: Path) -> None:
    runs = [trained_forms.tiny(seed=seed) for seed in (1, 2)]
    folders = [trained_forms.write(of, tmp_path / "quick" / of.key, f"seed {of.seed}") for of in runs]
    assert saved.find(str(folders[0]), tmp_path / "nowhere") == Trained(runs[0], folders[0] / "net.params")
    assert saved.find(runs[1].key[:3], tmp_path).run == runs[1]
    for name, said in (("zz", "no run matches"), ("", "no run matches")):
        with pytest.raises(InputError, match=f"{said}.*seed 1.*seed 2|{said}.*seed 2.*seed 1"):
            saved.find(name, tmp_path)
    twin = trained_forms.write(runs[0], tmp_path / "smoke" / runs[0].key, "the same")
    with pytest.raises(InputError, match="several runs match.*the same"):
        saved.find(runs[0].key, tmp_path)
    (twin / "net.params").unlink()
    with pytest.raises(InputError, match="has no parameters yet"):
        saved.find(str(twin), tmp_path)
    with pytest.raises(InputError, match="contains no trained runs"):
        saved.find("a", tmp_path / "elsewhere")


def test_an_unfinished_or_synthetic_network_says_so(tmp_path: Path) -> None:
    folder = trained_forms.write(trained_forms.tiny(), tmp_path / "run")
    assert "synthetic people" in saved.find(str(folder), tmp_path).notes[0]
    (folder / "trained.json").unlink()
    assert "not finished" in saved.find(str(folder), tmp_path).notes[1]
    assert Trained(Run(), tmp_path).notes == []
    mixed = Run(data="synthetic-human36m-v3-1x1x1", coordinates=3, extra="lspet")
    assert "depth from synthetic people alone" in Trained(mixed, tmp_path).notes[0]
    assert "small number of synthetic" in Trained(replace(mixed, extra="synthetic-mpii-v2-9-3"), tmp_path).notes[0]


def test_a_file_of_parameters_needs_its_settings_beside_it(tmp_path: Path) -> None:
    of = trained_forms.tiny()
    folder = trained_forms.write(of, tmp_path / "run")
    assert saved.at(folder / "net.params").run == of
    (folder / "run.json").rename(folder / "net.json")
    assert saved.at(folder / "net.params").run == of
    (folder / "net.json").unlink()
    for path, said in ((folder / "net.params", "net.json or run.json"), (folder / "other.params", "no such file")):
        with pytest.raises(InputError, match=said):
            saved.at(path)
    (folder / "net.json").write_text("{}")
    with pytest.raises(InputError, match=r"net\.json"):
        run.read(folder / "net.json")
