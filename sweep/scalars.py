"""The numbers that sum up one checkpoint, from its rows; knows no analysis by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sweep.measurement import Measurement, last_hidden

# What `scalars` makes of a quantity that is measured per layer.
SUMMARIES = ("last_hidden", "peak", "peak_depth", "slope")
HALF = 0.5  # relative depth from which the slope is taken


@dataclass(frozen=True)
class Scalar:
    """One number of a trial, with its 95% interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


def scalars(rows: Sequence[Measurement]) -> dict[str, Scalar]:
    """The numbers that sum up one checkpoint, by name.

    A quantity of the network keeps its name. A quantity of layers, such as "id/twonn",
    gives `id_last_hidden/twonn`, `id_peak/twonn` (its largest value over the layers after
    the input and before the output), `id_peak_depth/twonn` (where that is) and
    `id_slope/twonn` (its least-squares slope over relative depth, from half depth to the last
    hidden layer, where there are two layers). Numbers that are not finite are left out.
    """
    hidden = last_hidden(rows)
    found: dict[str, Scalar] = {}
    profiles: dict[str, list[Measurement]] = {}
    for row in rows:
        if not math.isfinite(row.value) or row.quantity == "last_hidden":
            continue
        if row.layer_index is None:
            found[row.quantity] = Scalar(row.value, row.low, row.high)
        else:
            profiles.setdefault(row.quantity, []).append(row)
    for quantity, profile in profiles.items():
        for row in profile:
            if row.layer_index == hidden.get((row.trial, row.checkpoint)):
                name = scalar_name(quantity, "last_hidden")
                found[name] = Scalar(row.value, row.low, row.high)
        inner = [row for row in profile if 0 < (row.relative_depth or 0) < 1] or profile
        peak = max(inner, key=lambda row: row.value)
        found[scalar_name(quantity, "peak")] = Scalar(peak.value, peak.low, peak.high)
        found[scalar_name(quantity, "peak_depth")] = Scalar(peak.relative_depth or 0.0)
        last = hidden.get((peak.trial, peak.checkpoint))
        slope = None if last is None else _slope(profile, last)
        if slope is not None:
            found[scalar_name(quantity, "slope")] = Scalar(slope)
    return found


def _slope(profile: Sequence[Measurement], last_hidden: int) -> float | None:
    """Least squares over the layers from half depth to the last hidden one; None for one."""
    places = [
        (row.relative_depth, row.value)
        for row in profile
        if row.relative_depth is not None
        and row.relative_depth >= HALF
        and (row.layer_index or 0) <= last_hidden
    ]
    if len({depth for depth, _ in places}) < 2:
        return None
    center = fmean(depth for depth, _ in places)
    spread = sum((depth - center) ** 2 for depth, _ in places)
    return sum((depth - center) * value for depth, value in places) / spread


def scalar_name(quantity: str, summary: str) -> str:
    """From "id/twonn@cat" and "peak" to "id_peak/twonn@cat", whatever the class is called.

    >>> scalar_name("pc_id@a/b", "peak")
    'pc_id_peak@a/b'
    """
    measured, at, probe = quantity.partition("@")
    head, slash, tail = measured.partition("/")
    return f"{head}_{summary}{slash}{tail}{at}{probe}"
