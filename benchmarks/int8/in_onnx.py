"""The rival: our network in ONNX Runtime, as it was exported or quantized by its own tools; nothing imports MXNet."""
from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any, Dict, Optional

import numpy as np
import onnx
import onnxruntime
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.contest import Prepared

IN_8_BITS = ("Conv", "Add", "MaxPool")  # as ours: deconvolutions and the reading of maps stay float
CALIBRATES = 8  # patches, at most: the time does not depend on the thresholds


class Given(quantization.CalibrationDataReader):
    """Patches for finding thresholds, one by one."""

    def __init__(self, images: np.ndarray) -> None:
        self._left = iter([{"images": image[None]} for image in images[:CALIBRATES]])

    def get_next(self) -> Optional[Dict[str, np.ndarray]]:
        return next(self._left, None)


def predicting(graph: str, inputs: str, size: int, threads: int, in_8_bits: bool) -> Prepared:
    """Joints of the patches in the file `inputs`, `size` at a time; the turn gives each person's mean."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    images = np.load(inputs, allow_pickle=False)
    with tempfile.TemporaryDirectory() as folder:
        network = quantized(graph, images, Path(folder)) if in_8_bits else graph
        session = onnxruntime.InferenceSession(network, settings, providers=["CPUExecutionProvider"])

    parts = np.split(images, len(images) // size)

    def turn() -> Any:
        return np.concatenate([session.run(None, {"images": part})[0].mean(axis=1) for part in parts])

    return onnxruntime.__version__, turn


def quantized(graph: str, images: np.ndarray, folder: Path) -> str:
    """The file of the network in 8 bits, with a scale per channel as ours has (QDQ)."""
    logging.getLogger().setLevel(logging.ERROR)  # it warns of what was done before
    whole, small = str(folder / "whole.onnx"), str(folder / "small.onnx")
    quant_pre_process(graph, whole, skip_symbolic_shape=True)
    others = [node.name for node in onnx.load(whole).graph.node if node.op_type not in IN_8_BITS]
    quantization.quantize_static(
        whole, small, Given(images), quant_format=quantization.QuantFormat.QDQ, per_channel=True,
        nodes_to_exclude=others,
    )
    return small
