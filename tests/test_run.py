"""A run's key follows from what it changes, and nonsense is refused."""
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields, replace
from typing import Any, Dict, Tuple, get_args, get_type_hints

import pytest

from integral_pose import run as run_module
from integral_pose.errors import InputError
from integral_pose.run import Run, read

HEAT_MAP = Run(output="heat map", loss="gaussian-mse")
IN_3D = {"data": "human36m", "coordinates": 3}
HOURGLASS = {"backbone": "hourglass", "upsamplings": 3, "pretrained": False}
INTEGRAL = replace(HEAT_MAP, output="integral", loss="joint-l1", start=HEAT_MAP)


@dataclass(frozen=True)
class Wider(Run):
    """The run of a later day, with one more field."""

    novelty: int = 7


def signed(settings: str) -> str:
    return hashlib.sha256(settings.encode()).hexdigest()[:10]


def another(name: str) -> Dict[str, Any]:
    """A change of one field that makes sense."""
    words = {
        "output": "direct", "loss": "softmax-ce", "start": HEAT_MAP, "data": "elsewhere", "backbone": "resnet18",
        "patch": 128, "protocol": 1, "extra": "mpii", "boxes": "annotated", "joint_score": "one",
        "skeleton": "b|b", "decoder": "dark", "regulariser": "js", "grid": "index", "read_grid": "index",
        "flip_in": "cells", "trunk": Run(pretrained=False), "gradient": "symmetric", "published": "somebody 1a2b3c",
        "patch_width": 192, "colours": "bgr", "sampling": "corner", "box_edges": "plain", "bones": 4000.0,
    }
    default = getattr(Run(), name)
    return {name: words[name] if name in words else not default if isinstance(default, bool) else default + 1}


@pytest.mark.parametrize("run, printed", [
    (Run(), "Run()"), (Run(width=0.25, seed=3), "Run(width=0.25, seed=3)"),
    (INTEGRAL, "Run(start=Run(output='heat map', loss='gaussian-mse'))"),
])
def test_a_run_prints_what_differs_from_the_paper(run: Run, printed: str) -> None:
    assert repr(run) == printed and eval(printed) == run


@pytest.mark.parametrize("name, known", [
    ("output", run_module.OUTPUTS), ("loss", run_module.LOSSES), ("backbone", run_module.BACKBONES),
    ("boxes", run_module.BOXES), ("joint_score", run_module.JOINT_SCORES), ("decoder", run_module.DECODERS),
    ("regulariser", run_module.REGULARISERS), ("grid", run_module.GRIDS), ("flip_in", run_module.FLIPS),
    ("gradient", run_module.GRADIENTS),
])
def test_editors_know_what_a_field_may_be(name: str, known: Tuple[str, ...]) -> None:
    assert get_args(get_type_hints(Run)[name]) == known and getattr(Run(), name) in known
    with pytest.raises(ValueError, match=f"{name}.*nonsense"):
        Run(**{name: "nonsense"})


def test_losses_and_backbones_have_kinds() -> None:
    assert run_module.MAP_LOSSES == ("gaussian-mse", "softmax-ce", "disc-bce")
    assert run_module.HOURGLASSES == ("hourglass", "coarse-to-fine")


@pytest.mark.parametrize(
    "run, settings",
    [
        (Run(), "{}"),
        (Run(width=0.25, seed=3), '{"seed": 3, "width": 0.25}'),
        (INTEGRAL, '{"start": {"loss": "gaussian-mse", "output": "heat map"}}'),
    ],
)
def test_the_key_signs_the_settings_that_are_not_defaults(run: Run, settings: str) -> None:
    assert run.key == signed(settings)


@pytest.mark.parametrize("changes", [{}, {"width": 0.5, "data": "elsewhere"}])
def test_a_new_field_leaves_keys_alone_until_it_is_used(changes: Dict[str, Any]) -> None:
    assert Wider(**changes).key == Run(**changes).key
    assert Wider(**changes, novelty=8).key != Run(**changes).key


@pytest.mark.parametrize("name", [f.name for f in fields(Run) if f.name != "coordinates"])  # that follows from `data`
def test_each_field_changes_the_key(name: str) -> None:
    bases = {"loss": HEAT_MAP, "decoder": HEAT_MAP, "extra": Run(**IN_3D),
             "skeleton": Run(data="own-1", skeleton="a|a"), "cosine": Run(steps=100), "absent": HEAT_MAP,
             "trunk": Run(pretrained=False)}
    base = bases.get(name, Run())
    changed = replace(base, **another(name))
    assert changed != base and changed.key != base.key
    assert replace(changed, **{name: getattr(base, name)}).key == base.key


def test_what_a_run_starts_from_changes_its_key() -> None:
    starts = [None, HEAT_MAP, replace(HEAT_MAP, sigma=2.5), replace(HEAT_MAP, loss="disc-bce")]
    assert len({replace(INTEGRAL, start=start).key for start in starts}) == 4


@pytest.mark.parametrize(
    "bad, reason",
    [
        ({"output": "heatmap"}, "output is one of"),
        ({"loss": "l1"}, "loss is one of"),
        ({"backbone": "resnet34"}, "backbone is one of"),
        ({"loss": "gaussian-mse"}, "integral output cannot be trained with gaussian-mse"),
        ({"output": "direct", "loss": "softmax-ce"}, "direct output cannot be trained with softmax-ce"),
        ({"output": "heat map"}, "heat map output cannot be trained with joint-l1"),
        ({"patch": 100}, "patch"),
        ({"patch": 0}, "patch"),
        ({"patch": -64}, "patch"),
        ({"batch": 0}, "batch"),
        ({"width": 0.0}, "width"),
        ({"upsamplings": -1}, "upsamplings|batch and width"),
        ({"start": replace(HEAT_MAP, seed=1)}, "seed"),
        ({"coordinates": 1}, "2 or 3 coordinates"),
        ({"coordinates": 4}, "2 or 3 coordinates"),
        ({"protocol": 3}, "protocols 1 and 2"),
        ({"extra": "mpii"}, "3D runs"),
        ({**IN_3D, "extra": "mpii", "batch": 5}, "even"),
        ({**IN_3D, "output": "heat map", "loss": "disc-bce"}, "no 3D form of disc-bce"),
        ({"coordinates": 3}, "Human3.6M"),
        ({"stages": 0}, "stages must be 1 or more"),
        ({"stages": 2, "upsamplings": 3}, "2 upsamplings"),
        ({**HOURGLASS, "pretrained": True}, "from scratch"),
        ({**HOURGLASS, "patch": 96}, "multiple of 64"),
        ({**HOURGLASS, "upsamplings": 2}, "a quarter of the patch"),
        ({**HOURGLASS, "backbone": "coarse-to-fine"}, "for volumes"),
        ({**HOURGLASS, **IN_3D, "backbone": "coarse-to-fine", "stages": 3}, "one stage or two"),
        ({"stages": 2, "output": "direct"}, "several stages need maps"),
        ({"data": "human36m"}, "Human3.6M"),
        ({"boxes": "drawn"}, "boxes are detected or annotated"),
        ({"joint_score": "two"}, "joint_score is one of"),
        ({"data": "synthetic-mpii-v2", "everybody": True}, "must not be trained on"),
        ({"decoder": "median"}, "decoder is one of"),
        ({"decoder": "dark"}, "for 2D gaussian-mse maps only"),
        ({"output": "heat map", "loss": "softmax-ce", "decoder": "local"}, "for 2D gaussian-mse maps only"),
        ({**IN_3D, "output": "heat map", "loss": "gaussian-mse", "decoder": "local"}, "2D gaussian-mse maps only"),
        ({"output": "heat map", "loss": "gaussian-mse", "decoder": "window"}, "window is for 2D softmax-ce maps"),
        ({"flip_in": "maps"}, "flip_in maps is for 2D heat maps; flip_in=patch averages joints"),
        ({**IN_3D, "output": "heat map", "loss": "softmax-ce", "flip_in": "maps"}, "flip_in maps is for 2D"),
        ({"regulariser": "kl"}, "regulariser is one of"),
        ({"regulariser": "js", **IN_3D}, "2D maps of one stage"),
        ({"regulariser": "js", "stages": 2}, "2D maps of one stage"),
        ({"regulariser": "js", "penalty": 0.0}, "penalty must be positive"),
        ({"output": "direct", "regulariser": "js"}, "a direct output has no expectation"),
        ({"output": "direct", "compensated_test": True}, "a direct output has no expectation"),
        ({"output": "heat map", "loss": "softmax-ce", "grid": "index"}, "a heat map output has no expectation"),
        ({"output": "direct", "flip_in": "cells"}, "a direct output has no expectation"),
        ({"output": "heat map", "loss": "joint-rle"}, "heat map output cannot be trained with joint-rle"),
        ({"loss": "joint-rle", **IN_3D}, "2D joints and networks of one stage"),
        ({"loss": "joint-rle", "stages": 2}, "2D joints and networks of one stage"),
        ({"loss": "joint-rle", "start": HEAT_MAP}, "cannot start from their weights"),
        ({"start": Run(loss="joint-rle")}, "nor they from its"),
        ({"loss": "joint-rle", "regulariser": "js"}, "joint-rle cannot be combined with a regulariser"),
        ({"samples": -1}, "a number of draws from each map, or 0, not -1"),
        ({"samples": 3, "output": "direct"}, "a direct output has no expectation"),
        ({"samples": 3, **IN_3D}, "2D joints and networks of one stage"),
        ({"samples": 3, "stages": 2}, "2D joints and networks of one stage"),
        ({"samples": 3, "loss": "joint-rle"}, "samples take the place of the loss on joints"),
        ({"samples": 3, "regulariser": "js"}, "samples take the place of the loss on joints"),
        ({"samples": 3, "compensated": True}, "samples take the place of the loss on joints"),
        ({"samples": 3, "gradient": "symmetric"}, "samples take the place of the loss on joints"),
        ({"gradient": "symmetric", "output": "direct"}, "a direct output has no expectation"),
        ({"gradient": "symmetric", **IN_3D}, "2D joints and networks of one stage"),
        ({"gradient": "symmetric", "compensated": True}, "not of a compensated one"),
        ({"gradient": "symmetric", "compensated_test": True}, "not of a compensated one"),
        ({"grid": "corner"}, "grid is one of"),
        ({"read_grid": "corner"}, "read_grid is one of"),
        ({"flip_in": "pixels"}, "flip_in is one of"),
        ({"compensated": True, "grid": "index"}, "needs the grid of cell centres"),
    ],
    ids=str,
)
def test_nonsense_is_refused(bad: Dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Run(**bad)


@pytest.mark.parametrize("patch, upsamplings, cells", [(256, 2, 32), (256, 3, 64), (128, 2, 16), (96, 0, 3)])
def test_cells(patch: int, upsamplings: int, cells: int) -> None:
    assert Run(patch=patch, upsamplings=upsamplings).cells == cells


def test_the_chain_begins_with_what_is_trained_first() -> None:
    third = replace(INTEGRAL, start=INTEGRAL, steps=9)
    assert third.chain == [HEAT_MAP, INTEGRAL, third]
    assert HEAT_MAP.chain == [HEAT_MAP]


def test_what_matters_only_at_test_is_trained_once() -> None:
    flipped = replace(INTEGRAL, flip_test=True, start=replace(HEAT_MAP, flip_test=True))
    assert flipped.training == INTEGRAL.training == INTEGRAL != flipped
    assert replace(flipped, seed=1, start=None).training.key != INTEGRAL.key


@pytest.mark.parametrize("at_test", [
    {"compensated_test": True}, {"read_grid": "index"}, {"flip_test": True, "flip_in": "cells"},
])
def test_how_an_integral_is_read_is_trained_once(at_test: Dict[str, Any]) -> None:
    assert replace(INTEGRAL, **at_test).training == INTEGRAL != replace(INTEGRAL, **at_test)
    assert replace(HEAT_MAP, decoder="dark").training == HEAT_MAP
    kept = ({"compensated": True}, {"grid": "index"}, {"regulariser": "js"}, {"logit_scale": 5.0})
    assert all(replace(INTEGRAL, **change).training != INTEGRAL for change in kept)


def test_a_logit_scale_of_1_is_another_row_and_the_same_training() -> None:
    asked = replace(INTEGRAL, logit_scale=1.0)
    assert asked.key != INTEGRAL.key and asked.training == INTEGRAL
    assert replace(INTEGRAL, logit_scale=2.0).training == replace(INTEGRAL, logit_scale=2.0)


@pytest.mark.parametrize("extra", ["", "mpii"])
@pytest.mark.parametrize("run", [HEAT_MAP, INTEGRAL], ids=["heat map", "integral"])
def test_heat_maps_are_read_by_their_projections_where_2d_people_are_mixed_in(run: Run, extra: str) -> None:
    in_3d = replace(run, **IN_3D, extra=extra)
    assert (run.depth, in_3d.depth) == (1, run.cells)
    assert not run.on_vectors
    assert in_3d.on_vectors == (run is HEAT_MAP and bool(extra))


@pytest.mark.parametrize("run", [
    Run(), Run(logit_scale=20, seed=3, start=Run(output="heat map", loss="softmax-ce", seed=3)),
    Run(data="human36m", coordinates=3, extra="mpii", mirror=False, width=0.5),
])
def test_settings_give_back_the_run(run, tmp_path):
    stored = json.loads(json.dumps(run.settings))
    assert Run.from_settings(stored) == run and Run.from_settings(stored).key == run.key
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"key": run.key, "label": "I1", **run.settings}))
    assert read(path) == run


@pytest.mark.parametrize("settings, said", [
    ({"colour_of_hair": 1}, "no field 'colour_of_hair'"), ({"start": {"sed": 1}}, "no field 'sed'"),
    ({"start": 3}, "start is the settings"), ({"seed": "3"}, "seed is of type int"), ({"seed": True}, "type int"),
    ({"mirror": 1}, "mirror is of type bool"), ({"patch": 250}, "multiple of 32"), ({"width": "1"}, "type float"),
])
def test_settings_of_no_run_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        Run.from_settings(settings)


@pytest.mark.parametrize("content, said", [
    ('{"key": "0000000000", "seed": 4}', "its key is 0000000000"), ('{"seed": 4}', "its key is None"),
    ("[1]", "does not describe a run"), ("{", "does not describe a run"), ('{"sed": 4}', "no field 'sed'"),
    ("[" * 100_000, "does not describe a run"), (b"\xff\xfe", "does not describe a run"),
])
def test_a_damaged_or_edited_run_json_is_refused(content, said, tmp_path):
    path = tmp_path / "run.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=f"run.json: .*{said}"):
        read(path)


def test_a_missing_run_json_is_named(tmp_path):
    with pytest.raises(InputError, match="Give the folder of a trained run"):
        read(tmp_path)


@pytest.mark.parametrize("changes, reason", [
    ({"trunk": Run(pretrained=False)}, "starts from ImageNet"),
    ({"trunk": Run(pretrained=False), "pretrained": False, "start": HEAT_MAP}, "starts from ImageNet"),
    ({"trunk": Run(backbone="resnet18"), "pretrained": False}, "as many layers and channels"),
    ({"trunk": Run(width=0.5), "pretrained": False}, "as many layers and channels"),
    ({"trunk": Run(stages=2), "pretrained": False}, "of one stage"),
    ({"trunk": Run(), **HOURGLASS}, "whose ResNet"),
    ({"absent": True}, "gaussian-mse maps"), ({"widest": 0.5}, "widest is 1 or more"),
])
def test_backbones_and_wide_patches_that_make_no_sense_are_refused(changes: Dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(Run(), **changes)


def test_what_a_run_needs_is_its_backbone_first() -> None:
    trunk = Run(pretrained=False, output="heat map", loss="softmax-ce", decoder="window")
    first = replace(HEAT_MAP, pretrained=False, trunk=trunk)
    run = replace(INTEGRAL, pretrained=False, start=first)
    assert run.chain == [first, run] and run.needed == [trunk, first, run]
    assert Run.from_settings(run.settings) == run
    assert run.training.needed == [trunk.training, first.training, run.training] and trunk.training != trunk
    assert run.everywhere(batch=4).needed[0] == trunk
