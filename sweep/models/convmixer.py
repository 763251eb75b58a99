"""ConvMixer.

Legend: N images, C channels, H height, W width, k kernel size.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from sweep.models.patches import patch_side

MAX_CELLS = 16


def convmixer(
    image_shape: tuple[int, int, int],
    num_classes: int,
    width: int,
    depth: int,
    kernel_size: int,
    batch_norm: bool,
) -> nn.Sequential:
    """ConvMixer: patches of `width` channels, mixed `depth` times at one resolution.

    Trockman and Kolter, Patches are all you need?, TMLR 2023, arXiv:2201.09792. Patches
    are as large as leaves at most 16 a side.
    """
    side = patch_side(image_shape, MAX_CELLS)
    stem = _activated(nn.Conv2d(image_shape[0], width, side, side), batch_norm)
    stages: list[tuple[str, nn.Module]] = [("stem", stem)]
    for number in range(1, depth + 1):
        depthwise = nn.Conv2d(width, width, kernel_size, padding=kernel_size // 2, groups=width)
        pointwise = nn.Conv2d(width, width, 1)
        spatial = Residual(_activated(depthwise, batch_norm))
        mixer = nn.Sequential(spatial, _activated(pointwise, batch_norm))
        stages.append((f"mixer{number}", mixer))
    stages.append(("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.0))))
    stages.append(("head", nn.Linear(width, num_classes)))
    return nn.Sequential(OrderedDict(stages))


class Residual(nn.Module):
    """(N, C, H, W) -> the same: a module around an identity."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = x + self.inner(x)
        return result


def _activated(convolution: nn.Conv2d, batch_norm: bool) -> nn.Sequential:
    """The convolution, GELU, and then the norm, in the order of the paper."""
    norm = [nn.BatchNorm2d(convolution.out_channels)] if batch_norm else []
    return nn.Sequential(convolution, nn.GELU(), *norm)
