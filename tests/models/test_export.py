"""Exported networks: what the graph says, in MXNet and in ONNX Runtime, beside what the network says itself."""
from __future__ import annotations

import integral_pose  # isort: skip  # noqa: F401

import functools
import json
import runpy
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import mxnet as mx
import numpy as np
import pytest
from mxnet.gluon import SymbolBlock

from integral_pose.commands import export as command
from integral_pose.geometry import Box, Patch
from integral_pose.models import build, export, saved
from integral_pose.models.subpixel import in_window
from integral_pose.run import Run
from integral_pose.run_folder import DONE, PARAMETERS
from integral_pose.samples import cut, normalise
from integral_pose.skeletons import HUMAN36M, MPII
from integral_pose.training.loop import Schedule
from symbols.argmax import AroundHighestCell, HighestCell
from tests.helpers.printed import paragraph

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "run_onnx.py"
TINY = Run(patch=64, width=0.0625, backbone="resnet18", pretrained=False)
IN_3D = replace(TINY, data="human36m", coordinates=3)
HEAT_MAP = replace(TINY, output="heat map", loss="gaussian-mse", flip_test=True)
HOURGLASS = replace(TINY, backbone="hourglass", upsamplings=3)
RUNS = {
    "2D integral, ResNet-18": TINY,
    "2D integral, ResNet-50, 96 px": replace(TINY, backbone="resnet50", patch=96),
    "3D integral": IN_3D,
    "heat map": HEAT_MAP,
    "3D heat map": replace(IN_3D, output="heat map", loss="softmax-ce"),
    "regularised integral": replace(TINY, regulariser="js"),
    "direct, with deviations": replace(TINY, output="direct", loss="joint-rle"),
    "integral, with deviations": replace(TINY, loss="joint-rle"),
    "sampled integral": replace(TINY, samples=3),
    "symmetric gradient": replace(TINY, gradient="symmetric"),
    "compensated integral": replace(TINY, compensated=True, logit_scale=5.0),
    "compensated 3D integral": replace(IN_3D, compensated=True),
    "integral over i / n": replace(TINY, grid="index"),
    "direct": replace(TINY, output="direct"),
    "direct 3D": replace(IN_3D, output="direct"),
    "two stages": replace(TINY, stages=2),
    "two stages of heat maps": replace(HEAT_MAP, stages=2),
    "hourglass of two stacks": replace(HOURGLASS, stages=2),
    "coarse to fine": replace(IN_3D, backbone="coarse-to-fine", upsamplings=3, stages=2),
    "published heat map": replace(
        HEAT_MAP, decoder="quarter-inside", read_grid="index", flip_in="shifted-maps", colours="bgr", sampling="corner",
        patch=96, patch_width=64,
    ),
    "published volume": replace(IN_3D, grid="index", sampling="corner", patch=96, patch_width=64, bones=4502.881),
    "heat vectors": replace(IN_3D, output="heat map", loss="softmax-ce", extra="mpii"),
}
every_network = pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)


@pytest.fixture
def onnx():
    """Skips where the export's packages are missing."""
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package, reason="make setup EXPORT=1 is not installed")


@pytest.fixture(scope="module")
def example_files(tmp_path_factory):
    """A network with its card, net.onnx, one without, plain.onnx, and photo.png."""
    onnx = pytest.importorskip("onnx", reason="make setup EXPORT=1 is not installed")
    pytest.importorskip("onnxruntime", reason="make setup EXPORT=1 is not installed")
    folder = tmp_path_factory.mktemp("example")
    graph = export.read(saved.find(str(trained(TINY, folder)), folder))
    export.write_onnx(graph, folder / "net.onnx")
    model = onnx.load(str(folder / "net.onnx"))
    del model.metadata_props[:]
    onnx.save(model, str(folder / "plain.onnx"))
    cv2.imwrite(str(folder / "photo.png"), np.zeros((40, 30, 3), np.uint8))
    return folder


def trained(run, runs, **done):
    """A folder such as training leaves behind, of a network whose random values make joints all over the patch."""
    folder = runs / run.key
    folder.mkdir(parents=True)
    net, rng = build.network(run), np.random.default_rng(11)
    net.initialize()
    last = [layer.weight for layer in net.last_layers]
    for name, parameter in net.collect_params().items():
        if name.endswith("weight"):
            gain = (0.002 if run.output == "direct" else 4.0) if any(parameter is weight for weight in last) else 1.0
            deviation = gain * (2 / np.prod(parameter.shape[1:]))**0.5
            parameter.set_data(mx.nd.array(rng.normal(0, deviation, parameter.shape)))
    net.save_parameters(str(folder / PARAMETERS))
    (folder / "run.json").write_text(json.dumps({"key": run.key, "label": "I1", **run.settings}))
    (folder / DONE).write_text(json.dumps({"commit": "0123456789", **asdict(Schedule(done=True)), **done}))
    return folder


@pytest.fixture(scope="module")
def graphs(tmp_path_factory):
    """The exporter's graph of each network, read once."""
    def read(run):
        runs = tmp_path_factory.mktemp("runs")
        return export.read(saved.find(str(trained(run, runs)), runs))

    return functools.lru_cache(maxsize=None)(read)


def images(run, people=3):
    shape = (people, 3, run.patch, run.patch_width or run.patch)
    return np.random.default_rng(2).standard_normal(shape).astype(np.float32)


@every_network
def test_mxnets_graph_says_what_the_network_says(run, graphs, tmp_path):
    graph = graphs(run)
    export.write_mxnet(graph, tmp_path / "out" / "net.v1")
    paths = [str(tmp_path / "out" / f"net.v1{ending}") for ending in ("-symbol.json", "-0000.params")]
    block = SymbolBlock.imports(paths[0], [export.IMAGES], paths[1])
    for people in (3, 1):
        expected = graph.joints(images(run, people))
        assert expected.shape == (people, len(graph.card["joints"]), run.coordinates) and expected.std() > 0.02
        np.testing.assert_allclose(block(mx.nd.array(images(run, people))).asnumpy(), expected, atol=1e-5)
    assert json.loads((tmp_path / "out" / "net.v1.json").read_text()) == graph.card


@every_network
def test_onnx_runtime_says_what_the_network_says(run, graphs, tmp_path, onnx):
    graph = graphs(run)
    path = tmp_path / "out" / "net.onnx"
    export.write_onnx(graph, path)
    assert export.disagreement(graph, path) < export.AGREEMENT


@pytest.mark.parametrize("batch", [0, 2])
def test_a_batch_is_of_any_size_or_of_the_one_asked_for(batch, tmp_path, onnx):
    import onnxruntime

    graph = export.read(saved.find(str(trained(TINY, tmp_path)), tmp_path))
    export.write_onnx(graph, tmp_path / "net.onnx", batch)
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    given, = session.get_inputs()
    said, = session.get_outputs()
    assert (given.name, given.shape) == ("images", [batch or "N", 3, 64, 64])
    assert (said.name, said.shape) == ("joints", [batch or "N", 16, 2])
    for people in (2, 5):
        if batch in (0, people):
            found = session.run(None, {"images": images(TINY, people)})[0]
            np.testing.assert_allclose(found, graph.joints(images(TINY, people)), atol=1e-4)


def test_disagreement_is_the_furthest_joints(tmp_path, onnx):
    graph = export.read(saved.find(str(trained(TINY, tmp_path)), tmp_path))
    export.write_onnx(graph, tmp_path / "net.onnx")
    bias = graph.net.last_layers[0].bias
    graph.net.head.final.weight.set_data(graph.net.head.final.weight.data() * 1.1)
    bias.set_data(bias.data() + 1)
    assert export.disagreement(graph, tmp_path / "net.onnx") > export.AGREEMENT


@pytest.mark.parametrize("joints, depth, height, width", [(3, 1, 5, 7), (2, 6, 3, 5), (4, 64, 8, 16)])
def test_the_highest_cell_is_the_one_that_numpy_finds(joints, depth, height, width):
    maps = np.random.default_rng(0).standard_normal((3, joints * depth, height, width)).astype(np.float32)
    best = maps.reshape(3, joints, -1).argmax(axis=2)
    z, y, x = np.unravel_index(best, (depth, height, width))
    expected = [(x + 0.5) / width, (y + 0.5) / height, (z + 0.5) / depth][: 2 if depth == 1 else 3]
    found = HighestCell(joints, height, width, depth)(mx.nd.array(maps)).asnumpy()
    np.testing.assert_allclose(found, np.stack(expected, axis=2), atol=1e-6)


def test_every_cell_of_a_volume_is_named():
    depth, height, width = 5, 7, 3
    cells = depth * height * width
    maps = np.eye(cells, dtype=np.float32).reshape(cells, depth, height, width)
    found = HighestCell(1, height, width, depth)(mx.nd.array(maps)).asnumpy()[:, 0] * (width, height, depth) - 0.5
    z, y, x = np.indices((depth, height, width)).reshape(3, -1)
    np.testing.assert_allclose(found, np.stack([x, y, z], axis=1), atol=1e-5)


def test_the_card_says_how_to_use_the_graph():
    card = export.card(HEAT_MAP, "abc")
    assert (card["key"], card["commit"], card["data"], card["flip_test"]) == (HEAT_MAP.key, "abc", "mpii", True)
    assert card["joints"] == list(MPII.joints) and card["box"]["margin"] == 1.25 and "span" not in card["box"]
    assert Run.from_settings(json.loads(json.dumps(card))["settings"]) == HEAT_MAP
    card = export.card(RUNS["heat vectors"], "abc")
    assert card["data"] == "human36m, mpii" and card["output"]["axes"] == ["x", "y", "z"]
    assert card["joints"] == list(HUMAN36M.joints) and card["box"]["span"] == 2000


def test_the_command_writes_both_forms_and_the_card(tmp_path, capsys, onnx):
    import onnx

    folder = trained(TINY, tmp_path / "runs")
    assert command.main([str(folder), "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        TINY.key + ending for ending in (".onnx", "-symbol.json", "-0000.params", ".json")
    )
    assert ".onnx: joints agree with the network's to " in capsys.readouterr().out
    entries = {entry.key: entry.value for entry in onnx.load(str(tmp_path / "out" / f"{TINY.key}.onnx")).metadata_props}
    card = json.loads(entries["integral_pose"])
    assert card == json.loads((tmp_path / "out" / f"{TINY.key}.json").read_text())
    assert card["commit"] == "0123456789"


def test_the_window_around_the_highest_cell_is_that_of_numpy():
    logits = np.random.default_rng(0).normal(0, 3, (4, 5, 11, 14)).astype(np.float32)
    logits[0, 0, 0, 13] = logits[1, 1, 10, 0] = 30  # in corners
    found = AroundHighestCell(5, 11, 14)(mx.nd.array(logits)).asnumpy()
    np.testing.assert_allclose(found, in_window(logits), atol=1e-5)


def test_maps_read_in_a_window_are_exported(tmp_path, capsys, onnx):
    cells = replace(TINY, output="heat map", loss="softmax-ce", decoder="window", start=None)
    assert command.main([str(trained(cells, tmp_path / "runs")), "--out", str(tmp_path / "out")]) == 0
    assert ".onnx: joints agree with the network's to " in paragraph(capsys.readouterr().out)


@pytest.mark.parametrize("name", ["people", "people-synthetic", "people-3d"])
def test_the_networks_that_come_with_the_program_are_exported(name, tmp_path, capsys, onnx):
    assert command.main([name, "--out", str(tmp_path), "--formats", "onnx"]) == 0
    key = json.loads(saved.shipped()[name].with_suffix(".json").read_text())["key"]
    assert (tmp_path / f"{key}.onnx").is_file() and "joints agree with the network's" in capsys.readouterr().out


def test_a_run_goes_by_the_beginning_of_its_key(tmp_path, capsys):
    trained(TINY, tmp_path / "runs" / "quick")
    options = ["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out"), "--formats", "mxnet"]
    assert command.main([TINY.key[:4], *options]) == 0
    assert (tmp_path / "out" / f"{TINY.key}.json").is_file()
    for name, said in (("zz", "zz: no run matches"), ("zz.params", "zz.params: there is no such file")):
        assert command.main([name, *options]) == 2
        assert f"export: {said}" in capsys.readouterr().err


def test_a_file_that_says_something_else_is_deleted(tmp_path, monkeypatch, capsys, onnx):
    monkeypatch.setattr(export, "disagreement", lambda *_: float("nan"))
    assert command.main([str(trained(TINY, tmp_path)), "--out", str(tmp_path / "out"), "--formats", "onnx"]) == 1
    assert "nan of the patch" in capsys.readouterr().err and not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_without_onnx_the_command_says_what_to_install(tmp_path, monkeypatch, capsys, package, request):
    if package == "onnxruntime":
        request.getfixturevalue("onnx")
    monkeypatch.setitem(sys.modules, package, None)
    folder, out = trained(TINY, tmp_path), tmp_path / "out"
    assert command.main([str(folder), "--out", str(out)]) == 2
    printed = capsys.readouterr().err
    assert f"needs {package}" in paragraph(printed) and "make setup EXPORT=1" in paragraph(printed)
    assert command.main([str(folder), "--out", str(out), "--formats", "mxnet"]) == 0


@pytest.mark.parametrize("spoil, said", [
    (lambda folder: (folder / "run.json").unlink(), "run.json: there is no such file"),
    (lambda folder: (folder / "run.json").write_text("{"), "run.json: does not describe a run"),
    (lambda folder: (folder / DONE).unlink(), "not trained to its end"),
    (lambda folder: (folder / DONE).write_text("[]"), f"{DONE}: this file is damaged"),
    (lambda folder: (folder / PARAMETERS).write_bytes(b"x"), f"{PARAMETERS}: these are not the parameters"),
    (lambda folder: (folder / PARAMETERS).unlink(), "this run has no parameters yet"),
])
def test_a_spoilt_folder_is_one_paragraph_and_exit_code_2(tmp_path, capsys, spoil, said):
    folder = trained(TINY, tmp_path)
    spoil(folder)
    assert command.main([str(folder), "--out", str(tmp_path / "out"), "--formats", "mxnet"]) == 2
    printed = capsys.readouterr().err
    assert said in paragraph(printed) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments, said", [(["--batch", "-1"], "--batch -1"), (["--out", "file"], "--out file")])
def test_wrong_options_are_one_paragraph_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("no folder")
    assert command.main([str(trained(TINY, tmp_path)), "--formats", "mxnet", *arguments]) == 2
    printed = capsys.readouterr().err
    assert said in paragraph(printed)


def test_help_teaches(capsys):
    with pytest.raises(SystemExit):
        command.main(["--help"])
    printed = capsys.readouterr().out
    assert "python docs/examples/run_onnx.py" in printed and "--batch N" in printed


@pytest.mark.parametrize("run", [TINY, IN_3D], ids=["2D", "3D"])
def test_the_example_finds_joints_without_mxnet(run, tmp_path, onnx):
    """In a process that cannot import MXNet, the same joints as by the project's own patch, network and decoding."""
    graph = export.read(saved.find(str(trained(run, tmp_path)), tmp_path))
    export.write_onnx(graph, tmp_path / "net.onnx")
    image = np.random.default_rng(3).integers(0, 256, (150, 110, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), image)
    words = ["net.onnx", "photo.png", "--box", "12", "20.5", "60", "90", "--out", "drawn.png"]
    code = f"import sys, runpy; sys.modules.update(mxnet=None, integral_pose=None); sys.argv[1:] = {words}; "
    code += f"runpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    command_line = [sys.executable, "-c", code]
    printed = subprocess.run(command_line, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in printed.splitlines()]
    assert [row[0] for row in rows] == graph.card["joints"]
    span = 2000 if run.coordinates == 3 else 0
    patch = Patch(Box(12 + 30 - 0.5, 20.5 + 45 - 0.5, graph.card["box"]["margin"] * 90, span), run.patch)
    fractions = graph.joints(normalise(cut(image, patch))[None])[0]
    expected = [patch.to_image(fractions[:, :2])] + ([patch.to_depth(fractions[:, 2:])] if span else [])
    found = np.array([row[1:] for row in rows], float)
    np.testing.assert_allclose(found, np.hstack(expected), atol=0.051 + span * 1e-4)
    assert cv2.imread(str(tmp_path / "drawn.png")).shape == image.shape


@pytest.mark.parametrize("words, said", [
    (["nowhere.onnx", "photo.png"], "nowhere.onnx: cannot be read as an ONNX file"),
    (["photo.png", "photo.png"], "photo.png: cannot be read as an ONNX file"),
    (["plain.onnx", "photo.png"], "plain.onnx: has no card"),
    (["net.onnx", "nowhere.png"], "nowhere.png: cannot be read as an image"),
    (["net.onnx", "photo.png", "--box", "1", "2", "0", "4"], "--box: width and height must be above 0"),
    (["net.onnx", "photo.png", "--out", "no/a.png"], "--out no/a.png: cannot be written"),
    (["net.onnx", "photo.png", "--out", "a.what"], "--out a.what: cannot be written"),
])
def test_the_example_says_what_is_wrong_in_a_sentence(words, said, example_files, monkeypatch):
    monkeypatch.chdir(example_files)
    monkeypatch.setattr(sys, "argv", ["run_onnx.py", *words])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert str(ended.value).startswith(said)


def test_the_example_imports_what_it_says_and_no_more():
    lines = EXAMPLE.read_text().splitlines()
    assert {line.split()[1] for line in lines if line.startswith(("import", "from"))} == {
        "argparse", "json", "cv2", "numpy", "onnxruntime",
    }


def test_the_example_maps_boxes_as_patches_are_cut():
    pytest.importorskip("onnxruntime", reason="make setup EXPORT=1 is not installed")
    to_patch = runpy.run_path(str(EXAMPLE))["to_patch"]
    patch = Patch(Box(30 + 20 - 0.5, 8 + 35 - 0.5, 1.25 * 70), 64)
    np.testing.assert_allclose(to_patch(export.card(TINY, ""), (30, 8, 40, 70)), patch.matrix, atol=1e-9)
