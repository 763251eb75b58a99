"""Analyses that go through the images themselves, in passes whose results are sums.

Each pass may be cut into spans of images, counted in any process, and the counts merged: the
result is the same to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sweep.measurement import Measurement
from sweep.measuring.analysis import Analysis
from sweep.measuring.checkpoint import Checkpoint, NetworkView
from sweep.sealing import seal

Counts = Mapping[str, NDArray[Any]]
FILE = "counts.npz"


@dataclass(frozen=True)
class Findings:
    """What an analysis comes to. tables: by the name of the file that each is sealed as."""

    rows: list[Measurement]
    tables: dict[str, pa.Table] = field(default_factory=dict)


@runtime_checkable
class CountingAnalysis(Analysis, Protocol):
    """An analysis of all layers at once, by counting."""

    @property
    def num_passes(self) -> int:
        """How many times it goes through the images."""

    def num_images(self, checkpoint: Checkpoint) -> int:
        """How many images those are."""

    def count(
        self, view: NetworkView, number: int, span: tuple[int, int], before: Sequence[Counts]
    ) -> Counts:
        """Go through a span of the images in pass `number`. before: counts of earlier passes."""

    def merge(self, number: int, parts: Sequence[Counts]) -> Counts:
        """Counts of all images, from those of spans."""

    def conclude(self, view: NetworkView, counts: Sequence[Counts]) -> Findings:
        """What the counts of all passes say."""


def count_all(analysis: CountingAnalysis, view: NetworkView) -> Findings:
    """All passes over all images, in this process."""
    counts: list[Counts] = []
    everything = (0, analysis.num_images(view.checkpoint))
    for number in range(analysis.num_passes):
        found = analysis.count(view, number, everything, counts)
        counts.append(analysis.merge(number, [found]))
    return analysis.conclude(view, counts)


def spans_of(num_images: int, part_images: int) -> list[tuple[int, int]]:
    """(start, stop) of the images of each unit of work."""
    starts = range(0, num_images, part_images)
    return [(start, min(start + part_images, num_images)) for start in starts]


def seal_counts(folder: Path, counts: Counts) -> None:
    """Seal counts as `folder`."""
    with seal(folder, durable=False) as temporary:
        arrays: dict[str, Any] = dict(counts)
        np.savez(temporary / FILE, **arrays)


def read_counts(folder: Path) -> Counts:
    """What `seal_counts` sealed."""
    with np.load(folder / FILE, allow_pickle=False) as file:
        return dict(file)
