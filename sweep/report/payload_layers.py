"""The profiles of a page's data: every quantity that rows have of layers, trial by trial.

Legend: T trials, L layers of a trial, E epochs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sweep.measurement import Measurement
from sweep.measuring import is_control
from sweep.report.significant import significant
from sweep.results import TrialResult

LAST_HIDDEN = "last_hidden"
ENDS = ("value", "low", "high", "scale")


@dataclass
class Quantity:
    """One quantity of layers, collected over trials.

    lengths: (T,) layers of each trial, 0 of one that lacks the quantity. The others hold the
    numbers of all trials one after another, NaN where a layer has none. scale: the mean
    distance that a value speaks of, where rows of a scale curve tell it. rank: of the farther
    neighbor, if it is one point of a scale curve.
    """

    name: str
    analysis: str
    rank: int | None = None
    lengths: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    scale: list[float] = field(default_factory=list)

    @property
    def is_control(self) -> bool:
        """Whether it checks others rather than sums up a network."""
        return is_control(self.analysis)

    def to_json(self) -> dict[str, Any]:
        """Arrays of each trial; None for one that lacks it; ends only where there are any."""
        found = {}
        for name in ENDS:
            numbers = significant(getattr(self, name))
            if name == "value" or any(number is not None for number in numbers):
                found[name] = _split(numbers, self.lengths)
        return found


@dataclass(frozen=True)
class Layers:
    """Profiles of all trials, and the layers that they are of.

    sets: distinct lists of layers. of_trial: (T,) which of them a trial has.
    """

    sets: list[dict[str, Any]]
    of_trial: list[int]
    quantities: dict[str, Quantity]


def collect_layers(results: Sequence[TrialResult]) -> Layers:
    """Walk all rows once."""
    sets: dict[tuple[Any, ...], int] = {}
    of_trial: list[int] = []
    quantities: dict[str, Quantity] = {}
    for number, result in enumerate(results):
        places = _layers_of(result.rows)
        key = (tuple(places.values()), _last_place(result.rows, places))
        of_trial.append(sets.setdefault(key, len(sets)))
        _collect(quantities, result.rows, {index: p for p, index in enumerate(places)}, number)
    for quantity in quantities.values():
        quantity.lengths += [0] * (len(results) - len(quantity.lengths))
    return Layers([_layer_set(*key) for key in sets], of_trial, quantities)


def epoch_profiles(
    results: Sequence[TrialResult], quantity: str, names: Sequence[str]
) -> dict[str, Any] | None:
    """A quantity and some scalars of networks by epoch; None unless measured at several.

    trial: places in `results`. epoch: E of each. value: (E, L) of each; names: (E,) of each.
    """
    found: dict[str, Any] = {"trial": [], "epoch": [], "value": []}
    found |= {name: [] for name in names}
    for number, result in enumerate(results):
        if not result.earlier:
            continue
        places = {index: place for place, index in enumerate(_layers_of(result.rows))}
        by_epoch = {**result.earlier, result.trial.epoch: result.rows}
        found["trial"].append(number)
        found["epoch"].append(list(by_epoch))
        profiles = []
        for rows in by_epoch.values():
            values = [math.nan] * len(places)
            for row in rows:
                if row.quantity == quantity and row.layer_index in places:
                    values[places[row.layer_index]] = row.value
            profiles.append(significant(values))
        found["value"].append(profiles)
        for name in names:
            told = [
                next((row.value for row in rows if row.quantity == name), None)
                for rows in by_epoch.values()
            ]
            found[name].append(significant(told))
    return found if found["trial"] else None


def _collect(
    quantities: dict[str, Quantity],
    rows: Sequence[Measurement],
    place: dict[int, int],
    number: int,
) -> None:
    """One trial's rows, added to the quantities."""
    slots: dict[str, list[list[float]]] = {}
    for row in rows:
        index = row.layer_index
        if index is None or row.quantity == LAST_HIDDEN:
            continue
        slot = slots.get(row.quantity)
        if slot is None:
            slot = slots[row.quantity] = [[math.nan] * len(place) for _ in ENDS]
            if row.quantity not in quantities:
                rank = row.settings.get("n2") if is_control(row.analysis) else None
                quantities[row.quantity] = Quantity(row.quantity, row.analysis, rank)
        at = place[index]
        slot[0][at] = row.value
        if row.low is not None:
            slot[1][at] = row.low
        if row.high is not None:
            slot[2][at] = row.high
        if quantities[row.quantity].rank is not None:
            slot[3][at] = row.settings.get("scale", math.nan)
    for name, slot in slots.items():
        quantity = quantities[name]
        quantity.lengths += [0] * (number - len(quantity.lengths)) + [len(place)]
        for end, values in zip(ENDS, slot, strict=True):
            getattr(quantity, end).extend(values)


def _layers_of(rows: Sequence[Measurement]) -> dict[int, tuple[Any, ...]]:
    """By layer index, ascending: name, relative depth, units."""
    found: dict[int, tuple[Any, ...]] = {}
    for row in rows:
        index = row.layer_index
        if index is not None and (index not in found or found[index][2] is None):
            found[index] = (row.layer, row.relative_depth, row.embedding_dimension, index)
    return dict(sorted(found.items()))


def _last_place(rows: Sequence[Measurement], places: dict[int, tuple[Any, ...]]) -> int | None:
    last = next((row.layer_index for row in rows if row.quantity == LAST_HIDDEN), None)
    return list(places).index(last) if last in places else None


def _layer_set(layers: tuple[tuple[Any, ...], ...], last: int | None) -> dict[str, Any]:
    return {
        "name": [layer[0] for layer in layers],
        "depth": significant(layer[1] for layer in layers),
        "units": [layer[2] for layer in layers],
        "index": [layer[3] for layer in layers],
        "last": last,
    }


def _split(numbers: list[float | None], lengths: Sequence[int]) -> list[list[float | None] | None]:
    parts: list[list[float | None] | None] = []
    start = 0
    for length in lengths:
        parts.append(numbers[start : start + length] if length else None)
        start += length
    return parts
