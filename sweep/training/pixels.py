"""The images of a split as a network takes them: in memory if they fit, else made per batch.

Legend: R rows asked for, C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch

from sweep.data.partitions import Split
from sweep.models.preprocessing import Preprocessing

# Of pixels: beyond this each batch is read, and decoded, anew.
KEPT_BYTES = 2 << 30


class Pixels:
    """Indexed by (R,) rows of the split, gives (R, C, H, W) pixels on the device."""

    def __init__(self, split: Split, preprocessing: Preprocessing, device: str) -> None:
        self._split = split
        self._preprocessing = preprocessing
        self._device = device
        self._kept: torch.Tensor | None = None
        one = self._load(np.arange(1))
        if one.nbytes * len(split) <= KEPT_BYTES:
            # A copy: memory maps are read-only, which torch warns about.
            self._kept = self._load(np.arange(len(split))).clone().to(device)

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        if self._kept is not None:
            return self._kept[rows.to(self._device)]
        return self._load(rows.numpy()).to(self._device)

    def _load(self, rows: np.typing.NDArray[np.int64]) -> torch.Tensor:
        return self._preprocessing.pixels_of(self._split, rows)
