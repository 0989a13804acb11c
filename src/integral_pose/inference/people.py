"""Predictions for one image as values: its people, and their joints by name."""
from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from types import MappingProxyType
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence, Tuple, Union, overload

import numpy as np

from integral_pose.geometry import Array
from integral_pose.inference import output
from integral_pose.inference.estimator import Seen, from_root
from integral_pose.inference.overlay import overlay
from integral_pose.skeletons import Skeleton


@dataclass(frozen=True, repr=False)
class Joint:
    """One joint of a person.

    Attributes:
        name: such as "l_wrist"; `l_` and `r_` are the person's own left and right.
        xy: px of the upright image, to the right and down; the middle of the first pixel is (0, 0).
        confidence: see `estimator.meaning_of_confidence`; comparable within one network only.
        xyz_mm: mm from the root joint, to the right, down and away from the camera; None for a 2D network.
    """

    name: str
    xy: Tuple[float, float]
    confidence: float
    xyz_mm: Optional[Tuple[float, float, float]] = None

    def __repr__(self) -> str:
        mm = "" if self.xyz_mm is None else f", xyz_mm=({', '.join(f'{value:.1f}' for value in self.xyz_mm)})"
        return f"Joint({self.name!r}, xy=({self.xy[0]:.2f}, {self.xy[1]:.2f}), confidence={self.confidence:.4f}{mm})"


@dataclass(frozen=True, eq=False, repr=False)
class Person:
    """One person of an image. Arrays are copies: changing them changes nothing here."""

    _seen: Seen
    _number: int
    _skeleton: Skeleton

    @property
    def box(self) -> Array:
        """The bounding box that was given for this person, (4,): x, y, width and height, px from the top left edge."""
        return np.array(self._seen.people[self._number].box)

    @property
    def names(self) -> Tuple[str, ...]:
        """The names of the K joints."""
        return self._skeleton.joints

    @property
    def xy(self) -> Array:
        """The joints, (K, 2), px of the image; `names` has their order."""
        return np.array(self._seen.people[self._number].joints)

    @property
    def confidence(self) -> Array:
        """How sure the network is of each joint, (K,)."""
        return np.array(self._seen.people[self._number].confidence)

    @property
    def xyz_mm(self) -> Optional[Array]:
        """The joints, (K, 3), mm from the root joint; None for a 2D network."""
        space = self._seen.people[self._number].space
        return None if space is None else from_root(space, self._skeleton.index(self._skeleton.root))

    @cached_property
    def joints(self) -> Mapping[str, Joint]:
        """The joints by name."""
        places, confidence = map(tuple, self.xy.tolist()), self.confidence.tolist()
        mm = repeat(None) if self.xyz_mm is None else map(tuple, self.xyz_mm.tolist())
        return MappingProxyType({each[0]: Joint(*each) for each in zip(self.names, places, confidence, mm)})

    def draw(self) -> Array:
        """The image with this person drawn over it, (h, w, 3) RGB uint8; as `People.draw`."""
        alone = self._seen._replace(people=[self._seen.people[self._number]])
        return _rgb(overlay(alone, self._skeleton, self.xyz_mm is not None))

    def to_dict(self) -> Dict[str, Any]:
        """The person as in joints.json: px to a hundredth, mm to a tenth."""
        return output.record(self._seen, self._number, self._skeleton)

    def __repr__(self) -> str:
        edges = ", ".join(f"{value:g}" for value in self.box.round(2).tolist())
        return f"Person(box=({edges}), {len(self.names)} joints: {', '.join(self.names)})"


@dataclass(frozen=True, eq=False, repr=False)
class People(Sequence[Person]):
    """The people of one image or frame, one for each bounding box, in the order of the boxes."""

    _seen: Seen
    _skeleton: Skeleton
    _in_3d: bool

    @property
    def name(self) -> str:
        """The image file's name, or the frame's number counted from 0."""
        return self._seen.picture.name

    @property
    def seconds(self) -> Optional[float]:
        """The frame's time in the video, s; None for an image."""
        return self._seen.picture.seconds

    @property
    def image(self) -> Array:
        """The upright image, (h, w, 3) RGB uint8."""
        return _rgb(self._seen.picture.pixels)

    def draw(self) -> Array:
        """The image with its people drawn over it, (h, w, 3) RGB uint8; for a 3D network with two views beside it.

        Small images are drawn at twice their size or more. Orange is the person's left, blue the right, and hollow
        joints are unsure.
        """
        return _rgb(overlay(self._seen, self._skeleton, self._in_3d))

    def to_dict(self) -> Dict[str, Any]:
        """The people as in joints.json, with the names of the joints, the root and the limbs."""
        return {**output.described(self._skeleton), "people": [person.to_dict() for person in self]}

    @overload
    def __getitem__(self, number: int) -> Person: ...

    @overload
    def __getitem__(self, number: slice) -> Tuple[Person, ...]: ...

    def __getitem__(self, number: Union[int, slice]) -> Union[Person, Tuple[Person, ...]]:
        return self._people[number]

    def __len__(self) -> int:
        return len(self._people)

    def __iter__(self) -> Iterator[Person]:
        return iter(self._people)

    @cached_property
    def _people(self) -> Tuple[Person, ...]:
        return tuple(Person(self._seen, number, self._skeleton) for number in range(len(self._seen.people)))

    def __repr__(self) -> str:
        name = repr(self.name) if self.seconds is None else f"frame {self.name}"
        return f"People({name}, {len(self)} {'person' if len(self) == 1 else 'people'})"


def _rgb(pixels: Array) -> Array:
    """BGR to RGB and back, as a copy."""
    return np.ascontiguousarray(pixels[..., ::-1])
