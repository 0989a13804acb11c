"""The process: its settings that MXNet reads once, when it is imported, and the version of the code that runs.

Only the standard library is used here, so that importing the package stays cheap and MXNet is not loaded by accident.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Dict, Set

VERSION = "0.1.0"
ROOT = Path(__file__).resolve().parents[2]  # of a checkout
CODE = ("--", ":/src", ":/symbols", ":/experiments", ":/requirements")
MOST_THREADS = 16
NO_MXNET = ("MXNet is not installed. Install it with `pip install mxnet==1.9.1`, or for NVIDIA GPUs with "
            "`pip install mxnet-cu112==1.9.1`; never both.")

# The CUDA libraries libmxnet.so names, each after those it needs itself.
CUDA_LIBRARIES = (
    "cuda_runtime/lib/libcudart.so.11.0",
    "cuda_nvrtc/lib/libnvrtc.so.11.2",
    "cublas/lib/libcublasLt.so.11",
    "cublas/lib/libcublas.so.11",
    "cufft/lib/libcufft.so.10",
    "curand/lib/libcurand.so.10",
    "cusolver/lib/libcusolver.so.11",
    "cudnn/lib/libcudnn.so.8",
    "nccl/lib/libnccl.so.2",
    "nvtx/lib/libnvToolsExt.so.1",
)


def prepare() -> None:
    """Set what MXNet reads on import, unless the user has set it, and load the CUDA libraries of pip's wheels.

    Call it before MXNet is imported. If that has happened already and nobody chose OMP_NUM_THREADS, MXNet may use one
    thread only, and a RuntimeWarning says so.
    """
    if "mxnet" in sys.modules and "OMP_NUM_THREADS" not in os.environ:
        warnings.warn(
            "MXNet was imported before integral_pose, too early for its thread settings, and may use one core only: "
            "import integral_pose first, or set OMP_NUM_THREADS.",
            RuntimeWarning,
            stacklevel=2,
        )
    for name, value in settings().items():
        os.environ[name] = os.environ.get(name) or value  # OpenBLAS takes an empty one for an unknown processor
    if "mxnet" not in sys.modules:
        load_cuda_libraries()


def settings() -> Dict[str, str]:
    """The environment variables to set where the user has not."""
    return {
        # MXNet takes one thread when this is missing; more than about 16 only wait for one another.
        "OMP_NUM_THREADS": str(min(cores(), MOST_THREADS)),
        # Threads that wait spin for 50 microseconds, and then sleep. Without spinning, to wake them takes longer than a
        # layer of a small network: for one person, two threads are then slower than one. GNU's OpenMP gives up spinning
        # where there are more threads than cores, as with MXNet's own, unless the policy is "active"; that alone would
        # spin for minutes, and make a machine shared with another process ten times slower.
        "OMP_WAIT_POLICY": "active",
        "GOMP_SPINCOUNT": "5000",
        # cuDNN's own timing picks other algorithms, hence other last digits, from run to run.
        "MXNET_CUDNN_AUTOTUNE_DEFAULT": "0",
        **_common_blas(),
    }


def _common_blas() -> Dict[str, str]:
    """OpenBLAS's kernels for AVX2 on every processor that has it.

    OpenBLAS, which adds up an integral's expectation, would pick those of the processor's own kind. The last bits of a
    joint then depend on it, and where one changes the sign of an error, so does all of the training after it.
    """
    return {"OPENBLAS_CORETYPE": "Haswell"} if {"avx2", "fma"} <= processor_flags() else {}


def processor_flags(described: Path = Path("/proc/cpuinfo")) -> Set[str]:
    """What the processor can do, in Linux's names; nothing where that cannot be read."""
    with suppress(OSError), open(described, encoding="utf-8") as lines:
        for line in lines:  # not all of them: they describe each core, and this runs at every start
            name, _, flags = line.partition(":")
            if name.strip() == "flags":
                return set(flags.split())
    return set()


def cores() -> int:
    """Cores of this process: those it may run on, shared with the other workers that horovodrun started here."""
    return max(1, len(os.sched_getaffinity(0)) // int(os.environ.get("HOROVOD_LOCAL_SIZE", "1")))


def load_cuda_libraries() -> None:
    """Load the CUDA wheels of requirements/cuda.txt, if installed: libmxnet.so needs no LD_LIBRARY_PATH then."""
    wheels = importlib.util.find_spec("nvidia")
    for folder in (wheels.submodule_search_locations or ()) if wheels else ():
        for library in CUDA_LIBRARIES:
            # What is missing or broken is named by MXNet itself, on import; the CPU wheel needs none of it.
            with suppress(OSError):
                ctypes.CDLL(str(Path(folder) / library), mode=ctypes.RTLD_GLOBAL)


def commit() -> str:
    """The commit of the code that runs, with a + where files have changed since; outside a checkout "v0.1.0"."""
    released = f"v{VERSION}"
    if not (ROOT / ".git").exists():  # an installed copy may lie in somebody else's repository
        return released
    asked = (["rev-parse", "--short=10", "HEAD"], ["status", "--porcelain", "--untracked-files=no", *CODE])
    try:
        head, changes = (
            subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout.strip()
            for words in asked
        )
    except (OSError, subprocess.CalledProcessError):
        return released
    return head + ("+" if changes else "")


def described() -> str:
    """What `integral-pose --version` prints: "integral-pose 0.1.0", in a checkout with its commit."""
    signed, name = commit(), f"integral-pose {VERSION}"
    return name if signed == f"v{VERSION}" else f"{name}, commit {signed}"
