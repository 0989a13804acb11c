"""What people bring as custom data: other tools' numbers, other pictures, other names; and who is in which part."""
from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import integral_pose  # isort: skip  # noqa: F401

import cv2
import mxnet as mx
import numpy as np
import pytest
from PIL import Image

from integral_pose.commands import train
from integral_pose.datasets import batches, custom, loader
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.datasets.custom_data import images as custom_images
from integral_pose.datasets.custom_data import split as custom_split
from integral_pose.errors import InputError
from integral_pose.evaluation.evaluate import TESTED
from integral_pose.run_folder import PARAMETERS
from integral_pose.samples import Sample
from integral_pose.storage import array_files
from tests.helpers.custom_forms import annotations, command, write_dogs

ROOT = Path(__file__).resolve().parents[2]
A = Path("a.json")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """dogs.json and images/."""
    return write_dogs(tmp_path)


def written(place: Path, content: Dict[str, Any]) -> Path:
    """The file with another content."""
    (place / "dogs.json").write_text(json.dumps(content))
    return place / "dogs.json"


def everybody(place: Path, data: str) -> List[Sample]:
    parts = [custom.read(place / "data" / data, part) for part in custom_split.PARTS]
    return sorted((sample for part in parts for sample in part), key=lambda sample: str(sample.joints.tolist()))


def register(place: Path, **options: Any) -> custom.Registered:
    return custom.register(custom.find(place / "dogs.json"), place / "data", **options)


# ---------------------------------------------------------------- numbers


def changed(content: Dict[str, Any], change: Callable[[Dict[str, Any]], None]) -> Dict[str, Any]:
    content = copy.deepcopy(content)
    for person in content["annotations"]:
        if "keypoints" in person:
            change(person)
    return content


def as_text(person: Dict[str, Any]) -> None:
    person.update({name: str(person[name]) for name in ("id", "image_id", "category_id", "iscrowd")})
    person.update({name: [str(number) for number in person[name]] for name in ("bbox", "keypoints")})


def joints_as_fractions(person: Dict[str, Any]) -> None:
    person["keypoints"] = (np.reshape(person["keypoints"], (-1, 3)) / [100, 80, 1]).ravel().tolist()


def box_as_fractions(person: Dict[str, Any]) -> None:
    person["bbox"] = [number / size for number, size in zip(person["bbox"], (100, 80, 100, 80))]


@pytest.mark.parametrize("change, said", [
    (as_text, ""), (joints_as_fractions, "All joints lie between 0 and 1"),
    (box_as_fractions, "All boxes lie between 0 and 1"),
    (lambda person: person.pop("iscrowd"), ""), (lambda person: person.update(iscrowd=False), ""),
])
def test_numbers_as_other_tools_write_them_are_the_same_people(
    change: Callable[[Dict[str, Any]], None], said: str, place: Path
) -> None:
    truth = everybody(place, register(place).name)
    content = changed(annotations(), change)
    content["images"] = [{**image, "id": str(image["id"]), "width": "100"} for image in content["images"]]
    written(place, content)
    data = register(place)
    for sample, of in zip(everybody(place, data.name), truth):
        np.testing.assert_allclose(sample.joints, of.joints)
        assert (sample.annotated == of.annotated).all()
        assert (sample.box.x, sample.box.y, sample.box.side) == pytest.approx((of.box.x, of.box.y, of.box.side))
    assert not said or any(said in note for note in data.notes)


def box_by_centre(person: Dict[str, Any]) -> None:
    x, y, width, height = person["bbox"]
    person["bbox"] = [x + width / 2, y + height / 2, width, height]


def box_by_corners(person: Dict[str, Any]) -> None:
    person["bbox"] = [55, 46, 99, 79]
    person["keypoints"] = [60, 50, 2, 90, 60, 2, *[0, 0, 0] * 5]


def box_by_corners_that_is_too_high_alone(person: Dict[str, Any]) -> None:
    person["bbox"] = [5, 20, 60, 70]
    person["keypoints"] = [30, 40, 2, 50, 60, 2, *[0, 0, 0] * 5]


def joints_in_another_unit(person: Dict[str, Any]) -> None:
    person["keypoints"] = [number if i % 3 == 2 else 0.1 * number for i, number in enumerate(person["keypoints"])]


@pytest.mark.parametrize("change, said", [
    (box_by_centre, "annotated joints lie outside their people's boxes. Write each `bbox` as x and y of its top left"),
    (box_by_corners, "as two corners, x1, y1, x2, y2. Write each `bbox` as"),
    (box_by_corners_that_is_too_high_alone, "as two corners, x1, y1, x2, y2."),
    (joints_in_another_unit, "are px too, not per cent"),
])
def test_boxes_and_joints_that_are_written_otherwise_are_refused(
    change: Callable[[Dict[str, Any]], None], said: str, place: Path
) -> None:
    content = json.loads((place / "dogs.json").read_text())
    written(place, changed(content, change))
    with pytest.raises(InputError, match=re.escape(said)) as refused:
        register(place)
    assert "dogs.json: " in str(refused.value)


@pytest.mark.parametrize("edge, named", [([1.5, 2], "[1.5, 2]"), ([1, 99], "[1, 99]")])
def test_a_limb_between_joints_that_are_not_there_is_named(edge: List[float], named: str, place: Path) -> None:
    content = json.loads((place / "dogs.json").read_text())
    content["categories"][0]["skeleton"] = [edge]
    with pytest.raises(InputError, match=re.escape(f"`skeleton` has the edge {named}")):
        custom.skeleton(custom.find(written(place, content)))


def test_a_name_too_long_for_a_file_is_of_a_missing_image(place: Path) -> None:
    content = json.loads((place / "dogs.json").read_text())
    image = content["annotations"][0]["image_id"]
    next(one for one in content["images"] if one["id"] == image)["file_name"] = "a" * 5000
    written(place, content)
    with pytest.raises(InputError, match="names this image, and it is missing"):
        register(place)


@pytest.mark.parametrize("empty", [[0, 0, 0, 0], [15, 5, 0, 66], [], None])
def test_an_empty_box_is_no_box(empty: Any, place: Path) -> None:
    content = annotations()
    for person in content["annotations"]:
        person.pop("bbox")
    written(place, content)
    truth = everybody(place, register(place).name)
    written(place, changed(annotations(), lambda person: person.update(bbox=empty)))
    data = register(place)
    assert [sample.box for sample in everybody(place, data.name)] == [sample.box for sample in truth]
    assert ("13 boxes are empty" in " ".join(data.notes)) == bool(empty)


def only(number: int, change: Callable[[Dict[str, Any]], None]) -> Dict[str, Any]:
    content = annotations()
    change(content["annotations"][number])
    return content


@pytest.mark.parametrize("change, said", [
    (joints_as_fractions, "annotation 2 .*all joints lie between 0 and 1"),
    (box_as_fractions, "annotation 2 .*`bbox` lies between 0 and 1"),
    (lambda person: person.update(iscrowd="maybe"), "annotation 2 .*`iscrowd` must be 0 or 1"),
    (lambda person: person.update(iscrowd=[]), "annotation 2 .*`iscrowd` must be 0 or 1"),
    (lambda person: person.update(image_id="x"), "annotation 2 .*`image_id` must be an integer"),
])
def test_what_cannot_be_told_is_refused(
    change: Callable[[Dict[str, Any]], None], said: str, place: Path
) -> None:
    written(place, only(2, change))
    with pytest.raises(InputError, match=said):
        register(place)


def test_who_is_left_out_is_counted_and_named(place: Path) -> None:
    content = annotations()
    people = content["annotations"]
    people[1]["iscrowd"] = "1"
    people[2]["keypoints"] = []
    people[3]["keypoints"][2::3] = [0] * 7
    people[4]["bbox"] = [300, 300, 5, 5]
    people[5]["keypoints"][:2] = [0, 0]
    people[6]["keypoints"][:2] = [300, 20]
    written(place, content)
    data = register(place)
    assert data.notes == [
        "Left out: 1 of other categories.", "Left out: 1 marked as crowds (annotation 1, counted from 0).",
        "Left out: 1 without keypoints (annotation 2, counted from 0).",
        "1 joints are marked as annotated at 0, 0: they are taken as not annotated.",
        "Left out: 1 without an annotated joint (annotation 3, counted from 0).",
        "Left out: 1 with a box outside the image (annotation 4, counted from 0).",
        "1 of 53 annotated joints lie outside their images. They teach nothing, but count in a test.",
    ]
    assert len(everybody(place, data.name)) == 9


def test_a_file_of_nobody_says_why(place: Path) -> None:
    written(place, changed(annotations(), lambda person: person.update(iscrowd=1)))
    with pytest.raises(InputError, match="no annotation has a joint.*13 marked as crowds"):
        register(place)


def test_cocos_limbs_on_other_joints_are_none(place: Path) -> None:
    content = annotations()
    content["categories"][0]["skeleton"] = [list(edge) for edge in custom.COCO_EDGES]
    written(place, content)
    assert custom.skeleton(custom.find(place / "dogs.json")).limbs == ()
    assert any("COCO's limbs" in note for note in register(place).notes)


# ---------------------------------------------------------------- pictures


def test_other_pictures_are_another_run(place: Path) -> None:
    first = register(place)
    picture = place / "images" / "3.jpg"
    before = picture.read_bytes()
    cv2.imwrite(str(picture), np.zeros((80, 100, 3), np.uint8))
    with pytest.raises(InputError, match="were changed since this run began"):
        custom.read(place / "data" / first.name, "train")
    assert register(place).name != first.name
    picture.write_bytes(before)
    assert register(place).name == first.name
    picture.rename(place / "images" / "x.jpg")
    content = annotations()
    content["images"][3]["file_name"] = "x.jpg"
    written(place, content)
    assert register(place).name != first.name


def test_pictures_are_opened_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = register(place)
    monkeypatch.setattr(custom_images.image_files, "read", lambda path, most: pytest.fail(f"{path} was opened again"))
    assert register(place) == first
    (place / "images" / "3.jpg").touch()
    with pytest.raises(pytest.fail.Exception, match=r"3\.jpg"):
        register(place)


@pytest.mark.parametrize("harm, said", [
    (lambda path: cv2.imwrite(str(path), np.zeros((40, 50, 3), np.uint8)),
     r"7\.jpg: is 50 x 40 px, and .*dogs\.json says 100 x 80\."),
    (lambda path: path.write_bytes(path.read_bytes()[:300]), r"7\.jpg: .*truncated"),
    (Path.unlink, r"7\.jpg: .*names this image, and it is missing.*--images"),
])
def test_pictures_that_are_wrong_are_found_before_training(
    harm: Callable[[Path], Any], said: str, place: Path, capsys: pytest.CaptureFixture
) -> None:
    harm(place / "images" / "7.jpg")
    assert train.main(command(place)) == 2
    assert re.search(said, " ".join(capsys.readouterr().err.split()))
    assert not (place / "runs").exists()


def test_the_largest_picture_is_the_users_choice(
    place: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches.PICTURES, "most_pixels", 1)  # which the command changes, and the test undoes
    assert train.main([*command(place), "--max-pixels", "7999"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "12 of its images cannot be used" in said and "0.jpg: is 100 x 80 px" in said and "And 7 more" in said
    assert batches.PICTURES.most_pixels == 7999


def tagged(path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=exif)


@pytest.mark.parametrize("size, upright", [((100, 80), False), ((80, 100), True)])
def test_width_and_height_tell_whether_a_turned_photograph_was_annotated_as_seen(
    size: Any, upright: bool, place: Path
) -> None:
    content = annotations()
    for number, image in enumerate(content["images"]):
        tagged(place / "images" / f"{number}.jpg", 6)
        image["width"], image["height"] = size
    for person in content["annotations"]:
        person.pop("bbox", None)  # those of the one size reach beyond the other
    written(place, content)
    assert {sample.upright for sample in everybody(place, register(place).name)} == {upright}


def test_where_sizes_do_not_tell_the_user_is_asked(place: Path) -> None:
    tagged(place / "images" / "4.jpg", 3)
    with pytest.raises(InputError, match=r"1 images have an EXIF tag .*4\.jpg.*--labels-of"):
        register(place)
    names = set()
    for labels_of in ("seen", "stored"):
        data = register(place, labels_of=labels_of)
        turned = {sample.image.name for sample in everybody(place, data.name) if sample.upright}
        assert turned == ({"4.jpg"} if labels_of == "seen" else set())
        names.add(data.name)
    assert len(names) == 2


def test_the_size_of_the_one_picture_with_joints_of_the_other_is_asked_about(place: Path) -> None:
    """Label Studio's: photographs of 100 x 80 px that are seen as 80 x 100, annotated as such, and called 100 x 80."""
    content = annotations()
    for person in content["annotations"]:
        if "keypoints" in person:
            points = np.reshape(person["keypoints"], (-1, 3))
            points[:, :2] = points[:, 1::-1] * (1, 1.2)
            person.update(keypoints=points.ravel().tolist(), bbox=[5, 15, 66, 80])
    content["annotations"][0].update(bbox=[5, 82, 60, 15])  # outside of what is called the picture
    written(place, content)
    for number in range(12):
        tagged(place / "images" / f"{number}.jpg", 6)
    with pytest.raises(InputError, match=r"photographs with an EXIF tag.*--labels-of seen or --labels-of stored"):
        register(place)
    data = register(place, labels_of="seen")
    assert not any("outside" in note for note in data.notes)
    samples = everybody(place, data.name)
    assert len(samples) == 13 and all(sample.upright for sample in samples)
    assert max(sample.box.y + sample.box.side / (2 * custom.MARGIN) for sample in samples) > 90
    assert "joints lie outside" in " ".join(register(place, labels_of="stored").notes)


@pytest.mark.parametrize("none", ["del", None, 0, "0"])
def test_sizes_that_are_not_in_the_file_are_the_pictures(none: Any, place: Path) -> None:
    truth = everybody(place, register(place).name)
    content = annotations()
    for image in content["images"]:
        image.update(width=none, height=none)
        if none == "del":
            del image["width"], image["height"]
    written(place, content)
    assert [sample.box for sample in everybody(place, register(place).name)] == [sample.box for sample in truth]
    tagged(place / "images" / "3.jpg", 6)
    with pytest.raises(InputError, match=r"3\.jpg: an EXIF tag rotates it, .* has no width and height .*--labels-of"):
        register(place)
    seen = register(place, labels_of="seen")
    assert [sample.image.name for sample in everybody(place, seen.name) if sample.upright] == ["3.jpg"]


@pytest.mark.parametrize("name", ["../../x.jpg", "/etc/x.jpg", "a/../../images/../../x.jpg"])
def test_names_do_not_leave_the_images_folder(name: str, place: Path) -> None:
    content = annotations()
    content["images"][5]["file_name"] = name
    written(place, content)
    with pytest.raises(InputError, match="names the image .*which is not below"):
        register(place)


# ---------------------------------------------------------------- parts


FORMS = {
    "numbers": [f"p{i:03}.jpg" for i in range(12)], "coco": [f"train2017/{i:012}.jpg" for i in range(300)],
    "cameras": [f"cam{c}/{i:06}.jpg" for c in range(8) for i in range(6)],
    "clips": [f"clip{i:02}/rgb.jpg" for i in range(20)],
    "videos": [f"walk{w}_{i:05}.jpg" for w in range(9) for i in range(7)],
    "frames": [f"{v}_frame{i}.png" for v in "abcd" for i in range(9)],
    "roboflow": [f"img{i}_jpg.rf.{h}abc.jpg" for i in range(20) for h in "123"],
    "three": ["a.jpg", "b.jpg", "c.jpg"],
}
TOGETHER = {"cameras": r"cam\d", "videos": r"walk\d", "frames": "^.", "roboflow": r"img\d+_"}


@pytest.mark.parametrize("form", FORMS)
def test_every_part_has_somebody_and_neighbours_stay_together(form: str) -> None:
    names = FORMS[form]
    parts = custom_split.divide(A, names).parts
    counts = Counter(parts.values())
    assert set(counts) == {"train", "held-out", "test"} and sum(counts.values()) == len(names)
    assert counts["train"] >= len(names) / 3
    if form in TOGETHER:
        groups: Dict[str, set] = {}
        for name, part in parts.items():
            groups.setdefault(re.search(TOGETHER[form], name)[0], set()).add(part)  # type: ignore[index]
        assert all(len(group) == 1 for group in groups.values())


def test_a_picture_keeps_its_part_in_any_order_and_when_others_join() -> None:
    names = FORMS["coco"]
    parts = custom_split.divide(A, names).parts
    assert custom_split.divide(A, [*names[::-1], *names[:5]]).parts == parts
    more = custom_split.divide(A, [*names, *(f"train2017/x{i}y.jpg" for i in range(200))]).parts
    assert {name: more[name] for name in names} == parts
    assert 15 < sum(part == "test" for part in parts.values()) < 45


@pytest.mark.parametrize("names, pattern, said", [
    (["a.jpg", "b.jpg"], None, "joints in 2 images, and 3 are needed"),
    ([f"frame_{i:04}.jpg" for i in range(50)], None, "frames or copies of 1, and 3 are needed.*--group"),
    (FORMS["numbers"], "x", "--group x: does not match the image p000.jpg"),
    (FORMS["numbers"], "p", "--group keeps the 12 images together as 1"),
])
def test_what_cannot_be_divided_gets_a_sentence(names: List[str], pattern: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        custom_split.divide(A, names, pattern and re.compile(pattern))


def test_a_pattern_of_the_user_keeps_pictures_together() -> None:
    names = [f"{scene}_{i}.jpg" for scene in "abcdefgh" for i in range(5)]
    parts = custom_split.divide(A, names, re.compile(r"^(.)_")).parts
    assert all(len({parts[f"{scene}_{i}.jpg"] for i in range(5)}) == 1 for scene in "abcdefgh")


def test_the_same_name_in_two_folders_is_two_pictures(place: Path) -> None:
    content = annotations()
    for number, image in enumerate(content["images"]):
        (place / "images" / f"cam{number}").mkdir()
        (place / "images" / f"{number}.jpg").rename(place / "images" / f"cam{number}" / "0001.jpg")
        image["file_name"] = f"cam{number}/0001.jpg"
    written(place, content)
    data = register(place)
    counts = [len(custom.read(place / "data" / data.name, part)) for part in custom_split.PARTS]
    assert min(counts) > 0 and sum(counts) == 13


def test_the_division_does_not_depend_on_the_process(place: Path) -> None:
    program = ("import sys; from pathlib import Path; from integral_pose.datasets import custom; "
               "p = Path(sys.argv[1]); print(custom.register(custom.find(p / 'dogs.json'), p / sys.argv[2]).name)")
    told = subprocess.run([sys.executable, "-c", program, str(place), "other"], cwd=ROOT, text=True,
                          env={**os.environ, "PYTHONHASHSEED": "1"}, stdout=subprocess.PIPE, check=True)
    assert told.stdout == register(place).name + "\n"


def part_of(content: Dict[str, Any], images: List[int]) -> Dict[str, Any]:
    """The annotations of some of the pictures."""
    ids = [content["images"][number]["id"] for number in images]
    return {**content, "images": [image for image in content["images"] if image["id"] in ids],
            "annotations": [person for person in content["annotations"] if person["image_id"] in ids]}


def test_roboflows_folders_are_ones_own_parts(place: Path) -> None:
    wanted = {"train": list(range(2, 10)), "valid": [0, 1], "test": [10, 11]}
    for name, numbers in wanted.items():
        (place / name).mkdir()
        (place / name / custom.ROBOFLOW).write_text(json.dumps(part_of(annotations(), numbers)))
        for number in numbers:
            (place / "images" / f"{number}.jpg").rename(place / name / f"{number}.jpg")
    data = custom.register(custom.find(place), place / "data")
    for name, numbers in wanted.items():
        read = custom.read(place / "data" / data.name, {"valid": "held-out"}.get(name, name))
        assert {sample.image.stem for sample in read} == {str(number) for number in numbers}
    (place / "test" / custom.ROBOFLOW).unlink()
    data = custom.register(custom.find(place), place / "data")
    assert {sample.image.stem for sample in custom.read(place / "data" / data.name, "test")} == {"0", "1"}
    assert len(custom.read(place / "data" / data.name, "held-out")) == 1
    assert any("is tested on" in note for note in data.notes)


def test_files_of_ones_own_parts_are_taken_as_they_are(place: Path) -> None:
    parts = {"train": list(range(8)), "valid": [8, 9], "test": [10, 11, 0]}
    for name, numbers in parts.items():
        (place / f"{name}.json").write_text(json.dumps(part_of(annotations(), numbers)))
    found = custom.find(place / "train.json", valid=place / "valid.json", test=place / "test.json")
    data = custom.register(found, place / "data")
    sizes = [len(custom.read(place / "data" / data.name, part)) for part in custom_split.PARTS]
    assert sizes == [9, 2, 4]  # two in the first picture
    assert "The same image is in more than one part: 0.jpg (train), 0.jpg (test)." in data.notes[-1]
    (place / "test.json").write_text(json.dumps(part_of(annotations(), [])))
    with pytest.raises(InputError, match="test.json: no annotation has a joint"):
        custom.register(custom.find(place / "train.json", test=place / "test.json"), place / "data")
    other = part_of(annotations(), [1])
    other["categories"][0]["keypoints"] = [*other["categories"][0]["keypoints"][:6], "bell"]
    (place / "test.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="its joints differ from those of"):
        custom.find(place / "train.json", test=place / "test.json")


# ---------------------------------------------------------------- results


KILLED = """
import os
import sys

from integral_pose.commands import train
from integral_pose.storage import array_files
from integral_pose.training import loop

write, times = array_files.write, iter(range(1, 99))


def written(*arguments):
    write(*arguments)
    if next(times) == 3:
        os._exit(9)


array_files.write = written
loop.CHECKPOINT_EVERY, loop.CHECKPOINT_SHARE = 0.0, 1e9
sys.exit(train.main(sys.argv[1:]))
"""


def test_stopped_in_a_process_of_another_hash_seed_and_resumed_the_weights_are_the_same(place: Path) -> None:
    """With the same test people; stopped between two validations of the second phase."""
    assert train.main([*command(place), "--runs", str(place / "whole")]) == 0
    arguments = [*command(place), "--runs", str(place / "stopped"), "--cache", str(place / "data-stopped")]
    other = subprocess.run([sys.executable, "-c", KILLED, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL,
                           env={**os.environ, "PYTHONPATH": "src:.", "PYTHONHASHSEED": "1"})
    assert other.returncode == 9
    (checkpoint,) = place.glob("stopped/custom/*/checkpoint.npz")
    assert array_files.read(checkpoint)[1]["schedule"]["step"] == 1
    assert train.main(arguments) == 0
    folders = [checkpoint.parent, place / "whole" / "custom" / checkpoint.parent.name]
    assert len({(folder / train.PARTS).read_text() for folder in folders}) == 1
    weights = [mx.nd.load(str(folder / PARAMETERS)) for folder in folders]
    assert all(np.array_equal(weights[0][name].asnumpy(), weights[1][name].asnumpy()) for name in weights[1])
    tests = [array_files.read(folder / TESTED)[0] for folder in folders]
    assert all(np.array_equal(tests[0][name], tests[1][name], equal_nan=True) for name in tests[1])


@pytest.mark.parametrize("names", [
    ["snout", "leftear", "rightear", "tail", "leftpaw", "rightpaw", "collar"],
    ["SNOUT", "LEAR", "REAR", "TAIL", "LPAW", "RPAW", "CHEST"],
    ["snout", "earL", "earR", "tail", "pawL", "pawR", "tag"],
    ["鼻", "左耳", "右耳", "尾", "左足", "右足", "首輪"],
])
def test_whatever_sides_are_called_the_network_is_trained_on_the_same(names: List[str], place: Path) -> None:
    """The same mini-batches, mirrored pictures among them, and the same test people: so the same PCK."""
    args = train._parser().parse_args([*command(place), "--batch", "6"])
    made = []
    for called in (annotations()["categories"][0]["keypoints"], names):
        content = annotations()
        content["categories"][0]["keypoints"] = called
        written(place, content)
        run = train.described(args, register(place).name, custom.skeleton(custom.find(place / "dogs.json")))
        people = loader.training_batches(run, Catalogue(place / "data"))
        assert isinstance(people, batches.Batches) and any(jitter.mirror for _, jitter in people.draws(0))
        tested = [sample.image for sample in custom.read(place / "data" / run.data, "test")]
        made.append((replace(run, data="mpii", skeleton="", start=None), tested, people.batch(0)))
    (run, tested, batch), (other_run, other_tested, other_batch) = made
    assert run == other_run and tested == other_tested
    assert all(np.array_equal(*arrays) for arrays in zip(batch, other_batch))
