"""The passes of a dissection: labelled images through a network, counts out, and merged.

Legend: n images of a batch, U units of a layer, M pairs of unit and image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from estimators.anchoring import Upsampling
from estimators.dissection import NONE, dissect
from estimators.overlaps import PIXELS_AT_ONCE, Coverage, Overlaps
from estimators.top_images import NO_IMAGE, TopImages
from estimators.top_values import Thresholds, TopValues, values_needed
from sweep.measuring.counting import Counts
from sweep.measuring.probe import UNROTATED, Probe

# Counts are kept by layer and variant, under names such as "3.0.kept"


def within(counts: Counts, *place: int) -> dict[str, NDArray[Any]]:
    """The counts of one layer, or of one variant of it, by their own names."""
    start = ".".join(map(str, place)) + "."
    return {name.removeprefix(start): counts[name] for name in counts if name.startswith(start)}


def _named(state: Mapping[str, NDArray[Any]], *place: int) -> dict[str, NDArray[Any]]:
    return {".".join((*map(str, place), name)): each for name, each in state.items()}


def first_pass(probe: Probe, span: tuple[int, int]) -> Counts:
    """The largest values of all units over a span of the images, and where they are."""
    tables, tops = {}, {}
    for place, layout in enumerate(probe.layouts):
        height, width = layout.cells
        positions = len(probe.rows) * height * width
        count = values_needed(positions, probe.config.share)
        most = max(count, values_needed(positions, probe.config.matched_up_to or 0.0))
        for number, variant in enumerate(probe.variants(place)):
            kept = most if variant == UNROTATED else count
            tables[place, number] = TopValues(layout.num_units, kept)
        tops[place] = TopImages(layout.num_units, probe.config.top_images)

    def keep(place: int, images: NDArray[np.int64], maps: torch.Tensor) -> None:
        for number, variant in enumerate(probe.variants(place)):
            tables[place, number].update(probe.turned(place, maps, variant).flatten(2))
        tops[place].update(maps.flatten(2).amax(dim=2).numpy(), images)

    probe.go_through(span, keep)
    counts: dict[str, NDArray[Any]] = {}
    for key, table in tables.items():
        counts |= _named(table.state(), *key)
    for place, top in tops.items():
        counts |= _named({"values": top.values, "images": top.images}, place)
    return counts


def merge_first(parts: Sequence[Counts]) -> Counts:
    """First passes over spans as one over all images."""
    merged: dict[str, NDArray[Any]] = {}
    for name in parts[0]:
        place = [int(part) for part in name.split(".")[:-1]]
        if name.endswith(".kept"):
            tables = [TopValues.restored(within(part, *place)) for part in parts]
            for other in tables[1:]:
                tables[0].merge(other)
            merged |= _named(tables[0].state(), *place)
        elif name.endswith(".values"):
            tops = [_top_images(part, place[0]) for part in parts]
            for top in tops[1:]:
                tops[0].merge(top)
            merged |= _named({"values": tops[0].values, "images": tops[0].images}, *place)
    return merged


def _top_images(counts: Counts, place: int) -> TopImages:
    found = TopImages(1, 1)
    found.values, found.images = counts[f"{place}.values"], counts[f"{place}.images"]
    return found


def second_pass(probe: Probe, span: tuple[int, int], first: Counts) -> Counts:
    """How often units and concepts meet over a span, by thresholds of the whole first pass."""
    labels = probe.labels
    overlaps: dict[tuple[int, int], Overlaps] = {}
    masks: dict[int, TopMasks] = {}
    for place in range(len(probe.layouts)):
        for number, variant in enumerate(probe.variants(place)):
            # Rotated units are held against the true labels alone.
            sets = len(probe.orders) if variant == UNROTATED else 1
            levels = thresholds(probe, first, place, number)
            overlaps[place, number] = Overlaps(levels, labels.concepts, sets)
        masks[place] = TopMasks(first[f"{place}.images"], labels.resolution)
    coverage = Coverage(labels.concepts)
    upsamplings = [probe.upsampling(layout) for layout in probe.layouts]
    height, width = labels.resolution
    batch: dict[int, Any] = {}  # labels of the images that are going through, by the first

    def keep(place: int, images: NDArray[np.int64], maps: torch.Tensor) -> None:
        if images[0] not in batch:
            batch.clear()
            batch[images[0]] = [labels.of(order[images]) for order in probe.orders]
            coverage.update(batch[images[0]][0], height * width)
        sets = batch[images[0]]
        for number, variant in enumerate(probe.variants(place)):
            counted = overlaps[place, number]
            used = sets if variant == UNROTATED else sets[:1]
            counted.update(probe.turned(place, maps, variant), used, upsamplings[place])
        masks[place].update(images, maps, overlaps[place, 0], upsamplings[place])

    probe.go_through(span, keep)
    counts: dict[str, NDArray[Any]] = {"truth": coverage.truth, "pixels": coverage.pixels}
    for key, counted in overlaps.items():
        counts |= _named({name: getattr(counted, name) for name in COUNTED}, *key)
    for place, mask in masks.items():
        counts |= _named({"mask_places": mask.places, "mask_bits": mask.bits}, place)
    return counts


COUNTED = ("intersection", "area", "above", "tied")


def third_pass(probe: Probe, span: tuple[int, int], first: Counts, second: Counts) -> Counts:
    """The second pass once more, with a level of each unit that matches its best concept."""
    labels = probe.labels
    places = range(len(probe.layouts))
    levels = [matched(probe, first, second, place)[1] for place in places]
    overlaps = [Overlaps(each, labels.concepts) for each in levels]
    upsamplings = [probe.upsampling(layout) for layout in probe.layouts]

    def keep(place: int, images: NDArray[np.int64], maps: torch.Tensor) -> None:
        overlaps[place].update(maps, [labels.of(images)], upsamplings[place])

    probe.go_through(span, keep)
    counts: dict[str, NDArray[Any]] = {}
    for place, counted in enumerate(overlaps):
        counts |= _named({name: getattr(counted, name) for name in COUNTED}, place)
    return counts


def matched(
    probe: Probe, first: Counts, second: Counts, place: int
) -> tuple[NDArray[np.float64], Thresholds]:
    """(U,) shares, and the levels of which they lie above.

    Each is the share of pixels, of images that count, that show the unit's best concept; at most
    what was kept for, and of a unit without a concept the share of all others.
    """
    coverage = coverage_of(probe, second)
    best = dissect(*counted(probe, first, second, place, 0), coverage).best
    pixels = np.maximum(coverage.pixels[coverage.concepts.categories], 1)
    shares = np.where(best == NONE, probe.config.share, (coverage.truth / pixels)[best])
    shares = np.minimum(shares, max(probe.config.share, probe.config.matched_up_to or 0.0))
    found = TopValues.restored(within(first, place, 0)).compute(shares)
    return shares, without_ties(found, probe.config.ties)


def coverage_of(probe: Probe, second: Counts) -> Coverage:
    """What the second pass counted of the labels alone."""
    coverage = Coverage(probe.labels.concepts)
    coverage.truth, coverage.pixels = second["truth"], second["pixels"]
    return coverage


def counted(
    probe: Probe, first: Counts, second: Counts, place: int, number: int
) -> tuple[Thresholds, Overlaps]:
    """Levels and counts of one layer, as it is or as a rotation mixes it."""
    levels = thresholds(probe, first, place, number)
    found = within(second, place, number)
    return levels, overlaps_of(probe, levels, found)


def overlaps_of(probe: Probe, levels: Thresholds, counts: Counts) -> Overlaps:
    """Counts as `Overlaps`, by the names of COUNTED."""
    overlaps = Overlaps(levels, probe.labels.concepts, len(counts["intersection"]))
    for name in COUNTED:
        setattr(overlaps, name, counts[name])
    return overlaps


def merge_second(parts: Sequence[Counts]) -> Counts:
    """Counts add up; masks come one after the other."""
    merged: dict[str, NDArray[Any]] = {}
    for name in parts[0]:
        found = [part[name] for part in parts]
        merged[name] = np.concatenate(found) if ".mask_" in name else np.sum(found, axis=0)
    return merged


class TopMasks:
    """Where units are active in the images in which they are largest.

    places: (M, 2) unit and rank of the image. bits: (M, B) the mask's pixels, eight to a byte.
    """

    def __init__(self, images: NDArray[np.int64], resolution: tuple[int, int]) -> None:
        self._images = images  # (K, U)
        self._places: list[NDArray[np.int64]] = []
        self._bits: list[NDArray[np.uint8]] = []
        self._width = -(-resolution[0] * resolution[1] // 8)

    def update(
        self,
        images: NDArray[np.int64],
        maps: torch.Tensor,
        overlaps: Overlaps,
        upsampling: Upsampling,
    ) -> None:
        """Take in a batch of images by their numbers, which are one after the other."""
        inside = (self._images >= images[0]) & (self._images <= images[-1])
        rank, unit = np.nonzero(inside & (self._images != NO_IMAGE))
        if not len(rank):
            return
        image = torch.from_numpy(self._images[rank, unit] - images[0])
        self._places.append(np.stack([unit, rank], axis=1))
        height, width = upsampling.resolution
        at_once = max(1, PIXELS_AT_ONCE // (height * width))
        for start in range(0, len(image), at_once):
            part = slice(start, start + at_once)
            active = overlaps.active(maps, image[part], torch.from_numpy(unit[part]), upsampling)
            self._bits.append(np.packbits(active.flatten(1).numpy(), axis=1))

    @property
    def places(self) -> NDArray[np.int64]:
        return np.concatenate([np.empty((0, 2), np.int64), *self._places])

    @property
    def bits(self) -> NDArray[np.uint8]:
        return np.concatenate([np.empty((0, self._width), np.uint8), *self._bits])


def thresholds(probe: Probe, first: Counts, place: int, number: int) -> Thresholds:
    """Of a layer's units, from the counts of the first pass."""
    found = TopValues.restored(within(first, place, number))
    return without_ties(found.compute(probe.config.share), probe.config.ties)


def without_ties(found: Thresholds, ties: str) -> Thresholds:
    """With "dropped", a unit that has nothing strictly above its level has no level."""
    if ties == "kept":
        return found
    level = np.where(found.inclusive, np.float32(np.inf), found.level)
    return replace(found, level=level, inclusive=np.zeros_like(found.inclusive))
