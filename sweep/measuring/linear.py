"""Linear dimension of every layer: what one covariance spectrum gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from estimators import (
    EstimationError,
    Spectrum,
    alpha_req,
    effective_rank,
    participation_ratio,
    participation_ratio_corrected,
    pc_dimension,
    rankme,
)
from sweep.config import LinearConfig
from sweep.measurement import Measurement
from sweep.measuring.checkpoint import LayerView, NetworkView


class LinearAnalysis:
    """Dimensions that one covariance spectrum gives; N - 1 bounds them all, and is told.

    Only the corrected participation ratio estimates beyond that bound.
    """

    name = "linear"
    controls = False
    layer_quantities: tuple[str, ...] = (
        "pc_id",
        "participation_ratio",
        "participation_ratio_corrected",
        "effective_rank",
        "rankme",
        "alpha_req",
    )
    network_quantities: tuple[str, ...] = ()
    num_neighbors = 0

    def __init__(self, config: LinearConfig) -> None:
        ranks = config.alpha_first_rank, config.alpha_last_rank
        self.settings: Mapping[str, Any] = config.model_dump()
        self.quantities: Mapping[str, Callable[[Spectrum], float]] = {
            "pc_id": lambda spectrum: pc_dimension(spectrum, config.variance_share),
            "participation_ratio": participation_ratio,
            "participation_ratio_corrected": participation_ratio_corrected,
            "effective_rank": effective_rank,
            "rankme": rankme,
            "alpha_req": lambda spectrum: alpha_req(spectrum, *ranks),
        }
        # What fixes a quantity's value, beside the images.
        self.conventions: Mapping[str, Mapping[str, Any]] = {
            "pc_id": {"variance_share": config.variance_share},
            "alpha_req": {"alpha_first_rank": ranks[0], "alpha_last_rank": ranks[1]},
        }

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        return ()

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        spectrum = failure = None
        try:
            spectrum = view.spectrum()
        except EstimationError as error:
            failure = str(error)
        for quantity, read in self.quantities.items():
            settings = dict(view.sampling) | dict(self.conventions.get(quantity, {}))
            value = math.nan
            if spectrum is None:
                settings["error"] = failure
            else:
                settings["limited_by_samples"] = spectrum.limited_by_points
                try:
                    value = float(read(spectrum))
                except EstimationError as error:
                    settings["error"] = str(error)
            yield view.row(self.name, quantity, value, settings=settings)

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows
