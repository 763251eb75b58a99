"""Building a trial's network, with its preprocessing inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from sweep.models.families import FAMILIES

if TYPE_CHECKING:
    from sweep.config import ModelConfig
    from sweep.data.partitions import ImageData


class Normalize(nn.Module):
    """uint8 or float images (N, C, H, W) in 0..255 to zero mean and unit variance."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: list[float], std: list[float]) -> None:
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std).reshape(-1, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return (images.float() - self.mean) / self.std.clamp_min(1e-6)


def build_model(config: ModelConfig, data: ImageData, seed: int) -> nn.Sequential:
    """The network of a trial at initialization: the same for the same arguments.

    Takes uint8 images (N, C, H, W), returns logits (N, num_classes). The global random
    state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = FAMILIES[config.name].build(
            data.image_shape, data.num_classes, config.width, config.depth, config.batch_norm
        )
    named = nn.Sequential()
    named.add_module("input", Normalize(data.mean, data.std))
    for name, stage in network.named_children():
        named.add_module(name, stage)
    return named
