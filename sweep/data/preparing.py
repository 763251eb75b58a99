"""From a source to sealed partitions: split, choose, check, write.

Memory holds one partition, the labels, and 32 bytes an image. Legend: N images, C channels,
H height, W width.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sweep.data.catalog import DATASETS, open_source
from sweep.data.choice import choose_rows, split_by_class
from sweep.data.examine import KEY_BYTES, Examined, PixelStatistics, examine_all
from sweep.data.labelfile import write_labels
from sweep.data.partitionfile import PartitionWriter
from sweep.data.partitions import SPLITS
from sweep.data.problems import Problems, find_duplicates, find_empty_classes
from sweep.data.source import NO_LABEL, Source, SourceSplit, Unreadable
from sweep.errors import UserError
from sweep.nearest import did_you_mean
from sweep.sealing import seal

if TYPE_CHECKING:
    from sweep.config import DataConfig

MIN_TRAIN = 20  # as few as `measure.num_samples` may be
MIN_TEST = 1
MAX_TENSOR_SIDE = 64  # images of one shape and no larger side are kept as pixels


@dataclass(frozen=True)
class Part:
    """The images of a split. rows: of the source's split, ascending. first_id: of its row 0."""

    split: str
    source: SourceSplit
    rows: NDArray[np.int64]
    first_id: int

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.source.labels[self.rows]


@dataclass
class Written:
    """What came of writing. rows, keys: of the images kept, by split; keys 16 bytes each."""

    pixels: PixelStatistics = field(default_factory=PixelStatistics.empty)
    rows: dict[str, list[int]] = field(default_factory=lambda: {split: [] for split in SPLITS})
    keys: bytearray = field(default_factory=bytearray)
    shape: tuple[int, int, int] | None = None
    least: tuple[int, int] | None = None
    most: tuple[int, int] = (0, 0)

    def note(self, part: Part, row: int, image: Examined) -> None:
        self.rows[part.split].append(row)
        self.keys += image.key
        height, width = image.shape[1:]
        low = self.least or (height, width)
        self.least = (min(low[0], height), min(low[1], width))
        self.most = (max(self.most[0], height), max(self.most[1], width))
        if part.split == "train":
            self.pixels.update(image.levels)


class NotOneSmallShapeError(Exception):
    """The images can't be kept as pixels of one array."""


def write_data_set(
    config: DataConfig, folder: Path, note: Callable[[str], None], seconds: float
) -> None:
    """Prepare the data set and seal it as `folder`.

    note: is told every so many seconds how far it is.

    Raises UserError if files lack or can't be read, or a limit is passed; nothing stays.
    """
    source = open_source(config)
    problems = Problems()
    for name in source.ignored:
        problems.ignored_files.add(name)
    parts = choose_parts(config, source, problems)
    data: dict[str, Any] = {}
    with seal(folder, config=config.model_dump(), data=data) as temporary:
        tell = _Pace(note, seconds)
        encoded = source.image_shape is not None and _too_large(source.image_shape)
        try:
            written, corrupt = _write(config, parts, temporary, tell, encoded)
        except NotOneSmallShapeError:
            encoded = True
            for path in temporary.iterdir():
                path.unlink()
            written, corrupt = _write(config, parts, temporary, tell, encoded)
        for name in corrupt:
            problems.corrupt.add(name)
        problems.check_bad(config.max_bad_images)
        by_split = {part.split: part for part in parts}
        counts = {split: len(written.rows[split]) for split in SPLITS}
        least = _least(config, source)
        _check_counts("data.max_bad_images: leaving out what is corrupt", counts, least, source)
        labels = {s: by_split[s].source.labels[np.array(written.rows[s], np.int64)] for s in SPLITS}

        def place(number: int) -> str:
            split, row = "train", number
            if number >= counts["train"]:
                split, row = "test", number - counts["train"]
            return by_split[split].source.place(written.rows[split][row])

        keys = np.frombuffer(bytes(written.keys), np.uint8).reshape(-1, KEY_BYTES)
        every = np.concatenate([labels[split] for split in SPLITS])
        find_duplicates(problems, keys, every, counts["train"], place)
        problems.check_duplicates(config.max_duplicates)
        if source.concepts is not None:
            first = {split: by_split[split].first_id for split in SPLITS}
            ids = [first[s] + np.array(written.rows[s], np.int64) for s in SPLITS]
            data["concepts"] = write_labels(
                temporary,
                source.concepts,
                np.sort(np.concatenate(ids)),
                partial(tell.how_far, "labels"),
            )
        mean, std = written.pixels.moments()
        num_classes = len(source.class_names)
        # Filled in before the manifest is written, which is the last that `seal` does.
        data |= {
            "format": "encoded" if encoded else "tensor",
            "image_shape": None if encoded else list(written.shape or ()),
            "sizes": {"least": list(written.least or ()), "most": list(written.most)},
            "num_classes": num_classes,
            "class_names": source.class_names,
            "counts": counts,
            "class_counts": {
                split: np.bincount(labels[split], minlength=num_classes).tolist()
                for split in SPLITS
            },
            "mean": mean,
            "std": std,
            "problems": problems.to_json(),
            "latent_dimension": source.latent_dimension,
        }
        data["digest"] = _digest(data, by_split, written, labels, keys)


def choose_parts(config: DataConfig, source: Source, problems: Problems) -> list[Part]:
    """The rows of train and test: the official splits or one by class, then the choice.

    Images without a valid label are noted and left out first. Classes are picked after
    the split, so that the same images are in test whichever classes are kept.
    """
    num_classes = len(source.class_names)
    kept = _kept_classes(config, source)
    valid = {
        split: _valid_rows(part, num_classes, problems) for split, part in source.splits.items()
    }
    problems.check_bad(config.max_bad_images)
    first_ids = {"train": 0, "test": 0}
    least = _least(config, source)
    if "all" in source.splits:
        whole = source.splits["all"]
        fraction = _test_fraction(config)
        drawn = split_by_class(whole.labels[valid["all"]], fraction, config.seed)
        rows = {split: valid["all"][drawn[split]] for split in SPLITS}
        splits = dict.fromkeys(SPLITS, whole)
        why = f"data.test_fraction: {fraction}"
        if not least["test"] and len(rows["train"]) < MIN_TRAIN:
            raise UserError(f"data: {len(rows['train'])} images, but measuring needs {MIN_TRAIN}")
        _check_counts(why, {split: len(rows[split]) for split in SPLITS}, least, source)
    else:
        rows, splits = valid, source.splits
        first_ids["test"] = len(splits["train"].labels)
    parts = []
    for split in SPLITS:
        labels = splits[split].labels
        rows[split] = rows[split][np.isin(labels[rows[split]], list(kept))]
    labels_by_split = {s: splits[s].labels[rows[s]] for s in SPLITS if least[s]}
    find_empty_classes(problems, labels_by_split, source.class_names, kept)
    problems.check_empty(config.allow_empty_classes)
    for split in SPLITS:
        chosen = choose_rows(
            splits[split].labels[rows[split]],
            config.choose,
            config.num_images,
            config.images_per_class,
            config.seed,
        )
        parts.append(Part(split, splits[split], rows[split][chosen], first_ids[split]))
    why = f"data.choose: {config.choose}" + (" of data.classes" if config.classes else "")
    _check_counts(why, {part.split: len(part.rows) for part in parts}, least, source)
    return parts


def _write(
    config: DataConfig, parts: list[Part], folder: Path, tell: _Pace, encoded: bool
) -> tuple[Written, list[str]]:
    """Write every part; also names what is corrupt. Raises NotOneSmallShapeError."""
    written, corrupt = Written(), []
    for part in parts:
        writer = PartitionWriter(folder, part.split, config.partition_rows)
        labels = part.labels
        images = examine_all(part.source.images(part.rows), as_pixels=not encoded)
        pairs = zip(part.rows.tolist(), labels.tolist(), images, strict=True)
        for number, (row, label, image) in enumerate(pairs, start=1):
            if isinstance(image, Unreadable):
                corrupt.append(f"{part.source.place(row)}: {image.reason}")
                continue
            if not encoded:
                written.shape = written.shape or image.shape
                if image.shape != written.shape or _too_large(image.shape):
                    raise NotOneSmallShapeError
            written.note(part, row, image)
            writer.add(part.first_id + row, label, image.content)
            tell.how_far(part.split, number, len(part.rows))
        writer.close()
    return written, corrupt


def _too_large(shape: tuple[int, int, int]) -> bool:
    """To be kept as pixels."""
    return max(shape[1:]) > MAX_TENSOR_SIDE


def _valid_rows(split: SourceSplit, num_classes: int, problems: Problems) -> NDArray[np.int64]:
    labels = split.labels
    valid = (labels >= 0) & (labels < num_classes)
    for row in np.flatnonzero(~valid):
        label = int(labels[row])
        what = "no label" if label == NO_LABEL else f"label {label} of {num_classes} classes"
        problems.bad_labels.add(f"{split.place(int(row))}: {what}")
    return np.flatnonzero(valid)


def _kept_classes(config: DataConfig, source: Source) -> set[int]:
    if config.classes is None:
        return set(range(len(source.class_names)))
    index = {name: number for number, name in enumerate(source.class_names)}
    for name in config.classes:
        if name not in index:
            hint = did_you_mean(name, index)
            shown = ", ".join(source.class_names[:10])
            more = f" and {len(index) - 10:,} more" if len(index) > 10 else ""
            raise UserError(
                f"data.classes: {config.name} has no class {name!r}; {hint}it has {shown}{more}"
            )
    return {index[name] for name in config.classes}


def _least(config: DataConfig, source: Source) -> dict[str, int]:
    """The fewest images of each split; no test split is needed where none is asked for."""
    without_test = "all" in source.splits and _test_fraction(config) == 0
    return {"train": MIN_TRAIN, "test": 0 if without_test else MIN_TEST}


def _test_fraction(config: DataConfig) -> float:
    """Nothing is held out of images that nothing is trained on."""
    return 0.0 if DATASETS[config.name].probes_alone else config.test_fraction


def _check_counts(why: str, counts: dict[str, int], least: dict[str, int], source: Source) -> None:
    total = sum(len(split.labels) for split in source.splits.values())
    for split in SPLITS:
        if counts[split] < least[split]:
            whom = split if least["test"] else "measuring"  # nothing is held out: nor trained
            raise UserError(
                f"{why} leaves {counts[split]} of {total} images to {whom}, "
                f"which needs {least[split]}"
            )


def _digest(
    data: dict[str, Any],
    parts: dict[str, Part],
    written: Written,
    labels: dict[str, NDArray[np.int64]],
    keys: NDArray[np.uint8],
) -> str:
    """Of images, labels and split; partitions don't matter."""
    head = (data["format"], data["image_shape"], data["num_classes"], data["counts"])
    digest = hashlib.sha256(repr(head).encode())
    for split in SPLITS:
        digest.update((parts[split].first_id + np.array(written.rows[split], np.int64)).tobytes())
        digest.update(np.ascontiguousarray(labels[split]).tobytes())
    digest.update(keys.tobytes())
    if "concepts" in data:
        digest.update(data["concepts"]["digest"].encode())
    return digest.hexdigest()[:16]


class _Pace:
    """Says how far it is, every so many seconds."""

    def __init__(self, note: Callable[[str], None], seconds: float) -> None:
        self._note = note
        self._seconds = seconds
        self._told = time.monotonic()
        self._began: dict[str, float] = {}

    def how_far(self, split: str, number: int, total: int) -> None:
        now = time.monotonic()
        began = self._began.setdefault(split, now)
        if now - self._told >= self._seconds:
            self._told = now
            rate = number / max(now - began, 1e-9)
            self._note(
                f"{split}: {number:,} of {total:,} images, {rate:,.0f} a second, "
                f"about {(total - number) / rate:,.0f} s left"
            )
