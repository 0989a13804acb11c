"""What else a prediction writes than joints.json, joints.csv and overlays: the formats that the user names."""
from __future__ import annotations

from pathlib import Path
from typing import List, Mapping, Sequence

from integral_pose.errors import InputError
from integral_pose.inference import boxes
from integral_pose.inference.formats import bvh, coco_results, trc
from integral_pose.inference.formats.motion import motions
from integral_pose.metrics import oks
from integral_pose.skeletons import COCO, Skeleton

SPATIAL = ("trc", "bvh")  # need joints in mm, and have a file for each person
FORMATS = ("coco", *SPATIAL)
COCO_FILE = "coco.json"


def demand(formats: Sequence[str], skeleton: Skeleton, in_3d: bool) -> None:
    """That a network's joints can be written so.

    Raises:
        InputError: they cannot.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        are = "is no format" if len(unknown) == 1 else "are no formats"
        raise InputError(f"--formats: {', '.join(unknown)} {are}. "
                         f"Choose from {', '.join(FORMATS)}, with commas between them: --formats trc,bvh.")
    if "coco" in formats and not set(COCO.joints) <= set(skeleton.joints):
        raise InputError("--formats coco: COCO's results have 17 joints, and this network does not predict all of "
                         "them. Choose a network that was trained on COCO.")
    spatial = [name for name in formats if name in SPATIAL]
    if spatial and not in_3d:
        raise InputError(f"--formats {spatial[0]}: needs joints in mm, and this network predicts px. Choose a 3D "
                         "network, such as --checkpoint people-3d.")
    if "bvh" in formats and len(skeleton.limbs) != len(skeleton.joints) - 1:
        raise InputError("--formats bvh: this network's joints are not all joined by limbs from its root on. Choose "
                         "--formats trc.")


def named(text: str) -> List[str]:
    """The formats in an option's value, "trc,bvh": each once, in lower case."""
    return list(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))


def late(formats: Sequence[str], begins: Mapping[int, float], start: float, rate: float) -> List[str]:
    """Which BVH files begin after the video, in a sentence: the format has no place for a time.

    Args:
        begins: each person's first second.
        start, rate: the video's first second, and its frames a second.
    """
    frames = {person: round((seconds - start) * rate) + 1 for person, seconds in sorted(begins.items())}
    later = [f"person-{person}.bvh with frame {frame}" for person, frame in frames.items() if frame > 1]
    if "bvh" not in formats or not later:
        return []
    return [f"Not all BVH files begin with the video, whose first frame is 1: {boxes.listed(later)}. Give "
            "this number as Start Frame when you import the file into Blender."]


def write(
    place: Path, formats: Sequence[str], skeleton: Skeleton, rate: float, least: float = oks.LEAST
) -> List[str]:
    """Writes the formats into a draft that has joints.json; returns what was written: without people no TRC or BVH.

    `least` is the confidence from which on a joint counts for a pose's score.
    """
    if "coco" in formats:
        coco_results.write(place / COCO_FILE, place, least)
    spatial = [name for name in formats if name in SPATIAL]
    people = motions(place, skeleton.joints) if spatial else []
    for name in spatial if people else []:
        (place / name).mkdir()
        for motion in people:
            path = place / name / f"person-{motion.person}.{name}"
            if name == "trc":
                trc.write(path, motion, skeleton.joints, rate)
            else:
                bvh.write(path, motion, skeleton, rate)
    return [COCO_FILE if name == "coco" else f"{name}/" for name in formats if people or name == "coco"]
