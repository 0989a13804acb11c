"""The compiled operator that `symbols.integral` reads heat maps with: built at set-up where g++ is, loaded when wanted.

Where it is not, MXNet's own operators do the same, several times slower. `python -m symbols.native` builds it.
"""
from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Optional

import mxnet as mx
from mxnet.base import _LIB, OpHandle, c_str, check_call
from mxnet.ndarray.register import _make_ndarray_function
from mxnet.symbol.register import _make_symbol_function

OPERATOR = "softmax_marginals"
SOURCE = Path(__file__).with_name("marginals.cc")
# Nothing of the machine that compiles: the source names the processors. GNU OpenMP is what MXNet itself has loaded.
FLAGS = ("-std=c++11", "-O3", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-fPIC", "-shared",
         # Horovod's library has symbols of the same names: bound to those, loading this one crashes.
         "-Wl,-Bsymbolic", "-fno-gnu-unique")


def library() -> Path:
    """The file that `build` makes and `loaded` looks for, named after what it is made from."""
    made_from = hashlib.sha256(SOURCE.read_bytes() + " ".join((*FLAGS, mx.__version__)).encode())
    return SOURCE.with_name(f"marginals-{made_from.hexdigest()[:12]}.so")


def build(target: Optional[Path] = None) -> Optional[str]:
    """Compiles the operator; nothing, or why it could not be, with the remedy, in one sentence.

    Args:
        target: the file to make, `library()` unless given.
    """
    compiler = shutil.which("g++")
    if compiler is None:
        return "there is no g++ on the PATH: `apt-get install g++` brings it"
    target = target or library()
    part = target.with_name(f"{target.stem}.{os.getpid()}.part")
    package = Path(mx.__file__).parent
    sources = [str(SOURCE), str(package / "src" / "lib_api.cc")]
    command = [compiler, *FLAGS, "-I", str(package / "include"), *sources, "-o", str(part)]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode:
        lines = [line for line in run.stdout.splitlines() if "error" in line] or ["it gave no reason"]
        return f"{compiler} could not compile {SOURCE.name} ({lines[0].strip()}): try a g++ of version 6 or later"
    os.replace(part, target)  # whole at once: another process may be about to load it
    return None


@lru_cache(maxsize=None)
def loaded() -> bool:
    """Whether MXNet has the operator, as mx.nd.softmax_marginals and mx.sym.softmax_marginals; loads it if it is built.

    Warns when it is built and does not load, say because it was on another machine.
    """
    path = library()
    if not path.exists():
        return False
    try:
        check_call(_LIB.MXLoadLib(c_str(str(path)), 0))
    except mx.MXNetError as error:
        reason = str(error).strip().splitlines()[-1]
        warnings.warn(f"{path} does not load, so MXNet's own operators take its place ({reason}): remove it and run "
                      "`make setup`", RuntimeWarning, stacklevel=2)
        return False
    _register()
    return True


def _register() -> None:
    """Adds the operator to mx.nd and mx.sym.

    mx.library.load would make all their functions anew: half a second, and what AMP has changed in them is undone.
    """
    handle = OpHandle()
    check_call(_LIB.NNGetOpHandle(c_str(OPERATOR), ctypes.byref(handle)))
    setattr(mx.nd, OPERATOR, _make_ndarray_function(handle, OPERATOR, OPERATOR))
    setattr(mx.sym, OPERATOR, _make_symbol_function(handle, OPERATOR, OPERATOR))
