"""The families of small networks that idsweep brings, for images too small for large ones.

Each is a plain `nn.Sequential` of named stages that ends in a linear `head`, so that the
layers of a profile can be read off its children. Each has dropout layers, of probability 0
unless `training.dropout` sets it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from sweep.models.convmixer import convmixer
from sweep.models.convnext import convnext
from sweep.models.convolutional import cnn, resnet, separable
from sweep.models.mlp import mlp
from sweep.models.mnistnet import mnistnet
from sweep.models.vit import vit


@dataclass(frozen=True)
class Family:
    """An architecture family by name.

    build: (image_shape (C, H, W), num_classes, **settings) to a network.
    usual: the settings it has, of width, depth, kernel_size and batch_norm, and what each
        is where the sweep file leaves it out.
    """

    summary: str
    build: Callable[..., nn.Sequential]
    usual: Mapping[str, int | bool]


_USUAL: Mapping[str, int | bool] = {"width": 16, "depth": 2, "batch_norm": True}

FAMILIES: dict[str, Family] = {
    "mlp": Family("multilayer perceptron: depth hidden layers of width units", mlp, _USUAL),
    "cnn": Family(
        "plain convolutional: two stages of depth convolutions", cnn, {**_USUAL, "kernel_size": 3}
    ),
    "resnet": Family(
        "residual: two stages of depth two-convolution blocks", resnet, {**_USUAL, "kernel_size": 3}
    ),
    "separable": Family(
        "depthwise-separable: two stages of depth depthwise + 1 x 1",
        separable,
        {**_USUAL, "kernel_size": 3},
    ),
    "convnext": Family(
        "ConvNeXt: patches, two stages of depth inverted bottlenecks, layer norm",
        convnext,
        {"width": 16, "depth": 2, "kernel_size": 7},
    ),
    "convmixer": Family(
        "ConvMixer: patches, depth times depthwise and 1 x 1 at one resolution",
        convmixer,
        {"width": 32, "depth": 4, "kernel_size": 5, "batch_norm": True},
    ),
    "vit": Family(
        "vision transformer: patches, depth blocks of width units a token, class token",
        vit,
        {"width": 64, "depth": 4},
    ),
    "mnistnet": Family(
        "the paper's network for MNIST: two convolutions and a hidden layer, from 10 x 10",
        mnistnet,
        {"width": 32},
    ),
}
