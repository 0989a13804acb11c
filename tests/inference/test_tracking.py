"""People of a video: who is who through crossings and absences; filled gaps, steady joints, boxes that follow."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Sequence

import integral_pose  # isort: skip  # noqa: F401

import cv2
import numpy as np
import pytest

from benchmarks import video as figures
from integral_pose.geometry import Array
from integral_pose.inference import boxes as box_files
from integral_pose.inference import hog
from integral_pose.inference.boxes import NONE, Boxes
from integral_pose.inference.estimator import Person, Seen
from integral_pose.inference.media import Picture
from integral_pose.inference.tracking import following, gaps, smoothing
from integral_pose.inference.tracking.cuts import Cuts
from integral_pose.inference.tracking.following import Following
from integral_pose.inference.tracking.identity import Tracker
from integral_pose.skeletons import MPII
from integral_pose.synthetic import detections, make_video
from integral_pose.synthetic.make_video import Frame, Truth

POSE = np.random.default_rng(5).uniform(-1, 1, (16, 2)) * (15, 45)
BLACK = np.zeros((4, 4, 3), np.uint8)


def person(x: float, y: float = 100.0, joints: Optional[Array] = None, **changes: Any) -> Person:
    """Somebody 40 px wide and 100 px high about a place."""
    found = Person(np.array([x - 20, y - 50, 40, 100]), 0.9, POSE + (x, y) if joints is None else joints, np.ones(16))
    return found._replace(**changes)


def frame(number: int, people: Iterable[Person], rate: float = 25.0) -> Seen:
    return Seen(Picture(str(number), BLACK, number / rate), list(people))


def tracked(frames: Sequence[Sequence[Person]], tracker: Tracker, looks: int = 1) -> List[Seen]:
    """The people who are somebody; the detector looks in every n-th frame."""
    return list(tracker.certain(tracker.identify(frame(number, people), new=number % looks == 0)
                                for number, people in enumerate(frames)))


def identities(frames: Sequence[Sequence[Person]]) -> List[Dict[Optional[int], float]]:
    """For each frame x of each identity."""
    seen = tracked(frames, Tracker(MPII))
    return [{one.identity: round(float(one.box[0]) + 20) for one in each.people} for each in seen]


def test_two_who_cross_keep_their_identities_in_whatever_order_they_come() -> None:
    rng = np.random.default_rng(0)
    frames = []
    for number in range(60):
        two = [person(20 + 5 * number), person(320 - 5 * number, 104)]
        frames.append(two if rng.uniform() < 0.5 else two[::-1])
    found = identities(frames)
    for number, each in enumerate(found):
        first = 0 if found[0][0] == 20 else 1
        assert each == {first: 20 + 5 * number, 1 - first: 320 - 5 * number}


def test_somebody_hidden_for_a_moment_gets_the_identity_back_and_later_a_new_one() -> None:
    for away, expected in ((10, 1), (40, 2)):
        frames: List[List[Person]] = [[person(50 + 3 * n), *([] if 15 <= n < 15 + away else [person(400 - 2 * n)])]
                                      for n in range(80)]
        assert set().union(*identities(frames)) == set(range(1 + expected))


def test_a_box_of_nobody_is_left_out_and_counted() -> None:
    tracker = Tracker(MPII)
    frames = [[person(100 + n), *([person(300, 60)] if n in (0, 7, 39) else [])] for n in range(40)]
    seen = tracked(frames, tracker)
    assert [len(each.people) for each in seen] == [1] * 40
    assert (tracker.count, tracker.doubtful) == (1, 3)


def test_the_first_sights_of_somebody_are_kept_and_frames_wait_for_a_few_looks_only() -> None:
    tracker, read = Tracker(MPII), []

    def frames() -> Any:
        for number in range(30):
            read.append(number)
            people = [person(100 + number), *([person(300, 60)] if 10 <= number < 15 else [])]  # 5 in a following box
            yield tracker.identify(frame(number, people if number >= 3 else []), new=number % 5 == 0 or number == 3)

    waits = []
    for seen in tracker.certain(frames()):
        assert [one.identity for one in seen.people] == ([0] if int(seen.picture.name) >= 3 else [])
        waits.append(len(read) - 1 - int(seen.picture.name))
    assert waits[:6] == [0, 0, 0, 2, 1, 0] and waits[10] == 10 and max(waits[20:]) == 0 and tracker.doubtful == 1


def test_a_video_of_one_look_keeps_whom_it_shows() -> None:
    assert [len(seen.people) for seen in tracked([[person(50), person(300)]] * 4, Tracker(MPII), looks=9)] == [2] * 4


def test_whoever_is_there_after_a_cut_is_somebody_new() -> None:
    tracker = Tracker(MPII)

    def frames() -> Any:
        for number in range(9):
            if number in (2, 5, 6):
                tracker.forget()
            yield tracker.identify(frame(number, [person(50)]))

    found = [[one.identity for one in seen.people] for seen in tracker.certain(frames())]
    assert found == [[0], [0], [1], [1], [1], [], [2], [2], [2]] and tracker.doubtful == 1


def test_of_two_following_boxes_on_one_person_one_is_left_out() -> None:
    tracker = Tracker(MPII)
    tracker.identify(frame(0, [person(50), person(90)]))
    both = tracker.identify(frame(1, [person(52), person(53)]), new=False)
    assert [one.identity for one in both.people] == [0]
    assert [one.identity for one in tracker.identify(frame(2, [person(54), person(94)])).people] == [0, 1]


def test_whom_the_detector_does_not_see_any_more_is_not_followed() -> None:
    boxes = Following(lambda picture: Boxes(person(100).box[None], np.ones(1)) if int(picture.name) < 10 else NONE,
                      Tracker(MPII), Cuts(), 5)
    given = []
    for number in range(60):
        picture = Picture(str(number), np.zeros((200, 400, 3), np.uint8), number / 25)
        given.append(len(boxes(picture).edges))
        boxes.saw(Seen(picture, [person(100)] * given[-1]))
    assert given == [1] * 10 + [0] * 50 and not boxes.tracker.tracks


# ---------------------------------------------------------------- boxes and cuts


def test_boxes_follow_the_joints_between_detections() -> None:
    asked: List[str] = []

    def detect(picture: Picture) -> Boxes:
        asked.append(picture.name)
        return Boxes(person(100 + 4 * int(picture.name)).box[None], np.array([0.9]))

    boxes = Following(detect, Tracker(MPII), Cuts(), 4)
    lates = []  # px: boxes that follow come a frame late, and go half of the way to the detector's
    for number in range(10):
        picture = Picture(str(number), np.zeros((200, 400, 3), np.uint8), number / 25)
        given = boxes(picture)
        lates.append(round(float(person(100 + 4 * number).box[0] - given.edges[0, 0]), 6))
        np.testing.assert_allclose(given.edges[0, 1:], person(100).box[1:], atol=1e-6)
        seen = boxes.saw(Seen(picture, [person(100 + 4 * number, box=given.edges[0])]))
        assert [one.identity for one in seen.people] == [0]
    assert asked == ["0", "4", "8"] and lates == [0, 4, 4, 4, 2, 6, 6, 6, 3, 7]


@pytest.mark.parametrize("every, expected", [(2, [100, 104, 160]), (1, [100, 108, 160])])
def test_a_box_goes_half_of_the_way_to_a_detection_unless_there_is_one_in_every_frame(
    every: int, expected: List[float]
) -> None:
    looks = iter([Boxes(person(x).box[None], np.ones(1)) for x in (100, 108, 160)])  # the last is of somebody else
    boxes, given = Following(lambda _: next(looks), Tracker(MPII), Cuts(), every), []
    for number in range(2 * every + 1):
        picture = Picture(str(number), np.zeros((200, 400, 3), np.uint8), number / 25)
        given.append(float(boxes(picture).edges[0, 0]) + 20)
        boxes.saw(Seen(picture, [person(100)]))
    assert given[::every] == expected


def test_joints_that_are_found_elsewhere_do_not_move_the_box() -> None:
    track = Tracker(MPII)._begin(person(100), 0.0)
    joints = POSE + (103, 100)
    joints[:4] += (150, -80)  # 4 of 16
    track.person = person(103, joints=joints)
    np.testing.assert_allclose(following.moved(track), person(103).box, atol=1e-6)


def test_the_detector_looks_in_every_frame_while_two_are_close() -> None:
    asked: List[int] = []

    def detect(picture: Picture) -> Boxes:
        asked.append(int(picture.name))
        return Boxes(np.array([one.box for one in two(int(picture.name))]), np.ones(2))

    def two(number: int) -> List[Person]:
        return [person(60 + 10 * number), person(260 - 10 * number)]

    boxes = Following(detect, Tracker(MPII), Cuts(), 100)
    for number in range(20):
        picture = Picture(str(number), np.zeros((200, 400, 3), np.uint8), number / 25)
        given = boxes(picture)
        if number in asked:  # a box that follows may be on the other
            np.testing.assert_allclose(given.edges, [one.box for one in two(number)])
        boxes.saw(Seen(picture, two(number)))
    assert asked == [0, *range(asked[1], asked[-1] + 1)] and asked[1] in (9, 10) and asked[-1] in (11, 12)


def test_a_box_grows_with_the_joints_and_ends_with_the_picture() -> None:
    boxes = Following(lambda _: Boxes(person(100).box[None], np.ones(1)), Tracker(MPII), Cuts(), 5)
    picture = Picture("0", np.zeros((200, 400, 3), np.uint8), 0.0)
    boxes(picture)
    boxes.saw(Seen(picture, [person(100)]))
    track = boxes.tracker.tracks[0]
    track.person = person(100, joints=1.2 * POSE + (100, 100))
    near, size = following.moved(track)[:2], following.moved(track)[2:]
    np.testing.assert_allclose(size, [48, 120])
    np.testing.assert_allclose(near + size / 2, (100, 100), atol=3)
    track.person = person(-90)
    assert len(boxes(picture).edges) == 0


def test_a_cut_is_found_and_a_pan_is_none() -> None:
    rng = np.random.default_rng(1)
    scenes = [cv2.resize(rng.integers(0, 255, (5, 9, 3)).astype(np.uint8), (320, 90)) for _ in range(2)]
    cuts = Cuts()
    for number in range(20):
        scene = scenes[number >= 12]
        assert cuts.is_cut(Picture(str(number), scene[:, 4 * number : 4 * number + 128])) == (number == 12)
    assert cuts.frames == ["12"]


def test_opencvs_detector_finds_nobody_in_an_empty_picture() -> None:
    edges, scores = hog.people(np.full((130, 70, 3), 90, np.uint8))
    assert edges.shape == (0, 4) and scores.shape == (0,)


def test_opencvs_detector_needs_two_windows_that_agree() -> None:
    boxes = np.array([[0, 0, 40, 80], [100, 0, 40, 80], [2, 2, 40, 80], [110, 30, 20, 40], [0, 0, 41, 79]], float)
    assert hog._agreed(boxes) == [0]  # a small window in a large one shows a part, and does not agree


# ---------------------------------------------------------------- gaps and smoothing


@pytest.mark.parametrize("limit, away, filled", [(5, 5, True), (5, 6, False), (1, 1, True)])
def test_gaps_are_filled_up_to_a_limit_and_marked(limit: int, away: int, filled: bool) -> None:
    def view(number: int) -> Seen:
        here = [person(100 + 2 * number, identity=0)] if not 3 <= number < 3 + away else []
        return frame(number, [*here, person(300, identity=1)], rate=10)

    found = list(gaps.filled((view(number) for number in range(12)), limit))
    assert [seen.picture.name for seen in found] == [str(number) for number in range(12)]
    for number, seen in enumerate(found):
        mine = [one for one in seen.people if one.identity == 0]
        missing = 3 <= number < 3 + away
        assert len(mine) == (filled or not missing) and seen.people[-1].identity == 1
        if mine:
            assert mine[0].filled == missing and mine[0].confidence[0] == (not missing)
            np.testing.assert_allclose(mine[0].joints, person(100 + 2 * number).joints)


def test_gaps_of_an_uneven_video_are_filled_by_time() -> None:
    times = [0.0, 0.1, 0.7, 0.8]
    frames = [Seen(Picture(str(n), BLACK, at), [] if n in (1, 2) else [person(100 + 100 * at, identity=0)])
              for n, at in enumerate(times)]
    for at, seen in zip(times, gaps.filled(iter(frames), 5)):
        np.testing.assert_allclose(seen.people[0].box, person(100 + 100 * at).box)


def test_frames_wait_only_while_somebody_is_away() -> None:
    read: List[int] = []

    def frames() -> Any:
        for number in range(8):
            read.append(number)
            yield frame(number, [] if 3 <= number < 6 else [person(100, identity=0)])

    waits = [(int(seen.picture.name), len(read)) for seen in gaps.filled(frames(), 4)]
    assert waits == [(0, 1), (1, 2), (2, 3), (3, 7), (4, 7), (5, 7), (6, 7), (7, 8)]


def wander(count: int, speed: float, noise: float) -> List[Seen]:
    rng = np.random.default_rng(3)
    return [frame(n, [person(100 + speed * n, joints=POSE + (100 + speed * n, 100) + rng.normal(0, noise, (16, 2)),
                             identity=0)]) for n in range(count)]


@pytest.mark.parametrize("speed", [0.0, 2.0])
def test_jitter_drops_by_three_times_at_a_lag_under_two_frames(speed: float) -> None:
    raw = wander(150, speed, 2.0)
    smooth = list(smoothing.smoothed(raw, 0))
    for before, after in zip(figures.jitter(raw), figures.jitter(smooth)):
        assert before > 3 * after
    if speed:
        assert 0.3 < figures.lag(raw, smooth) < 2


def test_what_stands_still_stays_and_unsure_joints_follow_later() -> None:
    still = list(smoothing.smoothed(wander(5, 0, 0), 0))
    np.testing.assert_allclose(still[-1].people[0].joints, POSE + 100)
    sure = np.ones(16)
    unsure = sure.copy()
    unsure[3] = 0.1
    frames = [frame(0, [person(100)]), frame(1, [person(110, confidence=unsure)])]
    moved = list(smoothing.smoothed(frames, 0))[1].people[0].joints[:, 0] - POSE[:, 0] - 100
    assert moved[3] < 0.5 * moved[2] and moved[2] == pytest.approx(moved[0])


def test_a_joint_that_is_elsewhere_for_a_frame_hardly_moves() -> None:
    places = [100.0] * 60
    places[30] += 100  # the length of the person
    frames = [frame(n, [person(100, joints=POSE + (x, 100))]) for n, x in enumerate(places)]
    moved = [seen.people[0].joints[0, 0] - POSE[0, 0] - 100 for seen in smoothing.smoothed(frames, 0)]
    assert max(moved) == moved[30] < 40 and moved[31] < 30 and moved[40] < 2


def test_millimetres_are_smoothed_with_their_root() -> None:
    rng = np.random.default_rng(0)
    place = rng.normal(0, 300, (16, 3)) + (0, 0, 4000)
    raw = [frame(n, [person(100, space=place + rng.normal(0, 20, (16, 3)))]) for n in range(60)]
    smooth = list(smoothing.smoothed(raw, 6))
    before, after = (np.array([seen.people[0].space for seen in of])[20:] for of in (raw, smooth))
    assert np.linalg.norm(after - place, axis=2).mean() < 0.6 * np.linalg.norm(before - place, axis=2).mean()


# ---------------------------------------------------------------- the synthetic video


def test_the_synthetic_video_knows_who_is_hidden() -> None:
    first, last = make_video.frames(10, 4.4, 0.5)
    assert first.pixels.shape[1::-1] == make_video.SIZE and (first.seconds, last.seconds) == (0, 2)
    for each in (first, last):
        assert [truth.person for truth in each.people] == [0, 1, 2] and 1 <= len(each.detections) <= 6
        assert each.people[0].clear > 0.99  # the first is nearest
    assert min(truth.clear for each in (first, last) for truth in each.people) < 0.9
    for truth in first.people:
        rows = truth.joints[:, 1] - truth.box[1]
        assert (rows > -1).all() and (rows < truth.box[3] + 1).all() and truth.space.shape == (18, 3)


def test_the_synthetic_video_can_be_written_with_its_boxes(tmp_path: Path) -> None:
    command = figures.write(10, 0.2, tmp_path / "made")
    assert f"{tmp_path / 'made' / '10.mp4'} --boxes" in command
    video = cv2.VideoCapture(str(tmp_path / "made" / "10.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 5
    file = box_files.of_frames(box_files.read(tmp_path / "made" / "10.json"))
    assert sorted(file.by_number) == [0, 1, 2, 3, 4] and file.most >= 2


def test_switches_identities_and_errors_are_counted() -> None:
    rng = np.random.default_rng(0)
    visible = detections.Seen(np.array([[0.0, 0], [9, 9]]), 81, 1.0)
    frames = [Frame(BLACK, n / 25, [Truth(i, np.ones((18, 2)), rng.normal(0, 1, (18, 3)), person(100 + 200 * i).box, 1,
                                          visible) for i in range(2)], np.empty((0, 5))) for n in range(4)]
    video = []
    for n, each in enumerate(frames):
        order = [0, 1] if n < 2 else [1, 0]
        people = [Person(truth.box, 1, truth.joints, np.ones(18), truth.space + (0, 0, 9), identity=who)
                  for truth, who in zip(each.people, order)]
        video.append(frame(n, people if n else people[:1]))
    measured = figures.figures_of(frames, video)
    assert (measured.switches, measured.identities, measured.found) == (2, 2, 7 / 8)
    assert measured.error == pytest.approx(0)
