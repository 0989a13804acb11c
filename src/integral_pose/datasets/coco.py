"""COCO's people as they are published: annotated joints, detected boxes, and keypoint results.

    FOLDER/annotations/person_keypoints_{train,val}2017.json    people of train2017 and val2017
    FOLDER/annotations/image_info_test-dev2017.json             the images of test-dev
    FOLDER/{train,val,test}2017/*.jpg
    FOLDER/person_detection_results/COCO_val2017_detections_AP_H_56_person.json          or in annotations/
    FOLDER/person_detection_results/COCO_test-dev2017_detections_AP_H_609_person.json    or in annotations/

Joints are image px as the files have them. A box is given by its edges, and the picture's left edge is 0 there and
-0.5 with us.
"""
from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Collection, Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from integral_pose.datasets.dataset import OKS, SYNTHETIC, Candidates, DataSet
from integral_pose.datasets.formats.reading import read_json
from integral_pose.datasets.formats.records import Records, is_file_name
from integral_pose.datasets.mpii import held_out
from integral_pose.errors import InputError
from integral_pose.geometry import Array, Box
from integral_pose.run import Run
from integral_pose.samples import Sample
from integral_pose.skeletons import COCO
from integral_pose.storage import image_paths
from integral_pose.storage.atomic import replacing
from integral_pose.synthetic import make_coco
from integral_pose.synthetic.versions import number_of

JOINTS = len(COCO.joints)
PERSON = 1  # the category
MARGIN = 1.25  # the box is wider than the person's
TEST_DEV = "test-dev"


class Part(NamedTuple):
    """Where a part of COCO has its files."""

    annotations: str
    images: str
    detections: str = ""


PARTS = {
    "train": Part("person_keypoints_train2017.json", "train2017"),
    "val": Part("person_keypoints_val2017.json", "val2017", "COCO_val2017_detections_AP_H_56_person.json"),
    TEST_DEV: Part("image_info_test-dev2017.json", "test2017", "COCO_test-dev2017_detections_AP_H_609_person.json"),
}


class Pictures(NamedTuple):
    """Those that a file lists."""

    paths: Dict[int, Path]  # by image id
    sizes: Dict[int, Tuple[float, float]]  # width and height, px


@dataclass(frozen=True)
class Coco(DataSet):
    """COCO: several people in a picture, found in boxes and scored by average precision."""

    metric, skeleton = OKS, COCO

    @classmethod
    def find(cls, name: str, root: Path, run: Run) -> DataSet:
        """As `DataSet.find`."""
        if name.startswith(SYNTHETIC):
            version = number_of(name, make_coco.VERSIONS)
            train, val = (int(number) for number in name.split("-")[3:5])
            return cls(make_coco.make(root / name, train, val, seed=0, version=version))
        return super().find(name, root, run)

    def _read(self, split: str) -> List[Sample]:
        return read(self.folder, split)

    def candidates(self, boxes: str) -> Candidates:
        """The boxes of val2017, "annotated" or "detected", or those detected in the pictures of "test-dev".

        Raises:
            InputError: as `annotated` and `detected`.
        """
        if boxes == "annotated":
            return annotated(self.folder)
        return detected(self.folder, part=TEST_DEV if boxes == TEST_DEV else "val")

    @property
    def truth_file(self) -> Path:
        """As `DataSet.truth_file`: of val2017."""
        return truth_file(self.folder)

    @property
    def official_test(self) -> Path:
        """The file that lists test-dev's pictures."""
        return self.folder / "annotations" / PARTS[TEST_DEV].annotations


def read(folder: Path, split: str) -> List[Sample]:
    """The people of one split, without crowds and people of whom no joint is labelled.

    Args:
        folder: laid out as this module says.
        split: "test" for val2017, which the paper evaluates on; "train" and "held-out" divide train2017 by image.
            Held-out people serve to choose checkpoints and learning-rate drops only.

    Raises:
        InputError: the folder does not have this layout, or the annotation file is wrong.
    """
    if split not in ("train", "held-out", "test"):
        raise ValueError(f"no such split: {split}")
    samples = _people(folder, "val" if split == "test" else "train").samples
    if split == "test":
        return samples
    held = held_out([sample.image.name for sample in samples])
    return [sample for sample, is_held in zip(samples, held) if is_held == (split == "held-out")]


def annotated(folder: Path) -> Candidates:
    """The people of val2017 in their annotated boxes, in the order of `read`.

    Raises:
        InputError: as `read`.
    """
    return _people(folder, "val")


def detected(folder: Path, detections: Optional[Path] = None, part: str = "val") -> Candidates:
    """All detections of people, in the file's order; nothing is annotated in these samples.

    Of a file for all of COCO what is in the annotated images counts, where these are a part of them.

    Args:
        detections: a list of {image_id, category_id, bbox [x, y, w, h], score}, of which category 1 counts; by default
            the part's own file in `folder`.
        part: "val" or "test-dev".

    Raises:
        InputError: the folder is not laid out as this module says, or a file is wrong; no detection is in an image that
            the part has; one has a box that is no box, or a score below 0.
    """
    path = detections or _detections(folder, part)
    pictures = _pictures(folder, part)
    everywhere = _persons(Records.of(path, "detection", read_json(path)))
    records = everywhere.where(known(path, everywhere.integers("image_id"), pictures.paths))
    images, scores = records.integers("image_id"), records.numbers("score")
    records.refuse(scores < 0, "`score` must not be below 0")
    around, _ = squares(boxes(records), images, pictures)
    nothing = np.zeros((JOINTS, 2)), np.zeros(JOINTS)
    samples = [Sample(pictures.paths[image], *nothing, square) for image, square in zip(images.tolist(), around)]
    return Candidates(samples, images, scores, len(everywhere.rows) - len(samples))


def known(path: Path, images: Array, annotated: Collection[int]) -> Array:
    """Which of N records of a file are in annotated images, (N,) bool.

    Raises:
        InputError: there are records, and none is.
    """
    inside = np.array([image in annotated for image in images.tolist()], bool)
    if len(inside) and not inside.any():
        raise InputError(f"{path}: none of its {len(inside)} records is in one of the {len(annotated)} annotated "
                         f"images: the first is in image {images[0]}. Give the file for these images.")
    return inside


def truth_file(folder: Path) -> Path:
    """The annotation file of val2017, against which results are scored, once `check_truth` has passed it.

    Raises:
        InputError: it is not there, or is wrong.
    """
    path = _annotations(folder, "val")
    check_truth(path)
    return path


def check_truth(path: Path) -> Collection[int]:
    """Refuses an annotation file that pycocotools would stumble over, or score against wrongly.

    Returns:
        the ids of its images.

    Raises:
        InputError: the file is missing, is not JSON, or lacks something.
    """
    content = content_of(path)
    if not isinstance(content.get("categories"), list):
        raise InputError(f"{path}: lacks the list `categories`. Copy it again from its source.")
    pictures = index(path, content, path.parent)
    records = _annotated_persons(path, content)
    image_ids(records, pictures)
    boxes(records)
    records.numbers("keypoints", 3 * JOINTS)
    records.refuse(records.numbers("area") < 0, "`area` must not be below 0")
    records.numbers("num_keypoints")
    ids = records.integers("id")
    records.refuse(ids == 0, "`id` must not be 0, which pycocotools treats as no person")
    _demand_labelled(path, content, records)
    records.refuse(_repeated(ids), "`id` is another annotation's too")
    return pictures.paths.keys()


def _demand_labelled(path: Path, content: Dict[str, Any], persons: Records) -> None:
    """Refuses annotations with nobody to be found, against which every score is undefined."""
    if not persons.rows:
        names = {str(one.get("id")): one.get("name") for one in content["categories"] if isinstance(one, dict)}
        present = Counter(str(int(row["category_id"])) for row in content["annotations"])
        there = ", ".join(f"{number} of category {one} ({names.get(one)})" for one, number in present.items())
        raise InputError(f"{path}: has no annotation of category {PERSON}, which is people in COCO; there are: "
                         f"{there or 'none'}. Give people `category_id` {PERSON}, or name another file.")
    counted = (persons.integers("iscrowd") == 0) & (persons.numbers("num_keypoints") > 0)
    if not counted.any():
        raise InputError(f"{path}: none of its {len(counted)} people has labelled joints (`num_keypoints` above 0, "
                         "`iscrowd` 0), so nothing can be scored. Name a file with keypoints.")


def write_results(
    path: Path, images: Array, joints: Array, scores: Array, joint_scores: Optional[Array] = None
) -> None:
    """Writes COCO's keypoint results: [{image_id, category_id, keypoints, score}, ...].

    Args:
        images: (N,), image ids.
        joints: (N, 17, 2), image px.
        scores: (N,), of the poses.
        joint_scores: (N, 17), the third number of each joint, which no metric looks at; 1 where there are none.
    """
    third = np.ones(joints.shape[:2]) if joint_scores is None else joint_scores
    shapes = (joints.shape, scores.shape, third.shape)
    if shapes != ((len(images), JOINTS, 2), (len(images),), (len(images), JOINTS)):
        raise ValueError(f"{len(images)} poses cannot have arrays of the shapes {shapes}")
    keypoints = np.concatenate([joints, third[..., None]], axis=2).astype(float).reshape(len(images), 3 * JOINTS)
    rows = zip(images.tolist(), keypoints.tolist(), scores.astype(float).tolist())
    records = [{"image_id": i, "category_id": PERSON, "keypoints": pose, "score": score} for i, pose, score in rows]
    with replacing(path) as draft:
        draft.write_text(json.dumps(records, allow_nan=False), encoding="utf-8")


def read_results(path: Path) -> Tuple[Array, Array, Array]:
    """Anyone's keypoint results, in the file's order: image ids (N,), joints (N, 17, 2) in image px, scores (N,).

    Raises:
        InputError: the file is missing, is not JSON, or is not a list of such records; one of them is not of a person.
    """
    records = Records.of(path, "result", read_json(path))
    images, keypoints = records.integers("image_id"), records.numbers("keypoints", 3 * JOINTS)
    categories = records.integers("category_id")
    present = ", ".join(map(str, np.unique(categories)[:5]))
    records.refuse(categories != PERSON, f"`category_id` must be {PERSON}, which is people; in the file: {present}")
    return images, keypoints.reshape(-1, JOINTS, 3)[..., :2], records.numbers("score")


def _people(folder: Path, part: str) -> Candidates:
    path = _annotations(folder, part)
    content = content_of(path)
    pictures = index(path, content, folder / PARTS[part].images)
    records = _annotated_persons(path, content)
    records = records.where(records.integers("iscrowd") == 0)
    images, keypoints = image_ids(records, pictures), records.numbers("keypoints", 3 * JOINTS).reshape(-1, JOINTS, 3)
    around, extents = squares(boxes(records), images, pictures)
    labelled = keypoints[..., 2] > 0
    chosen = np.flatnonzero(labelled.any(axis=1) & (extents > 0).all(axis=1))
    samples = [
        Sample(pictures.paths[int(images[i])], keypoints[i, :, :2], labelled[i].astype(float), around[i])
        for i in chosen.tolist()
    ]
    return Candidates(samples, images[chosen], np.ones(len(chosen)))


def _annotations(folder: Path, part: str) -> Path:
    for place in (folder, folder / "annotations", folder / PARTS[part].images):
        if not place.is_dir():
            raise InputError(
                f"{place}: there is no such folder. COCO's folder must hold annotations/ with "
                f"{PARTS[part].annotations} and {PARTS[part].images}/ with the .jpg files. Name it with --data."
            )
    path = folder / "annotations" / PARTS[part].annotations
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Copy it there from the 2017 annotations on COCO's site.")
    return path


def _detections(folder: Path, part: str) -> Path:
    name = PARTS[part].detections
    for place in ("person_detection_results", "annotations"):
        if (folder / place / name).is_file():
            return folder / place / name
    raise InputError(
        f"{folder / 'person_detection_results' / name}: there is no such file. Download it there from SimpleBaseline's "
        "or HRNet's authors, or give another list of detections."
    )


def content_of(path: Path) -> Dict[str, Any]:
    """The content of an annotation file.

    Raises:
        InputError: it is missing, is not JSON, or lists no images.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        raise InputError(f"{path}: has no list `images`, so it is not in COCO's format. Copy it again from its source.")
    return content


def _pictures(folder: Path, part: str) -> Pictures:
    path = _annotations(folder, part)
    return index(path, content_of(path), folder / PARTS[part].images)


def index(path: Path, content: Dict[str, Any], folder: Path) -> Pictures:
    """The pictures that a file lists; their files are in `folder`.

    Raises:
        InputError: an image lacks its `id`, `width`, `height` or `file_name`, or that leads out of the folder.
    """
    records = Records.of(path, "image", content["images"])
    ids, widths, heights = records.integers("id"), records.numbers("width"), records.numbers("height")
    records.refuse(_repeated(ids), "`id` is another image's too")
    records.refuse(np.minimum(widths, heights) < 1, "`width` and `height` must be 1 or more")
    names = [row.get("file_name") for row in records.rows]
    records.refuse([not is_file_name(name) for name in names], "`file_name` must be a file's name")
    paths = dict(zip(ids.tolist(), image_paths.below(path, folder, list(map(str, names)))))
    return Pictures(paths, dict(zip(ids.tolist(), zip(widths.tolist(), heights.tolist()))))


def _annotated_persons(path: Path, content: Dict[str, Any]) -> Records:
    records = _persons(Records.of(path, "annotation", content.get("annotations")))
    crowd = records.integers("iscrowd")
    records.refuse((crowd != 0) & (crowd != 1), "`iscrowd` must be 0 or 1")
    return records


def _persons(records: Records) -> Records:
    return records.where(records.integers("category_id") == PERSON)


def image_ids(records: Records, pictures: Pictures) -> Array:
    """Which picture each record is of, (N,).

    Raises:
        InputError: it is none of them.
    """
    images = records.integers("image_id")
    records.refuse([image not in pictures.paths for image in images.tolist()], "`image_id` is of an unknown image")
    return images


def _repeated(ids: Array) -> Array:
    """Whether each id has come before."""
    first = np.unique(ids, return_index=True)[1]
    again = np.ones(len(ids), bool)
    again[first] = False
    return again


def boxes(records: Records) -> Array:
    """Left, top, width, height; (N, 4).

    Raises:
        InputError: a record has something else as its `bbox`.
    """
    edges = records.numbers("bbox", 4)
    records.refuse((edges[:, 2:] < 0).any(axis=1), "`bbox` must be left, top, width and height, neither below 0")
    return edges


def squares(edges: Array, images: Array, pictures: Pictures) -> Tuple[List[Box], Array]:
    """The squares for the network, N of them, and the extents of the boxes inside the image, (N, 2).

    A box of which the picture holds nothing gets a pixel, so that a detector's every box has its pose.
    """
    sizes = np.array([pictures.sizes[image] for image in images.tolist()], float).reshape(-1, 2)
    with np.errstate(over="ignore"):  # a box may end at any distance: it is cut off at the picture's edge
        near, far = np.clip(edges[:, :2], 0, sizes), np.clip(edges[:, :2] + edges[:, 2:], 0, sizes)
    sides = np.maximum(MARGIN * (far - near).max(axis=1, initial=0), 1)
    rows = np.column_stack([(near + far) / 2 - 0.5, sides, np.maximum(MARGIN * (far - near)[:, 0], 1)]).tolist()
    return [Box(x, y, side, wide=wide) for x, y, side, wide in rows], far - near
