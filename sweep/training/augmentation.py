"""Augmentation of training images, drawn on the CPU so that no device changes it.

Legend: n images in a batch, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import nn

LARGEST_SHIFT = 1 / 8  # of the side, as 4 of 32 pixels in the usual recipe for CIFAR


def augment(
    images: torch.Tensor,
    kind: str,
    generator: torch.Generator,
    count: int | None = None,
    share: slice = slice(None),
) -> torch.Tensor:
    """(n, C, H, W) images, each moved and perhaps mirrored by itself.

    kind: "none"; "crop", a random crop of the image padded with black (He et al., CVPR
        2016, section 4.2); "crop_flip", which also mirrors every second image on average.
    count, share: of how many images these are which; each gets what it would get among
        all of them. None: they are all.
    """
    if kind == "none":
        return images
    height, width = images.shape[2:]
    count = len(images) if count is None else count
    rows = _shifted(count, height, generator)
    columns = _shifted(count, width, generator)
    if kind == "crop_flip":
        mirrored = torch.randint(2, (count, 1), generator=generator, dtype=torch.bool)
        columns = torch.where(mirrored, columns.flip(1), columns)
    pads = [_largest_shift(side) for side in (width, width, height, height)]
    padded = nn.functional.pad(images, pads)
    rows, columns = rows[share].to(images.device), columns[share].to(images.device)
    image = torch.arange(len(images), device=images.device)
    # Indices beside a slice put the sliced axis last: (n, H, W, C).
    moved = padded[image[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return moved.permute(0, 3, 1, 2).contiguous()


def _shifted(count: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """(n, side) places in a padded image, each row with a shift of its own."""
    start = torch.randint(2 * _largest_shift(side) + 1, (count, 1), generator=generator)
    return start + torch.arange(side)


def _largest_shift(side: int) -> int:
    return max(1, round(side * LARGEST_SHIFT))
