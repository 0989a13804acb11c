"""Predictions come back the same from every kind of file, and wrong files are refused."""
from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import scipy.io

from integral_pose.datasets import predictions
from integral_pose.errors import InputError

PEOPLE = 5
POINTS = np.random.default_rng(1).uniform(0, 300, (PEOPLE, 16, 2)).round(3)


def write_h5(path, points, name="preds"):
    with h5py.File(path, "w") as file:
        file[name] = points


def write_csv(path, points):
    rows = [(n, k, *points[n, k]) for n in range(len(points)) for k in range(16)]
    np.random.default_rng(2).shuffle(rows)
    path.write_text("person,joint,x,y\n" + "\n".join(f"{n:.0f},{k:.0f},{x},{y}" for n, k, x, y in rows) + "\n")


WRITERS = {
    "a.h5": (1, write_h5),
    "preds.mat": (1, lambda path, points: scipy.io.savemat(path, {"preds": points})),
    "pred.mat": (1, lambda path, points: scipy.io.savemat(path, {"pred": points.transpose(1, 2, 0)})),
    "src.mat": (1, lambda path, points: scipy.io.savemat(path, {"pos_pred_src": points.transpose(1, 2, 0)})),
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
