"""The scales and shifts of all batch normalisations as one parameter, for an optimizer to update in one go.

An optimizer's step costs a call for each parameter, however small: of the 167 parameters of ResNet-50 with two
deconvolutions 110 are such vectors, and a step of a small network spent a tenth of its time on them.
"""
from __future__ import annotations

from typing import Any, List, Sequence, Tuple

import mxnet as mx
from mxnet import autograd, gluon

ALIGNED = 64  # numbers; each vector begins where a device's own allocation of it might
VECTORS = ("gamma", "beta")
Place = Tuple[gluon.Parameter, int, int]  # a vector and where in the whole it begins and ends


class Norms(gluon.Parameter):
    """Vectors side by side, of which each is a view from now on, and so is its gradient."""

    def __init__(self, vectors: Sequence[gluon.Parameter]) -> None:
        """Takes the values of initialised parameters, on their devices."""
        self._whole: List[mx.nd.NDArray] = []
        places, end = _places(vectors)
        super().__init__("norms", shape=(end,), init="zeros")
        self.initialize(ctx=vectors[0].list_ctx())
        for device, (whole, slopes) in enumerate(zip(self.list_data(), self.list_grad())):
            for vector, begin, stop in places:
                _replace(vector, device, whole[begin:stop], slopes[begin:stop])
        self._whole = self.list_data()

    def _check_and_get(self, arrays: Any, device: Any) -> Any:
        """As any parameter's. Autograd writes the gradient by way of the views, so the trainer is told it is fresh."""
        for array in self._whole if arrays is self._data else ():
            array._fresh_grad = True
        return super()._check_and_get(arrays, device)


def gathered(parameters: gluon.ParameterDict) -> List[gluon.Parameter]:
    """The parameters that a trainer updates: those of batch normalisation gathered into one."""
    trained = [parameter for parameter in parameters.values() if parameter.grad_req != "null"]
    vectors = [parameter for parameter in trained if parameter.name.endswith(VECTORS)]
    others = [parameter for parameter in trained if parameter not in vectors]
    return [*others, Norms(vectors)] if vectors else others


def _places(vectors: Sequence[gluon.Parameter]) -> Tuple[List[Place], int]:
    """Where each vector goes, and how long that makes the whole."""
    places, end = [], 0
    for vector in vectors:
        places.append((vector, end, end + vector.shape[0]))
        end += -(-vector.shape[0] // ALIGNED) * ALIGNED
    return places, end


def _replace(vector: gluon.Parameter, device: int, values: mx.nd.NDArray, slopes: mx.nd.NDArray) -> None:
    """Makes these views the vector's value and gradient on one of its devices."""
    values[:] = vector._data[device]
    vector._data[device], vector._grad[device] = values, slopes
    autograd.mark_variables([values], [slopes], vector.grad_req)
