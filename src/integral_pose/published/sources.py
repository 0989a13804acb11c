"""Who published which networks, and how their programs cut patches and read maps: one table, with each fact's source.

The settings are fields of a `Run`, from which the rest of the program reads them. Where a publisher's program is asked
for something else by its user, these are the settings of its published numbers.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Tuple

Size = Tuple[int, int]  # height and width of a patch, px


@dataclass(frozen=True)
class Source:
    """One publisher's networks on one data set.

    Attributes:
        name: what the user calls it.
        title: whose they are.
        layout: how their parameters are named, of `names.LAYOUTS`.
        maps: how many maps their last layers have.
        patches: of the published networks; the parameters of a network are the same for all.
        settings: fields of a `Run`.
        facts: where each setting is to be found, in the publisher's repository.
        saved_with: what their programs save beside the parameters, by which two that name these alike are told apart.
        not_with: what they do not save beside them.
    """

    name: str
    title: str
    layout: str
    maps: int
    patches: Tuple[Size, ...]
    settings: Mapping[str, Any]
    facts: Mapping[str, str]
    saved_with: Tuple[str, ...] = ()
    not_with: Tuple[str, ...] = ()
    rivals: Tuple[str, ...] = ()  # other sources with the same names and maps
    files: Mapping[str, Size] = field(default_factory=dict)  # a part of a file's name -> the patch of that network


# Heat maps as SimpleBaseline trains and reads them; GluonCV's program follows it.
_GAUSSIANS: Dict[str, Any] = {
    "output": "heat map", "loss": "gaussian-mse", "sigma": 2.0, "decoder": "quarter-inside", "read_grid": "index",
    "flip_in": "shifted-maps", "sampling": "corner", "box_edges": "plain", "margin": 1.25,
}
_BASELINE_FACTS = {
    "output, loss": "MODEL.EXTRA.TARGET_TYPE gaussian in experiments/; lib/core/loss.py",
    "sigma": "MODEL.EXTRA.SIGMA 2 in experiments/ (3 for 384 x 384 and 384 x 288, which only training looks at)",
    "decoder": "lib/core/inference.py, get_final_preds: a quarter cell where 1 < x < width - 1, and y alike",
    "read_grid": "lib/utils/transforms.py, transform_preds: cell i of n is at i / n of the box",
    "flip_in": "lib/core/function.py, validate, with TEST.SHIFT_HEATMAP (lib/core/config.py: True)",
    "sampling": "lib/utils/transforms.py, get_affine_transform: the box's middle is at output_size / 2",
    "box_edges": "lib/dataset/coco.py, _xywh2cs: the middle is x + w / 2",
    "margin": "lib/dataset/coco.py, _xywh2cs, and lib/dataset/mpii.py: scale x 1.25",
    "colours": "lib/dataset/JointsDataset.py: cv2.imread's BGR; pose_estimation/valid.py: RGB's mean and deviation",
    "patches": "MODEL.IMAGE_SIZE in experiments/",
}
# Integrals over volumes, whose cell i of n is at i / n.
_VOLUMES: Dict[str, Any] = {
    "output": "integral", "loss": "joint-l1", "coordinates": 3, "grid": "index", "sampling": "corner",
    "data": "human36m", "extra": "mpii",
}
_CROP_FACT = "gen_trans_from_patch_cv: the box's middle is at half the patch's width and height"

BASELINE_MPII = Source(
    "simple-baseline-mpii", "SimpleBaseline on MPII (microsoft/human-pose-estimation.pytorch)", "baseline", 16,
    ((256, 256), (384, 384)), {**_GAUSSIANS, "data": "mpii", "colours": "bgr"}, _BASELINE_FACTS,
)
BASELINE_COCO = Source(
    "simple-baseline-coco", "SimpleBaseline on COCO (microsoft/human-pose-estimation.pytorch)", "baseline", 17,
    ((256, 192), (384, 288)), {**_GAUSSIANS, "data": "coco", "colours": "bgr"}, _BASELINE_FACTS,
)
GLUONCV = Source(
    "gluoncv", "GluonCV's model zoo, simple_pose_resnet*_v1b (dmlc/gluon-cv)", "gluoncv", 17, ((256, 192),),
    {**_GAUSSIANS, "data": "coco"},
    {
        "output, loss, sigma": "data/transforms/presets/simple_pose.py; scripts/pose/simple_pose/train_simple_pose.py",
        "decoder, read_grid": "data/transforms/pose.py, get_final_preds and transform_preds",
        "flip_in": "data/transforms/pose.py, flip_heatmap with shift; scripts/pose/simple_pose/validate.py",
        "sampling": "data/transforms/pose.py, get_affine_transform",
        "box_edges, margin": "data/transforms/presets/simple_pose.py, _box_to_center_scale",
        "colours": "data/mscoco/keypoints.py: mx.image.imread, which gives RGB; SimplePoseDefaultValTransform",
        "patches": "scripts/pose/simple_pose/validate.py: --input-size 256,192; docs/model_zoo: one with 128 x 96",
    },
    files={"ccd24037": (128, 96)},
)
INTEGRAL_PYTORCH = Source(
    "integral-pytorch",
    "mks0601/Integral-Human-Pose-Regression-for-3D-Human-Pose-Estimation", "volumes", 18 * 64, ((256, 256),),
    {**_VOLUMES, "flip_in": "cells"},
    {
        "grid": "common/nets/loss.py, soft_argmax; common/utils/pose_utils.py, warp_coord_to_original",
        "flip_in": "main/test.py: output_shape - x - 1",
        "sampling": f"data/dataset.py, {_CROP_FACT}",
        "depth": "main/config.py: bbox_3d_shape, 2000 mm; the box shows 2 m at the root (pose_utils.py)",
        "colours": "data/dataset.py, generate_patch_image: reversed to RGB",
        "patches": "main/config.py: input_shape",
    },
    saved_with=("scheduler",), rivals=("3dmppe",),
)
PPE = Source(
    "3dmppe", "3DMPPE PoseNet on Human3.6M (mks0601/3DMPPE_POSENET_RELEASE)", "volumes", 18 * 64, ((256, 256),),
    {**_VOLUMES, "flip_in": "cells", "margin": 1.25, "box_edges": "inner"},
    {
        "grid": "main/model.py, soft_argmax; data/Human36M/Human36M.py, evaluate",
        "flip_in": "main/test.py: output_shape - x - 1",
        "sampling": f"data/dataset.py, {_CROP_FACT}",
        "box_edges, margin": "common/utils/pose_utils.py, process_bbox: one px off width and height, then x 1.25",
        "depth": "main/config.py: bbox_3d_shape, 2000 mm, whatever the box shows",
        "colours": "data/dataset.py, generate_patch_image: reversed to RGB",
        "patches": "main/config.py: input_shape",
    },
    saved_with=("optimizer",), not_with=("scheduler",), rivals=("integral-pytorch",),
)
PPE_MUCO = Source(
    "3dmppe-muco", "3DMPPE PoseNet on MuCo-3DHP (mks0601/3DMPPE_POSENET_RELEASE)", "volumes", 21 * 64, ((256, 256),),
    {**PPE.settings, "data": "muco", "extra": "coco"},
    {**PPE.facts, "data": "data/MuCo/MuCo.py: joints_name; demo/demo.py", "extra": "README.md: MSCOCO for MuPoTS"},
)
RELEASE = Source(
    "release", "the authors' PyTorch release on Human3.6M (JimmySuen/integral-human-pose)", "release", 18 * 64,
    ((256, 256),), {**_VOLUMES, "flip_in": "patch-pixels"},
    {
        "grid": "pytorch_projects/common_pytorch/common_loss/integral.py, softmax_integral_tensor",
        "flip_in": "pytorch_projects/common_pytorch/net_modules.py, validNet: patch_width - x - 1",
        "sampling": f"common/utility/image_processing_cv.py, {_CROP_FACT}",
        "depth": "common/utility/image_processing_cv.py: rect_3d_width, 2000 mm; common_pytorch/dataset/hm36.py",
        "colours": "common/utility/image_processing_cv.py, convert_cvimg_to_tensor: RGB",
        "patches": "integral_human_pose/experiments/hm36/: patch_width, patch_height",
    },
)
CHALLENGE = Source(
    "challenge", "the authors' release of the ECCV 2018 challenge (JimmySuen/integral-human-pose)", "release", 18 * 72,
    ((384, 288),),
    {**_VOLUMES, "flip_in": "patch-pixels", "margin": 1.25, "box_edges": "plain", "bones": 4502.881},
    {
        **RELEASE.facts,
        "bones": "pytorch_projects/common_pytorch/net_modules.py, evalNetChallenge: target_bone_length, train + val",
        "box_edges, margin": "pytorch_projects/common_pytorch/dataset/hm36_eccv_challenge.py, jnt_bbox_db_core",
        "depth": "common/utility/image_processing_cv.py: z in px of the patch, as many as it is wide (depth_in_image)",
        "patches": "hm36_challenge/experiments/hm36/resnet152v1_ft/: patch_width 288, patch_height 384, depth_dim 72",
    },
)
SOURCES: Tuple[Source, ...] = (
    BASELINE_MPII, BASELINE_COCO, GLUONCV, INTEGRAL_PYTORCH, PPE, PPE_MUCO, RELEASE, CHALLENGE,
)
