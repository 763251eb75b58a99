"""A data set as sealed Arrow IPC partitions, read through memory maps.

Legend: N images, R rows asked for, C channels, H height, W width.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from sweep.data.partitionfile import pixels_of_batch, read_partition
from sweep.diskspace import disk_full, is_full
from sweep.errors import UserError
from sweep.mirror import mirror_of
from sweep.paths import Storage
from sweep.sealing import content_key, is_sealed, read_manifest

if TYPE_CHECKING:
    from sweep.config import DataConfig

SPLITS = ("train", "test")
NO_TEST_IMAGES = (
    "data.test_fraction: 0 leaves no test images, and a sweep asks for test accuracy: "
    "hold some out, or use `idsweep profile`"
)
NOTE_SECONDS = 10.0


class Notes(Protocol):
    """Where progress is written; every sweep.progress.Progress is one."""

    def note(self, text: str) -> None:
        """A line."""


def prepare_data(
    config: DataConfig,
    storage: Storage,
    progress: Notes | None = None,
    note_seconds: float = NOTE_SECONDS,
) -> ImageData:
    """Write the data set's partitions unless they are sealed already; returns them.

    progress: is told every `note_seconds` how far it is.

    Raises UserError if files lack or can't be read, or have more problems than the user
    allows; then nothing is kept.
    """
    folder = data_folder(config, storage)
    mirror_of(storage).fetch(folder)
    if not is_sealed(folder):
        from sweep.data.preparing import write_data_set

        note = progress.note if progress else lambda _: None
        try:
            write_data_set(config, folder, note, note_seconds)
        except OSError as error:
            if is_full(error):
                raise disk_full(storage.folder) from error
            # A file that may not be read, or a disk that is full.
            raise UserError(
                f"{error.filename or folder}: {error.strerror or error}: the data set can't be "
                "prepared; mend that, or choose another folder with --storage"
            ) from error
        mirror_of(storage).send(folder)
    return ImageData(folder)


def prepared_data(config: DataConfig, storage: Storage) -> ImageData | None:
    """The data set's partitions if they are sealed, else None."""
    folder = data_folder(config, storage)
    mirror_of(storage).fetch(folder)
    return ImageData(folder) if is_sealed(folder) else None


def data_folder(config: DataConfig, storage: Storage) -> Path:
    """Where the data set is sealed, now or once it is prepared."""
    return storage.data(content_key(config.model_dump()))


class ImageData:
    """A sealed data set.

    digest: of images, labels and split. format: "tensor" for pixels of one shape, else
    "encoded" files as they were. image_shape: (C, H, W); None for encoded. class_names: by
    label, of all classes, also those without images here. counts: images by split.
    class_counts: the same by class. sizes: "least" and "most", each (H, W). mean, std: per
    channel of the training images scaled to [0, 1]. problems: what preparing found, as
    sweep.data.problems names it. latent_dimension: how many continuous factors the images
    were made from, where that is known. concepts: names by category, of those whose labels are
    sealed with the images. config: the section `data` that it was made by.
    """

    def __init__(self, folder: Path) -> None:
        manifest = read_manifest(folder, whole=False)
        data: dict[str, Any] = manifest["data"]
        self.folder = folder
        self.config: dict[str, Any] = manifest["config"]
        self.name: str = self.config["name"]
        self.digest: str = data["digest"]
        self.format: Literal["tensor", "encoded"] = data["format"]
        shape = data["image_shape"]
        self.image_shape: tuple[int, int, int] | None = tuple(shape) if shape else None
        self.num_classes: int = data["num_classes"]
        self.class_names: list[str] = data["class_names"]
        self.counts: dict[str, int] = {split: data["counts"][split] for split in SPLITS}
        self.class_counts: dict[str, list[int]] = data["class_counts"]
        self.sizes: dict[str, list[int]] = data["sizes"]
        self.mean: list[float] = data["mean"]
        self.std: list[float] = data["std"]
        self.problems: dict[str, Any] = data["problems"]
        self.latent_dimension: int | None = data.get("latent_dimension")
        concepts = data.get("concepts", {"categories": [], "names": []})
        self.concepts: dict[str, list[str]] = dict(
            zip(concepts["categories"], concepts["names"], strict=True)
        )
        self.file_bytes: dict[str, int] = {
            name: facts["bytes"] for name, facts in manifest["files"].items()
        }

    def split(self, name: str) -> Split:
        """All partitions of a split, "train" or "test"; opened, not read."""
        read_manifest(self.folder)
        files = sorted(file for file in self.file_bytes if file.startswith(f"{name}-"))
        return Split([read_partition(self.folder / file) for file in files], self.image_shape)


class Split:
    """One split, memory-mapped, in the order of the partitions.

    labels: (N,) int64. ids: (N,) int64, places in the source (test after train).
    """

    def __init__(self, batches: list[Any], image_shape: tuple[int, int, int] | None) -> None:
        self._batches = batches
        self._shape = image_shape
        self._starts = np.cumsum([0, *(batch.num_rows for batch in batches)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        return self._column("label")

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        return self._column("id")

    @cached_property
    def images(self) -> NDArray[np.uint8]:
        """(N, C, H, W), read-only where one partition is read without a copy.

        Raises TypeError for an encoded set: its images have no shape in common.
        """
        return _joined(self._pixels)

    def stored(self, rows: NDArray[np.int64] | slice) -> NDArray[np.uint8] | list[bytes]:
        """Images as they are kept, in the order of rows: (R, C, H, W) uint8, or encoded files.

        Reads from the disk only what is asked for. Raises IndexError for a row beyond N.
        """
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        rows = np.asarray(rows, np.int64)
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {len(self)} images")
        parts = np.searchsorted(self._starts, rows, side="right") - 1
        if self._shape is None:
            columns = [batch.column("image") for batch in self._batches]
            return [
                columns[part][int(row - self._starts[part])].as_py()
                for part, row in zip(parts, rows, strict=True)
            ]
        found = np.empty((len(rows), *self._shape), np.uint8)
        for part in np.unique(parts):
            here = parts == part
            found[here] = self._pixels[part][rows[here] - self._starts[part]]
        return found

    def _column(self, name: str) -> NDArray[np.int64]:
        # A split without images has no partition.
        parts = [_numbers(batch, name) for batch in self._batches]
        return _joined(parts or [np.empty(0, np.int64)])

    @cached_property
    def _pixels(self) -> list[NDArray[np.uint8]]:
        if self._shape is None:
            raise TypeError("an encoded data set has no array of images: use stored(rows)")
        return [pixels_of_batch(batch, self._shape) for batch in self._batches]


def _numbers(batch: Any, column: str) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = batch.column(column).to_numpy(zero_copy_only=True)
    return numbers


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """One part as it is; several are copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
