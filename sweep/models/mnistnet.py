"""The paper's network for MNIST.

Legend: C channels, H height, W width.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import nn

SMALLEST_SIDE = 10  # of which two unpadded 3 x 3 convolutions and poolings leave one cell
HIDDEN_PER_CHANNEL = 4


def mnistnet(image_shape: tuple[int, int, int], num_classes: int, width: int) -> nn.Sequential:
    """Two unpadded 3 x 3 convolutions of width and 2 width channels, each pooled; a hidden layer.

    Ansuini, Laio, Macke, Zoccolan, NeurIPS 2019, Figure 6; width 32 on 28 x 28 is theirs:
    32 and 64 channels, 128 hidden units. As there, ReLU comes after the pooling. Images
    smaller than 10 x 10 are padded and pooled so that they pass too.
    """
    channels, height, side = image_shape
    small = min(height, side) < SMALLEST_SIDE
    padding = 1 if small else 0
    cells = math.prod(_cells(_cells(length, small), small) for length in (height, side))
    hidden = HIDDEN_PER_CHANNEL * width
    stages: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(channels, width, 3, padding=padding)),
        ("pool1", nn.Sequential(*_pooling(small))),
        ("conv2", nn.Conv2d(width, 2 * width, 3, padding=padding)),
        ("pool2", nn.Sequential(*_pooling(small), nn.Flatten())),
        ("hidden", nn.Sequential(nn.Linear(2 * width * cells, hidden), nn.ReLU(), nn.Dropout(0.0))),
        ("head", nn.Linear(hidden, num_classes)),
    ]
    return nn.Sequential(OrderedDict(stages))


def _pooling(small: bool) -> list[nn.Module]:
    return [nn.MaxPool2d(2, ceil_mode=small), nn.ReLU()]


def _cells(side: int, small: bool) -> int:
    """What a convolution and a pooling leave of a side."""
    return math.ceil(side / 2) if small else (side - 2) // 2
