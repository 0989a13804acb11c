"""Publishers' own networks with random values, saved and run by their own programs; for an environment with PyTorch.

    python theirs.py NAME REPOSITORIES PICTURE OUTPUT

writes the network's file into the folder OUTPUT, and expected.npz: the boxes, the maps of both, and the joints. It is
started by `compare.py`. REPOSITORIES holds the publishers' repositories, by the names in `REPOSITORY`.

What is called here is theirs. Only what stands in the middle of their loops over data sets, and cannot be called, is
written again: the flip test.
"""
from __future__ import annotations

import importlib
import importlib.util
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, Tuple

import cv2
import numpy as np
import torch

Array = np.ndarray
REPOSITORY = {
    "simple-baseline": "human-pose-estimation.pytorch", "to-torch": "human-pose-estimation.pytorch",
    "integral-pytorch": "integral-pytorch", "3dmppe": "3dmppe", "release": "integral-human-pose",
    "challenge": "integral-human-pose",
}
BOX = (60.0, 31.0, 110.0, 160.0)  # x, y, width and height in px
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Outcome = Tuple[Array, Array, Array]  # maps, joints, and joints with the flip test: (K, 2) in px, or (K, 3) with mm


def main(name: str, repositories: str, picture: str, output: str) -> None:
    """Saves a network of a publisher's and what it predicts."""
    _stand_ins()
    torch.manual_seed(1)
    kind, *sizes = name.split(":")
    with torch.no_grad():
        outcome = MAKERS[kind](Path(repositories) / REPOSITORY.get(kind, ""), cv2.imread(picture), Path(output), *sizes)
    np.savez(Path(output) / "expected.npz", box=BOX, **dict(zip(("maps", "joints", "flipped"), outcome)))


def _stand_ins() -> None:
    """What today's PyTorch lacks of that of 2018, and a GPU."""
    register = torch.library.register_fake
    torch.library.register_fake = lambda of, *a, **k: (  # for a torchvision that was built for GPUs
        (lambda f: f) if str(of).startswith("torchvision::") else register(of, *a, **k)
    )
    resnet = importlib.import_module("torchvision.models.resnet")
    vars(resnet).update(model_urls={}, model_zoo=None)
    torch.Tensor.cuda = lambda self, *_, **__: self
    torch.cuda.FloatTensor = torch.FloatTensor
    comm = importlib.import_module("torch.nn.parallel.comm")
    vars(comm).update(broadcast=lambda tensor, devices: [tensor])
    torch.cuda.comm = comm
    sys.modules["torch.cuda.comm"] = comm


def _randomised(net: Any, volumes: bool = False) -> Any:
    """The network with random weights, whose features keep about their size, and random running statistics.

    Volumes are flattened: the expectation of a map with several sharp peaks changes with the last digit of its logits.
    """
    for name, value in [*net.named_parameters(), *net.named_buffers()]:
        if name.endswith("running_var"):
            value.uniform_(0.7, 1.3)
        elif value.dim() > 1:
            last = volumes and name.endswith(("final_layer.weight", "head.features.9.weight"))
            value.normal_(0, (0.1 if last else 1.0) * (2 / value[0].numel()) ** 0.5)
        elif value.dtype.is_floating_point:
            value.uniform_(0.8, 1.2) if name.endswith("weight") else value.normal_(0, 0.1)
    return net.eval()


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _tensor(patch: Array) -> Any:
    """As torchvision's ToTensor and Normalize."""
    values = torch.from_numpy(np.ascontiguousarray(patch, np.float32).transpose(2, 0, 1)) / 255
    return ((values - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None])[None]


def _config(layers: str, joints: str, style: str, deconvolutions: int = 3) -> Any:
    """What lib/core/config.py would hold."""
    extra = SimpleNamespace(DECONV_WITH_BIAS=False, NUM_DECONV_LAYERS=deconvolutions,
                            NUM_DECONV_FILTERS=[256] * deconvolutions, NUM_DECONV_KERNELS=[4] * deconvolutions,
                            FINAL_CONV_KERNEL=1, NUM_LAYERS=int(layers))
    model = SimpleNamespace(EXTRA=extra, NUM_JOINTS=int(joints), STYLE=style, INIT_WEIGHTS=False)
    return SimpleNamespace(MODEL=model, TEST=SimpleNamespace(POST_PROCESS=True))


def simple_baseline(
    at: Path, picture: Array, output: Path, layers: str, joints: str, high: str, wide: str, style: str = "pytorch"
) -> Outcome:
    """lib/models/pose_resnet.py, with the steps of lib/dataset/coco.py and lib/core/function.py, validate."""
    sys.path.insert(0, str(at / "lib"))
    config = _config(layers, joints, style)
    net = _randomised(_module(at / "lib/models/pose_resnet.py").get_pose_net(config, is_train=False))
    net.final_layer.bias.uniform_(20, 30)  # where a map is nowhere above 0, their decoding gives its corner
    said = "" if style == "pytorch" else f"{style}_"
    torch.save(net.state_dict(), output / f"pose_resnet_{layers}_{said}{high}x{wide}.pth.tar")
    transforms, inference = (importlib.import_module(f"{name}") for name in ("utils.transforms", "core.inference"))
    size, (x, y, w, h) = np.array([int(wide), int(high)]), BOX
    h = max(h, w * size[1] / size[0])
    centre, scale = np.array([x + BOX[2] / 2, y + BOX[3] / 2]), 1.25 * np.array([h * size[0] / size[1], h]) / 200
    matrix = transforms.get_affine_transform(centre, scale, 0, size)
    image = _tensor(cv2.warpAffine(picture, matrix, tuple(size.tolist()), flags=cv2.INTER_LINEAR))
    maps, mirrored = net(image).numpy(), net(image.flip(3)).numpy()
    sides = [i + 1 for i in range(0, 16, 2)]
    pairs = [(i, i + 1) for i in sides] if joints == "17" else [(0, 5), (1, 4), (2, 3), (10, 15), (11, 14), (12, 13)]
    back = transforms.flip_back(mirrored, pairs).copy()
    back[:, :, :, 1:] = back.copy()[:, :, :, :-1]
    both = [inference.get_final_preds(config, m, centre[None], scale[None])[0][0] for m in (maps, (maps + back) / 2)]
    return maps[0], both[0], both[1]


def of_mks(kind: str, at: Path, picture: Array, output: Path, joints: str = "18") -> Outcome:
    """3DMPPE's PoseNet, or the same author's integral regression: main/model.py, data/dataset.py, main/test.py."""
    for folder in ("main", "data", "common"):
        sys.path.insert(0, str(at / folder))
    cfg = importlib.import_module("config").cfg
    made = importlib.import_module("model").get_pose_net(cfg, False, int(joints))
    net = torch.nn.DataParallel(_randomised(made, True))
    optimizer = torch.optim.Adam(net.parameters())
    beside = {"optimizer": optimizer.state_dict()}
    if kind == "integral-pytorch":
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, cfg.lr_dec_epoch, cfg.lr_dec_factor)
        beside["scheduler"] = scheduler.state_dict()
    torch.save({"epoch": 19, "network": net.state_dict(), **beside}, output / "snapshot_19.pth.tar")
    dataset = importlib.import_module("dataset")
    x, y, w, h = BOX
    if kind == "3dmppe":
        box = importlib.import_module("utils.pose_utils").process_bbox(np.array(BOX), *picture.shape[1::-1])
        patch, _ = dataset.generate_patch_image(picture, box, False, 1.0, 0.0, False)
    else:  # the square that our program takes for the 2 m around the pelvis, which it does not know
        side = 1.2 * max(w, h)
        box = np.array([x + w / 2 - 0.5 - side / 2, y + h / 2 - 0.5 - side / 2, side, side])
        patch, _ = dataset.generate_patch_image(picture, box, False, 1.0, 0.0)
    image = _tensor(patch)
    module = net.module
    decode = importlib.import_module("model" if kind == "3dmppe" else "nets.loss").soft_argmax
    maps = module.head(module.backbone(image))
    found, mirrored = (decode(m, int(joints))[0].numpy() for m in (maps, module.head(module.backbone(image.flip(3)))))
    pairs = ((1, 4), (2, 5), (3, 6), (14, 11), (15, 12), (16, 13)) if joints == "18" else (
        (2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13), (17, 18), (19, 20))
    both = (found + _exchanged(mirrored, pairs, cfg.output_shape[1] - 1)) / 2
    return maps[0].numpy(), _restored(found, box, cfg), _restored(both, box, cfg)


def _exchanged(mirrored: Array, pairs: Any, end: float) -> Array:
    back = mirrored.copy()
    back[:, 0] = end - back[:, 0]
    for one, other in pairs:
        back[[one, other]] = back[[other, one]]
    return back


def _restored(found: Array, box: Array, cfg: Any) -> Array:
    """data/Human36M/Human36M.py, evaluate: px of the picture, and mm behind the root's depth."""
    side = cfg.output_shape[1]
    return np.stack([found[:, 0] / side * box[2] + box[0], found[:, 1] / side * box[3] + box[1],
                     (found[:, 2] / cfg.depth_dim * 2 - 1) * (cfg.bbox_3d_shape[0] / 2)], axis=1)


def of_authors(at: Path, picture: Array, output: Path, layers: str, depth: str, high: str, wide: str) -> Outcome:
    """The release: common_pytorch/blocks/resnet_pose.py, loss/integral.py, common/utility/image_processing_cv.py."""
    sys.path[:0] = [str(at), str(at / "pytorch_projects")]
    block = importlib.import_module("common_pytorch.blocks.resnet_pose")
    loss = importlib.import_module("common_pytorch.loss.integral")
    images = importlib.import_module("common.utility.image_processing_cv")
    config = block.get_default_network_config()
    config.num_layers, config.depth_dim, h, w = int(layers), int(depth), int(high), int(wide)
    net = torch.nn.DataParallel(_randomised(block.get_pose_net(config, 18), True))
    state = {"network": net.state_dict(), "optimizer": {}, "scheduler": {}, "train_loss": [0.5], "valid_loss": [0.4]}
    torch.save({"epoch": 300, **state}, output / f"model_{high}x{wide}.pth.tar")
    challenge = depth == "72"
    margin, half = (1.25, 0.0) if challenge else (1.2, 0.5)
    height = margin * max(BOX[3], BOX[2] * h / w)
    crop = (BOX[0] + BOX[2] / 2 - half, BOX[1] + BOX[3] / 2 - half, height * w / h, height, w, h)
    patch, _ = images.generate_patch_image_cv(picture, *crop, False, 1.0, 0)
    image = images.convert_cvimg_to_tensor(patch)
    image = (image - np.array(MEAN, "f")[:, None, None] * 255) / (np.array(DEVIATION, "f")[:, None, None] * 255)
    both_ways = torch.from_numpy(np.stack([image, image[:, :, ::-1]]).astype(np.float32))
    maps = net.module(both_ways)
    found = loss.get_joint_location_result(loss.get_default_loss_config(), w, h, maps)
    pairs = ((1, 4), (2, 5), (3, 6), (14, 11), (15, 12), (16, 13))
    flipped = (found[0] + _exchanged(found[1], pairs, w - 1)) / 2
    return maps[0].numpy(), *(_in_mm(images, joints, crop, challenge) for joints in (found[0], flipped))


def _in_mm(images: Any, joints: Array, crop: Tuple[float, ...], challenge: bool) -> Array:
    """Px of the picture and mm; for the challenge then the whole pose in mm from the root, too."""
    found = images.trans_coords_from_patch_to_org_3d(joints, *crop, 2000, 2000)[:, :3]
    if not challenge:
        return found
    parents = [0, 0, 1, 2, 0, 4, 5, 0, 17, 17, 8, 17, 11, 12, 17, 14, 15, 0]  # s_36_parent_ids in dataset/hm36.py
    posed = images.rescale_pose_from_patch_to_camera(joints, 4502.881, parents)[:, :3]
    return np.concatenate([found[:, :2], posed], axis=1)


def exported(
    at: Path, picture: Array, output: Path, layers: str, joints: str, deconvolutions: str, high: str, wide: str,
    style: str = "pytorch"
) -> Outcome:
    """lib/models/pose_resnet.py with the parameters that our program has written, as pose_estimation/valid.py loads."""
    (path,) = output.glob("*.pth")
    config = _config(layers, joints, style, int(deconvolutions))
    net = _module(at / "lib/models/pose_resnet.py").get_pose_net(config, is_train=False)
    net.load_state_dict(torch.load(path, weights_only=True), strict=True)
    maps = net.eval()(_tensor(cv2.resize(picture, (int(wide), int(high)))[:, :, ::-1]))
    return maps[0].numpy(), np.zeros((1, 2)), np.zeros((1, 2))


def backbone(_: Path, picture: Array, output: Path, library: str, layers: str) -> Outcome:
    """A ResNet of torchvision's or timm's: its features of the picture, as "maps"."""
    if library == "timm":
        net = _randomised(importlib.import_module("timm").create_model(f"resnet{layers}"))
        importlib.import_module("safetensors.torch").save_file(net.state_dict(), output / f"resnet{layers}.safetensors")
        features = net.forward_features
    else:
        net = _randomised(getattr(importlib.import_module("torchvision.models"), f"resnet{layers}")())
        torch.save(net.state_dict(), output / f"resnet{layers}-0676ba61.pth")
        features = torch.nn.Sequential(*list(net.children())[:-2])
    image = _tensor(cv2.resize(picture, (128, 128))[:, :, ::-1])
    return features(image)[0].numpy(), np.zeros((1, 2)), np.zeros((1, 2))


MAKERS: Dict[str, Callable[..., Outcome]] = {
    "simple-baseline": simple_baseline, "to-torch": exported, "backbone": backbone, "release": of_authors,
    "challenge": of_authors,
    "3dmppe": partial(of_mks, "3dmppe"), "integral-pytorch": partial(of_mks, "integral-pytorch"),
}

if __name__ == "__main__":
    main(*sys.argv[1:])
