"""The images of a split as a network takes them: in memory if they fit, else made per batch.

Legend: R rows asked for, C channels, H height, W width.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from sweep.data.partitions import Split
from sweep.models.preprocessing import Preprocessing

# Of pixels in this machine's memory: beyond this each batch is read, and decoded, anew.
KEPT_BYTES = 2 << 30
# Of the memory of a GPU that is a trial's and free now, what the pixels of one split may
# take: the network's own needs are not known before its first step.
SHARE_OF_GPU = 0.3
ROWS_AT_ONCE = 1024

Place = Literal["device", "host", "nowhere"]


def place_for(num_bytes: int, gpu_bytes: int | None) -> Place:
    """Where to keep so many bytes of pixels.

    gpu_bytes: of a GPU's memory, how many the trial may use now; None: there is no GPU.

    "device": where torch trains. "host": this machine's memory, from which each batch is
    copied while the GPU works on the one before. "nowhere": each batch is made anew.
    """
    if gpu_bytes is not None and num_bytes <= SHARE_OF_GPU * gpu_bytes:
        return "device"
    if num_bytes <= KEPT_BYTES:
        return "device" if gpu_bytes is None else "host"
    return "nowhere"


class Pixels:
    """Indexed by (R,) rows of the split, gives (R, C, H, W) pixels on the device."""

    def __init__(
        self, split: Split, preprocessing: Preprocessing, device: str, gpu_share: float = 1.0
    ) -> None:
        self._split = split
        self._preprocessing = preprocessing
        self._device = device
        self._kept: torch.Tensor | None = None
        one = self._load(np.arange(1))
        self.place = place_for(one.nbytes * len(split), usable_gpu_bytes(device, gpu_share))
        if self.place != "nowhere":
            where = device if self.place == "device" else "cpu"
            # Filled piece by piece, so that nothing is in memory twice.
            self._kept = torch.empty((len(split), *one.shape[1:]), dtype=one.dtype, device=where)
            for rows in np.array_split(np.arange(len(split)), -(-len(split) // ROWS_AT_ONCE)):
                self._kept[rows[0] : rows[-1] + 1] = self._load(rows)

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        if self._kept is not None and self.place == "device":
            return self._kept[rows.to(self._device)]
        pixels = self._load(rows.numpy()) if self._kept is None else self._kept[rows]
        if self._device == "cpu":
            return pixels
        # Page-locked memory alone is copied while the GPU goes on with what it has.
        return pixels.pin_memory().to(self._device, non_blocking=True)

    def _load(self, rows: np.typing.NDArray[np.int64]) -> torch.Tensor:
        return self._preprocessing.pixels_of(self._split, rows)


def usable_gpu_bytes(device: str, share: float) -> int | None:
    """Of a GPU's memory, what is free and within the share that is the trial's; None: no GPU."""
    if device == "cpu":
        return None
    free, total = torch.cuda.mem_get_info()
    return min(free, int(share * total))
