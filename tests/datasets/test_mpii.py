"""The same people come out of MPII's three files, and wrong files are refused."""
from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from integral_pose.datasets import mpii
from integral_pose.datasets.formats.mpii_mat import People
from integral_pose.errors import InputError

REAL = os.environ.get("INTEGRAL_POSE_REAL_DATA", "")
needs_real = pytest.mark.skipif(not REAL, reason="INTEGRAL_POSE_REAL_DATA is not set")

# (image, person) of RELEASE, 0-based. Of image 2 one person is in the validation set, so the other is in neither;
# image 8 is not for training.
VALID = [(5, 0), (2, 1)]
TRAIN = [(3, 2), (4, 0), (7, 0), (7, 1)]
EMPTY = np.empty((0, 0))


def made_up(pairs):
    """People whose numbers depend on their place in RELEASE only; whole-pixel joints, as in the h5 file."""
    rngs = [np.random.default_rng([image, person]) for image, person in pairs]
    joints = np.array([rng.integers(2, 600, (16, 2)) for rng in rngs], float)
    annotated = np.array([rng.uniform(size=16) < 0.8 for rng in rngs])
    joints[~annotated] = 0
    centre = np.array([rng.uniform(50, 400, 2).round(1) for rng in rngs])
    scale = np.array([rng.uniform(0.5, 4) for rng in rngs])
    corners = np.array([rng.integers(1, 90, 4) for rng in rngs])
    head_size = 0.6 * np.hypot(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    images = [f"00{image}.jpg" for image, _ in pairs]
    return People(images, joints, annotated, centre, scale, head_size), corners


def structs(*records):
    """MATLAB's struct array: every field in every record, empty where it was not given."""
    names = list(dict.fromkeys(name for record in records for name in record))
    array = np.zeros((1, len(records)), [(name, object) for name in names])
    for i, record in enumerate(records):
        for name in names:
            array[name][0, i] = record.get(name, EMPTY)
    return array


def rect(pair, visible=(), head=True):
    """An annorect with its points in reverse and, in turn, the given kinds of is_visible."""
    people, corners = made_up([pair])
    points = [
        {"x": x, "y": y, "id": k, **({"is_visible": visible[k % len(visible)]} if visible else {})}
        for k, (x, y) in reversed(list(enumerate(people.joints[0]))) if people.annotated[0, k]
    ]
    centre = dict(zip("xy", people.centre[0]))
    box = dict(zip(("x1", "y1", "x2", "y2"), corners[0])) if head else {}
    annopoints = structs({"point": structs(*points)})
    return {**box, "annopoints": annopoints, "scale": people.scale[0], "objpos": structs(centre)}


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


def write_release(path, change=None, compressed=True):
    """MPII's own file with the traps it is known for."""
    annorects = [
        EMPTY,
        structs(without(rect((1, 0)), "annopoints")),
        structs(rect((2, 0)), rect((2, 1), ("0", "1", EMPTY))),
        structs(without(rect((3, 0)), "annopoints"), without(rect((3, 1)), "scale"), rect((3, 2), (0, 1))),
        structs(rect((4, 0), head=False)),
        structs(rect((5, 0), ("1", "0"))),
        structs({**rect((6, 0)), "annopoints": structs({"point": EMPTY})}, without(rect((6, 1)), "objpos")),
        structs(rect((7, 0)), rect((7, 1), (1, EMPTY))),
        structs(rect((8, 0))),
    ]
    if change:
        change(annorects)
    annolist = structs(*(
        {"image": structs({"name": f"00{i}.jpg"}), "annorect": rects} for i, rects in enumerate(annorects)
    ))
    single = np.zeros((len(annorects), 1), object)
    single[:, 0] = [EMPTY, 1, EMPTY, 3, 1, 1, EMPTY, EMPTY, 1]
    release = {"annolist": annolist, "img_train": np.array([1, 0, 1, 1, 1, 1, 1, 1, 0]), "single_person": single}
    scipy.io.savemat(path, {"RELEASE": release}, long_field_names=True, do_compression=compressed)


def write_json(path, people):
    columns = (people.images, people.joints.tolist(), people.annotated, people.centre.tolist(), people.scale.tolist())
    path.write_text(json.dumps([
        {
            "image": image, "center": centre, "scale": scale, "joints_vis": seen.astype(int).tolist(),
            "joints": [point if there else [-1, -1] for point, there in zip(joints, seen)],
        }
        for image, joints, seen, centre, scale in zip(*columns)
    ]))


def write_gt(path, people, corners):
    boxes = corners.reshape(-1, 2, 2).transpose(1, 2, 0)
    missing = 1 - people.annotated.T.astype(np.uint8)
    joints = people.joints.transpose(1, 2, 0)
    scipy.io.savemat(path, {"jnt_missing": missing, "pos_gt_src": joints, "headboxes_src": boxes})


def write_h5(path, people, pairs=()):
    with h5py.File(path, "w") as file:
        file["part"], file["normalize"] = people.joints, people.head_size
        file["center"] = people.centre + np.stack([0 * people.scale, 15 * people.scale], axis=1)
        file["scale"] = 1.25 * people.scale
        file["imgname"] = np.array(people.images, "S13")
        file["index"], file["person"] = np.array(list(pairs) or np.zeros((len(people.scale), 2)), float).T


def write_detections(path, pairs):
    images, people = np.array(pairs).T + 1
    scipy.io.savemat(path, {"RELEASE_img_index": images[None], "RELEASE_person_index": people[None]})


@pytest.fixture(params=["json", "mmpose", "mat+h5", "mat+detections", "h5"])
def folder(request, tmp_path):
    annot = tmp_path / "annot"
    annot.mkdir()
    (tmp_path / "images").mkdir()
    (valid, corners), (train, _) = made_up(VALID), made_up(TRAIN)
    if request.param == "json":
        write_json(annot / "valid.json", valid)
        write_gt(annot / "gt_valid.mat", valid, corners)
        write_json(annot / "train.json", train)
    elif request.param == "mmpose":
        write_json(annot / "mpii_val.json", valid)
        write_gt(annot / "mpii_gt_val.mat", valid, corners)
        write_json(annot / "mpii_train.json", train)
    elif request.param == "h5":
        write_h5(annot / "valid.h5", valid)
        write_h5(annot / "train.h5", train)
    else:
        write_release(annot / mpii.RELEASE)
        if request.param == "mat+h5":
            write_h5(annot / "valid.h5", valid, VALID)
        else:
            write_detections(annot / "detections.mat", VALID)
    return tmp_path


def assert_same(samples, pairs, folder):
    people, _ = made_up(pairs)
    assert [sample.image for sample in samples] == [folder / "images" / name for name in people.images]
    for i, sample in enumerate(samples):
        seen = people.annotated[i]
        np.testing.assert_array_equal(sample.annotated, seen)
        np.testing.assert_allclose(sample.joints[seen], people.joints[i][seen] - 1, atol=1e-9)
        x, y, scale = *people.centre[i], people.scale[i]
        np.testing.assert_allclose(
            [sample.box.x, sample.box.y, sample.box.side], [x - 1, y - 1 + 15 * scale, 250 * scale], rtol=1e-12
        )


def test_every_file_gives_the_same_validation_people(folder):
    samples = mpii.read(folder, "test")
    assert_same(samples, VALID, folder)
    np.testing.assert_allclose([sample.head_size for sample in samples], made_up(VALID)[0].head_size)


def test_every_file_gives_the_same_training_people(folder):
    train, held = mpii.read(folder, "train"), mpii.read(folder, "held-out")
    assert train and held
    assert not {sample.image for sample in train} & {sample.image for sample in held}
    ordered = sorted(train + held, key=lambda sample: (sample.image, sample.box.side))
    pairs = sorted(TRAIN, key=lambda pair: (pair[0], made_up([pair])[0].scale[0]))
    assert_same(ordered, pairs, folder)


def test_release_tells_who_has_no_head_box(tmp_path):
    (tmp_path / "annot").mkdir()
    (tmp_path / "images").mkdir()
    write_release(tmp_path / "annot" / mpii.RELEASE)
    write_detections(tmp_path / "annot" / "detections.mat", VALID)
    people = mpii.read(tmp_path, "train") + mpii.read(tmp_path, "held-out")
    assert {sample.image.name for sample in people if np.isnan(sample.head_size)} == {"004.jpg"}


def test_read_file_takes_a_single_file(folder):
    for name in ("valid.json", "mpii_val.json", mpii.RELEASE, "valid.h5"):
        path = folder / "annot" / name
        if path.is_file():
            assert_same(mpii.read_file(path, folder / "images"), VALID, folder)


def test_truth_is_the_same_from_every_file(folder):
    (people, _), annot = made_up(VALID), folder / "annot"
    names = ("valid.json", "gt_valid.mat", "mpii_val.json", "mpii_gt_val.mat", mpii.RELEASE, "valid.h5")
    found = [mpii.read_truth(annot / name) for name in names if (annot / name).is_file()]
    assert found
    for truth in found:
        np.testing.assert_array_equal(truth.annotated, people.annotated)
        np.testing.assert_allclose(truth.joints[people.annotated], people.joints[people.annotated] - 1, atol=1e-9)
        np.testing.assert_allclose(truth.head_size, people.head_size)


def test_in_h5_joints_on_the_border_do_not_count_for_scoring(tmp_path):
    people, _ = made_up(VALID)
    people.joints[0, :3] = [[1, 50], [50, 1], [2, 2]]
    write_h5(tmp_path / "valid.h5", people)
    truth = mpii.read_truth(tmp_path / "valid.h5")
    assert truth.annotated[0, :3].tolist() == [False, False, True] and "x > 1" in truth.counted
    sample = mpii.read_file(tmp_path / "valid.h5", tmp_path)[0]
    assert sample.annotated[:3].tolist() == [1, 1, 1]


def test_json_without_head_boxes_is_read_but_not_scored(tmp_path):
    write_json(tmp_path / "valid.json", made_up(VALID)[0])
    assert all(np.isnan(sample.head_size) for sample in mpii.read_file(tmp_path / "valid.json", tmp_path))
    with pytest.raises(InputError, match="valid.json: 2 of 2 people have no head box.*gt_valid.mat"):
        mpii.read_truth(tmp_path / "valid.json")


def test_everybody_is_divided_where_the_test_people_are_trained_on_too(folder):
    parts = [mpii.read(folder, split, everybody=True) for split in ("train", "held-out")]
    images = [sorted(sample.image.name for sample in part) for part in parts]
    apart = [sample.image.name for split in ("train", "held-out", "test") for sample in mpii.read(folder, split)]
    assert sorted(images[0] + images[1]) == sorted(apart) and not set(images[0]) & set(images[1])
    assert images[1] and len(mpii.read(folder, "test")) < len(apart)


def test_held_out_is_one_in_twenty_by_name_alone():
    names = [f"{number:09d}.jpg" for number in range(20000)]
    held = dict(zip(names, mpii.held_out(names)))
    assert 0.045 < np.mean(list(held.values())) < 0.055
    some = names[::-7]
    assert mpii.held_out(some) == [held[name] for name in some]
    assert mpii.held_out(names[:40] * 2) == mpii.held_out(names[:40]) * 2


@pytest.mark.parametrize("count", [2, 3, 5, 11])
def test_of_a_handful_of_images_one_is_held_out_and_one_is_not(count):
    for first in range(50):
        held = mpii.held_out([f"{first + i}.jpg" for i in range(count)])
        assert 0 < sum(held) < count


def test_a_single_image_is_not_held_out():
    assert mpii.held_out(["a.jpg", "a.jpg"]) == [False, False]


@needs_real
def test_real_json_and_h5_agree():
    folder = Path(REAL) / "mpii"
    samples = mpii.read(folder, "test")
    others = mpii.read_file(folder / "annot/valid.h5", folder / "images")
    assert len(samples) == 5 and len(others) == 2958
    for sample, other in zip(samples, others):
        assert sample.image == other.image and sample.image.is_file()
        np.testing.assert_array_equal(sample.annotated, other.annotated)
        assert np.abs(sample.joints - other.joints)[sample.annotated > 0].max() < 1
        boxes = [(box.x, box.y, box.side) for box in (sample.box, other.box)]
        np.testing.assert_allclose(*boxes, rtol=1e-6)


@needs_real
def test_real_h5_and_gt_mat_agree():
    folder = Path(REAL) / "mpii/annot"
    samples = mpii.read_file(folder / "valid.h5", folder)
    truth = mpii.read_truth(folder / "detections_our_format.mat")
    annotated = np.array([sample.annotated for sample in samples])
    np.testing.assert_array_equal(annotated, truth.annotated)
    np.testing.assert_allclose([sample.head_size for sample in samples], truth.head_size, atol=1e-4)
    apart = np.abs(np.array([sample.joints for sample in samples]) - truth.joints).max(axis=2)
    assert (apart[annotated > 0] > 1).sum() == 13


def test_missing_folders_are_explained(tmp_path):
    with pytest.raises(InputError, match=r"nowhere: there is no such folder.*images/.*annot/.*--data"):
        mpii.read(tmp_path / "nowhere", "train")
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="annot: there is no such folder"):
        mpii.read(tmp_path, "train")
    (tmp_path / "annot").mkdir()
    with pytest.raises(InputError, match="holds no annotation file.*train.json"):
        mpii.read(tmp_path, "train")


def test_an_unknown_split_is_a_mistake_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="val"):
        mpii.read(tmp_path, "val")


def test_release_without_its_split_asks_for_the_small_file(tmp_path):
    write_release(tmp_path / mpii.RELEASE)
    with pytest.raises(InputError, match="Put valid.h5.*or detections.mat.*beside it"):
        mpii.read_file(tmp_path / mpii.RELEASE, tmp_path)


@pytest.mark.parametrize("pairs", [[(0, 0)], [(2, 2)], [(3, 1)], [(99, 0)], [(-1, 0)]])
def test_a_split_that_does_not_fit_is_refused(tmp_path, pairs):
    write_release(tmp_path / mpii.RELEASE)
    write_detections(tmp_path / "detections.mat", pairs)
    with pytest.raises(InputError, match="whom the split beside it names"):
        mpii.read_file(tmp_path / mpii.RELEASE, tmp_path)


def test_a_split_file_without_indices_is_refused(tmp_path):
    write_release(tmp_path / mpii.RELEASE)
    scipy.io.savemat(tmp_path / "detections.mat", {"other": 1})
    with pytest.raises(InputError, match="detections.mat: lacks RELEASE_img_index"):
        mpii.read_file(tmp_path / mpii.RELEASE, tmp_path)


@pytest.mark.parametrize("point", [
    {"x": 3.0, "y": 4.0, "id": 16}, {"x": 3.0, "y": 4.0, "id": -1}, {"x": EMPTY, "y": 4.0, "id": 2},
    {"y": 4.0, "id": 2}, {"x": "here", "y": 4.0, "id": 2}, {"x": [1.0, 2.0], "y": 4.0, "id": 2},
])
def test_a_damaged_point_of_release_names_its_image(tmp_path, point):
    def change(annorects):
        annorects[5] = structs({**rect((5, 0)), "annopoints": structs({"point": structs(point)})})

    write_release(tmp_path / mpii.RELEASE, change)
    write_detections(tmp_path / "detections.mat", VALID)
    with pytest.raises(InputError, match=f"{mpii.RELEASE}: a person of image 6 is damaged"):
        mpii.read_file(tmp_path / mpii.RELEASE, tmp_path)


@pytest.mark.parametrize("release", [{"annolist": 3}, {"annolist": structs({"image": 1}), "img_train": 1}, 5])
def test_another_release_is_refused(tmp_path, release):
    scipy.io.savemat(tmp_path / "a.mat", {"RELEASE": release})
    write_detections(tmp_path / "detections.mat", VALID)
    with pytest.raises(InputError, match="a.mat: "):
        mpii.read_file(tmp_path / "a.mat", tmp_path)


def test_other_mat_files_are_refused(tmp_path):
    people, corners = made_up(VALID)
    write_gt(tmp_path / "gt_valid.mat", people, corners)
    with pytest.raises(InputError, match="gt_valid.mat: holds no RELEASE.*names no images"):
        mpii.read_file(tmp_path / "gt_valid.mat", tmp_path)
    scipy.io.savemat(tmp_path / "a.mat", {"x": 1})
    with pytest.raises(InputError, match="a.mat: holds no RELEASE"):
        mpii.read_truth(tmp_path / "a.mat")
    scipy.io.savemat(tmp_path / "b.mat", {"pos_gt_src": np.zeros((14, 2, 3))})
    with pytest.raises(InputError, match="b.mat: is not in the format of gt_valid.mat"):
        mpii.read_truth(tmp_path / "b.mat")


def test_head_boxes_of_other_people_are_refused(tmp_path):
    write_json(tmp_path / "valid.json", made_up(VALID)[0])
    write_gt(tmp_path / "gt_valid.mat", *made_up(TRAIN))
    with pytest.raises(InputError, match="gt_valid.mat: has 4 people and .*valid.json has 2"):
        mpii.read_file(tmp_path / "valid.json", tmp_path)
    write_gt(tmp_path / "gt_valid.mat", *made_up([VALID[0], TRAIN[0]]))
    with pytest.raises(InputError, match="gt_valid.mat: person 1 .*other joints"):
        mpii.read_file(tmp_path / "valid.json", tmp_path)


def records():
    people, _ = made_up(TRAIN)
    return [
        {"image": name, "joints": joints.tolist(), "joints_vis": [1] * 16, "center": [5.0, 6.0], "scale": 1.5}
        for name, joints in zip(people.images, people.joints)
    ]


@pytest.mark.parametrize("key, value, message", [
    ("joints", [[1, 2]] * 17, "16 x 2 finite numbers"),
    ("joints", [[1, 2]] * 15 + [[1, float("nan")]], "16 x 2 finite numbers"),
    ("joints", [[1, 2]] * 15 + [[1, None]], "16 x 2 finite numbers"),
    ("joints_vis", [1] * 14, "16 finite numbers"),
    ("center", "middle", "2 finite numbers"),
    ("scale", [1, 2], "one finite number"),
    ("scale", 10**400, "one finite number"),
    ("scale", 0, "above 0"),
    ("image", 7, "file name"),
    ("image", "", "file name"),
])
def test_a_wrong_field_names_its_record(tmp_path, key, value, message):
    people = records()
    people[2][key] = value
    (tmp_path / "a.json").write_text(json.dumps(people))
    with pytest.raises(InputError, match=rf"a\.json: record 2 .*{message}.*[Cc]orrect"):
        mpii.read_file(tmp_path / "a.json", tmp_path)


@pytest.mark.parametrize("name, content", [
    ("a.json", "{}"), ("a.json", "[]"), ("a.json", "3"), ("a.json", "[3]"), ("a.json", "["), ("a.json", "\xff"),
    pytest.param("a.json", "[" * 100000, id="nested"),
    ("a.h5", "text"), ("a.mat", "text"), ("a.mat", ""), ("a.txt", "text"),
])
def test_a_file_of_another_kind_is_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="latin-1")
    for read in (mpii.read_truth, lambda path: mpii.read_file(path, tmp_path)):
        with pytest.raises(InputError, match=rf"{name}: .*\."):
            read(tmp_path / name)


def test_h5_of_another_kind_is_refused(tmp_path):
    people, _ = made_up(TRAIN)
    for name in ("part", "normalize", "imgname"):
        write_h5(tmp_path / "a.h5", people)
        with h5py.File(tmp_path / "a.h5", "a") as file:
            del file[name]
        with pytest.raises(InputError, match=rf"a\.h5: lacks {name}\..*valid\.h5"):
            mpii.read_file(tmp_path / "a.h5", tmp_path)
    write_h5(tmp_path / "a.h5", people._replace(joints=people.joints[:, :14]))
    with pytest.raises(InputError, match="a.h5: .*16 joints"):
        mpii.read_file(tmp_path / "a.h5", tmp_path)
    people.joints[3, 2, 1] = np.inf
    write_h5(tmp_path / "a.h5", people)
    with pytest.raises(InputError, match="a.h5: record 3 .*not finite"):
        mpii.read_file(tmp_path / "a.h5", tmp_path)


def corrupted(people, rng):
    """One or two things in a list of records replaced, removed or added."""
    junk = [None, "", "x", -1, 0, 1e999, float("nan"), 10**400, True, [], {}, [[]], [1, 2], {"x": 1}, "1.5"]
    for _ in range(rng.randint(1, 2)):
        spot = people
        while isinstance(spot, (list, dict)) and spot:
            key = rng.choice(list(spot) if isinstance(spot, dict) else range(len(spot)))
            if rng.random() < 0.4 or not isinstance(spot[key], (list, dict)):
                break
            spot = spot[key]
        if not isinstance(spot, (list, dict)) or not spot:
            continue
        action = rng.randrange(3)
        if action == 0:
            del spot[key]
        elif action == 1 and isinstance(spot, list):
            spot.insert(key, copy.deepcopy(rng.choice(junk)))
        else:
            spot[key] = copy.deepcopy(rng.choice(junk))
    return people


def test_a_thousand_corrupted_files_are_read_or_refused(tmp_path):
    rng, good, refused = random.Random(0), records(), 0
    for _ in range(1000):
        (tmp_path / "a.json").write_text(json.dumps(corrupted(copy.deepcopy(good), rng)))
        try:
            samples = mpii.read_file(tmp_path / "a.json", tmp_path)
        except InputError as error:
            assert "a.json" in str(error)
            refused += 1
        else:
            assert all(np.isfinite(sample.joints).all() and sample.box.side > 0 for sample in samples)
    assert 500 < refused < 1000


@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_release_is_refused(tmp_path, compressed):
    path = tmp_path / mpii.RELEASE
    write_release(path, compressed=compressed)
    write_detections(tmp_path / "detections.mat", VALID)
    content = path.read_bytes()
    for size in random.Random(0).sample(range(len(content) - 8), 40):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=mpii.RELEASE):
            mpii.read_file(path, tmp_path)
