"""Images through a network, and the activations of its layers out.

Legend: N images, D units of a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sweep.data.partitions import Split
from sweep.models.catalog import ImageNetwork
from sweep.models.layers import Layer
from sweep.models.preprocessing import Preprocessing
from sweep.models.recording import recording
from sweep.watchdog import progress

Keep = Callable[[Layer, int, torch.Tensor], None]


def record_activations(
    network: ImageNetwork,
    layers: Sequence[Layer],
    split: Split,
    rows: NDArray[np.int64],
    batch_size: int,
    keep: Keep,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    preprocessing: Preprocessing | None = None,
) -> None:
    """Run these rows of a split through the network in evaluation mode.

    keep: called as keep(layer, start, activation) with the (n, D) activations of the images
        from the one numbered `start` on; it must copy, for the network may overwrite them.
    dtype: float32, or bfloat16 for a forward pass under autocast.
    preprocessing: in place of the network's own.
    """
    network.to(device).eval()
    start = 0

    def keep_batch(layer: Layer, activation: torch.Tensor) -> None:
        keep(layer, start, activation)

    autocast = torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16")
    with torch.no_grad(), autocast, recording(network, layers, keep_batch):
        prepared = preprocessing or network.preprocessing
        for first, pixels in pixel_batches(split, rows, batch_size, prepared):
            progress()
            start = first
            network(pixels.to(device))


def pixel_batches(
    split: Split, rows: NDArray[np.int64], batch_size: int, preprocessing: Preprocessing
) -> Iterator[tuple[int, torch.Tensor]]:
    """(start, (n, C, H, W) pixels) of each batch; the next one is decoded meanwhile.

    Networks that draw random numbers as they run draw the same for a batch, whoever runs it:
    torch is seeded by its first row, and left as it was in the end.
    """

    def load(start: int) -> torch.Tensor:
        return preprocessing.pixels_of(split, rows[start : start + batch_size])

    starts = range(0, len(rows), batch_size)
    with (
        torch.random.fork_rng(devices=[]),
        ThreadPoolExecutor(1, thread_name_prefix="decode") as pool,
    ):
        coming: Any = pool.submit(load, 0) if len(rows) else None
        for start in starts:
            pixels = coming.result()
            if start + batch_size < len(rows):
                coming = pool.submit(load, start + batch_size)
            torch.manual_seed(int(rows[start]))
            yield start, pixels
