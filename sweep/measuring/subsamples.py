"""A control: the error bar that was published, beside a proper one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from estimators import ESTIMATORS, EstimationError, Neighbors, jackknife, subsamples
from estimators.estimate import Estimator
from estimators.restriction import list_length, restrict
from sweep.config import SubsamplesConfig
from sweep.measurement import Measurement
from sweep.measuring.checkpoint import LayerView, NetworkView

# How long neighbor lists are is settled before the number of points is known. A list that
# turns out too short costs a search, and changes no value.
USUAL_POINTS = 4096
MAX_NEIGHBORS = 128


class SubsamplesAnalysis:
    """The mean over random subsamples with their spread, and the jackknife of the whole.

    Ansuini, Laio, Macke, Zoccolan, NeurIPS 2019, arXiv:1905.12784, publish the mean and
    standard deviation over subsamples without replacement: `subsample_id/ESTIMATOR`, its bar
    drawn as low and high. Those subsamples share most of their points, so the bar is no
    standard error and no 95% interval, as its settings say. `jackknife_id/ESTIMATOR` is the
    estimate from all points with the 95% interval of a delete-a-group jackknife, which is on
    the large side (see `estimators.jackknife`).

    With several samples the points are cut into as many disjoint ones, in one random order;
    the mean is over all their subsamples, and the bar is the standard deviation of the
    samples' means, as the paper's Figure 4 has it.
    """

    name = "subsamples"
    controls = True
    network_quantities: tuple[str, ...] = ()

    def __init__(self, config: SubsamplesConfig) -> None:
        self.config = config
        self.settings: Mapping[str, Any] = config.model_dump()
        self.estimators = [ESTIMATORS[name] for name in config.estimators]
        self.layer_quantities = tuple(
            f"{head}/{estimator.name}"
            for estimator in self.estimators
            for head in ("subsample_id", "jackknife_id")
        )

    @property
    def num_neighbors(self) -> int:
        config, most = self.config, max(e.num_neighbors for e in self.estimators)
        return neighbors_to_share(most, min(config.share, 1 - 1 / config.groups) / config.samples)

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        return ()

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        for estimator in self.estimators:
            yield self._subsamples(view, estimator)
            yield self._jackknife(view, estimator)

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows

    def _subsamples(self, view: LayerView, estimator: Estimator) -> Measurement:
        config = self.config
        settings: dict[str, Any] = {"estimator": estimator.name, **view.sampling}
        settings |= {
            "share": config.share,
            "num_subsamples": config.num_subsamples,
            "subsamples_seed": config.seed,
        }
        mean, bar, count = math.nan, None, view.num_samples
        try:
            table = view.neighbors(self.num_neighbors)
            found = [
                subsamples(
                    sample, estimator, config.share, config.num_subsamples, config.seed + number
                )
                for number, sample in enumerate(self._samples(table, estimator))
            ]
            mean, bar, count = found[0].mean, found[0].std, found[0].num_points
            settings |= {"bar": BAR.format(config.num_subsamples)}
            if config.samples > 1:
                means = [one.mean for one in found]
                mean, bar = float(np.mean(means)), float(np.std(means))
                settings |= {"bar": BAR_OF_SAMPLES.format(config.samples, config.num_subsamples)}
                settings |= {"num_disjoint_samples": config.samples}
        except EstimationError as error:
            settings["error"] = str(error)
        return view.checkpoint.layer_row(
            view.layer,
            self.name,
            f"subsample_id/{estimator.name}",
            mean,
            low=None if bar is None else mean - bar,
            high=None if bar is None else mean + bar,
            num_samples=count,
            settings=settings,
        )

    def _samples(self, table: Neighbors, estimator: Estimator) -> list[Neighbors]:
        """The tables of the disjoint samples."""
        config = self.config
        if config.samples == 1:
            return [table]
        order = np.random.default_rng(config.seed).permutation(table.num_points)
        size = table.num_points // config.samples
        wanted = min(neighbors_to_share(estimator.num_neighbors, config.share), size - 1)
        return [
            restrict(table, np.sort(order[start * size : (start + 1) * size]), wanted)
            for start in range(config.samples)
        ]

    def _jackknife(self, view: LayerView, estimator: Estimator) -> Measurement:
        value, low, high = math.nan, None, None
        settings: dict[str, Any] = {"estimator": estimator.name, **view.sampling}
        try:
            estimate = jackknife(view.neighbors(self.num_neighbors), estimator, self.config.groups)
            value, low = estimate.dimension, estimate.low
            high = estimate.high if math.isfinite(estimate.high) else None
            found = {k: v for k, v in estimate.settings.items() if k != "num_redone"}
            settings |= {**found, "interval": "jackknife 0.95", "scale": estimate.scale}
        except EstimationError as error:
            settings["error"] = str(error)
        quantity = f"jackknife_id/{estimator.name}"
        return view.row(self.name, quantity, value, low=low, high=high, settings=settings)


@cache
def neighbors_to_share(k: int, share: float) -> int:
    """How many neighbors to find of each point so that subsets rarely need another search.

    k: neighbors wanted within a subset. share: of the points that it holds.
    """
    return max(k, min(list_length(k, share, USUAL_POINTS), MAX_NEIGHBORS))


BAR = "std over {} subsamples that share points, as published: no standard error"
BAR_OF_SAMPLES = (
    "std over {} disjoint samples of the mean over {} subsamples, as published: no standard error"
)
