"""Leeds Sports Pose and its Extended set: read as downloaded, split in blocks, scored as LSP's papers score."""
from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict

import cv2
import numpy as np
import pytest
import scipy.io

from integral_pose.commands import evaluate
from integral_pose.datasets import catalogue, lsp
from integral_pose.errors import InputError
from integral_pose.evaluation import predictions
from integral_pose.geometry import Array
from integral_pose.metrics import lsp as metrics
from integral_pose.metrics import pckh
from integral_pose.run import Run
from integral_pose.skeletons import LSP, MPII

PEOPLE = 48
SIDE = 60


def people(count: int = PEOPLE, hidden: bool = True) -> Array:
    """Made-up x, y and flag of people, (N, 14, 3), counted from 1: of each the ninth joint is not flagged."""
    points = np.random.default_rng(3).uniform(2, SIDE - 2, (count, 14, 3))
    points[..., 2] = 1
    if hidden:
        points[:, 8] = -100, -200, 0
    return points


def write(folder: Path, points: Array, original: bool = False) -> Path:
    """A data set's folder, with a grey picture for everybody."""
    (folder / "images").mkdir(parents=True)
    scipy.io.savemat(folder / "joints.mat", {"joints": points.transpose(2, 1, 0) if original else
                                             points.transpose(1, 2, 0)})
    grey = cv2.imencode(".jpg", np.full((SIDE, SIDE, 3), 99, np.uint8))[1].tobytes()
    for number in range(1, len(points) + 1):
        (folder / "images" / f"im{number:0{4 if original else 5}d}.jpg").write_bytes(grey)
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both data sets."""
    data: Path = tmp_path_factory.mktemp("leeds")
    write(data / "lspet", people())
    write(data / "lsp", people(40, hidden=False), original=True)
    return data


def test_the_extended_set_counts_from_0_and_knows_what_is_annotated(root: Path) -> None:
    read = lsp.read_joints(root / "lspet" / "joints.mat")
    assert not read.original and read.annotated[:, 8].sum() == 0 and read.annotated.sum() == 13 * PEOPLE
    np.testing.assert_allclose(read.joints[:, 0], people()[:, 0, :2] - 1)


def test_a_flag_of_the_original_means_hidden_and_every_joint_counts(root: Path) -> None:
    read = lsp.read_joints(root / "lsp" / "joints.mat")
    assert read.original and read.annotated.all()
    np.testing.assert_allclose(read.joints[:, 3], people(40, hidden=False)[:, 3, :2] - 1)


def test_a_box_is_around_the_annotated_joints(root: Path) -> None:
    sample = lsp.read(root, "lspet", "test")[0]
    known = sample.joints[sample.annotated > 0]
    extent = (known.max(axis=0) - known.min(axis=0)).max()
    assert sample.box.side == pytest.approx(1.375 * extent)
    assert (sample.box.x, sample.box.y) == pytest.approx(((known.max(axis=0) + known.min(axis=0)) / 2).tolist())
    assert sample.head_size == pytest.approx(np.linalg.norm(sample.joints[12] - sample.joints[13]))


@pytest.mark.parametrize("count", [32, 48, 999, 8159, 10_000])
def test_the_extended_test_is_four_blocks_apart_from_two_held_out(count: int) -> None:
    parts = lsp.split_of(count)
    changes = [name for name, before in zip(parts, ["", *parts]) if name != before]
    assert changes.count("test") == 4 and changes.count("held-out") == 2 and parts[0] == parts[-1] == "train"
    if count > 8000:
        assert parts.count("test") == 1000 and parts.count("held-out") == 500


def test_the_official_test_is_the_second_half_and_the_extended_set_only_trains(root: Path) -> None:
    test, held, train = (lsp.read(root, "lsp", split) for split in ("test", "held-out", "train"))
    assert [sample.image.name for sample in test] == [f"im{n:04d}.jpg" for n in range(21, 41)]
    assert len(held) == 2 and len(train) == 18 + PEOPLE
    assert {sample.image for sample in train}.isdisjoint(sample.image for sample in [*held, *test])


def test_the_catalogue_finds_both(root: Path) -> None:
    for data in ("lsp", "lspet"):
        run = Run(data=data)
        assert catalogue.skeleton(run) is LSP and catalogue.Catalogue(root).of(run).people("test")


def _mat(content: Dict[str, Any]) -> Callable[[Path], None]:
    return lambda folder: scipy.io.savemat(folder / "joints.mat", content)


def _changed(place: Any, value: float) -> Callable[[Path], None]:
    points = people()
    points[place] = value
    return _mat({"joints": points.transpose(1, 2, 0)})


def _picture(pixels: Any) -> Callable[[Path], None]:
    content = pixels if isinstance(pixels, bytes) else cv2.imencode(".jpg", pixels)[1].tobytes()
    return lambda folder: (folder / "images" / "im00003.jpg").write_bytes(content) and None


WRONG = {
    "another layout": (_mat({"joints": people().transpose(2, 1, 0)}), "is in the layout of LSP's"),
    "an array of another shape": (_mat({"joints": np.zeros((16, 3, 9))}), r"\(16, 3, 9\), and must be"),
    "no joints": (_mat({"points": people()}), "has no numeric array `joints`"),
    "too few people": (_mat({"joints": people(9).transpose(1, 2, 0)}), "has 9 people, and 32 are needed"),
    "a flag of 2": (_changed((4, 2, 2), 2), "person 5 .* neither 0 nor 1"),
    "nowhere": (_changed((4, 2, 0), np.nan), "person 5 .* not finite"),
    "all joints in one place": (_changed((6, slice(None), slice(0, 2)), 7), "person 7 .* no size"),
    "a joint far outside": (_changed((4, 2, 0), 300), "im00005.jpg: is 60 x 60 px.* outside"),
    "an image of one pixel": (_picture(np.zeros((1, 1, 3), np.uint8)), "im00003.jpg: is 1 x 1 px"),
    "an image that is none": (_picture(b"\xff\xd8"), "im00003.jpg: is a text, which cannot be read as an image"),
    "a missing image": (lambda folder: (folder / "images" / "im00003.jpg").unlink(),
                        "1 of their images are missing"),
    "an image of nobody": (lambda folder: (folder / "images" / "im09999.jpg").write_bytes(b"") and None,
                           "im09999.jpg: .* 1 images here show none of them"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_its_record(tmp_path: Path, name: str) -> None:
    spoil, message = WRONG[name]
    spoil(write(tmp_path / "lspet", people()))
    with pytest.raises(InputError, match=message):
        lsp.read(tmp_path, "lspet", "train")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="lsp/joints.mat: there is no such file"):
        lsp.read(tmp_path, "lsp", "test")


def upright(count: int) -> Array:
    """People (N, 14, 2) whose torso is 100 px and whose head is 30 px."""
    joints = np.zeros((count, 14, 2))
    joints[:, LSP.index("l_shoulder")] = 60, 80
    joints[:, LSP.index("head_top")] = 0, -30
    return joints


@pytest.mark.parametrize("off, right", [(19.9, 100), (20, 100), (20.1, 0)])
def test_pck_is_a_fifth_of_the_torso(off: float, right: float) -> None:
    joints = upright(3)
    result = metrics.score(joints + [off, 0], joints, np.ones((3, 14)))
    assert result.pck == right and set(result.pck_of_joints.values()) == {right} and result.torsos == 3


@pytest.mark.parametrize("off, at_05, at_01", [(2.9, 100, 100), (3.1, 100, 0), (14.9, 100, 0), (15.1, 0, 0)])
def test_pckh_is_of_neck_to_head_top(off: float, at_05: float, at_01: float) -> None:
    joints = upright(3)
    result = metrics.score(joints + [0, off], joints, np.ones((3, 14)))
    assert (result.pckh_05, result.pckh_01) == (at_05, at_01) and result.heads == 3


def test_the_other_diagonal_serves_where_one_joint_is_not_annotated() -> None:
    joints, annotated = upright(2), np.ones((2, 14))
    joints[:, LSP.index("r_shoulder")] = 30, 40
    annotated[0, LSP.index("l_shoulder")] = 0
    annotated[1, [LSP.index("l_shoulder"), LSP.index("r_shoulder")]] = 0
    np.testing.assert_array_equal(metrics.torsos(joints, annotated), [50, np.nan])
    assert metrics.score(joints, joints, annotated).torsos == 1


def test_distances_in_the_order_of_mpii_lack_pelvis_and_thorax() -> None:
    distances = metrics.as_mpii(np.arange(28.0).reshape(2, 14))
    assert np.isnan(distances[:, [MPII.index("pelvis"), MPII.index("thorax")]]).all()
    assert distances[1, MPII.index("neck")] == 14 + LSP.index("neck") and np.isfinite(pckh.curve(distances)).all()


@pytest.mark.parametrize("name", ["a.mat", "a.csv", "a.json", "a.npy"])
def test_the_command_scores_every_kind_of_file(
    root: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    joints = people(40, hidden=False)[20:, :, :2]
    path = tmp_path / name
    if name == "a.mat":
        scipy.io.savemat(path, {"pred": joints.transpose(2, 1, 0)})
    elif name == "a.npy":
        np.save(path, joints - 1)
    elif name == "a.json":
        path.write_text(str((joints - 1).tolist()))
    else:
        rows = [f"{n},{k},{x},{y}" for n, one in enumerate((joints - 1).tolist()) for k, (x, y) in enumerate(one)]
        path.write_text("\n".join(["person,joint,x,y", *rows]))
    words = ["lsp", "--annotations", str(root / "lsp" / "joints.mat"), "--predictions", str(path)]
    assert evaluate.main(words) == 0
    assert "all joints     100.00    100.00   PCKh@0.1 100.00" in capsys.readouterr().out
    assert evaluate.main([*words, "--people", "all"]) == 2
    assert "holds 20 people, and the annotation file 40" in " ".join(capsys.readouterr().err.split())


def test_wrong_shapes_are_refused_with_the_number_of_joints(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 16, 2)))
    with pytest.raises(InputError, match="people x 14 joints"):
        predictions.read(tmp_path / "a.npy", 5, joints=14)


def test_the_real_files_are_read(real_data: Path) -> None:
    samples = [lsp.read(real_data, "lspet", split) for split in ("train", "held-out", "test")]
    assert [len(part) for part in samples] == [6659, 500, 1000]
    original = lsp.read_joints(real_data / "lsp" / "joints.mat")
    assert original.original and original.joints.shape == (2000, 14, 2) and original.annotated.all()
