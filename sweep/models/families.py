"""The families of small networks that idsweep brings, for images too small for large ones.

What a sweep file may say of each; `sweep.models.family_models` builds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """An architecture family by name.

    usual: the settings it has, of width, depth, kernel_size and batch_norm, and what each
        is where the sweep file leaves it out.
    """

    summary: str
    usual: Mapping[str, int | bool]


_USUAL: Mapping[str, int | bool] = {"width": 16, "depth": 2, "batch_norm": True}

FAMILIES: dict[str, Family] = {
    "mlp": Family("multilayer perceptron: depth hidden layers of width units", _USUAL),
    "cnn": Family(
        "plain convolutional: two stages of depth convolutions", {**_USUAL, "kernel_size": 3}
    ),
    "resnet": Family(
        "residual: two stages of depth two-convolution blocks", {**_USUAL, "kernel_size": 3}
    ),
    "separable": Family(
        "depthwise-separable: two stages of depth depthwise + 1 x 1",
        {**_USUAL, "kernel_size": 3},
    ),
    "convnext": Family(
        "ConvNeXt: patches, two stages of depth inverted bottlenecks, layer norm",
        {"width": 16, "depth": 2, "kernel_size": 7},
    ),
    "convmixer": Family(
        "ConvMixer: patches, depth times depthwise and 1 x 1 at one resolution",
        {"width": 32, "depth": 4, "kernel_size": 5, "batch_norm": True},
    ),
    "vit": Family(
        "vision transformer: patches, depth blocks of width units a token, class token",
        {"width": 64, "depth": 4},
    ),
    "mnistnet": Family(
        "the paper's network for MNIST: two convolutions and a hidden layer, from 10 x 10",
        {"width": 32},
    ),
}
