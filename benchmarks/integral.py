"""Times the integral operator, forward and backward together, and compares it with the rivals that are installed.

    OMP_NUM_THREADS=2 python -m benchmarks.integral

The rivals are those of requirements/rivals.txt, in an environment with MXNet but without GluonCV. They take turns, and
each must agree with double precision first.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

import mxnet as mx
import numpy as np

from symbols.integral import Integral

Array = np.ndarray
Shape = Tuple[int, int, int, int, int]  # N, K, D, H, W
Step = Callable[[], Tuple[Any, Any]]  # one forward and backward, to the end: coordinates and gradient
TOLERANCE, THEIRS = 1e-5, 1e-4  # in fractions of the map; PyTorch itself is 2e-5 from double precision on volumes

CASES: Dict[str, Shape] = {"volumes": (4, 17, 64, 64, 64), "planes": (4, 17 * 64, 1, 64, 64)}


class Figure(NamedTuple):
    """What was measured of one contender."""

    case: str
    contender: str
    milliseconds: float  # median
    error: float  # the largest of a coordinate or a gradient, against double precision


def exact(logits: Array, slopes: Array, shape: Shape) -> Tuple[Array, Array]:
    """Coordinates (N, K, C) and gradient (N, K * D, H, W) in double precision."""
    maps = logits.astype(np.float64).reshape(shape)
    shares = np.exp(maps - maps.max(axis=(2, 3, 4), keepdims=True))
    shares /= shares.sum(axis=(2, 3, 4), keepdims=True)
    joints, gradient = np.zeros(slopes.shape), np.zeros(shape)
    for c in range(slopes.shape[2]):
        axis = 4 - c
        along = ((np.arange(shape[axis]) + 0.5) / shape[axis]).reshape([-1 if i == axis else 1 for i in range(5)])
        joints[..., c] = (shares * along).sum(axis=(2, 3, 4))
        gradient += slopes[..., c].reshape(*shape[:2], 1, 1, 1) * (along - joints[..., c].reshape(*shape[:2], 1, 1, 1))
    return joints, (shares * gradient).reshape(logits.shape)


def ours(logits: Array, slopes: Array, shape: Shape, fused: bool) -> Step:
    """`symbols.integral`, hybridized as in training."""
    _, joints, depth, height, width = shape
    block = Integral(joints, height, width, depth, fused)
    block.hybridize(static_alloc=True, static_shape=True)
    maps, head = mx.nd.array(logits), mx.nd.array(slopes)
    maps.attach_grad()

    def step() -> Tuple[Any, Any]:
        with mx.autograd.record():
            found = block(maps)
        found.backward(head)
        mx.nd.waitall()
        return found, maps.grad

    return step


def copy(logits: Array) -> Step:
    """Copies the logits once: the limit that the memory's speed sets."""
    source = mx.nd.array(logits)
    target = source.copy()

    def step() -> Tuple[Any, Any]:
        source.copyto(target)
        mx.nd.waitall()
        return None, None

    return step


def torch_forms(shape: Shape) -> Dict[str, Callable[[Any], Any]]:
    """Functions of PyTorch tensors (N, K * D, H, W) -> (N, K, C) in fractions, by name; none without PyTorch."""
    try:
        import torch
    except ImportError:
        return {}
    threads = int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads()))
    torch.set_num_threads(threads)
    count, joints, *cells = shape
    axes = (4, 3, 2) if cells[0] > 1 else (4, 3)

    def marginals(logits: Any) -> Any:
        """Softmax, a sum for each axis, and its product with the cells' indices: as the paper's authors have it."""
        shares = torch.softmax(logits.reshape(count, joints, -1), 2).reshape(shape)
        means = []
        for axis in axes:
            summed = shares.sum(dim=[other for other in (2, 3, 4) if other != axis])
            index = torch.arange(shape[axis], dtype=torch.float32)
            means.append(((summed * index).sum(dim=2, keepdim=True) + 0.5) / shape[axis])
        return torch.cat(means, dim=2)

    forms = {"PyTorch": marginals, "PyTorch compiled": torch.compile(marginals, dynamic=False)}
    return {**forms, **dsntnn_forms(shape), **kornia_forms(shape)}


def dsntnn_forms(shape: Shape) -> Dict[str, Callable[[Any], Any]]:
    """DSNT's own functions, which count from -1 to 1."""
    try:
        import dsntnn
    except ImportError:
        return {}
    maps = shape if shape[2] > 1 else (*shape[:2], *shape[3:])
    return {"dsntnn": lambda logits: (dsntnn.dsnt(dsntnn.flat_softmax(logits.reshape(maps))) + 1) / 2}


def kornia_forms(shape: Shape) -> Dict[str, Callable[[Any], Any]]:
    """Kornia's: an expectation for planes, but for volumes only a convolution of their size, which gives (z, x, y)."""
    try:
        import torch
        from kornia.geometry.subpix import conv_soft_argmax3d, spatial_expectation2d, spatial_softmax2d
    except ImportError:
        return {}
    count, joints, *cells = shape
    sizes = torch.tensor(cells[::-1], dtype=torch.float32)

    def planes(logits: Any) -> Any:
        return (spatial_expectation2d(spatial_softmax2d(logits), normalized_coordinates=False) + 0.5) / sizes[:2]

    def volumes(logits: Any) -> Any:
        found = conv_soft_argmax3d(logits.reshape(shape), tuple(cells), (1, 1, 1), (0, 0, 0), eps=0.0,
                                   normalized_coordinates=False, output_value=False)
        return (found.reshape(count, joints, 3)[..., [1, 2, 0]] + 0.5) / sizes

    return {"kornia": planes if cells[0] == 1 else volumes}


def theirs(logits: Array, slopes: Array, form: Callable[[Any], Any]) -> Step:
    """A function of PyTorch tensors; the gradient is written, not added to."""
    import torch

    maps, head = torch.from_numpy(logits.copy()).requires_grad_(), torch.from_numpy(slopes)

    def step() -> Tuple[Any, Any]:
        maps.grad = None
        found = form(maps)
        found.backward(head)
        return found.detach(), maps.grad

    return step


def contenders(logits: Array, slopes: Array, shape: Shape) -> Dict[str, Step]:
    """Ours first, in both forms, then the rivals."""
    steps = {"ours": ours(logits, slopes, shape, True), "ours, MXNet's operators": ours(logits, slopes, shape, False)}
    for name, form in torch_forms(shape).items():
        steps[name] = theirs(logits, slopes, form)
    return steps


def error(step: Step, joints: Array, gradient: Array) -> float:
    """How far a contender is from double precision."""
    found, slopes = (np.asarray(part.asnumpy() if hasattr(part, "asnumpy") else part) for part in step())
    return max(float(np.abs(found - joints).max()), float(np.abs(slopes - gradient).max()))


def seconds(step: Step) -> float:
    """One call's time."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def measure(case: str, rounds: int) -> List[Figure]:
    """Every contender's median over rounds in which each has one turn, the copy of the logits last.

    Raises:
        RuntimeError: one of them does not compute the same.
    """
    shape = CASES[case]
    count, joints, depth, height, width = shape
    generator = np.random.RandomState(0)
    logits = generator.normal(0, 3, (count, joints * depth, height, width)).astype(np.float32)
    slopes = generator.normal(0, 1, (count, joints, 2 if depth == 1 else 3)).astype(np.float32)
    expected = exact(logits, slopes, shape)
    steps = contenders(logits, slopes, shape)
    errors = {name: error(step, *expected) for name, step in steps.items()}
    for name, far in errors.items():
        allowed = TOLERANCE if name.startswith("ours") else THEIRS
        if not far <= allowed:
            raise RuntimeError(f"{name} is {far:.1e} from double precision on {case}, more than {allowed:.0e}")
    steps["one copy"] = copy(logits)
    times = [{name: seconds(step) for name, step in steps.items()} for _ in range(rounds + 1)][1:]  # the first warms up
    return [Figure(case, name, 1e3 * statistics.median(turn[name] for turn in times), errors.get(name, 0.0))
            for name in steps]


def lines(figures: List[Figure]) -> List[str]:
    """A table for the terminal, times as multiples of ours, which is the first."""
    return [f"{each.case:8}  {each.contender:24}  {each.milliseconds:8.1f} ms  "
            f"{each.milliseconds / figures[0].milliseconds:6.2f} x  error {each.error:.0e}" for each in figures]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender")
    parser.add_argument("--cases", nargs="+", choices=sorted(CASES), default=list(CASES))
    parser.add_argument("--json", action="store_true", help="print a JSON object a contender")
    options = parser.parse_args()
    if options.json:
        for case in options.cases:
            for figure in measure(case, options.rounds):
                print(json.dumps(figure._asdict()), flush=True)
        return
    print(f"{platform.machine()}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}, float32")
    for case in options.cases:
        print("\n".join(lines(measure(case, options.rounds))), flush=True)


if __name__ == "__main__":
    main()
