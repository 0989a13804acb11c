"""Networks in 8 bits on a CPU, by MXNet's own quantization for oneDNN (mxnet.contrib.quantization).

Convolutions then compute with integers: weights with a scale per channel, activations with the scale that its threshold
gives, which is the value that becomes the largest integer. Deconvolutions stay in float32. Thresholds are found once,
on photographs (`experiments.photos calibrate`), and are in a file beside the parameters that they were found for.
"""
from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, Dict, NamedTuple, Tuple

import mxnet as mx
import numpy as np
from mxnet.contrib import quantization
from mxnet.gluon import SymbolBlock

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.models import build, weights
from integral_pose.run import Run
from integral_pose.storage.atomic import replacing

NOTE = "The network ran in 8 bits (--int8), which moves joints a little."
REMEDY = "Leave out --int8, or make the file with `python -m experiments.photos calibrate {} --data DATA`."
LIMIT = 1 / 64  # of the patch: how far the joints may move in the median, of noise
LOOKED_AT = 8  # patches of noise
BINS = 2001  # of an activation's histogram; four times as many take a minute and gave no better joints
TOGETHER = 32  # patches, at most, in a mini-batch of the calibration
INPUT = "data"
BACKEND = "MKLDNN_QUANTIZE"  # what MXNet calls its fused operators for this

Thresholds = Dict[str, Tuple[float, float]]  # the least and the highest value of each layer that is kept


class Graph(NamedTuple):
    """A network as a symbol, with oneDNN's fused operators, and its values."""

    symbol: mx.sym.Symbol
    arguments: Dict[str, mx.nd.NDArray]
    states: Dict[str, mx.nd.NDArray]


def demand(run: Run, device: mx.Context) -> None:
    """Checks that a network can run in 8 bits here.

    Raises:
        InputError: it is to run on a GPU, MXNet lacks oneDNN, or the network regresses joints directly.
    """
    if device.device_type != "cpu":
        raise InputError("--int8: 8 bits are for the CPU alone. Leave out --int8 or --gpus.")
    if not mx.runtime.Features().is_enabled("MKLDNN") or os.environ.get("MXNET_MKLDNN_ENABLED", "1") == "0":
        raise InputError("--int8: this MXNet is built without oneDNN, or MXNET_MKLDNN_ENABLED=0 switches it off. Leave "
                         "out --int8, or install mxnet==1.9.1 from PyPI.")
    if run.output == "direct":
        raise InputError("--int8: direct regression runs in float32 alone. Leave out --int8.")


def network(run: Run, parameters: Path, device: mx.Context) -> Any:
    """A trained network in 8 bits, from patches to maps, as `build.maps_network` with its parameters is.

    It is compared with the network in float32 first.

    Raises:
        InputError: as `demand`; there are no thresholds for it, or they are damaged or another file's; or the joints of
            both networks lie apart.
    """
    demand(run, device)
    thresholds = read(parameters)
    exact = loaded(run, parameters)
    found = quantized(exact, thresholds, parameters)
    noise = mx.nd.array(np.random.default_rng(0).normal(size=(LOOKED_AT, 3, run.patch, run.patch_columns)))
    read_out = build.scored_readout(run)
    joints, expected = (read_out(net(noise))[0][..., :2] for net in (found, exact))
    moved = float(np.median(np.linalg.norm(joints - expected, axis=2)))
    if not moved <= LIMIT:
        raise InputError(f"{parameters}: in 8 bits, joints of noise move by {moved * run.patch:.2f} px in the median, "
                         f"and {LIMIT * run.patch:g} px are allowed. Leave out --int8.")
    return found


def loaded(run: Run, parameters: Path) -> Any:
    """A trained network from patches to maps, whose layers have the same names in every process.

    Raises:
        InputError: the parameters are not this run's.
    """
    with mx.name.NameManager():
        net = build.maps_network(run)
        weights.load(net, parameters, [mx.cpu()])
    return net


def quantized(net: Any, thresholds: Thresholds, parameters: Path) -> SymbolBlock:
    """A network that `loaded` gave, in 8 bits; the file of its parameters is for messages.

    Raises:
        InputError: the thresholds are those of other layers, or the network has several outputs.
    """
    graph = _graph(net)
    symbol, _, states, collector = _plan(graph, "naive")
    if set(collector.include_layer) != set(thresholds):
        raise _unusable(parameters, "has thresholds of other layers than this network's")
    collector.min_max_dict = thresholds
    symbol, arguments, states = quantization.calib_graph(
        symbol, graph.arguments, states, collector, "naive", "auto", logger=None
    )
    block = SymbolBlock(symbol.get_backend_symbol(BACKEND), [mx.sym.var(INPUT, dtype="float32")])
    values = {**arguments, **states}
    for name, parameter in block.collect_params().items():
        parameter.cast(values[name].dtype)
        parameter.shape = values[name].shape
        parameter.initialize(ctx=mx.cpu())
        parameter.set_data(values[name])
    block.hybridize(static_alloc=True, static_shape=True)
    return block


def calibrated(net: Any, images: Array) -> Thresholds:
    """The thresholds of a network that `loaded` gave, for patches (N, 3, H, W).

    They are those that change each layer's distribution least: by the Kullback-Leibler divergence, as MXNet finds it.

    Raises:
        InputError: the network has several outputs.
    """
    graph = _graph(net)
    *_, collector = _plan(graph, "entropy")
    collector.num_bins = BINS
    for some in np.array_split(images, -(-len(images) // TOGETHER)):
        given = {**graph.arguments, INPUT: mx.nd.array(some)}
        executor = graph.symbol.bind(mx.cpu(), given, aux_states=graph.states, grad_req="null")
        executor.set_monitor_callback(collector.collect, monitor_all=True)
        executor.forward(is_train=False)[0].wait_to_read()
    found = quantization._get_optimal_thresholds(collector.hist_dict, "auto")
    return {name: (float(least), float(highest)) for name, (least, highest) in found.items()}


def _graph(net: Any) -> Graph:
    symbol = net(mx.sym.var(INPUT))
    if isinstance(symbol, (list, tuple)):
        raise InputError("--int8: a network with several outputs runs in float32 alone. Leave out --int8.")
    values = {name: parameter.data() for name, parameter in net.collect_params().items()}
    arguments = {name: values[name] for name in symbol.list_arguments() if name != INPUT}
    states = {name: values[name] for name in symbol.list_auxiliary_states()}
    return Graph(symbol.get_backend_symbol(BACKEND), arguments, states)


def _plan(graph: Graph, mode: str) -> Any:
    """MXNet's plan of a network in 8 bits: symbol, arguments, states, and what collects values to find thresholds."""
    return quantization.quantize_graph(
        *graph, ctx=mx.cpu(), calib_mode=mode, quantized_dtype="auto", quantize_mode="smart",
        quantize_granularity="channel-wise", logger=None,
    )


def of_parameters(parameters: Path) -> Path:
    """Where the thresholds of a file of parameters are."""
    return parameters.with_suffix(".int8.json")


def write(parameters: Path, thresholds: Thresholds, images: str) -> Path:
    """Writes the thresholds for a file of parameters beside it; `images` says what they were found on."""
    path = of_parameters(parameters)
    content = {"parameters": _digest(parameters), "images": images, "thresholds": thresholds}
    with replacing(path) as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def read(parameters: Path) -> Thresholds:
    """The thresholds for a file of parameters.

    Raises:
        InputError: there are none, they are damaged, or they were found for other parameters.
    """
    path = of_parameters(parameters)
    if not path.is_file():
        raise _unusable(parameters, "there is no such file, which --int8 needs")
    try:
        content = json.loads(path.read_bytes())
        digest = content["parameters"]
        found = {str(name): (float(least), float(highest)) for name, (least, highest) in content["thresholds"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _unusable(parameters, "is damaged") from error
    if not all(-np.inf < least < highest < np.inf for least, highest in found.values()):
        raise _unusable(parameters, "is damaged: a threshold is not a range of numbers")
    if digest != _digest(parameters):
        raise _unusable(parameters, f"was made for other parameters than those in {parameters.name}")
    return found


def _unusable(parameters: Path, reason: str) -> InputError:
    return InputError(f"{of_parameters(parameters)}: {reason}. {REMEDY.format(parameters)}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
