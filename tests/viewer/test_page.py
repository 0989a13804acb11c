"""The page with 3D poses is one file that asks for nothing else; it draws, and its slider and keys work."""
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import integral_pose  # isort: skip  # noqa: F401

import numpy as np
import pytest

from integral_pose.skeletons import HUMAN36M
from integral_pose.viewer import page
from integral_pose.viewer.page import Page, Pose
from tests.viewer.chromium import Browser, browser


def made(count: int, title: str = "dance.mp4") -> Page:
    """Frames of one person who stands still, each with a picture of another grey."""
    rng = np.random.default_rng(0)
    space, joints = rng.uniform(-800, 800, (18, 3)), rng.uniform(10, 80, (18, 2))
    found = Page(title, HUMAN36M)
    for number in range(count):
        pixels = np.full((90, 120, 3), 40 + 20 * (number % 10), np.uint8)
        found.add(str(number), number / 25, pixels, [Pose("0", joints, space + (number, 0, 0), np.ones(18))])
    return found


def content(path: Path) -> Any:
    found = re.search(r'<script id="data" type="application/json">(\{.*\})</script>\n', path.read_text())
    assert found
    return json.loads(found.group(1))


def test_a_page_is_one_file_without_external_requests(tmp_path: Path) -> None:
    made(3, "</script><b>").write(tmp_path / "view.html")
    text = (tmp_path / "view.html").read_text()
    assert "default-src 'none'" in text and not re.search(r"https?://|src=|@import|url\(", text)
    assert content(tmp_path / "view.html")["title"] == "</script><b>" and text.count("</script>") == 2


def test_a_picture_stands_once_and_the_content_can_be_kept(tmp_path: Path) -> None:
    kept = made(21)
    kept.write(tmp_path / "view.html")
    frames = content(tmp_path / "view.html")["frames"]
    assert [frame["picture"] for frame in frames[10:]] == [*range(10), 0] and len(frames[9]["picture"]) > 100
    assert page.page_of(json.loads("".join(kept.content()))) == (tmp_path / "view.html").read_text()
    assert page.script() in (tmp_path / "view.html").read_text() and "const data" in page.script()
    for wrong in ([], {"frames": []}, {**content(tmp_path / "view.html"), "frames": []}):
        with pytest.raises(ValueError, match="it must have title"):
            page.page_of(wrong)


def test_a_long_video_is_thinned_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST", 10)
    made(35).write(tmp_path / "view.html")
    found = content(tmp_path / "view.html")
    assert [frame["name"] for frame in found["frames"]] == [str(number) for number in range(0, 35, 4)]
    assert found["note"] == "One in 4 frames is shown." and made(10).note == ""


def painted(chromium: Browser, canvas: str) -> Any:
    """How many colours a canvas has, and its content."""
    return chromium.value(f"(() => {{ const c = document.getElementById('{canvas}'), d = c.getContext('2d')"
                          ".getImageData(0, 0, c.width, c.height).data, s = new Set(); "
                          "for (let i = 0; i < d.length; i += 4) s.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); "
                          "return [s.size, c.toDataURL()]; })()")


def test_the_page_draws_and_its_controls_work_at_two_widths(tmp_path: Path) -> None:
    made(5).write(tmp_path / "view.html")
    with browser(tmp_path / "profile") as chromium:
        for width, height in ((1440, 900), (390, 844)):
            chromium.open(tmp_path / "view.html", width, height)
            assert chromium.value("document.documentElement.scrollWidth") <= width
            assert chromium.value("document.documentElement.scrollHeight") <= height
            gap = ("document.querySelector('footer').getBoundingClientRect().top - "
                   "space.getBoundingClientRect().bottom")
            assert chromium.value(gap) < 20 and chromium.value("space.getBoundingClientRect().height") > 250
            (colours, flat), (spatial_colours, spatial) = painted(chromium, "flat"), painted(chromium, "space")
            assert colours > 5 and spatial_colours > 5
            chromium.value("slider.value = 3; slider.dispatchEvent(new Event('input')); "
                           "new Promise(done => setTimeout(done, 200))")
            assert chromium.value("document.getElementById('now').textContent") == "0.12 s, frame 3"
            assert painted(chromium, "flat")[1] != flat and painted(chromium, "space")[1] != spatial
            before = painted(chromium, "space")[1]
            press(chromium, "ArrowRight")
            assert chromium.value("slider.value") == "4"
            for act in ("d", "w", "+"):
                press(chromium, act)
                before, earlier = painted(chromium, "space")[1], before
                assert before != earlier, act
            drag(chromium)
            assert painted(chromium, "space")[1] != before
            chromium.value("document.querySelector('[data-turn=\"90 0\"]').click()")
            assert chromium.value("yaw") == 90


def two(count: int, seconds: bool = True) -> Page:
    """Two people; the first is there in the first frames only, the second, who stands still, from frame 1 on."""
    rng = np.random.default_rng(0)
    joints, space = rng.uniform(10, 80, (18, 2)), rng.uniform(-500, 500, (18, 3))
    found = Page("two.mp4", HUMAN36M)
    for number in range(count):
        poses = [Pose(name, joints, space, np.ones(18)) for name, there in (("0", number < 3), ("1", number)) if there]
        found.add(str(number), number / 25 if seconds else None, np.full((90, 120, 3), 40, np.uint8), poses)
    return found


def halves(chromium: Browser) -> Any:
    """How many px are drawn on: in the left half of the canvas, in its right half, and in the columns between them."""
    return chromium.value("(() => { const w = space.width, h = space.height, d = space.getContext('2d')"
                          ".getImageData(0, 0, w, h).data, n = [0, 0, 0]; for (let i = 3; i < d.length; i += 4) "
                          "{ const x = (i >> 2) % w - w / 2; if (d[i]) n[Math.abs(x) < 3 ? 2 : x < 0 ? 0 : 1]++; } "
                          "return n; })()")


def test_people_stand_apart_from_every_side_and_keep_their_place(tmp_path: Path) -> None:
    two(5).write(tmp_path / "view.html")
    two(5, seconds=False).write(tmp_path / "images.html")
    with browser(tmp_path / "profile") as chromium:
        chromium.open(tmp_path / "view.html", 1440, 600)
        chromium.value("show(1)")
        for turn in ("0 0", "90 0", "0 89"):
            chromium.value(f"document.querySelector('[data-turn=\"{turn}\"]').click()")
            left, right, middle = halves(chromium)
            assert left > 300 and middle == 0 and 0.8 < left / right < 1.25, turn
        chromium.value("show(4)")
        assert halves(chromium)[0] == 0 and halves(chromium)[1] == pytest.approx(right, rel=0.05)
        chromium.open(tmp_path / "images.html", 1440, 600)
        chromium.value("show(4)")
        assert min(halves(chromium)) > 20  # one person of an image stands in the middle


@pytest.mark.parametrize("width, height, rows", [(1440, 500, 1), (1440, 900, 2), (390, 844, 1)])
def test_many_people_stand_in_the_rows_that_show_them_largest(
    width: int, height: int, rows: int, tmp_path: Path
) -> None:
    pose = Pose("0", None, np.zeros((18, 3)), np.ones(18))
    made_of_three = Page("three.mp4", HUMAN36M)
    made_of_three.add("0", 0.0, np.zeros((90, 120, 3), np.uint8), [pose._replace(name=name) for name in "012"])
    made_of_three.write(tmp_path / "view.html")
    with browser(tmp_path / "profile") as chromium:
        chromium.open(tmp_path / "view.html", width, height)
        assert chromium.value("Math.ceil(3 / columns(3))") == rows


def test_who_comes_when_somebody_has_left_takes_the_place(tmp_path: Path) -> None:
    pose = Pose("", None, np.zeros((18, 3)), np.ones(18))
    found = Page("a.mp4", HUMAN36M)
    for number, there in enumerate(("a", "ab", "b", "bc", "c")):
        people = [pose._replace(name=name) for name in there]
        found.add(str(number), number / 25, np.zeros((90, 120, 3), np.uint8), people)
    found.write(tmp_path / "view.html")
    with browser(tmp_path / "profile") as chromium:
        chromium.open(tmp_path / "view.html", 800, 600)
        assert chromium.value("[most, [...places]]") == [2, [["a", 0], ["b", 1], ["c", 0]]]


def press(chromium: Browser, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        chromium.ask("Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 else "")


def drag(chromium: Browser) -> None:
    """With a finger, over the pose."""
    x, y = chromium.value("(() => { const b = space.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height "
                          "/ 2]; })()")
    for kind, points in (("touchStart", [(x, y)]), ("touchMove", [(x + 40, y + 9)]), ("touchEnd", [])):
        chromium.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": a, "y": b} for a, b in points])
