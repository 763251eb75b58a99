"""What an analysis sees of one checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sweep.config import MeasureConfig
from sweep.data.partitions import ImageData, Split
from sweep.measurement import Measurement
from sweep.measuring.activations import MemoryStore, record_activations
from sweep.models.layers import Layer, profile_layers
from sweep.sealing import content_key
from sweep.space import Trial


@dataclass(frozen=True)
class Checkpoint:
    """One network to measure, and the images it is measured on.

    What is costly is made when an analysis first asks for it, and then shared by all.
    """

    trial: Trial
    network: nn.Module
    data: ImageData
    config: MeasureConfig

    @cached_property
    def sample_rows(self) -> NDArray[np.int64]:
        """Rows of the split that are measured on, ascending; the same for every trial."""
        available = self.data.counts[self.config.split]
        rng = np.random.default_rng([self.config.seed, available])
        drawn = rng.permutation(available)[: self.config.num_samples]
        return np.sort(drawn)

    @cached_property
    def samples(self) -> Split:
        split = self.data.split(self.config.split)
        rows = self.sample_rows
        return Split(split.images[rows], split.labels[rows], split.ids[rows])

    @cached_property
    def layers(self) -> list[Layer]:
        images = self.data.split("train").images[:8].copy()
        return profile_layers(self.network, torch.from_numpy(images))

    @cached_property
    def activations(self) -> MemoryStore:
        return record_activations(
            self.network, self.layers, self.samples.images, self.config.batch_size
        )

    @cached_property
    def sampling(self) -> dict[str, Any]:
        """The convention that every number measured on the samples carries."""
        return {
            "data": self.data.name,
            "data_digest": self.data.digest,
            "split": self.config.split,
            "samples_digest": content_key(self.samples.ids.tolist()),
            "sampling_seed": self.config.seed,
            "activation_dtype": "float32",
        }

    def row(self, analysis: str, quantity: str, value: float, **rest: Any) -> Measurement:
        """A row about the whole network."""
        return Measurement(self.trial.key, self.trial.epoch, analysis, quantity, value, **rest)

    def layer_row(
        self, layer: Layer, analysis: str, quantity: str, value: float, **rest: Any
    ) -> Measurement:
        """A row about one layer."""
        return self.row(
            analysis,
            quantity,
            value,
            layer=layer.name,
            layer_index=layer.index,
            relative_depth=layer.relative_depth,
            embedding_dimension=layer.num_units,
            **rest,
        )
