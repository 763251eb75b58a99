"""A control: the dimension over scales, from near neighbors to farther ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from estimators import EstimationError, Gride
from sweep.config import ScalesConfig
from sweep.measurement import Measurement
from sweep.measuring.checkpoint import LayerView, NetworkView

PREFIX = "scale_id_"
# Of the points, that a neighborhood may hold: beyond, Gride says nothing (`gride_scales`).
MAX_SHARE = 4


class ScalesAnalysis:
    """Gride at the ranks (1, 2), (2, 4), (4, 8), ...: each doubling looks farther.

    Denti, Doimo, Laio, Mira 2022, doi:10.1038/s41598-022-20991-1. `scale_id_8/gride` is the
    dimension from the 4th and 8th neighbors, with its 95% interval; "scale" in its settings
    is the mean distance to the farther one. Noise fills all directions at small scales, so a
    curve that falls and then stays level has its dimension there; curvature and edges bend
    it at large ones. The scales share points, so their errors go together.

    All scales are read off one table of neighbors, the same as every other analysis reads.
    """

    name = "scales"
    controls = True
    network_quantities: tuple[str, ...] = ()

    def __init__(self, config: ScalesConfig) -> None:
        self.settings: Mapping[str, Any] = config.model_dump()
        levels = range(config.up_to.bit_length() - 1)
        self.estimators = [Gride(2**level, 2 ** (level + 1)) for level in levels]
        self.layer_quantities = tuple(scale_quantity(one.n2) for one in self.estimators)

    @property
    def num_neighbors(self) -> int:
        return self.estimators[-1].num_neighbors

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        return ()

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        for estimator in self.estimators:
            yield self._measure(view, estimator)

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows

    def _measure(self, view: LayerView, estimator: Gride) -> Measurement:
        value, low, high = math.nan, None, None
        settings: dict[str, Any] = {"estimator": estimator.name, **view.sampling}
        settings |= {"n1": estimator.n1, "n2": estimator.n2}
        try:
            require_local(estimator.n2, view.num_samples)
            estimate = estimator.estimate(view.neighbors(self.num_neighbors))
            value, low, high = estimate.dimension, estimate.low, estimate.high
            settings |= {**estimate.settings, "scale": estimate.scale}
        except EstimationError as error:
            settings["error"] = str(error)
        quantity = scale_quantity(estimator.n2)
        return view.row(self.name, quantity, value, low=low, high=high, settings=settings)


def scale_quantity(n2: int) -> str:
    """The quantity of one scale, by the rank of its farther neighbor."""
    return f"{PREFIX}{n2}/gride"


def require_local(n2: int, num_points: int) -> None:
    """Raise EstimationError if n2 neighbors are more than a quarter of all points."""
    if n2 * MAX_SHARE > num_points:
        raise EstimationError(
            f"`n2 <= N/{MAX_SHARE}` must hold, but got n2={n2} for N={num_points} points: "
            "a neighborhood of so many is no longer local"
        )
