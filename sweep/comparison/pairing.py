"""Which networks belong together: seeds in configurations, configurations in pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sweep.comparison.networks import Network
from sweep.regression import SEED

Over = Literal["configurations", "seeds", "networks"]


@dataclass(frozen=True)
class Units:
    """What counts as independent on each side: means over the networks of a unit are compared.

    first, second: of each unit the places of its networks on that side; where `is_paired`, the
    units of one place belong together. over: what the units are, on each side.
    agree: the settings that pairs share and that vary, with the seed where units are seeds.
    """

    first: tuple[tuple[int, ...], ...]
    second: tuple[tuple[int, ...], ...]
    is_paired: bool
    over: tuple[Over, Over]
    agree: tuple[str, ...] = ()


def pair_units(first: Sequence[Network], second: Sequence[Network]) -> Units:
    """Units of two sides: configurations, or the seeds of the only one.

    They are paired where both sides have the same ones, apart from the settings in which the
    sides as a whole differ: of `cnn` and `mlp` the configurations of equal width and depth.
    """
    apart = _apart(first, second)
    groups = [_configurations(side, apart) for side in (first, second)]
    several = [len(group) > 1 for group in groups]
    agree = tuple(key for key in varying_keys([*first, *second]) if key not in {*apart, SEED})
    if all(several):
        keys = sorted(groups[0])
        if keys == sorted(groups[1]):
            one, other = (tuple(tuple(group[key]) for key in keys) for group in groups)
            return Units(one, other, True, ("configurations", "configurations"), agree)
    elif not any(several):
        seeds = [[network.parameters[SEED] for network in side] for side in (first, second)]
        same = sorted(seeds[0]) == sorted(set(seeds[0])) == sorted(seeds[1]) and len(seeds[0]) > 1
        # The same seed begins the same model at the same weights; other models share nothing.
        if same and not any(key.startswith("model.") for key in apart):
            one, other = (
                tuple((place,) for place in sorted(range(len(own)), key=own.__getitem__))
                for own in seeds
            )
            return Units(one, other, True, ("seeds", "seeds"))
    one, other = (_units(group) for group in groups)
    return Units(one, other, False, (_over(groups[0]), _over(groups[1])))


def num_configurations(networks: Sequence[Network]) -> int:
    """How many differ in more than the seed."""
    return len(_configurations(networks, set()))


def _units(group: Mapping[str, list[int]]) -> tuple[tuple[int, ...], ...]:
    """Each configuration; of the only one each network."""
    if len(group) > 1:
        return tuple(tuple(group[key]) for key in sorted(group))
    return tuple((place,) for places in group.values() for place in places)


def _over(group: Mapping[str, list[int]]) -> Over:
    if len(group) > 1:
        return "configurations"
    return "seeds" if sum(map(len, group.values())) > 1 else "networks"


def _configurations(networks: Sequence[Network], without: set[str]) -> dict[str, list[int]]:
    """Places of the networks by all that is set but the seed and the keys `without`."""
    found: dict[str, list[int]] = {}
    for place, network in enumerate(networks):
        kept = {k: v for k, v in network.parameters.items() if k != SEED and k not in without}
        found.setdefault(json.dumps(kept, sort_keys=True, default=str), []).append(place)
    return found


def _apart(first: Sequence[Network], second: Sequence[Network]) -> set[str]:
    """Settings that are one value on each side, and not the same."""
    one, other = _fixed(first), _fixed(second)
    return {key for key in one.keys() & other.keys() if one[key] != other[key]}


def _fixed(networks: Sequence[Network]) -> dict[str, Any]:
    varying = varying_keys(networks, lacking=True)
    return {key: v for key, v in networks[0].parameters.items() if key not in varying}


def varying_keys(networks: Sequence[Network], *, lacking: bool = False) -> list[str]:
    """Settings in which networks differ; lacking: also those that only some of them have."""
    found = []
    for key in networks[0].parameters:
        seen = {network.parameters[key] for network in networks}
        if len(seen if lacking else seen - {None}) > 1:
            found.append(key)
    return found
