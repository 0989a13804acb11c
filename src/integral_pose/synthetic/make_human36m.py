"""Synthetic people written to disk as the real Human3.6M is, in the JSON layout that circulates with 3DMPPE.

    FOLDER/images/s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000001.jpg
    FOLDER/annotations/Human36M_subject1_data.json      {images: […], annotations: […]}, as COCO has them
    FOLDER/annotations/Human36M_subject1_camera.json    {camera: {R, t, f, c}}, X_camera = R X + t
    FOLDER/annotations/Human36M_subject1_joint_3d.json  {action: {sub-action: {frame: (17, 3) mm in the world}}}

Seven subjects perform fifteen actions in two ways each, in one room, in front of four cameras. A clip has 50 frames a
second, of which every 320th is written: a multiple of the 5 by which readers thin training clips and of the 64 of test
clips. Of the two test subjects every 64th is. Frames count from 0 in the files, and from 1 in the names of the
pictures.
"""
from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Sequence, Tuple

import cv2
import numpy as np

from integral_pose.geometry import Array, Camera
from integral_pose.metrics.mpjpe import ACTIONS, TEST_SUBJECTS
from integral_pose.skeletons import HUMAN36M
from integral_pose.synthetic import folder as folders
from integral_pose.synthetic.drawing.backdrop import cast_shadows
from integral_pose.synthetic.drawing.raster import Canvas
from integral_pose.synthetic.drawing.renderer import Exposure, draw_exposure, draw_grain, paint_people
from integral_pose.synthetic.drawing.room import Room, draw_room, paint_room
from integral_pose.synthetic.folder import CORES, Recipe, save_picture
from integral_pose.synthetic.motion.body import Physique
from integral_pose.synthetic.motion.clip import Film, draw_film
from integral_pose.synthetic.motion.human36m_actions import SUBACTIONS, WALKS
from integral_pose.synthetic.motion.scene import Outfit, Person, look_at
from integral_pose.synthetic.versions import CLOTHES, SUITS, TAKEN

VERSIONS = {1: SUITS, 3: CLOTHES}  # of the pictures: a new number whenever the same seed gives other ones
VERSION = TAKEN["human36m"]
ANNOTATIONS, PICTURES, UNIT = "annotations", ("images",), "frame"
SIZE = 240  # px; the real 1000, and the cameras with it, times 0.24
RATE = 50  # frames a second
STEP, TEST_STEP = 320, 64  # from one written frame to the next; of those who are tested
JOINTS = HUMAN36M.joints[:17]
# Height in mm, and girth as a part of a middling body's.
SUBJECTS = {
    1: (1580, 0.94), 5: (1640, 1.15), 6: (1730, 0.86), 7: (1790, 1.02), 8: (1880, 1.12), 9: (1690, 1.08),
    11: (1840, 0.90),
}
_CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
_ROOM, _CAMERA, _SUBJECT, _FILM, _EXPOSURE, _GRAIN = range(6)  # what a generator is for
_FIRST_ACTION = 2  # Human3.6M's own number of Directions


def _generator(seed: int, *key: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence((seed, *key)))


@dataclass(frozen=True)
class Clip:
    """One subject's clip of one sub-action; `action` is 2 to 16, `subaction` 1 or 2."""

    seed: int
    subject: int
    action: int
    subaction: int
    version: int = VERSION

    @property
    def name(self) -> str:
        """Of the action."""
        return ACTIONS[self.action - _FIRST_ACTION]

    def folder(self, camera: int) -> str:
        """Name of the folder of one camera's pictures."""
        return f"s_{self.subject:02d}_act_{self.action:02d}_subact_{self.subaction:02d}_ca_{camera:02d}"

    def file(self, camera: int, frame: int) -> str:
        """A picture's path below images/."""
        return f"{self.folder(camera)}/{self.folder(camera)}_{frame + 1:06d}.jpg"


@dataclass(frozen=True)
class Job:
    """One frame of a clip, as the first `cameras` cameras take it."""

    folder: str
    clip: Clip
    frame: int
    cameras: int

    def person(self) -> Person:
        """The subject at this time."""
        clip = self.clip
        return _film(clip).person(self.frame / RATE, *subject(clip.seed, clip.subject, clip.version))


@lru_cache(maxsize=None)
def subject(seed: int, number: int, version: int = VERSION) -> Tuple[Physique, Outfit]:
    """Body and clothes of a subject, the same in all clips."""
    rng, cast = _generator(seed, _SUBJECT, number), VERSIONS[version].cast
    return cast.physique(rng, *SUBJECTS[number]), cast.outfit(rng)


@lru_cache(maxsize=2)
def _film(clip: Clip) -> Film:
    rng = _generator(clip.seed, _FILM, clip.subject, clip.action, clip.subaction)
    return draw_film(rng, SUBACTIONS[clip.name][clip.subaction - 1], clip.name in WALKS)


@lru_cache(maxsize=None)
def camera_of(seed: int, number: int) -> Camera:
    """Camera 1 to 4: near a corner, somewhat below head height, towards the middle."""
    rng = _generator(seed, _CAMERA, number)
    x, y = np.array(_CORNERS[number - 1]) * (rng.uniform(1800, 2100), rng.uniform(4800, 5200))
    target = np.array([*rng.uniform(-80, 80, 2), rng.uniform(850, 950)])
    camera = look_at(np.array([x, y, rng.uniform(1450, 1650)]), target, rng.normal(0, 0.8), 1.0, (SIZE, SIZE))
    focal = rng.uniform(1143, 1150) * SIZE / 1000
    column, row = np.array(camera.centre) + rng.uniform(-6, 6, 2)
    return replace(camera, focal=(focal, focal * rng.uniform(0.998, 1.002)), centre=(float(column), float(row)))


@lru_cache(maxsize=None)
def _room(seed: int) -> Room:
    return draw_room(_generator(seed, _ROOM))


@lru_cache(maxsize=None)
def _empty(seed: int, number: int) -> Tuple[Canvas, Exposure]:
    """What a camera sees of the empty room, and how it records."""
    canvas = paint_room(_room(seed), camera_of(seed, number), (SIZE, SIZE))
    return canvas, draw_exposure(_generator(seed, _EXPOSURE, number))


def take(job: Job, camera: int, people: Sequence[Person]) -> Array:
    """The picture (SIZE, SIZE, 3) BGR of people in the room, or of the empty room, at the time of a job."""
    clip = job.clip
    empty, exposure = _empty(clip.seed, camera)
    canvas, light = empty.copy(), _room(clip.seed).light
    cast_shadows(canvas, people, light)
    paint_people(canvas, people, light, VERSIONS[clip.version].setting.finish)
    rng = _generator(clip.seed, _GRAIN, clip.subject, clip.action, clip.subaction, camera, job.frame)
    return replace(exposure, grain=draw_grain(rng)).developed(canvas, (SIZE, SIZE))


def make_one(job: Job) -> List[List[float]]:
    """Write the pictures of a frame that are not there already; returns its joints (17, 3), mm in the world."""
    cv2.setNumThreads(1)
    person = job.person()
    for camera in range(1, job.cameras + 1):
        path = Path(job.folder) / "images" / job.clip.file(camera, job.frame)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            save_picture(path, take(job, camera, [person]))
    joints: List[List[float]] = person.pick(JOINTS).round(4).tolist()
    return joints


def make(
    folder: Path, subactions: int, cameras: int, frames: int, seed: int, workers: int = CORES,
    version: int = VERSION, test_frames: int = 0,
) -> Path:
    """Make Human3.6M's layout in `folder`, unless it is there; returns `folder`.

    Of each action the first `subactions` of 2 are made, of the four cameras the first `cameras`, and of each clip
    `frames` frames. Of the test subjects' clips these are made with those in between or, if it is given, the first
    `test_frames` of all those. What they show depends on the seed alone. A killed call is resumed.

    Raises:
        InputError: `folder` exists but holds something else, or cannot be made; or a worker died.
    """
    recipe = {"version": version, "subactions": subactions, "cameras": cameras, "frames": frames, "seed": seed}
    if test_frames:
        recipe["test_frames"] = test_frames
    return folders.make(folder, __name__, recipe, workers)


def jobs_of(part: Path, recipe: Recipe) -> List[Job]:
    """All frames that a recipe asks for, clip by clip."""
    clips = [
        Clip(recipe["seed"], number, _FIRST_ACTION + action, subaction + 1, recipe["version"])
        for number in SUBJECTS for action in range(len(ACTIONS)) for subaction in range(recipe["subactions"])
    ]
    return [
        Job(str(part), clip, frame, recipe["cameras"])
        for clip in clips for frame in frames_of(clip.subject, recipe["frames"], recipe.get("test_frames", 0))
    ]


def frames_of(number: int, frames: int, test_frames: int = 0) -> range:
    """Which frames of a subject's clips are written."""
    if number not in TEST_SUBJECTS[2]:
        return range(0, STEP * frames, STEP)
    return range(0, TEST_STEP * test_frames if test_frames else STEP * (frames - 1) + 1, TEST_STEP)


def annotate(folder: Path, jobs: Sequence[Job], made: List[Any]) -> None:
    """Write each subject's three files. Numbers of images go on from one subject to the next."""
    number = count()
    for name in SUBJECTS:
        mine = [(job, joints) for job, joints in zip(jobs, made) if job.clip.subject == name]
        cameras = {i: camera_of(job.clip.seed, i) for job, _ in mine[:1] for i in range(1, job.cameras + 1)}
        records = list(_records(mine, cameras, number))
        contents = {
            "data": {"images": [image for image, _ in records], "annotations": [person for _, person in records]},
            "camera": {i: _calibration(camera) for i, camera in cameras.items()},
            "joint_3d": _joints(mine),
        }
        for kind, content in contents.items():
            (folder / ANNOTATIONS / f"Human36M_subject{name}_{kind}.json").write_text(json.dumps(content))


def _joints(made: Iterable[Tuple[Job, Any]]) -> Dict[int, Dict[int, Dict[int, Any]]]:
    by_action: Dict[int, Dict[int, Dict[int, Any]]] = {}
    for job, joints in made:
        by_action.setdefault(job.clip.action, {}).setdefault(job.clip.subaction, {})[job.frame] = joints
    return by_action


def _calibration(camera: Camera) -> Dict[str, Any]:
    translation = -camera.rotation @ camera.position
    return {"R": camera.rotation.tolist(), "t": translation.tolist(), "f": camera.focal, "c": camera.centre}


def _records(
    made: List[Tuple[Job, Any]], cameras: Dict[int, Camera], number: Iterator[int]
) -> Iterator[Tuple[Dict[str, Any], Dict[str, Any]]]:
    """The records of each image and of the person on it, video by video."""
    seen = [(job, i, joints) for job, joints in made for i in cameras]
    seen.sort(key=lambda one: (one[0].clip.action, one[0].clip.subaction, one[1], one[0].frame))
    for job, i, joints in seen:
        clip, here = job.clip, next(number)
        image = {
            "id": here, "file_name": clip.file(i, job.frame), "width": SIZE, "height": SIZE, "subject": clip.subject,
            "action_name": clip.name, "action_idx": clip.action, "subaction_idx": clip.subaction, "cam_idx": i,
            "frame_idx": job.frame,
        }
        pixels = cameras[i].project(cameras[i].from_world(np.array(joints)))
        yield image, {"id": here, "image_id": here, "bbox": _box(pixels), "keypoints_vis": [True] * len(JOINTS)}


def _box(pixels: Array) -> List[float]:
    """Left, top, width and height of 1.2 times the box around joints (K, 2)."""
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    side = 1.2 * (high - low)
    box: List[float] = [*((low + high - side) / 2).tolist(), *side.tolist()]
    return box
