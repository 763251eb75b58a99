"""Intrinsic dimension of every layer, by every estimator that the sweep names."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from estimators import ESTIMATORS, EstimationError, Neighbors, flag_outliers
from sweep.config import IntrinsicConfig
from sweep.measurement import Measurement
from sweep.measuring.checkpoint import LayerView, NetworkView


class IntrinsicAnalysis:
    """One exact pass for the nearest neighbors of a layer, then every estimator over it.

    Where a layer allows no estimate (too many duplicates, say) the row is there with the
    value NaN and the reason in its settings. A layer whose value stands out from the layers
    around it has "outlier" in its settings, and its value stays.
    """

    name = "intrinsic"
    controls = False
    network_quantities: tuple[str, ...] = ()

    def __init__(self, config: IntrinsicConfig) -> None:
        self.estimators = [ESTIMATORS[name] for name in config.estimators]
        self.settings: Mapping[str, Any] = config.model_dump()
        self.layer_quantities = tuple(f"id/{name}" for name in config.estimators)

    @property
    def num_neighbors(self) -> int:
        return max(estimator.num_neighbors for estimator in self.estimators)

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        return ()

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        neighbors: Neighbors | None = None
        problem = ""
        try:
            neighbors = view.neighbors(self.num_neighbors)
        except EstimationError as error:
            problem = str(error)
        for estimator in self.estimators:
            value, low, high = math.nan, None, None
            settings: dict[str, Any] = {"estimator": estimator.name, **view.sampling}
            try:
                if neighbors is None:
                    raise EstimationError(problem)
                estimate = estimator.estimate(neighbors)
                value, low = estimate.dimension, estimate.low
                # "At least" has no upper end; the settings say so.
                high = estimate.high if math.isfinite(estimate.high) else None
                settings |= {**estimate.settings, "scale": estimate.scale}
            except EstimationError as error:
                settings["error"] = str(error)
            yield view.row(
                self.name, f"id/{estimator.name}", value, low=low, high=high, settings=settings
            )

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        """Flag the values of a profile that stand out."""
        finished = list(rows)
        for quantity in dict.fromkeys(row.quantity for row in rows):
            profile = [number for number, row in enumerate(rows) if row.quantity == quantity]
            flags = flag_outliers([rows[number].value for number in profile])
            for number in itertools.compress(profile, flags):
                settings = {**rows[number].settings, "outlier": True}
                finished[number] = replace(rows[number], settings=settings)
        return finished
