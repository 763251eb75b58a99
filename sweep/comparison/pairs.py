"""Pairs of sides at all places: units, their noise, and what is beyond it.

Legend: N networks, P places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sweep.comparison.convention import Convention
from sweep.comparison.groups import Group
from sweep.comparison.networks import Network, Z
from sweep.comparison.pairing import Units, pair_units
from sweep.comparison.places import Floats, Places
from sweep.comparison.result import Difference, Pair, SideProfile, Verdict
from sweep.comparison.simultaneous import (
    Contrast,
    Differences,
    find_differences,
    paired,
    unpaired,
)
from sweep.comparison.words import noise_in_words
from sweep.mean import mean_interval

SEED = 0
COUNTED = "num_parameters"  # set, not found: its difference needs no noise
ROUNDING = 1e-9
FEW = 4  # units; with fewer, no difference found says little


@dataclass(frozen=True)
class Matrix:
    """A side's numbers. value, error: (N, P), of its networks, with errors of measuring."""

    networks: Sequence[Network]
    value: Floats
    error: Floats


def compare_sides(
    groups: Sequence[Group],
    matrices: Sequence[Matrix],
    conventions: Sequence[Convention],
    pairs: Sequence[tuple[int, int]],
    places: Places | None,
    names: Sequence[str] = (),
) -> tuple[Pair, ...]:
    """Each pair of sides, corrected for all places and all pairs together."""
    names = places.names if places else names
    tested = np.array([name != COUNTED for name in names])
    contrasts, units, means = [], [], []
    for first, second in pairs:
        one, other = matrices[first], matrices[second]
        same_images = conventions[first].is_on_same_images(conventions[second])
        own = pair_units(one.networks, other.networks)
        contrast, sides = _contrast(one, other, own, same_images)
        contrasts.append(_without(contrast, ~tested))
        units.append((own, same_images))
        means.append(sides)
    # The same draws for the same question, however often it is asked.
    results = find_differences(contrasts, np.random.default_rng(SEED))
    found = []
    for (first, second), contrast, (own, same), sides, result in zip(
        pairs, contrasts, units, means, results, strict=True
    ):
        few = any(len(part.units) < FEW for part in contrast.components)
        found.append(
            Pair(
                groups[first].label,
                groups[second].label,
                own,
                noise_in_words(own, same),
                tuple(
                    _difference(
                        name,
                        float(places.depth[place]) if places else None,
                        (float(sides[0][place]), float(sides[1][place])),
                        result,
                        place,
                        _verdict(result, place, few) if tested[place] else "",
                    )
                    for place, name in enumerate(names)
                ),
            )
        )
    return tuple(found)


def _difference(
    name: str,
    depth: float | None,
    sides: tuple[float, float],
    result: Differences,
    place: int,
    verdict: Verdict,
) -> Difference:
    return Difference(
        name=name,
        depth=depth,
        first=sides[0],
        second=sides[1],
        value=float(result.value[place]),
        low=float(result.low[place]),
        high=float(result.high[place]),
        each_low=float(result.each_low[place]),
        each_high=float(result.each_high[place]),
        p_value=float(result.p_value[place]),
        verdict=verdict,
    )


def _contrast(
    one: Matrix, other: Matrix, units: Units, same_images: bool
) -> tuple[Contrast, tuple[Floats, Floats]]:
    """The difference of two sides with its noise, and both means."""
    first, second = _by_unit(one.value, units.first), _by_unit(other.value, units.second)
    alone = len(first) == len(second) == 1
    known = np.zeros(first.shape[1])
    if alone or not same_images:
        # All networks of a side see the same images, whose error doesn't average out.
        known = (one.error**2).mean(axis=0) + (other.error**2).mean(axis=0)
    make: Callable[[Floats, Floats, Floats], Contrast] = paired if units.is_paired else unpaired
    return make(first, second, known), (first.mean(axis=0), second.mean(axis=0))


def _without(contrast: Contrast, places: NDArray[np.bool_]) -> Contrast:
    """The same with nothing to tell by at these places."""
    parts = tuple(
        replace(part, units=np.where(places, 0.0, part.units)) for part in contrast.components
    )
    return Contrast(contrast.estimate, parts, np.where(places, 0.0, contrast.known))


def _by_unit(values: Floats, units: Sequence[Sequence[int]]) -> Floats:
    return np.stack([values[list(places)].mean(axis=0) for places in units])


def _verdict(result: Differences, place: int, few: bool) -> Verdict:
    low, high = result.low[place], result.high[place]
    if np.isnan(low):
        scale = max(1.0, float(np.abs(result.value).max()))
        return "the same" if abs(result.value[place]) <= ROUNDING * scale else "no noise known"
    if low > 0 or high < 0:
        return "beyond noise"
    return "too few to tell" if few else "not beyond noise"


def summarize_side(label: str, matrix: Matrix) -> SideProfile:
    """A side by itself: its mean with Student's interval over its units, or its own."""
    own = pair_units(matrix.networks, matrix.networks)
    values = _by_unit(matrix.value, own.first)
    mean = values.mean(axis=0)
    if len(values) > 1:
        ends = [mean_interval(column)[1:] for column in values.T.tolist()]
        low, high = np.array(ends).T
        over = f"{len(values)} {own.over[0]}"
    else:
        reach = np.where(matrix.error[0] > 0, Z * matrix.error[0], np.nan)
        low, high, over = mean - reach, mean + reach, "the measurement"
    return SideProfile(
        label=label,
        networks=len(matrix.networks),
        mean=tuple(map(float, mean)),
        low=tuple(map(float, low)),
        high=tuple(map(float, high)),
        over=over,
    )
