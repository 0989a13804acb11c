"""Predictions with and without the flip test, for every kind of output."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import integral_pose  # isort: skip  # noqa: F401

import cv2
import mxnet as mx
import numpy as np
import pytest

from integral_pose.datasets import catalogue, loader
from integral_pose.datasets.batches import Batches
from integral_pose.evaluation import evaluate
from integral_pose.evaluation.predict import TOGETHER, all_joints, predict
from integral_pose.geometry import Array, Box, Camera
from integral_pose.models import build, decode, weights
from integral_pose.models.subpixel import in_window
from integral_pose.profiles import smoke
from integral_pose.run import Run
from integral_pose.run_folder import DONE, Site
from integral_pose.samples import Pose, Sample, encode, patch_of
from integral_pose.skeletons import HUMAN36M, MPII
from integral_pose.storage import array_files

CPU = mx.cpu()
IN_3D = {"data": "human36m", "coordinates": 3}
HEAT_MAP = {"output": "heat map", "loss": "gaussian-mse"}
KINDS: Dict[str, Dict[str, Any]] = {
    "direct": {"output": "direct"},
    "heat maps": HEAT_MAP,
    "integral": {},
    "direct 3D": {**IN_3D, "output": "direct"},
    "volumes": {**IN_3D, **HEAT_MAP},
    "integral 3D": IN_3D,
    "heat vectors": {**IN_3D, **HEAT_MAP, "extra": "mpii"},
}
ON_MAPS = [kind for kind in KINDS if "direct" not in kind]
SIZE, CELLS = 64, 8


def tiny(kind: str) -> Run:
    """64 px and, on maps, 8 cells a side."""
    return replace(smoke(Run(backbone="resnet18", **KINDS[kind])), start=None)


def flipped(run: Run) -> Run:
    return replace(run, flip_test=True)


def network(run: Run) -> Any:
    """A network whose joints are all over the patch, as those of a trained one are."""
    net = build.network(run)
    build.initialise(net, run, [CPU], Path("unused"))
    logits = net.head(net.trunk(mx.nd.array(images()))).asnumpy()
    last = net.head.final.weight
    last.set_data(last.data() * (0.3 if run.output == "direct" else 3.0) / float(logits.std()))
    return net


def images(people: int = 3) -> Array:
    return np.random.default_rng(1).normal(0, 1.5, (people, 3, SIZE, SIZE)).astype(np.float32)


def mirrored(joints: Array, run: Run) -> Array:
    """Joints (N, K, C) as they are in the mirror, spelled out."""
    seen = np.array(joints)
    names = catalogue.skeleton(run).joints
    for k, name in enumerate(names):
        side = {"l": "r", "r": "l"}.get(name[0]) if name[1] == "_" else None
        seen[:, names.index(side + name[1:]) if side else k] = joints[:, k]
    seen[..., 0] = 1 - seen[..., 0]
    return seen


class Symmetric:
    """A network that says of a picture's mirror image exactly the mirror image of what it says of the picture."""

    def __init__(self, run: Run) -> None:
        self.net, self.run = network(run), run

    def __call__(self, patches: mx.nd.NDArray) -> mx.nd.NDArray:
        ours, theirs = (self.net.head(self.net.trunk(p)) for p in (patches, mx.nd.flip(patches, axis=3)))
        both = mx.nd.array(ours.asnumpy() + self.mirrored(theirs.asnumpy()))
        if self.run.output == "direct":
            return both / 2
        return self.net.readout(both) if self.net.readout else both

    def mirrored(self, output: Array) -> Array:
        if self.run.output == "direct":
            return mirrored(output, self.run)
        order = list(catalogue.skeleton(self.run).mirror)
        volumes = output.reshape(len(output), len(order), self.run.depth, CELLS, CELLS)
        return volumes[:, order, ..., ::-1].reshape(output.shape)


def said(net: Any, patches: Array, run: Run) -> Array:
    return all_joints(net, patches, run, catalogue.skeleton(run), CPU)


@pytest.mark.parametrize("kind", KINDS)
def test_a_symmetric_network_is_left_as_it_is(kind: str) -> None:
    run = tiny(kind)
    net = Symmetric(run)
    once = said(net, images(), run)
    assert once.shape == (3, len(catalogue.skeleton(run).joints), run.coordinates)
    assert (once.std(axis=(0, 1)) > 0.03).all()
    np.testing.assert_allclose(said(net, images(), flipped(run)), once, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_any_network_sees_a_mirrored_patch_as_the_mirror_image(kind: str) -> None:
    run = tiny(kind)
    net = network(run)
    patches = images()
    assert np.abs(said(net, patches[..., ::-1], run) - mirrored(said(net, patches, run), run)).max() > 0.03
    both = said(net, patches, flipped(run))
    np.testing.assert_allclose(said(net, patches[..., ::-1], flipped(run)), mirrored(both, run), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_flip_test_is_the_mean_of_two_views(kind: str) -> None:
    run = tiny(kind)
    net = network(run)
    ours, theirs = (said(net, patches, run) for patches in (images(), images()[..., ::-1]))
    np.testing.assert_allclose(said(net, images(), flipped(run)), (ours + mirrored(theirs, run)) / 2, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("people, calls", [(1, 1), (TOGETHER, 1), (TOGETHER + 1, 2)])
def test_few_patches_are_seen_in_one_call_with_their_mirror_images(kind: str, people: int, calls: int) -> None:
    run = flipped(tiny(kind))
    net, sizes = network(run), []

    def counted(patches: mx.nd.NDArray) -> mx.nd.NDArray:
        sizes.append(len(patches))
        return net(patches)

    patches = images(people)
    found = said(counted, patches, run)
    assert len(sizes) == calls and sum(sizes) == 2 * people
    np.testing.assert_allclose(found, np.concatenate([said(net, patch[None], run) for patch in patches]), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_without_it_a_network_is_asked_once_and_taken_at_its_word(kind: str) -> None:
    run = tiny(kind)
    net, outputs = network(run), []

    def counted(patches: mx.nd.NDArray) -> mx.nd.NDArray:
        outputs.append(net(patches))
        return outputs[-1]

    joints = said(counted, images(), run)
    assert not run.flip_test and len(outputs) == 1
    assert np.array_equal(joints, decode.decode(outputs[0].asnumpy(), run))


@pytest.mark.parametrize("together", [list, tuple])
def test_of_several_stages_the_last_is_heard(together: Callable[..., Any]) -> None:
    run = flipped(tiny("heat maps"))
    net = network(run)
    staged = said(lambda patches: together([-net(patches), net(patches)]), images(), run)
    assert np.array_equal(staged, said(net, images(), run))


def half_bright(path: Path, width: int = 87, height: int = 91) -> Path:
    """A picture by which its left can be told from its right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, width // 2:] = 255
    cv2.imwrite(str(path), pixels)
    return path


def in_3d(folder: Path) -> Sample:
    """Somebody in a corner of a 3D run's cube, moved by half a cell so that the root is in the middle of one."""
    camera = Camera(np.eye(3), np.zeros(3), (61.0, 58.5), (43.0, 41.5), (0.02, -0.01, 0.001, 0.002))
    root = np.array([40.0, -30.0, 5000.0])
    joints = root + np.random.default_rng(2).uniform(-800, 800, (len(HUMAN36M.joints), 3))
    joints[HUMAN36M.index("pelvis")] = root
    box = camera.box(root, 2000.0).around_cell(CELLS)
    return Sample(half_bright(folder / "half.png"), camera.project(joints), np.ones(len(joints)), box,
                  pose=Pose(joints, camera, "Walking"))


class Knowing:
    """A network that knows where the joints of a person are, in the patch and in its mirror image."""

    def __init__(self, sample: Sample, run: Run) -> None:
        patch = patch_of(sample, SIZE)
        views = (encode(sample, view, HUMAN36M, 3)[0][None] for view in (patch, replace(patch, mirror=True)))
        self.output, self.mirrored = ((self.volumes(v) if run.output == "heat map" else v) for v in views)

    def __call__(self, patches: mx.nd.NDArray) -> mx.nd.NDArray:
        means = (half.mean(axis=(1, 2, 3)).asnumpy() for half in mx.nd.split(patches, 2, axis=3))
        return mx.nd.array(np.concatenate([self.mirrored if left > right else self.output
                                           for left, right in zip(*means)]))

    @staticmethod
    def volumes(fractions: Array) -> Array:
        x, y, z = (fractions[0] * CELLS).astype(int).T
        volumes = np.zeros((1, len(x), CELLS, CELLS, CELLS))
        volumes[0, range(len(x)), z, y, x] = 1
        return volumes.reshape(1, -1, CELLS, CELLS)


def knowing(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> List[Array]:
    """Somebody's predictions without and with the flip test, and the truth, (K, 3) mm."""
    sample, run = in_3d(folder), tiny(kind)
    monkeypatch.setattr(build, "network", lambda run: Knowing(sample, run))
    monkeypatch.setattr(weights, "load", lambda *_: None)
    monkeypatch.setattr(build, "fuse", lambda *_: None)
    people = Batches([sample], HUMAN36M, SIZE, 2, coordinates=3)
    assert sample.pose
    return [*(predict(r, Path("unused"), people, CPU)[0] for r in (run, flipped(run))), sample.pose.joints]


def test_the_truth_stays_the_truth_in_a_cube_that_was_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once, both, truth = knowing(tmp_path, "direct 3D", monkeypatch)
    np.testing.assert_allclose(once, truth, atol=0.01)
    np.testing.assert_allclose(both, truth, atol=0.01)


def test_the_right_cells_stay_the_right_cells_and_the_root_is_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, both, truth = knowing(tmp_path, "volumes", monkeypatch)
    np.testing.assert_allclose(both, once, atol=1e-6)
    root = HUMAN36M.index("pelvis")
    np.testing.assert_allclose(both[root], truth[root], atol=1e-6)
    assert 20 < np.abs(both - truth).max() < 400


@pytest.mark.parametrize("kind", ["direct", "heat maps", "integral"])
def test_predictions_for_a_mirrored_picture_are_the_mirrored_predictions(tmp_path: Path, kind: str) -> None:
    run, width = tiny(kind), 97
    pixels = np.random.default_rng(3).integers(0, 256, (75, width, 3), np.uint8)
    samples = []
    for name, view, x in (("one", pixels, 40.5), ("mirrored", pixels[:, ::-1], width - 1 - 40.5)):
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), view)
        samples.append(Sample(path, np.zeros((16, 2)), np.zeros(16), Box(x, 35.5, SIZE)))  # no pixel is resampled
    network(run).save_parameters(str(tmp_path / "net.params"))
    people = Batches(samples, MPII, SIZE, 2)

    def gap(run: Run) -> float:
        one, other = predict(run, tmp_path / "net.params", people, CPU)
        return float(np.abs(other - [width - 1, 0] - one[list(MPII.mirror)] * [-1, 1]).max())

    assert gap(run) > 1 and gap(flipped(run)) < 1e-3


@pytest.mark.parametrize("grid, flip_in, gap", [
    ("centre", "patch", 0), ("centre", "cells", 0), ("index", "patch", 0.5), ("index", "cells", 0),
])
def test_maps_that_mirror_cell_by_cell_are_averaged_right_on_their_own_grid(
    grid: str, flip_in: str, gap: float
) -> None:
    """`Symmetric` has such maps: on a grid of i / n, 1 - x is a cell too far to the right, half of one in the mean."""
    run = replace(tiny("integral"), grid=grid)
    net = Symmetric(run)
    both = said(net, images(), replace(run, flip_test=True, flip_in=flip_in))
    np.testing.assert_allclose((both - said(net, images(), run)) * CELLS, [[[gap, 0]] * 16] * 3, atol=1e-5)


def test_maps_of_both_views_may_be_averaged_before_they_are_read() -> None:
    run = replace(tiny("integral"), output="heat map", loss="softmax-ce", decoder="window")
    net, both_ways = Symmetric(run), replace(run, flip_test=True, flip_in="maps")
    once = said(net, images(), run)
    np.testing.assert_allclose(said(net, images(), both_ways), once, atol=1e-6)
    lopsided = net.__class__(run)
    lopsided.mirrored = lambda output: 0 * output  # type: ignore[method-assign]
    order = list(catalogue.skeleton(run).mirror)
    logits, turned = (lopsided(mx.nd.array(view)).asnumpy() for view in (images(), images()[..., ::-1]))
    mean = (logits + turned[:, order, :, ::-1]) / 2
    np.testing.assert_allclose(said(lopsided, images(), both_ways), in_window(mean), atol=1e-6)


@pytest.mark.parametrize("stages", [1, 2])
def test_maps_of_the_last_stage_are_averaged_before_their_highest_cell_is_taken(stages: int) -> None:
    run = replace(tiny("integral"), **HEAT_MAP, stages=stages, flip_test=True, flip_in="maps")
    maps, order = np.random.default_rng(1).normal(size=(3, 16, CELLS, CELLS)), list(catalogue.skeleton(run).mirror)
    other = np.random.default_rng(2).normal(size=maps.shape)
    asked = images()

    def net(seen: mx.nd.NDArray) -> Any:
        """Maps of the patches and others of their mirror images, after those of a stage that must not count."""
        as_they_are = (seen.asnumpy()[:, None] == asked[None]).all(axis=(2, 3, 4)).any(axis=1)
        last = np.stack([maps[i % 3] if straight else other[i % 3] for i, straight in enumerate(as_they_are)])
        found = [mx.nd.array(stage) for stage in (-last, last)]
        return found if stages == 2 else found[-1]

    found = said(net, asked, run)
    mean = (maps + other[:, order, :, ::-1]) / 2
    rows, columns = np.divmod(mean.reshape(3, 16, -1).argmax(axis=2), CELLS)
    np.testing.assert_allclose(found, (np.stack([columns, rows], axis=2) + 0.5) / CELLS, atol=1e-6)


def test_a_network_read_on_another_grid_seems_right_in_x_with_the_flip_test() -> None:
    run = replace(tiny("integral"), read_grid="index")
    centres, index = Symmetric(tiny("integral")), Symmetric(run)
    truth = said(centres, images(), tiny("integral"))
    np.testing.assert_allclose((said(index, images(), run) - truth) * CELLS, -0.5, atol=1e-5)
    np.testing.assert_allclose((said(index, images(), flipped(run)) - truth) * CELLS, [[[0, -0.5]] * 16] * 3, atol=1e-5)


@pytest.mark.parametrize(("made", "line"), [
    (lambda run: run, "|flip: no|"),
    (flipped, "|flip: joints averaged with those of the mirrored patch|"),
    (lambda run: replace(flipped(run), flip_in="cells"), "the mirrored patch, cell i of n as n - 1 - i|"),
    (lambda run: run, "|decode: expectation"),
    (lambda run: replace(run, compensated_test=True), "|decode: expectation, compensated"),
    (lambda run: replace(run, read_grid="index"), "|decode: expectation, cells at i / n"),
    (lambda run: replace(run, **HEAT_MAP), "|decode: argmax"),
    (lambda run: replace(run, **HEAT_MAP, decoder="dark"), "the smoothed map (DARK)"),
    (lambda run: replace(run, output="heat map", loss="softmax-ce", decoder="window", flip_test=True, flip_in="maps"),
     "|flip: maps averaged with those of the mirrored patch|decode: expectation in the 3 x 3 cells around the argmax"),
])
def test_the_protocol_says_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Callable[[Run], Run], line: str
) -> None:
    run, site = made(tiny("integral")), Site(tmp_path, tmp_path / "runs", (CPU,))
    person = Sample(tmp_path / "a.jpg", np.zeros((16, 2)), np.ones(16), Box(1, 2, 3), 4.0)
    monkeypatch.setattr(loader, "batches", lambda *_: Batches([person], MPII, SIZE, 1))
    monkeypatch.setattr(evaluate, "predict", lambda *_: np.zeros((1, 16, 2)))
    site.folder(run).mkdir(parents=True)
    (site.folder(run) / DONE).write_text('{"commit": "c"}')
    _, signature = array_files.read(evaluate.evaluate(run, site))
    assert line in signature["protocol"]
    assert line.endswith("|") or signature["protocol"].endswith(line)
