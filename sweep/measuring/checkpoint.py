"""What an analysis sees: one checkpoint, and the points of one of its layers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimators import (
    EstimationError,
    Neighbors,
    Spectrum,
    covariance_spectrum,
    nearest_neighbors,
)
from estimators.points import Points
from sweep.config import MeasureConfig
from sweep.data.partitions import ImageData
from sweep.data.probes import probe_sets
from sweep.errors import TrialFailure
from sweep.measurement import Measurement
from sweep.models.catalog import ImageNetwork
from sweep.models.layers import Layer
from sweep.sealing import content_key
from sweep.space import Trial

MIX = ""  # the probe set of all classes


@dataclass(frozen=True)
class Checkpoint:
    """One trained network, and the images it is measured on.

    The samples are the same for every trial of a data set.
    """

    trial: Trial
    data: ImageData
    config: MeasureConfig

    @cached_property
    def probes(self) -> dict[str, NDArray[np.int64]]:
        """Rows of the split in each probe set, ascending: MIX first, then single classes."""
        config = self.config
        split = self.data.split(config.split)
        mix = probe_sets(
            split.labels,
            self.data.class_names,
            num_samples=config.num_samples,
            choose=config.choose,
            classes=None,
            seed=config.seed,
        )
        if not config.class_samples:
            return {MIX: mix[MIX]}
        single = probe_sets(
            split.labels,
            self.data.class_names,
            num_samples=config.class_samples,
            choose=config.choose,
            classes=config.probe_classes,
            seed=config.seed,
        )
        return {**single, MIX: mix[MIX]}

    @cached_property
    def sample_rows(self) -> NDArray[np.int64]:
        """Rows of the split that pass through the network, ascending: those of all probe sets."""
        return np.unique(np.concatenate(list(self.probes.values())))

    @cached_property
    def sampling(self) -> dict[str, dict[str, Any]]:
        """By probe set, the convention that every number measured on it carries."""
        ids = self.data.split(self.config.split).ids
        return {
            probe: {
                "data": self.data.name,
                "data_digest": self.data.digest,
                "split": self.config.split,
                "samples_digest": content_key(ids[rows].tolist()),
                "sampling_seed": self.config.seed,
                "activation_dtype": self.config.dtype,
                **({"probe": probe} if probe else {}),
            }
            for probe, rows in self.probes.items()
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


@dataclass(frozen=True)
class NetworkView:
    """The network itself, and its layers.

    batch_size: images of one forward pass, at most as many as are sampled; full_batch: where there
    are enough.
    """

    checkpoint: Checkpoint
    network: ImageNetwork
    layers: tuple[Layer, ...]
    batch_size: int
    full_batch: int


@dataclass(frozen=True)
class LayerView:
    """The activations of one layer on one probe set.

    points: (N, D). sampling: the convention of all numbers measured on them.
    table: neighbors already found, tile by tile.
    """

    checkpoint: Checkpoint
    layer: Layer
    points: Points
    sampling: dict[str, Any]
    table: Neighbors | None = None
    device: str = "cpu"
    _tables: dict[int, Neighbors] = field(default_factory=dict, repr=False)
    _spectra: list[Spectrum] = field(default_factory=list, repr=False)

    @property
    def num_samples(self) -> int:
        return self.points.num_points

    def neighbors(self, k: int) -> Neighbors:
        """The exact k nearest neighbors, read off a longer table where there is one.

        Where there are fewer points the table is as wide as they allow. Raises
        EstimationError where there is none.
        """
        wanted = max(1, min(k, self.num_samples - 1))
        tables = [*([] if self.table is None else [self.table]), *self._tables.values()]
        longer = [table for table in tables if table.num_neighbors >= wanted]
        if not longer:
            device = None if self.device == "cpu" else self.device
            longer = [nearest_neighbors(self.points, wanted, device=device)]
            self._tables[wanted] = longer[0]
        table = min(longer, key=lambda table: table.num_neighbors)
        if table.num_neighbors == wanted:
            return table
        return replace(
            table,
            distances=table.distances[:, :wanted].copy(),
            indices=table.indices[:, :wanted].copy(),
        )

    def spectrum(self) -> Spectrum:
        """The spectrum with and without centering, found once for all that ask.

        Raises EstimationError where there is none.
        """
        if not self._spectra:
            self._spectra.append(covariance_spectrum(self.points, uncentered=True))
        return self._spectra[0]

    def require_finite(self) -> None:
        """Raise TrialFailure that names the layer if an activation is NaN or infinite."""
        try:
            self.points.center_and_reach()
        except EstimationError as error:
            raise TrialFailure(
                f"layer {self.layer.name} has activations that can't be measured: {error}"
            ) from error

    def row(self, analysis: str, quantity: str, value: float, **rest: Any) -> Measurement:
        """A row about this layer."""
        return self.checkpoint.layer_row(
            self.layer, analysis, quantity, value, num_samples=self.num_samples, **rest
        )
