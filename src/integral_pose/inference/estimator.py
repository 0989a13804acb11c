"""A trained network on pictures of any origin: boxes to people, with joints in px and, of 3D networks, in mm.

Nothing is annotated here. A 3D network predicts where a joint is in a cube of 2 m around the root, whose front is the
box; the distance of the cube follows from the focal length. The default focal length is 1.15 times the image's longer
side, about that of Human3.6M's cameras.
"""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import mxnet as mx
import numpy as np

from integral_pose.datasets import catalogue, human36m, mpii
from integral_pose.errors import InputError, RunFailed
from integral_pose.evaluation.predict import scorer
from integral_pose.geometry import Array, Box, Camera, Patch
from integral_pose.inference.boxes import Boxes
from integral_pose.inference.media import Picture
from integral_pose.models.saved import Trained
from integral_pose.run import Run
from integral_pose.samples import cut, normalise
from integral_pose.skeletons import RELEASE_PARENTS

MARGIN_IN_3D = 1.2  # 2 m against the height of somebody upright
FOCAL = 1.15  # of the picture's longer side
MOST_BYTES = 256 << 20  # of pictures that wait to be looked at together


class Person(NamedTuple):
    """The prediction for one box."""

    box: Array  # (4,): x, y, width and height, px counted from the picture's edge
    score: float  # of the box
    joints: Array  # (K, 2), image px
    confidence: Array  # (K,)
    space: Optional[Array] = None  # (K, 3), camera mm, as far away as the focal length makes it
    identity: Optional[int] = None  # the same in all frames of a video; None where nobody is tracked
    filled: bool = False  # interpolated between frames in which the person was found


class Seen(NamedTuple):
    """An image and its people."""

    picture: Picture
    people: List[Person]


class Estimator:
    """A trained network, ready for prediction in boxes."""

    def __init__(
        self, trained: Trained, device: mx.Context, batch: int = 8, workers: int = 2, focal: float = 0.0
    ) -> None:
        """Builds the network and reads its parameters.

        Args:
            batch: boxes per mini-batch.
            workers: threads that cut them out.
            focal: px; 0: the assumed one.

        Raises:
            InputError: the parameters are damaged or another network's, or cannot be used in 8 bits.
        """
        self.run, self.skeleton = trained.run, catalogue.skeleton(trained.run)
        self._said = scorer(self.run, trained.parameters, self.skeleton, device, trained.int8)
        self._batch, self._pool, self._focal = batch, ThreadPoolExecutor(workers), focal

    def seen(self, views: Iterable[Tuple[Picture, Boxes]]) -> Iterator[Seen]:
        """The people in each image, in order; a mini-batch has the boxes of several images.

        Raises:
            InputError: a box has nothing of its picture.
            RunFailed: the network's joints are not finite.
        """
        waiting: List[Tuple[Picture, Boxes]] = []
        for view in views:
            waiting.append(view)
            if max(len(waiting), len(_scores(waiting))) >= self._batch or _bytes(waiting) > MOST_BYTES:
                yield from self._people_of(waiting)
                waiting = []
        yield from self._people_of(waiting)

    def _people_of(self, views: Sequence[Tuple[Picture, Boxes]]) -> List[Seen]:
        looked_at = [(picture, box) for picture, boxes in views for box in boxes.edges]
        people: List[Person] = []
        for start in range(0, len(looked_at), self._batch):  # patches of thousands of boxes would fill the memory
            people += self._people_in(looked_at[start : start + self._batch])
        scored = (person._replace(score=float(score)) for person, score in zip(people, _scores(views)))
        return [Seen(picture, list(islice(scored, len(boxes.scores)))) for picture, boxes in views]

    def _people_in(self, looked_at: Sequence[Tuple[Picture, Array]]) -> List[Person]:
        """The predictions for a batch of boxes."""
        run = self.run
        patches = [
            Patch(square(picture, box, run), run.patch, width=run.patch_width, corner=run.by_corner)
            for picture, box in looked_at
        ]
        pixels = [picture.pixels for picture, _ in looked_at]
        images = list(self._pool.map(lambda of, patch: normalise(cut(of, patch), colours=run.colours), pixels, patches))
        fractions, scores = self._said(np.stack(images))
        return [self._person(*each) for each in zip(looked_at, patches, fractions, scores)]

    def _person(self, of: Tuple[Picture, Array], patch: Patch, fractions: Array, scores: Array) -> Person:
        picture, box = of
        if not (np.isfinite(fractions).all() and np.isfinite(scores).all()):
            raise RunFailed(f"{picture.name}: the network's joints are not finite numbers. Its parameters are damaged, "
                            "or its training went wrong.")
        joints = patch.to_image(fractions[:, :2])
        if self.run.coordinates == 2:
            return Person(box, 1.0, joints, scores)
        if self.run.bones:
            return Person(box, 1.0, joints, scores, scaled_to_bones(fractions, patch, self.run.bones))
        lens = camera(picture.pixels, self._focal)
        depths = lens.focal[0] * patch.box.span / patch.box.side + patch.to_depth(fractions[:, 2])
        return Person(box, 1.0, joints, scores, lens.unproject(joints, depths))


def _scores(views: Sequence[Tuple[Picture, Boxes]]) -> List[float]:
    return [score for _, boxes in views for score in boxes.scores]


def _bytes(views: Sequence[Tuple[Picture, Boxes]]) -> int:
    return sum(picture.pixels.nbytes for picture, _ in views)


def camera(pixels: Array, focal: float = 0.0) -> Camera:
    """One that looks through the middle of a picture (h, w, 3); `focal` is in px, 0 for the assumed one."""
    height, width = pixels.shape[:2]
    length = focal or FOCAL * max(height, width)
    return Camera(np.eye(3), np.zeros(3), (length, length), ((width - 1) / 2, (height - 1) / 2))


def margin_of(run: Run) -> float:
    """How many times as large as a person's box the square is that the network sees."""
    return run.margin or (MARGIN_IN_3D if run.coordinates == 3 else mpii.MARGIN)


def square(picture: Picture, box: Array, run: Run) -> Box:
    """The square that the network sees, for a box (4,) that just holds a person.

    A box that is all of the picture gets no margin: the picture has its own.

    Raises:
        InputError: the box has nothing of the picture.
    """
    size = np.array(picture.pixels.shape[1::-1], float)
    near, far = np.clip(box[:2], 0, size), np.clip(box[:2] + box[2:], 0, size)
    if not (far > near).all():
        raise InputError(f"{picture.name}: the box {box.tolist()} has nothing of the image, which is "
                         f"{size[0]:.0f} x {size[1]:.0f} px. Correct or remove it.")
    is_whole = (near == 0).all() and (far == size).all()
    margin = 1.0 if is_whole else margin_of(run)
    x, y = ((near + far) / 2 - (0.0 if run.box_edges == "plain" else 0.5)).tolist()
    extent = np.maximum(far - near - 1, 1) if run.box_edges == "inner" else far - near
    wide, high = (margin * extent).tolist()
    side = max(high, wide * run.patch / run.patch_columns)
    found = Box(x, y, side, human36m.SPAN if run.coordinates == 3 else 0.0)
    return found.around_cell(run.cells) if run.coordinates == 3 and not run.by_corner else found


def scaled_to_bones(fractions: Array, patch: Patch, total: float) -> Array:
    """A pose of Human3.6M's joints (18, 3) in fractions of the patch, without perspective, as mm from the root.

    Its bones add up to `total` mm. Depth is counted in px of the patch, as many as it is wide. So does the authors'
    release for the challenge (rescale_pose_from_patch_to_camera in common/utility/image_processing_cv.py).
    """
    pixels = fractions * np.array([patch.columns, patch.size, patch.columns])
    lengths = np.linalg.norm(pixels - pixels[list(RELEASE_PARENTS)], axis=1)
    return np.asarray((pixels - pixels[0]) * (total / max(float(lengths.sum()), 1e-9)))


def from_root(space: Array, root: int) -> Array:
    """Camera mm (K, 3) as mm from the root, as far as they are known without a camera."""
    return space - space[root]


def meaning_of_confidence(run: Run) -> str:
    """Describes a joint's confidence for users (`build.scored_readout`)."""
    if run.output == "direct":
        return "1 for every joint, since direct regression gives no confidence"
    if run.output == "integral" and run.joint_score == "one":
        return "1 for every joint, as the network's settings ask for"
    if run.output == "integral" and run.joint_score == "peak":
        return ("the highest value of the joint's normalized heat map, 0 to 1; comparable within one network only; not "
                "a probability of being right")
    if run.output == "integral" or run.decoder == "window":
        return ("the share of the joint's heat map within two cells of it along each axis, 0 to 1; low where the map "
                "is spread out or has several peaks; not a probability of being right")
    if run.on_vectors:
        return "the mean of the highest values of the joint's heat vectors; comparable within one network only"
    return "the highest value of the joint's heat map; comparable within one network only"
