"""Samples to mini-batches: batch number `step` of a run is always the same, in any process and at any time."""
from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import cv2
import numpy as np

from integral_pose.geometry import Array
from integral_pose.samples import Augmentation, Jitter, Sample, cut, encode, normalise, paint_over, patch_of
from integral_pose.skeletons import Skeleton
from integral_pose.storage import image_files
from integral_pose.storage.threads import ahead

cv2.setNumThreads(1)  # the workers are the threads
Stamp = Tuple[int, ...]
Key = Tuple[Path, bool, int]  # what `Pictures.read` was asked for


class Pictures:
    """Decoded pictures, kept until they fill `most` bytes: all of a small data set, a few of a large one.

    None is evicted, since in a shuffled order all are equally likely to be needed next.
    """

    def __init__(self, most: int) -> None:
        self._room = most
        self._kept: Dict[Key, Tuple[Stamp, Array]] = {}
        self._lock = threading.Lock()
        self.most_pixels = image_files.MOST_PIXELS  # of one picture, unless the user allows more

    def read(self, path: Path, upright: bool = False, times: int = 1) -> Array:
        """As `image_files.read`, which is asked again where the file has changed; not to be written into.

        Raises:
            InputError: as `image_files.read`.
        """
        key, stamp = (path, upright, times), _stamp(path)
        kept = self._kept.get(key)
        if kept and kept[0] == stamp:
            return kept[1]
        image = image_files.read(path, upright, self.most_pixels, times)
        image.flags.writeable = False
        self._keep(key, stamp, image)
        return image

    def _keep(self, key: Key, stamp: Stamp, image: Array) -> None:
        with self._lock:
            if key in self._kept:
                self._room += self._kept.pop(key)[1].nbytes
            if image.nbytes <= self._room:
                self._room -= image.nbytes
                self._kept[key] = stamp, image


def _stamp(path: Path) -> Stamp:
    """What distinguishes a file from its replacement; nothing for a missing file."""
    with suppress(OSError):
        status = path.stat()
        return status.st_mtime_ns, status.st_size
    return ()


def room() -> int:
    """Bytes for the pictures that a process keeps: 2 GiB, or a sixteenth of the machine where that is less."""
    return min(2 << 30, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 16)


PICTURES = Pictures(room())  # of this process


class Batch(NamedTuple):
    """The network's input and target."""

    images: Array  # (N, 3, size, size) float32, normalised
    joints: Array  # (N, K, C) float32, fractions of the patch
    weights: Array  # (N, K, C) float32, 1 where the coordinate is known


@dataclass(frozen=True)
class Batches:
    """An endless, reproducible sequence of mini-batches of `size` people, reshuffled every epoch.

    A person's jitter depends on (seed, epoch, person) alone, so no two workers or epochs repeat a draw.
    """

    samples: Sequence[Sample]
    skeleton: Skeleton
    patch: int  # px
    size: int
    augmentation: Optional[Augmentation] = None
    seed: int = 0
    coordinates: int = 2  # C; 3 for depth too
    source: int = 0  # numbers the data sets of a mixed run, so that their draws differ
    share: Tuple[int, int] = (0, 1)  # of several processes, which this is: each makes its part of every mini-batch
    absent: bool = False  # see `encode`
    width: int = 0  # px; 0: as `patch`
    corner: bool = False  # see `Patch`
    colours: str = "rgb"  # see `normalise`
    reduced: bool = False  # pictures are decoded at no more than the size that a patch needs

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch; what does not fill the last one waits for the next shuffle."""
        return max(1, len(self.samples) // self.size)

    @property
    def people(self) -> int:
        """In a mini-batch, all parts together."""
        return min(self.size, len(self.samples))

    @property
    def own(self) -> slice:
        """The people of a mini-batch that are this process's part."""
        rank, parts = self.share
        return slice(self.people * rank // parts, self.people * (rank + 1) // parts)

    def batch(self, step: int) -> Batch:
        """The mini-batch of a training step, counted from 0, or this process's part of it."""
        return self._made(self.draws(step))

    def draws(self, step: int) -> List[Tuple[Sample, Jitter]]:
        """The people of a training step's mini-batch, or of this process's part, and their augmentation."""
        epoch, place = divmod(step, self.per_epoch)
        order = self._rng(epoch, 0).permutation(len(self.samples))
        chosen = order[place * self.size : (place + 1) * self.size][self.own]
        return [(self.samples[i], self._jitter(epoch, int(i))) for i in chosen]

    def in_order(self, number: int) -> Batch:
        """People number * size and following as they are annotated: no shuffling, no jitter; the last may be short."""
        chosen = self.samples[number * self.size : (number + 1) * self.size]
        return self._made([(sample, Jitter()) for sample in chosen])

    def stream(self, start: int, workers: int) -> Iterator[Batch]:
        """Batches from step `start` on, made ahead by `workers` threads."""
        return ahead(self.batch, start, None, workers)

    def once(self, workers: int) -> Iterator[Batch]:
        """All people once, in order."""
        return ahead(self.in_order, 0, -(-len(self.samples) // self.size), workers)

    def _jitter(self, epoch: int, index: int) -> Jitter:
        return self.augmentation.draw(self._rng(epoch, 1 + index)) if self.augmentation else Jitter()

    def _rng(self, epoch: int, number: int) -> np.random.Generator:
        """The stream of the shuffle, number 0, or of the person before `number`."""
        return np.random.default_rng([self.seed, epoch, number, self.source])

    def _made(self, draws: Sequence[Tuple[Sample, Jitter]]) -> Batch:
        images = np.empty((len(draws), 3, self.patch, self.width or self.patch), np.float32)
        encoded = [self._item(sample, jitter, image) for (sample, jitter), image in zip(draws, images)]
        joints, weights = (np.stack(arrays) for arrays in zip(*encoded))
        return Batch(images, joints, weights)

    def _item(self, sample: Sample, jitter: Jitter, image: Array) -> Tuple[Array, Array]:
        """Writes the patch into `image`, (3, size, size); returns joints and weights."""
        patch = patch_of(sample, self.patch, jitter, self.width, self.corner)
        times = patch.reduction if self.reduced else 1
        pixels = cut(PICTURES.read(sample.image, sample.upright, times), patch.of_reduced(times))
        normalise(paint_over(pixels, jitter.cover), jitter.gains, image, self.colours)
        return encode(sample, patch, self.skeleton, self.coordinates, self.absent)


@dataclass(frozen=True)
class Mixed:
    """Mini-batches of two data sets, half and half: people in turn from one and from the other.

    Each data set is shuffled in epochs of its own; in turn, so that every device has its share of both.
    """

    first: Batches
    second: Batches

    @property
    def samples(self) -> Sequence[Sample]:
        """Everybody, of both."""
        return [*self.first.samples, *self.second.samples]

    @property
    def per_epoch(self) -> int:
        """Batches until the smaller data set has been seen."""
        return min(self.first.per_epoch, self.second.per_epoch)

    @property
    def people(self) -> int:
        """In a mini-batch, all parts together."""
        return self.first.people + self.second.people

    def batch(self, step: int) -> Batch:
        """The mini-batch of a training step, counted from 0, or this process's part of both halves."""
        halves = zip(self.first.batch(step), self.second.batch(step))
        return Batch(*(np.stack(pair, axis=1).reshape(-1, *pair[0].shape[1:]) for pair in halves))

    def stream(self, start: int, workers: int) -> Iterator[Batch]:
        """Batches from step `start` on, made ahead by `workers` threads."""
        return ahead(self.batch, start, None, workers)


Source = Union[Batches, Mixed]  # of what a run is trained on
