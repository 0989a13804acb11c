"""The forms that a block is used in, besides by itself: inside a hybridized network, and as an exported symbol."""
from __future__ import annotations

import mxnet as mx
from mxnet.gluon import HybridBlock, SymbolBlock


class Parent(HybridBlock):
    """A network of one block."""

    def __init__(self, block):
        super().__init__()
        self.block = block

    def hybrid_forward(self, F, *inputs):
        return self.block(*inputs)


def hybrid_parent(block, folder, *inputs):
    """The block in a hybridized network that these inputs went through before."""
    net = Parent(block)
    net.hybridize(static_alloc=True, static_shape=True)
    net(*inputs)
    return net


def exported(block, folder, *inputs):
    """The block as a symbol, traced with these inputs, written and read back."""
    block.hybridize()
    block(*inputs)
    block.export(str(folder / "block"))
    names = [f"data{i}" for i in range(len(inputs))] if len(inputs) > 1 else ["data"]
    values = str(folder / "block-0000.params") if block.collect_params() else None
    return SymbolBlock.imports(str(folder / "block-symbol.json"), names, values)


IN_GRAPHS = (hybrid_parent, exported)


def run(block, *inputs):
    """The block's outputs as a list of NumPy arrays, from inputs that are NumPy arrays too."""
    outputs = block(*map(mx.nd.array, inputs))
    return [output.asnumpy() for output in (outputs if isinstance(outputs, (list, tuple)) else [outputs])]


def gradient(block, first, *rest, head=None):
    """The gradient of the output, or of its product with `head`, for the first input."""
    first = mx.nd.array(first)
    first.attach_grad()
    with mx.autograd.record():
        output = block(first, *map(mx.nd.array, rest))
    output.backward(None if head is None else mx.nd.array(head))
    return first.grad.asnumpy()
