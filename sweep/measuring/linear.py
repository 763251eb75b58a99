"""Linear dimension of every layer: PC-ID and participation ratio."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from estimators import EstimationError, covariance_spectrum, participation_ratio, pc_dimension
from sweep.config import LinearConfig
from sweep.measurement import Measurement
from sweep.measuring.checkpoint import Checkpoint


class LinearAnalysis:
    """Dimensions that one covariance spectrum gives; N - 1 bounds them all, and is told."""

    name = "linear"
    layer_quantities: tuple[str, ...] = ("pc_id", "participation_ratio")
    network_quantities: tuple[str, ...] = ()

    def __init__(self, config: LinearConfig) -> None:
        self.share = config.variance_share
        self.settings: Mapping[str, Any] = config.model_dump()

    def measure(self, checkpoint: Checkpoint) -> Iterable[Measurement]:
        for layer in checkpoint.layers:
            points = checkpoint.activations.points(layer)
            settings: dict[str, Any] = dict(checkpoint.sampling)
            values = dict.fromkeys(self.layer_quantities, math.nan)
            try:
                spectrum = covariance_spectrum(points)
                values["pc_id"] = float(pc_dimension(spectrum, self.share))
                values["participation_ratio"] = participation_ratio(spectrum)
                settings["limited_by_samples"] = spectrum.limited_by_points
            except EstimationError as error:
                settings["error"] = str(error)
            for quantity, value in values.items():
                extra = {"variance_share": self.share} if quantity == "pc_id" else {}
                yield checkpoint.layer_row(
                    layer,
                    self.name,
                    quantity,
                    value,
                    num_samples=len(points),
                    settings=settings | extra,
                )
