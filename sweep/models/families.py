"""The small networks that idsweep brings: for images too small for the large ones.

Each is a plain `nn.Sequential` of named stages that ends in a linear `head`, so that the
layers of a profile can be read off its children. Legend: C channels, H height, W width.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

NUM_STAGES = 2  # 8 x 8 images stand two resolutions: 8 x 8 and 4 x 4


@dataclass(frozen=True)
class Family:
    """An architecture family by name: what width and depth mean, and how to build one."""

    summary: str
    build: Callable[[tuple[int, int, int], int, int, int, bool], nn.Sequential]


def mlp(
    image_shape: tuple[int, int, int], num_classes: int, width: int, depth: int, batch_norm: bool
) -> nn.Sequential:
    """Multilayer perceptron: `depth` hidden layers of `width` units, ReLU."""
    stages: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())]
    units = image_shape[0] * image_shape[1] * image_shape[2]
    for number in range(1, depth + 1):
        norm = [nn.BatchNorm1d(width)] if batch_norm else []
        layer = nn.Sequential(nn.Linear(units, width, bias=not batch_norm), *norm, nn.ReLU())
        stages.append((f"hidden{number}", layer))
        units = width
    stages.append(("head", nn.Linear(units, num_classes)))
    return nn.Sequential(OrderedDict(stages))


def cnn(
    image_shape: tuple[int, int, int], num_classes: int, width: int, depth: int, batch_norm: bool
) -> nn.Sequential:
    """Plain convolutional network: `depth` 3 x 3 convolutions per stage."""
    return _convolutional(image_shape, num_classes, width, depth, batch_norm, _plain_block)


def resnet(
    image_shape: tuple[int, int, int], num_classes: int, width: int, depth: int, batch_norm: bool
) -> nn.Sequential:
    """Residual network: `depth` blocks of two 3 x 3 convolutions per stage.

    He, Zhang, Ren, Sun, CVPR 2016, with the parameter-free shortcut (their option A).
    """
    return _convolutional(image_shape, num_classes, width, depth, batch_norm, ResidualBlock)


def separable(
    image_shape: tuple[int, int, int], num_classes: int, width: int, depth: int, batch_norm: bool
) -> nn.Sequential:
    """Depthwise-separable network: `depth` pairs of depthwise 3 x 3 and 1 x 1 per stage.

    Howard et al., MobileNets, 2017, arXiv:1704.04861.
    """
    return _convolutional(image_shape, num_classes, width, depth, batch_norm, _separable_block)


class ResidualBlock(nn.Module):
    """(C_in, H, W) -> (C_out, H, W): two 3 x 3 convolutions around an identity."""

    def __init__(self, inputs: int, outputs: int, batch_norm: bool) -> None:
        super().__init__()
        self.extra_channels = outputs - inputs
        self.first = _plain_block(inputs, outputs, batch_norm)
        self.second = _convolution(outputs, outputs, 3, batch_norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = nn.functional.pad(x, (0, 0, 0, 0, 0, self.extra_channels))
        return torch.relu(self.second(self.first(x)) + shortcut)


def _convolutional(
    image_shape: tuple[int, int, int],
    num_classes: int,
    width: int,
    depth: int,
    batch_norm: bool,
    block: Callable[[int, int, bool], nn.Module],
) -> nn.Sequential:
    """A stem, stages of `depth` blocks with width doubling as resolution halves, a head."""
    stages: list[tuple[str, nn.Module]] = [
        ("stem", _plain_block(image_shape[0], width, batch_norm))
    ]
    channels = width
    for number in range(1, NUM_STAGES + 1):
        outputs = width * 2 ** (number - 1)
        blocks = [block(channels if i == 0 else outputs, outputs, batch_norm) for i in range(depth)]
        stages.append((f"stage{number}", nn.Sequential(*blocks)))
        if number < NUM_STAGES:
            stages.append((f"pool{number}", nn.MaxPool2d(2, ceil_mode=True)))
        channels = outputs
    stages.append(("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())))
    stages.append(("head", nn.Linear(channels, num_classes)))
    return nn.Sequential(OrderedDict(stages))


def _convolution(
    inputs: int, outputs: int, kernel: int, batch_norm: bool, groups: int = 1
) -> nn.Sequential:
    convolution = nn.Conv2d(
        inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=not batch_norm
    )
    return nn.Sequential(convolution, *([nn.BatchNorm2d(outputs)] if batch_norm else []))


def _plain_block(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, outputs, 3, batch_norm), nn.ReLU())


def _separable_block(inputs: int, outputs: int, batch_norm: bool) -> nn.Sequential:
    depthwise = _convolution(inputs, inputs, 3, batch_norm, groups=inputs)
    pointwise = _convolution(inputs, outputs, 1, batch_norm)
    return nn.Sequential(depthwise, nn.ReLU(), pointwise, nn.ReLU())


FAMILIES: dict[str, Family] = {
    "mlp": Family("multilayer perceptron: depth hidden layers of width units", mlp),
    "cnn": Family("plain convolutional: two stages of depth 3 x 3 convolutions", cnn),
    "resnet": Family("residual: two stages of depth two-convolution blocks", resnet),
    "separable": Family("depthwise-separable: two stages of depth depthwise + 1 x 1", separable),
}
