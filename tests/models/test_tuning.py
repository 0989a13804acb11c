"""Networks that start from all of another network: its head too, and the maps of joints with the same names."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401

from dataclasses import replace
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest

from integral_pose.commands.train import METHODS, RATES, gently
from integral_pose.datasets import catalogue
from integral_pose.errors import InputError
from integral_pose.models import build, weights
from integral_pose.run import Run
from integral_pose.run_folder import PARAMETERS
from tests.helpers import trained_forms

BEFORE = replace(trained_forms.tiny(output="heat map", loss="gaussian-mse"), data="coco")
JOINTS = ("tail", "l_wrist", "r_wrist", "nose")


def tuned(**changes: object) -> Run:
    """A network for other joints, of which three are COCO's."""
    skeleton = f"{','.join(JOINTS)}|nose-l_wrist,nose-r_wrist,nose-tail"
    return replace(BEFORE, data="custom-a", skeleton=skeleton, trunk=BEFORE, tuned=True, **changes)  # type: ignore


def test_joints_with_the_same_names_keep_their_maps(tmp_path: Path) -> None:
    file = trained_forms.write(BEFORE, tmp_path / "before") / PARAMETERS
    run = tuned()
    net, fresh = build.network(run), build.network(run)
    build.initialise(net, run, [mx.cpu()], tmp_path, file)
    build.initialise(fresh, replace(run, tuned=False), [mx.cpu()], tmp_path, file)
    stored, before = mx.nd.load(str(file)), catalogue.skeleton(BEFORE).joints
    for name, parameter in net._collect_params_with_prefix().items():
        values = parameter.data().asnumpy()
        if not name.startswith("head.final"):
            np.testing.assert_array_equal(values, stored[name].asnumpy())
            continue
        for row, joint in enumerate(JOINTS):
            new = fresh._collect_params_with_prefix()[name].data().asnumpy()[row]
            expected = stored[name].asnumpy()[before.index(joint)] if joint in before else new
            np.testing.assert_array_equal(values[row], expected)


def test_the_network_before_is_not_trained_again() -> None:
    assert tuned().needed == [tuned()] and replace(tuned(), tuned=False).needed[0] == BEFORE


def test_a_head_of_other_layers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="as many deconvolutions as before"):
        tuned(upsamplings=3)
    file = trained_forms.write(BEFORE, tmp_path / "before") / PARAMETERS
    stored = mx.nd.load(str(file))
    mx.nd.save(str(file), {name: array for name, array in stored.items() if name != "head.layers.3.weight"})
    with pytest.raises(InputError, match=r"head.layers.3.weight is missing or of another shape, so this is another"):
        build.initialise(build.network(tuned()), tuned(), [mx.cpu()], tmp_path, file)


@pytest.mark.parametrize("method, decoder", [("H1", "dark"), ("H2", "integer"), ("I1", "integer")])
def test_rates_are_lower_and_alike_maps_are_read_as_before(method: str, decoder: str) -> None:
    run = METHODS[method].everywhere(rate=3e-3)
    found = gently(run, replace(BEFORE, decoder="dark"))
    assert {(link.rate, link.low_rate) for link in found.chain} == {RATES} and max(RATES) < 3e-3
    assert {link.decoder for link in found.chain} == {decoder}


def lifted(before: Run, **changes: object) -> Run:
    """A 3D network that starts from all of a 2D one."""
    changes = {"data": "human36m", "coordinates": 3, "trunk": before, "tuned": True, **changes}
    return replace(before, **changes)  # type: ignore[arg-type]


def test_volumes_start_from_planes_and_predict_the_same_x_and_y(tmp_path: Path) -> None:
    before = replace(BEFORE, data="lspet", output="integral", loss="joint-l1", decoder="integer")
    file = trained_forms.write(before, tmp_path / "before") / PARAMETERS
    run = lifted(before)
    plane, volume = build.network(before), build.network(run)
    weights.load(plane, file, [mx.cpu()])
    build.initialise(volume, run, [mx.cpu()], tmp_path, file)
    images = mx.nd.random.normal(shape=(2, 3, run.patch, run.patch))
    in_2d, in_3d = plane(images).asnumpy(), volume(images).asnumpy()
    names = catalogue.skeleton(run).joints
    places = [names.index(joint) for joint in catalogue.skeleton(before).joints]
    np.testing.assert_allclose(in_3d[:, places, :2], in_2d, atol=1e-5)
    np.testing.assert_allclose(in_3d[:, places, 2], 0.5, atol=1e-5)  # the middle of all depths


def test_nothing_else_gains_a_coordinate() -> None:
    before = replace(BEFORE, data="lspet", output="integral", loss="joint-l1")
    with pytest.raises(ValueError, match="volumes after planes"):
        lifted(replace(before, output="direct"), output="direct")
    with pytest.raises(ValueError, match="volumes after planes"):
        replace(lifted(before), data="lspet", coordinates=2, trunk=replace(lifted(before), trunk=None, tuned=False))
