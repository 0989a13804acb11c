"""One's own keypoints: the skeleton a file names, who is in which split, and one command from there to predictions."""
from __future__ import annotations

import copy
import csv
import hashlib
import json
import re
import shlex
from pathlib import Path
from typing import Any, Callable, Dict

import integral_pose  # isort: skip  # noqa: F401

import numpy as np
import pytest

from integral_pose import run as runs
from integral_pose.commands import predict, train
from integral_pose.datasets import catalogue, custom
from integral_pose.datasets.custom_data import joints as custom_joints
from integral_pose.datasets.custom_data import people as custom_people
from integral_pose.datasets.dataset import BOX_PCK
from integral_pose.errors import InputError
from integral_pose.evaluation import evaluate as evaluation
from integral_pose.metrics import pck
from integral_pose.profiles import PROFILES
from integral_pose.run import Run
from integral_pose.skeletons import COCO, HUMAN36M, MPII, Skeleton, parsed, written
from integral_pose.storage import array_files
from tests.helpers.custom_forms import IMAGES, JOINTS, NAMES, PATHS, annotations, command, write_dogs

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """dogs.json and images/."""
    return write_dogs(tmp_path)


def annotated(content: Dict[str, Any], category: Dict[str, Any]) -> custom.Custom:
    return custom.Custom((custom.File(Path("a.json"), content, category, Path(".")),))


def registered(place: Path) -> Path:
    """The data set's folder."""
    return place / "data" / custom.register(custom.find(place / "dogs.json"), place / "data").name


# ---------------------------------------------------------------- skeletons


@pytest.mark.parametrize("skeleton", [MPII, HUMAN36M, COCO, Skeleton(("a", "b"), "a", ("a", "b"))])
def test_skeletons_can_be_written_in_a_line(skeleton: Skeleton) -> None:
    assert parsed(written(skeleton)) == skeleton


@pytest.mark.parametrize("text", ["", "a", "a,b", "a,b|a-c", "|a-b"])
def test_what_is_no_skeleton_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no skeleton"):
        parsed(text)


SIDES = [
    "left_knee right_knee", "Left.Knee Right.Knee", "l_knee r_knee", "knee_L knee_R", "knee.l knee.r", "LKnee RKnee",
    "leftKnee rightKnee", "knee-left knee-right", "leftknee rightknee", "KneeLeft KneeRight", "kneeL kneeR",
    "lknee rknee", "linkes_knee rechtes_knee", "links_knee rechts_knee", "knee_gauche knee_droite",
    "knee_gauche knee_droit", "knee_izquierda knee_derecha", "sinistra_knee destra_knee", "左knee 右knee",
]


@pytest.mark.parametrize("names", SIDES)
def test_names_that_differ_in_a_side_alone_are_a_pair(names: str) -> None:
    left, right = names.split()
    for order in ((left, "nose", right), (right, "nose", left)):
        found = custom_joints.joints(Path("a.json"), order)
        assert found.names == tuple({left: "l_knee", right: "r_knee"}.get(name, name) for name in order)
        assert found.pairs == ((order.index(left), order.index(right)),)


@pytest.mark.parametrize("names, expected", [
    ("LKNE RKNE HEAD", "l_kne r_kne head"), ("front_left_paw front_right_paw", "l_front_paw r_front_paw"),
    ("mixamorig:LeftArm mixamorig:RightArm mixamorig:Hips", "l_mixamorig_arm r_mixamorig_arm mixamorig_hips"),
    ("ear_left_1 ear_right_1 ear_left_2 ear_right_2", "l_ear_1 r_ear_1 l_ear_2 r_ear_2"),
    ("l_shoulder r_shoulder", "l_shoulder r_shoulder"), ("LShoulder RShoulder", "l_shoulder r_shoulder"),
    ("shoulder_l shoulder_r", "l_shoulder r_shoulder"), ("hombro_izq hombro_der", "l_hombro r_hombro"),
    ("FLpaw FRpaw BLpaw BRpaw", "l_fpaw r_fpaw l_bpaw r_bpaw"), ("left right", "left right"),
    ("left_l1 right_l1 left_r1 right_r1", "l_l1 r_l1 l_r1 r_r1"), ("Lear Rear ear_l ear_r", "lear rear ear_l ear_r"),
])
def test_every_joint_of_a_side_has_its_partner_and_a_name_of_its_own(names: str, expected: str) -> None:
    joints = custom_joints.joints(Path("a.json"), names.split())
    assert joints.names == tuple(expected.split())
    assert joints.pairs == tuple((i, i + 1) for i in range(0, len(joints.names) - 1, 2))


@pytest.mark.parametrize("name", ["lip", "rear", "LIP", "Rear", "upright", "リップ", "joint 1", "R", "L1", "tail"])
def test_a_name_without_a_side_is_left_alone(name: str) -> None:
    assert custom_joints.joints(Path("a.json"), [name, "nose"]).pairs == ()


@pytest.mark.parametrize("names, said", [
    ("left_ear nose", "`left_ear` is of one side"), ("leftear nose", "`leftear`"), ("kneeL nose", "`kneeL`"),
    ("knee_r nose", "`knee_r`"), ("ohr_links nose", "`ohr_links`"), ("右膝 nose", "`右膝`"),
    ("left_ear rigth_ear", "`left_ear`"), ("LKNE RKNE LANK RANKL", "`LANK`"), ("LKNE RKNE RBAK", "`RBAK`"),
    ("ll lr rl rr", "`ll` may be a pair with `rl` or `lr`"), ("left_ear Left-Ear", "several joints"),
])
def test_a_side_that_cannot_be_told_is_asked(names: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        custom_joints.joints(Path("a.json"), names.split())


def test_sides_that_the_user_tells_come_first() -> None:
    names = ["near", "far", "left_ear", "LKNE", "RKNE", "RBAK"]
    given = [("near", "far"), ("left_ear",), ("RBAK", "RBAK")]
    assert custom_joints.joints(Path("a.json"), names, given).pairs == ((0, 1), (3, 4))
    assert custom_joints.joints(Path("a.json"), ["left_ear", "nose"], strict=False).pairs == ()
    for wrong, said in ((["nose"], "no joint is called `nose`"), (["near", "far", "RBAK"], "is not two names")):
        with pytest.raises(InputError, match=said):
            custom_joints.joints(Path("a.json"), names, [*given[:2], wrong])
    with pytest.raises(InputError, match="`near` or `far` twice"):
        custom_joints.joints(Path("a.json"), names, [("near", "far"), ("near", "far")])


def test_pairs_of_the_category_and_of_the_user_are_in_the_skeleton(place: Path) -> None:
    content = annotations()
    dog = content["categories"][0]
    dog["pairs"] = [["snout", "tail"]]
    found = custom.skeleton(annotated(content, dog), [["collar tag"]])
    assert found.mirror == (3, 2, 1, 0, 5, 4, 6) and parsed(written(found)) == found
    dog["pairs"] = "snout"
    with pytest.raises(InputError, match="`pairs` of the category must be a list"):
        custom.skeleton(annotated(content, dog))


def test_the_skeleton_is_the_files(place: Path) -> None:
    found = custom.skeleton(custom.find(place))
    assert found == Skeleton(JOINTS, "snout", PATHS)
    assert found.mirror == (0, 2, 1, 3, 5, 4, 6)
    assert found.parents == (0, 0, 0, 0, 3, 3, 6)


@pytest.mark.parametrize("edges", [None, []])
def test_joints_without_limbs_are_apart(edges: Any) -> None:
    content = annotations()
    content["categories"][0]["skeleton"] = edges
    found = custom.skeleton(annotated(content, content["categories"][0]))
    assert found.limbs == () and found.root == "snout" and parsed(written(found)) == found


def test_a_skeleton_of_coco_keeps_all_its_joints_together() -> None:
    edges = [[16, 14], [14, 12], [17, 15], [15, 13], [12, 13], [6, 12], [7, 13], [6, 7], [6, 8], [7, 9], [8, 10],
             [9, 11], [2, 3], [1, 2], [1, 3], [2, 4], [3, 5], [4, 6], [5, 7]]
    names = [name.replace("l_", "left_").replace("r_", "right_") if name[1] == "_" else name for name in COCO.joints]
    category = {"id": 1, "name": "person", "keypoints": names, "skeleton": edges}
    found = custom.skeleton(annotated({}, category))
    assert found.joints == COCO.joints and len(found.limbs) == 16
    assert found.mirror == COCO.mirror


# ---------------------------------------------------------------- data


def test_all_of_an_image_are_in_one_split_and_none_is_lost(place: Path) -> None:
    parts = {split: custom.read(registered(place), split) for split in ("train", "held-out", "test")}
    assert sum(map(len, parts.values())) == IMAGES + 1
    images = [{sample.image.name for sample in samples} for samples in parts.values()]
    assert all(images) and sum(map(len, images)) == IMAGES
    assert sum(len(part) for part in images[1:]) < IMAGES / 2


def test_samples_are_the_annotations(place: Path) -> None:
    samples = [s for split in ("train", "held-out", "test") for s in custom.read(registered(place), split)]
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
    for sample in custom.read(registered(place), "train"):
        known = sample.joints[sample.annotated > 0]
        near, far = known.min(axis=0), known.max(axis=0)
        assert sample.box.side == pytest.approx(1.25 * 1.2 * (far - near).max(), rel=0.15)  # less at the picture's edge
        assert (abs(np.array([sample.box.x, sample.box.y]) - (near + far) / 2) < 5).all()


def test_the_name_follows_from_the_annotations_alone(place: Path) -> None:
    first = registered(place)
    assert first == registered(place) and re.fullmatch(r"custom-[0-9a-f]{10}", first.name)
    content = annotations()
    content["annotations"][0]["keypoints"][0] += 1
    (place / "dogs.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"dogs.json: these annotations or their images were changed since"):
        custom.read(first, "train")
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
    ("categories.0.keypoints", [*NAMES[:6], "left eye"], "`left eye` is of one side by its name"),
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


def test_a_run_brings_its_skeleton_and_only_with_own_data() -> None:
    of = Run(data="own-1", skeleton=written(Skeleton(JOINTS, "snout", PATHS)))
    assert catalogue.skeleton(of).joints == JOINTS and catalogue.metric(of) == BOX_PCK
    for wrong in ({"data": "own-1"}, {"skeleton": "a|a"}):
        with pytest.raises(ValueError, match="need a skeleton"):
            Run(**wrong)


def test_networks_of_earlier_versions_keep_their_keys_and_skeletons(tmp_path: Path) -> None:
    settings = {"data": "own-1a2b3c4d5e", "skeleton": "nose,l_ear,r_ear|nose-l_ear,nose-r_ear", "width": 0.25}
    key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:10]
    (tmp_path / "run.json").write_text(json.dumps({"key": key, "label": "I1", **settings}))
    of = runs.read(tmp_path / "run.json")
    assert of.key == key and custom.CustomData.unread(of).skeleton.mirror == (0, 2, 1)


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
    assert "patch must be a multiple of 32 px" in capsys.readouterr().err
    assert train.main([*command(place), "--category", "horse"]) == 2
    assert "no category horse" in " ".join(capsys.readouterr().err.split())


def test_the_page_says_what_works(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs" / "custom_data.md").read_text()
    content = json.loads(re.findall(r"```json\n(.*?)```", page, re.S)[0])
    (place / "rex.json").write_text(json.dumps(content))
    rex = custom.find(place / "rex.json", images=place)
    assert custom.skeleton(rex).mirror == (0, 2, 1, 3)
    (sample,) = custom_people.read(*rex.files[0][:4]).samples
    assert sample.annotated.tolist() == [1, 1, 1, 0] and sample.image == place / "rex.jpg"
    monkeypatch.chdir(place)
    (place / "images").rename(place / "photos")
    typed = [line for line in page.splitlines() if line.startswith(".venv/bin/python -m scripts.train")]
    lines = [shlex.split(line)[3:] for line in typed]
    # those with --from are tested with networks to start from, and of train.json the page has no example
    lines = [words for words in lines if "--from" not in words and "train.json" not in words]
    assert len(lines) == 2
    for words in lines:
        args = train._parser().parse_args(words)
        assert train.described(args, "own-1", custom.skeleton(custom.find(args.data))).steps > 0
    assert train.main([*lines[0], "--profile", "smoke", "--backbone", "resnet18"]) == 0


def test_one_command_trains_and_another_predicts(
    place: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train.main(command(place)) == 0
    said = capsys.readouterr()
    assert "7 joints, 5 limbs, 2 pairs of left and right" in " ".join(said.err.split())
    assert [line.split()[0] for line in said.out.splitlines()[1:8]] == list(JOINTS)
    assert "custom|people:" in said.out and "-" in said.out.splitlines()[5]  # nobody has the left paw
    (folder,) = [path.parent for path in place.glob("runs/custom/*/test.npz")]
    assert catalogue.skeleton(runs.read(folder / "run.json")).joints == JOINTS
    assert set(array_files.read(folder / "test.npz")[0]["sides"]) == {70.0}  # px, of the annotated boxes
    monkeypatch.setattr(evaluation, "predict", None)  # a second call trains and predicts nothing
    assert train.main(command(place)) == 0
    assert capsys.readouterr().out == said.out
    out = place / "out"
    assert predict.main([str(place / "images"), "--run", str(folder), "--out", str(out)]) == 0
    with open(out / "joints.csv", newline="") as handle:
        assert {row["joint"] for row in csv.DictReader(handle)} == set(JOINTS)
    assert "synthetic" not in capsys.readouterr().err
