"""A trained network as one graph, from the patch to joints: in ONNX, and as MXNet's symbol and parameters.

The graph takes images (N, 3, size, width), RGB unless the card says BGR, less the mean and divided by the deviation,
and gives the joints (N, K, C) of its last stage as fractions of the patch: integrals and direct regression as they were
trained, heat maps by their highest cell, with the 3 x 3 cells around it or a quarter cell to its neighbours where the
run says so. Everything else that a user of it needs is in the card, a JSON object that goes with it.
"""
from __future__ import annotations

import io
import json
import logging
import warnings
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Dict, Iterator, Optional

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from integral_pose.datasets import catalogue, human36m, mpii
from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.models import build, decode, weights
from integral_pose.models.saved import Trained
from integral_pose.run import Run
from integral_pose.run_folder import DONE
from integral_pose.samples import DEVIATION, MEAN
from integral_pose.storage.atomic import replacing
from symbols.argmax import AroundHighestCell, HighestCell, HighestOfVectors, QuarterInside
from symbols.maps import portable
from symbols.pose_net import OnPatches

UNITS = {
    "centre": "fraction of the patch, from its edge: (px of the patch + 0.5) / size, px counted from 0",
    "corner": "fraction of the box: px of the patch / size, px counted from 0; the box's middle is at size / 2",
}
IMAGES, JOINTS = "images", "joints"  # the graph's input and output
CARD = "integral_pose"  # the ONNX file's metadata entry
AGREEMENT = 1e-4  # of the patch: how far the graph's joints may be from the network's
OPSET, IR_VERSION = 13, 8  # what MXNet's converters write, whatever version onnx itself stands for
NEEDED = (
    "Exporting to ONNX needs onnx 1.17.0: install it with `make setup EXPORT=1`, or use `--formats mxnet`."
)


class Graph:
    """A trained network on the CPU, with its decoding inside, and its card."""

    def __init__(self, of: Run, parameters: Path, commit: str = "unknown") -> None:
        """Builds the network and reads its parameters.

        Raises:
            InputError: they are missing, damaged or another run's.
        """
        self.run, self.card = of, card(of, commit)
        self.net: OnPatches = portable(build.network(of))
        weights.load(self.net, parameters, [mx.cpu()])
        self.symbol = joints_symbol(self.net, of)

    @property
    def values(self) -> Dict[str, mx.nd.NDArray]:
        """The arrays that the symbol names."""
        named = {*self.symbol.list_arguments(), *self.symbol.list_auxiliary_states()}
        return {name: p.data() for name, p in self.net.collect_params().items() if name in named}

    def joints(self, images: Array) -> Array:
        """The network's own predictions for images (N, 3, size, size): joints (N, K, C)."""
        return decode.joints_of(self.net(mx.nd.array(images)), self.run)


def read(trained: Trained) -> Graph:
    """A trained network.

    Raises:
        InputError: its run is not trained to its end, or a file is damaged.
    """
    done = trained.parameters.with_name(DONE)
    if not trained.finished:
        raise InputError(f"{done.parent}: the run is not trained to its end. Run its table's command again; it resumes "
                         "where it was.")
    try:
        commit = json.loads(done.read_text(encoding="utf-8")).get("commit", "unknown") if done.is_file() else "unknown"
    except (ValueError, AttributeError) as error:
        raise InputError(f"{done}: this file is damaged. {weights.RETRAIN}") from error
    return Graph(trained.run, trained.parameters, str(commit))


def joints_symbol(net: OnPatches, of: Run) -> mx.sym.Symbol:
    """The graph from `images` to `joints`."""
    said = net(mx.sym.var(IMAGES))
    last = said[-1] if isinstance(said, (list, tuple)) else said
    decoder = _decoder(of)
    return mx.sym.identity(decoder(last) if decoder else last, name=JOINTS)


def _decoder(of: Run) -> Optional[HybridBlock]:
    """What `decode.decode` does to arrays; nothing where the network gives joints already."""
    if of.output != "heat map":
        return None
    if of.on_vectors:
        return HighestOfVectors(of.cells)
    decoders = {"window": AroundHighestCell, "quarter-inside": QuarterInside}
    decoder = decoders.get(of.decoder, HighestCell)
    return decoder(len(catalogue.skeleton(of).joints), of.cells, of.columns, of.depth, decode.place(of))


def card(of: Run, commit: str) -> Dict[str, Any]:
    """What a user of the graph needs: how to crop a patch, and what its numbers mean."""
    skeleton = catalogue.skeleton(of)
    return {
        "key": of.key,
        "commit": commit,
        "data": f"{of.data}, {of.extra}" if of.extra else of.data,
        "input": {
            "name": IMAGES, "size": of.patch, "width": of.patch_columns,
            "channels": f"{of.colours.upper()}, 0 to 255, minus the mean, divided by the deviation",
            "mean": MEAN.tolist(), "deviation": DEVIATION.tolist(),
        },
        "box": _box(of),
        "output": {
            "name": JOINTS, "axes": ["x", "y", "z"][: of.coordinates],
            "unit": UNITS[of.sampling], "origin": 0.0 if of.by_corner else 0.5,
        },
        "joints": list(skeleton.joints),
        "root": skeleton.root,
        "limbs": [list(limb) for limb in skeleton.limbs],
        "mirror": list(skeleton.mirror),
        "flip_test": of.flip_test,  # the run's numbers are means with the mirrored patch, which the graph leaves out
        "settings": of.settings,
    }


def _box(of: Run) -> Dict[str, Any]:
    """How the square around a person was chosen in training."""
    if of.coordinates == 2:
        margin = of.margin or mpii.MARGIN
        rule = f"a square around the person, of {margin} times the longer side of a box that just holds them"
        if of.patch_width:
            rule = f"the rectangle of the patch's shape around {margin} times a box that just holds the person"
        return {"rule": rule, "margin": margin}
    span = human36m.SPAN
    rule = (
        f"a square of {span:.0f} mm at the depth of the root, in its middle; z = 0.5 is the root's depth and 1 as many "
        "mm behind it as the square's half. If the depth is not known, margin times the longer side of a box that "
        "just holds the person is a good approximation"
    )
    return {"rule": rule, "margin": of.margin or 1.2, "span": span}


def write_mxnet(graph: Graph, stem: Path) -> None:
    """Writes STEM-symbol.json and STEM-0000.params, which `SymbolBlock.imports` reads, and the card, STEM.json."""
    auxiliary = set(graph.symbol.list_auxiliary_states())
    arrays = {f"{'aux' if name in auxiliary else 'arg'}:{name}": array for name, array in graph.values.items()}
    with replacing(_beside(stem, "-symbol.json")) as draft:
        draft.write_text(graph.symbol.tojson())
    with weights.saving(_beside(stem, "-0000.params")) as saved:
        mx.nd.save(saved, arrays)
    with replacing(_beside(stem, ".json")) as draft:
        draft.write_text(json.dumps(graph.card, indent=1))


def _beside(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


def write_onnx(graph: Graph, path: Path, batch: int = 0) -> None:
    """Writes an ONNX file, the card in its metadata.

    Args:
        batch: people in a mini-batch; 0: any number.

    Raises:
        InputError: onnx is not installed.
    """
    onnx = _onnx()
    size = (3, graph.run.patch, graph.run.patch_columns)
    dynamic: Dict[str, Any] = {} if batch else {"dynamic": True, "dynamic_input_shapes": [("N", *size)]}
    with replacing(path) as draft:
        with _quiet():
            mx.onnx.export_model(
                graph.symbol, graph.values, [(batch or 1, *size)], np.float32, str(draft), **dynamic
            )
        model = onnx.load(str(draft))
        _tidy(model, graph, batch)
        onnx.checker.check_model(model)
        onnx.save(model, str(draft))


def _tidy(model: Any, graph: Graph, batch: int) -> None:
    """Versions that older runtimes take too, parameters as constants, the output's shape, and the card."""
    model.ir_version, model.opset_import[0].version = IR_VERSION, OPSET
    model.producer_name = CARD
    del model.graph.input[1:]
    used = {name for node in model.graph.node for name in node.input}
    for left_over in [array for array in model.graph.initializer if array.name not in used]:
        model.graph.initializer.remove(left_over)
    people, *sizes = model.graph.output[0].type.tensor_type.shape.dim
    for place, size in zip(sizes, (len(graph.card["joints"]), graph.run.coordinates)):
        place.dim_value = size
    if batch:
        people.dim_value = batch
    else:
        people.dim_param = "N"
    entry = model.metadata_props.add()
    entry.key, entry.value = CARD, json.dumps(graph.card)


def disagreement(graph: Graph, path: Path, batch: int = 0, seed: int = 0) -> float:
    """How far an ONNX file's joints, by ONNX Runtime, are from the network's, in fractions of the patch.

    The furthest counts; of heat maps one joint in a hundred is left out, for of two cells that are equally high but for
    rounding either may be chosen.

    Raises:
        InputError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError:
        raise InputError(NEEDED.replace("onnx 1.17.0", "onnxruntime")) from None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shape = (batch or 3, 3, graph.run.patch, graph.run.patch_columns)
    images = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    distances = np.abs(session.run([JOINTS], {IMAGES: images})[0] - graph.joints(images)).max(axis=2)
    return float(np.quantile(distances, 0.99 if graph.run.output == "heat map" else 1))


def _onnx() -> Any:
    try:
        import onnx
        import onnx.mapping  # from 1.19 on it is gone, and MXNet's exporter with it
    except ImportError:
        raise InputError(NEEDED) from None
    return onnx


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's warning at each dot, whose factors have as few axes here as ONNX wants, and its prints."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
