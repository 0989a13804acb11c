"""Who is in the pictures: the bodies, the clothes and the activities that people are drawn from."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Protocol, Tuple

import numpy as np

from integral_pose.synthetic.clothing.dressed import draw_dressed
from integral_pose.synthetic.drawing.figure import draw_suit
from integral_pose.synthetic.motion.activities import ACTIVITIES, Activity, draw_activity
from integral_pose.synthetic.motion.body import Physique, draw_physique, draw_varied_physique
from integral_pose.synthetic.motion.everyday import EVERYDAY
from integral_pose.synthetic.motion.scene import Outfit, Person, draw_person


class _DrawPhysique(Protocol):
    def __call__(
        self, rng: np.random.Generator, height: Optional[float] = None, build: Optional[float] = None
    ) -> Physique: ...


class _DrawOutfit(Protocol):
    def __call__(self, rng: np.random.Generator) -> Outfit: ...


@dataclass(frozen=True)
class Cast:
    """How a body and an outfit are drawn, and what people may be doing."""

    physique: _DrawPhysique
    outfit: _DrawOutfit
    activities: Tuple[Activity, ...]

    def draw_person(self, rng: np.random.Generator, yaw: float, spot: Tuple[float, float] = (0.0, 0.0)) -> Person:
        """Somebody doing something at a spot on the floor, facing `yaw` degrees from x towards y."""
        activity = draw_activity(rng, self.activities)
        return draw_person(rng, activity, self.physique(rng), self.outfit(rng), yaw, spot)


SUITED = Cast(draw_physique, draw_suit, ACTIVITIES)
DRESSED = Cast(draw_varied_physique, draw_dressed, EVERYDAY)
