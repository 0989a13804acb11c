"""A run's people in mini-batches."""
from __future__ import annotations

from dataclasses import replace
from typing import Sequence, Tuple

from integral_pose.datasets.batches import Batches, Mixed, Source
from integral_pose.datasets.catalogue import Catalogue, skeleton
from integral_pose.errors import InputError
from integral_pose.run import Run
from integral_pose.samples import Augmentation, Sample


def batches(run: Run, split: str, catalogue: Catalogue, share: int = 1) -> Batches:
    """The run's people of a split, as they are annotated, in mini-batches of the run's size / `share`."""
    people = catalogue.of(run).people(split)
    return in_batches(run, people, f"the {split} split of {run.data} in {catalogue.root}", run.batch // share)


def training_batches(
    run: Run, catalogue: Catalogue, share: Tuple[int, int] = (0, 1), devices: int = 1
) -> Source:
    """The run's mini-batches, jittered; half of each is of 2D people where the run mixes them in.

    Args:
        share: which process of how many this is: each makes its part of every mini-batch.
        devices: that this part is split over.

    Raises:
        InputError: the data are missing or malformed, or too few for a mini-batch or for each to have one person.
    """
    augmentation = Augmentation(run.shift, run.scale, run.turn, run.mirror, run.colour, run.occlusion, run.widest)
    size = run.batch // 2 if run.extra else run.batch
    own = in_batches(run, catalogue.of(run).people("train"), f"the train split of {run.data} in {catalogue.root}", size)
    own = replace(own, augmentation=augmentation, share=share)
    if own.people // share[1] < devices:
        raise InputError(f"{share[1]} worker(s) with {devices} device(s) each cannot share {own.people} people, which "
                         "is what each mini-batch has, or half of it where data are mixed. Start fewer.")
    if not run.extra:
        return own
    extra = in_batches(run, catalogue.extra(run), f"the train split of {run.extra} in {catalogue.root}", size)
    for part, data in ((own, run.data), (extra, run.extra)):
        if len(part.samples) < size:
            raise InputError(f"{catalogue.root}: the train split of {data} has {len(part.samples)} people, fewer than "
                             f"the {size} that it gives to each mini-batch. Add people, or make the run's `batch` "
                             "smaller.")
    return Mixed(own, replace(extra, augmentation=augmentation, share=share, source=1))


def in_batches(run: Run, samples: Sequence[Sample], what: str, size: int) -> Batches:
    """These people, as the run looks at them, in mini-batches of `size`.

    Raises:
        InputError: there is nobody; `what` says where.
    """
    if not samples:
        raise InputError(f"{what} has no annotated people.")
    if run.coordinates == 3 and not run.by_corner:
        samples = [replace(s, box=s.box.around_cell(run.cells)) if s.pose else s for s in samples]
    return Batches(
        samples, skeleton(run), run.patch, max(1, size), seed=run.seed, coordinates=run.coordinates, absent=run.absent,
        width=run.patch_width, corner=run.by_corner, colours=run.colours, reduced=run.reduced,
    )
