"""ResNet-18, -50, -101 and -152 trunks, stride in the 3x3 convolution ("v1b"), as the authors used, unless asked.

Parameters are named as in GluonCV's `resnet*_v1b`, so that its ImageNet files load as they are.
"""
from __future__ import annotations

import os
from typing import Any, Tuple

import mxnet as mx
from mxnet.gluon import HybridBlock, nn

from symbols.maps import Tensor

# Residual blocks in conv2 to conv5, and whether they are bottlenecks (He et al., Table 1).
DEPTHS = {18: ((2, 2, 2, 2), False), 50: ((3, 4, 6, 3), True), 101: ((3, 4, 23, 3), True),
          152: ((3, 8, 36, 3), True)}

BLOCK = 16  # channels side by side in oneDNN's layout


def rectified(F: Any, x: Tensor) -> Tensor:
    """ReLU.  F.relu is the same, but on a CPU not oneDNN's: each call would copy x into another layout and back."""
    return F.Activation(x, act_type="relu")


class BatchNormReLU(nn.BatchNorm):
    """Batch normalisation, then ReLU: (N, channels, h, w) -> the same shape.

    `fused`, which `fuse_rectifiers` sets, lets one operator of oneDNN do both where the features are on a CPU: the
    same numbers with less traffic to memory. Other programs do not know it, so it is for training only.
    """

    fused = False

    def hybrid_forward(self, F: Any, x: Tensor, gamma: Tensor, beta: Tensor, running_mean: Tensor,
                       running_var: Tensor) -> Tensor:
        if self.fused and mx.current_context().device_type.startswith("cpu"):
            values = (x, gamma, beta, running_mean, running_var)
            return F.contrib.BatchNormWithReLU(*values, name="fwd", **self._kwargs)
        return rectified(F, super().hybrid_forward(F, x, gamma, beta, running_mean, running_var))


def fuse_rectifiers(net: HybridBlock) -> None:
    """Has a network's `BatchNormReLU` take the one operator, where MXNet has it and oneDNN is not switched off.

    Only where channels come in whole blocks everywhere: of mixed layouts oneDNN had no backward pass for maps of one
    cell.
    """
    there = mx.runtime.Features().is_enabled("MKLDNN") and os.environ.get("MXNET_MKLDNN_ENABLED", "1") != "0"
    scales = [parameter for name, parameter in net.collect_params().items() if name.endswith("gamma")]
    whole = all(parameter.shape[0] % BLOCK == 0 for parameter in scales)

    def fuse(block: HybridBlock) -> None:
        if isinstance(block, BatchNormReLU):
            block.fused = there and whole

    net.apply(fuse)


class Basic(HybridBlock):
    """Two 3x3 convolutions and a shortcut: (N, in, h, w) -> (N, channels, h / stride, w / stride)."""

    expansion = 1

    def __init__(self, entering: int, channels: int, stride: int) -> None:
        super().__init__()
        with self.name_scope():
            self.conv1, self.bn1 = _conv(entering, channels, 3, stride), BatchNormReLU(in_channels=channels)
            self.conv2, self.bn2 = _conv(channels, channels, 3), nn.BatchNorm(in_channels=channels)
            self.downsample = _shortcut(entering, channels, stride)

    def hybrid_forward(self, F: Any, x: Tensor) -> Tensor:
        out = self.bn1(self.conv1(x))
        out = self.bn2(self.conv2(out))
        return rectified(F, out + (self.downsample(x) if self.downsample else x))


class Bottleneck(HybridBlock):
    """1x1, 3x3, 1x1 and a shortcut: (N, in, h, w) -> (N, 4 * channels, h / stride, w / stride)."""

    expansion = 4
    early = False  # whether the stride is in the first convolution instead of the 3x3

    def __init__(self, entering: int, channels: int, stride: int) -> None:
        super().__init__()
        leaving = channels * self.expansion
        first, second = (stride, 1) if self.early else (1, stride)
        with self.name_scope():
            self.conv1, self.bn1 = _conv(entering, channels, 1, first), BatchNormReLU(in_channels=channels)
            self.conv2, self.bn2 = _conv(channels, channels, 3, second), BatchNormReLU(in_channels=channels)
            self.conv3, self.bn3 = _conv(channels, leaving, 1), nn.BatchNorm(in_channels=leaving)
            self.downsample = _shortcut(entering, leaving, stride)

    def hybrid_forward(self, F: Any, x: Tensor) -> Tensor:
        out = self.bn1(self.conv1(x))
        out = self.bn2(self.conv2(out))
        out = self.bn3(self.conv3(out))
        return rectified(F, out + (self.downsample(x) if self.downsample else x))


class EarlyBottleneck(Bottleneck):
    """As He et al. published it, for Caffe: the same parameters, with the stride in the first 1x1 convolution."""

    early = True


class Conv1To3(HybridBlock):
    """Images (N, 3, h, w) -> features (N, out_channels, h / 8, w / 8), what the stages of Sec. 5 share.

    Args:
        depth: 18, 50, 101 or 152 layers.
        width: multiplies every number of channels; 1 is the published network.
        early: whether bottlenecks have their stride in the first 1x1 convolution.
    """

    def __init__(self, depth: int, width: float = 1.0, early: bool = False) -> None:
        super().__init__()
        blocks, block, stem = _plan(depth, width, early)
        self.out_channels = 2 * stem * block.expansion
        with self.name_scope():
            self.conv1, self.bn1 = _conv(3, stem, 7, 2), BatchNormReLU(in_channels=stem)
            self.maxpool = nn.MaxPool2D(pool_size=3, strides=2, padding=1)
            self.layer1 = _stage(block, stem, stem, blocks[0], 1)
            self.layer2 = _stage(block, stem * block.expansion, 2 * stem, blocks[1], 2)

    def hybrid_forward(self, F: Any, x: Tensor) -> Tensor:
        return self.layer2(self.layer1(self.maxpool(self.bn1(self.conv1(x)))))


class Conv4To5(HybridBlock):
    """Features of conv3 and `maps` channels more (N, ..., h, w) -> features (N, out_channels, h / 4, w / 4)."""

    def __init__(self, depth: int, width: float = 1.0, maps: int = 0) -> None:
        super().__init__()
        with self.name_scope():
            self.layer3, self.layer4, self.out_channels = _conv4_and_5(depth, width, maps)

    def hybrid_forward(self, F: Any, x: Tensor) -> Tensor:
        return self.layer4(self.layer3(x))


class ResNet(Conv1To3):
    """Images (N, 3, h, w) -> features (N, out_channels, h / 32, w / 32).

    Args:
        depth: 18, 50, 101 or 152 layers.
        width: multiplies every number of channels; 1 is the published network.
        early: whether bottlenecks have their stride in the first 1x1 convolution.
    """

    def __init__(self, depth: int, width: float = 1.0, early: bool = False) -> None:
        super().__init__(depth, width, early)
        with self.name_scope():
            self.layer3, self.layer4, self.out_channels = _conv4_and_5(depth, width, early=early)

    def hybrid_forward(self, F: Any, x: Tensor) -> Tensor:
        return self.layer4(self.layer3(super().hybrid_forward(F, x)))


def _plan(depth: int, width: float, early: bool = False) -> Tuple[Tuple[int, ...], Any, int]:
    """Numbers of residual blocks, their class, and the channels of the stem."""
    blocks, bottleneck = DEPTHS[depth]
    block = (EarlyBottleneck if early else Bottleneck) if bottleneck else Basic
    return blocks, block, round(64 * width)


def _conv4_and_5(
    depth: int, width: float, maps: int = 0, early: bool = False
) -> Tuple[nn.HybridSequential, nn.HybridSequential, int]:
    """conv4, which takes `maps` channels besides those of conv3, conv5, and how many channels that gives."""
    blocks, block, stem = _plan(depth, width, early)
    conv4 = _stage(block, 2 * stem * block.expansion + maps, 4 * stem, blocks[2], 2)
    conv5 = _stage(block, 4 * stem * block.expansion, 8 * stem, blocks[3], 2)
    return conv4, conv5, 8 * stem * block.expansion


def _conv(entering: int, leaving: int, kernel: int, stride: int = 1) -> nn.Conv2D:
    return nn.Conv2D(leaving, kernel, stride, kernel // 2, use_bias=False, in_channels=entering)


def _shortcut(entering: int, leaving: int, stride: int) -> Any:
    """A projection where the shape changes, else None: the identity."""
    if stride == 1 and entering == leaving:
        return None
    projection = nn.HybridSequential()
    with projection.name_scope():
        projection.add(_conv(entering, leaving, 1, stride), nn.BatchNorm(in_channels=leaving))
    return projection


def _stage(block: Any, entering: int, channels: int, blocks: int, stride: int) -> nn.HybridSequential:
    stage = nn.HybridSequential()
    with stage.name_scope():
        stage.add(block(entering, channels, stride))
        for _ in range(blocks - 1):
            stage.add(block(channels * block.expansion, channels, 1))
    return stage
