"""`integral_pose.load`: what it returns is what `predict` writes, as values."""
from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, Callable, List

import integral_pose  # isort: skip

import cv2
import mxnet as mx
import numpy as np
import pytest

from integral_pose.commands import predict
from integral_pose.geometry import Array
from integral_pose.inference import output
from integral_pose.inference.search import Search
from integral_pose.models import int8, saved
from tests.helpers import clips, trained_forms

BOXES = [[5.0, 10.0, 40.0, 60.0], [30.5, 2.0, 50.0, 70.0]]
IN_3D = {"data": "human36m", "coordinates": 3}
CHEAP = """
import sys, integral_pose
assert {'load', 'People', 'InputError'} <= set(dir(integral_pose))
assert not {'mxnet', 'numpy', 'cv2'} & set(sys.modules), sorted(sys.modules)
"""
NO_MXNET = """
import sys
sys.modules['mxnet'] = None
import integral_pose
try:
    integral_pose.load
except ModuleNotFoundError as error:
    assert 'pip install mxnet==1.9.1' in str(error)
else:
    sys.exit('nothing was raised')
"""


def rgb(seed: int = 0, height: int = 80, width: int = 120) -> Array:
    """A smooth image."""
    coarse = np.random.default_rng(seed).integers(0, 255, (4, 5, 3)).astype(np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a.png and b.png, a video of three frames, boxes of a.png, and a 2D and a 3D run in runs/smoke/."""
    folder = tmp_path_factory.mktemp("place")
    for seed, name in enumerate(("a.png", "b.png")):
        cv2.imwrite(str(folder / name), rgb(seed)[..., ::-1])
    video = output.Video(folder / "video.mp4", 10)
    for seed in range(3):
        video.add(rgb(seed))
    video.close()
    (folder / "boxes.json").write_text(json.dumps({"a.png": BOXES}))
    for changes in ({}, IN_3D):
        run = trained_forms.tiny(**changes)
        trained_forms.write(run, folder / "runs" / "smoke" / run.key)
    return folder


@pytest.fixture(autouse=True)
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


@pytest.fixture(scope="module")
def pose(place: Path) -> integral_pose.PoseNetwork:
    return integral_pose.load(trained_forms.tiny().key, runs=place / "runs")


def written(out: Path, *arguments: str) -> Any:
    """What `predict` writes into joints.json."""
    assert predict.main([*arguments, "--out", str(out)]) == 0
    return json.loads((out / "joints.json").read_text())


def test_importing_is_cheap_and_shows_the_names() -> None:
    for program in (CHEAP, NO_MXNET):
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        integral_pose.lod  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("changes, options", [({}, {}), (IN_3D, {"flip": True, "focal": 90.0})], ids=["2D", "3D"])
def test_it_gives_what_predict_writes_to_the_last_digit(changes: Any, options: Any, tmp_path: Path) -> None:
    key = trained_forms.tiny(**changes).key
    asked = ["--flip", "--focal", "90"] if options else []
    expected = written(tmp_path, "a.png", "--run", key, "--boxes", "boxes.json", *asked)
    people = integral_pose.load(key[:6], **options)("a.png", boxes=np.array(BOXES))
    found = people.to_dict()
    assert found == {name: expected[name] for name in ("joints", "root", "limbs", "people")} and len(people) == 2
    drawn = cv2.imread(str(tmp_path / "overlays" / "a.png"))[..., ::-1]
    np.testing.assert_array_equal(people.draw(), drawn)
    for person, values in zip(people, expected["people"]):
        joint, entry = person.joints["l_wrist"], values["joints"]["l_wrist"]
        assert [round(value, 2) for value in joint.xy] == [entry["x"], entry["y"]]
        assert round(joint.confidence, 4) == entry["confidence"]
        if changes:
            assert joint.xyz_mm and [round(value, 1) for value in joint.xyz_mm] == [entry[axis] for axis in output.MM]


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pictures here show nobody, and find gives each a person nevertheless."""
    monkeypatch.setattr(Search, "shipped", lambda device, least=0.0, real=Search.shipped: real(device, 0.0))


def test_it_finds_the_person_as_predict_does(pose: integral_pose.PoseNetwork, tmp_path: Path, always: None) -> None:
    expected = written(tmp_path, "a.png", "b.png", "--run", pose.run.key, "--boxes", "find")["people"]
    found = [people[0].to_dict() for people in pose(["a.png", "b.png"], boxes="find")]
    for one, other in zip(found, expected):
        assert (one["image"], len(one["joints"])) == (other["image"], 16)
        np.testing.assert_allclose(one["box"], other["box"], atol=0.02)
    assert found[0]["box"] != pose("a.png")[0].to_dict()["box"] == pose("a.png", boxes="whole")[0].to_dict()["box"]


def test_unless_told_it_boxes_people_as_predict_does(place: Path, tmp_path: Path, always: None) -> None:
    people = integral_pose.load("people")
    expected = written(tmp_path, "a.png")["people"][0]["box"]
    np.testing.assert_allclose(people("a.png")[0].to_dict()["box"], expected, atol=0.02)
    assert people("a.png", boxes="whole")[0].to_dict()["box"] != expected


def test_values_agree_and_are_frozen(pose: integral_pose.PoseNetwork) -> None:
    people = pose("a.png", boxes=BOXES)
    first, last = people[0], people[-1]
    assert people[:1] == (first,) and list(people) == [first, last] and people.name == "a.png"
    assert last.box.tolist() == BOXES[1] and last.names == tuple(last.joints) == pose.skeleton.joints
    for number, name in enumerate(first.names):
        assert first.joints[name].xy == tuple(first.xy[number]) and first.joints[name].name == name
        assert first.joints[name].confidence == first.confidence[number]
    assert first.xyz_mm is None and first.joints["l_wrist"].xyz_mm is None
    first.xy[:] = 0
    assert first.xy.any()
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.joints["l_wrist"].xy = (0, 0)  # type: ignore[misc]
    with pytest.raises(TypeError):
        first.joints["l_wrist"] = first.joints["r_wrist"]  # type: ignore[index]
    assert (first.draw() != last.draw()).any() and (first.draw() != people.draw()).any()
    np.testing.assert_array_equal(people.image, rgb())


def test_what_is_printed_can_be_read(pose: integral_pose.PoseNetwork) -> None:
    people = pose("a.png", boxes=BOXES)
    assert repr(people) == "People('a.png', 2 people)"
    assert repr(people[1]).startswith("Person(box=(30.5, 2, 50, 70), 16 joints: r_ankle, r_knee")
    x, y = people[1].joints["l_wrist"].xy
    assert repr(people[1].joints["l_wrist"]).startswith(f"Joint('l_wrist', xy=({x:.2f}, {y:.2f}), confidence=")
    assert repr(pose).endswith(f"net.params', run {pose.run.key}: 16 joints in 2D)")
    joint = integral_pose.Joint("l_wrist", (1, 2), 0.5, (1, -2.04, 3))
    assert repr(joint) == "Joint('l_wrist', xy=(1.00, 2.00), confidence=0.5000, xyz_mm=(1.0, -2.0, 3.0))"


@pytest.mark.parametrize("given", [
    lambda: [rgb(0), "b.png"], lambda: (Path("a.png"), rgb(1)), lambda: iter(["a.png", rgb(1)]),
], ids=["list", "tuple", "iterator"])
@pytest.mark.parametrize("boxes", [
    None, [BOXES, []], np.array([BOXES, BOXES]), lambda image: [[0, 0, image[0, 0, 0] / 255 * 60, 70]],
], ids=["whole", "each", "array", "function"])
def test_several_images_give_what_each_gives(
    pose: integral_pose.PoseNetwork, given: Callable[[], Any], boxes: Any
) -> None:
    found = pose(given(), boxes=boxes)
    assert isinstance(found, list) or iter(found) is found
    for number, (people, name) in enumerate(zip(found, ("a.png", "b.png"))):
        alone = pose(name, boxes=boxes[number] if isinstance(boxes, (list, np.ndarray)) else boxes)
        assert len(people) == len(alone)
        for person, same in zip(people, alone):
            np.testing.assert_allclose(person.xy, same.xy, atol=1e-3)
            assert person.box.tolist() == same.box.tolist()


def test_a_video_gives_its_frames(pose: integral_pose.PoseNetwork, tmp_path: Path) -> None:
    expected = written(tmp_path, "video.mp4", "--run", pose.run.key, "--no-smooth")["people"]
    frames = pose("video.mp4")
    assert iter(frames) is frames
    people = list(frames)
    assert [frame.to_dict()["people"][0] for frame in people] == expected and len(people) == 3
    assert [frame.seconds for frame in people] == pytest.approx([0, 0.1, 0.2])
    assert repr(people[2]) == "People(frame 2, 1 person)"


def test_a_video_cut_short_gives_what_there_is_and_warns(pose: integral_pose.PoseNetwork, tmp_path: Path) -> None:
    path = clips.plain(tmp_path / "cut.mkv", 12)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        count = len(list(pose(path)))
    (message,) = (str(one.message) for one in told if one.category is UserWarning)
    assert message.startswith(f"{path}: ends after {count} of 12 frames") and 0 < count < 12
    path.write_bytes(content[: len(content) * 2 // 5])
    with pytest.raises(integral_pose.InputError, match="cut.mkv: no frame can be decoded"):
        next(pose.video(path))


def test_networks_are_found_by_name_key_folder_and_file(place: Path) -> None:
    run = trained_forms.tiny()
    folder = place / "runs" / "smoke" / run.key
    for name in (run.key[:5], folder, folder / "net.params"):
        assert integral_pose.load(name).parameters.resolve() == folder / "net.params"
    shipped = saved.shipped()
    assert "people" in shipped and integral_pose.load().parameters == shipped["people"]
    assert integral_pose.load(run.key).notes and "synthetic people" in integral_pose.load(run.key).notes[0]


def test_in_8_bits_it_gives_what_predict_writes(tmp_path: Path) -> None:
    expected = written(tmp_path, "a.png", "--checkpoint", "people", "--boxes", "boxes.json", "--int8")
    pose = integral_pose.load("people", int8=True)
    assert pose("a.png", boxes=np.array(BOXES)).to_dict()["people"] == expected["people"]
    assert pose.notes == [int8.NOTE] and expected["notes"] == [int8.NOTE]


@pytest.mark.parametrize("network, options, message", [
    ("poeple", {}, r"'poeple': there is no such network.*people.*a run's key or folder"),
    ("0a0a", {}, "^0a0a: no run matches"), ("0a0a", {"runs": "empty"}, "runs gives another folder"),
    ("none.params", {}, "^none.params: there is no such file"), (".", {}, "no such file.*Give the folder"),
    ("people", {"device": "gpu:7"}, '^device="gpu:7": MXNet .*eave out device'),
    ("people-synthetic", {"int8": True}, "there is no such file, which int8 needs. Leave out int8, or make the file"),
    ("people", {"device": mx.gpu(0), "int8": True}, "^int8: 8 bits are for the CPU alone. Leave out int8 or device"),
    ("people", {"device": "cuda"}, "^device='cuda': give"), ("people", {"focal": -1}, "^focal=-1"),
], ids=str)
def test_what_is_no_network_or_option_is_refused(network: str, options: Any, message: str) -> None:
    with pytest.raises(integral_pose.InputError, match=message):
        integral_pose.load(network, **options)


BAD: List[Any] = [
    ("no.jpg", None, "^no.jpg: there is no such file"), ("no.mp4", None, "^no.mp4: there is no such file"),
    ("runs", None, "^runs: is a folder. Give a list"), ("boxes.json", None, "boxes.json: is a text"),
    (rgb()[..., 0], None, r"^array: has shape \(80, 120\) and type uint8"),
    (rgb() / 255, None, "type float64"), (np.zeros((1, 32_767, 3), np.uint8), None, "no side may be longer"),
    (["a.png", rgb()[None]], None, r"^array 1: has shape \(1, 80, 120, 3\)"),
    ("a.png", [[1, 2, 3]], r"^a.png: boxes must be an array \(N, 4\).*not \[\[1, 2, 3\]\]"),
    ("a.png", "detect", "^a.png: boxes must be .* not 'detect'"), ("a.png", BOXES[0], "boxes must be"),
    ("a.png", [[500, 2, 3, 4]], "^a.png: the box .* nothing of the image"),
    (["a.png", "b.png"], [BOXES], "^boxes: give a list of arrays .* one for each of the 2 images"),
    (["a.png", "b.png"], np.zeros((2, 4)), "^boxes: give a list"), (iter(["a.png"]), 3, "^boxes: .* each image, or"),
]


@pytest.mark.parametrize("image, boxes, message", BAD, ids=[message[:40] for *_, message in BAD])
def test_what_is_no_image_or_box_is_refused(
    pose: integral_pose.PoseNetwork, image: Any, boxes: Any, message: str
) -> None:
    with pytest.raises(integral_pose.InputError, match=message):
        pose(image, boxes=boxes)


def test_each_image_of_an_iterator_needs_its_boxes(pose: integral_pose.PoseNetwork) -> None:
    assert len(list(pose(iter(["a.png", "b.png"]), boxes=iter([BOXES, []])))) == 2
    with pytest.raises(integral_pose.InputError, match="fewer arrays than images"):
        list(pose(iter(["a.png", "b.png"]), boxes=[BOXES]))


def test_messages_name_the_arguments(pose: integral_pose.PoseNetwork, place: Path) -> None:
    small = integral_pose.load(pose.parameters, max_pixels=99)
    with pytest.raises(integral_pose.InputError, match="a.png: is 120 x 80 px.*allow more with max_pixels=9600"):
        small("a.png")
    with pytest.raises(integral_pose.InputError, match="a.png: is not a video"):
        pose.video("a.png")
