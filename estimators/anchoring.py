"""Maps of activations at the resolution of masks: bilinear, anchored where the cells look.

Legend: M maps of H x W cells, S x S pixels of a mask.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Anchors:
    """Where the centers of a map's cells lie along one axis, in pixels of the network's input.

    start: of the first cell; the center of the input's first pixel is 0. step: to the next.
    """

    start: float
    step: float

    @classmethod
    def half_pixel(cls, num_cells: int, size: int) -> Anchors:
        """Cells that share an input of `size` pixels evenly, as `align_corners=False` has it."""
        step = size / num_cells
        return cls((step - 1) / 2, step)


class Upsampling:
    """Brings maps to S x S pixels. rows, columns: anchors along each axis.

    shape: (H, W) of a map. size: (height, width) of the network's input, in its pixels.
    resolution: (S, S) of the masks, which cover the same image.

    Beyond the outermost centers the value of the outermost cell goes on. A pixel between two
    equal cells has exactly their value; every pixel is computed alike, in whatever batch.
    """

    def __init__(
        self,
        rows: Anchors,
        columns: Anchors,
        shape: tuple[int, int],
        size: tuple[int, int],
        resolution: tuple[int, int],
    ) -> None:
        self.resolution = resolution
        self._rows = _cells(rows, shape[0], size[0], resolution[0])
        self._columns = _cells(columns, shape[1], size[1], resolution[1])

    def __call__(self, maps: torch.Tensor) -> torch.Tensor:
        """(M, S, S) of (M, H, W) float32 maps."""
        first, second, weight = self._rows
        above = maps[:, first]
        maps = above + weight[:, None] * (maps[:, second] - above)
        first, second, weight = self._columns
        left = maps[:, :, first]
        return left + weight * (maps[:, :, second] - left)


def _cells(
    anchors: Anchors, num_cells: int, size: int, resolution: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of each pixel the cells before and after it, and the share of the second."""
    pixels = (torch.arange(resolution, dtype=torch.float64) + 0.5) * (size / resolution) - 0.5
    places = ((pixels - anchors.start) / anchors.step).clamp(0, num_cells - 1)
    first = places.floor().long().clamp(max=max(num_cells - 2, 0))
    second = (first + 1).clamp(max=num_cells - 1)
    return first, second, (places - first).float()
