"""The one currency: measurement rows.

Every analysis returns them; tracking, regression and report know nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

NETWORK = ""  # the layer of a row that speaks of the whole network

SCHEMA = pa.schema(
    [
        pa.field("trial", pa.string(), nullable=False),
        pa.field("checkpoint", pa.float64(), nullable=False),
        pa.field("layer", pa.string(), nullable=False),
        pa.field("layer_index", pa.int32()),
        pa.field("relative_depth", pa.float64()),
        pa.field("analysis", pa.string(), nullable=False),
        pa.field("quantity", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("num_samples", pa.int64()),
        pa.field("embedding_dimension", pa.int64()),
        pa.field("settings", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number about one network, with its error bar and its convention.

    trial: key of the trial. checkpoint: epochs trained when the weights were saved.
    layer: the layer's name; "" if the row is about the whole network, and then
        layer_index and relative_depth (0 = input, 1 = output) are None.
    analysis: who measured. quantity: what, such as "id/twonn" or "test_accuracy".
    value, low, high: the number and its 95% interval, None where the method has none.
    num_samples: points or images that entered. embedding_dimension: units of the layer.
    settings: all that fixes the number: method, k, trim, what was dropped, data, seed.
    """

    trial: str
    checkpoint: float
    analysis: str
    quantity: str
    value: float
    layer: str = NETWORK
    layer_index: int | None = None
    relative_depth: float | None = None
    low: float | None = None
    high: float | None = None
    num_samples: int | None = None
    embedding_dimension: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


def to_table(rows: Iterable[Measurement]) -> pa.Table:
    """The rows as an Arrow table with the columns of SCHEMA, in the order given."""
    listed = list(rows)
    columns = {name: [getattr(row, name) for row in listed] for name in SCHEMA.names}
    columns["settings"] = [json.dumps(found, sort_keys=True) for found in columns["settings"]]
    return pa.Table.from_pydict(columns, schema=SCHEMA)


def from_table(table: pa.Table) -> list[Measurement]:
    """The rows of an Arrow table that `to_table` made."""
    columns = table.to_pydict()
    # One parse for all: thousands of networks are read at once.
    columns["settings"] = json.loads(f"[{','.join(columns['settings'])}]")
    names = list(columns)
    return [
        Measurement(**dict(zip(names, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    ]


def write_rows(path: Path, rows: Iterable[Measurement]) -> None:
    """Write the rows as Parquet: equal rows, equal bytes."""
    pq.write_table(to_table(rows), path)


def read_rows(path: Path) -> list[Measurement]:
    """Read the rows of a Parquet file that `write_rows` made."""
    # From memory and by one thread: of files this small, opening is most of the time.
    file = pq.ParquetFile(pa.BufferReader(path.read_bytes()))
    return from_table(file.read(use_threads=False))


def last_hidden(rows: Iterable[Measurement]) -> dict[tuple[str, float], int]:
    """Index of the last hidden layer, by (trial, checkpoint), as the rows say it."""
    return {
        (row.trial, row.checkpoint): row.layer_index
        for row in rows
        if row.quantity == "last_hidden" and row.layer_index is not None
    }
