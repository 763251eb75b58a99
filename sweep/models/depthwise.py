"""The depthwise convolutions of any network, and their kernels.

Legend: K kernels of k x k pixels, C channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

MIN_SIZE = 3


@dataclass(frozen=True)
class DepthwiseLayer:
    """One depthwise convolution. module: its path in the network. kernels: (K, k, k) float."""

    module: str
    kernels: NDArray[np.float32]

    @property
    def size(self) -> int:
        return int(self.kernels.shape[1])


@dataclass(frozen=True)
class LeftOut:
    """A depthwise convolution whose kernels have no shape to speak of, and why."""

    module: str
    reason: str


def depthwise_layers(network: nn.Module) -> tuple[list[DepthwiseLayer], list[LeftOut]]:
    """What has a kernel of its own for each input channel, in the order of the network's modules.

    That is a Conv2d with as many groups as input channels, more than one, of at least 3 x 3.
    Oblong and even kernels are left out: they have no middle pixel, or not the same sides.
    """
    found, left_out = [], []
    for path, module in network.named_modules():
        if not isinstance(module, nn.Conv2d) or module.groups != module.in_channels:
            continue
        height, width = module.kernel_size
        if module.groups == 1 or max(height, width) < MIN_SIZE:
            continue
        if height != width or height % 2 == 0:
            left_out.append(LeftOut(path, f"kernels of {height} x {width} pixels"))
            continue
        weight = module.weight.detach().to("cpu", torch.float32)
        found.append(DepthwiseLayer(path, weight.reshape(-1, height, width).numpy()))
    return found, left_out
