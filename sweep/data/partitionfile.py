"""One partition: an uncompressed Arrow IPC file of one record batch, read by a memory map.

Legend: R images in a partition, C channels, H height, W width.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# A partition is closed earlier if its images come to this: what preparing holds in memory.
MAX_BYTES = 256 * 2**20


class PartitionWriter:
    """Writes the partitions of a split, one in memory at a time."""

    def __init__(self, folder: Path, split: str, rows: int) -> None:
        self._folder = folder
        self._split = split
        self._rows = rows
        self._number = 0
        self._clear()

    def add(self, image_id: int, label: int, content: NDArray[np.uint8] | bytes) -> None:
        """content: pixels (C, H, W), all of one shape, or encoded bytes."""
        self._ids.append(image_id)
        self._labels.append(label)
        self._contents.append(content)
        self._bytes += num_bytes(content)
        if len(self._ids) >= self._rows or self._bytes >= MAX_BYTES:
            self.close()

    def close(self) -> None:
        """Write what is left; more may follow."""
        if not self._ids:
            return
        columns = {
            "id": pa.array(self._ids, pa.int64()),
            "label": pa.array(self._labels, pa.int64()),
            "image": _image_column(self._contents),
        }
        path = self._folder / f"{self._split}-{self._number:06d}.arrow"
        batch = pa.record_batch(columns)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)
        self._number += 1
        self._clear()

    def _clear(self) -> None:
        self._ids: list[int] = []
        self._labels: list[int] = []
        self._contents: list[NDArray[np.uint8] | bytes] = []
        self._bytes = 0


def num_bytes(content: NDArray[np.uint8] | bytes) -> int:
    """Of pixels, or of an encoded file."""
    return len(content) if isinstance(content, bytes) else content.nbytes


def read_partition(path: Path) -> Any:
    """The record batch of a partition: id, label, image; nothing is copied."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).get_batch(0)


def pixels_of_batch(batch: Any, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """(R, C, H, W) uint8, a view of the file."""
    pixels: NDArray[np.uint8] = batch.column("image").flatten().to_numpy(zero_copy_only=True)
    return pixels.reshape(batch.num_rows, *shape)


def _image_column(contents: list[Any]) -> Any:
    if isinstance(contents[0], bytes):
        # By hand: Arrow's own way from a list takes three times the memory.
        ends = np.cumsum([0, *map(len, contents)], dtype=np.int32)
        buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(contents))]
        return pa.BinaryArray.from_buffers(pa.binary(), len(contents), buffers)
    # The shape lives in the manifest: a plain fixed-size list of bytes can't permute axes.
    flat = np.stack(contents).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), contents[0].size)
