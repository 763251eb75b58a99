"""One number of one network for each statistic that a claim can be about.

A hidden layer is one after the input, up to the last hidden layer, which enters the
classifier. Layers without a value (too few distinct points, say) are left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sweep.config import ClaimConfig
from sweep.measurement import Measurement
from sweep.results import TrialResult
from sweep.scalars import scalars
from sweep.space import untrained_twin

HALF = 0.5  # of a network's depth


class NoValueError(Exception):
    """Why a network has no value of a statistic, in a few words."""


@dataclass(frozen=True)
class Reading:
    """What a statistic reads of one network.

    twins: the measured untrained networks, by their configuration as JSON.
    """

    result: TrialResult
    claim: ClaimConfig
    twins: Mapping[str, TrialResult]


@dataclass(frozen=True)
class Statistic:
    """A number of a network.

    on_log: whether means and intervals are taken of its logarithm: for positive ratios, of
        which 2 and 1/2 are equally far from 1.
    """

    read: Callable[[Reading], float]
    on_log: bool


@dataclass(frozen=True)
class Profile:
    """The rows of one quantity, layer after layer. last_hidden: its place among them."""

    rows: tuple[Measurement, ...]
    last_hidden: int

    @property
    def last(self) -> Measurement:
        """The last hidden layer's row."""
        return self.rows[self.last_hidden]

    @property
    def hidden(self) -> tuple[Measurement, ...]:
        """After the input, up to the last hidden layer."""
        return (*self.between, self.last)

    @property
    def between(self) -> tuple[Measurement, ...]:
        """After the input and before the last hidden layer."""
        return tuple(row for row in self.rows[: self.last_hidden] if row.layer_index)


def profile_of(result: TrialResult, quantity: str) -> Profile:
    """Raises NoValueError without a value in the last hidden layer."""
    place = next((r.layer_index for r in result.rows if r.quantity == "last_hidden"), None)
    rows = sorted(
        (
            row
            for row in result.rows
            if row.quantity == quantity and row.layer_index is not None and _positive(row.value)
        ),
        key=lambda row: row.layer_index or 0,
    )
    found = [number for number, row in enumerate(rows) if row.layer_index == place]
    if place is None or not found:
        raise NoValueError(f"{quantity} has no value in the last hidden layer")
    return Profile(tuple(rows), found[0])


def units_over(reading: Reading) -> float:
    """Smallest over hidden layers of units / quantity."""
    profile = _profile(reading)
    return min((row.embedding_dimension or 0) / row.value for row in profile.hidden)


def peak_over_ends(reading: Reading) -> float:
    """Largest layer between input and last hidden over the larger of these two."""
    profile = _profile(reading)
    first = profile.rows[0]
    if first.layer_index != 0:
        raise NoValueError("the input has no value")
    if not profile.between:
        raise NoValueError("no layer lies between input and last hidden layer")
    return max(r.value for r in profile.between) / max(first.value, profile.last.value)


def profile_range(reading: Reading) -> float:
    """Largest over smallest of all layers."""
    values = [row.value for row in _profile(reading).rows]
    return max(values) / min(values)


def rise_at_end(reading: Reading) -> float:
    """Last hidden layer over the layer nearest to half the depth; of equally near, the later."""
    profile = _profile(reading)
    if not profile.between:
        raise NoValueError("no layer lies between input and last hidden layer")
    middle = min(
        profile.between,
        key=lambda row: (
            round(abs((row.relative_depth or 0.0) - HALF), 9),
            -(row.layer_index or 0),
        ),
    )
    return profile.last.value / middle.value


def ratio(reading: Reading) -> float:
    """Quantity over another in the last hidden layer."""
    below = profile_of(reading.result, reading.claim.over or "")
    return _profile(reading).last.value / below.last.value


def trained_over_untrained(reading: Reading) -> float:
    """Last hidden layer over the same layer of the same network at initialization."""
    trial = reading.result.trial
    twin = reading.twins.get(untrained_twin(trial.config).model_dump_json())
    if twin is None or twin.trial.key == trial.key:
        raise NoValueError("its untrained twin is not measured (measure.untrained)")
    mine, other = _profile(reading), profile_of(twin, reading.claim.quantity)
    return mine.last.value / other.last.value


def scalar(reading: Reading) -> float:
    """A number of the whole network."""
    return network_scalar(reading.result, reading.claim.quantity)


def network_scalar(result: TrialResult, name: str) -> float:
    """A number of the network by its name. Raises NoValueError if it has none."""
    found = scalars(result.rows).get(name)
    if found is None:
        raise NoValueError(f"{name} has no value")
    return found.value


def _profile(reading: Reading) -> Profile:
    return profile_of(reading.result, reading.claim.quantity)


def _positive(value: float) -> bool:
    return math.isfinite(value) and value > 0


# Correlation is of many networks at once: `judge` has it.
PER_NETWORK: dict[str, Statistic] = {
    "units_over": Statistic(units_over, on_log=True),
    "peak_over_ends": Statistic(peak_over_ends, on_log=True),
    "profile_range": Statistic(profile_range, on_log=True),
    "rise_at_end": Statistic(rise_at_end, on_log=True),
    "ratio": Statistic(ratio, on_log=True),
    "trained_over_untrained": Statistic(trained_over_untrained, on_log=True),
    "scalar": Statistic(scalar, on_log=False),
}


def is_on_log(statistic: str) -> bool:
    """Whether its means are taken of logarithms."""
    return statistic in PER_NETWORK and PER_NETWORK[statistic].on_log


def no_effect(statistic: str) -> float | None:
    """The value that says that there is none: 1 of a ratio, 0 of a correlation."""
    if statistic == "correlation":
        return 0.0
    return 1.0 if is_on_log(statistic) else None
