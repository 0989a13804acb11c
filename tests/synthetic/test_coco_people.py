from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Set, Tuple

import cv2
import numpy as np
import pytest
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from integral_pose.errors import InputError
from integral_pose.geometry import Array, Camera
from integral_pose.synthetic import make_coco
from integral_pose.synthetic.coco_labels import (
    JOINTS,
    LEAST_AREA,
    LEAST_KEYPOINT_AREA,
    annotation,
    box_of,
    crowd_annotation,
    keypoints_of,
    mask_of,
    polygons,
    run_lengths,
)
from integral_pose.synthetic.detections import Seen, detect
from integral_pose.synthetic.drawing.figure import draw_suit
from integral_pose.synthetic.drawing.raster import Slab
from integral_pose.synthetic.drawing.renderer import Photo, photograph
from integral_pose.synthetic.make_coco import DETECTIONS, Job, make
from integral_pose.synthetic.motion.activities import ACTIVITIES
from integral_pose.synthetic.motion.body import draw_physique
from integral_pose.synthetic.motion.crowd import draw_gathering
from integral_pose.synthetic.motion.scene import Person, look_at
from integral_pose.synthetic.motion.scene import place as placed

SIZE = (211, 173)
STANDING = np.zeros_like(ACTIVITIES[0].at(0))


def _contents(folder: Path) -> Dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _read(folder: Path, split: str) -> Any:
    return json.loads((folder / "annotations" / f"person_keypoints_{split}2017.json").read_text())


def _standing(spot: Tuple[float, float], yaw: float = 0.0) -> Person:
    rng = np.random.default_rng(4)
    return placed(draw_physique(rng, 1750.0, 1.0), replace(draw_suit(rng), hair="bald"), STANDING, yaw, spot)


def _camera(focal: float = 330.0) -> Camera:
    return look_at(np.array([4200.0, 0, 1000]), np.array([0.0, 0, 900]), 0.0, focal, SIZE)


def _photo(people: List[Person], focal: float = 330.0) -> Photo:
    """With nothing in front of the people: the generator of seed 1 puts nothing there."""
    return photograph(people, _camera(focal), SIZE, np.random.default_rng(1))


def _flags(photo: Photo, person: Person, index: int = 0) -> Dict[str, int]:
    return dict(zip(JOINTS, keypoints_of(photo, person, index)[:, 2].astype(int).tolist()))


def _hidden(flags: Dict[str, int]) -> Set[str]:
    return {joint for joint, flag in flags.items() if flag == 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("synthetic") / "coco", 5, 12, seed=3, workers=1)


def test_files_are_those_of_the_real_data_set(made: Path) -> None:
    assert {path.name for path in made.iterdir()} == {
        "annotations", "person_detection_results", "train2017", "val2017",
    }
    assert len(list((made / "annotations").iterdir())) == 3
    numbers: List[int] = []
    for split, count in (("train", 5), ("val", 12)):
        content = _read(made, split)
        assert set(content) == {"info", "licenses", "images", "annotations", "categories"}
        numbers += [image["id"] for image in content["images"]]
        assert len(content["images"]) == count
        for image in content["images"]:
            assert image["file_name"] == f"{image['id']:012d}.jpg"
            picture = cv2.imread(str(made / f"{split}2017" / image["file_name"]))
            assert picture.shape == (image["height"], image["width"], 3)
        for one in content["annotations"]:
            assert set(one) == {
                "id", "image_id", "category_id", "bbox", "area", "iscrowd", "num_keypoints", "keypoints",
                "segmentation",
            }
            assert len(one["keypoints"]) == 51 and one["category_id"] == 1
        (category,) = content["categories"]
        assert len(category["keypoints"]) == 17 and len(category["skeleton"]) == 19
    assert len(set(numbers)) == 17 and numbers[1] != numbers[0] + 1


def test_names_of_keypoints_are_cocos_and_those_of_the_body(made: Path) -> None:
    names = _read(made, "val")["categories"][0]["keypoints"]
    assert names[:3] == ["nose", "left_eye", "right_eye"] and names[-1] == "right_ankle"
    assert JOINTS[5:7] == ("l_shoulder", "r_shoulder") and set(JOINTS) <= set(_standing((0, 0)).joints)


@pytest.mark.parametrize("split", ["train", "val"])
def test_pycocotools_reads_it_and_its_masks_are_as_large_as_the_areas(made: Path, split: str) -> None:
    truth = COCO(str(made / "annotations" / f"person_keypoints_{split}2017.json"))
    assert truth.anns
    for one in truth.anns.values():
        mask = truth.annToMask(one)
        assert mask.sum() == pytest.approx(one["area"], rel=0.05)
        np.testing.assert_allclose(masks.toBbox(truth.annToRLE(one)), one["bbox"], atol=1.5)


def test_keypoints_that_are_the_truth_have_an_average_precision_of_1(made: Path) -> None:
    truth = COCO(str(made / "annotations/person_keypoints_val2017.json"))
    results = [{**one, "score": 1.0} for one in truth.anns.values() if one["num_keypoints"]]
    scorer = COCOeval(truth, truth.loadRes(results), "keypoints")
    scorer.evaluate()
    scorer.accumulate()
    scorer.summarize()
    assert len(results) > 10 and scorer.stats[0] == pytest.approx(1) and scorer.stats[5] == pytest.approx(1)


def test_keypoints_lie_in_the_picture_and_count_as_many_as_they_are(made: Path) -> None:
    content = _read(made, "val")
    sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
    flags = []
    for one in content["annotations"]:
        joints = np.array(one["keypoints"]).reshape(17, 3)
        labelled = joints[:, 2] > 0
        assert one["num_keypoints"] == labelled.sum()
        assert (joints[~labelled] == 0).all()
        assert (joints[labelled, :2] > -0.5).all()
        assert (joints[labelled, :2] < np.array(sizes[one["image_id"]]) - 0.5).all()
        flags += joints[:, 2].tolist()
    assert set(flags) == {0, 1, 2}


def test_a_joint_lies_where_the_camera_projects_it() -> None:
    person, camera = _standing((0, 150)), _camera()
    joints = keypoints_of(_photo([person]), person, 0)
    expected = camera.project(camera.from_world(person.pick(JOINTS)))
    np.testing.assert_allclose(joints[:, :2], expected, atol=0.006)
    assert expected[JOINTS.index("l_shoulder"), 0] > expected[JOINTS.index("r_shoulder"), 0] + 10


def test_nothing_of_one_who_stands_alone_before_the_camera_is_hidden() -> None:
    person = _standing((0, 0))
    assert set(_flags(_photo([person]), person).values()) == {2}


@pytest.mark.parametrize("yaw, hidden", [
    (90, {"l_eye", "l_ear", "l_shoulder", "l_elbow", "l_hip"}), (-90, {"r_eye", "r_ear", "r_shoulder", "r_hip"}),
    (180, {"nose", "l_eye", "r_eye"}),
])
def test_ones_own_body_hides_the_far_side(yaw: float, hidden: Set[str]) -> None:
    person = _standing((0, 0), yaw)
    flags = _flags(_photo([person]), person)
    assert hidden <= _hidden(flags)
    mirrored = {name.replace("l_", "x_").replace("r_", "l_").replace("x_", "r_") for name in hidden if name != "nose"}
    assert yaw == 180 or not mirrored & _hidden(flags)
    assert yaw != 180 or _hidden(flags) == hidden


@pytest.mark.parametrize("order, apart", [((0, 1), 700), ((1, 0), 700), ((0, 1), 15)])
def test_who_stands_in_front_hides_who_stands_behind(order: Tuple[int, int], apart: float) -> None:
    pair = [_standing((apart, 0)), _standing((0, 0))]
    people = [pair[i] for i in order]
    photo = _photo(people)
    front, behind = order.index(0), order.index(1)
    assert len(_hidden(_flags(photo, people[front], front))) < (1 if apart > 100 else 5)
    assert len(_hidden(_flags(photo, people[behind], behind))) > 12
    assert mask_of(photo, [front]).sum() > 4 * mask_of(photo, [behind]).sum()


def test_a_thing_in_front_hides_the_legs_and_is_nobodys() -> None:
    person = _standing((0, 0))
    table = Slab(np.array([500.0, 0, 0]), np.array([90.0, 420.0]), 620.0, 0.0, np.array([9.0, 80, 140]))
    photo = _photo([replace(person, seats=(table,))])
    assert _hidden(_flags(photo, person)) == {"l_knee", "r_knee", "l_ankle", "r_ankle"}
    legs = _camera().project(_camera().from_world(person.joints["l_knee"])).round().astype(int)
    assert mask_of(_photo([person]), [0])[legs[1], legs[0]] and not mask_of(photo, [0])[legs[1], legs[0]]


def test_what_is_outside_the_picture_is_not_labelled() -> None:
    person = _standing((0, 0))
    photo = photograph([person], replace(_camera(), centre=(105.0, 125.0)), SIZE, np.random.default_rng(1))
    joints = keypoints_of(photo, person, 0)
    below = {JOINTS[i] for i in np.nonzero(joints[:, 2] == 0)[0]}
    assert {"l_ankle", "r_ankle"} <= below and "nose" not in below
    assert (joints[joints[:, 2] == 0] == 0).all()
    one = annotation(photo, person, 0)
    assert one["bbox"][1] + one["bbox"][3] == SIZE[1] and one["num_keypoints"] == 17 - len(below)


def test_a_box_goes_around_the_pixels_that_show_the_person() -> None:
    person = _standing((0, 0))
    one = annotation(_photo([person]), person, 0)
    camera = _camera()
    low, high = (f(camera.project(camera.from_world(person.outline)), axis=0) for f in (np.min, np.max))
    left, top, width, height = one["bbox"]
    assert top == pytest.approx(low[1] + 0.5, abs=2) and high[1] + 0.5 < top + height < high[1] + 6
    assert left < low[0] + 0.5 < high[0] + 0.5 < left + width
    mask = np.zeros((7, 9), bool)
    mask[2:4, 3:8] = True
    assert box_of(mask) == [3, 2, 5, 2]


def test_who_is_small_has_no_keypoints_and_who_is_hardly_there_no_annotation() -> None:
    person = _standing((0, 0))
    said = {focal: annotation(_photo([person], focal), person, 0) for focal in (330.0, 100.0, 20.0)}
    assert said[330.0]["num_keypoints"] == 17 and said[330.0]["area"] > LEAST_KEYPOINT_AREA
    small = said[100.0]
    assert small["num_keypoints"] == 0 and not any(small["keypoints"])
    assert LEAST_AREA <= small["area"] < LEAST_KEYPOINT_AREA and small["segmentation"]
    assert said[20.0] == {}


def test_a_crowd_is_one_region() -> None:
    crowd = [_standing((0.0, 520.0 * i)) for i in (-1, 0, 1)]
    photo = _photo(crowd, 150.0)
    one = crowd_annotation(photo, [0, 2])
    decoded = masks.decode(masks.frPyObjects(one["segmentation"], *one["segmentation"]["size"]))
    np.testing.assert_array_equal(decoded, mask_of(photo, [0, 2]))
    assert one["iscrowd"] == 1 and one["area"] == decoded.sum() and not any(one["keypoints"])
    assert one["bbox"] == box_of(decoded)


def _ring() -> Array:
    row, column = np.mgrid[:40, :61]
    distance = np.hypot(row - 19.5, column - 25)
    return np.asarray((distance < 16) & (distance > 7) | (column > 52) & (row > 30))


def test_outlines_keep_holes_and_parts() -> None:
    lines = polygons(_ring())
    assert len(lines) == 3
    decoded = masks.decode(masks.merge(masks.frPyObjects(lines, 40, 61)))
    assert (decoded != _ring()).mean() < 0.01
    assert polygons(np.zeros((5, 6), bool)) == []


@pytest.mark.parametrize("first", [False, True])
def test_run_lengths_are_pycocotools(first: bool) -> None:
    mask = _ring()
    mask[0, 0] = first
    encoded = {"counts": run_lengths(mask), "size": [40, 61]}
    np.testing.assert_array_equal(masks.decode(masks.frPyObjects(encoded, 40, 61)), mask)
    assert (encoded["counts"][0] == 0) == first


def test_gatherings_differ_in_number_and_size_and_people_keep_their_distance() -> None:
    gatherings = [draw_gathering(np.random.default_rng(i)) for i in range(80)]
    assert {len(gathering.people) for gathering in gatherings} == set(range(7))
    assert len({gathering.size for gathering in gatherings}) == 4
    crowds = [len(gathering.crowd) for gathering in gatherings]
    assert 2 <= sum(count > 0 for count in crowds) <= 20 and max(crowds) >= 6
    heights = []
    for gathering in gatherings:
        spots = np.array([person.joints["pelvis"][:2] for person in gathering.people]).reshape(-1, 2)
        apart = np.linalg.norm(spots[:, None] - spots, axis=2)
        assert (apart + 1e9 * np.eye(len(spots)) > 100).all()
        for person in gathering.people:
            rows = gathering.camera.project(gathering.camera.from_world(person.outline))[:, 1]
            heights.append(float(np.ptp(rows)))
    assert np.percentile(heights, 10) < 90 and 110 < np.median(heights) < 230 and np.percentile(heights, 95) > 260


def _seen(left: float, top: float, width: float, height: float, clear: float = 1.0) -> Seen:
    return Seen(np.array([(left, top), (left + width, top + height)]), int(width * height / 3), clear)


def _overlap(one: List[float], other: List[float]) -> float:
    return float(masks.iou(np.array([one]), np.array([other]), [0])[0, 0])


def _found(person: Seen, count: int = 300) -> List[List[Dict[str, Any]]]:
    """Detections of one person in many pictures, by those that lie on the person."""
    left, top = person.corners[0]
    box = [left, top, *(person.corners[1] - person.corners[0])]
    pictures = [detect(np.random.default_rng(i), [person], (400, 300)) for i in range(count)]
    return [[one for one in picture if _overlap(one["bbox"], box) > 0.5] for picture in pictures]


def test_detections_miss_the_small_and_the_hidden_more_often() -> None:
    plain, small, hidden = (
        np.mean([bool(found) for found in _found(person)])
        for person in (_seen(90, 40, 70, 200), _seen(90, 40, 12, 33), _seen(90, 40, 70, 200, clear=0.3))
    )
    assert plain > 0.93 and small < plain - 0.2 and hidden < plain - 0.2


def test_one_person_may_be_found_twice_and_the_better_box_has_the_better_score() -> None:
    person = _seen(90, 40, 70, 200)
    found = _found(person)
    assert 0.3 < np.mean([len(ones) > 1 for ones in found]) < 0.8
    best, worst = zip(*((ones[0], ones[-1]) for ones in found if len(ones) > 1))
    truth = [90.0, 40, 70, 200]
    assert np.mean([_overlap(one["bbox"], truth) for one in best]) > np.mean(
        [_overlap(one["bbox"], truth) for one in worst]
    ) + 0.05


def test_detections_invent_people_of_low_scores_and_keep_inside_the_picture() -> None:
    pictures = [detect(np.random.default_rng(i), [], (400, 300)) for i in range(200)]
    scores = [one["score"] for picture in pictures for one in picture]
    assert 1 < len(scores) / 200 < 3 and np.median(scores) < 0.3 and min(scores) > 0 and max(scores) < 1
    for picture in pictures:
        for left, top, width, height in (one["bbox"] for one in picture):
            assert left >= 0 and top >= 0 and left + width <= 400.01 and top + height <= 300.01


def test_detections_are_of_the_pictures_of_val_best_first(made: Path) -> None:
    found = json.loads((made / DETECTIONS).read_text())
    assert {tuple(sorted(one)) for one in found} == {("bbox", "category_id", "image_id", "score")}
    assert {one["image_id"] for one in found} <= {image["id"] for image in _read(made, "val")["images"]}
    assert all(one["category_id"] == 1 for one in found)
    people = sum(not one["iscrowd"] for one in _read(made, "val")["annotations"])
    assert 1.2 * people < len(found) < 6 * people


def test_pictures_do_not_depend_on_the_number_of_workers_or_pictures(made: Path, tmp_path: Path) -> None:
    together = make(tmp_path / "coco", 5, 12, seed=3, workers=2)
    assert _contents(together) == _contents(made)
    less, other = make(tmp_path / "less", 2, 1, seed=3, workers=1), make(tmp_path / "other", 2, 1, seed=4, workers=1)
    assert _read(less, "val")["images"] == _read(made, "val")["images"][:1]
    for path in less.glob("*2017/*.jpg"):
        assert path.read_bytes() == (made / path.relative_to(less)).read_bytes()
        assert path.read_bytes() != (other / path.relative_to(less)).read_bytes()


def test_a_killed_call_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    calls: List[Job] = []
    make_one = make_coco.make_one

    def dies_at_the_third(job: Job) -> Dict[str, Any]:
        calls.append(job)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return make_one(job)

    folder = tmp_path / "coco"
    monkeypatch.setattr(make_coco, "make_one", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        make(folder, 5, 12, seed=3, workers=1)
    assert not folder.exists()
    first = "train2017/000000000139.jpg"
    kept = (tmp_path / ".coco.part" / first).stat().st_mtime_ns
    make(folder, 5, 12, seed=3, workers=1)
    assert (folder / first).stat().st_mtime_ns == kept
    assert _contents(folder) == _contents(made)


def test_a_folder_with_other_data_is_refused(made: Path) -> None:
    with pytest.raises(InputError, match="contains other data"):
        make(made, 5, 11, seed=3)
