"""A folder in Broden's format: images, and which concepts each of them or its pixels show.

D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba, "Network Dissection: Quantifying
Interpretability of Deep Visual Representations", CVPR 2017 (arXiv:1704.05796).

index.csv has a line an image: image, split, ih, iw (its height and width), sh, sw (those of its
masks), and a column a category. A cell lists labels separated by ";": numbers, of the whole
image, or names of PNG files below images/, whose pixels are labels as red + 256 green; 0 is
none. label.csv names each number and says in which categories it occurs, as in
"material(36);object(3)". category.csv and c_CATEGORY.csv say the same again, and aren't read.

Legend: N images, G categories.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sweep.data.brodenlabels import (
    IMAGES,
    NUMBERS,
    BrodenLabels,
    concepts_by_number,
    is_inside,
    usual_resolution,
)
from sweep.data.decode import size_of
from sweep.data.folders import FileSplit
from sweep.data.labels import CATEGORIES
from sweep.data.local import lack, local_root
from sweep.data.source import Source, SourceImage, Unreadable
from sweep.errors import UserError

if TYPE_CHECKING:
    from sweep.config import DataConfig

INDEX, LABELS = "index.csv", "label.csv"
SIZES = ("ih", "iw", "sh", "sw")
HEAD = ("image", "split", *SIZES)
MOST_SIDE = 1 << 16  # of an image or a mask; more is no image


@dataclass(frozen=True)
class Index:
    """index.csv. files: (N,). splits: (N,) names. sizes: (N, 4) ih, iw, sh, sw.

    cells: by category, from low to high, (N,) texts. lines: (N,) of the file.
    """

    files: list[str]
    splits: list[str]
    sizes: NDArray[np.int64]
    cells: dict[str, list[str]]
    lines: list[int]


@dataclass(frozen=True)
class BrodenImages:
    """The images, in the order of the index: the class of one is the split it is in."""

    files: FileSplit
    sizes: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.files.labels

    def images(self, rows: NDArray[np.int64]) -> Iterator[SourceImage]:
        for row, image in zip(rows, self.files.images(rows), strict=True):
            height, width = self.sizes[row, :2].tolist()
            yield _of_size(image, height, width)

    def place(self, row: int) -> str:
        return self.files.place(row)


def open_broden(config: DataConfig) -> Source:
    """All images of the index; whether a mask is as it should be is seen when it is read."""
    root = local_root(config)
    for name in (INDEX, LABELS, IMAGES):
        if not (root / name).exists():
            raise lack(config, f"{root / name} does not exist")
    index = _read_index(root / INDEX)
    concepts = concepts_by_number(_read_labels(root / LABELS), list(index.cells))
    for category, found in concepts.items():
        if not found:
            raise UserError(
                f"data.path: {root / INDEX} has a column {category}, but {root / LABELS} names "
                "no label of it: remove the column, or name its labels"
            )
    count = sum(map(len, concepts.values()))
    if count >= NUMBERS:
        raise UserError(
            f"data.path: {root / LABELS} has {count} concepts, and {NUMBERS} are too many"
        )
    labels = BrodenLabels(
        root / IMAGES,
        root / INDEX,
        index.lines,
        index.cells,
        concepts,
        index.sizes[:, 2:],
        usual_resolution(index.cells, index.sizes),
    )
    splits = sorted(set(index.splits))
    numbers = np.array([splits.index(split) for split in index.splits], np.int64)
    files = FileSplit(root, [f"{IMAGES}/{file}" for file in index.files], numbers)
    return Source(splits, {"all": BrodenImages(files, index.sizes)}, concepts=labels)


def _of_size(image: SourceImage, height: int, width: int) -> SourceImage:
    """Masks lie over the image that the index tells of: one of another size isn't that."""
    if not isinstance(image, bytes):
        return image
    try:
        found = size_of(image)
    except ValueError as error:
        return Unreadable(str(error))
    if found == (height, width):
        return image
    return Unreadable(f"{found[0]} x {found[1]} pixels, and {INDEX} says {height} x {width}")


def _read_index(path: Path) -> Index:
    head, rows = _read_csv(path, HEAD)
    others = [name for name in head if name not in HEAD]
    for name in others:
        if name not in CATEGORIES:
            raise UserError(
                f"data.path: {path} has a column {name!r}, and categories are "
                f"{', '.join(CATEGORIES)}: rename or remove it"
            )
    if not others:
        raise UserError(
            f"data.path: {path} has no column of a category: at least one of "
            f"{', '.join(CATEGORIES)}"
        )
    place = {name: number for number, name in enumerate(head)}
    files, splits, sizes, lines = [], [], [], []
    cells: dict[str, list[str]] = {name: [] for name in CATEGORIES if name in others}
    for line, row in rows:
        image = row[place["image"]]
        if not is_inside(image):
            raise UserError(
                f"data.path: {path} line {line}: the image {image!r} is no path below {IMAGES}/"
            )
        files.append(image)
        splits.append(row[place["split"]])
        sizes.append([_side(path, line, name, row[place[name]]) for name in SIZES])
        lines.append(line)
        for category, column in cells.items():
            column.append(row[place[category]])
    if not files:
        raise UserError(f"data.path: {path} names no image")
    return Index(files, splits, np.array(sizes, np.int64), cells, lines)


def _read_labels(path: Path) -> dict[int, tuple[str, list[str]]]:
    """By number, the name and the categories of a label."""
    head, rows = _read_csv(path, ("number", "name", "category"))
    place = {name: number for number, name in enumerate(head)}
    found: dict[int, tuple[str, list[str]]] = {}
    for line, row in rows:
        number, name = row[place["number"]], row[place["name"]]
        # Red and green hold no larger one.
        if not (number.isascii() and number.isdigit() and 0 < int(number) < NUMBERS):
            raise UserError(
                f"data.path: {path} line {line}: the number {number!r} must be from 1 to "
                f"{NUMBERS - 1}"
            )
        if int(number) in found:
            raise UserError(f"data.path: {path} line {line}: {number} has a name already")
        parts = row[place["category"]].split(";")
        categories = [re.sub(r"\(\d+\)$", "", part.strip()) for part in parts]
        found[int(number)] = name, categories
    return found


def _read_csv(
    path: Path, needed: tuple[str, ...]
) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The head, and each row with its line. Raises UserError for a file that isn't whole."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"data.path: {path} can't be read ({error})") from error
    reader = csv.reader(io.StringIO(text, newline=""))
    head = [name.strip() for name in next(reader, [])]
    lacking = [name for name in needed if name not in head]
    if lacking:
        raise UserError(f"data.path: {path} has no column {' and no column '.join(lacking)}")
    twice = {name for name in head if head.count(name) > 1}
    if twice:
        raise UserError(f"data.path: {path} has two columns {min(twice)}")

    def rows() -> Iterator[tuple[int, list[str]]]:
        try:
            for row in reader:
                if row and len(row) != len(head):
                    raise UserError(
                        f"data.path: {path} line {reader.line_num} has {len(row)} cells, and the "
                        f"head has {len(head)}"
                    )
                if row:
                    yield reader.line_num, [cell.strip() for cell in row]
        except csv.Error as error:
            raise UserError(f"data.path: {path} line {reader.line_num}: {error}") from error

    return head, rows()


def _side(path: Path, line: int, name: str, text: str) -> int:
    if text.isascii() and text.isdigit() and 0 < int(text) < MOST_SIDE:
        return int(text)
    raise UserError(f"data.path: {path} line {line}: {name} is {text!r}, and must be pixels")
