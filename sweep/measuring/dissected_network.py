"""What a dissection says of a whole network: its last map, and how deep its concepts lie.

Layers of vectors are left out, whose cells look at whole images: a published network is told by
its last convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sweep.config import DissectionConfig
from sweep.measuring.maps import MapLayout

if TYPE_CHECKING:
    from sweep.measuring.dissected import LayerFindings

LOW, HIGH = ("color", "texture"), ("part", "object")


def network_names(config: DissectionConfig) -> tuple[str, ...]:
    """The quantities that `network_quantities` may give."""
    names = ["last_map_unique", "concept_rise"]
    names += ["last_map_excess"] if config.permutations else []
    names += ["last_map_rotation_loss"] if config.rotations else []
    return tuple(f"dissection/{name}" for name in names)


def network_quantities(
    layers: Sequence[LayerFindings],
    layouts: Sequence[MapLayout],
    categories: Sequence[str],
    level: float,
) -> Iterator[tuple[str, float]]:
    """(name, value) of a network; none of one without maps.

    last_map_unique: unique detectors of the last layer of maps. last_map_excess: how many more
    these are than permuted labels give on average. last_map_rotation_loss: the share of them that
    rotated units don't reach; none without detectors. concept_rise: how much deeper, in relative
    depth, detectors of parts and objects lie than those of colors and textures, as the mean over
    what `unique_by_category` counts; none of a network without one or the other.
    """
    maps = [
        each
        for each, layout in zip(layers, layouts, strict=True)
        if 0 < each.layer.relative_depth < 1 and layout.cells != (1, 1)
    ]
    if not maps:
        return
    last = max(maps, key=lambda each: each.layer.index)
    unique = last.found.unique_detectors(level)
    yield "last_map_unique", float(unique)
    if last.nulls:
        null = np.mean([null.unique_detectors(level) for null in last.nulls])
        yield "last_map_excess", float(unique - null)
    if last.rotated and unique:
        whole = max(alpha for _, alpha, _ in last.rotated)
        turned = [found for _, alpha, found in last.rotated if alpha == whole]
        kept = np.mean([found.unique_detectors(level) for found in turned])
        yield "last_map_rotation_loss", float(1 - kept / unique)
    depths = np.array([each.layer.relative_depth for each in maps])
    counts = np.array([each.found.unique_by_category(level) for each in maps])
    low, high = (
        counts[:, [categories.index(name) for name in names if name in categories]].sum(axis=1)
        for names in (LOW, HIGH)
    )
    if low.sum() and high.sum():
        rise = np.average(depths, weights=high) - np.average(depths, weights=low)
        yield "concept_rise", float(rise)
