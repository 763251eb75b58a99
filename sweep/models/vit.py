"""A small vision transformer.

Legend: N images, T tokens (the class token first), D units of a token.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from sweep.models.patches import patch_side

MAX_CELLS = 8
HEAD_UNITS = 16
EXPANSION = 4


def vit(
    image_shape: tuple[int, int, int], num_classes: int, width: int, depth: int
) -> nn.Sequential:
    """Vision transformer: `depth` blocks on patches and a class token of `width` units.

    Dosovitskiy et al., ICLR 2021, arXiv:2010.11929, norms first. Patches are as large as
    leaves at most 8 a side; heads have 16 units where `width` is a multiple of it, else
    there is one head.
    """
    side = patch_side(image_shape, MAX_CELLS)
    num_patches = (image_shape[1] // side) * (image_shape[2] // side)
    stages: list[tuple[str, nn.Module]] = [
        ("embed", Embedding(image_shape[0], side, num_patches, width))
    ]
    heads = width // HEAD_UNITS if width % HEAD_UNITS == 0 else 1
    stages += [(f"block{number}", Block(width, heads)) for number in range(1, depth + 1)]
    stages.append(("norm", nn.LayerNorm(width)))
    stages.append(("class_token", ClassToken()))
    stages.append(("head", nn.Linear(width, num_classes)))
    return nn.Sequential(OrderedDict(stages))


class Embedding(nn.Module):
    """(N, C, H, W) images -> (N, T, D): class token and patches, with learned positions."""

    def __init__(self, channels: int, side: int, num_patches: int, width: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, width, side, side)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, num_patches + 1, width))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        patches = self.patches(images).flatten(2).transpose(1, 2)
        token = self.token.expand(len(images), -1, -1)
        return torch.cat([token, patches], dim=1) + self.positions


class Block(nn.Module):
    """(N, T, D) -> the same: attention, then a perceptron, each around an identity."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, EXPANSION * width),
            nn.GELU(),
            nn.Linear(EXPANSION * width, width),
            nn.Dropout(0.0),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.attention_norm(x))
        result: torch.Tensor = x + self.mlp(self.mlp_norm(x))
        return result


class Attention(nn.Module):
    """(N, T, D) -> the same: every token asks every token."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, d = x.shape
        parts = self.query_key_value(x).reshape(n, t, 3, self.heads, d // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        result: torch.Tensor = self.project(mixed.transpose(1, 2).reshape(n, t, d))
        return result


class ClassToken(nn.Module):
    """(N, T, D) -> (N, D): the first token."""

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens[:, 0]
