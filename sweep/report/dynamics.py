"""Networks measured at several epochs: how the profile comes about, and what accuracy does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

import matplotlib as mpl
from matplotlib.colors import to_hex

from sweep.results import TrialResult
from sweep.scalars import scalars


def by_epoch(results: Sequence[TrialResult]) -> dict[float, list[TrialResult]]:
    """The trials measured at several epochs, as they were at each of them."""
    found: dict[float, list[TrialResult]] = {}
    for result in results:
        if result.earlier:
            for epoch, rows in result.earlier.items():
                found.setdefault(epoch, []).append(replace(result, rows=rows, earlier={}))
            found.setdefault(result.trial.epoch, []).append(replace(result, earlier={}))
    return dict(sorted(found.items()))


def mean_scalar(members: Sequence[TrialResult], name: str) -> tuple[float, float, float] | None:
    """Mean, least and largest over trials; None if none has it."""
    values = [found[name].value for m in members for found in [scalars(m.rows)] if name in found]
    return (fmean(values), min(values), max(values)) if values else None


def epoch_color(number: int, count: int) -> str:
    """From yellow, the first of the epochs, to dark blue, the last."""
    shade = 0.92 * (1 - number / max(1, count - 1))
    return to_hex(mpl.colormaps["viridis"](shade))
