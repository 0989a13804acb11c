"""Cost of a network: multiply-adds and parameters, counted as in Tables 2 and 3.

The paper does not say what it counts. Convolutions, deconvolutions and fully connected layers alone give 7.23 for
Table 2(a), which would print as 7.2 and not as the paper's 7.3. With one multiply-add for each output of a batch
normalisation as well, its scale and its shift, all seven figures of the two tables come out as printed. The
parameters printed there are those of the ImageNet classifier on the same backbone, without a head for the pose.
"""
from __future__ import annotations

import json
from typing import Any, Callable, Dict, Tuple

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from symbols.resnet import ResNet

IMAGENET_CLASSES = 1000

Shape = Tuple[int, ...]

# From the shapes of input, weights and output; a weight acts once at each place of an image, so the groups of a
# grouped convolution are in its weights' shape already.
RULES: Dict[str, Callable[[Shape, Shape, Shape], Any]] = {
    "Convolution": lambda entering, weight, leaving: np.prod(weight) * np.prod(leaving[2:]),
    "Deconvolution": lambda entering, weight, leaving: np.prod(weight) * np.prod(entering[2:]),
    "FullyConnected": lambda entering, weight, leaving: np.prod(weight) * np.prod(leaving[:-1]),
    "BatchNorm": lambda entering, scale, leaving: np.prod(leaving),
}


def multiply_adds(net: HybridBlock, size: int) -> int:
    """Multiply-adds for one RGB image of `size` x `size` px; what RULES does not name is not counted.

    They are counted in the traced graph, so the network needs no values.
    """
    output = net(mx.sym.var("data"))
    layers = (mx.sym.Group(list(output)) if isinstance(output, (list, tuple)) else output).get_internals()
    graph = json.loads(layers.tojson())
    _, inferred, _ = layers.infer_shape(data=(1, 3, size, size))
    shapes = {(node, output): shape for (node, output, *_), shape in zip(graph["heads"], inferred)}
    total = 0
    for index, node in enumerate(graph["nodes"]):
        if node["op"] in RULES:
            entering, weight = (shapes[node_of, output] for node_of, output, *_ in node["inputs"][:2])
            total += int(RULES[node["op"]](entering, weight, shapes[index, 0]))
    return total


def parameters(net: HybridBlock) -> int:
    """Parameters that training changes: the running statistics of batch normalisation are none."""
    return sum(int(np.prod(p.shape)) for p in net.collect_params().values() if p.grad_req != "null")


def classifier_parameters(backbone: str) -> int:
    """Parameters of a backbone ("resnet50") as ImageNet classifier: trunk and a layer for 1000 classes."""
    trunk = ResNet(int(backbone[len("resnet"):]))
    return parameters(trunk) + (trunk.out_channels + 1) * IMAGENET_CLASSES
