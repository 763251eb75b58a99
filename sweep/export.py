"""All measurement rows of a sweep in one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from sweep.measurement import Measurement, to_table
from sweep.paths import Storage
from sweep.results import load_results
from sweep.sealing import check_output, write_output
from sweep.spreadsheet import plain_texts


def export_rows(storage: Storage, name: str, output: Path) -> int:
    """Write all measurement rows of a sweep to one Parquet or CSV file; returns their number.

    Trials stand in the order of the plan, so equal sweeps give equal bytes.
    """
    check_export(output)
    results = load_results(storage, name)
    return write_rows_to(output, [row for result in results.results for row in result.all_rows])


def check_export(output: Path) -> None:
    """Raise UserError unless rows can be written to this file, before any work."""
    check_output(output, *WRITERS)


def write_rows_to(output: Path, rows: Sequence[Measurement]) -> int:
    """Write measurement rows to a .parquet or .csv file; returns their number."""
    table = to_table(rows)
    sink = pa.BufferOutputStream()
    WRITERS[output.suffix](table, sink)
    write_output(output, sink.getvalue().to_pybytes())
    return int(table.num_rows)


def _write_parquet(table: pa.Table, sink: Any) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, sink)


def _write_csv(table: pa.Table, sink: Any) -> None:
    import pyarrow.csv

    for index, column in enumerate(table.schema):
        if pa.types.is_string(column.type):
            table = table.set_column(index, column, plain_texts(table.column(index)))
    pyarrow.csv.write_csv(table, sink)


WRITERS: dict[str, Callable[[pa.Table, Any], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
}
