"""The multilayer perceptron."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def mlp(
    image_shape: tuple[int, int, int], num_classes: int, width: int, depth: int, batch_norm: bool
) -> nn.Sequential:
    """Multilayer perceptron: `depth` hidden layers of `width` units, ReLU."""
    stages: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())]
    units = image_shape[0] * image_shape[1] * image_shape[2]
    for number in range(1, depth + 1):
        norm = [nn.BatchNorm1d(width)] if batch_norm else []
        linear = nn.Linear(units, width, bias=not batch_norm)
        layer = nn.Sequential(linear, *norm, nn.ReLU(), nn.Dropout(0.0))
        stages.append((f"hidden{number}", layer))
        units = width
    stages.append(("head", nn.Linear(units, num_classes)))
    return nn.Sequential(OrderedDict(stages))
