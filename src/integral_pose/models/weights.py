"""Parameter files: read with clear errors, written atomically."""
from __future__ import annotations

import errno
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Sequence

import mxnet as mx
import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.models import compact
from integral_pose.published import networks
from integral_pose.storage.atomic import replacing
from symbols.heads import DeconvolutionHead
from symbols.resnet import ResNet

RETRAIN = "Copy it again from its source. If it belongs to a run, move the run's folder away, and it is trained again."
HEAD, FINAL = "head.", "final."  # how the names of a head's parameters begin, and then those of its last layer's
TRUNK = "trunk."  # how the names of a backbone's parameters begin
OTHERS = (".pth", ".pt", ".bin", ".safetensors")  # endings of backbones' files from elsewhere
REDOWNLOAD = "Move it away to have GluonCV download it again."


def load(
    net: Any, path: Path, devices: Sequence[mx.Context], remedy: str = RETRAIN, ignore_extra: bool = False
) -> None:
    """Reads a parameter file onto the devices: one of ours, or one that others have published.

    Raises:
        InputError: the file is missing, damaged or of another network, or holds numbers that are not finite.
    """
    try:
        if networks.is_one(path):
            _take(net, networks.arrays(path), path, devices)
        elif compact.is_one(path):
            _take(net, compact.read(path), path, devices)
        else:
            net.load_parameters(str(path), ctx=list(devices), ignore_extra=ignore_extra, cast_dtype=True)  # from halves
    except (OSError, ValueError, AssertionError, AttributeError, mx.MXNetError) as error:  # Attribute: a nameless array
        reason = str(error).strip().splitlines()[-1][:200]  # MXNet's own errors begin with a traceback
        raise InputError(
            f"{path}: these are not the parameters of this network, or the file is damaged ({reason}). {remedy}"
        ) from error
    for name, parameter in net._collect_params_with_prefix().items():
        if not np.isfinite(parameter.list_data()[0].asnumpy()).all():
            raise InputError(f"{path}: {name} contains numbers that are not finite, so the file is damaged. {remedy}")


def _take(net: Any, values: Mapping[str, Array], path: Path, devices: Sequence[mx.Context]) -> None:
    """Gives a network, or a backbone, the values of somebody else's."""
    parameters = net._collect_params_with_prefix()
    if isinstance(net, ResNet):
        values = {name[len(TRUNK):]: value for name, value in values.items() if name.startswith(TRUNK)}
    for name, parameter in parameters.items():
        if name not in values or values[name].shape != parameter.shape:
            raise InputError(f"{path}: is another network than the one it is read for, which has {name} in the shape "
                             f"{parameter.shape}.")
    net.initialize(mx.init.Zero(), ctx=list(devices), force_reinit=True)
    for name, parameter in parameters.items():
        parameter.set_data(mx.nd.array(values[name]))


@contextmanager
def saving(path: Path) -> Iterator[str]:
    """Gives a path for MXNet to save arrays to; they take the place of `path` whole, or not at all.

    MXNet writes the last of them as it closes the file, and does not look whether they went in: so they are read back.

    Raises:
        OSError: they could not be written.
    """
    with replacing(path) as draft:
        try:
            yield str(draft)
            mx.nd.load(str(draft))
        except mx.MXNetError as error:
            raise OSError(errno.EIO, "MXNet could not write the whole file; the disk may be "
                                     "full", str(path)) from error


def save_small(values: Mapping[str, mx.nd.NDArray], path: Path) -> None:
    """Writes a network's parameters in 8 bits and compressed, whole or not at all."""
    draft = path.with_suffix(".part")
    with saving(draft) as place:
        mx.nd.save(place, compact.in_8_bits(values))
    compact.pack(draft, path)


def load_imagenet(trunk: ResNet, backbone: str, models: Path, devices: Sequence[mx.Context]) -> None:
    """ImageNet parameters, from a file already in `models` or downloaded there by GluonCV.

    A file may be GluonCV's (resnet50_v1b-….params), torchvision's (resnet50-….pth) or timm's (resnet50.….safetensors).
    """
    name = f"{backbone}_v1b"
    local = sorted(models.glob(f"{name}*.params"))
    local += [path for path in sorted(models.glob(f"{backbone}[-.]*")) if path.suffix in OTHERS]
    if local and "caffe" in local[0].name.lower():
        raise InputError(f"{local[0]}: is a backbone of Caffe's style by its name, whose stride is in the 1x1 "
                         "convolution. Move it away, and put torchvision's, timm's or GluonCV's there.")
    load(trunk, local[0] if local else download(name, models), devices, REDOWNLOAD, ignore_extra=True)


def trunk_of(path: Path) -> Dict[str, mx.nd.NDArray]:
    """The backbone in a file of a network's parameters, by the names in a file of the backbone alone.

    Raises:
        InputError: the file is missing or damaged, or has no backbone.
    """
    try:
        stored = compact.read(path)
    except (OSError, ValueError, mx.MXNetError) as error:
        raise InputError(f"{path}: the file is missing or damaged. {RETRAIN}") from error
    values = {name[len(TRUNK):]: value for name, value in stored.items() if name.startswith(TRUNK)}
    if not values or not all(np.isfinite(value.asnumpy()).all() for value in values.values()):
        raise InputError(f"{path}: there is no backbone in it, or numbers that are not finite. {RETRAIN}")
    return values


def load_trunk(trunk: ResNet, path: Path) -> None:
    """Gives a backbone the values of that in a file of a network's parameters.

    Raises:
        InputError: as `trunk_of`, or it is another backbone.
    """
    values = trunk_of(path)
    for name, parameter in trunk._collect_params_with_prefix().items():
        if name not in values or values[name].shape != parameter.shape:
            raise InputError(f"{path}: {name} is missing or of another shape, so this is another backbone. {RETRAIN}")
        parameter.set_data(values[name])


def load_head(head: DeconvolutionHead, path: Path, joints: Sequence[int], there: int) -> None:
    """Gives a head the deconvolutions of that in a file of a network's parameters, and the maps of some joints.

    Args:
        joints: for each of the head's joints, the number of the joint there whose maps it takes; -1: it keeps its own.
        there: how many joints the head in the file has. If its maps are planes and the head's are volumes, all slices
            of a volume begin as the plane, so that x and y stay what they were.

    Raises:
        InputError: the file is damaged, or its head has other layers.
    """
    stored = compact.read(path)
    for name, parameter in head._collect_params_with_prefix().items():
        values = stored.get(f"{HEAD}{name}")
        own = parameter.data(parameter.list_ctx()[0])
        last = name.startswith(FINAL)
        if values is None or values.shape[1:] != own.shape[1:] or not (last or values.shape == own.shape):
            raise InputError(f"{path}: {HEAD}{name} is missing or of another shape, so this is another head. {RETRAIN}")
        parameter.set_data(_mapped(own, values, joints, there) if last else values)


def _mapped(own: mx.nd.NDArray, values: mx.nd.NDArray, joints: Sequence[int], there: int) -> mx.nd.NDArray:
    """The last layer's rows by joint and slice: the values' where the joint is there, else its own."""
    mixed = own.asnumpy().copy().reshape(len(joints), -1, *own.shape[1:])
    given = values.asnumpy().reshape(there, -1, *own.shape[1:])
    for row, joint in enumerate(joints):
        if joint >= 0:
            mixed[row] = given[joint]  # a plane is the same in all slices
    return mx.nd.array(mixed.reshape(own.shape))


def download(name: str, models: Path) -> Path:
    """GluonCV's parameters of one of its networks, downloaded into `models`.

    Raises:
        InputError: they could not be downloaded; says where to fetch them and where to put them.
    """
    from gluoncv.model_zoo import model_store

    try:
        return Path(model_store.get_model_file(name, root=str(models)))
    except Exception as error:  # GluonCV lets through whatever its download raises
        file = f"{name}-{model_store.short_hash(name)}"
        raise InputError(
            f"GluonCV could not download the weights of {name} ({type(error).__name__}). On a machine that can, fetch "
            f"{model_store.apache_repo_url}gluon/models/{file}.zip and put the {file}.params that is in it into "
            f"{models}."
        ) from error
