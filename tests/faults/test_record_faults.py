"""Ten thousand spoilt annotation records, over every reader, and other arrays: refused in one sentence, or read."""
from __future__ import annotations

import json
import pickle
import random
import signal
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence

import h5py
import numpy as np
import pytest
import scipy.io

from integral_pose.datasets import coco, custom, human36m, mpii
from integral_pose.datasets.custom_data import people as custom_people
from integral_pose.datasets.formats import human36m_json
from integral_pose.errors import InputError
from integral_pose.evaluation import predictions
from integral_pose.evaluation.evaluate import fingerprint
from integral_pose.geometry import Array
from integral_pose.inference import boxes
from integral_pose.samples import Sample, encode, patch_of
from integral_pose.skeletons import COCO, HUMAN36M, MPII, Skeleton
from tests.helpers import coco_forms, custom_forms
from tests.helpers import human36m_forms as forms

LIMIT = 300  # s: many times what a loaded machine needs
DEEP: Any = []
for _ in range(100):
    DEEP = [DEEP]
JUNK: Sequence[Any] = (
    None, True, False, -1, 0, 7, 64, 1.5, 1e-300, 1e300, 1e308, -1e308, 2**53, 2**63, -(2**63), 10**400, float("nan"),
    float("inf"), float("-inf"), "", "x", "1.5", "nan", "%d", "\ud800", "a\0b", "../../x", "n" * 5000, [], [[]], [1, 2],
    {}, {"x": 1}, DEEP,
)
CLIP: forms.Clips = {(11, 6, 1): (0, 64)}


class Reader(NamedTuple):
    """A kind of file that is spoilt."""

    count: int  # of spoilt files
    path: str  # below the folder
    good: Callable[[Path], Any]  # makes what the reader needs in the folder; the file's content, as JSON has it
    read: Callable[[Path], Any]  # of the folder
    write: Callable[[Any], str] = json.dumps


# ---------------------------------------------------------------- what is read

def used(samples: Sequence[Sample], skeleton: Skeleton) -> None:
    """Does with people whatever training and testing do before they open pictures."""
    mpii.held_out([sample.image.name for sample in samples])
    for sample in samples:
        patch = patch_of(sample, 64)
        assert 0 < sample.box.side < np.inf and np.isfinite(patch.matrix).all()
        fractions, weights = encode(sample, patch, skeleton, 3 if sample.pose else 2)
        assert np.isfinite(fractions).all() and np.isfinite(weights).all()
    if samples:
        fingerprint(samples)


def mpii_records(folder: Path) -> Any:
    rng = np.random.default_rng(1)
    return [
        {"image": f"{i}.jpg", "center": rng.uniform(50, 300, 2).tolist(), "scale": rng.uniform(0.5, 3),
         "joints": rng.uniform(1, 300, (16, 2)).tolist(), "joints_vis": rng.integers(0, 2, 16).tolist()}
        for i in range(3)
    ]


def read_mpii(folder: Path) -> None:
    used(mpii.read_file(folder / "valid.json", folder), MPII)


def coco_truth(folder: Path) -> Any:
    content = coco_forms.truth(np.random.default_rng(2), images=2)
    coco_forms.write(folder, content)
    return content


def read_coco(folder: Path) -> None:
    """Refused as people to train on, or as truth to score against, or by neither."""
    refused = []
    for read in (lambda: used(coco.annotated(folder).samples, COCO), lambda: coco.truth_file(folder)):
        try:
            read()
        except InputError as error:
            refused.append(error)
    if refused:
        raise refused[0]


def read_own(folder: Path) -> None:
    found = custom.find(folder / "dogs.json", "dog")
    skeleton = custom.skeleton(found)
    used(custom_people.read(*found.files[0][:4]).samples, skeleton)


def boxes_by_image(folder: Path) -> Any:
    return {"a.jpg": [[1, 2, 30.5, 40], [5, 6, 70, 80]], "b.jpg": [[9, 8, 7, 6]]}


def box_lines(folder: Path) -> Any:
    return [list(boxes.COLUMNS), ["a.jpg", 1, 2, 30.5, 40], ["b.jpg", 5, 6, 70, 80]]


def read_boxes(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        for found in boxes.read(folder / name).boxes.values():
            assert np.isfinite(found.edges).all() and np.isfinite(found.scores).all()
    return read


DETECTIONS = f"annotations/{coco.PARTS['val'].detections}"


def coco_detections(folder: Path) -> Any:
    coco_truth(folder)
    return [{"image_id": image, "category_id": 1, "bbox": [10.5, 20, 30, image], "score": 0.9} for image in (100, 101)]


def coco_results(folder: Path) -> Any:
    rng = np.random.default_rng(3)
    return [{"image_id": 7, "category_id": 1, "keypoints": rng.uniform(0, 99, 51).tolist(), "score": 0.5}
            for _ in range(3)]


def read_coco_results(folder: Path) -> None:
    assert all(np.isfinite(array).all() for array in coco.read_results(folder / "results.json"))


def three_dmppe(kind: str) -> Callable[[Path], Any]:
    def good(folder: Path) -> Any:
        forms.write_json(folder, CLIP)
        return json.loads((folder / f"annotations/Human36M_subject11_{kind}.json").read_text())
    return good


def read_human36m(folder: Path) -> None:
    used(human36m.read(folder, "test", 1), HUMAN36M)


def points(people: int, *shape: int) -> Any:
    return np.random.default_rng(4).uniform(-300, 300, (people, *shape)).round(2).tolist()


def as_csv(lines: Any) -> str:
    """Rows of cells as they come, for a reader that must bear any text."""
    return "\n".join(
        ",".join(map(str, line)) if isinstance(line, list) else str(line) for line in lines
    ) if isinstance(lines, list) else str(lines)


def read_points(name: str) -> Callable[[Path], None]:
    return lambda folder: finite(predictions.read(folder / name, 2))


def finite(array: Any) -> None:
    assert np.isfinite(array).all()


def image_names(folder: Path) -> List[Path]:
    return [sample.image for sample in human36m.read(folder, "test", 1)]


def read_poses(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        data = [folder / "annotations/Human36M_subject11_data.json"]
        finite(predictions.read_poses(folder / name, image_names(folder), data=data))
    return read


def poses_by_name(folder: Path) -> Any:
    forms.write_json(folder, CLIP)
    names = [path.name for path in image_names(folder)]
    return dict(zip(names, points(len(names), 17, 3)))


def poses_by_id(folder: Path) -> Any:
    forms.write_json(folder, CLIP)
    images = json.loads((folder / "annotations/Human36M_subject11_data.json").read_text())["images"]
    return [{"image_id": image["id"], "joint_cam": [[0, 0, 0], *pose[1:]]} for image, pose in
            zip(images, points(len(images), 17, 3))]


def ids_of_images(folder: Path) -> Any:
    (folder / "p.json").write_text(json.dumps(poses_by_id(folder)))
    return json.loads((folder / "annotations/Human36M_subject11_data.json").read_text())


def poses_csv(folder: Path) -> Any:
    poses = poses_by_name(folder)
    return [predictions.POSES_HEADER, *([name, k, *xyz] for name, pose in poses.items() for k, xyz in enumerate(pose))]


READERS: Dict[str, Reader] = {
    "MPII": Reader(2500, "valid.json", mpii_records, read_mpii),
    "COCO": Reader(2000, "annotations/person_keypoints_val2017.json", coco_truth, read_coco),
    "detections": Reader(1500, DETECTIONS, coco_detections, lambda f: used(coco.detected(f).samples, COCO)),
    "results": Reader(1000, "results.json", coco_results, read_coco_results),
    "own": Reader(1000, "dogs.json", lambda folder: custom_forms.annotations(), read_own),
    "boxes": Reader(300, "b.json", coco_detections, read_boxes("b.json")),
    "boxes by image": Reader(200, "b.json", boxes_by_image, read_boxes("b.json")),
    "box lines": Reader(200, "b.csv", box_lines, read_boxes("b.csv"), as_csv),
    **{f"3DMPPE {kind}": Reader(500, f"annotations/Human36M_subject11_{kind}.json", three_dmppe(kind), read_human36m)
       for kind in human36m_json.KINDS},
    "points": Reader(300, "a.json", lambda folder: points(2, 16, 2), read_points("a.json")),
    "point records": Reader(300, "a.json", lambda folder: [{"joints": p} for p in points(2, 16, 2)],
                            read_points("a.json")),
    "point lines": Reader(300, "a.csv", lambda folder: [predictions.HEADER, *(
        [n, k, *xy] for n, person in enumerate(points(2, 16, 2)) for k, xy in enumerate(person))],
        read_points("a.csv"), as_csv),
    "poses by name": Reader(200, "p.json", poses_by_name, read_poses("p.json")),
    "poses by id": Reader(200, "p.json", poses_by_id, read_poses("p.json")),
    "ids of images": Reader(300, "annotations/Human36M_subject11_data.json", ids_of_images, read_poses("p.json")),
    "pose lines": Reader(100, "p.csv", poses_csv, read_poses("p.csv"), as_csv),
}


# ---------------------------------------------------------------- how it is spoilt

def spoilt(content: Any, rng: random.Random) -> Any:
    """A copy with one or two values somewhere in it replaced, left out, doubled or added."""
    content = copied(content)
    for _ in range(rng.randint(1, 2)):
        inside = content
        while True:
            key = rng.choice(list(inside) if isinstance(inside, dict) else range(len(inside)))
            if not (isinstance(inside[key], (list, dict)) and inside[key]) or rng.random() < 0.3:
                break
            inside = inside[key]
        _change(inside, key, rng)
        if not content:
            break
    return content


def copied(value: Any) -> Any:
    """A deep copy, by pickle: `copy` takes five times as long."""
    return pickle.loads(pickle.dumps(value)) if isinstance(value, (list, dict)) else value


def _change(inside: Any, key: Any, rng: random.Random) -> None:
    junk = copied(rng.choice(JUNK))
    action = rng.randrange(5)
    if action == 0:
        del inside[key]
    elif action == 1 and isinstance(inside, list):
        inside.insert(key, junk)
    elif action == 2 and isinstance(inside, list):
        inside.insert(key, copied(inside[key]))
    else:
        inside[key] = junk


@pytest.fixture
def in_time() -> Iterator[None]:
    """Ends a reader that hangs."""
    def late(*_: Any) -> None:
        raise TimeoutError(f"a reader took more than {LIMIT} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_there_are_ten_thousand() -> None:
    assert sum(reader.count for reader in READERS.values()) >= 10_000


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("name", READERS)
def test_a_spoilt_record_is_refused_in_one_sentence_or_read_cleanly(name: str, tmp_path: Path) -> None:
    reader, rng = READERS[name], random.Random(name)
    good, path, refused = reader.good(tmp_path), tmp_path / reader.path, 0
    for _ in range(reader.count):
        content = spoilt(good, rng)
        path.unlink(missing_ok=True)  # ext4 waits for the disk where a file is overwritten
        path.write_text(reader.write(content), encoding="utf-8", errors="surrogatepass")
        try:
            reader.read(tmp_path)
        except InputError as error:
            refused += 1
            assert str(tmp_path) in str(error) and "\n" not in str(error)
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error}, on {str(content)[:2000]}")
    assert reader.count / 5 < refused < reader.count


# ---------------------------------------------------------------- arrays

def other_arrays(array: Array) -> Iterator[Array]:
    """What might stand in an array's place: of other numbers, kinds and shapes."""
    numbers = array if array.dtype.kind in "fiu" else np.zeros(array.shape)
    for number in (np.nan, np.inf, -1.0, 0.0, 1e308, 0.5):
        yield np.full(array.shape, number)
    yield np.full(array.shape, b"text")
    yield np.full(array.shape, -(2**63))
    yield numbers.astype(complex) + 1j
    yield numbers.astype(bool)
    yield array[:-1]
    yield array[:0]
    yield array[..., None]
    yield array.reshape(-1)[:1].reshape(())


def h5(path: Path, arrays: Dict[str, Array]) -> None:
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def npz(path: Path, arrays: Dict[str, Array]) -> None:
    np.savez(path, **arrays)


def in_h5(path: Path) -> Dict[str, Array]:
    found: Dict[str, Array] = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def mpii_h5(folder: Path) -> Dict[str, Array]:
    rng = np.random.default_rng(5)
    return {"part": rng.integers(2, 300, (4, 16, 2)).astype(float), "center": rng.uniform(50, 300, (4, 2)),
            "scale": rng.uniform(1, 3, 4), "normalize": rng.uniform(20, 60, 4),
            "imgname": np.array(["a.jpg"] * 4, "S9")}


def gt_valid(folder: Path) -> Dict[str, Array]:
    rng = np.random.default_rng(6)
    return {"pos_gt_src": rng.uniform(1, 300, (16, 2, 4)), "jnt_missing": rng.integers(0, 2, (16, 4)),
            "headboxes_src": rng.uniform(1, 99, (2, 2, 4))}


def fetched(folder: Path) -> Dict[str, Array]:
    forms.write_h5(folder, CLIP)
    return in_h5(folder / forms.h5_folder(next(iter(CLIP))) / "annot.h5")


def converted(folder: Path) -> Dict[str, Array]:
    forms.write_npz(folder, CLIP)
    with np.load(folder / "annotation_body3d/fps50/h36m_test.npz") as file:
        return dict(file)


class Arrays(NamedTuple):
    """A kind of file of arrays, as `Reader`."""

    path: str
    good: Callable[[Path], Dict[str, Array]]
    read: Callable[[Path], Any]
    write: Callable[[Path, Dict[str, Array]], None]


def some_poses(folder: Path) -> Dict[str, Array]:
    forms.write_json(folder, CLIP)
    return {"predictions": np.array(points(8, 17, 3))}


ARRAYS: Dict[str, Arrays] = {
    "hourglass": Arrays("valid.h5", mpii_h5, lambda folder: used(mpii.read_file(folder / "valid.h5", folder), MPII),
                        h5),
    "truth": Arrays("gt_valid.mat", gt_valid, lambda folder: mpii.read_truth(folder / "gt_valid.mat"),
                    scipy.io.savemat),
    "h36m-fetch": Arrays(forms.h5_folder(next(iter(CLIP))) + "/annot.h5", fetched, read_human36m, h5),
    "mmpose": Arrays("annotation_body3d/fps50/h36m_test.npz", converted, read_human36m, npz),
    "points.h5": Arrays("p.h5", lambda folder: {"preds": np.array(points(2, 16, 2))}, read_points("p.h5"), h5),
    "points.mat": Arrays("p.mat", lambda folder: {"preds": np.array(points(2, 16, 2))}, read_points("p.mat"),
                         scipy.io.savemat),
    "points.npy": Arrays("p.npy", lambda folder: {"": np.array(points(2, 16, 2))}, read_points("p.npy"),
                         lambda path, arrays: np.save(path, arrays[""])),
    "poses.npz": Arrays("p.npz", some_poses, read_poses("p.npz"), npz),
    "poses.h5": Arrays("p.h5", some_poses, read_poses("p.h5"), h5),
}


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("name", ARRAYS)
def test_another_array_is_refused_in_one_sentence_or_read_cleanly(name: str, tmp_path: Path) -> None:
    kind = ARRAYS[name]
    good, path = kind.good(tmp_path), tmp_path / kind.path
    kind.write(path, good)
    kind.read(tmp_path)
    for spot, array in good.items():
        for number, other in enumerate(other_arrays(array)):
            kind.write(path, {**good, spot: other})
            try:
                kind.read(tmp_path)
            except InputError as error:
                assert str(tmp_path) in str(error) and "\n" not in str(error)
            except Exception as error:
                pytest.fail(f"{type(error).__name__}: {error}, {spot}: {number}th, {other.dtype} {other.shape}")
