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
    assert found["note"] == "One of 4 frames is shown." and made(10).note == ""


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


def press(chromium: Browser, key: str) -> None:
    for kind in ("keyDown", "keyUp"):
        chromium.ask("Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 else "")


def drag(chromium: Browser) -> None:
    """With a finger, over the pose."""
    x, y = chromium.value("(() => { const b = space.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height "
                          "/ 2]; })()")
    for kind, points in (("touchStart", [(x, y)]), ("touchMove", [(x + 40, y + 9)]), ("touchEnd", [])):
        chromium.ask("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": a, "y": b} for a, b in points])
