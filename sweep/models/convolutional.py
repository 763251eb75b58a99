"""Plain, residual and depthwise-separable convolutional networks of two resolutions.

Legend: C channels, H height, W width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import nn

NUM_STAGES = 2  # 8 x 8 images stand two resolutions: 8 x 8 and 4 x 4


def cnn(
    image_shape: tuple[int, int, int],
    num_classes: int,
    width: int,
    depth: int,
    kernel_size: int,
    batch_norm: bool,
) -> nn.Sequential:
    """Plain convolutional network: `depth` convolutions per stage."""
    block = _Blocks(_plain_block, kernel_size, batch_norm)
    return _convolutional(image_shape, num_classes, width, depth, block)


def resnet(
    image_shape: tuple[int, int, int],
    num_classes: int,
    width: int,
    depth: int,
    kernel_size: int,
    batch_norm: bool,
) -> nn.Sequential:
    """Residual network: `depth` blocks of two convolutions per stage.

    He, Zhang, Ren, Sun, CVPR 2016, with the parameter-free shortcut (their option A).
    """
    block = _Blocks(ResidualBlock, kernel_size, batch_norm)
    return _convolutional(image_shape, num_classes, width, depth, block)


def separable(
    image_shape: tuple[int, int, int],
    num_classes: int,
    width: int,
    depth: int,
    kernel_size: int,
    batch_norm: bool,
) -> nn.Sequential:
    """Depthwise-separable network: `depth` pairs of depthwise k x k and 1 x 1 per stage.

    Howard et al., MobileNets, 2017, arXiv:1704.04861.
    """
    block = _Blocks(_separable_block, kernel_size, batch_norm)
    return _convolutional(image_shape, num_classes, width, depth, block)


class ResidualBlock(nn.Module):
    """(C_in, H, W) -> (C_out, H, W): two k x k convolutions around an identity."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, batch_norm: bool) -> None:
        super().__init__()
        self.extra_channels = outputs - inputs
        self.first = _plain_block(inputs, outputs, kernel_size, batch_norm)
        self.second = _convolution(outputs, outputs, kernel_size, batch_norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = nn.functional.pad(x, (0, 0, 0, 0, 0, self.extra_channels))
        return torch.relu(self.second(self.first(x)) + shortcut)


class _Blocks:
    """What a stage is made of: build(C_in, C_out, k, batch_norm), the last two fixed."""

    def __init__(
        self, build: Callable[[int, int, int, bool], nn.Module], kernel_size: int, batch_norm: bool
    ) -> None:
        self.build, self.kernel_size, self.batch_norm = build, kernel_size, batch_norm

    def block(self, inputs: int, outputs: int) -> nn.Module:
        return self.build(inputs, outputs, self.kernel_size, self.batch_norm)

    def stem(self, inputs: int, outputs: int) -> nn.Module:
        return _plain_block(inputs, outputs, self.kernel_size, self.batch_norm)


def _convolutional(
    image_shape: tuple[int, int, int], num_classes: int, width: int, depth: int, blocks: _Blocks
) -> nn.Sequential:
    """A stem, stages of `depth` blocks with width doubling as resolution halves, a head."""
    stages: list[tuple[str, nn.Module]] = [("stem", blocks.stem(image_shape[0], width))]
    channels = width
    for number in range(1, NUM_STAGES + 1):
        outputs = width * 2 ** (number - 1)
        stage = [blocks.block(channels if i == 0 else outputs, outputs) for i in range(depth)]
        stages.append((f"stage{number}", nn.Sequential(*stage)))
        if number < NUM_STAGES:
            stages.append((f"pool{number}", nn.MaxPool2d(2, ceil_mode=True)))
        channels = outputs
    stages.append(("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.0))))
    stages.append(("head", nn.Linear(channels, num_classes)))
    return nn.Sequential(OrderedDict(stages))


def _convolution(
    inputs: int, outputs: int, kernel_size: int, batch_norm: bool, groups: int = 1
) -> nn.Sequential:
    convolution = nn.Conv2d(
        inputs, outputs, kernel_size, padding=kernel_size // 2, groups=groups, bias=not batch_norm
    )
    return nn.Sequential(convolution, *([nn.BatchNorm2d(outputs)] if batch_norm else []))


def _plain_block(inputs: int, outputs: int, kernel_size: int, batch_norm: bool) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, outputs, kernel_size, batch_norm), nn.ReLU())


def _separable_block(
    inputs: int, outputs: int, kernel_size: int, batch_norm: bool
) -> nn.Sequential:
    depthwise = _convolution(inputs, inputs, kernel_size, batch_norm, groups=inputs)
    pointwise = _convolution(inputs, outputs, 1, batch_norm)
    return nn.Sequential(depthwise, nn.ReLU(), pointwise, nn.ReLU())
