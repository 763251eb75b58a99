"""What is wrong with a data set: counted and named, against the limits that the user set.

Legend: N images kept, in the order train, test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweep.errors import UserError

NAMED = 20  # of each kind are named in the manifest
SHOWN = 3  # of them in an error


@dataclass
class Problem:
    """One kind of problem: how many, and the first of them by name."""

    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append(name)

    def shown(self) -> str:
        """The first few in a line."""
        more = f" and {self.count - SHOWN:,} more" if self.count > SHOWN else ""
        return ", ".join(self.named[:SHOWN]) + more


@dataclass
class Problems:
    """Of each kind.

    corrupt, bad_labels: left out. duplicates: of an earlier image, to the bit;
    across_splits of them are test images that are in train too, and conflicting of them
    have another label. empty_classes: without an image in a split. ignored_files: found
    in a class's folder, but no images.
    """

    corrupt: Problem = field(default_factory=Problem)
    bad_labels: Problem = field(default_factory=Problem)
    duplicates: Problem = field(default_factory=Problem)
    across_splits: int = 0
    conflicting: int = 0
    empty_classes: Problem = field(default_factory=Problem)
    ignored_files: Problem = field(default_factory=Problem)

    def check_bad(self, limit: int) -> None:
        """Raise UserError if more images are bad than the user allows."""
        count = self.corrupt.count + self.bad_labels.count
        if count > limit:
            kinds = [
                f"{problem.count:,} {words} ({problem.shown()})"
                for problem, words in (
                    (self.corrupt, "corrupt"),
                    (self.bad_labels, "without a valid label"),
                )
                if problem.count
            ]
            raise UserError(
                f"data.max_bad_images: at most {limit:,} images may be bad, but found "
                f"{' and '.join(kinds)}: mend them, or leave them out with "
                f"data.max_bad_images={count}"
            )

    def check_duplicates(self, limit: int | None) -> None:
        """Raise UserError if more images are duplicates than the user allows."""
        if limit is not None and self.duplicates.count > limit:
            raise UserError(
                f"data.max_duplicates: at most {limit:,} images may equal an earlier one, but "
                f"found {self.duplicates.count:,} ({self.duplicates.shown()}): remove them, or "
                f"set data.max_duplicates={self.duplicates.count}"
            )

    def check_empty(self, allowed: bool) -> None:
        """Raise UserError if classes are empty and the user doesn't allow it."""
        if not allowed and self.empty_classes.count:
            raise UserError(
                f"data.allow_empty_classes: {self.empty_classes.count:,} classes have no image "
                f"({self.empty_classes.shown()}): give them some, or set "
                "data.allow_empty_classes=true"
            )

    def to_json(self) -> dict[str, Any]:
        return {
            name: {"count": value.count, "named": value.named}
            if isinstance(value, Problem)
            else value
            for name, value in vars(self).items()
        }


def find_duplicates(
    problems: Problems,
    keys: NDArray[np.uint8],
    labels: NDArray[np.int64],
    num_train: int,
    name: Callable[[int], str],
) -> None:
    """Note every image whose key (N, 16) an earlier one has. name: of the n-th image."""
    words = np.ascontiguousarray(keys).view(np.uint64).reshape(-1, 2)
    order = np.lexsort((words[:, 1], words[:, 0]))  # stable: of equal ones the earliest first
    ordered = words[order]
    again = np.zeros(len(order), bool)
    again[1:] = (ordered[1:] == ordered[:-1]).all(axis=1)
    firsts = order[~again]
    first_of = firsts[np.cumsum(~again) - 1]
    duplicates, originals = order[again], first_of[again]
    by_place = np.argsort(duplicates)
    duplicates, originals = duplicates[by_place], originals[by_place]
    problems.across_splits = int(((duplicates >= num_train) & (originals < num_train)).sum())
    problems.conflicting = int((labels[duplicates] != labels[originals]).sum())
    for duplicate, original in zip(duplicates[:NAMED], originals[:NAMED], strict=True):
        problems.duplicates.add(f"{name(int(duplicate))} = {name(int(original))}")
    problems.duplicates.count = len(duplicates)


def find_empty_classes(
    problems: Problems, labels: dict[str, NDArray[np.int64]], names: Sequence[str], kept: set[int]
) -> None:
    """Note the classes, of those kept, without an image in a split."""
    for split, found in labels.items():
        there = set(np.unique(found).tolist())
        for index, name in enumerate(names):
            if index in kept and index not in there:
                problems.empty_classes.add(f"{name} in {split}")
