"""Samples to mini-batches: batch number `step` of a run is always the same, whoever makes it and when."""
from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Callable, Deque, Iterator, NamedTuple, Optional, Sequence

import cv2
import numpy as np

from integral_pose.geometry import Array
from integral_pose.samples import Augmentation, Jitter, Sample, cut, encode, normalise, patch_of, read_image
from integral_pose.skeletons import Skeleton

cv2.setNumThreads(1)  # the workers are the threads

COORDINATES = 2


class Batch(NamedTuple):
    """What a network sees and should say."""

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

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch; what does not fill the last one waits for the next shuffle."""
        return max(1, len(self.samples) // self.size)

    def batch(self, step: int) -> Batch:
        """The mini-batch of a training step, counted from 0."""
        epoch, place = divmod(step, self.per_epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.samples))
        chosen = order[place * self.size : (place + 1) * self.size]
        return self._collate([self._draw(epoch, int(i)) for i in chosen])

    def in_order(self, number: int) -> Batch:
        """People number * size and following as they are annotated: no shuffling, no jitter; the last may be short."""
        chosen = self.samples[number * self.size : (number + 1) * self.size]
        return self._collate([self._item(sample, Jitter()) for sample in chosen])

    def stream(self, start: int, workers: int) -> Iterator[Batch]:
        """Batches from step `start` on, made ahead by `workers` threads."""
        return _ahead(self.batch, start, None, workers)

    def once(self, workers: int) -> Iterator[Batch]:
        """Everybody once, in order."""
        return _ahead(self.in_order, 0, -(-len(self.samples) // self.size), workers)

    def _draw(self, epoch: int, index: int) -> Batch:
        rng = np.random.default_rng([self.seed, epoch, 1 + index])  # 0 would be the shuffle's own stream
        jitter = self.augmentation.draw(rng) if self.augmentation else Jitter()
        return self._item(self.samples[index], jitter)

    def _item(self, sample: Sample, jitter: Jitter) -> Batch:
        patch = patch_of(sample, self.patch, jitter)
        joints, weights = encode(sample, patch, self.skeleton)
        pixels = cut(read_image(sample.image), patch)
        return Batch(normalise(pixels, jitter.gains), joints, np.repeat(weights[:, None], COORDINATES, axis=1))

    @staticmethod
    def _collate(items: Sequence[Batch]) -> Batch:
        return Batch(*(np.stack(arrays) for arrays in zip(*items)))


def _ahead(make: Callable[[int], Batch], start: int, stop: Optional[int], workers: int) -> Iterator[Batch]:
    """make(start), make(start + 1), … in order, a few of them under way at any time."""
    waiting: Deque[Future[Batch]] = deque()
    pool = ThreadPoolExecutor(max(1, workers))
    number = start
    try:
        while True:
            while len(waiting) < 2 * max(1, workers) and (stop is None or number < stop):
                waiting.append(pool.submit(make, number))
                number += 1
            if not waiting:
                return
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown()
