"""Network Dissection of every layer: two passes over labelled images, exact counts out.

D. Bau, B. Zhou, A. Khosla, A. Oliva, A. Torralba, "Network Dissection: Quantifying
Interpretability of Deep Visual Representations", CVPR 2017 (arXiv:1704.05796).

The first pass finds the level that a share of each unit's positions lies above, the second
counts where units above it and concepts meet.

Legend: N images, n of a batch, U units of a layer, M pairs of unit and image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from estimators.overlaps import Coverage, Overlaps
from estimators.rotations import Turn, random_rotation
from estimators.top_images import NO_IMAGE, TopImages
from estimators.top_values import Thresholds, TopValues, values_needed
from sweep.config import DissectionConfig
from sweep.data.labels import CATEGORIES, Labels, labels_of
from sweep.measurement import Measurement
from sweep.measuring.activations import record_activations
from sweep.measuring.checkpoint import Checkpoint, LayerView, NetworkView
from sweep.measuring.counting import Counts, Findings
from sweep.measuring.maps import MapLayout, map_layout
from sweep.models.layers import Layer

Rotation = tuple[int, float]  # which one, and how far it is taken
UNROTATED: Rotation = (0, 0.0)
MOST_ROTATED = 2048  # units: a rotation of more takes minutes to draw, and much memory


class DissectionAnalysis:
    """Detectors by layer, with a null of permuted labels and a control of rotated units."""

    name = "dissection"
    controls = False
    network_quantities: tuple[str, ...] = ()
    num_neighbors = 0
    num_passes = 2

    def __init__(self, config: DissectionConfig) -> None:
        self.config = config
        self.settings: Mapping[str, Any] = config.model_dump()
        names = ["unique_detectors", "unique_by_category", "detectors", "detector_share"]
        names += ["null_unique_detectors"] if config.permutations else []
        names += ["rotated_unique_detectors"] if config.rotations else []
        names += ["dead_units", "mean_iou", *(f"unique_{category}" for category in CATEGORIES)]
        self.layer_quantities = tuple(f"dissection/{name}" for name in names)

    # -- what every analysis is

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        return ()

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        return ()

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows

    # -- passes over the images

    def num_images(self, checkpoint: Checkpoint) -> int:
        available = checkpoint.data.counts[checkpoint.config.split]
        return min(self.config.num_images, available)

    def count(
        self, view: NetworkView, number: int, span: tuple[int, int], before: Sequence[Counts]
    ) -> Counts:
        probe = Probe(self.config, view)
        if number == 0:
            return _first_pass(probe, span)
        return _second_pass(probe, span, before[0])

    def merge(self, number: int, parts: Sequence[Counts]) -> Counts:
        if len(parts) == 1:
            return parts[0]
        return _merge_first(parts) if number == 0 else _merge_second(parts)

    def conclude(self, view: NetworkView, counts: Sequence[Counts]) -> Findings:
        from sweep.measuring.dissected import conclude

        return conclude(self.name, Probe(self.config, view), counts[0], counts[1])


class Probe:
    """One network, the images it is probed with, and how its layers are read."""

    def __init__(self, config: DissectionConfig, view: NetworkView) -> None:
        self.config = config
        self.checkpoint = view.checkpoint
        self._view = view
        self.layouts = [map_layout(layer, config.anchors) for layer in view.layers]

    def variants(self, place: int) -> list[Rotation]:
        """A layer's units themselves, then as rotations mix them, unless they are too many."""
        rotations = self.config.rotations
        if rotations is None or self.layouts[place].num_units > MOST_ROTATED:
            return [UNROTATED]
        turned = [(one, alpha) for one in range(rotations.number) for alpha in rotations.alphas]
        return [UNROTATED, *turned]

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """(N,) rows of the split that are probed, ascending."""
        checkpoint = self.checkpoint
        available = checkpoint.data.counts[checkpoint.config.split]
        if self.config.num_images >= available:
            return np.arange(available)
        drawn = np.random.default_rng([checkpoint.config.seed, available]).permutation(available)
        return np.sort(drawn[: self.config.num_images])

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        return self.checkpoint.data.split(self.checkpoint.config.split).ids[self.rows]

    @cached_property
    def labels(self) -> Labels:
        return labels_of(self.checkpoint.data, self.ids)

    @cached_property
    def orders(self) -> list[NDArray[np.int64]]:
        """Whose labels each image has: its own, then in each permutation."""
        own = np.arange(len(self.rows))
        seed = self.config.seed
        permutations = range(self.config.permutations)
        return [own, *(np.random.default_rng([seed, r]).permutation(own) for r in permutations)]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) that the network takes."""
        size = self._view.network.preprocessing.size
        shape = self.checkpoint.data.image_shape or (1, *self.labels.resolution)
        return size or (shape[1], shape[2])

    def upsampling(self, layout: MapLayout) -> Any:
        return layout.upsampling(self.size, self.labels.resolution)

    def go_through(
        self, span: tuple[int, int], keep: Callable[[int, NDArray[np.int64], torch.Tensor], None]
    ) -> None:
        """keep(place of the layer, places of the images, (n, U, H, W) maps), batch by batch.

        Images are taken whole, without the crop of the network's own preparation, so that masks
        lie over them.
        """
        preparation = self._view.network.preprocessing
        if preparation.size is not None:
            preparation = replace(preparation, resize=preparation.size, pad=False)
        place_of = {layout.layer.index: place for place, layout in enumerate(self.layouts)}
        config = self.checkpoint.config

        def keep_batch(layer: Layer, start: int, activation: torch.Tensor) -> None:
            place = place_of[layer.index]
            maps = self.layouts[place].maps(activation).to("cpu", torch.float32)
            images = np.arange(len(maps)) + span[0] + start
            keep(place, images, maps)

        record_activations(
            self._view.network,
            [layout.layer for layout in self.layouts],
            self.checkpoint.data.split(config.split),
            self.rows[slice(*span)],
            self._view.full_batch,
            keep_batch,
            device=config.device,
            dtype=config.dtype,
            preprocessing=preparation,
        )

    def turned(self, place: int, maps: torch.Tensor, variant: Rotation) -> torch.Tensor:
        """Maps of a layer's units as a rotation mixes them."""
        if variant == UNROTATED:
            return maps
        matrix = _rotation(self.layouts[place].num_units, self.config.seed, *variant)
        with torch.autocast("cpu", enabled=False):
            return torch.einsum("vu,nuhw->nvhw", matrix, maps)

    def thresholds(self, first: Counts, place: int, number: int) -> Thresholds:
        """Of a layer's units, from the counts of the first pass."""
        found = TopValues.restored(_within(first, place, number))
        return without_ties(found.compute(self.config.share), self.config.ties)


def without_ties(found: Thresholds, ties: str) -> Thresholds:
    """With "dropped", a unit that has nothing strictly above its level has no level."""
    if ties == "kept":
        return found
    level = np.where(found.inclusive, np.float32(np.inf), found.level)
    return replace(found, level=level, inclusive=np.zeros_like(found.inclusive))


@lru_cache(maxsize=32)
def _turn(size: int, seed: int, number: int) -> Turn:
    return Turn(random_rotation(size, np.random.default_rng([seed, number, size])))


@lru_cache(maxsize=1024)
def _rotation(size: int, seed: int, number: int, alpha: float) -> torch.Tensor:
    return torch.from_numpy(_turn(size, seed, number).power(alpha)).float()


# -- counts by layer and variant, under names such as "3.0.kept"


def _within(counts: Counts, *place: int) -> dict[str, NDArray[Any]]:
    start = ".".join(map(str, place)) + "."
    return {name.removeprefix(start): counts[name] for name in counts if name.startswith(start)}


def _named(state: Mapping[str, NDArray[Any]], *place: int) -> dict[str, NDArray[Any]]:
    return {".".join((*map(str, place), name)): each for name, each in state.items()}


def _first_pass(probe: Probe, span: tuple[int, int]) -> Counts:
    tables, tops = {}, {}
    for place, layout in enumerate(probe.layouts):
        height, width = layout.cells
        count = values_needed(len(probe.rows) * height * width, probe.config.share)
        for number in range(len(probe.variants(place))):
            tables[place, number] = TopValues(layout.num_units, count)
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


def _merge_first(parts: Sequence[Counts]) -> Counts:
    merged: dict[str, NDArray[Any]] = {}
    for name in parts[0]:
        place = [int(part) for part in name.split(".")[:-1]]
        if name.endswith(".kept"):
            tables = [TopValues.restored(_within(part, *place)) for part in parts]
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


def _second_pass(probe: Probe, span: tuple[int, int], first: Counts) -> Counts:
    labels = probe.labels
    overlaps: dict[tuple[int, int], Overlaps] = {}
    masks: dict[int, TopMasks] = {}
    for place in range(len(probe.layouts)):
        for number, variant in enumerate(probe.variants(place)):
            # Rotated units are held against the true labels alone.
            sets = len(probe.orders) if variant == UNROTATED else 1
            thresholds = probe.thresholds(first, place, number)
            overlaps[place, number] = Overlaps(thresholds, labels.concepts, sets)
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


def _merge_second(parts: Sequence[Counts]) -> Counts:
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
        upsampling: Any,
    ) -> None:
        """Take in a batch of images by their numbers, which are one after the other."""
        inside = (self._images >= images[0]) & (self._images <= images[-1])
        rank, unit = np.nonzero(inside & (self._images != NO_IMAGE))
        if not len(rank):
            return
        image = torch.from_numpy(self._images[rank, unit] - images[0])
        active = overlaps.active(maps, image, torch.from_numpy(unit), upsampling)
        self._places.append(np.stack([unit, rank], axis=1))
        self._bits.append(np.packbits(active.flatten(1).numpy(), axis=1))

    @property
    def places(self) -> NDArray[np.int64]:
        return np.concatenate([np.empty((0, 2), np.int64), *self._places])

    @property
    def bits(self) -> NDArray[np.uint8]:
        return np.concatenate([np.empty((0, self._width), np.uint8), *self._bits])
