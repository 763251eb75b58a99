"""Labels sealed beside the images of a data set, read image by image.

The masks of 63,000 images are gigabytes: they are kept packed, and unpacked when asked for.

Legend: N images, n of a batch, C concepts in G categories, L layers of labels, P pixels.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweep.data.source import ConceptLabels

FILE = "concepts.arrow"
ROWS = 256  # images of a record batch: what is in memory at once as it is written
CACHE_BYTES = 256 * 2**20  # of unpacked masks, about: permutations ask for each many times


def write_labels(
    folder: Path,
    labels: ConceptLabels,
    ids: NDArray[np.int64],
    tell: Callable[[int, int], None],
) -> dict[str, Any]:
    """Write the labels of these images, by ascending id; returns what a manifest keeps of them.

    tell: called with how many are done, and of how many.
    """
    facts: dict[str, Any] = {
        "categories": list(labels.categories),
        "names": [list(names) for names in labels.names],
        "resolution": list(labels.resolution),
    }
    digest = hashlib.sha256(json.dumps(facts).encode())
    columns = [("id", pa.int64()), *((name, pa.binary()) for name in labels.categories)]
    schema = pa.schema(columns)

    def packed(image: int) -> tuple[list[bytes], bytes]:
        maps = labels.of(image)
        # Of what is inside: another version of zlib may pack it otherwise.
        contents = hashlib.sha256()
        for found in maps:
            contents.update(f"{found.shape}".encode() + found.tobytes())
        return [_pack(found) for found in maps], contents.digest()

    with (
        pa.OSFile(str(folder / FILE), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
        ThreadPoolExecutor() as pool,
    ):
        for start in range(0, len(ids), ROWS):
            part = ids[start : start + ROWS].tolist()
            rows = list(pool.map(packed, part))
            for image, (_, content) in zip(part, rows, strict=True):
                digest.update(f"{image}".encode() + content)
            cells = zip(*(cells for cells, _ in rows), strict=True)
            arrays = [pa.array(part, pa.int64()), *(pa.array(c, pa.binary()) for c in cells)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            tell(start + len(part), len(ids))
    return facts | {"digest": digest.hexdigest()[:16]}


class LabelFile:
    """Labels of images by their ids: a memory map, and the images unpacked last."""

    def __init__(self, folder: Path, num_categories: int, num_pixels: int) -> None:
        with pa.memory_map(str(folder / FILE)) as source:
            reader = pa.ipc.open_file(source)
            self._batches = [reader.get_batch(n) for n in range(reader.num_record_batches)]
        ids = [batch.column("id").to_numpy() for batch in self._batches]
        self._ids: NDArray[np.int64] = np.concatenate([np.empty(0, np.int64), *ids])
        images = CACHE_BYTES // (2 * num_pixels * num_categories)
        self._unpacked = lru_cache(maxsize=max(1, images))(self._unpack)

    def maps(self, ids: NDArray[np.int64], category: int) -> SealedMaps:
        """The labels of images, in this order, in one category. ids: (N,)."""
        rows = np.searchsorted(self._ids, ids)
        if len(ids) and not np.array_equal(self._ids[rows.clip(max=len(self._ids) - 1)], ids):
            raise KeyError("images without labels")
        return SealedMaps(self, rows, category)

    def of(self, row: int) -> list[NDArray[np.uint16]]:
        """By category (L, P) or (L, 1), of the image in a row of the file."""
        return self._unpacked(row)

    def _unpack(self, row: int) -> list[NDArray[np.uint16]]:
        batch, place = self._batches[row // ROWS], row % ROWS
        return [_unpack(column[place].as_py()) for column in batch.columns[1:]]


class SealedMaps:
    """The labels of N images in one category, indexed by places as an array would be."""

    def __init__(self, file: LabelFile, rows: NDArray[np.int64], category: int) -> None:
        self._file, self._rows, self._category = file, rows, category

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.uint16]:
        """(n, L, P), or (n, L, 1) if all are of whole images; with as many layers as one has."""
        found = [self._file.of(int(row))[self._category] for row in self._rows[places]]
        layers = max((len(one) for one in found), default=1)
        pixels = max((one.shape[1] for one in found), default=1)
        maps = np.zeros((len(found), layers, pixels), np.uint16)
        for place, one in enumerate(found):
            maps[place, : len(one)] = one
        return maps


def _pack(maps: NDArray[np.uint16]) -> bytes:
    """maps: (L, P) or (L, 1). Nothing for an image without labels."""
    if not maps.any():
        return b""
    return len(maps).to_bytes(2, "little") + zlib.compress(
        np.ascontiguousarray(maps, "<u2").tobytes()
    )


def _unpack(packed: bytes) -> NDArray[np.uint16]:
    if not packed:
        return np.zeros((1, 1), np.uint16)
    values = np.frombuffer(zlib.decompress(packed[2:]), "<u2")
    return values.reshape(int.from_bytes(packed[:2], "little"), -1)
