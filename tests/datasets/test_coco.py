"""COCO's people, detections and results: what is read, what is left out, what is refused; and the real ones scored."""
from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest

from integral_pose.datasets import coco
from integral_pose.datasets.mpii import held_out
from integral_pose.errors import InputError
from integral_pose.geometry import Patch
from integral_pose.metrics import average_precision, oks
from integral_pose.storage import image_files
from tests.helpers import coco_forms as forms

DETECTIONS = "COCO_val2017_detections_AP_H_56_person.json"


def detection(image: Any = 100, score: float = 0.5, box: Any = (10, 20, 30.5, 60), category: Any = 1) -> Dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": list(box), "score": score}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    forms.write(tmp_path, forms.truth(np.random.default_rng(0)))
    return tmp_path


def rewritten(folder: Path, change: Callable[[Dict[str, Any]], Any]) -> Path:
    """The folder's annotation file, once `change` has been at it."""
    path = folder / "annotations" / "person_keypoints_val2017.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def write_detections(folder: Path, records: Any, place: str = "person_detection_results") -> Path:
    path = folder / place / DETECTIONS
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(records))
    return path


def test_people_are_those_with_labelled_joints_in_no_crowd(folder: Path) -> None:
    content = json.loads((folder / "annotations" / "person_keypoints_val2017.json").read_text())
    expected = [one for one in content["annotations"] if one["num_keypoints"] and not one["iscrowd"]]
    samples = coco.read(folder, "test")
    assert len(samples) == len(expected) == 15
    names = {image["id"]: image["file_name"] for image in content["images"]}
    for sample, one in zip(samples, expected):
        keypoints = np.reshape(one["keypoints"], (17, 3))
        assert sample.image == folder / "val2017" / names[one["image_id"]]
        np.testing.assert_array_equal(sample.joints, keypoints[:, :2])
        np.testing.assert_array_equal(sample.annotated, keypoints[:, 2] > 0)


def test_candidates_are_the_same_people_with_their_images(folder: Path) -> None:
    found = coco.annotated(folder)
    assert found.images.tolist() == [100 + int(sample.image.stem) for sample in found.samples]
    assert found.scores.tolist() == [1] * 15
    assert [sample.box for sample in found.samples] == [sample.box for sample in coco.read(folder, "test")]


@pytest.mark.parametrize("box, square", [  # of a picture 500 wide and 470 high
    ((100, 50, 30, 80), (114.5, 89.5, 100)),
    ((0, 0, 500, 470), (249.5, 234.5, 625)),  # all of it: the middle lies between the pixels 249 and 250
    ((-60, 430, 100, 80), (19.5, 449.5, 50)),  # 40 x 40 of it are in the picture
    ((480, 10, 1e308, 1e308), (489.5, 239.5, 575)),
    ((-1e308, 10, 1e308, 1e308), (-0.5, 239.5, 575)),
    ((499.5, 3, 0.25, 0), (499.125, 2.5, 1)),
    ((-50, 3, 10, 10), (-0.5, 7.5, 12.5)),
])
def test_squares_are_of_what_the_picture_holds(folder: Path, box: Any, square: Any) -> None:
    write_detections(folder, [detection(box=box)])
    found = coco.detected(folder).samples[0].box
    assert (found.x, found.y, found.side) == pytest.approx(square)


def test_a_box_fills_the_patch_but_for_its_margin(folder: Path) -> None:
    """The edges of the box, in its own coordinates 100 and 180, stand at 10 % and 90 % of the patch."""
    write_detections(folder, [detection(box=(100, 100, 80, 80))])
    patch = Patch(coco.detected(folder).samples[0].box, 64)
    edges = np.array([[100, 100], [180, 180]]) - 0.5
    np.testing.assert_allclose(patch.to_fraction(edges), [[0.1, 0.1], [0.9, 0.9]])


def test_people_without_any_box_are_left_out(folder: Path) -> None:
    def flatten(content: Dict[str, Any]) -> None:
        content["annotations"][0]["bbox"] = [20, 20, 0, 40]
        content["annotations"][1]["bbox"] = [700, 20, 30, 40]

    before = coco.read(folder, "test")
    rewritten(folder, flatten)
    assert [sample.box for sample in coco.read(folder, "test")] == [sample.box for sample in before[2:]]
    assert len(coco.annotated(folder).images) == 13


def test_train_is_divided_by_the_name_of_the_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    content = forms.truth(rng, images=60)
    forms.write(tmp_path, content, "train")
    train, held = coco.read(tmp_path, "train"), coco.read(tmp_path, "held-out")
    names = [image["file_name"] for image in content["images"]]
    expected = {name for name, is_held in zip(names, held_out(names)) if is_held}
    assert {sample.image.name for sample in held} == expected - {names[forms.EMPTY]}
    assert {sample.image.name for sample in train} == set(names) - expected - {names[forms.EMPTY]}
    assert len(train) + len(held) == 3 * 59 and {sample.image.parent.name for sample in held} == {"train2017"}


@pytest.mark.parametrize("place", ["person_detection_results", "annotations"])
def test_every_detected_person_is_a_candidate(folder: Path, place: str) -> None:
    records = [detection(103, 0.9), detection(101, 0.0), detection(103, 0.9), detection(102, 0.8, category=3)]
    write_detections(folder, records, place)
    found = coco.detected(folder)
    assert found.images.tolist() == [103, 101, 103] and found.scores.tolist() == [0.9, 0, 0.9]
    assert [sample.image.name for sample in found.samples] == [f"{i:012d}.jpg" for i in (3, 1, 3)]
    for sample in found.samples:
        assert sample.joints.shape == (17, 2) and sample.annotated.tolist() == [0] * 17


def test_detections_may_be_another_detectors_or_none(folder: Path) -> None:
    path = folder / "mine.json"
    path.write_text("[]")
    assert coco.detected(folder, path).samples == []
    path.write_text(json.dumps([detection(102.0, 1, category=1.0)]))
    assert coco.detected(folder, path).images.tolist() == [102]


def test_of_detections_in_all_of_coco_those_in_the_annotated_pictures_count(folder: Path) -> None:
    path = write_detections(folder, [detection(image) for image in (7, 103, 8, 9, 101)])
    found = coco.detected(folder)
    assert found.images.tolist() == [103, 101] and found.elsewhere == 3
    write_detections(folder, [detection(image) for image in (7, 8)])
    with pytest.raises(InputError, match=r"none of its 2 records is in one of the 6 annotated images: the first is in "
                                         r"image 7\.") as refused:
        coco.detected(folder)
    assert str(path) in str(refused.value)


def test_test_dev_needs_no_annotations(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "test2017").mkdir()
    images = [{"id": 5, "file_name": "000000000005.jpg", "width": 60, "height": 40}]
    (tmp_path / "annotations" / "image_info_test-dev2017.json").write_text(json.dumps({"images": images}))
    name = "COCO_test-dev2017_detections_AP_H_609_person.json"
    (tmp_path / "annotations" / name).write_text(json.dumps([detection(5)]))
    found = coco.detected(tmp_path, part="test-dev")
    assert found.samples[0].image == tmp_path / "test2017" / "000000000005.jpg"
    with pytest.raises(InputError, match="image_info_test-dev2017"):
        (tmp_path / "annotations" / "image_info_test-dev2017.json").unlink()
        coco.detected(tmp_path, part="test-dev")


@pytest.mark.parametrize("change, message", [
    ({"image_id": "100"}, "`image_id` must be an integer"),
    ({"image_id": True}, "`image_id` must be an integer"),
    ({"image_id": 10**30}, "`image_id` must be an integer"),
    ({"category_id": None}, "`category_id` must be an integer"),
    ({"bbox": [1, 2, 3]}, "`bbox` must be 4 finite numbers"),
    ({"bbox": [1, 2, 3, math.nan]}, "`bbox` must be 4 finite numbers"),
    ({"bbox": [1, 2, -3, 4]}, "neither below 0"),
    ({"bbox": {}}, "`bbox` must be 4 finite numbers"),
    ({"score": math.inf}, "`score` must be one finite number"),
    ({"score": [0.5]}, "`score` must be one finite number"),
    ({"score": -0.1}, "`score` must not be below 0"),
])
def test_a_bad_detection_is_named_by_its_number(folder: Path, change: Dict[str, Any], message: str) -> None:
    path = write_detections(folder, [detection(category=2), detection(), {**detection(), **change}, detection()])
    with pytest.raises(InputError) as caught:
        coco.detected(folder)
    text = str(caught.value)
    assert str(path) in text and "detection 2 (counted from 0): " in text and message in text and "\n" not in text


def test_many_bad_detections_are_counted(folder: Path) -> None:
    write_detections(folder, [detection(), *(detection(score=score) for score in (-1, -2, -3))])
    with pytest.raises(InputError, match=r"detection 1 \(counted from 0\) and 2 more like it"):
        coco.detected(folder)


@pytest.mark.parametrize("content", [{}, 7, "text", [7], [[]], [None], [{}]])
def test_what_is_no_list_of_detections_is_refused(folder: Path, content: Any) -> None:
    path = write_detections(folder, content)
    with pytest.raises(InputError, match=path.name):
        coco.detected(folder)


@pytest.mark.parametrize("missing", ["", "annotations", "val2017", "annotations/person_keypoints_val2017.json"])
def test_what_is_missing_is_named(folder: Path, tmp_path_factory: pytest.TempPathFactory, missing: str) -> None:
    (folder / missing).rename(tmp_path_factory.mktemp("elsewhere") / "it")
    with pytest.raises(InputError) as caught:
        coco.read(folder, "test")
    assert str(caught.value).startswith(f"{folder / missing}: there is no such ")


def test_missing_detections_are_named(folder: Path) -> None:
    with pytest.raises(InputError, match=f"person_detection_results/{DETECTIONS}: there is no such file"):
        coco.detected(folder)
    with pytest.raises(InputError, match=r"mine\.json"):
        coco.detected(folder, folder / "mine.json")


def _set(part: str, number: int, **values: Any) -> Callable[[Dict[str, Any]], None]:
    return lambda content: content[part][number].update(values)


@pytest.mark.parametrize("change, message", [
    (lambda content: content.pop("images"), "no list `images`"),
    (lambda content: content.pop("annotations"), "no list of annotations"),
    (lambda content: content.update(annotations=[4]), "annotation 0 .* not an object"),
    (_set("images", 2, id=100), "image 2 .* `id` is another image's too"),
    (_set("images", 2, id=None), "image 2 .* `id` must be an integer"),
    (_set("images", 2, width="wide"), "image 2 .* `width` must be one finite number"),
    (_set("images", 2, height=0), "image 2 .* must be 1 or more"),
    (_set("images", 2, file_name=5), "image 2 .* `file_name`"),
    (_set("annotations", 6, keypoints=[1.0] * 50), "annotation 6 .* `keypoints` must be 51 finite numbers"),
    (_set("annotations", 6, keypoints=[math.nan] * 51), "annotation 6 .* `keypoints` must be 51 finite numbers"),
    (_set("annotations", 6, image_id=7), "annotation 6 .* unknown image"),
    (_set("annotations", 6, iscrowd=2), "annotation 6 .* `iscrowd` must be 0 or 1"),
    (_set("annotations", 6, bbox=None), "annotation 6 .* `bbox` must be 4 finite numbers"),
])
def test_wrong_annotations_are_refused(folder: Path, change: Callable[[Dict[str, Any]], Any], message: str) -> None:
    path = rewritten(folder, change)
    for reads in (lambda: coco.read(folder, "test"), lambda: coco.truth_file(folder)):
        with pytest.raises(InputError, match=f"{path}: .*{message}"):
            reads()


@pytest.mark.parametrize("change, message", [
    (lambda content: content.pop("categories"), "lacks the list `categories`"),
    (_set("annotations", 6, id=0), "annotation 6 .* `id` must not be 0"),
    (_set("annotations", 6, id=8), "annotation 6 .* `id` is another annotation's too"),
    (_set("annotations", 6, area=None), "annotation 6 .* `area` must be one finite number"),
    (_set("annotations", 6, num_keypoints="many"), "annotation 6 .* `num_keypoints`"),
])
def test_what_pycocotools_would_stumble_over_is_refused(folder: Path, change: Any, message: str) -> None:
    assert coco.truth_file(folder) == rewritten(folder, change)
    with pytest.raises(InputError, match=message):
        coco.truth_file(folder)


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    images, joints, scores = np.array([100, 103, 100]), rng.normal(100, 90, (3, 17, 2)), rng.uniform(size=3)
    parts = rng.uniform(size=(3, 17))
    path = tmp_path / "new" / "results.json"
    for third in (None, parts):
        coco.write_results(path, images, joints, scores, third)
        for found, expected in zip(coco.read_results(path), (images, joints, scores)):
            np.testing.assert_array_equal(found, expected)
        records = json.loads(path.read_text())
        assert [sorted(record) for record in records] == 3 * [["category_id", "image_id", "keypoints", "score"]]
        assert {record["category_id"] for record in records} == {1}
        np.testing.assert_array_equal([record["keypoints"][2::3] for record in records],
                                      np.ones((3, 17)) if third is None else third)
    assert [file.name for file in path.parent.iterdir()] == ["results.json"]


def test_no_results_are_a_list_too(tmp_path: Path) -> None:
    coco.write_results(tmp_path / "none.json", np.empty(0, int), np.empty((0, 17, 2)), np.empty(0))
    assert [array.shape for array in coco.read_results(tmp_path / "none.json")] == [(0,), (0, 17, 2), (0,)]


@pytest.mark.parametrize("joints, scores", [(np.zeros((2, 17, 2)), np.ones(3)), (np.zeros((3, 16, 2)), np.ones(3)),
                                            (np.full((3, 17, 2), np.nan), np.ones(3))])
def test_what_is_no_result_is_not_written(tmp_path: Path, joints: Any, scores: Any) -> None:
    with pytest.raises(ValueError):
        coco.write_results(tmp_path / "results.json", np.arange(3), joints, scores)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("change, message", [
    ({"image_id": 1.5}, "`image_id` must be an integer"),
    ({"category_id": 2}, "`category_id` must be 1"),
    ({"keypoints": [1] * 34}, "`keypoints` must be 51 finite numbers"),
    ({"keypoints": [[1, 2, 3]] * 17}, "`keypoints` must be 51 finite numbers"),
    ({"keypoints": [None] * 51}, "`keypoints` must be 51 finite numbers"),
    ({"keypoints": [10**400] * 51}, "`keypoints` must be 51 finite numbers"),
    ({"score": None}, "`score` must be one finite number"),
])
def test_a_bad_result_is_named_by_its_number(tmp_path: Path, change: Dict[str, Any], message: str) -> None:
    record = {"image_id": 1, "category_id": 1, "keypoints": [0.5] * 51, "score": 1}
    path = tmp_path / "results.json"
    for bad in ({**record, **change}, {key: value for key, value in record.items() if key not in change}):
        path.write_text(json.dumps([record, bad]))
        with pytest.raises(InputError, match=f"result 1 .*{message.split(' must')[0]}"):
            coco.read_results(path)


def test_files_damaged_anywhere_are_refused_or_read(folder: Path) -> None:
    """Whatever stands in place of any one value, nothing but an InputError comes of it."""
    rng = np.random.default_rng(3)
    path = folder / "annotations" / "person_keypoints_val2017.json"
    detections = write_detections(folder, [detection(), detection(102)])
    results = folder / "results.json"
    coco.write_results(results, np.array([100, 101]), np.zeros((2, 17, 2)), np.ones(2))
    junk: List[Any] = [None, True, -1, 0, 1.5, 1e300, 10**400, "", "x", [], [[]], {}, math.nan, math.inf]
    refused = 0
    for file, read in ((path, lambda: coco.truth_file(folder)), (path, lambda: coco.annotated(folder)),
                       (detections, lambda: coco.detected(folder)), (results, lambda: coco.read_results(results))):
        good = file.read_text()
        for _ in range(60):
            content = json.loads(good)
            _spoil(rng, content, junk)
            file.write_text(json.dumps(content))
            try:
                read()
            except InputError as error:
                refused += 1
                assert file.name in str(error) and "\n" not in str(error)
        file.write_text(good[:len(good) // 2])
        with pytest.raises(InputError, match=file.name):
            read()
        file.write_text(good)
        read()
    assert refused > 80


def _spoil(rng: np.random.Generator, content: Any, junk: List[Any]) -> None:
    """Puts junk somewhere in nested lists and dicts."""
    keys = list(content) if isinstance(content, dict) else list(range(len(content)))
    key = keys[rng.integers(len(keys))]
    inner = content[key]
    if isinstance(inner, (list, dict)) and inner and rng.uniform() < 0.8:
        _spoil(rng, inner, junk)
    else:
        content[key] = junk[rng.integers(len(junk))]


def test_the_four_real_images_are_read(real_data: Path) -> None:
    folder = real_data / "coco"
    people, boxes = coco.annotated(folder), coco.detected(folder)
    assert len(people.samples) == 12 and len(boxes.samples) == 118
    assert set(people.images.tolist()) == set(boxes.images.tolist()) == {785, 40083, 196141, 197388}
    assert boxes.scores[0] == pytest.approx(0.99997, abs=1e-5)
    for sample in (*people.samples, *boxes.samples[::20]):
        height, width, _ = image_files.read(sample.image).shape
        assert -0.5 < sample.box.x < width - 0.5 and -0.5 < sample.box.y < height - 0.5
        inside = sample.joints[sample.annotated > 0]
        assert (np.abs(inside - (sample.box.x, sample.box.y)) < sample.box.side / 2).all()


def test_the_truth_scores_1_and_with_duplicates_only_after_nms(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "coco"
    people, truth = coco.annotated(folder), coco.truth_file(folder)
    joints = np.stack([sample.joints for sample in people.samples])
    scores = np.linspace(0.9, 0.5, len(joints))
    coco.write_results(tmp_path / "perfect.json", people.images, joints, scores)
    perfect = average_precision.score(average_precision.match(truth, *coco.read_results(tmp_path / "perfect.json")))
    assert perfect == pytest.approx(dict.fromkeys(average_precision.METRICS, 100))

    rng = np.random.default_rng(4)
    images, areas = np.tile(people.images, 2), np.tile([sample.box.side**2 for sample in people.samples], 2)
    both = np.concatenate([joints, joints + rng.normal(0, 0.3, joints.shape)])
    ranked = np.concatenate([scores, scores - 0.01])  # a duplicate stands before other people's only pose
    kept = oks.nms(both, ranked, images, areas)
    found = {}
    for name, rows in (("all", np.arange(len(both))), ("kept", kept)):
        coco.write_results(tmp_path / f"{name}.json", images[rows], both[rows], ranked[rows])
        arrays = average_precision.match(truth, *coco.read_results(tmp_path / f"{name}.json"))
        found[name] = average_precision.score(arrays)
    assert found["all"]["AP"] < 80 and found["all"]["AR"] == pytest.approx(100)
    assert found["kept"] == pytest.approx(perfect) and kept.tolist() == list(range(12))
