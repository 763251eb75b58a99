"""Points from a file: NumPy, CSV, Parquet or Arrow. Nothing in a file is ever executed.

Legend: N points, D units.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sweep.errors import UserError, first_line

# pandas names the column of its row labels so, in Parquet and in CSV.
ROW_LABELS = "__index_level_0__"
DELIMITERS = ",;\t"


@dataclass(frozen=True)
class PointFile:
    """Points as read.

    points: (N, ...) real numbers; a NumPy file is memory-mapped, not loaded.
    source: where from, in a few words.
    notes: what was decided while reading, one sentence each.
    """

    points: NDArray[Any]
    source: str
    notes: tuple[str, ...] = ()


def read_points(path: str | Path) -> PointFile:
    """Read (N, D) points, one row a point.

    path: a .npy file, or a table in .csv, .parquet, .arrow or .feather whose columns are
        all numbers, or one column of equally long lists of numbers.

    Raises UserError, with one clear line, if the file can't be read, or holds anything but
    finite real numbers: the column is named.
    """
    path = Path(path)
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(
            f"points are read from {', '.join(READERS)}, but got {str(path)!r}: "
            "write them in one of these"
        )
    try:
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty: write points into it")
        points, notes = reader(path)
    except UserError:
        raise
    except (OSError, ValueError, OverflowError, SyntaxError, EOFError, pa.ArrowException) as error:
        if isinstance(error, OSError) and error.strerror:  # the system's; Arrow's have none
            raise UserError(
                f"can't read {path} ({error.strerror}): name a file that can be read"
            ) from error
        says = first_line(error).rstrip(".")
        raise UserError(
            f"{path} is no whole {path.suffix} file ({says}): write it again"
        ) from error
    if not points.size:
        raise UserError(f"{path} holds no points (shape {points.shape}): write some into it")
    return PointFile(points, str(path), notes)


Read = tuple[NDArray[Any], tuple[str, ...]]


def _read_numpy(path: Path) -> Read:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        # Looked at before mapping, where object arrays get another message in each version.
        header = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
        shape, _, dtype = header[min(version[0], 2)](file)
    if dtype.hasobject:
        raise UserError(
            f"{path} holds Python objects, which only unpickling could read, and that may run "
            "any code: save a plain array of numbers"
        )
    if dtype.kind not in "iuf":
        raise UserError(f"{path} must hold real numbers, but holds {dtype}: convert it first")
    if not shape:
        raise UserError(f"{path} holds a single number, not points: save an (N, D) array")
    points = np.load(path, mmap_mode="r", allow_pickle=False)
    if dtype.itemsize > 8 or not dtype.isnative:
        return points.astype(np.float64), (f"{dtype} was converted to float64",)
    return points, ()


def _read_csv(path: Path) -> Read:
    import csv

    import pyarrow.csv

    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        line = file.readline()
    delimiter = max(DELIMITERS, key=line.count)
    first = next(csv.reader([line], delimiter=delimiter), [])
    header = any(cell and not _is_number(cell) for cell in first) or _counts_up(first)
    table = pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(autogenerate_column_names=not header),
        parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter),
    )
    notes = ["the first row names the columns" if header else "no header"]
    if table.column_names and table.column_names[0] == "" and table.num_columns > 1:
        labels = table.column(0)
        if labels.to_pylist() == list(range(table.num_rows)):
            table = table.remove_column(0)
            notes.append("a first column without a name, 0, 1, 2, ..., numbers the rows: left out")
    return _to_array(table, path), tuple(notes)


def _read_parquet(path: Path) -> Read:
    import pyarrow.parquet

    return _without_labels(pyarrow.parquet.read_table(path, memory_map=True), path)


def _read_arrow(path: Path) -> Read:
    """A file or a stream in the Arrow IPC format; Feather is the first of these."""
    source = pa.memory_map(str(path))
    try:
        table = pa.ipc.open_file(source).read_all()
    except pa.ArrowInvalid:
        source.seek(0)
        try:
            table = pa.ipc.open_stream(source).read_all()
        except pa.ArrowInvalid as error:
            raise UserError(
                f"{path} is neither an Arrow file nor an Arrow stream, or not a whole one: "
                "write it again"
            ) from error
    return _without_labels(table, path)


READERS: dict[str, Callable[[Path], Read]] = {
    ".npy": _read_numpy,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".feather": _read_arrow,
}


def _without_labels(table: pa.Table, path: Path) -> Read:
    if ROW_LABELS not in table.column_names:
        return _to_array(table, path), ()
    note = f"the column {ROW_LABELS} labels the rows: left out"
    return _to_array(table.drop_columns([ROW_LABELS]), path), (note,)


def _to_array(table: pa.Table, path: Path) -> NDArray[Any]:
    """(N, D) array of a table of numbers, or of its one column of lists."""
    if table.num_columns == 0 or table.num_rows == 0:
        return np.empty((table.num_rows, table.num_columns))
    if table.num_columns == 1 and _is_list(table.schema.field(0).type):
        return _from_lists(table.column(0).combine_chunks(), table.column_names[0], path)
    columns = []
    for number, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        where = f"column {number + 1} ({name[:40]!r}) of {path}"
        if not _is_numeric(column.type):
            raise UserError(
                f"{where} holds {_describe(column)}, but every column must hold numbers: "
                "leave it out"
            )
        if column.null_count:
            raise UserError(
                f"{where} lacks {column.null_count} of {len(column)} values: drop or mend them"
            )
        columns.append(column.to_numpy())
        _require_finite(columns[-1], where)
    return np.column_stack(columns)


def _from_lists(lists: pa.Array, name: str, path: Path) -> NDArray[Any]:
    where = f"column {name!r} of {path}"
    if lists.null_count:
        raise UserError(
            f"{where} lacks {lists.null_count} of {len(lists)} lists: drop or mend them"
        )
    if not _is_numeric(lists.type.value_type):
        raise UserError(f"{where} holds {lists.type}, but its lists must hold numbers")
    lengths = set(pc.list_value_length(lists).unique().to_pylist())
    if len(lengths) > 1:
        raise UserError(
            f"{where} has lists of {min(lengths)} to {max(lengths)} numbers: "
            "all points must have the same units"
        )
    values = lists.flatten()
    if values.null_count:
        raise UserError(
            f"{where} lacks {values.null_count} of {len(values)} values: drop or mend them"
        )
    points = values.to_numpy(zero_copy_only=False).reshape(len(lists), -1)
    _require_finite(points, where)
    return np.asarray(points)


def _require_finite(values: NDArray[Any], where: str) -> None:
    bad = int(values.size - np.isfinite(values).sum())
    if bad:
        raise UserError(
            f"{where} is NaN or infinite in {bad} of {values.size} values: drop or mend them"
        )


def _is_list(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_fixed_size_list(kind) or types.is_list(kind) or types.is_large_list(kind))


def _is_numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _describe(column: pa.ChunkedArray) -> str:
    """What a column that isn't numeric holds; of text, the first that is no number."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return f"values of type {column.type}"
    example = next((text for text in column.to_pylist() if text and not _is_number(text)), "")
    return f"text such as {example[:20]!r}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _counts_up(row: list[str]) -> bool:
    """Whether a row is 0, 1, 2, ...: the header that pandas gives columns without names.

    Where pandas writes row labels too, their column comes first and has an empty name.
    """
    cells = row[1:] if row[:1] == [""] else row
    return len(cells) > 1 and cells == [str(number) for number in range(len(cells))]
