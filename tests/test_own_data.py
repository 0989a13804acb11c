"""One's own keypoints: the skeleton a file names, who is in which split, and one command from there to predictions."""
from __future__ import annotations

import copy
import csv
import json
import re
import shlex
from pathlib import Path
from typing import Any, Callable, Dict, List

import integral_pose  # isort: skip  # noqa: F401

import cv2
import numpy as np
import pytest

from integral_pose import checkpoints
from integral_pose import evaluate as evaluation
from integral_pose import run as runs
from integral_pose.datasets import catalogue, own
from integral_pose.errors import InputError
from integral_pose.metrics import pck
from integral_pose.profiles import PROFILES
from integral_pose.run import Run
from integral_pose.skeletons import COCO, HUMAN36M, MPII, Skeleton, parsed, written
from scripts import predict, train

NAMES = ["snout", "Left Ear", "Right Ear", "tail", "paw_l", "paw_r", "collar tag"]
JOINTS = ("snout", "l_ear", "r_ear", "tail", "l_paw", "r_paw", "collar_tag")
EDGES = [[1, 2], [1, 3], [2, 3], [1, 4], [4, 5], [6, 4]]  # the third closes a circle; the last joint has none
PATHS = ("snout-l_ear", "snout-r_ear", "snout-tail", "tail-l_paw", "tail-r_paw", "collar_tag")
IMAGES = 12
ROOT = Path(__file__).parents[1]


def annotations() -> Dict[str, Any]:
    """Dogs in 12 pictures of 100 x 80 px: two in the first, one in each of the others; and a cat without joints."""
    rng = np.random.default_rng(0)
    images = [{"id": 10 + i, "file_name": f"{i}.jpg", "width": 100, "height": 80} for i in range(IMAGES)]
    people = []
    for number, image in enumerate([10, *range(10, 10 + IMAGES)]):
        points = np.column_stack([rng.uniform([20, 10], [80, 70], (7, 2)), [2, 1, 2, 2, 0, 2, 2]])
        people.append({"id": number + 1, "image_id": image, "category_id": 3, "iscrowd": 0, "bbox": [15, 5, 70, 66],
                       "keypoints": points.ravel().tolist(), "num_keypoints": 6})
    cat = {"id": 99, "image_id": 11, "category_id": 4, "bbox": [0, 0, 9, 9], "iscrowd": 0}
    dog = {"id": 3, "name": "dog", "keypoints": NAMES, "skeleton": EDGES}
    return {"images": images, "annotations": [*people, cat], "categories": [dog, {"id": 4, "name": "cat"}]}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """dogs.json and images/."""
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(1)
    for number in range(IMAGES):
        pixels = cv2.resize(rng.integers(0, 255, (4, 5, 3)).astype(np.uint8), (100, 80))
        cv2.imwrite(str(tmp_path / "images" / f"{number}.jpg"), pixels)
    (tmp_path / "dogs.json").write_text(json.dumps(annotations()))
    return tmp_path


def registered(place: Path) -> Path:
    """The data set's folder."""
    return place / "data" / own.register(own.find(place / "dogs.json"), place / "images", place / "data")


# ---------------------------------------------------------------- skeletons


@pytest.mark.parametrize("skeleton", [MPII, HUMAN36M, COCO, Skeleton(("a", "b"), "a", ("a", "b"))])
def test_skeletons_can_be_written_in_a_line(skeleton: Skeleton) -> None:
    assert parsed(written(skeleton)) == skeleton


@pytest.mark.parametrize("text", ["", "a", "a,b", "a,b|a-c", "|a-b"])
def test_what_is_no_skeleton_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no skeleton"):
        parsed(text)


@pytest.mark.parametrize("name, expected", [
    ("left_knee", "l_knee"), ("Right Knee", "r_knee"), ("l_knee", "l_knee"), ("knee_L", "l_knee"), ("knee.r", "r_knee"),
    ("LKnee", "l_knee"), ("rightKnee", "r_knee"), ("knee-left", "l_knee"), ("left-front paw", "l_front_paw"),
    ("lip", "lip"), ("rear", "rear"), ("LIP", "lip"), ("Rear", "rear"),
    ("left", "left"), ("R", "r"), ("upright", "upright"), ("a,b|c-d", "a_b_c_d"),
    (" nose ", "nose"), ("リップ", "リップ"), ("joint 1", "joint_1"),
])
def test_joints_are_named_by_their_side(name: str, expected: str) -> None:
    assert own.plain(name) == expected


def test_the_skeleton_is_the_files(place: Path) -> None:
    found = own.skeleton(own.find(place))
    assert found == Skeleton(JOINTS, "snout", PATHS)
    assert found.mirror == (0, 2, 1, 3, 5, 4, 6)
    assert found.parents == (0, 0, 0, 0, 3, 3, 6)


@pytest.mark.parametrize("edges", [None, []])
def test_joints_without_limbs_are_apart(edges: Any) -> None:
    content = annotations()
    content["categories"][0]["skeleton"] = edges
    found = own.skeleton(own.Own(Path("a.json"), content, content["categories"][0]))
    assert found.limbs == () and found.root == "snout" and parsed(written(found)) == found


def test_a_skeleton_of_coco_keeps_all_its_joints_together() -> None:
    edges = [[16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9], [8, 10],
             [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7]]
    names = [name.replace("l_", "left_").replace("r_", "right_") if name[1] == "_" else name for name in COCO.joints]
    category = {"id": 1, "name": "person", "keypoints": names, "skeleton": edges}
    found = own.skeleton(own.Own(Path("a.json"), {}, category))
    assert found.joints == COCO.joints and len(found.limbs) == 16
    assert found.mirror == COCO.mirror


# ---------------------------------------------------------------- data


def test_all_of_an_image_are_in_one_split_and_none_is_lost(place: Path) -> None:
    parts = {split: own.read(registered(place), split) for split in ("train", "held-out", "test")}
    assert sum(map(len, parts.values())) == IMAGES + 1
    images = [{sample.image.name for sample in samples} for samples in parts.values()]
    assert all(images) and sum(map(len, images)) == IMAGES
    assert sum(len(part) for part in images[1:]) < IMAGES / 2


def test_samples_are_the_annotations(place: Path) -> None:
    samples = [s for split in ("train", "held-out", "test") for s in own.read(registered(place), split)]
    people = {str(a["keypoints"][0]): a for a in annotations()["annotations"] if "keypoints" in a}
    for sample in samples:
        person = people.pop(str(sample.joints[0, 0]))
        points = np.reshape(person["keypoints"], (7, 3))
        np.testing.assert_array_equal(sample.joints, points[:, :2])
        assert sample.annotated.tolist() == [1, 1, 1, 1, 0, 1, 1]
        assert (sample.box.x, sample.box.y, sample.box.side) == (49.5, 37.5, 1.25 * 70)
    assert not people


def test_a_person_without_a_box_gets_one_around_the_joints(place: Path) -> None:
    content = annotations()
    for person in content["annotations"]:
        person.pop("bbox")
    (place / "dogs.json").write_text(json.dumps(content))
    for sample in own.read(registered(place), "train"):
        known = sample.joints[sample.annotated > 0]
        near, far = known.min(axis=0), known.max(axis=0)
        assert sample.box.side == pytest.approx(1.25 * 1.2 * (far - near).max(), rel=0.15)  # less at the picture's edge
        assert (abs(np.array([sample.box.x, sample.box.y]) - (near + far) / 2) < 5).all()


def test_the_name_follows_from_the_annotations_alone(place: Path) -> None:
    first = registered(place)
    assert first == registered(place) and re.fullmatch(r"own-[0-9a-f]{10}", first.name)
    content = annotations()
    content["annotations"][0]["keypoints"][0] += 1
    (place / "dogs.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"dogs.json: was changed since"):
        own.read(first, "train")
    assert registered(place).name != first.name


def change(path: str, value: Any) -> Callable[[Dict[str, Any]], None]:
    """Sets what is at a path such as annotations.0.bbox; "del" removes it."""
    def changed(content: Any) -> None:
        *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in way:
            content = content[step]
        if value == "del":
            del content[last]
        else:
            content[last] = value
    return changed


@pytest.mark.parametrize("path, value, said", [
    ("images", "del", "no list `images`"), ("categories", "del", "no list `categories`"),
    ("categories", [3], "no list `categories`"), ("categories.0.keypoints", [], "0 categories with keypoints"),
    ("categories.1.keypoints", ["eye"], "2 categories with keypoints.*--category: dog, cat"),
    ("categories.0.id", "dog", "category 0 .*`id` must be an integer"), ("categories.0.id", [3], "must be an integer"),
    ("categories.0.keypoints", [1, 2], "must be a list of names"), ("categories.0.keypoints", "abc", "list of names"),
    ("categories.0.keypoints", [*NAMES[:6], "snout"], "several joints are called `snout`"),
    ("categories.0.keypoints", [*NAMES[:6], "left eye"], "`left eye` is of one side"),
    ("categories.0.skeleton", [[0, 1]], r"the edge \[0, 1\], and joints are numbered from 1 to 7"),
    ("categories.0.skeleton", [[1, 8]], "numbered from 1 to 7"), ("categories.0.skeleton", [[1]], "2 finite numbers"),
    ("categories.0.skeleton", {"a": 1}, "holds no list of edge"), ("annotations", "del", "no list of annotations"),
    ("annotations.0.keypoints", [1, 2, 2], "annotation 0 .*`keypoints` must be 21 finite numbers"),
    ("annotations.3.image_id", 77, "annotation 3 .*unknown image"),
    ("annotations.2.bbox", [1, 2, -3, 4], "annotation 2"),
    ("annotations.1.category_id", "dog", "annotation 1 .*integer"), ("images.2.width", None, "image 2 .*`width`"),
    ("images.4.file_name", "", "image 4 .*file_name"), ("images.5.file_name", "gone.jpg", "gone.jpg: .*--images"),
    ("images.1.id", 10, "another image's too"),
])
def test_wrong_annotations_get_a_sentence(
    path: str, value: Any, said: str, place: Path, capsys: pytest.CaptureFixture
) -> None:
    content = copy.deepcopy(annotations())
    change(path, value)(content)
    (place / "dogs.json").write_text(json.dumps(content))
    assert train.main(command(place)) == 2
    assert re.search(said, " ".join(capsys.readouterr().err.split()))
    assert not (place / "runs").exists()


def test_too_few_images_are_too_few(place: Path, capsys: pytest.CaptureFixture) -> None:
    content = annotations()
    content["annotations"] = content["annotations"][:3]
    (place / "dogs.json").write_text(json.dumps(content))
    assert train.main(command(place)) == 2
    assert "has joints in 2 images, and 3 are needed" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("name, content, said", [
    ("dogs.json", '{"images": [', "cannot be read as a JSON file"), ("more.json", "{}", "has 2 JSON files"),
])
def test_files_that_are_damaged_or_several_are_named(
    name: str, content: str, said: str, place: Path, capsys: pytest.CaptureFixture
) -> None:
    (place / name).write_text(content)
    assert train.main([*command(place), "--data", str(place)]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


# ---------------------------------------------------------------- the measure


def test_pck_counts_joints_within_a_part_of_the_box() -> None:
    truth = np.zeros((2, 3, 2))
    found = truth + [[[3, 4], [0, 10], [0, 0]], [[0, 0], [0, 21], [9, 9]]]
    annotated = np.array([[1, 1, 1], [1, 1, 0]])
    sides = np.array([100.0, 200.0])
    normalised = pck.distances(found, truth, annotated, sides)
    np.testing.assert_allclose(normalised, [[0.05, 0.1, 0], [0, 0.105, np.nan]])
    result = pck.score(normalised, sides)
    assert result.at == {0.05: pytest.approx(60), 0.1: pytest.approx(80)}
    assert result.pixels == pytest.approx((5 + 10 + 0 + 0 + 21) / 5)
    np.testing.assert_allclose(result.of_joints[0.1], [100, 50, 100])
    np.testing.assert_allclose(result.pixels_of_joints, [2.5, 15.5, 0])


# ---------------------------------------------------------------- runs


def command(place: Path) -> List[str]:
    return ["--data", str(place / "dogs.json"), "--profile", "smoke", "--backbone", "resnet18", "--patch", "64",
            "--runs", str(place / "runs"), "--cache", str(place / "data"), "--workers", "1"]


def test_a_run_brings_its_skeleton_and_only_with_own_data() -> None:
    of = Run(data="own-1", skeleton=written(Skeleton(JOINTS, "snout", PATHS)))
    assert catalogue.skeleton(of).joints == JOINTS and catalogue.is_own(of)
    for wrong in ({"data": "own-1"}, {"skeleton": "a|a"}):
        with pytest.raises(ValueError, match="bring a skeleton"):
            Run(**wrong)


@pytest.mark.parametrize("profile", train.BUDGETS)
@pytest.mark.parametrize("method", train.METHODS)
def test_the_options_make_a_run_of_every_method(profile: str, method: str) -> None:
    skeleton = Skeleton(JOINTS, "snout", PATHS)
    args = train._parser().parse_args(["--data", "x", "--profile", profile, "--method", method, "--patch", "96",
                                       "--steps", "77", "--batch", "5", "--no-mirror", "--seed", "3"])
    of = train.described(args, "own-1", skeleton)
    of_paper = PROFILES[profile](train.METHODS[method])
    assert (of.output, of.loss, len(of.chain)) == (of_paper.output, of_paper.loss, len(of_paper.chain))
    for link in of.chain:
        assert (link.data, link.patch, link.steps, link.batch, link.mirror, link.seed) == ("own-1", 96, 77, 5, False, 3)
        assert catalogue.skeleton(link) == skeleton


def test_the_paper_profile_starts_from_imagenet_and_has_a_budget() -> None:
    args = train._parser().parse_args(["--data", "x", "--profile", "paper"])
    of = train.described(args, "own-1", Skeleton(JOINTS, "snout", PATHS))
    assert (of.pretrained, of.width, of.patch, of.backbone, of.steps) == (True, 1.0, 256, "resnet50", 10_000)


def test_options_that_do_not_go_together_get_a_sentence(place: Path, capsys: pytest.CaptureFixture) -> None:
    assert train.main([*command(place), "--patch", "70"]) == 2
    assert "patch is a multiple of 32 px" in capsys.readouterr().err
    assert train.main([*command(place), "--category", "horse"]) == 2
    assert "no category horse" in " ".join(capsys.readouterr().err.split())


def test_the_page_says_what_works(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "own_data.md").read_text()
    content = json.loads(re.findall(r"```json\n(.*?)```", page, re.S)[0])
    (place / "rex.json").write_text(json.dumps(content))
    rex = own.find(place / "rex.json")
    assert own.skeleton(rex).mirror == (0, 2, 1, 3)
    (sample,) = own.people(rex, place)
    assert sample.annotated.tolist() == [1, 1, 1, 0] and sample.image == place / "rex.jpg"
    monkeypatch.chdir(place)
    (place / "images").rename(place / "photos")
    typed = [line for line in page.splitlines() if line.startswith(".venv/bin/python -m scripts.train")]
    lines = [shlex.split(line)[3:] for line in typed]
    assert len(lines) == 2
    for words in lines:
        args = train._parser().parse_args(words)
        assert train.described(args, "own-1", own.skeleton(own.find(args.data))).steps > 0
    assert train.main([*lines[0], "--profile", "smoke", "--backbone", "resnet18"]) == 0


def test_one_command_trains_and_another_predicts(
    place: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train.main(command(place)) == 0
    said = capsys.readouterr()
    assert "7 joints, 5 limbs, 2 pairs of left and right" in " ".join(said.err.split())
    assert [line.split()[0] for line in said.out.splitlines()[1:8]] == list(JOINTS)
    assert "own|people:" in said.out and "-" in said.out.splitlines()[5]  # nobody has the left paw
    (folder,) = [path.parent for path in place.glob("runs/own/*/test.npz")]
    assert catalogue.skeleton(runs.read(folder / "run.json")).joints == JOINTS
    assert set(checkpoints.read(folder / "test.npz")[0]["sides"]) == {70.0}  # px, of the annotated boxes
    monkeypatch.setattr(evaluation, "predict", None)  # a second call trains and predicts nothing
    assert train.main(command(place)) == 0
    assert capsys.readouterr().out == said.out
    out = place / "out"
    assert predict.main([str(place / "images"), "--run", str(folder), "--out", str(out)]) == 0
    with open(out / "joints.csv", newline="") as handle:
        assert {row["joint"] for row in csv.DictReader(handle)} == set(JOINTS)
    assert "synthetic" not in capsys.readouterr().err
