"""Activations as maps of units, and how such maps come to lie over an image.

Legend: n images, U units, H x W cells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch

from estimators.anchoring import Anchors, Upsampling
from sweep.models.layers import Layer

AnchorRule = Literal["receptive", "half_pixel"]
MOST_TOKENS_BESIDE = 8  # class, distillation and register tokens, which come first


@dataclass(frozen=True)
class MapLayout:
    """How one layer's activations are read as maps.

    axes: "CHW", "HWC", "TC" for a sequence of tokens whose last H x W are a grid of patches, or
    "C" for a plain vector: one cell that looks at the whole image.
    anchored: whether the cells lie where their receptive fields are.
    """

    layer: Layer
    axes: Literal["CHW", "HWC", "TC", "C"]
    num_units: int
    cells: tuple[int, int]
    anchored: bool

    def maps(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, U, H, W) of the (n, D) rows that recording gives."""
        height, width = self.cells
        if self.axes == "CHW":
            return rows.reshape(-1, self.num_units, height, width)
        if self.axes == "C":
            return rows[:, :, None, None]
        tokens = rows.reshape(len(rows), -1, self.num_units)[:, -height * width :]
        return tokens.transpose(1, 2).reshape(-1, self.num_units, height, width)

    def upsampling(self, size: tuple[int, int], resolution: tuple[int, int]) -> Upsampling:
        """size: of the network's input. resolution: of the masks; both cover the whole image."""
        anchors = [Anchors.half_pixel(*both) for both in zip(self.cells, size, strict=True)]
        centers = self.layer.centers
        if self.anchored and centers is not None:
            anchors = [Anchors(*both) for both in zip(centers.start, centers.step, strict=True)]
        return Upsampling(anchors[0], anchors[1], self.cells, size, resolution)


def map_layout(layer: Layer, rule: AnchorRule) -> MapLayout:
    """What the shape of a layer's activation says, and the cells that it was traced to."""
    shape = layer.shape
    cells = layer.centers.cells if layer.centers is not None else None
    anchored = rule == "receptive"
    if layer.reduction == "flattened" and len(shape) == 3:
        # Where the cells are not known any more, two equal axes are those of the image.
        last = cells == shape[:2] or shape[0] == shape[1] != shape[2]
        if last and cells != shape[1:]:
            known = anchored and cells == shape[:2]
            return MapLayout(layer, "HWC", shape[2], (shape[0], shape[1]), known)
        known = anchored and cells == shape[1:]
        return MapLayout(layer, "CHW", shape[0], (shape[1], shape[2]), known)
    if layer.reduction == "flattened" and len(shape) == 2:
        beside = -1 if cells is None else shape[0] - cells[0] * cells[1]
        if cells is not None and 0 <= beside <= MOST_TOKENS_BESIDE:
            return MapLayout(layer, "TC", shape[1], cells, anchored)
        side = math.isqrt(shape[0])
        if side and shape[0] - side * side <= MOST_TOKENS_BESIDE:
            return MapLayout(layer, "TC", shape[1], (side, side), False)
    return MapLayout(layer, "C", layer.num_units, (1, 1), False)
