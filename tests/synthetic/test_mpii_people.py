from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, Tuple

import cv2
import numpy as np
import pytest
import scipy.io

from integral_pose.errors import InputError
from integral_pose.geometry import Array, Camera
from integral_pose.skeletons import MPII
from integral_pose.synthetic import folder, make_mpii
from integral_pose.synthetic.drawing import capsules
from integral_pose.synthetic.drawing.capsules import paint_solids
from integral_pose.synthetic.drawing.figure import draw_suit
from integral_pose.synthetic.drawing.raster import Canvas, Light, Slab, paint_slab
from integral_pose.synthetic.drawing.renderer import photograph, render
from integral_pose.synthetic.drawing.solids import Solids
from integral_pose.synthetic.make_mpii import Job, annotation, make
from integral_pose.synthetic.motion.activities import ACTIVITIES, Activity
from integral_pose.synthetic.motion.body import ANGLES, LIMITS, TREE, draw_physique, limit, mirrored, pack, pose
from integral_pose.synthetic.motion.crowd import Gathering, draw_gathering
from integral_pose.synthetic.motion.scene import draw_person, look_at
from integral_pose.synthetic.motion.shot import draw_shot

COCO = ("nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_shoulder", "l_elbow", "l_wrist", "l_hip", "l_knee", "l_ankle")
SPREAD = [
    Job("unused", split, index, seed=3) for split, index in (("train", 0), ("train", 1), ("valid", 0), ("valid", 5))
]


def _contents(folder: Path) -> Dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.suffix != ".mat"}


def _wild_angles(rng: np.random.Generator, count: int) -> Array:
    return rng.uniform(LIMITS[:, 0], LIMITS[:, 1], (count, len(ANGLES)))


def test_limbs_keep_their_lengths_in_any_pose() -> None:
    rng = np.random.default_rng(0)
    physique = draw_physique(rng)
    joints = pose(physique, _wild_angles(rng, 7), yaw=33).joints
    for joint in TREE:
        if joint.parent:
            length = np.linalg.norm(joints[joint.name] - joints[joint.parent], axis=-1)
            np.testing.assert_allclose(length, np.linalg.norm(physique.offsets[joint.name]), atol=1e-9)


def test_one_pose_equals_the_same_pose_in_a_batch() -> None:
    rng = np.random.default_rng(1)
    physique, angles = draw_physique(rng), _wild_angles(rng, 3)
    batch = pose(physique, angles).joints["r_wrist"]
    np.testing.assert_allclose(pose(physique, angles[2]).joints["r_wrist"], batch[2], atol=1e-9)


def test_a_standing_body_is_as_tall_as_it_says() -> None:
    physique = draw_physique(np.random.default_rng(2))
    joints = pose(physique, np.zeros(len(ANGLES))).joints
    sole = joints["l_heel"][2] - physique.radii["heel"]
    assert joints["head_top"][2] - sole == pytest.approx(physique.height, rel=0.01)
    assert 1500 <= physique.height <= 1950


@pytest.mark.parametrize("activity", ACTIVITIES, ids=lambda activity: activity.name)
def test_activities_stay_within_the_joint_limits(activity: Activity) -> None:
    rng = np.random.default_rng(4)
    angles = np.stack([activity.draw(rng) for _ in range(40)])
    assert (angles >= LIMITS[:, 0]).all() and (angles <= LIMITS[:, 1]).all()
    assert np.ptp(angles, axis=0).min() > 0


@pytest.mark.parametrize(
    "name, value, kept", [("l_knee.flex", -30, 0), ("r_knee.flex", 170, 145), ("r_elbow.flex", -5, 0)]
)
def test_hinges_bend_one_way_only(name: str, value: float, kept: float) -> None:
    assert pack({name: value})[ANGLES.index(name)] == kept


def test_bent_knees_point_forwards_and_bent_elbows_backwards() -> None:
    physique = draw_physique(np.random.default_rng(5))
    joints = pose(physique, pack({"l_knee.flex": 90, "l_elbow.flex": 90})).joints
    assert joints["l_ankle"][0] < joints["l_knee"][0] - 300
    assert joints["l_wrist"][0] > joints["l_elbow"][0] + 200


def test_left_is_on_the_persons_left_and_mirroring_exchanges_the_sides() -> None:
    rng = np.random.default_rng(6)
    physique, angles = draw_physique(rng), limit(_wild_angles(rng, 1)[0])
    joints, mirror = (pose(physique, one).joints for one in (angles, mirrored(angles)))
    assert pose(physique, np.zeros(len(ANGLES))).joints["l_hip"][1] > 0
    for name in ("wrist", "ankle", "eye"):
        np.testing.assert_allclose(mirror[f"r_{name}"], joints[f"l_{name}"] * [1, -1, 1], atol=1e-9)


@pytest.mark.parametrize("activity", ACTIVITIES, ids=lambda activity: activity.name)
def test_people_rest_on_the_floor_or_as_far_above_as_they_jump(activity: Activity) -> None:
    rng = np.random.default_rng(7)
    person = draw_person(rng, activity, draw_physique(rng), draw_suit(rng), yaw=50, spot=(300.0, -70.0))
    assert -1e-6 <= person.solids.lowest <= activity.lift + 1e-6
    assert set(COCO) | set(MPII.joints) | {"spine"} <= set(person.joints)


needs_the_compiled_painter = pytest.mark.skipif(capsules._compiled() is None, reason="the painter is not compiled")


@pytest.fixture(params=[pytest.param("compiled", marks=needs_the_compiled_painter), "numpy"])
def painter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the test with each of the two painters of solids."""
    if request.param == "numpy":
        monkeypatch.setattr(capsules, "_compiled", lambda: None)


with_each_painter = pytest.mark.usefixtures("painter")


def _camera(size: Tuple[int, int] = (90, 70)) -> Camera:
    return look_at(np.array([3000.0, 200, 1500]), np.array([0.0, 0, 900]), 4.0, 120.0, size)


def _ball(centre: Array, radius: float, colour: List[float]) -> Solids:
    ends = centre[None].astype(float)
    return Solids(ends, ends, np.full((1, 2), radius), np.eye(3)[None], np.array([colour]))


def _painted(solids: List[Solids], slabs: Tuple[Slab, ...] = ()) -> Canvas:
    canvas = Canvas(np.zeros((140, 180, 3), np.uint8), _camera(), 2)
    light = Light(np.array([0.6, 0.0, 0.8]), 0.5)
    for slab in slabs:
        paint_slab(canvas, slab, light)
    for solid in solids:
        paint_solids(canvas, solid, light, np.ones((140, 180), np.float32))
    return canvas


@with_each_painter
@pytest.mark.parametrize("centre", [(0, 0, 900), (300, -500, 1300), (-400, 600, 700)])
def test_a_ball_is_painted_where_the_camera_projects_it(centre: Tuple[float, float, float]) -> None:
    canvas = _painted([_ball(np.array(centre), 60, [0, 0, 200])])
    rows, columns = np.nonzero(np.isfinite(canvas.depths))
    seen = canvas.camera.from_world(np.array(centre, float))
    middle = (np.array([columns.mean(), rows.mean()]) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(middle, canvas.camera.project(seen), atol=0.2)
    assert canvas.depths.min() == pytest.approx(seen[2] - 60, rel=0.005)
    assert np.pi * (60 * 240 / seen[2]) ** 2 == pytest.approx(len(rows), rel=0.1)


@with_each_painter
def test_a_flattened_capsule_is_thin_where_it_is_flat() -> None:
    ends = np.array([[0.0, 0, 700], [0.0, 0, 1100]])
    shape = np.diag([1, 1 / 0.5, 1])[None]
    radius, colour = np.array([[120.0, 90]]), np.ones((1, 3))
    whole, flat = (
        np.isfinite(_painted([Solids(ends[:1], ends[1:], radius, s, colour)]).depths).sum(axis=1).max()
        for s in (np.eye(3)[None], shape)
    )
    assert flat == pytest.approx(whole / 2, abs=2)


@with_each_painter
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_limb_hides_the_farther(order: Tuple[int, int]) -> None:
    camera = _camera()
    near, far = (camera.position + depth * camera.rotation[2] for depth in (2000, 2600))
    balls = [_ball(near, 70, [200, 0, 0]), _ball(far, 140, [0, 0, 200])]
    blue, _, red = _painted([balls[i] for i in order]).colours[70, 90]
    assert blue > 60 and red == 0


@with_each_painter
@pytest.mark.parametrize("towards_camera, hidden", [(600.0, True), (-600.0, False)])
def test_a_box_hides_only_what_is_behind_it(towards_camera: float, hidden: bool) -> None:
    slab = Slab(np.array([towards_camera, 0, 0]), np.array([80.0, 900]), 2200, 0, np.array([0, 180.0, 0]))
    canvas = _painted([_ball(np.array([0.0, 0, 900]), 100, [0, 0, 200])], (slab,))
    assert (canvas.colours[..., 2].max() == 0) == hidden


@needs_the_compiled_painter
@pytest.mark.parametrize("crowd", [False, True], ids=["one", "crowd"])
def test_numpy_paints_what_the_compiled_painter_does_to_the_bit(monkeypatch: pytest.MonkeyPatch, crowd: bool) -> None:
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shot = draw_gathering(rng) if crowd else draw_shot(rng)
        people = shot.everyone if isinstance(shot, Gathering) else shot.people
        with monkeypatch.context() as without:
            canvas = photograph(people, shot.camera, shot.size, np.random.default_rng(seed)).canvas
            without.setattr(capsules, "_compiled", lambda: None)
            expected = photograph(people, shot.camera, shot.size, np.random.default_rng(seed)).canvas
        np.testing.assert_array_equal(canvas.colours, expected.colours)
        np.testing.assert_array_equal(canvas.depths, expected.depths)


def test_people_may_share_a_picture() -> None:
    rng = np.random.default_rng(9)
    people = [
        draw_person(rng, ACTIVITIES[i], draw_physique(rng), draw_suit(rng), 10, (-900.0 * i, 350.0 * i))
        for i in range(3)
    ]
    camera = look_at(np.array([4200.0, 0, 1300]), np.array([0.0, 0, 900]), 0.0, 260.0, (211, 173))
    one, three = (render(crowd, camera, (211, 173), np.random.default_rng(1)) for crowd in (people[:1], people))
    assert three.shape == (173, 211, 3) and three.dtype == np.uint8
    assert (one != three).any(axis=2).mean() > 0.02


@pytest.mark.parametrize("job", SPREAD, ids=lambda job: job.image)
def test_annotations_are_the_projected_joints_and_the_box_holds_them(job: Job) -> None:
    shot = job.shot()
    record, head = annotation(job, shot)
    joints, scale = np.array(record["joints"]) - 1, record["scale"]
    projected = shot.camera.project(shot.camera.from_world(shot.people[0].pick(MPII.joints)))
    vis = np.array(record["joints_vis"]) == 1
    np.testing.assert_allclose(joints[vis], projected[vis], atol=1e-9)
    centre = np.array(record["center"]) - 1 + np.array([0, 15 * scale])
    assert (np.abs(projected - centre) < 125 * scale).all()
    top, neck = projected[[MPII.index("head_top"), MPII.index("neck")]]
    assert (head[0] - 1 < (top + neck) / 2).all() and ((top + neck) / 2 < head[1] - 1).all()
    assert 0.06 < 0.6 * np.linalg.norm(head[1] - head[0]) / (250 * scale) <= 0.1 + 1e-9


def test_a_joint_outside_the_picture_is_missing() -> None:
    job = SPREAD[0]
    shot = job.shot()
    ankle = shot.camera.project(shot.camera.from_world(shot.people[0].joints["r_ankle"]))
    right = (shot.camera.centre[0] - ankle[0] - 3, shot.camera.centre[1])
    record, _ = annotation(job, replace(shot, camera=replace(shot.camera, centre=right)))
    assert record["joints"][0] == [-1, -1] and record["joints_vis"][0] == 0
    assert sum(record["joints_vis"]) < 16


def test_pictures_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    alone, together = make(tmp_path / "a", 5, 2, seed=8, workers=1), make(tmp_path / "b", 5, 2, seed=8, workers=2)
    assert _contents(alone) == _contents(together)
    other = make(tmp_path / "c", 2, 1, seed=9, workers=1)
    assert (other / "images/train_000001.jpg").read_bytes() != (alone / "images/train_000001.jpg").read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("synthetic") / "mpii", 4, 3, seed=8, workers=1)


def test_files_are_those_of_the_real_data_set(made: Path) -> None:
    for split, count in (("train", 4), ("valid", 3)):
        records = json.loads((made / "annot" / f"{split}.json").read_text())
        assert len(records) == count
        for record in records:
            assert set(record) == {"image", "center", "scale", "joints", "joints_vis"}
            assert np.shape(record["joints"]) == (16, 2) and np.shape(record["joints_vis"]) == (16,)
            assert cv2.imread(str(made / "images" / record["image"])).shape == (320, 320, 3)


def test_the_scorers_file_agrees_with_the_annotations(made: Path) -> None:
    truth = scipy.io.loadmat(str(made / "annot" / "gt_valid.mat"))
    records = json.loads((made / "annot" / "valid.json").read_text())
    joints = np.array([record["joints"] for record in records])
    vis = np.array([record["joints_vis"] for record in records])
    np.testing.assert_array_equal(truth["pos_gt_src"], joints.transpose(1, 2, 0))
    np.testing.assert_array_equal(truth["jnt_missing"], 1 - vis.T)
    assert truth["headboxes_src"].shape == (2, 2, 3)
    assert [str(name[0]) for name in truth["dataset_joints"][0]][:2] == ["rank", "rkne"]


def test_train_and_valid_people_differ(made: Path) -> None:
    pictures = [path.read_bytes() for path in sorted((made / "images").iterdir())]
    assert len(set(pictures)) == 7
    jobs = [Job("unused", split, i, 8) for split in ("train", "valid") for i in range(3)]
    assert len({job.shot().people[0].physique.height for job in jobs}) == 6


def test_a_complete_folder_is_left_as_it_is(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_mpii, "make_one", None)
    assert make(made, 4, 3, seed=8) == made


def test_a_folder_with_other_data_is_refused(made: Path) -> None:
    with pytest.raises(InputError, match="contains other data"):
        make(made, 4, 2, seed=8)


def test_a_folder_that_cannot_be_made_is_refused(made: Path) -> None:
    with pytest.raises(InputError, match="cannot be created"):
        make(made / "annot" / "train.json" / "deeper" / "mpii", 4, 3, seed=8)


def test_a_worker_that_dies_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder.sys, "executable", "/bin/false")
    with pytest.raises(InputError, match="exit status 1"):
        make(tmp_path / "mpii", 4, 3, seed=8, workers=2)
    assert not (tmp_path / "mpii").exists()


def test_a_script_without_a_main_guard_may_call_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from pathlib import Path\nfrom integral_pose.synthetic.make_mpii import make\n"
        f"print(make(Path({str(tmp_path / 'mpii')!r}), 2, 1, seed=8))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, timeout=60, check=True)
    assert done.stdout.decode().split() == [str(tmp_path / "mpii")]
    assert done.stderr == b""  # no progress bar where there is no terminal


def test_ctrl_c_while_workers_start_prints_no_tracebacks(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    """A terminal sends it to all of them; these are importing when it comes."""
    popen = folder.Popen

    class Pressed(popen):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            time.sleep(0.2)
            os.kill(self.pid, signal.SIGINT)

    deaf = signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background begins deaf to it
    try:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(InputError, match=r"ended early"):
            patch.setattr(folder, "Popen", Pressed)
            make(tmp_path / "mpii", 4, 3, seed=8, workers=2)
    finally:
        signal.signal(signal.SIGINT, deaf)
    assert "Traceback" not in capfd.readouterr().err


def test_a_killed_call_leaves_nothing_that_looks_complete_and_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Path
) -> None:
    calls: List[str] = []
    make_one = make_mpii.make_one

    def dies_at_the_third(job: Job) -> Tuple[Dict[str, object], List[List[float]]]:
        calls.append(job.image)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return make_one(job)

    monkeypatch.setattr(make_mpii, "make_one", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path / "mpii", 4, 3, seed=8, workers=1)
    assert not (tmp_path / "mpii").exists()
    kept = (tmp_path / ".mpii.part" / "images" / "train_000000.jpg").stat().st_mtime_ns
    make(tmp_path / "mpii", 4, 3, seed=8, workers=1)
    assert (tmp_path / "mpii" / "images" / "train_000000.jpg").stat().st_mtime_ns == kept
    assert _contents(tmp_path / "mpii") == _contents(made)
