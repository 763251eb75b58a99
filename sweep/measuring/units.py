"""Units of work of one checkpoint: what runs in one process at a time, and in which order.

Each unit seals what it makes, so that it costs no more than itself when its process dies.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sweep.measuring.plan import Plan
from sweep.space import Trial

Kind = Literal["start", "network", "count", "record", "tile", "layer", "release", "finish"]


@dataclass(frozen=True)
class Unit:
    """One piece of measuring a trial's checkpoint.

    place: which one of its kind.
        record: (pass, part). tile: (pass, layer, rows, columns), spans both. layer: (pass, layer).
        release: (pass,). count: (analysis, pass, part).
    """

    trial: Trial
    kind: Kind
    place: tuple[int, ...] = ()


def phases_of(
    trial: Trial, plan: Plan, num_neighbors: int, counted: Sequence[Sequence[int]] = ()
) -> list[list[Unit]]:
    """Units in phases: all of one phase may run at once, when those before are done.

    num_neighbors: that the analyses read; without any there are no tiles.
    counted: of each analysis that counts, how many parts each of its passes has.
    """
    phases = [[Unit(trial, "network")]]
    for analysis, passes in enumerate(counted):
        for number, num_parts in enumerate(passes):
            if number:
                phases.append([])
            parts = [(analysis, number, part) for part in range(num_parts)]
            phases[-1] += [Unit(trial, "count", place) for place in parts]
    for number, indices in enumerate(plan.passes):
        phases[-1] += [Unit(trial, "record", (number, part)) for part in range(len(plan.parts))]
        pairs = span_pairs(plan) if num_neighbors else []
        if pairs:
            tiles = [(number, index, *pair) for index in indices for pair in pairs]
            phases.append([Unit(trial, "tile", tile) for tile in tiles])
        phases.append([Unit(trial, "layer", (number, index)) for index in indices])
        phases.append([Unit(trial, "release", (number,))])
    phases.append([Unit(trial, "finish")])
    return phases


def span_pairs(plan: Plan) -> list[tuple[int, int]]:
    """The pairs of spans between which neighbors are searched: each pair, each span with itself.

    Pairs of two come first: they are twice the work.
    """
    pairs = itertools.combinations_with_replacement(range(len(plan.spans)), 2)
    return sorted(pairs, key=lambda pair: pair[0] == pair[1])
