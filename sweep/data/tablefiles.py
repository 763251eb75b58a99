"""A column of a Parquet or Arrow IPC file, in parts, from any file system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweep.data.filesystem import StoredFiles
from sweep.errors import UserError, first_line

ENDINGS = {
    "arrow": (".arrow", ".feather", ".ipc"),
    "hf": (".arrow",),
    "parquet": (".parquet", ".parq"),
}
ROWS_AT_ONCE = 256
ARROW_FILE = b"ARROW1"


def read_cells(
    files: StoredFiles, path: str, column: str, rows: NDArray[np.int64] | None = None
) -> Iterator[tuple[int, Any]]:
    """A file's column in parts, each with its first row; with `rows` what holds none is skipped."""

    def wanted(start: int, count: int) -> bool:
        if rows is None:
            return True
        low, high = np.searchsorted(rows, [start, start + count])
        return bool(low < high)

    start = 0
    if path.lower().endswith(ENDINGS["parquet"]):
        import pyarrow.parquet as pq

        with files.filesystem.open_input_file(path) as opened, pq.ParquetFile(opened) as table:
            for group in range(table.num_row_groups):
                count = table.metadata.row_group(group).num_rows
                if wanted(start, count):
                    first = start
                    for batch in table.iter_batches(ROWS_AT_ONCE, [group], [column]):
                        yield first, _checked(batch.column(0))
                        first += len(batch)
                start += count
        return
    with _open(files, path) as opened:
        for batch in _record_batches(opened, column):
            if wanted(start, len(batch)):
                yield start, _checked(batch.column(column))
            start += len(batch)


def read_schema(files: StoredFiles, path: str) -> Any:
    """A file's Arrow schema."""
    with reading(files, path):
        if path.lower().endswith(ENDINGS["parquet"]):
            import pyarrow.parquet as pq

            with files.filesystem.open_input_file(path) as opened:
                return pq.read_schema(opened)
        with _open(files, path) as opened:
            magic = opened.read(len(ARROW_FILE))
            opened.seek(0)
            is_file = magic == ARROW_FILE
            return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(opened).schema


@contextmanager
def reading(files: StoredFiles, path: str) -> Iterator[None]:
    """What Arrow raises over a broken file, in one line that names it."""
    try:
        yield
    except UserError:
        raise
    except (OSError, ValueError, NotImplementedError, pa.ArrowException) as error:
        says = first_line(error)
        raise UserError(
            f"data.path: {files.short(path)} can't be read ({says}): write it anew, or take it out"
        ) from error


def _record_batches(opened: Any, column: str) -> Iterator[Any]:
    """The record batches of an IPC file or stream, reading no other column where possible."""
    magic = opened.read(len(ARROW_FILE))
    opened.seek(0)
    if magic != ARROW_FILE:
        yield from pa.ipc.open_stream(opened)
        return
    index = pa.ipc.open_file(opened).schema.get_field_index(column)
    opened.seek(0)
    reader = pa.ipc.open_file(opened, options=pa.ipc.IpcReadOptions(included_fields=[index]))
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)


def _checked(cells: Any) -> Any:
    """Arrow trusts the offsets of a file, and wrong ones lead anywhere in memory."""
    cells.validate(full=True)
    return cells


def _open(files: StoredFiles, path: str) -> Any:
    return pa.memory_map(path) if files.local else files.filesystem.open_input_file(path)
