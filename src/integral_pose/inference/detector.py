"""Detects people in images with GluonCV's detectors, for poses without given boxes."""
from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import cv2
import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock, nn

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.models.weights import REDOWNLOAD, download, load
from integral_pose.samples import normalise
from integral_pose.storage.file_kinds import printable

PERSON = "person"
NUMBERED = re.compile(r"(?:^|_)(\d{12})$")  # 000000000785, COCO_val2014_000000000785
OTHER_FILE = "Give --weights a file that GluonCV's save_parameters wrote of this detector, with COCO's 80 classes."


@dataclass(frozen=True)
class View:
    """The detector's input: the whole image, resized to the size the detector was tested with in GluonCV."""

    shorter: int  # px, the shorter side, unless the longer one
    longer: int  # px, would be more than this
    multiple: int = 1  # px: black is added on the right and below until both sides are multiples of it
    square: bool = False  # both sides are `longer`, whatever that does to proportions

    def of(self, image: Array) -> Tuple[Array, Tuple[float, float]]:
        """(h, w, 3) uint8 -> what is shown, (h', w', 3) uint8, and its px for one px of the picture along x and y."""
        height, width = image.shape[:2]
        scale = min(self.shorter / min(height, width), self.longer / max(height, width))
        size = (self.longer,) * 2 if self.square else (_at_least_1(scale * width), _at_least_1(scale * height))
        shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        right, below = (-side % self.multiple for side in size)
        shown = cv2.copyMakeBorder(shown, 0, below, 0, right, cv2.BORDER_CONSTANT)
        return shown, (size[0] / width, size[1] / height)


def _at_least_1(side: float) -> int:
    return max(1, round(side))


DETECTORS: Dict[str, View] = {
    "faster_rcnn_fpn_resnet50_v1b_coco": View(800, 1333),
    "faster_rcnn_resnet50_v1b_coco": View(800, 1333),
    "yolo3_darknet53_coco": View(608, 608, square=True),
    "yolo3_mobilenet1.0_coco": View(608, 608, square=True),
    "ssd_512_mobilenet1.0_coco": View(512, 512, square=True),
    "center_net_resnet18_v1b_coco": View(512, 512, multiple=32),
    "center_net_mobilenetv3_small_duc_coco": View(512, 512, multiple=32),
}


class Detector:
    """One of GluonCV's detectors, trained on COCO, asked for people only."""

    def __init__(self, name: str, weights: Optional[Path], models: Path, device: mx.Context) -> None:
        """Builds the network and reads its weights.

        Args:
            name: of `DETECTORS`.
            weights: a file; None: the one in `models`, downloaded there by GluonCV if need be.
            models: the folder of downloaded weights.

        Raises:
            InputError: no such detector, or its weights are missing, damaged or of another network.
        """
        if name not in DETECTORS:
            raise InputError(f"{name}: there is no such detector. Choose one of {', '.join(DETECTORS)}.")
        self._view, self._device = DETECTORS[name], device
        self._net = network(name, device)
        path = weights or _find(name, models)
        load(self._net, path, [device], OTHER_FILE if weights else REDOWNLOAD, ignore_extra=True)
        people_only(self._net)
        self._net.hybridize()

    def people(self, image: Array) -> Tuple[Array, Array]:
        """The people in an image (h, w, 3), BGR uint8, by falling score.

        Returns:
            boxes (N, 4), x, y, width and height in COCO's coordinates, which count px from the picture's top left edge;
            and their scores (N,), 0 to 1. As GluonCV's networks were trained and tested with: a box ends one px after
            the last one that it names.
        """
        shown, scale = self._view.of(image)
        found = self._net(mx.nd.array(normalise(shown)[None], ctx=self._device))
        classes, scores, corners = (part.asnumpy() for part in found)
        height, width = image.shape[:2]
        return boxes_of(classes, scores, corners, scale, (width, height))


def network(name: str, device: mx.Context) -> Any:
    """GluonCV's network for COCO's 80 classes, with values drawn at random where it has any already."""
    from gluoncv import model_zoo

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has layers whose input is not known yet, and says so
        net = model_zoo.get_model(name, pretrained=False, pretrained_base=False, ctx=device)
    # Of use in training only; it has constants that weights written by other versions of GluonCV are without.
    net._children.pop("_target_generator", None)
    return net


def boxes_of(
    classes: Array, scores: Array, corners: Array, scale: Tuple[float, float], size: Tuple[int, int]
) -> Tuple[Array, Array]:
    """The output of GluonCV's networks for one image, as boxes in that image.

    Args:
        classes: (1, n) or (1, n, 1); 0 for a person, -1 for nothing.
        scores: the same shape.
        corners: (1, n, 4), the first and last px of each along x and y, in px of what the network was shown.
        scale: px shown for one of the picture, along x and y.
        size: of the picture: width and height.

    Returns:
        boxes (N, 4), x, y, width, height in px of the picture and inside it, and scores (N,), falling.
    """
    ends = corners.reshape(-1, 4).astype(float) / np.tile(scale, 2) + (0, 0, 1, 1)
    ends = np.clip(ends, 0, np.tile(size, 2))
    boxes = np.hstack([ends[:, :2], ends[:, 2:] - ends[:, :2]])
    people = (classes.ravel() == 0) & (boxes[:, 2:] > 0).all(axis=1)
    order = np.argsort(-scores.ravel()[people], kind="stable")
    return boxes[people][order], scores.ravel()[people][order].astype(float)


def image_id(path: Path) -> Union[int, str]:
    """The image's id in a file of boxes: COCO's number, from the 12 digits at the end of its name, or its name."""
    number = NUMBERED.search(path.stem)
    return int(number.group(1)) if number else printable(path.name)


def records(path: Path, boxes: Array, scores: Array) -> List[Dict[str, Any]]:
    """A picture's people as COCO's result format has them; x, y, width and height to a hundredth of a px."""
    return [
        {"image_id": image_id(path), "category_id": 1, "bbox": [round(x, 2) for x in box], "score": round(score, 5)}
        for box, score in zip(boxes.tolist(), scores.tolist())
    ]


def people_only(net: Any) -> None:
    """Takes the other 79 classes out of a network with values, and leaves people's scores as they were.

    GluonCV's own `reset_class` would raise the scores of what is no person: a softmax over person and background alone
    has no dog to give a dog's share to. Here all other classes together are what a person is set against. Suppressing
    boxes of one class, and not of 80, takes a Faster R-CNN a fraction of the time.
    """
    person = list(net.classes).index(PERSON)
    if hasattr(net, "heads"):  # CenterNet: one map a class, whose sigmoids know nothing of one another
        maps = nn.HybridSequential()
        maps.add(net.heads[0], _Channel(person))
        heads = nn.HybridSequential()
        heads.add(maps, *list(net.heads)[1:])
        _replace(net, "heads", heads)
        return
    classes, whole = len(net.classes) + 1, person + 1  # with the background, which is the first
    single = getattr(net, "class_predictor", None)  # of Faster R-CNN
    several = list(getattr(net, "class_predictors", ()))  # of SSD, one a scale; YOLO has sigmoids and neither
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net.reset_class([PERSON], reuse_weights=[PERSON])
    if single is not None:
        _replace(net, "class_predictor", _PersonOrNot(single, classes, whole))
    if several:
        predictors = nn.HybridSequential()
        predictors.add(*(_PersonOrNot(predictor, classes, whole) for predictor in several))
        _replace(net, "class_predictors", predictors)


class _Channel(HybridBlock):
    """Maps (N, channels, h, w) -> one of them (N, 1, h, w)."""

    def __init__(self, channel: int) -> None:
        super().__init__()
        self._channel = channel

    def hybrid_forward(self, F: Any, maps: Any) -> Any:
        return F.slice_axis(maps, axis=1, begin=self._channel, end=self._channel + 1)


class _PersonOrNot(HybridBlock):
    """A layer that gives logits of `classes` classes for each of A anchors, (N, A * classes, ...) -> (N, A * 2, ...).

    The softmax of the two, everything else and a person, is what the softmax of all says of a person.
    """

    def __init__(self, layer: HybridBlock, classes: int, person: int) -> None:
        super().__init__()
        self.layer = layer
        self._classes, self._person = classes, person

    def hybrid_forward(self, F: Any, features: Any) -> Any:
        logits = F.reshape(self.layer(features), (0, -4, -1, self._classes, -2))
        person = F.slice_axis(logits, axis=2, begin=self._person, end=self._person + 1)
        before = F.slice_axis(logits, axis=2, begin=0, end=self._person)
        after = F.slice_axis(logits, axis=2, begin=self._person + 1, end=self._classes)
        others = F.concat(before, after, dim=2)
        most = F.max(others, axis=2, keepdims=True)
        rest = most + F.log(F.sum(F.exp(F.broadcast_sub(others, most)), axis=2, keepdims=True))
        return F.reshape(F.concat(rest, person, dim=2), (0, -3, -2))


def _replace(net: Any, name: str, block: HybridBlock) -> None:
    """Sets a block of a network in the place of one of another class, which Gluon refuses to overwrite."""
    delattr(net, name)
    setattr(net, name, block)


def _find(name: str, models: Path) -> Path:
    local = sorted(models.glob(f"{name}-*.params"))
    return local[0] if local else download(name, models)
