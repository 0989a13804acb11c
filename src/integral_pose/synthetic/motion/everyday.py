"""What people in ordinary clothes do: those of `activities`, and more of standing about, housework, play and sport.

The angles are estimates within the joints' limits, as those of `activities` are; none come from motion capture.
"""
from __future__ import annotations

from dataclasses import replace
from typing import Dict, Tuple

from integral_pose.synthetic.motion.activities import ACTIVITIES, CROUCH, SIT, STAND, Activity, both, key

_WEIGHTS: Dict[str, float] = {  # of those that are known from `activities`
    "standing": 1.0, "walking": 1.4, "running": 1.1, "sitting": 1.2, "crouching": 0.5, "waving": 0.7, "reaching": 1.0,
    "throwing": 0.7, "jumping": 0.6, "lunging": 0.5, "cycling": 0.5, "lying": 0.3,
}
_LEANING = key(STAND, l_hip__abduct=12, r_hip__abduct=3, pelvis__roll=4, r_knee__flex=14, r_hip__flex=10)
_FOLDED = both(shoulder__flex=35, shoulder__abduct=8, elbow__flex=105, shoulder__twist=62)
_POCKETS = both(shoulder__flex=-10, shoulder__abduct=20, elbow__flex=46, shoulder__twist=28)
_HIPS = both(shoulder__abduct=38, elbow__flex=95, shoulder__twist=45, shoulder__flex=-18)
_EAR = key(l_shoulder__flex=70, l_shoulder__abduct=-10, l_shoulder__twist=22, l_elbow__flex=146)
_PHONE = both(shoulder__flex=35, shoulder__twist=28, elbow__flex=105)
_CARRY = both(shoulder__flex=32, elbow__flex=75, shoulder__twist=12)
_BENT = key(both(hip__flex=60, knee__flex=12), pelvis__lean=52, lumbar__flex=22)
_READY = key(both(hip__flex=48, knee__flex=58, ankle__flex=20, hip__abduct=15), pelvis__lean=22)
_ON_FOURS = key(both(hip__flex=88, knee__flex=92, ankle__flex=-40, shoulder__flex=84), pelvis__lean=84,
                cervical__flex=-25)
_CROSSED = key(both(hip__flex=100, hip__abduct=38, hip__twist=-42, knee__flex=132, ankle__flex=20), pelvis__lean=-8,
               lumbar__flex=18)
_STRETCHED = key(both(hip__flex=82, knee__flex=14, hip__abduct=12, ankle__flex=-15), pelvis__lean=-12)
_KNEEL = key(both(hip__flex=8, knee__flex=98, ankle__flex=-40))

_MORE: Tuple[Activity, ...] = (
    Activity("chatting", (
        key(_LEANING, _FOLDED),
        key(_LEANING, _POCKETS, neck__twist=18),
        key(STAND, _HIPS),
        key(_LEANING, both(shoulder__flex=28, elbow__flex=85, shoulder__twist=-15)),
        key(STAND, l_shoulder__flex=50, l_elbow__flex=75, l_shoulder__twist=-25, r_shoulder__flex=15, r_elbow__flex=95),
    ), weight=1.6),
    Activity("phoning", (
        key(STAND, _EAR, neck__side=8),
        key(_LEANING, _PHONE, neck__flex=18, cervical__flex=12),
        key(STAND, _EAR, r_shoulder__flex=-10, r_shoulder__abduct=20, r_elbow__flex=46),
        key(SIT, _PHONE, neck__flex=16),
    ), weight=0.8, loose=0.8),
    Activity("carrying", (
        key(STAND, _CARRY, pelvis__lean=-4),
        key(STAND, _CARRY, l_hip__flex=26, r_hip__flex=-14, l_knee__flex=8, r_knee__flex=14),
        key(STAND, both(shoulder__abduct=10, elbow__flex=4), l_hip__flex=-12, r_hip__flex=28, r_knee__flex=10),
    ), weight=0.8),
    Activity("bending", (
        key(_BENT, both(shoulder__flex=70, elbow__flex=12)),
        key(_BENT, l_shoulder__flex=85, l_elbow__flex=8, r_shoulder__flex=45, r_elbow__flex=60),
        key(_BENT, both(shoulder__flex=40, elbow__flex=55, knee__flex=28), spine__twist=14),
    ), weight=0.9),
    Activity("floor", (
        key(_CROSSED, both(shoulder__flex=35, shoulder__abduct=15, elbow__flex=40)),
        key(_STRETCHED, both(shoulder__flex=-42, shoulder__abduct=15, elbow__flex=10)),
        key(_STRETCHED, both(hip__flex=112, knee__flex=100), both(shoulder__flex=65, elbow__flex=40), lumbar__flex=22),
    ), weight=0.6, loose=0.8),
    Activity("kneeling", (
        key(_KNEEL, both(shoulder__flex=45, elbow__flex=55), pelvis__lean=8),
        key(_KNEEL, r_hip__flex=85, r_knee__flex=88, r_ankle__flex=4, l_shoulder__flex=60, r_elbow__flex=70),
        key(_ON_FOURS, l_shoulder__flex=100),
    ), weight=0.6, loose=0.8),
    Activity("kicking", (
        key(STAND, l_hip__flex=-22, l_knee__flex=75, r_knee__flex=15, r_hip__flex=10, r_shoulder__flex=40,
            l_shoulder__abduct=55, r_shoulder__abduct=40, spine__twist=12),
        key(STAND, l_hip__flex=75, l_knee__flex=12, l_ankle__flex=-30, r_knee__flex=12, r_shoulder__flex=45,
            l_shoulder__abduct=60, r_shoulder__abduct=45, pelvis__lean=-14, lumbar__flex=18),
    ), weight=0.8),
    Activity("racket", (
        key(_READY, both(shoulder__flex=40, elbow__flex=75, shoulder__twist=15)),
        key(_READY, l_shoulder__abduct=75, l_shoulder__flex=-25, l_elbow__flex=40, r_shoulder__flex=60, spine__twist=22,
            r_elbow__flex=40, pelvis__lean=12),
        key(STAND, l_shoulder__flex=165, l_elbow__flex=20, r_shoulder__flex=40, r_elbow__flex=80, l_hip__flex=-8,
            lumbar__flex=-8, r_knee__flex=25, r_hip__flex=20),
        key(STAND, l_shoulder__abduct=100, l_shoulder__twist=-80, l_elbow__flex=110, r_shoulder__flex=150,
            r_elbow__flex=8, lumbar__flex=-12, l_knee__flex=25),
    ), weight=1.0),
    Activity("swinging", (
        key(_READY, both(shoulder__flex=48, elbow__flex=6, shoulder__abduct=-8), lumbar__flex=15, pelvis__lean=32),
        key(_READY, l_shoulder__abduct=95, l_shoulder__twist=-30, l_elbow__flex=75, r_shoulder__flex=105,
            r_shoulder__abduct=-20, r_elbow__flex=30, spine__twist=22, lumbar__twist=15),
        key(STAND, l_shoulder__flex=110, l_shoulder__abduct=-25, l_elbow__flex=35, r_shoulder__abduct=90,
            r_shoulder__twist=-40, r_elbow__flex=85, spine__twist=-22, lumbar__twist=-15, l_ankle__flex=-30,
            l_knee__flex=30),
    ), weight=0.8),
    Activity("ball", (
        key(both(shoulder__flex=140, elbow__flex=75, shoulder__twist=15, ankle__flex=-25), l_hip__flex=8),
        key(_READY, l_shoulder__flex=25, l_elbow__flex=50, r_shoulder__flex=40, r_elbow__flex=60),
        key(both(shoulder__flex=165, elbow__flex=12), l_hip__flex=60, l_knee__flex=85, r_ankle__flex=-30),
    ), weight=0.8, lift=300),
    Activity("boxing", (
        key(_READY, both(shoulder__flex=48, elbow__flex=125, shoulder__twist=20, hip__flex=25, knee__flex=25)),
        key(STAND, l_shoulder__flex=90, l_elbow__flex=8, r_shoulder__flex=45, r_elbow__flex=128, spine__twist=-20,
            l_hip__flex=-10, r_hip__flex=30, r_knee__flex=25),
        key(STAND, l_hip__flex=85, l_hip__abduct=25, l_knee__flex=30, r_knee__flex=12, pelvis__lean=-12,
            l_shoulder__abduct=40, r_shoulder__flex=40, r_elbow__flex=110),
    ), weight=0.6),
    Activity("yoga", (
        key(both(shoulder__abduct=160, elbow__flex=25), l_hip__flex=60, l_hip__abduct=45, l_hip__twist=-40,
            l_knee__flex=125),
        key(both(shoulder__abduct=90, elbow__flex=3), l_hip__flex=70, l_knee__flex=80, r_hip__abduct=35,
            r_hip__flex=-15, l_hip__abduct=30),
        key(both(shoulder__flex=150, elbow__flex=5), l_hip__flex=85, l_knee__flex=4, r_hip__flex=0, pelvis__lean=75,
            r_ankle__flex=-35, cervical__flex=-15),
        key(STAND, l_shoulder__abduct=160, spine__side=-18, lumbar__side=-18, l_elbow__flex=15, l_hip__abduct=20,
            r_hip__abduct=20),
    ), weight=0.5, loose=0.7),
    Activity("dancing", (
        key(STAND, l_shoulder__abduct=120, l_elbow__flex=55, l_shoulder__twist=-40, r_shoulder__abduct=60,
            r_elbow__flex=90, l_hip__abduct=20, l_knee__flex=30, l_hip__flex=25, spine__side=8),
        key(STAND, both(shoulder__flex=120, elbow__flex=60, shoulder__twist=-20), r_hip__flex=35, r_knee__flex=60,
            spine__twist=15),
        key(STAND, both(shoulder__abduct=75, elbow__flex=70, shoulder__twist=-60), l_hip__abduct=25, l_knee__flex=20,
            lumbar__side=10, neck__twist=20),
    ), weight=0.9, lift=60, loose=1.2),
    Activity("climbing", (
        key(l_shoulder__flex=165, l_elbow__flex=25, r_shoulder__flex=105, r_elbow__flex=80, l_hip__flex=20,
            r_hip__flex=95, r_hip__abduct=28, r_knee__flex=105, l_knee__flex=15, cervical__flex=-18),
        key(both(shoulder__flex=140, elbow__flex=60, shoulder__abduct=20), l_hip__flex=60, l_knee__flex=80,
            l_hip__abduct=30, r_knee__flex=30, r_hip__flex=25),
    ), weight=0.4, lift=350),
    Activity("skiing", (
        key(_READY, both(shoulder__flex=35, elbow__flex=70, shoulder__abduct=12)),
        key(_READY, both(shoulder__flex=-30, elbow__flex=20, hip__flex=75, knee__flex=70), pelvis__lean=30),
        key(_READY, both(hip__abduct=4, shoulder__abduct=70, elbow__flex=15), pelvis__roll=10),
    ), weight=0.5),
    Activity("push-ups", (
        key(both(shoulder__flex=80, elbow__flex=8, ankle__flex=0, hip__flex=2), pelvis__lean=74),
        key(both(shoulder__flex=35, shoulder__abduct=35, elbow__flex=95, hip__flex=2), pelvis__lean=80),
        key(CROUCH, both(shoulder__flex=95), pelvis__lean=55, cervical__flex=-20),
    ), weight=0.3, loose=0.6),
)
EVERYDAY: Tuple[Activity, ...] = (
    *(replace(activity, weight=_WEIGHTS[activity.name], loose=1.1 * activity.loose) for activity in ACTIVITIES), *_MORE,
)
