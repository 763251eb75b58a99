"""Neighbors of one layer, tile by tile: partial tables on disk, and their merge.

Tables merge to the bits of one search, whatever the tiles. Legend: C pairs of points.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path

import pyarrow as pa

from estimators import Neighbors, PartialNeighbors, neighbors_between
from estimators.points import Points
from sweep.sealing import read_manifest, seal

TABLE = "pairs.arrow"
COLUMNS = ("rows", "columns", "distances")


def search_tile(
    folder: Path, points: Points, k: int, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    """Seal what the neighbors between two spans of the points add to the table."""
    found = neighbors_between(points, min(k, points.num_points - 1), rows, columns)
    table = pa.table({name: pa.array(getattr(found, name)) for name in COLUMNS})
    with seal(folder, durable=False, k=found.k) as temporary:
        path = temporary / TABLE
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)


def merge_tiles(folders: Sequence[Path], points: Points) -> Neighbors:
    """The finished table of the points, once all tiles are sealed."""
    return reduce(PartialNeighbors.merge, map(_read, folders)).compute(points)


def _read(folder: Path) -> PartialNeighbors:
    k = int(read_manifest(folder)["k"])
    with pa.memory_map(str(folder / TABLE)) as source:
        table = pa.ipc.open_file(source).read_all()
    rows, columns, distances = (table[name].to_numpy() for name in COLUMNS)
    return PartialNeighbors(k, rows, columns, distances)
