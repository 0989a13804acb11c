"""Predictions come back the same from every kind of file, and wrong files are refused."""
from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io

from integral_pose.errors import InputError
from integral_pose.evaluation import predictions

PEOPLE = 5
POINTS = np.random.default_rng(1).uniform(0, 300, (PEOPLE, 16, 2)).round(3)


def write_h5(path, points, name="preds"):
    with h5py.File(path, "w") as file:
        file[name] = points


def write_mat73(path, points, name="preds"):
    """As MATLAB does with -v7.3: HDF5 after 512 bytes of text, with the axes in the opposite order."""
    with h5py.File(path, "w", userblock_size=512) as file:
        file[name] = points.T
    with open(path, "r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))


def write_csv(path, points):
    rows = [(n, k, *points[n, k]) for n in range(len(points)) for k in range(16)]
    np.random.default_rng(2).shuffle(rows)
    path.write_text("person,joint,x,y\n" + "\n".join(f"{n:.0f},{k:.0f},{x},{y}" for n, k, x, y in rows) + "\n")


WRITERS = {
    "a.h5": (1, write_h5),
    "preds.mat": (1, lambda path, points: scipy.io.savemat(path, {"preds": points})),
    "pred.mat": (1, lambda path, points: scipy.io.savemat(path, {"pred": points.transpose(1, 2, 0)})),
    "src.mat": (1, lambda path, points: scipy.io.savemat(path, {"pos_pred_src": points.transpose(1, 2, 0)})),
    "v73.mat": (1, write_mat73),
    "v73_pred.mat": (1, lambda path, points: write_mat73(path, points.transpose(1, 2, 0), "pred")),
    "a.npy": (0, np.save),
    "lists.json": (0, lambda path, points: path.write_text(json.dumps(points.tolist()))),
    "records.json": (0, lambda path, points: path.write_text(json.dumps([{"joints": p.tolist()} for p in points]))),
    "a.csv": (0, write_csv),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("base", [None, 0, 1])
def test_every_kind_of_file_gives_the_same_zero_based_points(tmp_path, name, base):
    implied, write = WRITERS[name]
    write(tmp_path / name, POINTS + (implied if base is None else base))
    np.testing.assert_allclose(predictions.read(tmp_path / name, PEOPLE, base), POINTS, atol=1e-9)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("count", [1, 2, 16])
def test_people_and_joints_are_not_confused(tmp_path, name, count):
    points = np.arange(count * 32.0).reshape(count, 16, 2)
    implied, write = WRITERS[name]
    write(tmp_path / name, points + implied)
    np.testing.assert_array_equal(predictions.read(tmp_path / name, count), points)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0), (0, 2, 1)])
@pytest.mark.parametrize("name", ["a.h5", "preds.mat", "v73.mat", "a.npy", "lists.json"])
@pytest.mark.parametrize("count", [1, 5])
def test_axes_are_told_by_their_sizes(tmp_path, name, order, count):
    implied, write = WRITERS[name]
    write(tmp_path / name, POINTS[:count].transpose(order) + implied)
    np.testing.assert_allclose(predictions.read(tmp_path / name, count), POINTS[:count], atol=1e-9)


def test_axes_that_their_sizes_do_not_tell_are_asked_about(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((16, 2, 16)))
    with pytest.raises(InputError, match=r"of shape \(16, 2, 16\), whose axes are ambiguous"):
        predictions.read(tmp_path / "a.npy", 16)


def test_one_person_without_an_axis_of_people_is_read(tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"preds": POINTS[0] + 1})
    np.testing.assert_allclose(predictions.read(tmp_path / "a.mat", 1), POINTS[:1], atol=1e-9)


def test_structs_of_version_7_3_are_told(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file.create_group("pred")["annorect"] = 1.0
    with pytest.raises(InputError, match="version 7.3 without arrays .* save\\(..., '-v7'\\)"):
        predictions.read(tmp_path / "a.mat", 1)


@pytest.mark.parametrize("name", WRITERS)
def test_wrong_count_is_refused(tmp_path, name):
    WRITERS[name][1](tmp_path / name, POINTS)
    with pytest.raises(InputError, match=rf"{name}: holds 5 people, and the annotation file 6"):
        predictions.read(tmp_path / name, PEOPLE + 1)


@pytest.mark.parametrize("name", WRITERS)
def test_nan_is_refused(tmp_path, name):
    points = POINTS.copy()
    points[3, 7, 1] = np.nan
    WRITERS[name][1](tmp_path / name, points)
    with pytest.raises(InputError, match=rf"{name}: person 3, joint 7"):
        predictions.read(tmp_path / name, PEOPLE)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.7])
def test_a_truncated_file_is_refused(tmp_path, name, share):
    path = tmp_path / name
    WRITERS[name][1](path, POINTS)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=name):
        predictions.read(path, PEOPLE)


@pytest.mark.parametrize("name, content, message", [
    ("a.txt", "1 2 3", "end in .h5"),
    ("a.json", '{"joints": []}', "not a list"),
    ("a.json", "[[[1, 2], [3]]]", "something else than numbers"),
    ("a.json", '[{"keypoints": []}]', "no `joints`"),
    ("a.json", "[]", "shape"),
    ("a.json", '["person"]', "something else than numbers"),
    ("a.csv", "", "header"),
    ("a.csv", "x,y\n1,2\n3,4\n", "header"),
    ("a.csv", "person,joint,x,y\n0,0,1\n", "four numbers"),
    ("a.csv", "person,joint,x,y\n0,0,left,3\n", "four numbers"),
    ("a.csv", "person,joint,x,y\n0,0,1,2\n", "once"),
    ("a.csv", "person,joint,x,y\n" + "".join(f"0,{k},1,2\n" for k in [*range(15), 3]), "once"),
    ("a.csv", "person,joint,x,y\n" + "".join(f"0,{k + 0.5},1,2\n" for k in range(16)), "once"),
    ("a.csv", "person,joint,x,y\n" + "".join(f"nan,{k},1,2\n" for k in range(16)), "once"),
])
def test_wrong_text_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        predictions.read(tmp_path / name, 1)
    assert name in str(caught.value)


def test_a_missing_file_is_refused_whatever_its_kind(tmp_path):
    for name in WRITERS:
        with pytest.raises(InputError, match=name):
            predictions.read(tmp_path / name, PEOPLE)


def test_other_shapes_and_names_are_refused(tmp_path):
    write_h5(tmp_path / "coco.h5", np.zeros((PEOPLE, 17, 2)))
    with pytest.raises(InputError, match=r"\(5, 17, 2\).*16 joints"):
        predictions.read(tmp_path / "coco.h5", PEOPLE)
    write_h5(tmp_path / "other.h5", POINTS, name="joints")
    with pytest.raises(InputError, match="holds no preds"):
        predictions.read(tmp_path / "other.h5", PEOPLE)


FRAMES = 6
IMAGES = [Path("root/images") / clip / f"{clip}_{frame:06d}.jpg"
          for clip in ("s_09_act_02_subact_01_ca_01", "s_11_act_08_subact_02_ca_03") for frame in (1, 65, 129)]
POSES = np.random.default_rng(3).uniform(-900, 5000, (FRAMES, 18, 3)).round(3)
SHUFFLED = [4, 0, 5, 2, 1, 3]


def named(poses, name=lambda image: image.name):
    return {name(IMAGES[n]): poses[n].tolist() for n in SHUFFLED}


def write_poses_csv(path, poses, encoding="utf-8"):
    rows = [(IMAGES[n].name, k, *poses[n, k]) for n in range(FRAMES) for k in range(poses.shape[1])]
    np.random.default_rng(2).shuffle(rows)
    path.write_text("image,joint,x,y,z\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n", encoding)


POSE_WRITERS = {
    "a.npy": np.save,
    "only.npz": lambda path, poses: np.savez(path, poses),
    "named.npz": lambda path, poses: np.savez(path, predictions=poses, scores=np.ones(FRAMES)),
    "only.h5": lambda path, poses: write_h5(path, poses, "joints"),
    "turned.h5": lambda path, poses: write_h5(path, poses.T, "joints"),
    "only.mat": lambda path, poses: scipy.io.savemat(path, {"joints": poses}),
    "v73.mat": lambda path, poses: write_mat73(path, poses.transpose(1, 2, 0), "predictions"),
    "named.json": lambda path, poses: path.write_text(json.dumps(named(poses))),
    "paths.json": lambda path, poses: path.write_text(json.dumps(named(poses, lambda i: "/".join(i.parts[-2:])))),
    "a.csv": write_poses_csv,
    "utf16.csv": lambda path, poses: write_poses_csv(path, poses, "utf-16"),
}


@pytest.mark.parametrize("name", POSE_WRITERS)
@pytest.mark.parametrize("joints", [17, 18])
@pytest.mark.parametrize("unit, size", [("mm", 1), ("m", 1000)])
def test_every_kind_of_file_gives_the_same_poses_in_the_order_of_the_images(tmp_path, name, joints, unit, size):
    POSE_WRITERS[name](tmp_path / name, POSES[:, :joints] / size)
    found = predictions.read_poses(tmp_path / name, IMAGES, unit)
    np.testing.assert_allclose(found, POSES[:, :17], atol=1e-9)


@pytest.mark.parametrize("name", POSE_WRITERS)
def test_a_joint_that_is_not_finite_is_named_with_its_image(tmp_path, name):
    poses = POSES.copy()
    poses[4, 16, 1] = np.nan
    POSE_WRITERS[name](tmp_path / name, poses)
    with pytest.raises(InputError, match=rf"{name}: of s_11_act_08_subact_02_ca_03_000065.jpg, joint 16 \(r_wrist\)"):
        predictions.read_poses(tmp_path / name, IMAGES)


@pytest.mark.parametrize("name", POSE_WRITERS)
@pytest.mark.parametrize("share", [None, 0.0, 0.2, 0.7])
def test_a_missing_or_truncated_file_of_poses_is_refused(tmp_path, name, share):
    path = tmp_path / name
    if share is not None:
        POSE_WRITERS[name](path, POSES)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=name):
        predictions.read_poses(path, IMAGES)


@pytest.mark.parametrize("name", POSE_WRITERS)
def test_frames_that_lack_are_counted_and_named(tmp_path, name):
    POSE_WRITERS[name](tmp_path / name, POSES)
    with pytest.raises(InputError, match=r"6 frames.* 7 test frames|lacks 1 of 7 test frames \(the first: new/a.jpg\)"):
        predictions.read_poses(tmp_path / name, [*IMAGES, Path("images/new/a.jpg")])


@pytest.mark.parametrize("name", ["named.json", "paths.json", "a.csv"])
def test_images_that_are_no_test_frames_are_counted_and_named(tmp_path, name):
    POSE_WRITERS[name](tmp_path / name, POSES)
    with pytest.raises(InputError, match=r"not test frames, .*: 2 \(the first: .*_000065.jpg"):
        predictions.read_poses(tmp_path / name, [image for image in IMAGES if "000065" not in image.name])


def test_names_shared_by_several_images_need_their_folders(tmp_path):
    images = [Path(f"S{n}/camera/img_000001.jpg") for n in range(FRAMES)]
    by_path, by_name = ({name(image): POSES[n].tolist() for n, image in enumerate(images)}
                        for name in (str, lambda image: image.name))
    (tmp_path / "a.json").write_text(json.dumps(by_path))
    np.testing.assert_array_equal(predictions.read_poses(tmp_path / "a.json", images), POSES[:, :17])
    (tmp_path / "a.json").write_text(json.dumps(by_name))
    with pytest.raises(InputError, match="ambiguous: 1 .*img_000001"):
        predictions.read_poses(tmp_path / "a.json", images)


def test_an_image_named_twice_is_refused(tmp_path):
    twice = {**named(POSES), "/".join(IMAGES[2].parts[-2:]): POSES[2].tolist()}
    (tmp_path / "a.json").write_text(json.dumps(twice))
    with pytest.raises(InputError, match=r"more than once .*_000129.jpg"):
        predictions.read_poses(tmp_path / "a.json", IMAGES)


IDS = [400, 464, 528, 10, 74, 138]


def write_data(folder, ids=tuple(IDS)):
    """3DMPPE's two data files, in which many images are no test frames."""
    files = []
    for subject, which in ((9, range(3)), (11, range(3, 6))):
        records = [{"id": ids[n], "file_name": "/".join(IMAGES[n].parts[-2:])} for n in which]
        records += [{"id": ids[n] + 1, "file_name": f"{IMAGES[n].parts[-2]}/other.jpg"} for n in which]
        files.append(folder / f"Human36M_subject{subject}_data.json")
        files[-1].write_text(json.dumps({"images": records, "annotations": []}))
    return files


def write_results(path, poses, ids=tuple(IDS)):
    records = [{"image_id": ids[n], "joint_cam": poses[n].tolist(), "bbox": [0, 0, 1, 1], "root_cam": [0, 0, 1]}
               for n in SHUFFLED]
    path.write_text(json.dumps(records))


def test_the_list_that_3dmppe_writes_goes_by_image_id(tmp_path):
    relative = POSES[:, :17] - POSES[:, :1]
    write_results(tmp_path / "a.json", relative)
    found = predictions.read_poses(tmp_path / "a.json", IMAGES, data=write_data(tmp_path))
    np.testing.assert_allclose(found, relative, atol=1e-9)


def test_poses_that_3dmppe_aligned_with_the_truth_are_refused(tmp_path):
    relative = POSES[:, :17] - POSES[:, :1]
    relative[2] += [3.0, -12.0, 7.0]
    write_results(tmp_path / "a.json", relative)
    with pytest.raises(InputError, match="aligned with the truth already"):
        predictions.read_poses(tmp_path / "a.json", IMAGES, data=write_data(tmp_path))


def test_ids_that_tell_nothing_are_refused(tmp_path):
    path, relative = tmp_path / "a.json", POSES[:, :17] - POSES[:, :1]
    write_results(path, relative)
    with pytest.raises(InputError, match="only 3DMPPE's"):
        predictions.read_poses(path, IMAGES)
    with pytest.raises(InputError, match="several test frames"):
        predictions.read_poses(path, IMAGES, data=write_data(tmp_path, [0, 64, 128, 0, 64, 128]))
    write_results(path, relative, [400, 464, 528, 10, 75, 138])
    with pytest.raises(InputError, match=r"not test frames, .*: 1 \(the first: 75\)"):
        predictions.read_poses(path, IMAGES, data=write_data(tmp_path))


@pytest.mark.parametrize("name, content, message", [
    ("a.txt", "1 2 3", "end in .npy, .npz, .h5, .mat, .json or .csv"),
    ("a.json", "{}", "lacks 6 of 6"),
    ("a.json", "[]", "lacks 6 of 6"),
    ("a.json", "3", "neither an object"),
    ("a.json", "[[1, 2], 3]", "neither an object"),
    ("a.json", '[{"image_id": 3}]', "neither an object"),
    ("a.json", '[{"image_id": [3], "joint_cam": []}]', "neither an object"),
    ("a.json", json.dumps(named(POSES[:, :16])), r"shape \(6, 16, 3\)"),
    ("a.json", json.dumps({**named(POSES), IMAGES[3].name: "left"}), "something else than numbers"),
    ("a.csv", "", "header"),
    ("a.csv", "person,joint,x,y\n0,0,1,2\n", "header"),
    ("a.csv", "image,joint,x,y,z\na.jpg,0,1,2\n", "a name and four numbers"),
    ("a.csv", "image,joint,x,y,z\na.jpg,0,left,2,3\n", "a name and four numbers"),
    ("a.csv", "image,joint,x,y,z\n", "lacks 6 of 6"),
    ("a.csv", "image,joint,x,y,z\n" + "".join(f"a.jpg,{k},1,2,3\n" for k in range(16)), "joints 0 to 16, each once"),
    ("a.csv", "image,joint,x,y,z\n" + "".join(f"a.jpg,{k},1,2,3\n" for k in [*range(17), 17, 17]), "joints 0 to 17"),
    ("a.csv", "image,joint,x,y,z\n" + "".join(f"a.jpg,{k},1,2,3\n" for k in [*range(16), "nan"]), "each once"),
])
def test_wrong_text_for_poses_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        predictions.read_poses(tmp_path / name, IMAGES, data=write_data(tmp_path))
    assert name in str(caught.value)


def test_several_arrays_need_a_name(tmp_path):
    np.savez(tmp_path / "a.npz", ours=POSES, theirs=POSES)
    with pytest.raises(InputError, match="2 arrays and no `predictions`"):
        predictions.read_poses(tmp_path / "a.npz", IMAGES)
