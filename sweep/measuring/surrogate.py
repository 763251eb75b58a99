"""A control: what dimension a layer would have if only its covariance mattered."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np

from estimators import (
    ESTIMATORS,
    EstimationError,
    Spectrum,
    nearest_neighbors,
    surrogate_coordinates,
)
from sweep.config import SurrogateConfig
from sweep.measurement import Measurement
from sweep.measuring.checkpoint import LayerView, NetworkView
from sweep.sealing import content_key

Mode = Literal["matched", "ansuini2019"]


class SurrogateAnalysis:
    """The dimension of as many Gaussian points as images, with the covariance of the layer.

    Ansuini, Laio, Macke, Zoccolan, NeurIPS 2019, arXiv:1905.12784: where it is far above the
    layer's own dimension, the layer is curved. Mode "matched" gives
    `surrogate_id/ESTIMATOR`; "ansuini2019" gives `surrogate_id_ansuini2019/ESTIMATOR`, drawn
    as that paper's code does, whose spectrum is too flat and whose contrast is therefore too
    large. Both take activations as they are; that code standardizes units here, but not
    where it measures the layer.

    Points are drawn in principal coordinates, of which there are fewer than images however
    wide the layer is.
    """

    name = "surrogate"
    controls = True
    network_quantities: tuple[str, ...] = ()
    num_neighbors = 0  # none of the layer's own points

    def __init__(self, config: SurrogateConfig) -> None:
        self.settings: Mapping[str, Any] = config.model_dump()
        self.estimator = ESTIMATORS[config.estimator]
        self.modes: dict[str, Mode] = {
            f"{_PREFIXES[mode]}/{config.estimator}": mode for mode in config.modes
        }
        self.seed = config.seed
        self.layer_quantities = tuple(self.modes)

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        return ()

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        spectrum: Spectrum | None = None
        problem = ""
        try:
            spectrum = view.spectrum()
        except EstimationError as error:
            problem = str(error)
        for quantity, mode in self.modes.items():
            value, low, high = math.nan, None, None
            settings: dict[str, Any] = {"estimator": self.estimator.name, **view.sampling}
            settings |= {"mode": mode, "surrogate_seed": self.seed}
            try:
                if spectrum is None:
                    raise EstimationError(problem)
                drawn = surrogate_coordinates(spectrum, rng=self._rng(view), mode=mode)
                estimate = self.estimator.estimate(
                    nearest_neighbors(drawn, min(self.estimator.num_neighbors, len(drawn) - 1))
                )
                value, low = estimate.dimension, estimate.low
                high = estimate.high if math.isfinite(estimate.high) else None
                settings |= {**estimate.settings, "num_directions": drawn.shape[1]}
            except EstimationError as error:
                settings["error"] = str(error)
            yield view.row(self.name, quantity, value, low=low, high=high, settings=settings)

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows

    def _rng(self, view: LayerView) -> np.random.Generator:
        """The same numbers for a layer whoever measures it, and for both modes."""
        return np.random.default_rng([self.seed, int(content_key(view.layer.name), 16)])


_PREFIXES: dict[Mode, str] = {
    "matched": "surrogate_id",
    "ansuini2019": "surrogate_id_ansuini2019",
}
