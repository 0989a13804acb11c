"""MPII's submission file: written, read back, and read as MPII's own toolkit reads it."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
import scipy.io

from integral_pose.datasets.formats import mpii_submission
from integral_pose.datasets.formats.mpii_submission import Subjects, read_submission, subjects_of, write_submission
from integral_pose.datasets.mpii import RELEASE
from integral_pose.errors import InputError
from integral_pose.geometry import Array, Box
from integral_pose.metrics import pckh
from integral_pose.samples import Sample
from tests.datasets.test_mpii import EMPTY, structs

# 1-based rectangles of single_person, by image; images 0 and 4 are for training. Of image 5 the first has no centre.
SINGLE = [[1], [], [1, 3], [], [1], [1, 2]]
IN_TRAIN = [1, 0, 0, 0, 1, 0]
ASKED = [("02.jpg", 0), ("02.jpg", 2), ("05.jpg", 1)]


def rect(image: int, number: int) -> Dict[str, Any]:
    """Whole numbers, which SciPy reads as small integers, and others."""
    return {"scale": 2 + image + number / 2, "objpos": structs({"x": 300 + 10 * image, "y": 200.5 + number})}


def release() -> Dict[str, Any]:
    annorects = [
        structs({**rect(0, 0), "x1": 3}), EMPTY, structs(rect(2, 0), {"scale": 3}, rect(2, 2)), structs(rect(3, 0)),
        structs(rect(4, 0)), structs({"scale": 3, "objpos": EMPTY}, rect(5, 1)).T,
    ]
    images = [{"image": structs({"name": f"0{i}.jpg"}), "annorect": r, "vididx": i} for i, r in enumerate(annorects)]
    single = np.empty((len(SINGLE), 1), object)
    single[:, 0] = [np.array(numbers)[:, None] if numbers else EMPTY for numbers in SINGLE]
    return {"annolist": structs(*images), "img_train": np.array(IN_TRAIN), "single_person": single}


def write_release(folder: Path, change: Callable[[Dict[str, Any]], Any] = lambda _: None) -> Path:
    (folder / "annot").mkdir(exist_ok=True)
    changed = release()
    change(changed)
    scipy.io.savemat(folder / "annot" / RELEASE, {"RELEASE": changed})
    return folder


def joints_for(subjects: Subjects) -> Array:
    return np.random.default_rng(5).uniform(-20, 700, (len(subjects.samples), 16, 2))


def made_up(count: int) -> List[Sample]:
    rng = np.random.default_rng(4)
    return [
        Sample(Path(f"{i}.jpg"), rng.uniform(0, 500, (16, 2)), (rng.uniform(size=16) < 0.9).astype(float),
               Box(*rng.uniform(100, 400, 3)), rng.uniform(20, 90))
        for i in range(count)
    ]


def as_the_toolkit(path: Path, single: List[List[int]]) -> Array:
    """Steps of MPII's evaluatePCKh.m: who has an objpos and is in single_person, then x and y by id, 1-based."""
    pred = np.atleast_1d(scipy.io.loadmat(path, squeeze_me=True, struct_as_record=False)["pred"])
    assert len(pred) == len(single)
    found = []
    for image, numbers in zip(pred, single):
        for number, one in enumerate(np.atleast_1d(image.annorect), start=1):
            if number in numbers and np.size(getattr(one, "objpos", ())):
                by_id = {point.id: (point.x, point.y) for point in one.annopoints.point}
                found.append([by_id[k] for k in range(16)])
    return np.array(found)


@pytest.fixture
def subjects(tmp_path: Path) -> Subjects:
    return mpii_submission.read_subjects(write_release(tmp_path))


@pytest.fixture
def written(tmp_path: Path, subjects: Subjects) -> Path:
    write_submission(tmp_path / "pred.mat", subjects, joints_for(subjects))
    return tmp_path / "pred.mat"


def test_the_official_test_asks_for_those_who_stand_apart_in_its_images(tmp_path: Path, subjects: Subjects) -> None:
    names = [image["name"].item().item() for image in subjects.annolist["image"]]
    assert names == ["01.jpg", "02.jpg", "03.jpg", "05.jpg"]
    assert [(names[image], rectangle) for image, rectangle in subjects.places] == ASKED
    assert [sample.image for sample in subjects.samples] == [tmp_path / "images" / name for name, _ in ASKED]
    assert not any(sample.annotated.any() for sample in subjects.samples)
    assert subjects.samples[1].box == Box(319, 200.5 + 2 - 1 + 15 * 5, 250 * 5)


def test_joints_come_back(written: Path, subjects: Subjects) -> None:
    np.testing.assert_allclose(read_submission(written, subjects), joints_for(subjects), atol=1e-9)


def test_the_toolkit_finds_each_person(written: Path, subjects: Subjects) -> None:
    single = [numbers for numbers, in_train in zip(SINGLE, IN_TRAIN) if not in_train]
    np.testing.assert_allclose(as_the_toolkit(written, single), joints_for(subjects) + 1, atol=1e-9)


def test_the_rest_stays_as_in_the_release_and_is_double(written: Path) -> None:
    pred = scipy.io.loadmat(written)["pred"]
    assert pred.shape == (1, 4) and [int(i.item()) for i in pred["vididx"][0]] == [1, 2, 3, 5]
    assert pred["annorect"][0, 0].size == 0 and [r.size for r in pred["annorect"][0]] == [0, 3, 1, 2]
    rects = pred["annorect"][0, 1][0]
    assert [rect["scale"].item() for rect in rects] == [4, 3, 5]
    assert [rect["annopoints"].size for rect in rects] == [1, 0, 1]
    assert pred["annorect"][0, 2]["annopoints"][0, 0].size == 0
    rect = scipy.io.loadmat(written, mat_dtype=True)["pred"]["annorect"][0, 1][0, 0]
    point = rect["annopoints"]["point"][0, 0][0, 3]
    assert {value.dtype for value in (rect["scale"], rect["objpos"]["x"][0, 0], *point)} == {np.dtype(float)}


def test_what_is_written_of_people_with_joints_scores_the_same(tmp_path: Path) -> None:
    people = made_up(37)
    truth = np.stack([sample.joints for sample in people])
    annotated, sizes = np.stack([s.annotated for s in people]), np.array([s.head_size for s in people])
    predicted = truth + np.random.default_rng(6).normal(0, 15, truth.shape)
    write_submission(tmp_path / "pred.mat", subjects_of(people), predicted.astype(np.float32))
    back = read_submission(tmp_path / "pred.mat", subjects_of(people))
    score = pckh.score(back, truth, annotated, sizes)
    assert score == pckh.score(predicted, truth, annotated, sizes)
    assert 5 < score.at_01 < score.at_05 < 95
    np.testing.assert_allclose(as_the_toolkit(tmp_path / "pred.mat", [[1]] * 37), predicted + 1, atol=1e-4)


def test_people_with_joints_have_the_centre_and_scale_that_gave_their_box(tmp_path: Path) -> None:
    people = made_up(3)
    write_submission(tmp_path / "pred.mat", subjects_of(people), np.zeros((3, 16, 2)))
    rect = scipy.io.loadmat(tmp_path / "pred.mat")["pred"]["annorect"][0, 2]
    scale, place = rect["scale"][0, 0].item(), rect["objpos"][0, 0]
    box = people[2].box
    np.testing.assert_allclose(
        [place["x"][0, 0].item() - 1, place["y"][0, 0].item() - 1 + 15 * scale, 250 * scale], [box.x, box.y, box.side]
    )


@pytest.mark.parametrize("shape", [(2, 16, 2), (3, 14, 2), (3, 16, 3)])
def test_joints_of_others_are_not_written(tmp_path: Path, subjects: Subjects, shape: Any) -> None:
    with pytest.raises(ValueError, match="3 people"):
        write_submission(tmp_path / "pred.mat", subjects, np.zeros(shape))


def points(pred: Array) -> Array:
    """Those of the second person of image 2."""
    return pred["annorect"][0, 1][0, 2]["annopoints"][0, 0]["point"]


def put(array: Array, index: Any, value: Any) -> None:
    array[index] = value


@pytest.mark.parametrize(("change", "message"), [
    (lambda pred: {"prediction": pred}, "holds 0 images|not a list"),
    (lambda pred: {"pred": np.zeros(4)}, "not a list of images"),
    (lambda pred: {"pred": pred[:, :3]}, "holds 3 images, and the test 4"),
    (lambda pred: {"pred": pred[:, [0, 3, 2, 1]]}, "image 2 is '05.jpg'"),
    (lambda pred: put(pred["image"][0, 2]["name"], (0, 0), "04.jpg"), "image 3 is '04.jpg'"),
    (lambda pred: put(pred["annorect"], (0, 1), pred["annorect"][0, 1][:, :2]), "image 2 is"),
    (lambda pred: put(pred["annorect"][0, 3]["objpos"], (1, 0), EMPTY), "image 4 is"),
    (lambda pred: put(pred["annorect"][0, 1][0, 2]["annopoints"]["point"], (0, 0), EMPTY), "rectangle 3 of image 2"),
    (lambda pred: put(pred["annorect"][0, 1]["annopoints"], (0, 2), EMPTY), "rectangle 3 of image 2"),
    (lambda pred: put(pred["annorect"][0, 1][0, 2]["annopoints"]["point"], (0, 0), points(pred)[:, :15]), "image 2"),
    (lambda pred: put(pred["annorect"][0, 1][0, 2]["annopoints"]["point"], (0, 0), points(pred)[:, [0, *range(16)]]),
     "rectangle 3 of image 2"),
    (lambda pred: put(points(pred)["id"], (0, 4), 5.0), "rectangle 3 of image 2"),
    (lambda pred: put(points(pred)["id"], (0, 15), 16.0), "the ids 0 to 15"),
    (lambda pred: put(points(pred)["x"], (0, 7), np.nan), "16 finite points"),
    (lambda pred: put(points(pred)["y"], (0, 7), EMPTY), "16 finite points"),
    (lambda pred: put(points(pred)["y"], (0, 7), "left"), "16 finite points"),
])
def test_a_damaged_submission_is_refused(
    written: Path, subjects: Subjects, change: Callable[[Array], Any], message: str
) -> None:
    pred = scipy.io.loadmat(written)["pred"]
    scipy.io.savemat(written, change(pred) or {"pred": pred})
    with pytest.raises(InputError, match=message):
        read_submission(written, subjects)


def test_points_may_come_in_any_order(written: Path, subjects: Subjects) -> None:
    pred = scipy.io.loadmat(written)["pred"]
    pred["annorect"][0, 1][0, 2]["annopoints"]["point"][0, 0] = points(pred)[:, ::-1]
    scipy.io.savemat(written, {"pred": pred})
    np.testing.assert_allclose(read_submission(written, subjects), joints_for(subjects), atol=1e-9)


@pytest.mark.parametrize(("change", "message"), [
    (lambda release: release.pop("single_person"), "single_person are needed"),
    (lambda release: release.update(img_train=np.ones(6)), "no person in its test images"),
    (lambda release: release.update(img_train=np.ones(5)), "differ in length"),
    (lambda release: put(release["single_person"], (2, 0), np.array([4])), "person 4 of image 3.*3 rectangles"),
    (lambda release: put(release["single_person"], (2, 0), np.array([0])), "person 0 of image 3"),
    (lambda release: put(release["single_person"], (2, 0), "one"), "of image 3"),
    (lambda release: put(release["annolist"][0, 2]["annorect"]["scale"], (0, 0), EMPTY), "person 1 of image 3"),
    (lambda release: put(release["annolist"][0, 2]["annorect"]["scale"], (0, 0), 0), "scale is not above 0"),
    (lambda release: put(release["annolist"][0, 2]["annorect"]["objpos"], (0, 0), structs({"x": 3})), "of image 3"),
    (lambda release: put(release["annolist"]["image"], (0, 3), structs({"nom": "b"})), "of its test is damaged"),
    (lambda release: release.update(annolist=np.zeros(6)), "not in the format"),
])
def test_a_damaged_release_is_refused(tmp_path: Path, change: Callable[[Dict[str, Any]], Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        mpii_submission.read_subjects(write_release(tmp_path, change))


def test_without_the_official_file_there_is_no_official_test(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{RELEASE}.*test people"):
        mpii_submission.read_subjects(tmp_path)


def test_numbers_of_rectangles_may_be_doubles(tmp_path: Path, subjects: Subjects) -> None:
    def saved_again(release: Dict[str, Any]) -> None:
        single = release["single_person"]
        single[:, 0] = [numbers.astype(float) for numbers in single[:, 0]]

    found = mpii_submission.read_subjects(write_release(tmp_path, saved_again))
    assert list(found.places) == list(subjects.places)
