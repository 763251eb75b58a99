"""Networks of our own families, with what the sweep file leaves out filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from sweep.models.families import FAMILIES

if TYPE_CHECKING:
    from sweep.config import ModelConfig


def build(config: ModelConfig, num_classes: int, image_shape: tuple[int, int, int]) -> nn.Module:
    """The network at initialization, for images of (C, H, W)."""
    family = FAMILIES[config.name]
    given = {name: getattr(config, name) for name in family.usual}
    settings = {name: family.usual[name] if v is None else v for name, v in given.items()}
    return family.build(image_shape, num_classes, **settings)
