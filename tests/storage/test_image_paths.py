"""Names in annotation files lead to pictures in the images' folder, and nowhere else."""
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict

import integral_pose  # isort: skip  # noqa: F401

import numpy as np
import pytest

from integral_pose.datasets import coco, human36m, mpii
from integral_pose.errors import InputError
from integral_pose.storage import image_paths
from tests.helpers import coco_forms
from tests.helpers import human36m_forms as forms

CLIP: forms.Clips = {(11, 6, 1): (0, 64)}
SECRET = "../../secret.jpg"


def of_mpii(folder: Path, name: str) -> Callable[[], Any]:
    rng = np.random.default_rng(1)
    joints = rng.uniform(1, 300, (16, 2)).tolist()
    person = {"center": [99.0, 99], "scale": 1.0, "joints": joints, "joints_vis": [1] * 16}
    (folder / "valid.json").write_text(json.dumps([{**person, "image": "a.jpg"}, {**person, "image": name}]))
    return lambda: mpii.read_file(folder / "valid.json", folder / "images")


def of_coco(folder: Path, name: str) -> Callable[[], Any]:
    content = coco_forms.truth(np.random.default_rng(2), images=2)
    content["images"][1]["file_name"] = name
    coco_forms.write(folder, content)
    return lambda: coco.annotated(folder)


def of_human36m(folder: Path, name: str) -> Callable[[], Any]:
    forms.write_json(folder, CLIP)
    path = folder / "annotations" / "Human36M_subject11_data.json"
    content = json.loads(path.read_text())
    content["images"][0]["file_name"] = name
    path.write_text(json.dumps(content))
    return lambda: human36m.read(folder, "test", 1)


READERS: Dict[str, Callable[[Path, str], Callable[[], Any]]] = {"mpii": of_mpii, "coco": of_coco, "h36m": of_human36m}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", [SECRET, "/etc/passwd", "a/../../b.jpg", "..", "a/.."])
def test_no_reader_follows_a_name_out_of_the_images_folder(reader: str, name: str, tmp_path: Path) -> None:
    read = READERS[reader](tmp_path, name)
    with pytest.raises(InputError, match="names the image .*, which is not below"):
        read()


@pytest.mark.parametrize("reader", READERS)
def test_names_with_dots_and_folders_are_read(reader: str, tmp_path: Path) -> None:
    READERS[reader](tmp_path, "sub/a..b/..c.jpg")()


def place(folder: Path) -> Path:
    """images/, a link to where a.jpg and inner/b.jpg are; beside it secret.jpg and other/."""
    (folder / "disk" / "inner").mkdir(parents=True)
    (folder / "other").mkdir()
    for name in ("disk/a.jpg", "disk/inner/b.jpg", "other/c.jpg", "secret.jpg"):
        (folder / name).write_bytes(b"picture")
    (folder / "images").symlink_to("disk")
    return folder / "images"


@pytest.mark.parametrize("link, to, name", [
    ("disk/out.jpg", "../secret.jpg", "out.jpg"), ("disk/inner/out.jpg", "../../secret.jpg", "inner/out.jpg"),
    ("disk/out", "../other", "out/c.jpg"), ("disk/out.jpg", "/nowhere/x.jpg", "out.jpg"),
])
def test_links_out_of_the_folder_are_refused(
    link: str, to: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = place(tmp_path)
    (tmp_path / link).symlink_to(to)
    assert image_paths.below(Path("a.json"), images, ["a.jpg", "inner/b.jpg"])  # the link is not named
    with pytest.raises(InputError, match=rf"out.*a\.json names it, and it is a link out of.*{image_paths.FOLLOW}=1"):
        image_paths.below(Path("a.json"), images, ["a.jpg", name])
    monkeypatch.setenv(image_paths.FOLLOW, "1")
    assert image_paths.below(Path("a.json"), images, [name]) == [images / name]
    with pytest.raises(InputError, match="not below"):
        image_paths.below(Path("a.json"), images, [SECRET])


def test_links_within_the_folder_are_followed(tmp_path: Path) -> None:
    images = place(tmp_path)
    (images / "again.jpg").symlink_to("inner/b.jpg")
    (images / "deep").symlink_to("inner")
    names = ["again.jpg", "deep/b.jpg", "absent/x.jpg"]
    assert image_paths.below(Path("a.json"), images, names) == [images / name for name in names]


def test_missing_and_empty_pictures_are_named_and_counted(tmp_path: Path) -> None:
    images = place(tmp_path)
    image_paths.demand([images / "a.jpg", images / "inner" / "b.jpg"])
    (images / "empty.jpg").touch()
    wanted = [images / name for name in ("a.jpg", "empty.jpg", "empty.jpg", "1.jpg", "2.jpg", "3.jpg", "4.jpg")]
    with pytest.raises(InputError, match=r"empty\.jpg: the image is missing or empty\. So are 4 others of 6: .*1\.jpg, "
                                         r".*2\.jpg, .*3\.jpg, …\. Put"):
        image_paths.demand(wanted)
    os.unlink(images / "a.jpg")
    with pytest.raises(InputError, match=r"a\.jpg: the image is missing or empty\. Put"):
        image_paths.demand([images / "a.jpg"])
