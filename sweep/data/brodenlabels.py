"""The labels of images in Broden's format: cells and masks to numbers of concepts.

A label that occurs in two categories is a concept of each. Where two layers show the same
concept at a pixel, it counts once. Masks of another size than most are brought to the usual one
by nearest neighbor, as images are resized to what a network takes: whole, so that both stay
over each other.

Legend: N images, C concepts in G categories, L layers of labels, P pixels of a mask.
"""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sweep.data.decode import open_image, pixels_of, size_of
from sweep.errors import UserError

IMAGES = "images"
NUMBERS = 1 << 16  # of labels that red and green can tell apart
MOST_LAYERS = 64  # of an image in a category: Broden has three or four


@dataclass(frozen=True)
class BrodenLabels:
    """Labels image by image.

    folder: of the masks. index: the file whose lines are named in messages. cells: by category,
    (N,) texts. concepts: by category, its labels by number. sizes: (N, 2) of the masks.
    resolution: (height, width) that all masks are brought to.
    """

    folder: Path
    index: Path
    lines: list[int]
    cells: Mapping[str, Sequence[str]]
    concepts: Mapping[str, Mapping[int, str]]
    sizes: NDArray[np.int64]
    resolution: tuple[int, int]

    @property
    def categories(self) -> tuple[str, ...]:
        return tuple(self.concepts)

    @property
    def names(self) -> tuple[tuple[str, ...], ...]:
        """By category, its concepts in their order."""
        return tuple(tuple(found.values()) for found in self.concepts.values())

    def of(self, image: int) -> list[NDArray[np.uint16]]:
        """By category (L, P), or (L, 1) of the whole image; c + 1 is concept c, 0 none."""
        return [self._of_category(image, category) for category in self.concepts]

    @cached_property
    def _codes(self) -> dict[str, NDArray[np.uint16]]:
        """By category, from the number of a label to c + 1; 0 where it isn't of the category."""
        found, before = {}, 0
        for category, names in self.concepts.items():
            codes = np.zeros(NUMBERS, np.uint16)
            codes[list(names)] = np.arange(before + 1, before + len(names) + 1)
            found[category] = codes
            before += len(names)
        return found

    def _of_category(self, image: int, category: str) -> NDArray[np.uint16]:
        names = self.cells[category][image].split(";")
        if len(names) > MOST_LAYERS:
            raise self._wrong(image, f"{len(names)} labels of {category}, more than {MOST_LAYERS}")
        layers = []
        for name in map(str.strip, names):
            if name.isascii() and name.isdigit():
                numbers = np.array([min(int(name), NUMBERS - 1)])
                layers.append(self._coded(image, category, numbers, self.index))
            elif name:
                layers.append(self._mask(image, category, name))
        if not layers:
            return np.zeros((1, 1), np.uint16)
        width = max(len(layer) for layer in layers)
        found = np.stack([np.broadcast_to(layer, width) for layer in layers])
        for number in range(1, len(found)):
            found[number, (found[:number] == found[number]).any(axis=0)] = 0
        return found

    def _mask(self, image: int, category: str, name: str) -> NDArray[np.uint16]:
        """(P,) of a PNG file."""
        if not is_inside(name):
            raise self._wrong(image, f"the mask {name!r} is no path below {IMAGES}/")
        path = self.folder / name
        height, width = self.sizes[image].tolist()
        try:
            # Reading a pipe would wait for a writer, perhaps for ever.
            if not stat.S_ISREG(path.stat().st_mode):
                raise self._wrong(image, f"the mask {path} is no regular file")
            content = path.read_bytes()
            found = size_of(content)
            if found != (height, width):  # before anything is unpacked: it may be huge
                raise self._wrong(
                    image,
                    f"the mask {path} is {found[0]} x {found[1]}, and sh x sw is "
                    f"{height} x {width}",
                )
            opened = open_image(content)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise self._wrong(image, f"the mask {path} can't be read ({reason})") from error
        if opened.mode != "RGB":
            raise self._wrong(image, f"the mask {path} is grey: a label is red + 256 green")
        pixels = pixels_of(opened)
        numbers = pixels[0] + np.int64(256) * pixels[1]
        codes = self._coded(image, category, numbers.ravel(), path).reshape(height, width)
        return _nearest(codes, self.resolution).ravel()

    def _coded(
        self, image: int, category: str, numbers: NDArray[np.int64], place: Path
    ) -> NDArray[np.uint16]:
        codes = self._codes[category][numbers]
        unknown = numbers[(codes == 0) & (numbers != 0)]
        if len(unknown):
            raise self._wrong(
                image, f"{place.name} has the label {unknown[0]}, which label.csv has no {category}"
            )
        return codes

    def _wrong(self, image: int, problem: str) -> UserError:
        return UserError(f"data.path: {self.index} line {self.lines[image]}: {problem}")


def is_inside(name: str) -> bool:
    """Whether a path of the index leads nowhere but below images/."""
    return not {"", ".", ".."} & set(name.split("/")) and not re.search(r"[\\\x00-\x1f]", name)


def concepts_by_number(
    labels: Mapping[int, tuple[str, list[str]]], categories: Sequence[str]
) -> dict[str, dict[int, str]]:
    """By category, the labels that occur in it, ascending by number."""
    return {
        category: {number: labels[number][0] for number in sorted(labels)
                   if category in labels[number][1]}
        for category in categories
    }  # fmt: skip


def usual_resolution(
    cells: Mapping[str, Sequence[str]], sizes: NDArray[np.int64]
) -> tuple[int, int]:
    """(height, width) of most masks, the larger of equally many; sizes: (N, 4).

    An image without a mask may say 1 x 1, so it has no vote. Without any mask: half of the usual
    image, as masks are.
    """
    masked = [any(".png" in cell.lower() for cell in row) for row in zip(*cells.values())]  # noqa: B905
    found = sizes[masked, 2:] if any(masked) else np.maximum(sizes[:, :2] // 2, 1)
    counts = Counter(map(tuple, found.tolist()))
    height, width = max(counts, key=lambda size: (counts[size], size))
    return height, width


def _nearest(mask: NDArray[np.uint16], size: tuple[int, int]) -> NDArray[np.uint16]:
    """Each pixel takes the one of the mask that its center lies in."""
    if mask.shape == size:
        return mask
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip(size, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]
