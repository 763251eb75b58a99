"""Where the activations of one checkpoint lie until they are measured.

In memory while they fit, else in Arrow IPC files that are memory-mapped: one folder a part
of the images, one file a layer, one record batch a forward pass. Both give the same points,
same images, same order in each layer. Legend: N images, D units of a layer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from estimators.points import Points
from sweep.models.layers import Layer
from sweep.sealing import read_manifest, seal

COLUMN = "activation"
# Activations that wait to be written while the network runs on.
WAITING_BYTES = 64 << 20


class MemoryStore:
    """The activations of every layer, held in memory."""

    def __init__(self, layers: Sequence[Layer], num_images: int) -> None:
        self._blocks = {layer.index: torch.empty((num_images, layer.num_units)) for layer in layers}

    def write(self, layer: Layer, start: int, activation: torch.Tensor) -> None:
        """Copy one batch in, at row `start`: what the network does to it later is no matter."""
        self._blocks[layer.index][start : start + len(activation)].copy_(activation)

    def points(self, layer: Layer) -> Points:
        """(N, D) float32 activations of a layer."""
        return Points(self._blocks[layer.index])


class ArrowStore:
    """The activations of one pass over the images, in sealed folders of Arrow files."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        for folder in folders:
            read_manifest(folder)

    def points(self, layer: Layer) -> Points:
        """(N, D) float32 activations of a layer, in memory only where they are in use."""
        return Points(_MappedBatches([_file(folder, layer) for folder in self._folders]))


@contextmanager
def write_part(folder: Path, layers: Sequence[Layer]) -> Iterator[Any]:
    """Write one part of the images: yields `write(layer, activation)`, to be called in order.

    Activations are a cache, so they are sealed without waiting for the disk.
    """
    with seal(folder, durable=False) as temporary, ExitStack() as opened:
        writers: dict[int, Any] = {}
        for layer in layers:
            sink = opened.enter_context(pa.OSFile(str(_file(temporary, layer)), "wb"))
            writers[layer.index] = opened.enter_context(pa.ipc.new_file(sink, _schema(layer)))
        # The network runs on while a batch is written. The pool ends before the files close.
        pool = opened.enter_context(ThreadPoolExecutor(1, thread_name_prefix="write"))
        waiting: deque[tuple[int, Future[None]]] = deque()

        def write(layer: Layer, activation: torch.Tensor) -> None:
            while waiting and sum(size for size, _ in waiting) > WAITING_BYTES:
                waiting.popleft()[1].result()
            rows = activation.to(device="cpu", dtype=torch.float32, copy=True).contiguous()
            writing = pool.submit(writers[layer.index].write_batch, _batch(layer, rows.numpy()))
            waiting.append((rows.nbytes, writing))

        yield write
        for _, writing in waiting:
            writing.result()


class _MappedBatches(Sequence[NDArray[np.float32]]):
    """Row blocks of a layer, mapped: in memory as long as there is room, by the system's choice."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._blocks = [block for path in paths for block in _mapped_blocks(path)]

    def __len__(self) -> int:
        return len(self._blocks)

    def __getitem__(self, index: Any) -> Any:
        return self._blocks[index]


def _mapped_blocks(path: Path) -> Iterator[NDArray[np.float32]]:
    with pa.memory_map(str(path)) as source:
        mapped = source.read_buffer()  # outlives the open file, of which there may be many
    reader = pa.ipc.open_file(mapped)
    for number in range(reader.num_record_batches):
        column = reader.get_batch(number).column(0)
        yield column.flatten().to_numpy(zero_copy_only=True).reshape(len(column), -1)


def _file(folder: Path, layer: Layer) -> Path:
    return folder / f"layer-{layer.index:04d}.arrow"


def _schema(layer: Layer) -> pa.Schema:
    # Names hold dots and slashes: the file is numbered, the name stands inside.
    kind = pa.list_(pa.float32(), layer.num_units)
    return pa.schema([pa.field(COLUMN, kind, nullable=False)], metadata={"layer": layer.name})


def _batch(layer: Layer, rows: NDArray[np.float32]) -> pa.RecordBatch:
    values = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), layer.num_units)
    return pa.record_batch([values], schema=_schema(layer))
