"""Networks in 8 bits: as those in float32, within a limit, or refused."""
from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict

import integral_pose  # isort: skip  # noqa: F401

import mxnet as mx
import numpy as np
import pytest

from integral_pose.datasets import catalogue
from integral_pose.errors import InputError
from integral_pose.evaluation.predict import scorer
from integral_pose.geometry import Array
from integral_pose.models import int8, saved
from integral_pose.run import Run
from tests.helpers import trained_forms

CPU = mx.cpu()
GPU = mx.gpu(0)


PEOPLE = saved.at(Path("people"))


@pytest.fixture
def run() -> Run:
    return PEOPLE.run


@pytest.fixture
def parameters(tmp_path: Path) -> Path:
    """Those of `people`, with their thresholds beside them."""
    path = tmp_path / "net.params"
    shutil.copy(PEOPLE.parameters, path)
    shutil.copy(int8.of_parameters(PEOPLE.parameters), int8.of_parameters(path))
    return path


def noise(run: Run, count: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(size=(count, 3, run.patch, run.patch))


def changed(parameters: Path, change: Callable[[Any], Any]) -> None:
    path = int8.of_parameters(parameters)
    path.write_text(json.dumps(change(json.loads(path.read_text()))))


@pytest.mark.parametrize("name", ["people", "people-3d"])
def test_networks_for_photographs_have_almost_the_same_joints_in_8_bits(name: str) -> None:
    trained = saved.at(Path(name))
    images = noise(trained.run, 9)
    network = trained.run, trained.parameters, catalogue.skeleton(trained.run), CPU
    both = [scorer(*network, in_8_bits) for in_8_bits in (False, True)]
    for count in (9, 1):  # of either way of the flip test, and of another number than before
        (joints, scores), (found, found_scores) = (said(images[:count]) for said in both)
        assert found.shape == joints.shape and found_scores.shape == scores.shape
        moved = np.linalg.norm((found - joints)[..., :2], axis=2) * trained.run.patch
        assert 0 < np.median(moved) < 2
        np.testing.assert_allclose(np.median(found_scores), np.median(scores), atol=0.1)


def test_convolutions_are_in_8_bits(parameters: Path, run: Run) -> None:
    net = int8.network(run, parameters, CPU)
    (_, symbol) = net._cached_graph
    convolutions = [node["attrs"] for node in json.loads(symbol.tojson())["nodes"] if node["op"] == "_sg_mkldnn_conv"]
    assert len(convolutions) == 21 and all(attrs["quantized"] == "true" for attrs in convolutions)


def test_thresholds_are_the_same_whatever_was_built_before(tmp_path: Path) -> None:
    run = trained_forms.tiny()
    path = trained_forms.write(run, tmp_path / "run") / "net.params"
    images = noise(run, 40)  # of two mini-batches
    found, again = (int8.calibrated(int8.loaded(run, path), images) for _ in range(2))
    assert found == again and len(found) == 23
    assert all(least in (0, -highest) for least, highest in found.values())  # of ReLU's output and of others
    assert 1 < found["data"][1] <= np.abs(images).max()
    written = int8.write(path, found, "noise")
    assert written == path.with_name("net.int8.json") and int8.read(path) == found


@pytest.mark.parametrize("change, reason", [
    (lambda content: {**content, "parameters": "0"}, "was made for other parameters than those in net.params"),
    (lambda content: [content], "is damaged"), (lambda content: {"parameters": "0"}, "is damaged"),
    (lambda content: {**content, "thresholds": {"data": [0]}}, "is damaged"),
    (lambda content: {**content, "thresholds": {"data": [0, float("nan")]}}, "is damaged: a threshold"),
    (lambda content: {**content, "thresholds": {"data": [0, 1]}}, "has thresholds of other layers"),
    (lambda content: {**content, "thresholds": {}}, "has thresholds of other layers"),
])
def test_a_file_that_does_not_fit_is_refused(
    change: Callable[[Any], Any], reason: str, parameters: Path, run: Run
) -> None:
    changed(parameters, change)
    with pytest.raises(InputError, match=rf"net\.int8\.json: {reason}.*calibrate .*net\.params"):
        int8.network(run, parameters, CPU)


def test_joints_that_move_are_refused(parameters: Path, run: Run) -> None:
    def smaller(content: Any) -> Dict[str, Any]:
        values = {name: [least / 50, highest / 50] for name, (least, highest) in content["thresholds"].items()}
        return {**content, "thresholds": values}

    int8.network(run, parameters, CPU)
    changed(parameters, smaller)
    with pytest.raises(InputError, match=r"joints of noise move by .* px in the median, and 2 px are allowed"):
        int8.network(run, parameters, CPU)


def test_what_cannot_run_in_8_bits_is_refused(
    parameters: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="for the CPU alone. Leave out --int8 or --gpus"):
        int8.network(run, parameters, GPU)
    with pytest.raises(InputError, match="direct regression"):
        int8.network(trained_forms.tiny(output="direct"), parameters, CPU)
    stages = trained_forms.tiny(stages=2)
    with pytest.raises(InputError, match="several outputs"):
        int8.calibrated(int8.build.maps_network(stages), noise(stages, 1))
    monkeypatch.setenv("MXNET_MKLDNN_ENABLED", "0")
    with pytest.raises(InputError, match="without oneDNN"):
        int8.network(run, parameters, CPU)
    monkeypatch.delenv("MXNET_MKLDNN_ENABLED")
    int8.of_parameters(parameters).unlink()
    with pytest.raises(InputError, match=r"net\.int8\.json: there is no such file, which --int8 needs"):
        int8.network(run, parameters, CPU)
