"""The luminance gradient: one dimension of the images blown up beyond all others.

Legend: n images, C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sweep.data.splitmix import GOLDEN, mixed, to_unit

PIXEL_RANGE = 255.0


def add_luminance(pixels: torch.Tensor, ids: NDArray[np.int64], strength: float) -> torch.Tensor:
    """(n, C, H, W) pixels in 0..255 with one offset per image, scaled back to 0..255; float32.

    ids: (n,) of the images: the offset of an image is always the same. strength: offsets
    are uniform between 0 and so many times the pixel range. The paper's MNIST* has 300
    (Ansuini et al., NeurIPS 2019, Figure 6; its code adds U(0, 300) to pixels in [0, 1]).
    """
    offsets = torch.from_numpy(strength * PIXEL_RANGE * _uniform(ids)).to(torch.float32)
    return (pixels.float() + offsets.to(pixels.device)[:, None, None, None]) / (1 + strength)


def _uniform(ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """A number in [0, 1) for each id."""
    return to_unit(mixed((ids.astype(np.uint64) + np.uint64(1)) * GOLDEN))
