"""The rival in ONNX Runtime: PyTorch's network, exported to a file."""
from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any, Dict

import numpy as np
import onnxruntime
import torch

from benchmarks.contest import Prepared
from benchmarks.in_torch import network


def inference(form: Dict[str, Any], inputs: str, threads: int) -> Prepared:
    """Joints of images (N, 3, size, size) in the file `inputs`."""
    images = np.load(inputs, allow_pickle=False)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is the older one
        path = str(Path(folder) / "network.onnx")
        example = (torch.from_numpy(images),)
        torch.onnx.export(network(**form).eval(), example, path, dynamo=False, input_names=["images"])
        session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    return onnxruntime.__version__, lambda: session.run(None, {"images": images})[0]
