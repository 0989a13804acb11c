"""From a run to its network, loss, people and devices; files of other networks are refused."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import integral_pose  # isort: skip  # noqa: F401

import mxnet as mx
import numpy as np
import pytest
from gluoncv.model_zoo import model_store

from integral_pose.datasets import loader
from integral_pose.datasets.batches import Batches, Mixed
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.datasets.dataset import DataSet
from integral_pose.datasets.mpii import Mpii
from integral_pose.errors import InputError
from integral_pose.geometry import Array, Box, Camera
from integral_pose.methods import H1, I_STAR, R1, integral_of, on_human36m
from integral_pose.metrics import mpjpe
from integral_pose.models import build, compact, decode, weights
from integral_pose.models.devices import parse_devices
from integral_pose.profiles import smoke
from integral_pose.run import Run
from integral_pose.samples import Augmentation, Pose, Sample, decode_pose, encode, patch_of
from integral_pose.skeletons import HUMAN36M, MPII
from symbols.losses import JensenShannon, Variance
from symbols.resnet import ResNet

CPU = [mx.cpu()]
JOINTS, POINTS = len(MPII.joints), len(HUMAN36M.joints)
IN_3D = {"data": "human36m", "coordinates": 3}
HEAT_MAP = {"output": "heat map", "loss": "gaussian-mse"}
TINY = replace(smoke(Run(backbone="resnet18")), start=None)  # 64 px, 8 x 8 cells


def made(run: Run) -> Any:
    net = build.network(run)
    build.initialise(net, run, CPU, Path("unused"))
    return net


@pytest.mark.parametrize("changes", [HEAT_MAP, {}, {**IN_3D, **HEAT_MAP, "extra": "mpii"}], ids=str)
def test_every_stage_has_an_output_and_a_loss(changes: Dict[str, Any], hybridize: bool) -> None:
    run = replace(TINY, **changes, stages=3)
    net, loss = made(run), build.loss(run)
    if hybridize:
        net.hybridize()
    outputs = net(images(run, 2))
    joints = mx.nd.random.uniform(shape=(2, POINTS if run.coordinates == 3 else JOINTS, run.coordinates))
    alone = build.loss(replace(run, stages=1))
    weights = mx.nd.ones_like(joints)
    expected = sum(alone(output, joints, weights).asnumpy() for output in outputs)
    assert len(outputs) == 3
    np.testing.assert_allclose(loss(outputs, joints, weights).asnumpy(), expected, rtol=1e-5)
    np.testing.assert_array_equal(decode.joints_of(outputs, run), decode.decode(outputs[2].asnumpy(), run))


@pytest.mark.parametrize("changes, stages, shapes", [
    ({**HEAT_MAP}, 2, [(JOINTS, 16, 16)] * 2),
    ({}, 3, [(JOINTS, 2)] * 3),
    ({**HEAT_MAP, **IN_3D, "backbone": "coarse-to-fine"}, 1, [(POINTS * 16, 16, 16)]),
    ({**HEAT_MAP, **IN_3D, "backbone": "coarse-to-fine"}, 2, [(POINTS, 16, 16), (POINTS * 16, 16, 16)]),
    ({**IN_3D, "backbone": "coarse-to-fine"}, 2, [(POINTS, 2), (POINTS, 3)]),
], ids=str)
def test_hourglasses_by_shape(changes: Dict[str, Any], stages: int, shapes: Any) -> None:
    run = replace(TINY, **{"backbone": "hourglass", **changes}, upsamplings=3, stages=stages, patch=64)
    net, loss = made(run), build.loss(run)
    net.hybridize()
    outputs = net(images(run, 2))
    assert [output.shape[1:] for output in outputs] == shapes
    joints = mx.nd.random.uniform(shape=(2, POINTS if run.coordinates == 3 else JOINTS, run.coordinates))
    losses = loss(outputs, joints, mx.nd.ones_like(joints)).asnumpy()
    assert losses.shape == (2,) and (losses > 0).all()
    assert decode.joints_of(outputs, run).shape == joints.shape


def test_a_regularised_integral_shows_its_maps_and_pays_for_them(hybridize: bool) -> None:
    """The list is one of stages to all that comes after: the joints are the last."""
    for kind, penalty, alone in (("js", 0.5, JensenShannon), ("variance", 0.01, Variance)):
        run = replace(TINY, regulariser=kind, penalty=penalty, sigma=1.5)
        net, loss, plain = made(run), build.loss(run), made(TINY)
        if hybridize:
            net.hybridize()
        maps, joints = net(images(run, 2))
        assert maps.shape == (2, JOINTS, run.cells, run.cells) and joints.shape == (2, JOINTS, 2)
        truth, weights = mx.nd.random.uniform(shape=joints.shape), mx.nd.ones(joints.shape)
        shape = alone(run.cells, run.cells, 1.5)(maps, truth, weights)
        expected = penalty * shape + build.loss(TINY)(joints, truth, weights)
        np.testing.assert_allclose(loss([maps, joints], truth, weights).asnumpy(), expected.asnumpy(), rtol=1e-5)
        np.testing.assert_array_equal(decode.joints_of([maps, joints], run), joints.asnumpy())
        names = [set(each._collect_params_with_prefix()) for each in (net, plain, build.maps_network(run))]
        assert names[0] == names[1] == names[2]


def test_a_regulariser_shapes_maps(tmp_path: Path) -> None:
    """Its gradient reaches the network through the maps: the joints' own is none where they are right already."""
    run = replace(TINY, regulariser="js")
    net, loss, picture = made(run), build.loss(run), images(run, 2)
    joints = net(picture)[1].detach()
    with mx.autograd.record():
        found = loss(net(picture), joints, mx.nd.ones_like(joints))
    found.backward()
    assert np.abs(net.head.final.weight.grad().asnumpy()).max() > 1e-4


@pytest.mark.parametrize("output", ["direct", "integral"])
def test_a_network_with_deviations_has_the_joints_of_one_without(hybridize: bool, output: str, tmp_path: Path) -> None:
    """What only the loss needs stands before them, is trained, and is kept in the file of parameters."""
    run = replace(TINY, output=output, loss="joint-rle")
    net, plain, loss = made(run), made(replace(run, loss="joint-l1")), build.loss(run)
    net.save_parameters(str(tmp_path / "net"))
    plain.load_parameters(str(tmp_path / "net"), ignore_extra=True)
    if hybridize:
        build.hybridize(net, run)
    picture = images(run, 2)
    *flow, log_sigma, joints = net(picture)
    np.testing.assert_allclose(joints.asnumpy(), plain(picture).asnumpy(), atol=1e-6)
    np.testing.assert_array_equal(decode.joints_of(net(picture), run), joints.asnumpy())
    assert log_sigma.shape == joints.shape and len(flow) == 6
    with mx.autograd.record():
        found = loss(net(picture), joints.detach() + 0.1, mx.nd.ones_like(joints))
    found.backward()
    beside = net.beside._collect_params_with_prefix()
    assert len(beside) == 8 and all(p.grad().abs().max().asscalar() > 0 for p in beside.values())


def test_a_joint_score_is_the_same_with_deviations(tmp_path: Path) -> None:
    run = replace(TINY, loss="joint-rle")
    net, maps = made(run), build.maps_network(run)
    net.save_parameters(str(tmp_path / "net"))
    weights.load(maps, tmp_path / "net", CPU)
    picture = images(run, 2)
    joints, scores = build.scored_readout(run)(maps(picture))
    np.testing.assert_allclose(joints, decode.joints_of(net(picture), run), atol=1e-6)
    assert scores.shape == (2, JOINTS) and (scores >= 0).all() and (scores <= 1).all()


def test_a_peak_is_the_highest_probability_of_a_cell() -> None:
    run = replace(TINY, joint_score="peak")
    maps = mx.nd.random.normal(0, 3, (2, JOINTS, run.cells, run.cells))
    joints, scores = build.scored_readout(run)(maps)
    powers = np.exp(maps.asnumpy())
    np.testing.assert_allclose(scores, powers.max(axis=(2, 3)) / powers.sum(axis=(2, 3)), rtol=1e-5)
    np.testing.assert_array_equal(joints, build.scored_readout(replace(run, joint_score="mass"))(maps)[0])


def test_samples_and_a_symmetric_gradient_change_only_how_an_integral_is_trained(hybridize: bool) -> None:
    """Beside the integral's own joints, loss in validation and parameters, each has a gradient of its own."""
    found = {}
    for changes in ({}, {"samples": 20}, {"gradient": "symmetric"}):
        run = replace(TINY, **changes)
        net, loss, picture = made(run), build.loss(run), images(run, 2)
        if hybridize:
            build.hybridize(net, run)
        truth = mx.nd.full((2, JOINTS, 2), 0.3)
        known = mx.nd.ones_like(truth)
        validated = loss(net(picture), truth, known).asnumpy(), decode.joints_of(net(picture), run)
        with mx.autograd.record():
            trained = loss(net(picture), truth, known)
        trained.backward()
        names = list(net._collect_params_with_prefix())
        found[str(changes)] = (names, *validated, net.head.final.bias.grad().asnumpy())
    plain, *others = found.values()
    for names, loss_of_joints, joints, slopes in others:
        assert names == plain[0]
        np.testing.assert_allclose(loss_of_joints, plain[1], rtol=1e-5)
        np.testing.assert_allclose(joints, plain[2], atol=1e-6)
        assert np.isfinite(slopes).all() and not np.allclose(slopes, plain[3], rtol=0.05, atol=0)


def test_maps_that_are_not_square_are_sampled_too() -> None:
    run = replace(TINY, samples=2, patch_width=32)
    maps, truth = mx.nd.zeros((2, JOINTS, run.cells, run.columns)), mx.nd.full((2, JOINTS, 2), 0.5)
    with mx.autograd.record():
        losses = build.loss(run)([maps, truth], truth, mx.nd.ones_like(truth)).asnumpy()
    assert run.cells == 2 * run.columns and (losses > 0).all()


def test_how_an_integral_is_read_is_the_runs(hybridize: bool) -> None:
    """Logits of b in the mean make n / C = e^-b, as long as they vary little."""
    def said(**changes: Any) -> Array:
        net = made(replace(TINY, **changes))
        net.head.final.weight.set_data(net.head.final.weight.data() * 30)
        net.head.final.bias.set_data(mx.nd.ones(JOINTS) * 0.1)
        if hybridize:
            net.hybridize()
        return decode.joints_of(net(picture), replace(TINY, **changes))

    picture = images(TINY, 2)
    plain = said()
    for changes in ({"grid": "index"}, {"read_grid": "index"}, {"grid": "index", "read_grid": "index"}):
        np.testing.assert_allclose(said(**changes), plain - 0.5 / TINY.cells, atol=1e-6)
    np.testing.assert_allclose(said(grid="index", read_grid="centre"), plain, atol=1e-6)
    for changes in ({"compensated": True}, {"compensated_test": True}):
        away = said(**changes) - 0.5
        np.testing.assert_allclose(away * (1 - np.exp(-0.1)), plain - 0.5, rtol=0.1)


def test_an_integral_over_stages_goes_on_from_their_sharpened_maps(tmp_path: Path) -> None:
    """Every stage sees the maps of the one before as it did, and its own are sharper."""
    heat_map = replace(TINY, **HEAT_MAP, stages=2)
    integral = replace(heat_map, output="integral", loss="joint-l1", start=heat_map, logit_scale=7.0)
    before, after = made(heat_map), made(replace(integral, output="heat map", loss="gaussian-mse", start=None, seed=1))
    before.save_parameters(str(tmp_path / "net.params"))
    build.hand_over(after, integral, tmp_path / "net.params", CPU)
    picture = images(heat_map, 2)
    for sharp, plain in zip(after(picture), before(picture)):
        np.testing.assert_allclose(sharp.asnumpy(), 7 * plain.asnumpy(), rtol=1e-3, atol=1e-6)


def test_imagenet_reaches_every_stage(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = replace(TINY, **HEAT_MAP, stages=2, pretrained=True)
    trunk = ResNet(18, run.width)
    trunk.initialize(mx.init.Normal(0.3))
    monkeypatch.setattr(weights, "load_imagenet", lambda net, *rest: _copy(trunk, net))
    given, got = values(trunk), values(made(run))
    np.testing.assert_array_equal(got["trunk.layer1.0.conv1.weight"], given["layer1.0.conv1.weight"])
    for stage in range(2):
        taken = got[f"stages.{stage}.trunk.layer4.0.conv1.weight"]
        np.testing.assert_array_equal(taken, given["layer4.0.conv1.weight"])


def _copy(source: Any, target: Any) -> None:
    target.initialize()
    for name, array in values(source).items():
        target._collect_params_with_prefix()[name].set_data(mx.nd.array(array))


def values(net: Any) -> Dict[str, Array]:
    return {name: p.data(p.list_ctx()[0]).asnumpy() for name, p in net._collect_params_with_prefix().items()}


def images(run: Run, people: int) -> mx.nd.NDArray:
    return mx.nd.random.normal(shape=(people, 3, run.patch, run.patch))


@pytest.mark.parametrize(
    "changes, people, shape",
    [
        ({}, 2, (2, JOINTS, 2)),
        ({"output": "direct"}, 3, (3, JOINTS, 2)),
        (HEAT_MAP, 1, (1, JOINTS, 8, 8)),
        ({**HEAT_MAP, "loss": "softmax-ce", "upsamplings": 3}, 2, (2, JOINTS, 16, 16)),
        ({**HEAT_MAP, "loss": "disc-bce", "upsamplings": 1, "patch": 96}, 3, (3, JOINTS, 6, 6)),
        ({"backbone": "resnet50", "patch": 32}, 4, (4, JOINTS, 2)),
        ({**HEAT_MAP, "backbone": "resnet101", "patch": 32, "width": 0.125}, 1, (1, JOINTS, 4, 4)),
        (IN_3D, 2, (2, POINTS, 3)),
        ({**IN_3D, "output": "direct"}, 3, (3, POINTS, 3)),
        ({**IN_3D, **HEAT_MAP}, 2, (2, POINTS * 8, 8, 8)),
        ({**IN_3D, **HEAT_MAP, "loss": "softmax-ce", "upsamplings": 1}, 3, (3, POINTS * 4, 4, 4)),
        ({**IN_3D, **HEAT_MAP, "extra": "mpii"}, 2, (2, POINTS, 3, 8)),
        ({**IN_3D, **HEAT_MAP, "extra": "mpii", "loss": "softmax-ce"}, 1, (1, POINTS, 3, 8)),
    ],
    ids=str,
)
def test_outputs_and_losses_by_shape(
    changes: Dict[str, Any], people: int, shape: Tuple[int, ...], hybridize: bool
) -> None:
    run = replace(TINY, **changes)
    net = made(run)
    if hybridize:
        net.hybridize()
    output = net(images(run, people))
    assert output.shape == shape
    coordinates = (people, POINTS if run.coordinates == 3 else JOINTS, run.coordinates)
    joints = mx.nd.random.uniform(shape=coordinates)
    losses = build.loss(run)(output, joints, mx.nd.ones(coordinates)).asnumpy()
    assert losses.shape == (people,) and np.isfinite(losses).all() and (losses > 0).all()


@pytest.mark.parametrize("disc, patch, cells", [(15.0, 256, 9), (15.0, 128, 1), (45.0, 64, 5), (60.0, 64, 9)])
def test_the_disc_is_given_for_a_patch_of_256_px(disc: float, patch: int, cells: int) -> None:
    run = replace(TINY, **{**HEAT_MAP, "loss": "disc-bce"}, disc=disc, patch=patch)
    middle = (run.cells // 2 + 0.5) / run.cells
    logits = mx.nd.full((1, JOINTS, run.cells, run.cells), 1000.0)
    loss = build.loss(run)(logits, mx.nd.full((1, JOINTS, 2), middle), mx.nd.ones((1, JOINTS, 2)))
    assert loss.asscalar() == pytest.approx(1000 * (run.cells**2 - cells), rel=1e-5)


def test_first_values_follow_from_the_seed() -> None:
    one, same, other = (values(made(replace(TINY, seed=seed))) for seed in (5, 5, 6))
    assert all((one[name] == same[name]).all() for name in one)
    assert any((one[name] != other[name]).any() for name in one)


def heat_maps(people: int, joints: int, height: int, width: int) -> Tuple[Array, Array]:
    """Noise with one highest cell each, and the centres of those cells as fractions."""
    rng = np.random.default_rng(width)
    maps = rng.uniform(-2, 0, (people, joints, height, width))
    rows, columns = rng.integers(height, size=(people, joints)), rng.integers(width, size=(people, joints))
    for n in range(people):
        for k in range(joints):
            maps[n, k, rows[n, k], columns[n, k]] = 0.5
    return maps, np.stack([(columns + 0.5) / width, (rows + 0.5) / height], axis=2)


@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (4, 1, 6, 2), (1, 16, 8, 8)])
def test_decode_takes_the_centre_of_the_highest_cell(shape: Tuple[int, int, int, int]) -> None:
    maps, centres = heat_maps(*shape)
    np.testing.assert_allclose(decode.decode(maps, replace(TINY, **HEAT_MAP)), centres)


def test_decode_takes_the_centre_of_the_highest_cell_of_a_volume() -> None:
    run, cells = replace(TINY, **IN_3D, **HEAT_MAP), TINY.cells
    rng = np.random.default_rng(0)
    places = rng.integers(cells, size=(3, POINTS, 3))
    volumes = rng.uniform(-1, 0, (3, POINTS, cells, cells, cells))
    for n, k in np.ndindex(3, POINTS):
        x, y, z = places[n, k]
        volumes[n, k, z, y, x] = 1
    found = decode.decode(volumes.reshape(3, POINTS * cells, cells, cells), run)
    np.testing.assert_allclose(found, (places + 0.5) / cells)


def test_decode_takes_the_highest_cell_of_each_heat_vector() -> None:
    run = replace(TINY, **IN_3D, **HEAT_MAP, extra="mpii")
    vectors = np.random.default_rng(0).uniform(size=(2, POINTS, 3, TINY.cells))
    found = decode.decode(vectors, run)
    for n, k, axis in np.ndindex(2, POINTS, 3):
        assert found[n, k, axis] == (np.argmax(vectors[n, k, axis]) + 0.5) / TINY.cells


@pytest.mark.parametrize("patch", [64, 256])
def test_a_perfect_volume_read_by_argmax_is_off_by_what_rounding_to_cells_predicts(patch: int) -> None:
    """A point uniform in a cube of side 1 is 0.4803 from its middle in the mean (Robbins); the root is in a middle."""
    run = replace(TINY, **IN_3D, **HEAT_MAP, patch=patch)
    rng = np.random.default_rng(patch)
    far = Camera(np.eye(3), np.zeros(3), (1e5, 1e5), (500.0, 500.0))  # all depths are of one scale
    errors = []
    for _ in range(60):
        root = np.array([0.0, 0.0, 5e5])
        joints = root + rng.uniform(-700, 700, (POINTS, 3))
        joints[0] = root
        box = far.box(root, 2000.0).around_cell(run.cells)
        sample = Sample(Path(), far.project(joints), np.ones(POINTS), box, pose=Pose(joints, far, "Walking"))
        target = patch_of(sample, patch)
        fractions, _ = encode(sample, target, HUMAN36M, coordinates=3)
        vectors = np.eye(run.cells)[np.floor(fractions * run.cells).astype(int)][None]
        decoded = decode.decode(vectors, replace(run, extra="mpii"))[0]
        found = decode_pose(decoded, target, HUMAN36M, Pose(joints, far, ""))
        errors.append(mpjpe.joint_errors(found[None], joints[None]))
    assert np.mean(errors) * 17 / 16 == pytest.approx(0.4803 * 2000 / run.cells, rel=0.05)


@pytest.mark.parametrize("output", ["direct", "integral"])
def test_decode_leaves_joints_as_they_are(output: str) -> None:
    joints = np.random.default_rng(0).uniform(size=(3, 5, 2))
    np.testing.assert_array_equal(decode.decode(joints, replace(TINY, output=output)), joints)


class Given(Catalogue):
    """A catalogue of one data set, which has these people in every split, and of these 2D people beside them."""

    def __init__(self, people: List[Sample], extra: Sequence[Sample] = ()) -> None:
        super().__init__(Path("data"))
        self._people, self._extra = people, list(extra)

    def of(self, run: Run) -> DataSet:
        data_set = Mpii(self.root)
        data_set.__dict__["_known"] = dict.fromkeys(("train", "held-out", "test"), self._people)
        return data_set

    def extra(self, run: Run) -> List[Sample]:
        return self._extra


def test_only_training_people_are_jittered(tmp_path: Path) -> None:
    people = [Sample(tmp_path, np.zeros((JOINTS, 2)), np.ones(JOINTS), Box(1, 2, 3))] * 5
    known = Given(people)
    run = replace(TINY, shift=0.01, scale=0.5, turn=7.0, mirror=False, colour=0.3, seed=9, batch=2)
    jittered, plain = loader.training_batches(run, known), loader.batches(run, "test", known)
    assert isinstance(jittered, Batches)
    assert (jittered.augmentation, plain.augmentation) == (Augmentation(0.01, 0.5, 7, False, 0.3), None)
    for batches in (jittered, plain):
        assert (batches.samples, batches.patch, batches.size, batches.seed) == (people, run.patch, 2, 9)


def test_a_mixed_run_trains_on_both_and_is_validated_on_its_own(tmp_path: Path) -> None:
    pose = Pose(np.full((POINTS, 3), 4000.0), Camera(np.eye(3), np.zeros(3), (900.0, 900.0), (320.0, 240.0)), "Walking")
    own = [Sample(tmp_path, np.zeros((POINTS, 2)), np.ones(POINTS), Box(1, 2, 8, 2000.0), pose=pose)] * 5
    extra = [Sample(tmp_path, np.zeros((POINTS, 2)), np.ones(POINTS), Box(1, 2, 3))] * 7
    known = Given(own, extra)
    run = replace(TINY, **IN_3D, extra="mpii", batch=6)
    mixed, plain = loader.training_batches(run, known), loader.batches(run, "held-out", known)
    assert isinstance(mixed, Mixed)
    assert (mixed.first.size, mixed.second.size, plain.size) == (3, 3, 6)
    assert (len(mixed.first.samples), len(mixed.second.samples), len(plain.samples)) == (5, 7, 5)
    assert mixed.first.samples[0].box == Box(1 - 8 / 16, 2 - 8 / 16, 8, 2000.0, -2000 / 16)
    assert mixed.second.samples[0].box == Box(1, 2, 3)
    assert mixed.first.augmentation and mixed.second.augmentation and plain.augmentation is None


def test_a_mixed_run_needs_people_for_its_halves(tmp_path: Path) -> None:
    people = [Sample(tmp_path, np.ones((POINTS, 2)), np.ones(POINTS), Box(1, 2, 3))] * 9
    run = replace(TINY, **IN_3D, extra="mpii", batch=10)
    with pytest.raises(InputError, match="the train split of mpii has 4 people, fewer than the 5"):
        loader.training_batches(run, Given(people, people[:4]))


def test_an_integral_goes_on_from_heat_vectors_as_their_expectation(tmp_path: Path) -> None:
    heat_map = replace(TINY, **IN_3D, **HEAT_MAP, extra="mpii")
    integral = replace(heat_map, output="integral", loss="joint-l1", start=heat_map)
    before, after = made(heat_map), made(replace(integral, start=None, seed=1))
    before.save_parameters(str(tmp_path / "net.params"))
    build.hand_over(after, integral, tmp_path / "net.params", CPU)
    picture = images(heat_map, 2)
    centres = (np.arange(heat_map.cells) + 0.5) / heat_map.cells
    np.testing.assert_allclose(after(picture).asnumpy(), before(picture).asnumpy() @ centres, atol=1e-6)


def test_a_split_without_people_is_refused() -> None:
    with pytest.raises(InputError, match="the held-out split of .* has no annotated people"):
        loader.batches(TINY, "held-out", Given([]))


def test_load_undoes_save(tmp_path: Path) -> None:
    net, other = made(TINY), made(replace(TINY, seed=1))
    net.save_parameters(str(tmp_path / "net.params"))
    weights.load(other, tmp_path / "net.params", CPU)
    picture = images(TINY, 2)
    np.testing.assert_array_equal(net(picture).asnumpy(), other(picture).asnumpy())


@pytest.mark.parametrize(
    "changes",
    [{"backbone": "resnet50"}, {"width": 0.125}, {"upsamplings": 3}, {"upsamplings": 1}, {"output": "direct"}],
    ids=str,
)
def test_the_file_of_another_network_is_refused(tmp_path: Path, changes: Dict[str, Any]) -> None:
    made(replace(TINY, **changes)).save_parameters(str(tmp_path / "net.params"))
    with pytest.raises(InputError, match=r"net\.params: these are not the parameters of this network"):
        weights.load(made(TINY), tmp_path / "net.params", CPU)


def cut_to(share: float) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        made(TINY).save_parameters(str(path))
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    return write


@pytest.mark.parametrize(
    "write",
    [
        lambda path: None,
        Path.mkdir,
        lambda path: path.write_bytes(b"garbage" * 99),
        lambda path: path.write_bytes(b""),
        lambda path: mx.nd.save(str(path), [mx.nd.ones(3)]),
        lambda path: mx.nd.save(str(path), {"x": mx.nd.ones(3)}),
        lambda path: mx.nd.save(str(path), {"x.y": mx.nd.ones(3)}),
        cut_to(0.3),
        cut_to(0.999),
    ],
    ids=["missing", "folder", "garbage", "empty", "nameless", "legacy name", "other name", "cut early", "cut late"],
)
def test_a_damaged_file_is_refused_in_one_paragraph(tmp_path: Path, write: Callable[[Path], Any]) -> None:
    write(tmp_path / "net.params")
    with pytest.raises(InputError, match=r"net\.params: these are not the parameters") as caught:
        weights.load(made(TINY), tmp_path / "net.params", CPU)
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    "start, changes, factor",
    [
        (HEAT_MAP, {}, 6.5),
        (HEAT_MAP, {**HEAT_MAP, "loss": "softmax-ce"}, 1),
        ({}, {}, 1),
    ],
    ids=["heat map to integral", "heat map to heat map", "integral to integral"],
)
def test_only_an_integral_over_heat_maps_sharpens_the_last_layer(
    tmp_path: Path, start: Dict[str, Any], changes: Dict[str, Any], factor: float
) -> None:
    first = replace(TINY, **start)
    before = made(first)
    before.head.final.bias.set_data(mx.nd.arange(JOINTS))
    before.save_parameters(str(tmp_path / "net.params"))
    run = replace(TINY, **changes, start=first, logit_scale=6.5)
    after, devices = build.network(run), [mx.cpu(0), mx.cpu(1)]
    build.hand_over(after, run, tmp_path / "net.params", devices)
    expected, found = values(before), values(after)
    assert set(expected) == set(found) and before.head.final.weight.data().asnumpy().any()
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name] * (factor if name.startswith("head.final.") else 1), rtol=1e-6)
    for device in devices:
        np.testing.assert_allclose(after.head.final.bias.data(device).asnumpy(), np.arange(JOINTS) * factor, rtol=1e-6)


@pytest.mark.parametrize("scale, factor", [(0.0, 1.0), (1.0, 1.0), (3.0, 3.0)])
def test_without_a_scale_of_its_own_maps_are_handed_over_as_they_are(
    tmp_path: Path, scale: float, factor: float
) -> None:
    first = replace(TINY, **HEAT_MAP)
    before = made(first)
    before.save_parameters(str(tmp_path / "net.params"))
    run = replace(TINY, start=first, logit_scale=scale)
    after = build.network(run)
    build.hand_over(after, run, tmp_path / "net.params", CPU)
    last = [net.head.final.weight.data().asnumpy() for net in (before, after)]
    np.testing.assert_allclose(last[1], last[0] * factor, rtol=1e-6)


def test_imagenet_parameters_come_from_a_local_file_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_store, "get_model_file", unreachable)
    source, run = ResNet(18, TINY.width), replace(TINY, pretrained=True)
    source.initialize(mx.init.Normal(3))
    named = {name: parameter.data() for name, parameter in source._collect_params_with_prefix().items()}
    (tmp_path / "models").mkdir()
    mx.nd.save(str(tmp_path / "models" / "resnet18_v1b-1234abcd.params"), {**named, "fc.weight": mx.nd.ones((10, 4))})
    net = build.network(run)
    build.initialise(net, run, CPU, tmp_path)
    for name, value in values(net.trunk).items():
        np.testing.assert_array_equal(value, named[name].asnumpy())


@pytest.mark.parametrize("stages", [1, 2])
def test_a_backbone_comes_from_another_run_without_its_head(tmp_path: Path, stages: int) -> None:
    other = replace(TINY, output="heat map", loss="softmax-ce", seed=3)
    source = made(other)
    source.save_parameters(str(tmp_path / "net.params"))
    run = replace(TINY, trunk=other, stages=stages)
    net = build.network(run)
    build.initialise(net, run, CPU, Path("unused"), tmp_path / "net.params")
    expected, found = values(source.trunk), values(net.trunk)
    assert found and all(np.array_equal(value, expected[name]) for name, value in found.items())
    last = [block.head.final.weight.data().asnumpy() for block in ([*net.stages] if stages > 1 else [net])]
    assert not any(np.array_equal(weight, source.head.final.weight.data().asnumpy()) for weight in last)


@pytest.mark.parametrize("arrays, reason", [
    ({}, "no backbone"), ({"head.final.bias": [1]}, "no backbone"), ({"trunk.conv1.weight": [np.nan]}, "not finite"),
    ({"trunk.conv1.weight": [1]}, "conv1.weight is missing or of another shape"), (None, "missing or damaged"),
])
def test_a_file_without_that_backbone_is_refused(tmp_path: Path, arrays: Any, reason: str) -> None:
    path = tmp_path / "net.params"
    if arrays is not None:
        mx.nd.save(str(path), {name: mx.nd.array(value) for name, value in arrays.items()})
    with pytest.raises(InputError, match=f"net.params: .*{reason}"):
        weights.load_trunk(build.network(TINY).trunk, path)


def test_a_packed_backbone_is_the_same_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    source, net = made(TINY), build.network(TINY)
    build.initialise(net, TINY, CPU, Path("unused"))
    path, packed = tmp_path / "net.params", tmp_path / "net.params.gz"
    source.save_parameters(str(path))
    compact.pack(path, packed)
    assert not path.exists() and packed.read_bytes().startswith(compact.GZIP)
    weights.load_trunk(net.trunk, packed)
    expected = values(source.trunk)
    assert all(np.array_equal(value, expected[name]) for name, value in values(net.trunk).items())
    for content in (packed.read_bytes()[:-9], packed.read_bytes()[:40], packed.read_bytes()[:30] + 30 * b"x"):
        packed.write_bytes(content)
        with pytest.raises(InputError, match="missing or damaged"):
            weights.load_trunk(net.trunk, packed)


def unreachable(name: str, root: str) -> str:
    raise OSError(f"no network for {name} to {root}")


@pytest.mark.parametrize("backbone", ["resnet18", "resnet101"])
def test_without_file_and_network_the_user_is_told_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backbone: str
) -> None:
    monkeypatch.setattr(model_store, "get_model_file", unreachable)
    run = replace(TINY, pretrained=True, backbone=backbone)
    with pytest.raises(InputError, match=rf"not download .*{backbone}_v1b \(OSError\).*\.params .* into .*models"):
        build.initialise(build.network(run), run, CPU, tmp_path)


def test_no_gpus_is_the_cpu() -> None:
    assert parse_devices("") == [mx.cpu()]


@pytest.mark.parametrize("gpus, seen, reason", [
    ("0", 0, "MXNet sees 0 .*no GPU 0"), ("0,3", 2, "sees 2 .*no GPU 3"), ("-1", 4, "no GPU -1"),
    ("a", 0, "separated by commas"), ("0,", 4, "separated by commas"), ("1 2", 4, "numbers separated by commas"),
])
def test_gpus_that_are_not_there_are_refused(
    monkeypatch: pytest.MonkeyPatch, gpus: str, seen: int, reason: str
) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: seen)
    with pytest.raises(InputError, match=rf"--gpus {gpus}: .*{reason}"):
        parse_devices(gpus)


def test_gpus_in_the_order_they_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 4)
    assert parse_devices("3,0,1") == [mx.gpu(3), mx.gpu(0), mx.gpu(1)]


def test_a_joint_that_is_absent_has_an_empty_map() -> None:
    run = replace(TINY, **HEAT_MAP, absent=True)
    maps = mx.nd.random.uniform(shape=(1, JOINTS, run.cells, run.cells))
    joints, counted = mx.nd.full((1, JOINTS, 2), -1.5), mx.nd.zeros((1, JOINTS, 2))
    counted[0, 3] = 1
    expected = float((maps[0, 3] ** 2).sum().asscalar()) / JOINTS
    assert build.loss(run)(maps, joints, counted).asscalar() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("prior", [0.01, 0.3])
def test_maps_start_at_their_prior(prior: float) -> None:
    run = replace(TINY, output="heat map", loss="disc-bce", prior=prior)
    net = made(run)
    logits = net(mx.nd.zeros((2, 3, run.patch, run.patch))).asnumpy()
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), prior, rtol=1e-3)


FUSED = {
    "direct": (R1, True), "heat maps": (H1, True), "basic blocks": (replace(I_STAR, backbone="resnet18"), True),
    "two stages": (integral_of(replace(H1, stages=2)), True), "volumes": (on_human36m(I_STAR), True),
    "heat vectors": (on_human36m(H1, extra="mpii"), True),
    "coarse to fine": (on_human36m(H1, backbone="coarse-to-fine", pretrained=False, stages=2), True),
    "two hourglasses": (replace(H1, backbone="hourglass", pretrained=False, upsamplings=3, stages=2), False),
}


@pytest.mark.parametrize("name", FUSED)
def test_a_fused_network_says_the_same_of_any_number_of_people(name: str) -> None:
    run, fuses = FUSED[name]
    run = replace(smoke(run), start=None, width=0.0625 if fuses else 0.25)
    net = build.network(run)
    build.initialise(net, run, CPU, Path("unused"))
    images = mx.nd.random.normal(shape=(5, 3, run.patch, run.patch))
    for _ in range(10):  # running statistics of their own, so that folding them in matters
        with mx.autograd.record():
            net(images)
    mx.nd.waitall()
    plain = [decode.last_stage(net(images[:people])).asnumpy() for people in (5, 2, 5, 1)]
    build.fuse(net, run, CPU[0])
    for people, expected in zip((5, 2, 5, 1), plain):
        found = decode.last_stage(net(images[:people])).asnumpy()
        np.testing.assert_allclose(found, expected, atol=1e-4 * max(1.0, np.abs(expected).max()))
    operators = net._cached_graph[1]
    names = " ".join((operators[0] if isinstance(operators, list) else operators).get_internals().list_outputs())
    assert ("sg_mkldnn_conv" in names) == fuses
