"""Rows of probe sets of single classes: how they are named, and their mean.

The paper's Figure 3 shows the mean over classes of profiles measured within each class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sweep.mean import mean_interval
from sweep.measurement import Measurement

CLASSES = "classes"  # stands in place of a class for their mean
MIN_CLASSES = 2


def name_probe(rows: Iterable[Measurement], probe: str) -> list[Measurement]:
    """Rows measured on a class, told by its name: "id/twonn" becomes "id/twonn@cat".

    A class named "classes" is told as "classes'", apart from the mean over all.
    """
    if not probe:
        return list(rows)
    return [replace(row, quantity=f"{row.quantity}@{_told(probe)}") for row in rows]


def mean_over_classes(rows: Sequence[Measurement], probes: Sequence[str]) -> list[Measurement]:
    """Per layer and quantity the mean over classes, with its 95% t-interval over classes.

    rows: of one analysis. probes: names of the classes.
    """
    told = {_told(probe) for probe in probes}
    values: dict[tuple[int | None, str], list[Measurement]] = {}
    for row in rows:
        quantity, mark, probe = row.quantity.partition("@")
        if mark and probe in told and math.isfinite(row.value):
            values.setdefault((row.layer_index, quantity), []).append(row)
    found = []
    for (_, quantity), members in values.items():
        if len(members) < MIN_CLASSES:
            continue
        numbers = [row.value for row in members]
        mean, low, high = mean_interval(numbers)
        settings = {
            key: value
            for key, value in members[0].settings.items()
            if all(row.settings.get(key) == value for row in members)
        }
        settings |= {"num_classes": len(numbers), "interval": "t over classes 0.95"}
        found.append(
            replace(
                members[0],
                quantity=f"{quantity}@{CLASSES}",
                value=mean,
                low=low,
                high=high,
                settings=settings,
            )
        )
    return found


def is_of_class(quantity: str) -> bool:
    """Whether it is measured on a single class, and is no mean over them."""
    return quantity.partition("@")[2] not in ("", CLASSES)


def _told(probe: str) -> str:
    return f"{probe}'" if probe.rstrip("'") == CLASSES else probe
