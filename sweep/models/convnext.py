"""A small ConvNeXt.

Legend: N images, C channels, H height, W width, k kernel size.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from sweep.models.patches import patch_side

NUM_STAGES = 2
EXPANSION = 4
MAX_CELLS = 16


def convnext(
    image_shape: tuple[int, int, int], num_classes: int, width: int, depth: int, kernel_size: int
) -> nn.Sequential:
    """ConvNeXt: a patchifying stem, two stages of `depth` blocks, the second half as fine.

    Liu et al., A ConvNet for the 2020s, CVPR 2022, arXiv:2201.03545. Patches are as large
    as leaves at most 16 a side. Without their layer scale, which is for deep networks: at
    1e-6 an untrained network would be the identity.
    """
    side = patch_side(image_shape, MAX_CELLS)
    stem = nn.Sequential(nn.Conv2d(image_shape[0], width, side, side), ChannelNorm(width))
    stages: list[tuple[str, nn.Module]] = [("stem", stem)]
    channels = width
    for number in range(1, NUM_STAGES + 1):
        stages.append((f"stage{number}", _stage(channels, depth, kernel_size)))
        if number < NUM_STAGES:
            # An odd row or column is padded, so that 1 x 1 maps pass too.
            halving = nn.Conv2d(channels, 2 * channels, 2, 2, padding=_odd(image_shape, side))
            stages.append((f"down{number}", nn.Sequential(ChannelNorm(channels), halving)))
            channels *= 2
    norm = nn.LayerNorm(channels)
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), norm, nn.Dropout(0.0))
    stages.append(("pool", pool))
    stages.append(("head", nn.Linear(channels, num_classes)))
    return nn.Sequential(OrderedDict(stages))


class ConvNextBlock(nn.Module):
    """(N, C, H, W) -> the same: depthwise k x k, layer norm, inverted bottleneck, identity."""

    def __init__(self, channels: int, kernel_size: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels, channels, kernel_size, padding=kernel_size // 2, groups=channels
        )
        self.norm = ChannelNorm(channels)
        self.expand = nn.Conv2d(channels, EXPANSION * channels, 1)
        self.gelu = nn.GELU()
        self.project = nn.Conv2d(EXPANSION * channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.gelu(self.expand(self.norm(self.depthwise(x))))
        result: torch.Tensor = x + self.project(hidden)
        return result


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of (N, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _stage(channels: int, depth: int, kernel_size: int) -> nn.Sequential:
    return nn.Sequential(*[ConvNextBlock(channels, kernel_size) for _ in range(depth)])


def _odd(image_shape: tuple[int, int, int], side: int) -> tuple[int, int]:
    """Padding along H and W that makes a single cell two."""
    height, width = (cells // side for cells in image_shape[1:])
    return (int(height == 1), int(width == 1))
