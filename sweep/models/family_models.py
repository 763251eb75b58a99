"""Networks of our own families, with what the sweep file leaves out filled in.

Each is a plain `nn.Sequential` of named stages that ends in a linear `head`, so that the
layers of a profile can be read off its children. Each has dropout layers, of probability 0
unless `training.dropout` sets it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import nn

from sweep.models.convmixer import convmixer
from sweep.models.convnext import convnext
from sweep.models.convolutional import cnn, resnet, separable
from sweep.models.families import FAMILIES
from sweep.models.mlp import mlp
from sweep.models.mnistnet import mnistnet
from sweep.models.vit import vit

if TYPE_CHECKING:
    from sweep.config import ModelConfig

# By name: (image_shape (C, H, W), num_classes, **settings) to a network.
BUILDERS: dict[str, Callable[..., nn.Sequential]] = {
    "mlp": mlp,
    "cnn": cnn,
    "resnet": resnet,
    "separable": separable,
    "convnext": convnext,
    "convmixer": convmixer,
    "vit": vit,
    "mnistnet": mnistnet,
}


def build(config: ModelConfig, num_classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    """The network at initialization, for images of (C, H, W)."""
    usual = FAMILIES[config.name].usual
    given = {name: getattr(config, name) for name in usual}
    settings = {name: usual[name] if v is None else v for name, v in given.items()}
    return BUILDERS[config.name](image_shape, num_classes, **settings)
