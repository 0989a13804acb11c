"""A trained network as a Python function: images in, people and their joints out.

    import integral_pose
    pose = integral_pose.load("people")
    people = pose("photo.jpg")
    people[0].joints["l_wrist"].xy
"""
from __future__ import annotations

import os
import re
import warnings
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, List, Optional, Tuple, Union, overload

import mxnet as mx
import numpy as np

from integral_pose.errors import InputError
from integral_pose.geometry import Array
from integral_pose.inference import media, videos
from integral_pose.inference.boxes import NONE, Boxes, whole
from integral_pose.inference.estimator import Estimator
from integral_pose.inference.media import Picture, Unread
from integral_pose.inference.people import Joint, People, Person
from integral_pose.inference.search import Search
from integral_pose.inference.videos import OpenVideo
from integral_pose.models import saved
from integral_pose.models.devices import one_device
from integral_pose.models.saved import Trained
from integral_pose.run import Run
from integral_pose.runtime import cores
from integral_pose.skeletons import Skeleton
from integral_pose.storage import image_files
from integral_pose.storage.threads import ahead

__all__ = ["Joint", "People", "Person", "PoseNetwork", "load"]

Name = Union[str, "os.PathLike[str]"]
Image = Union[Name, Array]  # a file, or (h, w, 3) RGB uint8
BoxesOf = Union[Any, Callable[[Array], Any], None]  # (N, 4) numbers, or what gives them for an image
FIND = "find"  # has the network look at the whole image first, and box the person that it found
WHOLE = "whole"  # takes the whole image as one person's box
KEY = re.compile(r"[0-9a-f]{1,10}")  # the beginning of a run's
# Options of the commands, as messages have them -> arguments of `load`.
SPELLINGS = (
    (re.compile(r"--gpus (\d+)"), r'device="gpu:\1"'), (re.compile(r"--gpus\b"), "device"),
    (re.compile(r"--max-pixels (\d+)"), r"max_pixels=\1"), (re.compile(r"--runs\b"), "runs"),
    (re.compile(r"--int8\b"), "int8"),
)


def load(
    network: Name = "people", *, device: Union[str, mx.Context] = "cpu", flip: Optional[bool] = None,
    focal: float = 0.0, runs: Name = "runs", batch: int = 8, max_pixels: int = image_files.MOST_PIXELS,
    int8: bool = False,
) -> PoseNetwork:
    """A trained network, ready to be called with images.

    Args:
        network: the name of a network that comes with the program, such as "people"; a run's key, its beginning or the
            run's folder; the name of an imported network; or a file of parameters, `net.params` with run.json beside
            it, or one that others have published, such as pose_resnet_50_256x256.pth.tar (docs/published.md).
        device: "cpu", "gpu", "gpu:1" or an `mx.Context`.
        flip: whether to average with the prediction for the mirrored image, which takes twice the time; None: as the
            network's own settings say.
        focal: of the camera, px, for 3D networks; 0: 1.15 times the image's longer side, which is assumed.
        runs: the folder of trained runs, where a run is given by its key.
        batch: people that the network predicts together. For a live camera, 1 gives each frame at once.
        max_pixels: larger image files are refused; 0: none is.
        int8: whether the network computes in 8 bits, which is faster on a CPU and moves joints a little. It needs
            thresholds beside the parameters, which "people" and "people-3d" have; boxes are found in 32 bits.

    Raises:
        InputError: there is no such network or device, the file of parameters is damaged, or the network cannot run in
            8 bits on this device.
    """
    if not 0 <= focal < float("inf"):
        raise InputError(f"focal={focal}: a focal length is a number of px, or 0 for the assumed one.")
    with _arguments_named():
        found = _found(network, Path(runs))._replace(int8=int8)
        if flip is not None:
            found = found._replace(run=replace(found.run, flip_test=flip))
        context = _device(device)
        return PoseNetwork(found, Estimator(found, context, batch, min(cores(), 8), focal), max_pixels, context)


class PoseNetwork:
    """A trained network: called with images, it predicts their people's joints. `load` makes it."""

    def __init__(self, trained: Trained, estimator: Estimator, max_pixels: int, device: mx.Context) -> None:
        self._trained, self._estimator, self._max_pixels, self._device = trained, estimator, max_pixels, device

    @cached_property
    def _search(self) -> Search:
        return Search.shipped(self._device)

    @property
    def run(self) -> Run:
        """All settings that the network was trained with."""
        return self._trained.run

    @property
    def parameters(self) -> Path:
        """The file that its parameters were read from."""
        return self._trained.parameters

    @property
    def skeleton(self) -> Skeleton:
        """The names of the joints, the root and the limbs."""
        return self._estimator.skeleton

    @property
    def notes(self) -> List[str]:
        """Notes for users of its predictions, in sentences."""
        return self._trained.notes

    @overload
    def __call__(self, images: Image, boxes: BoxesOf = None) -> People: ...  # of a video an iterator, as `video` gives

    @overload
    def __call__(self, images: Union[List[Any], Tuple[Any, ...]], boxes: BoxesOf = None) -> List[People]: ...

    @overload
    def __call__(self, images: Iterator[Image], boxes: BoxesOf = None) -> Iterator[People]: ...

    def __call__(self, images: Any, boxes: Any = None) -> Any:
        """The people in an image, in several, or in the frames of a video.

        The network sees one person at a time, in a square around a bounding box.

        Args:
            images: an image file; an array (h, w, 3), RGB uint8; a list of these, which gives a list; an iterator over
                these, which gives an iterator and keeps only a few in memory; or a video, as in `video`, which gives an
                iterator over its frames. To a type checker a file is an image: call `video` for a video.
            boxes: where the people are. An array (N, 4) of x, y, width and height, px from the image's top left edge;
                for a list or an iterator of images, as many such arrays. Or a function from an image (h, w, 3), RGB
                uint8, to such an array. "find": two networks that come with the program find one person in each image,
                or nobody. "whole": the whole image is one person's box. None: as the command `predict`, which is "find"
                with the network "people" and "whole" with any other.

        Raises:
            InputError: an image or the video is missing, damaged or of an unknown kind, or a box is not in its image.
            RunFailed: the network predicts numbers that are not finite.
        """
        if isinstance(images, (str, os.PathLike)) and videos.source(os.fspath(images)):
            return self.video(images, boxes)
        if isinstance(images, (list, tuple)):
            pictures = ahead(lambda n: self._picture(images[n], f"array {n}"), 0, len(images), cores())
            return list(self._people(pictures, _for_each(boxes, len(images))))
        if isinstance(images, Iterator):
            pictures = (self._picture(image, f"array {n}") for n, image in enumerate(images))
            return self._people(pictures, _for_each(boxes))
        return next(self._people([self._picture(images, "array")], [boxes]))

    def video(self, name: Name, boxes: BoxesOf = None) -> Iterator[People]:
        """The people in each frame of a video, one frame after the other; `People.seconds` is the frame's time.

        Args:
            name: a video file, "camera", "camera:1", or the address of a video or stream.
            boxes: as for one image; an array holds for all frames.

        Raises:
            InputError: there is no such video, or it cannot be decoded. A video that ends before it should gives its
                frames and then a UserWarning.
        """
        source = videos.source(os.fspath(name))
        if not source:
            raise InputError(f"{os.fspath(name)}: is not a video. Call the network itself for an image.")
        closing = ExitStack()
        return self._frames(closing.enter_context(videos.opened(source)), closing, boxes)

    def _frames(self, video: OpenVideo, closing: ExitStack, boxes: BoxesOf) -> Iterator[People]:
        with closing:
            yield from self._people(_readable(video), repeat(boxes))

    def _people(self, pictures: Iterable[Picture], boxes: Iterable[BoxesOf]) -> Iterator[People]:
        with _arguments_named():
            views = ((picture, self._boxes(picture, given)) for picture, given in zip(pictures, boxes))
            for seen in self._estimator.seen(views):
                yield People(seen, self.skeleton, self.run.coordinates == 3)

    def _boxes(self, picture: Picture, given: BoxesOf) -> Boxes:
        kind = self._trained.boxes if given is None else given
        if isinstance(kind, str) and kind in (FIND, WHOLE):
            return self._search(picture) if kind == FIND else whole(picture.pixels)
        edges = given(np.ascontiguousarray(picture.pixels[..., ::-1])) if callable(given) else given
        try:
            array = np.array(edges, float)
        except (TypeError, ValueError):
            array = np.empty(())
        if array.ndim and not len(array):
            return NONE
        if array.ndim != 2 or array.shape[1] != 4:
            raise InputError(f"{picture.name}: boxes must be an array (N, 4), with x, y, width and height in px for "
                             f'each person, "{FIND}", "{WHOLE}" or a function, not {edges!r:.80}.')
        return Boxes(array, np.ones(len(array)))

    def _picture(self, image: Image, name: str) -> Picture:
        if not isinstance(image, (str, os.PathLike)):
            return _of_array(np.asarray(image), name)
        path = Path(image)
        if path.is_dir():
            raise InputError(f"{path}: is a folder. Give a list of its images, such as "
                             f"sorted(Path({str(path)!r}).glob('*.jpg')).")
        found = next(media.pictures(media.gathered([path]).pictures, 1, self._max_pixels))
        if isinstance(found, Unread):
            with _arguments_named():
                raise InputError(found.reason)
        return found

    def __repr__(self) -> str:
        return (f"PoseNetwork({str(self.parameters)!r}, run {self.run.key}: {len(self.skeleton.joints)} joints in "
                f"{self.run.coordinates}D)")


def _found(network: Name, runs: Path) -> Trained:
    name, known = os.fspath(network), saved.shipped()
    if name in known:
        return saved.at(known[name], option="")
    if name.endswith(".params") or Path(name).is_file():
        return saved.at(Path(name), option="")
    if Path(name).is_dir() or KEY.fullmatch(name) or (runs / saved.IMPORTED / name).is_dir():
        return saved.find(name, runs, option="")
    raise InputError(f"{name!r}: there is no such network. Give the name of one that comes with the program "
                     f"({', '.join(known)}), a run's key or folder, the name of an imported network, or a file of "
                     "parameters: of this program's or as others publish them (docs/published.md).")


def _device(device: Union[str, mx.Context]) -> mx.Context:
    if not isinstance(device, str) or device == "cpu":
        return mx.cpu() if device == "cpu" else device
    kind, _, number = device.partition(":")
    if kind != "gpu" or not re.fullmatch(r"[0-9]*", number):
        raise InputError(f'device={device!r}: give "cpu", "gpu" or, for the second GPU, "gpu:1".')
    return one_device(number or "0")


def _of_array(image: Array, name: str) -> Picture:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(f"{name}: has shape {image.shape} and type {image.dtype}. Give an image as an array (height, "
                         "width, 3) of type uint8 in RGB, and several images as a list.")
    if max(image.shape) > image_files.LONGEST_SIDE:
        raise InputError(f"{name}: has shape {image.shape}, and no side may be longer than "
                         f"{image_files.LONGEST_SIDE:,} px. Cut or shrink it.")
    return Picture(name, np.ascontiguousarray(image[..., ::-1]))


def _for_each(boxes: Any, images: Optional[int] = None) -> Iterator[BoxesOf]:
    """The boxes of each of several images, of which there are so many, if that is known."""
    if boxes is None or isinstance(boxes, str) or callable(boxes):
        return repeat(boxes)
    listed = isinstance(boxes, (list, tuple)) or (isinstance(boxes, np.ndarray) and boxes.ndim == 3)
    fits = isinstance(boxes, Iterable) if images is None else listed and len(boxes) == images
    if not fits:
        each = "image" if images is None else f"of the {images} images"
        raise InputError(f"boxes: give a list of arrays (N, 4), one for each {each}, or a function from an image to "
                         "its boxes.")
    return chain(boxes, _no_more())


def _no_more() -> Iterator[BoxesOf]:
    yield from ()
    raise InputError("boxes: there are fewer arrays than images. Give an array (N, 4) for each image, [] for nobody.")


def _readable(video: OpenVideo) -> Iterator[Picture]:
    """The frames that can be decoded.

    Raises:
        InputError: there are none.
    """
    for frame in videos.frames(video):
        if isinstance(frame, Unread):
            if not video.times:
                raise InputError(frame.reason)
            warnings.warn(frame.reason, UserWarning, stacklevel=2)
        else:
            yield frame


@contextmanager
def _arguments_named() -> Iterator[None]:
    """Has messages name arguments of `load` where the commands have options."""
    try:
        yield
    except InputError as error:
        message = str(error)
        for option, argument in SPELLINGS:
            message = option.sub(argument, message)
        raise InputError(message) from error.__cause__
