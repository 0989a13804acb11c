"""The fifteen actions of Human3.6M's subjects, each in two variants: its two sub-actions."""
from __future__ import annotations

from typing import Dict, Tuple

from integral_pose.synthetic.motion.activities import ACTIVITIES, CROUCH, SIT, STAND, Activity, Key, both, key

WALKS = ("Walking", "WalkDog", "WalkTogether")
_GAIT = next(activity.keys for activity in ACTIVITIES if activity.name == "walking")

# Hands where an action needs them, for a body of middling proportions.
_EAR = key(l_shoulder__flex=70, l_shoulder__abduct=-10, l_shoulder__twist=22, l_elbow__flex=150)
_MOUTH = key(l_shoulder__flex=45, l_shoulder__abduct=2, l_shoulder__twist=29, l_elbow__flex=139, l_wrist__flex=18)
_SMOKE = key(l_shoulder__flex=55, l_shoulder__abduct=15, l_shoulder__twist=34, l_elbow__flex=142)
_EYES = both(shoulder__flex=64, shoulder__abduct=1, shoulder__twist=23, elbow__flex=133, wrist__flex=12)
_CAMERA = both(shoulder__flex=65, shoulder__abduct=2, shoulder__twist=19, elbow__flex=123, wrist__flex=27)
_PLATE = key(r_shoulder__flex=35, r_shoulder__twist=25, r_elbow__flex=80)
_ON_HIP = key(r_shoulder__abduct=38, r_elbow__flex=95, r_shoulder__twist=45, r_shoulder__flex=-18)
_HIPS = both(shoulder__abduct=38, elbow__flex=95, shoulder__twist=45, shoulder__flex=-18)
_POCKETS = both(shoulder__flex=-12, shoulder__abduct=22, elbow__flex=48, shoulder__twist=30)
_FOLDED = both(shoulder__flex=35, shoulder__abduct=8, elbow__flex=105, shoulder__twist=65)
_STEP = key(l_hip__flex=22, r_hip__flex=-12, l_knee__flex=8, r_knee__flex=14, r_ankle__flex=-12)
_LEANING = key(l_hip__abduct=14, r_hip__abduct=4, pelvis__roll=4, r_knee__flex=14, r_hip__flex=12)
_BOW = key(both(hip__flex=48, shoulder__flex=35, elbow__flex=15), pelvis__lean=45, lumbar__flex=25, cervical__flex=10)
_CROSSED = key(both(hip__flex=103, hip__abduct=39, hip__twist=-45, knee__flex=135, ankle__flex=25), pelvis__lean=-15,
               lumbar__flex=25)
_STRETCHED = key(both(hip__flex=80, knee__flex=12, hip__abduct=12, ankle__flex=-15), pelvis__lean=-12, lumbar__flex=12)
_HUGGING = key(both(hip__flex=122, knee__flex=119, hip__abduct=4), pelvis__lean=-22, lumbar__flex=40, spine__flex=15)
_EMBRACING = both(shoulder__flex=75, shoulder__twist=25, elbow__flex=35)
_HEELS = both(hip__flex=80, knee__flex=145, ankle__flex=-45, hip__abduct=5)
_PROPPED = both(shoulder__flex=-45, shoulder__abduct=15, elbow__flex=12)
_KNEEL = key(both(hip__flex=12, knee__flex=105, ankle__flex=-40), r_hip__flex=80, r_knee__flex=85, r_ankle__flex=5)


def _two(name: str, first: Tuple[Key, ...], second: Tuple[Key, ...], loose: float, *seats: str) -> Tuple[Activity, ...]:
    seats = seats or ("", "")
    return tuple(Activity(name, keys, seat=seat, loose=loose) for keys, seat in zip((first, second), seats))


def _walking(*held: Key) -> Tuple[Key, ...]:
    """A double step with some joints held as they are said."""
    return tuple(key(step, *held) for step in _GAIT)


_BOTH_WAYS: Tuple[Tuple[Activity, ...], ...] = (
    _two("Directions", (
        key(STAND, l_shoulder__flex=88, l_shoulder__abduct=12, l_elbow__flex=5, neck__twist=10),
        key(STAND, _STEP, l_shoulder__abduct=88, l_elbow__flex=8, neck__twist=38),
        key(STAND, l_shoulder__flex=130, l_shoulder__abduct=25, l_elbow__flex=8, cervical__flex=-18),
        key(STAND, _ON_HIP, l_shoulder__flex=55, l_shoulder__abduct=35, l_elbow__flex=15, neck__flex=15),
    ), (
        key(STAND, l_shoulder__flex=95, l_shoulder__abduct=-15, l_elbow__flex=10, spine__twist=-18, neck__twist=-20),
        key(STAND, l_shoulder__abduct=95, r_shoulder__flex=80, l_elbow__flex=8, r_elbow__flex=15),
        key(STAND, _STEP, both(shoulder__flex=70, elbow__flex=20), pelvis__lean=5),
        key(STAND, _LEANING, l_shoulder__abduct=60, l_shoulder__twist=-60, l_elbow__flex=110, neck__twist=-25),
    ), 0.6),
    _two("Discussion", (
        key(STAND, both(shoulder__flex=25, elbow__flex=85, shoulder__twist=-15)),
        key(STAND, l_shoulder__flex=50, l_elbow__flex=75, l_shoulder__twist=-25, r_shoulder__flex=15, r_elbow__flex=95),
        key(STAND, _STEP, both(shoulder__abduct=45, shoulder__twist=-40, elbow__flex=80)),
        key(STAND, _FOLDED),
        key(STAND, _ON_HIP, l_shoulder__flex=60, l_elbow__flex=60, pelvis__lean=5),
    ), (
        key(STAND, _LEANING, both(shoulder__flex=40, elbow__flex=100, shoulder__twist=25)),
        key(STAND, both(shoulder__abduct=60, shoulder__twist=-50, elbow__flex=60)),
        key(STAND, _POCKETS, l_shoulder__flex=70, l_elbow__flex=70, l_shoulder__twist=-20),
        key(STAND, _STEP, l_shoulder__flex=85, l_elbow__flex=100, r_shoulder__flex=30, r_elbow__flex=90, neck__flex=8),
    ), 0.8),
    _two("Eating", (
        key(SIT, _PLATE, _MOUTH),
        key(SIT, _PLATE, l_shoulder__flex=40, l_elbow__flex=85, l_shoulder__twist=25, lumbar__flex=12, neck__flex=12),
        key(SIT, _PLATE, _MOUTH, pelvis__lean=8, lumbar__flex=15, cervical__flex=10),
        key(SIT, _PLATE, l_shoulder__flex=70, l_elbow__flex=45, lumbar__flex=15),
    ), (
        key(SIT, _MOUTH, r_shoulder__flex=25, r_elbow__flex=50, pelvis__lean=-8),
        key(SIT, both(shoulder__flex=45, shoulder__twist=29, elbow__flex=135), lumbar__flex=10),
        key(SIT, both(shoulder__flex=35, elbow__flex=88, shoulder__twist=28), l_knee__flex=105, r_knee__flex=70),
    ), 0.4, "chair", "chair"),
    _two("Greeting", (
        key(STAND, l_shoulder__abduct=105, l_shoulder__twist=-78, l_elbow__flex=60),
        key(STAND, l_shoulder__abduct=125, l_shoulder__twist=-75, l_elbow__flex=20, neck__twist=12),
        key(STAND, _STEP, l_shoulder__flex=55, l_elbow__flex=35, pelvis__lean=8),
        key(STAND, _BOW),
    ), (
        key(STAND, both(shoulder__abduct=75, shoulder__twist=-50, elbow__flex=25)),
        key(STAND, _BOW, both(shoulder__flex=10, elbow__flex=5)),
        key(STAND, both(shoulder__abduct=130, shoulder__twist=-60, elbow__flex=35)),
        key(STAND, _STEP, both(shoulder__flex=80, elbow__flex=30)),
    ), 0.6),
    _two("Phoning", (
        key(STAND, _EAR, neck__side=8),
        key(STAND, _EAR, _ON_HIP, _LEANING),
        key(STAND, _EAR, _STEP, r_shoulder__flex=40, r_elbow__flex=80, neck__flex=12),
        key(STAND, _EAR, r_shoulder__flex=30, r_shoulder__twist=65, r_elbow__flex=100),
    ), (
        key(STAND, _EAR, r_shoulder__flex=-12, r_shoulder__abduct=22, r_elbow__flex=48, r_shoulder__twist=30),
        key(STAND, _EAR, pelvis__lean=14, lumbar__flex=15, l_hip__flex=16, r_hip__flex=16, neck__flex=15),
        key(STAND, _EAR, _STEP, r_shoulder__abduct=55, r_elbow__flex=60, r_shoulder__twist=-40),
    ), 0.4),
    _two("Posing", (
        key(STAND, _HIPS, _LEANING),
        key(STAND, _FOLDED, _STEP),
        key(STAND, l_shoulder__abduct=120, l_shoulder__twist=-60, l_elbow__flex=125, l_hip__abduct=22),
        key(both(shoulder__abduct=95, shoulder__twist=-85, elbow__flex=105, hip__abduct=16)),
    ), (
        key(STAND, both(shoulder__abduct=150, elbow__flex=20, hip__abduct=22)),
        key(STAND, l_hip__flex=65, l_knee__flex=70, l_ankle__flex=10, l_shoulder__flex=60, l_elbow__flex=70),
        key(STAND, _ON_HIP, l_shoulder__flex=165, l_elbow__flex=15, spine__side=-12),
        key(both(shoulder__flex=90, elbow__flex=8, hip__flex=35, knee__flex=45, ankle__flex=15), pelvis__lean=8),
    ), 0.7),
    _two("Purchases", (
        key(both(shoulder__flex=85, elbow__flex=15, hip__flex=62, knee__flex=22), pelvis__lean=45, lumbar__flex=25),
        key(STAND, both(shoulder__flex=30, shoulder__abduct=10, elbow__flex=85)),
        key(STAND, l_shoulder__flex=150, l_elbow__flex=15, cervical__flex=-15),
        key(STAND, _STEP, l_elbow__flex=8, r_shoulder__flex=60, r_elbow__flex=30, lumbar__side=8),
    ), (
        key(CROUCH, pelvis__lean=25),
        key(STAND, both(shoulder__flex=70, elbow__flex=55), pelvis__lean=10),
        key(STAND, l_hip__flex=50, r_hip__flex=40, r_knee__flex=12, l_knee__flex=35, pelvis__lean=38, spine__flex=18,
            l_shoulder__flex=60, r_shoulder__flex=20, r_shoulder__twist=45, r_elbow__flex=80),
        key(STAND, both(shoulder__abduct=18, elbow__flex=5), lumbar__flex=-4),
    ), 0.6),
    _two("Sitting", (
        SIT,
        key(SIT, _FOLDED, both(knee__flex=78)),
        key(SIT, l_hip__flex=108, l_hip__abduct=-8, l_knee__flex=70, pelvis__lean=-8),
        key(SIT, both(shoulder__flex=50, elbow__flex=70, hip__abduct=22), pelvis__lean=14, lumbar__flex=28),
    ), (
        key(SIT, both(shoulder__abduct=120, shoulder__twist=-60, elbow__flex=125), pelvis__lean=-12),
        key(SIT, l_knee__flex=50, r_knee__flex=100, l_shoulder__abduct=30, r_shoulder__flex=60, spine__twist=15),
        key(SIT, both(hip__abduct=30, hip__twist=-10, shoulder__flex=45, elbow__flex=20), pelvis__lean=10),
        key(SIT, l_hip__abduct=30, l_hip__twist=-42, l_hip__flex=100, l_knee__flex=110, r_elbow__flex=80),
    ), 0.7, "chair", "chair"),
    _two("SittingDown", (
        key(_STRETCHED, _PROPPED),
        key(_HUGGING, _EMBRACING),
        key(_STRETCHED, both(shoulder__flex=55, elbow__flex=15, hip__flex=95), pelvis__lean=3, lumbar__flex=25),
        key(_HUGGING, l_hip__flex=82, l_knee__flex=12, r_shoulder__flex=65, r_elbow__flex=35, l_shoulder__flex=-40),
    ), (
        key(_KNEEL, both(shoulder__flex=40, elbow__flex=60), pelvis__lean=5),
        key(_HEELS, both(shoulder__flex=30, elbow__flex=35), lumbar__flex=10),
        key(_CROSSED, both(shoulder__flex=35, shoulder__abduct=15, elbow__flex=35)),
        key(_CROSSED, _PROPPED, l_shoulder__flex=75, l_elbow__flex=20),
        key(_HEELS, l_shoulder__flex=70, l_elbow__flex=20, r_shoulder__abduct=25, pelvis__lean=15, lumbar__flex=15),
    ), 0.5),
    _two("Smoking", (
        key(STAND, _SMOKE, _LEANING),
        key(STAND, l_shoulder__flex=20, l_elbow__flex=70, r_shoulder__flex=30, r_shoulder__twist=65, r_elbow__flex=100),
        key(STAND, _SMOKE, _ON_HIP, cervical__flex=-8),
        key(STAND, _STEP, l_shoulder__abduct=28, l_elbow__flex=45, r_shoulder__abduct=22, r_elbow__flex=45),
    ), (
        key(SIT, _SMOKE, pelvis__lean=-8),
        key(SIT, l_shoulder__flex=40, l_elbow__flex=45, pelvis__lean=10, lumbar__flex=18),
        key(SIT, _SMOKE, r_hip__flex=106, r_hip__abduct=-6, r_knee__flex=70),
    ), 0.5, "", "chair"),
    _two("Photo", (
        key(STAND, _EYES),
        key(STAND, _CAMERA, _STEP, pelvis__lean=5),
        key(STAND, _EYES, both(hip__flex=40, knee__flex=50, ankle__flex=18), pelvis__lean=15),
    ), (
        key(STAND, _CAMERA, l_hip__abduct=16, r_hip__abduct=16),
        key(CROUCH, _EYES, l_hip__flex=90, r_hip__flex=35, r_knee__flex=120, r_ankle__flex=-30, pelvis__lean=5),
        key(STAND, _EYES, cervical__flex=-15, lumbar__flex=-10, l_wrist__flex=5),
        key(STAND, _CAMERA, spine__twist=15, spine__side=10),
    ), 0.4),
    _two("Waiting", (
        key(STAND, _LEANING),
        key(STAND, _FOLDED),
        key(STAND, l_shoulder__flex=42, l_shoulder__twist=60, l_elbow__flex=98, neck__flex=18),
        key(STAND, _POCKETS, _LEANING, neck__twist=30),
    ), (
        key(STAND, _HIPS, neck__twist=-30),
        key(STAND, both(shoulder__flex=-22, shoulder__abduct=14, shoulder__twist=50, elbow__flex=60)),
        key(STAND, _STEP, _POCKETS),
        key(STAND, _ON_HIP, _LEANING, l_shoulder__flex=50, l_elbow__flex=140, neck__flex=12),
    ), 0.7),
    _two("Walking", _walking(), _walking(both(shoulder__abduct=20, elbow__flex=55), key(pelvis__lean=6)), 0.6),
    _two(
        "WalkDog",
        _walking(key(l_shoulder__flex=45, l_shoulder__abduct=10, l_elbow__flex=20, neck__flex=15)),
        _walking(key(l_shoulder__flex=70, l_shoulder__abduct=15, l_elbow__flex=5, pelvis__lean=-6, r_elbow__flex=60)),
        0.6,
    ),
    _two(
        "WalkTogether",
        _walking(key(l_shoulder__abduct=82, l_shoulder__flex=10, l_elbow__flex=35, neck__twist=28)),
        _walking(key(l_shoulder__abduct=42, l_shoulder__twist=30, l_elbow__flex=90, neck__twist=20)),
        0.6,
    ),
)
SUBACTIONS: Dict[str, Tuple[Activity, ...]] = {ways[0].name: ways for ways in _BOTH_WAYS}
