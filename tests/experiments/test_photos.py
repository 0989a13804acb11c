"""The networks of photographs: which runs they are, how they are measured, and what is shipped of them."""
from __future__ import annotations

import csv
import gzip
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Tuple

import cv2
import mxnet as mx
import numpy as np
import pytest

from experiments import photos
from integral_pose import run as runs
from integral_pose.datasets import coco, loader, lsp, mpii
from integral_pose.errors import InputError
from integral_pose.geometry import Box, Camera
from integral_pose.inference.boxes import Boxes
from integral_pose.models import int8, saved
from integral_pose.samples import Pose, Sample
from integral_pose.skeletons import COCO, LSP, MPII
from tests.helpers import trained_forms

ROOT = Path(__file__).resolve().parents[2]
MEASURED = (photos.IN_3D.data, "test")
RESULTS = ROOT / "results" / "photos"


def person(image: str = "a.jpg", x: float = 50, head: float = 10, joints: int = 16) -> Sample:
    return Sample(Path(image), np.full((joints, 2), x), np.ones(joints), Box(x, 50, 100), head)


@pytest.mark.parametrize("name", photos.RUNS)
def test_they_are_trained_on_the_training_people_of_the_extended_set(name: str) -> None:
    sources = {data for link in photos.RUNS[name].chain for data in (link.data, link.extra) if data}
    assert sources - {photos.IN_3D.data} == ({lsp.EXTENDED} if name != "people-3d-alone" else set())
    assert not any(link.pretrained or link.everybody for link in photos.RUNS[name].chain)


@pytest.mark.parametrize("skeleton", [LSP, MPII, COCO])
def test_joints_go_by_their_names(skeleton: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    order = np.arange(14.0)
    monkeypatch.setattr(photos, "predict", lambda *_: np.stack([order, -order], axis=1)[None].repeat(2, axis=0))
    network = saved.Trained(runs.Run(data=lsp.EXTENDED), Path("net.params"))
    found = photos.said(network, [person(), person()], skeleton, mx.cpu())
    assert found.shape == (2, len(skeleton.joints), 2)
    for joint, name in enumerate(skeleton.joints):
        expected = LSP.index(name) if name in LSP.joints else np.nan
        np.testing.assert_array_equal(found[:, joint, 0], expected)


def test_head_sizes_come_from_the_same_person(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [person(x=10, head=1), person(x=55, head=2), person("b.jpg", x=50, head=3)]
    files = {"valid.h5": known, "valid.json": [person(head=np.nan)]}
    monkeypatch.setattr(mpii, "read_file", lambda path, _: files[path.name])
    assert [sample.head_size for sample in photos.five(Path("mpii"))] == [2]
    files["valid.json"] = [person(x=80)]
    with pytest.raises(InputError, match="valid.h5: lacks a person of a.jpg"):
        photos.five(Path("mpii"))


@pytest.mark.parametrize("off, shares", [(0, (100, 100, 100)), (9, (0, 0, 100)), (12, (0, 0, 0))])
def test_a_network_is_measured_on_three_data_sets(
    off: float, shares: Tuple[float, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    posed = np.zeros((14, 2))
    posed[LSP.index("l_shoulder")] = 24, 32  # a torso of 40 px, of which a fifth is 8
    people = {14: replace(person(joints=14), joints=posed), 17: person(joints=17)}
    monkeypatch.setattr(lsp, "read", lambda *_: [people[14]])
    monkeypatch.setattr(coco, "read", lambda *_: [replace(people[17], box=Box(0, 0, 125))])
    monkeypatch.setattr(photos, "five", lambda _: [person(head=10)])
    monkeypatch.setattr(photos, "said", lambda network, samples, *_: np.stack([s.joints for s in samples]) + [off, 0])
    found = photos.measure(saved.Trained(runs.Run(), Path("net.params")), Path("data"), mx.cpu())
    assert found[:3] == shares and np.isnan(found.synthetic)


def test_a_3d_network_is_measured_on_synthetic_people_too(monkeypatch: pytest.MonkeyPatch) -> None:
    pose = Pose(np.arange(54.0).reshape(18, 3), Camera(np.eye(3), np.zeros(3), (1, 1), (0, 0)), "Walking")
    wrong = pose.joints.copy()
    wrong[1, 2] += 17  # mm: a joint of 17
    people = SimpleNamespace(samples=[replace(person(joints=18), pose=pose)])
    monkeypatch.setattr(loader, "batches", lambda run, split, _: people if (run.data, split) == MEASURED else None)
    monkeypatch.setattr(photos, "predict", lambda *_: wrong[None])
    network = saved.Trained(photos.RUNS["people-3d"], Path("net.params"))
    assert photos._mpjpe(network, Path("data"), mx.cpu()) == pytest.approx(1)


def test_the_3d_network_starts_from_the_2d_one_that_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []
    monkeypatch.setattr(photos, "train", lambda run, site, label: begun.append(run) or site.folder(run))
    assert photos.main(["train", saved.IN_3D, "--runs", str(tmp_path)]) == 0 and begun == [photos.RUNS[saved.IN_3D]]
    before = saved.at(tmp_path / photos.PEOPLE.training.key / "net.params")
    assert before.run == begun[0].trunk == photos.RUNS[saved.DEFAULT].training
    ours, theirs = (mx.nd.load(str(path)) for path in (before.parameters, saved.shipped()[saved.DEFAULT]))
    assert set(ours) == set(theirs) and all((ours[name] == theirs[name].astype("float32")).min() for name in ours)


def test_what_ships_is_the_network_with_16_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    trained = runs.Run(data=lsp.EXTENDED, backbone="resnet18", width=0.0625, patch=64, pretrained=False, steps=2)
    run = replace(trained, flip_test=True)
    monkeypatch.setitem(photos.RUNS, "people", run)
    folder = trained_forms.write(trained, tmp_path / "runs" / trained.key)
    (folder / "log.csv").write_text("step,train_loss\n2,0.5\n")
    words = ["ship", "people", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "models"),
             "--results", str(tmp_path / "results")]
    assert photos.main(words) == 0 and trained.key in capsys.readouterr().out
    shipped = saved.at(tmp_path / "models" / "people.params")
    assert shipped.run == run and not shipped.notes
    with open(tmp_path / "results" / "people-training.csv", newline="") as handle:
        assert list(csv.DictReader(handle)) == [{"key": trained.key, "phase": "1", "step": "2", "train_loss": "0.5"}]
    halves, whole = (mx.nd.load(str(path)) for path in (shipped.parameters, folder / "net.params"))
    assert {values.dtype for values in halves.values()} == {np.float16}
    for name, values in whole.items():
        np.testing.assert_allclose(halves[name].asnumpy(), values.asnumpy(), rtol=1e-3, atol=1e-6)
    (folder / "trained.json").unlink()
    assert photos.main(words) == 2 and "not finished" in capsys.readouterr().err


def test_backbones_are_trained_and_written_without_their_heads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    run = runs.Run(data=lsp.EXTENDED, backbone="resnet18", width=0.0625, patch=64, pretrained=False, steps=2)
    monkeypatch.setattr(photos, "TRUNKS", {"resnet18": run, "resnet50": replace(run, backbone="resnet50")})
    monkeypatch.setattr(photos, "RUNS", {"resnet18": run})  # another one would be an error
    folder = trained_forms.write(run, tmp_path / "runs" / run.key)
    (folder / "log.csv").write_text("step,train_loss\n2,0.5\n")
    words = ["trunks", "resnet18", "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "new" / "trunks"),
             "--results", str(tmp_path / "results")]
    assert photos.main(words) == 0 and "resnet18" in capsys.readouterr().out
    path = tmp_path / "new" / "trunks" / f"{run.key}.params.gz"
    stored, whole = mx.nd.load_frombuffer(gzip.decompress(path.read_bytes())), mx.nd.load(str(folder / "net.params"))
    assert set(stored) == {name for name in whole if name.startswith("trunk.")} != set(whole)
    assert {values.dtype for values in stored.values()} == {np.float16}
    assert runs.read(path.with_name(f"{run.key}.json")) == run
    assert (tmp_path / "results" / "resnet18-training.csv").exists()


@pytest.mark.parametrize(("boxes", "box"), [
    ("annotated", Box(50, 50, 100)), ("whole", Box(59.5, 39.5, 120)), ("found", Box(29.5, 19.5, 50)),
])
def test_people_are_looked_at_in_the_boxes_that_predict_has(
    boxes: str, box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Found:
        @staticmethod
        def of(*_: Any) -> Callable[[Any], Boxes]:
            return lambda picture: Boxes(np.array([[10, 0, 40, 40.0]]), np.ones(1))

    monkeypatch.setattr(photos, "Search", Found)
    monkeypatch.setattr(photos.PICTURES, "read", lambda _: np.zeros((80, 120, 3), np.uint8))
    found = photos.boxed(saved.Trained(runs.Run(), Path("net.params")), [person()], boxes, mx.cpu())
    assert [sample.box for sample in found] == [box]


def test_a_network_with_a_margin_of_its_own_has_it_in_annotated_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    closer = saved.Trained(runs.Run(margin=1.0), Path("net.params"))
    assert [one.box for one in photos.boxed(closer, [person()], "annotated", mx.cpu())] == [Box(50, 50, 80)]


@pytest.mark.parametrize("name, measure, unit", [
    (saved.DEFAULT, "lsp", "%"), (saved.IN_3D, "lsp", "%"), (saved.IN_3D, "synthetic", "mm"),
])
def test_what_ships_is_one_of_these_networks_and_the_pages_quote_it(name: str, measure: str, unit: str) -> None:
    shipped = saved.at(saved.shipped()[name])
    assert shipped.run == photos.RUNS[name]
    row = next(line for line in (saved.SHIPPED / "README.md").read_text().splitlines() if f"`{name}.params`" in line)
    with open(RESULTS / "people-measured.csv", newline="") as handle:
        found = next(row for row in csv.DictReader(handle) if (row["network"], row["boxes"]) == (name, "annotated"))
    quoted = f" {float(found[measure]):.1f} {unit}"
    assert f"`{shipped.run.training.key}`" in row and quoted in row
    assert quoted in (ROOT / "docs/photos.md").read_text()


@pytest.mark.parametrize("name", [saved.DEFAULT, saved.IN_3D])
def test_the_committed_log_is_of_the_network_that_ships(name: str) -> None:
    with open(RESULTS / f"{name}-training.csv", newline="") as handle:
        lines = list(csv.DictReader(handle))
    chain = photos.RUNS[name].training.chain
    assert list(dict.fromkeys(line["key"] for line in lines)) == [link.key for link in chain]
    for link in chain:
        assert max(int(line["step"]) for line in lines if line["key"] == link.key) == link.steps


def test_each_backbone_that_ships_has_its_parameters_in_the_repository() -> None:
    folder = saved.SHIPPED / saved.TRUNKS
    keys = {path.stem for path in folder.glob("*.json")}
    assert keys == {path.name[:-len(".params.gz")] for path in folder.glob("*.params.gz")}
    assert keys == {run.training.key for run in photos.TRUNKS.values()}
    assert all(runs.read(folder / f"{key}.json").key == key for key in keys)


def test_thresholds_are_found_on_held_out_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every eighth of them, and no other split; the file goes beside the parameters, for this file of them alone."""
    run, asked = trained_forms.tiny(), []
    path = trained_forms.write(run, tmp_path / "run") / "net.params"
    cv2.imwrite(str(tmp_path / "a.png"), np.random.default_rng(0).integers(0, 255, (100, 100, 3)).astype(np.uint8))
    people = [person(str(tmp_path / "a.png"), joints=14)] * 17

    def read(*arguments: Any) -> Any:
        asked.append(arguments)
        return people

    monkeypatch.setattr(lsp, "read", read)
    assert photos.main(["calibrate", str(path), "--data", "DATA"]) == 0
    assert asked == [(Path("DATA"), lsp.EXTENDED, "held-out")]
    content = json.loads(path.with_name("net.int8.json").read_text())
    assert content["images"] == "3 held-out people of lspet" and int8.read(path) and run.patch == 64


def test_networks_ship_with_thresholds_for_their_own_parameters() -> None:
    for name in (saved.DEFAULT, saved.IN_3D):
        assert len(int8.read(saved.shipped()[name])) == 23
