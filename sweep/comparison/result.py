"""What a comparison comes to: frozen numbers, and all of them as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sweep.comparison.pairing import Units

Verdict = Literal[
    "beyond noise", "not beyond noise", "too few to tell", "the same", "no noise known", ""
]
BEYOND: Verdict = "beyond noise"


@dataclass(frozen=True)
class Difference:
    """First less second, at one place.

    name: of a layer, a depth such as "0.45", or a scalar. depth: relative; None for scalars.
    first, second: means over units. low, high: 95% at all places and pairs at once.
    each_low, each_high: 95% at this place alone. p_value: corrected. NaN: nothing to tell by.
    """

    name: str
    depth: float | None
    first: float
    second: float
    value: float
    low: float
    high: float
    each_low: float
    each_high: float
    p_value: float
    verdict: Verdict


@dataclass(frozen=True)
class Pair:
    """Two sides at all places. noise: what differences are judged by, in words."""

    first: str
    second: str
    units: Units
    noise: str
    differences: tuple[Difference, ...]

    @property
    def is_new(self) -> bool:
        """Whether any difference is beyond noise."""
        return any(one.verdict == BEYOND for one in self.differences)


@dataclass(frozen=True)
class SideProfile:
    """One side's mean at each place with its own 95% interval; NaN where there is none.

    networks: how many have the quantity. over: what the interval is over.
    """

    label: str
    networks: int
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    over: str


@dataclass(frozen=True)
class ProfileComparison:
    """One layer quantity of all sides. kind: places are "layers" or relative "depths"."""

    quantity: str
    kind: Literal["layers", "depths"]
    names: tuple[str, ...]
    depth: tuple[float, ...]
    sides: tuple[SideProfile, ...]
    pairs: tuple[Pair, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class ScalarSides:
    """A number that sums up a network: each side's mean with its own 95% interval."""

    name: str
    means: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """Two or more sides. sides: what each is (label, networks, data, images ...).

    scalars: of each side. scalar_pairs: their differences. correction: in words.
    """

    sides: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    profiles: tuple[ProfileComparison, ...]
    scalars: tuple[ScalarSides, ...]
    scalar_pairs: tuple[Pair, ...]
    correction: str

    @property
    def labels(self) -> list[str]:
        """Of the sides, in the order in which they were named."""
        return [str(side["label"]) for side in self.sides]

    @property
    def title(self) -> str:
        """Such as "cnn against mlp", or "cnn, mlp and resnet, each against each"."""
        first, *others = self.labels
        if any(pair.first != first for pair in self.profiles[0].pairs):
            return f"{_listed(self.labels)}, each against each"
        return f"{first} against {_listed(others)}"

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON values; NaN is null."""
        return dict(_plain(asdict(self)))


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
