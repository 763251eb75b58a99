"""Data sets that come as tables with a column of images and one of labels.

Parquet and Arrow IPC files from any file system, and what Hugging Face's save_to_disk
wrote, which is Arrow too: it is read without the library and runs no code of anyone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweep.data.filesystem import StoredFiles, list_files
from sweep.data.folders import HELD_OUT
from sweep.data.local import lack
from sweep.data.source import NO_LABEL, Source, SourceImage, SourceSplit
from sweep.data.tablecells import read_image
from sweep.data.tablefiles import ENDINGS, read_cells, read_schema, reading
from sweep.errors import UserError

if TYPE_CHECKING:
    from sweep.config import DataConfig

MAX_CLASSES = 1_000_000


@dataclass(frozen=True)
class TableFile:
    """One file. num_rows: as found when its labels were read."""

    files: StoredFiles
    path: str
    num_rows: int

    @property
    def name(self) -> str:
        return self.files.short(self.path)


@dataclass(frozen=True)
class TableSplit:
    """Rows of several files, one after the other. shape: of images that are flat lists."""

    members: list[TableFile]
    labels: NDArray[np.int64]
    image_column: str
    shape: tuple[int, ...] | None

    def images(self, rows: NDArray[np.int64]) -> Iterator[SourceImage]:
        offset = 0
        for member in self.members:
            low, high = np.searchsorted(rows, [offset, offset + member.num_rows])
            if low < high:
                yield from self._images_of(member, rows[low:high] - offset)
            offset += member.num_rows

    def place(self, row: int) -> str:
        for member in self.members:
            if row < member.num_rows:
                return f"{member.name} row {row}"
            row -= member.num_rows
        raise IndexError(row)

    def _images_of(self, member: TableFile, rows: NDArray[np.int64]) -> Iterator[SourceImage]:
        with reading(member.files, member.path):
            for start, cells in read_cells(member.files, member.path, self.image_column, rows):
                low, high = np.searchsorted(rows, [start, start + len(cells)])
                for row in rows[low:high]:
                    yield read_image(cells[int(row) - start], self.shape)


def open_tables(config: DataConfig) -> Source:
    """Splits by folder or file name ("train-00.parquet", "test/..."), else all in one.

    Integer labels are class indices, named where Hugging Face's metadata names them;
    strings are class names, sorted to indices.
    """
    files = list_files(config, ENDINGS[config.name])
    if config.name == "hf":
        files = replace(files, paths=_saved_to_disk(config, files.root))
    splits = _splits(files)
    schema = read_schema(files, files.paths[0])
    with reading(files, files.paths[0]):
        names = _class_names(schema, config.label_column)
        shape = config.image_shape or _image_shape(schema, config.image_column)
    read = {
        split: [_read_labels(config, files, path) for path in paths]
        for split, paths in splits.items()
    }
    labels = {split: [found for found, _ in parts] for split, parts in read.items()}
    parts = [part for split in labels.values() for part in split]
    kinds = {pa.types.is_integer(part.type) for part in parts if len(part) > part.null_count}
    if len(kinds) > 1:
        raise UserError(
            f"data.label_column: {config.label_column!r} holds integers in some files and "
            "strings in others: make them alike"
        )
    if kinds == {False}:
        names = sorted({str(name) for part in parts for name in part.unique().to_pylist() if name})
    codes = {split: [_codes(part, names) for part in parts] for split, parts in labels.items()}
    if names is None:
        most = max((int(c.max()) for split in codes.values() for c in split if len(c)), default=-1)
        if most >= MAX_CLASSES:
            raise UserError(
                f"data.label_column: {config.label_column!r} has label {most}: labels must be "
                f"class indices from 0 on, below {MAX_CLASSES}"
            )
        names = [str(index) for index in range(most + 1)]
    found: dict[str, SourceSplit] = {}
    for split, members in read.items():
        found[split] = TableSplit(
            [file for _, file in members],
            np.concatenate(codes[split]),
            config.image_column,
            shape,
        )
    return Source(names, found)


def _saved_to_disk(config: DataConfig, root: str) -> list[str]:
    """The files of a Hugging Face data set; others beside them are its cache."""
    paths = []
    for state in sorted(Path(root).rglob("state.json")):
        try:
            members = json.loads(state.read_text())["_data_files"]
            paths += [str(state.parent / PurePosixPath(one["filename"]).name) for one in members]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"data.path: {state} can't be read ({error!r}): save the data set anew"
            ) from error
    if not paths:
        raise lack(config, f"no state.json below {root}")
    return paths


def _splits(files: StoredFiles) -> dict[str, list[str]]:
    """Files by split, as folders or the beginning of their names tell."""
    groups: dict[str, list[str]] = {}
    for path in files.paths:
        parts = PurePosixPath(files.short(path)).parts
        words = [*parts[:-1], re.split(r"[-_.]", parts[-1])[0]]
        split = next((word for word in words if word in ("train", *HELD_OUT)), "")
        groups.setdefault(split, []).append(path)
    held_out = next((name for name in HELD_OUT if name in groups), None)
    if "train" in groups and held_out is not None:
        return {"train": groups["train"], "test": groups[held_out]}
    return {"all": files.paths}


def _read_labels(config: DataConfig, files: StoredFiles, path: str) -> tuple[Any, TableFile]:
    """All labels of a file as an Arrow array of int64 or strings, and the file."""
    with reading(files, path):
        schema = read_schema(files, path)
        for setting in ("image_column", "label_column"):
            column = getattr(config, setting)
            if schema.get_field_index(column) < 0:
                raise UserError(
                    f"data.{setting}: no column {column!r} in {path}, "
                    f"which has {', '.join(schema.names)}"
                )
        kind = schema.field(config.label_column).type
        if isinstance(kind, pa.DictionaryType):
            kind = kind.value_type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not text and not pa.types.is_integer(kind):
            raise UserError(
                f"data.label_column: {config.label_column!r} in {path} must hold integers or "
                f"strings, but holds {kind}"
            )
        target = pa.string() if text else pa.int64()
        cells = [part.cast(target) for _, part in read_cells(files, path, config.label_column)]
        labels = pa.chunked_array(cells, type=target).combine_chunks()
    return labels, TableFile(files, path, len(labels))


def _codes(labels: Any, names: list[str] | None) -> NDArray[np.int64]:
    """Labels as class indices; NO_LABEL where there is none."""
    if not pa.types.is_integer(labels.type):
        import pyarrow.compute as pc

        labels = pc.index_in(labels, value_set=pa.array(names, pa.string()), skip_nulls=True)
    found: NDArray[np.int64] = labels.cast(pa.int64()).fill_null(NO_LABEL).to_numpy()
    return found


def _class_names(schema: Any, column: str) -> list[str] | None:
    """As Hugging Face's metadata names them."""
    stated = (schema.metadata or {}).get(b"huggingface")
    found = json.loads(stated) if stated else {}
    for name in ("info", "features", column, "names"):
        found = found.get(name) if isinstance(found, dict) else None
    return [str(name) for name in found] if isinstance(found, list) and found else None


def _image_shape(schema: Any, column: str) -> tuple[int, ...] | None:
    """As the column's type or metadata say, else the metadata of Hugging Face or the table."""
    if schema.get_field_index(column) < 0:
        return None  # told with the labels
    entry = schema.field(column)
    if isinstance(entry.type, pa.FixedShapeTensorType):
        return tuple(entry.type.shape)
    for metadata in (entry.metadata, schema.metadata):
        stated = (metadata or {}).get(b"shape")
        if stated is not None:
            return tuple(int(size) for size in json.loads(stated))
    return None
