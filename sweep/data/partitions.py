"""A data set as sealed Arrow IPC partitions, read through memory maps.

Legend: N images, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweep.data.catalog import DATASETS, LabelledImages
from sweep.errors import UserError
from sweep.paths import Storage
from sweep.sealing import content_key, is_sealed, read_manifest, seal

if TYPE_CHECKING:
    from sweep.config import DataConfig

SPLITS = ("train", "test")
MIN_IMAGES = 20


def prepare_data(config: DataConfig, storage: Storage) -> ImageData:
    """Write the data set's partitions unless they are sealed already; returns them."""
    folder = storage.data(content_key(config.model_dump()))
    if not is_sealed(folder):
        source = DATASETS[config.name].load()
        parts = split_by_class(source.labels, config.test_fraction, config.seed)
        for split, ids in parts.items():
            if len(ids) < MIN_IMAGES:
                raise UserError(
                    f"data.test_fraction: {config.test_fraction} leaves {len(ids)} of "
                    f"{len(source.labels)} images to {split}, which needs {MIN_IMAGES}"
                )
        train_images = source.images[parts["train"]]
        with seal(
            folder,
            config=config.model_dump(),
            digest=_digest(source, parts),
            image_shape=list(source.images.shape[1:]),
            num_classes=source.num_classes,
            counts={split: len(ids) for split, ids in parts.items()},
            mean=(train_images.mean(axis=(0, 2, 3)) / 255).tolist(),
            std=(train_images.std(axis=(0, 2, 3)) / 255).tolist(),
        ) as temporary:
            for split, ids in parts.items():
                for number, start in enumerate(range(0, len(ids), config.partition_rows)):
                    chunk = ids[start : start + config.partition_rows]
                    path = temporary / f"{split}-{number:06d}.arrow"
                    _write_partition(path, source, chunk)
    return ImageData(folder)


def prepared_data(config: DataConfig, storage: Storage) -> ImageData | None:
    """The data set's partitions if they are sealed, else None."""
    folder = storage.data(content_key(config.model_dump()))
    return ImageData(folder) if is_sealed(folder) else None


def split_by_class(
    labels: NDArray[np.int64], test_fraction: float, seed: int
) -> dict[str, NDArray[np.int64]]:
    """Ids of the train and test images, each ascending; every class gives its share."""
    rng = np.random.default_rng(seed)
    test: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        test.append(members[: round(test_fraction * len(members))])
    test_ids = np.sort(np.concatenate(test))
    train_ids = np.setdiff1d(np.arange(len(labels)), test_ids)
    return {"train": train_ids, "test": test_ids}


@dataclass(frozen=True)
class Split:
    """One split in memory-mapped arrays, in the order of the partitions.

    images: (N, C, H, W) uint8. labels: (N,) int64. ids: (N,) int64, places in the source.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    ids: NDArray[np.int64]


class ImageData:
    """A sealed data set.

    digest: of images, labels and split. mean, std: per channel of the training images
    scaled to [0, 1].
    """

    def __init__(self, folder: Path) -> None:
        manifest: dict[str, Any] = read_manifest(folder)
        self.folder = folder
        self.digest: str = manifest["digest"]
        self.name: str = manifest["config"]["name"]
        self.image_shape: tuple[int, int, int] = tuple(manifest["image_shape"])
        self.num_classes: int = manifest["num_classes"]
        self.counts: dict[str, int] = manifest["counts"]
        self.mean: list[float] = manifest["mean"]
        self.std: list[float] = manifest["std"]

    def split(self, name: str) -> Split:
        """All partitions of a split; one partition is read without a copy."""
        partitions = [self._read(path) for path in sorted(self.folder.glob(f"{name}-*.arrow"))]
        if len(partitions) == 1:
            return partitions[0]
        return Split(
            np.concatenate([part.images for part in partitions]),
            np.concatenate([part.labels for part in partitions]),
            np.concatenate([part.ids for part in partitions]),
        )

    def _read(self, path: Path) -> Split:
        with pa.memory_map(str(path)) as source:
            batch = pa.ipc.open_file(source).get_batch(0)
        pixels = batch.column("image").flatten().to_numpy(zero_copy_only=True)
        return Split(
            pixels.reshape(batch.num_rows, *self.image_shape),
            batch.column("label").to_numpy(zero_copy_only=True),
            batch.column("id").to_numpy(zero_copy_only=True),
        )


def _write_partition(path: Path, source: LabelledImages, ids: NDArray[np.int64]) -> None:
    """One uncompressed record batch: what a memory map reads without a copy."""
    # The shape lives in the manifest: a plain fixed-size list of bytes can't permute axes.
    flat = np.ascontiguousarray(source.images[ids].reshape(len(ids), -1))
    image = pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), flat.shape[1])
    batch = pa.record_batch(
        {"id": pa.array(ids), "label": pa.array(source.labels[ids]), "image": image}
    )
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def _digest(source: LabelledImages, parts: dict[str, NDArray[np.int64]]) -> str:
    digest = hashlib.sha256(repr((source.images.shape, source.num_classes)).encode())
    for array in (source.images, source.labels, *(parts[split] for split in SPLITS)):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
