from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any, Dict, List

import cv2
import numpy as np
import pytest

from integral_pose.datasets.catalogue import Catalogue
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.metrics.mpjpe import ACTIONS
from integral_pose.run import Run
from integral_pose.synthetic import make_human36m
from integral_pose.synthetic.drawing.room import draw_room, paint_room
from integral_pose.synthetic.make_human36m import (
    JOINTS,
    SIZE,
    STEP,
    SUBJECTS,
    Clip,
    Job,
    camera_of,
    frames_of,
    make,
    subject,
    take,
)
from integral_pose.synthetic.motion.body import LIMITS
from integral_pose.synthetic.motion.clip import draw_film, draw_wander
from integral_pose.synthetic.motion.human36m_actions import SUBACTIONS, WALKS

SEED = 5


def _job(action: str, person: int = 9, subaction: int = 1, frame: int = 0) -> Job:
    return Job("unused", Clip(SEED, person, ACTIONS.index(action) + 2, subaction), frame, 4)


def _films(action: str, frames: int = 6) -> List[Job]:
    return [_job(action, who, way, STEP * i) for who in (1, 8) for way in (1, 2) for i in range(frames)]


def _contents(folder: Path) -> Dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _read(folder: Path, person: int, kind: str) -> Any:
    return json.loads((folder / "annotations" / f"Human36M_subject{person}_{kind}.json").read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("synthetic") / "human36m", 1, 2, 1, seed=SEED, workers=1)


def test_files_are_those_of_the_real_data_set(made: Path) -> None:
    ids: List[int] = []
    for person in SUBJECTS:
        data = _read(made, person, "data")
        assert len(data["images"]) == len(data["annotations"]) == 15 * 2
        for image, annotation in zip(data["images"], data["annotations"]):
            assert set(image) == {
                "id", "file_name", "width", "height", "subject", "action_name", "action_idx", "subaction_idx",
                "cam_idx", "frame_idx",
            }
            assert set(annotation) == {"id", "image_id", "bbox", "keypoints_vis"}
            assert annotation["image_id"] == image["id"] and image["subject"] == person
            assert ACTIONS[image["action_idx"] - 2] == image["action_name"]
            assert annotation["keypoints_vis"] == [True] * 17
        ids += [image["id"] for image in data["images"]]
    assert ids == list(range(7 * 15 * 2))
    assert len(list((made / "images").rglob("*.jpg"))) == len(ids)


def test_a_picture_has_its_name_and_size(made: Path) -> None:
    image = _read(made, 11, "data")["images"][-1]
    assert image["file_name"] == "s_11_act_16_subact_01_ca_02/s_11_act_16_subact_01_ca_02_000001.jpg"
    picture = cv2.imread(str(made / "images" / image["file_name"]))
    assert picture.shape == (image["height"], image["width"], 3) == (SIZE, SIZE, 3)


def test_frames_count_from_0_in_the_files_and_from_1_in_names_and_serve_training_and_testing() -> None:
    assert Clip(0, 1, 2, 2).file(3, 640) == "s_01_act_02_subact_02_ca_03/s_01_act_02_subact_02_ca_03_000641.jpg"
    assert STEP % 5 == 0 and STEP % 64 == 0


def test_test_subjects_have_the_frames_in_between_which_training_on_them_leaves_out() -> None:
    assert [list(frames_of(number, 1)) for number in (5, 9)] == [[0], [0]]
    assert list(frames_of(8, 3)) == [0, 320, 640]
    for number in (9, 11):
        frames = list(frames_of(number, 3))
        assert frames == list(range(0, 641, 64))
        assert [frame for frame in frames if frame % 5 == 0] == [0, 320, 640]


def test_test_subjects_can_have_more_frames_than_there_are_between(tmp_path: Path) -> None:
    assert list(frames_of(9, 1, 5)) == [0, 64, 128, 192, 256] and list(frames_of(8, 1, 5)) == [0]
    data = Catalogue(tmp_path).of(Run(data="synthetic-human36m-v1-1x1x1x2", coordinates=3))
    assert [len(data.people(split)) for split in ("train", "held-out", "test")] == [70, 5, 60]


def test_files_project_joints_into_the_box_with_the_translation_generation(made: Path) -> None:
    for person in (5, 11):
        data, cameras, joints = (_read(made, person, kind) for kind in ("data", "camera", "joint_3d"))
        for image, annotation in zip(data["images"], data["annotations"]):
            camera = cameras[str(image["cam_idx"])]
            world = np.array(joints[str(image["action_idx"])]["1"][str(image["frame_idx"])])
            assert world.shape == (17, 3)
            seen = world @ np.array(camera["R"]).T + np.array(camera["t"])
            pixels = seen[:, :2] / seen[:, 2:] * camera["f"] + camera["c"]
            assert (pixels > -0.5).all() and (pixels < SIZE - 0.5).all()
            low, side = np.array(annotation["bbox"]).reshape(2, 2)
            np.testing.assert_allclose(low + side / 2, (pixels.min(axis=0) + pixels.max(axis=0)) / 2, atol=1e-6)
            np.testing.assert_allclose(side, 1.2 * np.ptp(pixels, axis=0), atol=1e-6)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_cameras_stand_near_the_corners_and_see_a_2_m_box_at_the_middle_as_their_patch(
    made: Path, number: int
) -> None:
    camera = camera_of(SEED, number)
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(camera.rotation) == pytest.approx(1)
    assert (np.abs(camera.position) > [1750, 4750, 1400]).all() and (np.abs(camera.position) < [2150, 5250, 1700]).all()
    middle = camera.from_world(np.array([0.0, 0, 900]))
    assert np.abs(camera.project(middle) - SIZE / 2).max() < SIZE / 20
    assert 0.4 * SIZE < camera.box(middle, 2000).side < 0.46 * SIZE
    assert camera.focal[0] != camera.focal[1]
    if number < 3:
        written = _read(made, 6, "camera")[str(number)]
        np.testing.assert_allclose(-np.array(written["R"]).T @ np.array(written["t"]), camera.position, atol=1e-6)


def test_cameras_differ() -> None:
    corners = {tuple(np.sign(camera_of(SEED, i).position[:2])) for i in (1, 2, 3, 4)}
    assert len(corners) == 4


def test_a_limb_is_painted_where_its_joints_project() -> None:
    for number, action in enumerate(("Walking", "SittingDown", "Greeting", "Purchases"), start=1):
        job = _job(action, 8)
        person, camera = job.person(), camera_of(SEED, number)
        changed = np.abs(take(job, number, [person]).astype(int) - take(job, number, [])).max(axis=2)
        pixels = camera.project(camera.from_world(person.pick(JOINTS))).round().astype(int)
        on = changed[pixels[:, 1], pixels[:, 0]]
        assert (on > 12).mean() > 0.85
        assert changed[: pixels[:, 1].min() - 30].max() == 0
        assert (changed > 12).mean() < 0.15


def test_the_four_cameras_see_one_floor() -> None:
    room = draw_room(np.random.default_rng(SEED))
    x, y = np.meshgrid(np.arange(-1500.0, 1500, 70), np.arange(-2500.0, 2500, 70))
    floor = np.stack([x, y, 0 * x], axis=-1).reshape(-1, 3)
    seen = []
    for number in (1, 2, 3, 4):
        camera = camera_of(SEED, number)
        canvas = paint_room(room, camera, (SIZE, SIZE))
        places = canvas.pixels(camera.from_world(floor)).astype(np.float32)
        seen.append(cv2.remap(canvas.colours, places[:, 0], places[:, 1], cv2.INTER_LINEAR)[:, 0].astype(int))
    inside = np.all([picture.any(axis=1) for picture in seen], axis=0)
    assert inside.mean() > 0.3
    for picture in seen[1:]:
        assert np.abs(picture - seen[0])[inside].mean() < 0.5 * np.abs(picture - seen[0][::-1])[inside].mean()


def test_bones_are_one_subjects_own() -> None:
    bones = ("l_hip l_knee", "l_knee l_ankle", "r_shoulder r_elbow", "l_elbow l_wrist", "pelvis r_hip", "nose head_top")

    def lengths(person: int, action: str, frame: int) -> Array:
        joints = _job(action, person, frame=frame).person().joints
        return np.array([np.linalg.norm(joints[a] - joints[b]) for a, b in (bone.split() for bone in bones)])

    measures = {person: lengths(person, "Eating", 0) for person in SUBJECTS}
    for person, measure in measures.items():
        np.testing.assert_allclose(lengths(person, "Greeting", 640), measure, atol=1e-9)
    for one, other in combinations(measures.values(), 2):
        assert np.abs(one - other).max() > 5


def test_subjects_differ_in_height_girth_and_clothes() -> None:
    bodies = {person: subject(SEED, person) for person in SUBJECTS}
    heights = sorted(body.height for body, _ in bodies.values())
    assert heights[0] < 1600 and heights[-1] > 1850 and min(np.diff(heights)) > 30
    girths = [body.radii["waist"] / body.height for body, _ in bodies.values()]
    assert max(girths) / min(girths) > 1.15
    for (_, one), (_, other) in combinations(bodies.values(), 2):
        assert sum(np.abs(one.colours[part] - other.colours[part]).max() > 10 for part in one.colours) > 4


def test_sub_actions_are_those_of_the_paper_in_its_order() -> None:
    assert tuple(SUBACTIONS) == ACTIONS and set(WALKS) < set(ACTIONS)
    assert all(len(ways) == 2 for ways in SUBACTIONS.values())


def _hip_height(action: str) -> float:
    return float(np.median([job.person().joints["pelvis"][2] for job in _films(action)]))


def test_hips_are_low_on_the_floor_higher_on_a_chair_and_highest_on_foot() -> None:
    down, chair, walk = (_hip_height(action) for action in ("SittingDown", "Sitting", "Walking"))
    assert down < 400 < chair < 700 < 850 < walk
    assert all(job.person().seats for job in _films("Sitting", 2) + _films("Eating", 2))
    assert not any(job.person().seats for job in _films("SittingDown", 2))


def _reach(action: str, hands: str, joint: str) -> float:
    """Median distance in mm from a joint to the nearer ("near") or the farther ("far") wrist."""
    pick = {"near": min, "far": max}[hands]
    people = [job.person().joints for job in _films(action)]
    return float(np.median([
        pick(np.linalg.norm(joints[f"{side}_wrist"] - joints[joint]) for side in "lr") for joints in people
    ]))


def test_hands_are_where_the_actions_need_them() -> None:
    assert _reach("Phoning", "near", "nose") < 200 < 400 < _reach("Phoning", "far", "nose")
    assert _reach("Photo", "far", "nose") < 250
    assert _reach("Eating", "near", "nose") < 350
    assert _reach("Walking", "near", "nose") > 550
    assert _reach("WalkTogether", "far", "pelvis") > _reach("Walking", "far", "pelvis") + 50


def test_those_who_walk_get_about_and_all_face_every_way() -> None:
    for action in ("Walking", "WalkDog", "Waiting", "Sitting"):
        people = [_job(action, 7, 1, frame).person() for frame in range(0, 2400, 40)]
        places = np.stack([person.joints["pelvis"][:2] for person in people])
        assert (np.linalg.norm(np.diff(places, axis=0), axis=1).mean() > 300) == (action in WALKS)
        assert np.abs(places).max() < 1250
        ahead = np.stack([person.posture.frames["pelvis"][:2, 0] for person in people])
        assert len(set(np.arctan2(ahead[:, 1], ahead[:, 0]) // (np.pi / 2))) >= 3
        if action in WALKS:
            way = np.gradient(places, axis=0)
            assert np.median((way * ahead).sum(axis=1) / np.linalg.norm(way, axis=1)) > 0.8


def test_joints_and_hands_stay_inside_the_pictures() -> None:
    outside = []
    for action in ACTIONS:
        for job in _films(action, 4):
            person = job.person()
            for number in (1, 2, 3, 4):
                camera = camera_of(SEED, number)
                pixels = camera.project(camera.from_world(person.outline))
                outside.append(not ((pixels > -0.5) & (pixels < SIZE - 0.5)).all())
                pelvis = camera.project(camera.from_world(person.joints["pelvis"]))
                assert (pelvis > SIZE / 9).all() and (pelvis < SIZE * 8 / 9).all()
    assert np.mean(outside) < 0.01


def _posed(job: Job) -> Array:
    """Joints (17, 3) around the pelvis, turned to the person's own front."""
    person = job.person()
    ahead = person.posture.frames["pelvis"][:2, 0]
    cos, sin = ahead / np.linalg.norm(ahead)
    joints = person.pick(JOINTS)
    turned: Array = (joints - joints[0]) @ np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return turned


@pytest.mark.parametrize("action", ACTIONS)
def test_no_two_frames_of_a_clip_are_equal_and_two_sub_actions_differ(action: str) -> None:
    first, second = ([_posed(_job(action, 6, way, STEP * i)) for i in range(8)] for way in (1, 2))
    for one, other in combinations(first, 2):
        assert np.linalg.norm(one - other, axis=1).mean() > 15
    assert np.linalg.norm(np.mean(first, axis=0) - np.mean(second, axis=0), axis=1).mean() > 15


def test_a_film_moves_smoothly_and_within_the_limits_of_joints() -> None:
    rng = np.random.default_rng(0)
    for action in ("Walking", "Waiting", "SittingDown"):
        people = [_job(action, 7, 2, frame).person() for frame in range(100, 115)]
        steps = np.linalg.norm(np.diff([person.pick(JOINTS) for person in people], axis=0), axis=2)
        assert 0 < steps.max() < 120
        activity = SUBACTIONS[action][1]
        film = draw_film(rng, activity, action in WALKS)
        angles = np.stack([activity.varied(i / 7, film.wander.at(i)[:-1]) for i in range(7)])
        assert (angles >= LIMITS[:, 0]).all() and (angles <= LIMITS[:, 1]).all()


def test_wandering_has_mean_0_and_deviation_1() -> None:
    wander = draw_wander(np.random.default_rng(3), 11, (4, 25))
    values = np.stack([wander.at(second) for second in range(4000)])
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=0.05)


def test_either_side_may_lead() -> None:
    body = subject(SEED, 7)
    films = [draw_film(np.random.default_rng(i), SUBACTIONS["Phoning"][0], False) for i in range(12)]
    people = [film.person(3.0, *body).joints for film in films]
    near = [min("lr", key=lambda side: np.linalg.norm(one[f"{side}_wrist"] - one["nose"])) for one in people]
    assert set(near) == {"l", "r"}


def test_pictures_do_not_depend_on_the_number_of_workers_or_of_cameras(made: Path, tmp_path: Path) -> None:
    together = make(tmp_path / "human36m", 1, 1, 1, seed=SEED, workers=2)
    less, more = _contents(together), _contents(made)
    pictures = [name for name in less if name.endswith(".jpg")]
    assert len(pictures) == 105 and all(less[name] == more[name] for name in pictures)
    assert _read(together, 9, "joint_3d") == _read(made, 9, "joint_3d")


def test_another_seed_gives_other_people_in_another_room() -> None:
    job = _job("Walking")
    other = Job("unused", Clip(SEED + 1, 9, job.clip.action, 1), 0, 4)
    assert (take(job, 1, []) != take(other, 1, [])).mean() > 0.5
    assert not np.allclose(job.person().pick(JOINTS), other.person().pick(JOINTS), atol=5)


def test_a_killed_call_is_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    calls: List[Job] = []
    make_one = make_human36m.make_one

    def dies_at_the_third(job: Job) -> List[List[float]]:
        calls.append(job)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return make_one(job)

    folder = tmp_path / "human36m"
    monkeypatch.setattr(make_human36m, "make_one", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        make(folder, 1, 2, 1, seed=SEED, workers=1)
    assert not folder.exists()
    first = "s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000001.jpg"
    kept = (tmp_path / ".human36m.part" / "images" / first).stat().st_mtime_ns
    make(folder, 1, 2, 1, seed=SEED, workers=1)
    assert (folder / "images" / first).stat().st_mtime_ns == kept
    assert _contents(folder) == _contents(made)


def test_a_folder_with_other_data_is_refused(made: Path) -> None:
    with pytest.raises(InputError, match="contains other data"):
        make(made, 1, 2, 2, seed=SEED)
