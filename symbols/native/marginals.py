"""The compiled operator that `symbols.integral` reads heat maps with, loaded when it is wanted.

Where it is not built, MXNet's own operators do the same, several times slower.
"""
from __future__ import annotations

import ctypes
from functools import lru_cache
from pathlib import Path

import mxnet as mx
from mxnet.base import _LIB, OpHandle, c_str, check_call
from mxnet.ndarray.register import _make_ndarray_function
from mxnet.symbol.register import _make_symbol_function

from symbols.native import Library

OPERATOR = "softmax_marginals"
_MXNET = Path(mx.__file__).parent
LIBRARY = Library(
    Path(__file__).with_name("marginals.cc"),
    "MXNet's own operators take its place",
    ("-fopenmp",),  # GNU OpenMP is what MXNet itself has loaded
    (_MXNET / "src" / "lib_api.cc",),
    (_MXNET / "include",),
    mx.__version__,
)


@lru_cache(maxsize=None)
def loaded() -> bool:
    """Whether MXNet has the operator, as mx.nd.softmax_marginals and mx.sym.softmax_marginals; loads it if it is built.

    Warns as `Library.opened`.
    """
    return bool(LIBRARY.opened(_register))


def _register(path: str) -> bool:
    """Loads the operator and adds it to mx.nd and mx.sym.

    mx.library.load would make all their functions anew: half a second, and what AMP has changed in them is undone.
    """
    check_call(_LIB.MXLoadLib(c_str(path), 0))
    handle = OpHandle()
    check_call(_LIB.NNGetOpHandle(c_str(OPERATOR), ctypes.byref(handle)))
    setattr(mx.nd, OPERATOR, _make_ndarray_function(handle, OPERATOR, OPERATOR))
    setattr(mx.sym, OPERATOR, _make_symbol_function(handle, OPERATOR, OPERATOR))
    return True
