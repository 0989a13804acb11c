"""The devices that a command's option names, and their memory."""
from __future__ import annotations

import gc
from typing import List

import mxnet as mx

from integral_pose.errors import InputError


def free_memory() -> None:
    """Frees what networks that are no longer needed hold on their devices, before the next one is built.

    A network and its trainer refer to each other. Python frees such objects only when it looks for them, which may
    be hours later: it counts small objects, not the gigabytes behind these.
    """
    gc.collect()


def parse_devices(gpus: str) -> List[mx.Context]:
    """"0,1" -> these GPUs; "" -> the CPU.

    Raises:
        InputError: not a list of numbers, or a GPU that MXNet does not see.
    """
    if not gpus:
        return [mx.cpu()]
    try:
        numbers = [int(number) for number in gpus.split(",")]
    except ValueError:
        raise InputError(f"--gpus {gpus}: must be numbers separated by commas, such as --gpus 0,1.") from None
    if len(set(numbers)) < len(numbers):
        raise InputError(f"--gpus {gpus}: names a GPU twice.")
    try:
        seen = mx.context.num_gpus()
    except mx.MXNetError as error:
        raise InputError(
            f"--gpus {gpus}: MXNet cannot use the NVIDIA driver ({str(error).strip().splitlines()[-1]}). Install "
            "driver R450 or later, or leave out --gpus to use the CPU."
        ) from error
    missing = [number for number in numbers if not 0 <= number < seen]
    if missing:
        raise InputError(
            f"--gpus {gpus}: MXNet sees {seen} GPU(s), so there is no GPU {missing[0]}. Leave out --gpus to use the "
            "CPU; for GPUs, set up with `make setup CUDA=1` (README, GPUs)."
        )
    return [mx.gpu(number) for number in numbers]


def one_device(gpus: str) -> mx.Context:
    """"1" -> this GPU; "" -> the CPU. For prediction, which uses one device.

    Raises:
        InputError: as `parse_devices`, or several are named.
    """
    named = parse_devices(gpus)
    if len(named) > 1:
        raise InputError(f"--gpus {gpus}: predictions use one GPU, so give one number.")
    return named[0]
