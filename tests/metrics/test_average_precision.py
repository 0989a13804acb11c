"""AP and AR are pycocotools', also of images that are drawn again and again."""
from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from integral_pose.datasets import coco
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.metrics import average_precision as ap
from tests.helpers import coco_forms as forms

STATS = {"AP": 0, "AP50": 1, "AP75": 2, "APM": 3, "APL": 4, "AR": 5}  # places in COCOeval.stats


def official(folder: Path, content: Dict[str, Any], poses: forms.Poses) -> Array:
    """COCOeval's own numbers, from files."""
    truth, results = folder / "official.json", folder / "official_results.json"
    truth.write_text(json.dumps(content))
    coco.write_results(results, *poses)
    with contextlib.redirect_stdout(io.StringIO()):
        annotations = COCO(str(truth))
        found = COCOeval(annotations, annotations.loadRes(str(results)), "keypoints")
        found.evaluate()
        found.accumulate()
        found.summarize()
    return np.asarray(found.stats)


def again(content: Dict[str, Any], poses: forms.Poses, weights: Array) -> Any:
    """Content and poses with each image, and all in it, as often as it is drawn, under ids of its own."""
    images, people, chosen, owners = [], [], [], []
    for image, times in zip(content["images"], weights.tolist()):
        for _ in range(int(times)):
            number = 1000 + len(images)
            images.append({**image, "id": number})
            inside = [one for one in content["annotations"] if one["image_id"] == image["id"]]
            people += [{**one, "id": len(people) + i + 1, "image_id": number} for i, one in enumerate(inside)]
            where = np.flatnonzero(poses.images == image["id"])
            chosen.append(where)
            owners.append(np.full(len(where), number))
    rows = np.concatenate(chosen)
    drawn = forms.Poses(np.concatenate(owners), poses.joints[rows], poses.scores[rows])
    return {**content, "images": images, "annotations": people}, drawn


@pytest.mark.parametrize("seed", range(4))
def test_is_pycocotools(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    content = forms.truth(rng)
    poses = forms.found(rng, content)
    stats = official(tmp_path, content, poses)
    arrays = ap.match(forms.write(tmp_path, content), *poses)
    ones = np.ones((1, len(content["images"])))
    for what, place in STATS.items():
        assert ap.average_precision(arrays, what, ones)[0] == pytest.approx(stats[place], abs=1e-9)
        assert ap.score(arrays)[what] == pytest.approx(100 * stats[place], abs=1e-7)
    assert 0.1 < stats[0] < stats[1] < 1 and len(set(stats[:6].tolist())) == 6
    assert np.bincount(arrays["images"])[0] == 20


@pytest.mark.parametrize("seed", range(4))
def test_a_resampling_is_pycocotools_on_images_drawn_again(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    content = forms.truth(rng, images=7)
    poses = forms.found(rng, content)
    arrays = ap.match(forms.write(tmp_path, content), *poses)
    weights = rng.multinomial(7, np.full(7, 1 / 7), size=5)
    assert (weights == 0).any() and (weights > 1).any()
    found = {what: ap.average_precision(arrays, what, weights) for what in STATS}
    for row, drawn in enumerate(weights):
        stats = official(tmp_path, *again(content, poses, drawn))
        for what, place in STATS.items():
            assert found[what][row] == pytest.approx(stats[place], abs=1e-9), what


def test_resamplings_are_the_same_however_many_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    content = forms.truth(rng)
    arrays = ap.match(forms.write(tmp_path, content), *forms.found(rng, content))
    weights = rng.multinomial(6, np.full(6, 1 / 6), size=11).astype(np.float32)
    at_once = {what: ap.average_precision(arrays, what, weights) for what in STATS}
    monkeypatch.setattr(ap, "CHUNK", 4 * len(arrays["scores"]))
    for what in STATS:
        np.testing.assert_array_equal(ap.average_precision(arrays, what, weights), at_once[what])
        assert len(set(at_once[what].tolist())) > 5


def test_arrays_can_be_saved_without_pickles(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    content = forms.truth(rng)
    arrays = ap.match(forms.write(tmp_path, content), *forms.found(rng, content))
    np.savez(tmp_path / "arrays.npz", **arrays)
    with np.load(tmp_path / "arrays.npz", allow_pickle=False) as file:
        assert ap.score(dict(file)) == ap.score(arrays)


def test_no_poses_find_nobody(tmp_path: Path) -> None:
    truth = forms.write(tmp_path, forms.truth(np.random.default_rng(7)))
    arrays = ap.match(truth, np.empty(0, int), np.empty((0, 17, 2)), np.empty(0))
    assert ap.score(arrays) == dict.fromkeys(STATS, 0)


def test_where_nobody_is_to_be_found_there_is_no_value(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    content = forms.truth(rng)
    poses = forms.found(rng, content)
    content["annotations"] = [one for one in content["annotations"] if one["bbox"][2] != forms.SIDES["medium"]]
    arrays = ap.match(forms.write(tmp_path, content), *poses)
    weights = np.ones((2, 6))
    weights[1] = np.arange(6) == forms.EMPTY
    for what in STATS:
        assert np.isnan(ap.average_precision(arrays, what, weights)).tolist() == [what == "APM", True]


def test_an_unknown_image_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    content = forms.truth(rng)
    images, *rest = forms.found(rng, content)
    images[5:7] = 999
    with pytest.raises(InputError, match=r"no image 999, and pose 5 .*\(2 of"):
        ap.match(forms.write(tmp_path, content), images, *rest)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"annotations": [{}]}', '{"images": [3]}'])
def test_what_is_not_cocos_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "truth.json").write_text(text)
    with pytest.raises(InputError, match="truth.json"):
        ap.match(tmp_path / "truth.json", np.array([4]), np.zeros((1, 17, 2)), np.ones(1))


def test_the_protocol_says_how_many_count(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    content = forms.truth(rng)
    arrays = ap.match(forms.write(tmp_path, content), *forms.found(rng, content))
    assert "|images:6|people:15 (" in ap.protocol(arrays)
