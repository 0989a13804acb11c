"""The pictures of custom data are opened before training, once, and turned where their annotations are."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Tuple

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from integral_pose.datasets.custom_data import images as custom_images
from integral_pose.datasets.custom_data.images import Image, check
from integral_pose.errors import InputError
from integral_pose.storage import image_files

ANNOTATIONS = Path("ann.json")


def photo(folder: Path, name: str, size: Tuple[int, int] = (40, 24), orientation: int = 1) -> Path:
    tags = Pillow.Exif()
    tags[0x0112] = orientation
    Pillow.new("RGB", size, (9, 99, 200)).save(folder / name, exif=tags)
    return folder / name


def checked(folder: Path, sizes: Dict[Path, Tuple[float, float]], labels_of: str = "") -> Dict[Path, Image]:
    return check(ANNOTATIONS, sizes, folder / "memory.json", labels_of)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("labels_of", ["", "seen", "stored"])
def test_the_written_size_tells_which_picture_was_annotated(tmp_path: Path, orientation: int, labels_of: str) -> None:
    path = photo(tmp_path, "a.jpg", orientation=orientation)
    if orientation in (1, 5, 6, 7, 8):
        stored = checked(tmp_path, {path: (40.0, 24.0)}, labels_of)[path]
        assert stored.upright is (labels_of == "seen" and orientation > 1)
        assert stored.annotated == ((24, 40) if stored.upright else (40, 24))
    if orientation > 4:
        seen = checked(tmp_path, {path: (24, 40)}, labels_of)[path]
        assert seen.upright is (labels_of != "stored") and seen.annotated == ((24, 40) if seen.upright else (40, 24))


@pytest.mark.parametrize("size, orientation", [((40, 40), 6), ((40, 40), 3), ((40, 24), 3), ((40, 24), 2)])
def test_where_it_cannot_tell_the_user_is_asked(tmp_path: Path, size: Tuple[int, int], orientation: int) -> None:
    sizes: Dict[Path, Tuple[float, float]] = {photo(tmp_path, "a.jpg", size, orientation): size}
    with pytest.raises(InputError, match=r"ann.json: 1 images.*a\.jpg.*--labels-of seen or --labels-of stored"):
        checked(tmp_path, sizes)
    for labels_of, upright in (("seen", True), ("stored", False)):
        assert [image.upright for image in checked(tmp_path, sizes, labels_of).values()] == [upright]
    sizes[photo(tmp_path, "b.jpg", (40, 24), 6)] = (24, 40)
    with pytest.raises(InputError, match="1 other images of the file are annotated as displayed"):
        checked(tmp_path, sizes)


@pytest.mark.parametrize("size, reach, asked", [
    ((40, 24), (20, 35), True), ((40, 24), (20, 24.4), False), ((40, 24), (39, 20), False), ((40, 24), (39, 35), False),
    ((24, 40), (35, 20), True), ((24, 40), (20, 35), False), ((24, 40), (20, 20), False),
])
def test_joints_that_lie_in_the_other_picture_only_are_asked_about(
    size: Tuple[int, int], reach: Tuple[float, float], asked: bool, tmp_path: Path
) -> None:
    turned, plain = photo(tmp_path, "a.jpg", orientation=6), photo(tmp_path, "b.jpg")
    sizes: Dict[Path, Tuple[float, float]] = {turned: size, plain: (40, 24)}

    def upright(labels_of: str) -> bool:
        found = check(ANNOTATIONS, sizes, tmp_path / "m.json", labels_of, reaches={turned: reach, plain: (20, 35)})
        return found[turned].upright

    if asked:
        with pytest.raises(InputError, match=r"ann\.json: 1 photographs.*a\.jpg, have joints outside.*--labels-of"):
            upright("")
    else:
        assert upright("") is (size == (24, 40))
    assert upright("seen") and not upright("stored")


def test_pictures_of_another_size_are_refused_with_both_sizes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a.jpg: is 40 x 24 px, and ann.json says 80 x 48"):
        checked(tmp_path, {photo(tmp_path, "a.jpg"): (80, 48)})
    with pytest.raises(InputError, match="is 40 x 24 px, and ann.json says 24 x 40"):
        checked(tmp_path, {tmp_path / "a.jpg": (24, 40)})


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    sizes = {photo(tmp_path, f"{number}.jpg"): (40, 24) for number in range(9)}
    cut = (tmp_path / "3.jpg").read_bytes()
    (tmp_path / "3.jpg").write_bytes(cut[: len(cut) // 2])
    (tmp_path / "5.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    (tmp_path / "7.jpg").unlink()
    with pytest.raises(InputError, match=r"3 of its images.*3\.jpg.*damaged.*5\.jpg.*HEIC.*7\.jpg.*missing"):
        checked(tmp_path, dict(sizes))


def test_a_good_picture_is_opened_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {photo(tmp_path, f"{number}.png"): (40, 24) for number in range(3)}
    read, opened = image_files.read, []
    monkeypatch.setattr(image_files, "read", lambda path, **how: (opened.append(path.name), read(path, **how))[1])
    first = checked(tmp_path, dict(sizes))
    assert sorted(opened) == ["0.png", "1.png", "2.png"]
    assert checked(tmp_path, dict(sizes)) == first and len(opened) == 3
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((24, 40, 3), np.uint8))
    os.utime(tmp_path / "1.png", ns=(5, 5))
    second = checked(tmp_path, dict(sizes))
    assert opened[3:] == ["1.png"]
    assert [path.name for path in sizes if first[path].hash != second[path].hash] == ["1.png"]
    (tmp_path / "memory.json").write_text("damaged")
    assert checked(tmp_path, dict(sizes)) == second and len(opened) == 7


def test_what_was_found_before_an_interruption_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {photo(tmp_path, f"{number}.png"): (40, 24) for number in range(4)}
    look = custom_images._opened

    def interrupted(path: Path, most: int) -> custom_images.Found:
        if path.name == "2.png":
            raise KeyboardInterrupt
        return look(path, most)

    monkeypatch.setattr(custom_images, "_opened", interrupted)
    with pytest.raises(KeyboardInterrupt):
        checked(tmp_path, dict(sizes))
    assert {Path(name).name for name in custom_images._kept(tmp_path / "memory.json")} == {"0.png", "1.png"}
