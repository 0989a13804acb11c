"""Our side of the contests, and the files that give a rival the same people, draws and parameters."""
from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, List

import cv2
import mxnet as mx
import numpy as np

from benchmarks.contest import ROOT, Prepared
from integral_pose.datasets import batches, loader
from integral_pose.datasets.batches import Batch, Batches, Pictures
from integral_pose.datasets.catalogue import Catalogue
from integral_pose.methods import I_STAR, on_human36m
from integral_pose.models import build
from integral_pose.run import Run
from integral_pose.samples import Jitter, Sample, patch_of
from integral_pose.synthetic import make_human36m, make_mpii
from integral_pose.training.loop import adam, forward_backward

RUNS: Dict[str, Run] = {
    "Table 1": replace(I_STAR, data=f"synthetic-mpii-v{make_mpii.VERSION}", train_people=60, test_people=12),
    "Table 7": replace(on_human36m(I_STAR), data=f"synthetic-human36m-v{make_human36m.VERSION}-1x1x1"),
}


LARGE = 1280  # px: the width of most of MPII's pictures


def people_of(table: str, data: str, size: int, large: str = "") -> Batches:
    """The training people of a table's network, in mini-batches of `size`; `large`: in the pictures of this folder."""
    made = loader.training_batches(replace(RUNS[table], batch=size), Catalogue(Path(data)))
    assert isinstance(made, Batches)
    return replace(made, samples=[enlarged(sample, Path(large)) for sample in made.samples]) if large else made


def enlarged(sample: Sample, folder: Path) -> Sample:
    """A 2D sample in a picture of 1280 px width, with a camera's noise, which is written if it is not there."""
    pixels, path = batches.PICTURES.read(sample.image), folder / f"{sample.image.stem}.jpg"
    times = LARGE / pixels.shape[1]
    if not path.exists():
        whole = cv2.resize(pixels, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
        noise = np.random.default_rng(0).normal(scale=3.0, size=whole.shape)
        cv2.imwrite(str(path), np.clip(whole + noise, 0, 255).astype(np.uint8))
    x, y = ((of + 0.5) * times - 0.5 for of in (sample.box.x, sample.box.y))
    box = replace(sample.box, x=x, y=y, side=sample.box.side * times)
    return replace(sample, image=path, joints=(sample.joints + 0.5) * times - 0.5, box=box)


def write_people(table: str, data: str, size: int, count: int, path: Path, large: str = "") -> None:
    """The first `count` mini-batches as a rival needs them: pictures, boxes and joints, jittered as ours are."""
    people = people_of(table, data, size, large)
    chosen = [draw for step in range(count) for draw in people.draws(step)]
    boxes, joints = [], []
    for sample, jitter in chosen:
        box = sample.box
        x, y = box.x + jitter.shift[0] * box.side, box.y + jitter.shift[1] * box.side
        boxes.append((x, y, box.side * jitter.scale, jitter.turn))
        joints.append(_joints(sample, jitter, people))
    jitters: List[Jitter] = [jitter for _, jitter in chosen]
    np.savez(
        path, path=[str(sample.image.resolve()) for sample, _ in chosen], box=boxes, joints=joints, size=people.patch,
        known=[sample.annotated > 0 for sample, _ in chosen], mirror=[jitter.mirror for jitter in jitters],
        gains=[jitter.gains for jitter in jitters], pairs=people.skeleton.mirror,
    )


def _joints(sample: Any, jitter: Jitter, people: Batches) -> np.ndarray:
    """(K, C): px of the picture, and for a 3D pose the depth as a fraction of the patch's."""
    if people.coordinates == 2:
        return np.asarray(sample.joints, float)
    depths = sample.pose.joints[:, 2]
    relative = depths - depths[people.skeleton.index(people.skeleton.root)]
    fractions = patch_of(sample, people.patch, jitter).to_depth_fraction(relative)
    return np.column_stack([sample.joints, fractions])


def write_parameters(table: str, path: Path) -> Dict[str, Any]:
    """Writes our initial values by name to the file `path`; returns what else a rival must know of the network."""
    net = _network(table)
    np.savez(path, **{name: p.data().asnumpy() for name, p in net._collect_params_with_prefix().items()})
    run = RUNS[table]
    return {
        "joints": net._collect_params_with_prefix()["head.final.bias"].shape[0] // run.depth, "depth": run.depth,
        "upsamplings": run.upsamplings, "parameters": str(path),
    }


def _network(table: str, parameters: str = "") -> Any:
    run = RUNS[table]
    net = build.network(run)
    build.initialise(net, replace(run, pretrained=False), [mx.cpu()], Path())
    if parameters:
        with np.load(parameters, allow_pickle=False) as values:
            for name, parameter in net._collect_params_with_prefix().items():
                parameter.set_data(mx.nd.array(values[name]))
    return net


def inference(table: str, parameters: str, inputs: str, fused: bool) -> Prepared:
    """Joints of images (N, 3, size, size) in the file `inputs`."""
    net = _network(table, parameters)
    if fused:
        build.fuse(net, RUNS[table], mx.cpu())
    else:
        net.hybridize(static_alloc=True)
    images = np.load(inputs, allow_pickle=False)
    return mx.__version__, lambda: net(mx.nd.array(images)).asnumpy()


def starting(data: str, out: str) -> Prepared:
    """`predict` with one picture, from the start of its process to the end; the turn gives its exit code."""
    picture = people_of("Table 1", data, 1).samples[0].image.resolve()
    command = [sys.executable, "-m", "scripts.predict", str(picture), "--out", out]

    def turn() -> int:
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True).returncode

    return str(mx.__version__), turn


def training(table: str, parameters: str, data: str, size: int) -> Prepared:
    """A step as in training, but with a loader that does not work ahead: patches, network, loss, Adam, and the mean
    error."""
    run = replace(RUNS[table], batch=size)
    net, loss, people = _network(table, parameters), build.loss(run), people_of(table, data, size)
    build.hybridize(net, run)
    trainer = adam(net, run.rate)
    step = iter(range(1 << 30))
    said: List[mx.nd.NDArray] = []
    batches.PICTURES = Pictures(0)  # every picture is decoded, as the rivals do

    def heard(output: Any, joints: Any, weights: Any) -> Any:
        said[:] = [output.detach()]
        return loss(output, joints, weights)

    def turn() -> float:
        batch = people.batch(next(step))
        losses = forward_backward(net, heard, batch, [mx.cpu()])
        trainer.step(size)
        error = float(np.linalg.norm(said[0].asnumpy() - batch.joints, axis=2).mean())
        mx.nd.waitall()
        return error + 0 * float(losses[0].asscalar())

    return mx.__version__, turn


def loading(
    table: str, data: str, size: int, kept: bool = False, large: str = "", reduced: bool = False
) -> Prepared:
    """A mini-batch from its files or, with `kept`, from pictures that were decoded before."""
    people = replace(people_of(table, data, size, large), reduced=reduced)
    batches.PICTURES = Pictures((1 << 30) if kept else 0)
    step = iter(range(1 << 30))
    for sample in people.samples if kept else ():
        batches.PICTURES.read(sample.image)
    return mx.__version__, lambda: summary(people.batch(next(step)))


def summary(batch: Batch) -> Callable[[], np.ndarray]:
    """What loaders are compared by, computed on request: means of 32 x 32 px, (N, 3, size / 32, size / 32)."""
    people, channels, size, _ = batch.images.shape
    blocks = batch.images.reshape(people, channels, size // 32, 32, size // 32, 32)
    return lambda: np.asarray(blocks.mean(axis=(3, 5)))


def authors_loader(people: str, size: int) -> Prepared:
    """The authors' loader, see `authors`."""
    from benchmarks.authors import Loader

    cv2.setNumThreads(1)
    made = Loader(people)
    return cv2.__version__, lambda: summary(Batch(*made.batch(size)))


def gluoncv_loader(people: str, size: int) -> Prepared:
    """GluonCV's transform for training Simple Pose, whose draws are its own, with its targets."""
    import gluoncv
    from gluoncv.data.transforms.presets.simple_pose import SimplePoseDefaultTrainTransform

    with np.load(people, allow_pickle=False) as file:
        draws = {name: file[name] for name in file.files}
    joints, patch = draws["joints"].shape[1], int(draws["size"])
    pairs = [(i, j) for i, j in enumerate(draws["pairs"].tolist()) if i < j]
    transform = SimplePoseDefaultTrainTransform(joints, pairs, (patch, patch), (patch // 4, patch // 4))
    place = iter(range(1 << 30))

    def person(i: int) -> np.ndarray:
        x, y, side, _ = draws["box"][i]
        label = np.zeros((joints, 3, 2), np.float32)
        label[:, :2, 0], label[:, :2, 1] = draws["joints"][i][:, :2], draws["known"][i][:, None]
        half = side / 2 / 1.25  # it adds a quarter
        box = (x - half, y - half, x + half, y + half)
        picture = mx.image.imread(str(draws["path"][i]))
        return transform(picture, {"bbox": box, "joints_3d": label}, "")[0].asnumpy()

    def turn() -> np.ndarray:
        return np.stack([person(next(place) % len(draws["path"])) for _ in range(size)])

    return gluoncv.__version__, turn
