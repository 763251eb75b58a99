"""Numbers of each configuration over its seeds, after as many epochs as it was measured at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from sweep.results import SweepResults


@dataclass(frozen=True)
class Variant:
    """All seeds of one configuration after as many epochs.

    values: by quantity, without what stands before its slash, the mean over the seeds, the
        least and the largest.
    """

    name: str
    epoch: float
    num_networks: int
    values: dict[str, tuple[float, float, float]]


def variants_of(results: SweepResults, quantities: Sequence[str]) -> list[Variant]:
    """In the order of the sweep, each after as many epochs as it was measured at."""
    groups: dict[tuple[str, float], list[dict[str, float]]] = {}
    for each in results.results:
        name = each.trial.name.removesuffix(f"-s{each.trial.config.training.seed}")
        for epoch, rows in (*each.earlier.items(), (each.trial.epoch, each.rows)):
            values = {row.quantity: row.value for row in rows if row.quantity in quantities}
            groups.setdefault((name, epoch), []).append(values)
    found = []
    for (name, epoch), seeds in groups.items():
        summed: dict[str, tuple[float, float, float]] = {}
        for quantity in quantities:
            known = [one[quantity] for one in seeds if quantity in one]
            if known:
                summed[quantity.rpartition("/")[2]] = fmean(known), min(known), max(known)
        found.append(Variant(name, epoch, len(seeds), summed))
    return found
