"""A network and the labelled images that it is probed with, as its layers show them.

Legend: N images, n of a batch, U units of a layer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from estimators.anchoring import Upsampling
from estimators.rotations import Turn, random_rotation
from sweep.config import DissectionConfig
from sweep.data.labels import Labels, labels_of
from sweep.measuring.activations import record_activations
from sweep.measuring.checkpoint import NetworkView
from sweep.measuring.maps import MapLayout, map_layout
from sweep.models.layers import Layer

Rotation = tuple[int, float]  # which one, and how far it is taken
UNROTATED: Rotation = (0, 0.0)
MOST_ROTATED = 2048  # units: a rotation of more takes minutes to draw, and much memory


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

    def upsampling(self, layout: MapLayout) -> Upsampling:
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


@lru_cache(maxsize=32)
def _turn(size: int, seed: int, number: int) -> Turn:
    return Turn(random_rotation(size, np.random.default_rng([seed, number, size])))


@lru_cache(maxsize=1024)
def _rotation(size: int, seed: int, number: int, alpha: float) -> torch.Tensor:
    return torch.from_numpy(_turn(size, seed, number).power(alpha)).float()
