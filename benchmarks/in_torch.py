"""The rival in PyTorch: the same network, loss and optimizer in its own operators; nothing here imports MXNet."""
from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np
import torch
from torch import nn

from benchmarks import authors
from benchmarks.contest import Prepared

BLOCKS = (3, 4, 6, 3)  # of ResNet-50


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1, and a shortcut."""

    def __init__(self, entering: int, channels: int, stride: int) -> None:
        super().__init__()
        leaving = 4 * channels
        self.conv1, self.bn1 = nn.Conv2d(entering, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv3, self.bn3 = nn.Conv2d(channels, leaving, 1, bias=False), nn.BatchNorm2d(leaving)
        projects = stride > 1 or entering != leaving
        self.downsample = nn.Sequential(
            nn.Conv2d(entering, leaving, 1, stride, bias=False), nn.BatchNorm2d(leaving)
        ) if projects else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        return self.relu(out + self.downsample(x))


class Trunk(nn.Module):
    """ResNet-50, its parameters named as ours are."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        entering, stages = 64, []
        for number, blocks in enumerate(BLOCKS):
            channels = 64 * 2**number
            first = Bottleneck(entering, channels, 2 if number else 1)
            entering = 4 * channels
            stages.append(nn.Sequential(first, *(Bottleneck(entering, channels, 1) for _ in range(blocks - 1))))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, x: Any) -> Any:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class Head(nn.Module):
    """Deconvolutions with batch normalisation and ReLU, and a 1x1 convolution."""

    def __init__(self, maps: int, upsamplings: int) -> None:
        super().__init__()
        layers: List[nn.Module] = []
        for number in range(upsamplings):
            deconvolution = nn.ConvTranspose2d(256 if number else 2048, 256, 4, 2, 1, bias=False)
            layers += [deconvolution, nn.BatchNorm2d(256), nn.ReLU(inplace=True)]
        self.layers, self.final = nn.Sequential(*layers), nn.Conv2d(256, maps, 1)

    def forward(self, x: Any) -> Any:
        return self.final(self.layers(x))


class Network(nn.Module):
    """Images to joints (N, K, C), fractions of the patch: ResNet-50, a head, the integral in the authors' form."""

    def __init__(self, joints: int, depth: int, upsamplings: int) -> None:
        super().__init__()
        self.joints, self.depth = joints, depth
        self.trunk, self.head = Trunk(), Head(joints * depth, upsamplings)

    def forward(self, images: Any) -> Any:
        return self.integral(self.head(self.trunk(images)))

    def integral(self, logits: Any) -> Any:
        """One softmax, a sum for each axis, and its product with the cells' centres."""
        height, width = logits.shape[2:]
        flat = torch.softmax(logits.reshape(logits.shape[0], self.joints, -1), 2)
        volumes = flat.reshape(-1, self.joints, self.depth, height, width)
        sums = [volumes.sum(dim=(2, 3)), volumes.sum(dim=(2, 4)), volumes.sum(dim=(3, 4))]
        means = [
            (vector * ((torch.arange(vector.shape[2], dtype=torch.float32) + 0.5) / vector.shape[2])).sum(dim=2)
            for vector in sums[: 2 if self.depth == 1 else 3]
        ]
        return torch.stack(means, dim=2)


def network(joints: int, depth: int, upsamplings: int, parameters: str) -> Network:
    """With the values of a file of ours, (name: array) in NumPy's format."""
    net = Network(joints, depth, upsamplings)
    own = net.state_dict()
    with np.load(parameters, allow_pickle=False) as values:
        named = {_renamed(name): torch.from_numpy(values[name]) for name in values.files}
    net.load_state_dict({**{name: own[name] for name in own if name.endswith("num_batches_tracked")}, **named})
    return net


def _renamed(name: str) -> str:
    return name.replace(".gamma", ".weight").replace(".beta", ".bias")


def _prepared(net: Network, images: Any, channels_last: bool) -> Tuple[Network, Any]:
    if not channels_last:
        return net, images
    return net.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)


def _settle(threads: int) -> str:
    torch.set_num_threads(threads)
    return str(torch.__version__)


def inference(form: Dict[str, Any], inputs: str, threads: int, channels_last: bool) -> Prepared:
    """Joints of images (N, 3, size, size) in the file `inputs`."""
    version = _settle(threads)
    patches = torch.from_numpy(np.load(inputs, allow_pickle=False))
    net, images = _prepared(network(**form).eval(), patches, channels_last)

    def turn() -> Any:
        with torch.inference_mode():
            return net(images).numpy()

    return version, turn


def training(form: Dict[str, Any], people: str, size: int, threads: int, channels_last: bool) -> Prepared:
    """A step: the authors' loader, the network, L1 on the joints, Adam, and the mean error, which the turn gives."""
    version = _settle(threads)
    net, _ = _prepared(network(**form).train(), torch.zeros(1, 3, 32, 32), channels_last)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    loader = authors.Loader(people)

    def turn() -> float:
        images, joints, weights = (torch.from_numpy(array) for array in loader.batch(size))
        if channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad(set_to_none=True)
        found = net(images)
        loss = (weights * (found - joints).abs()).sum(dim=2).mean()
        loss.backward()
        optimizer.step()
        return float(torch.linalg.vector_norm(found.detach() - joints, dim=2).mean()) + 0 * float(loss.detach())

    return version, turn
