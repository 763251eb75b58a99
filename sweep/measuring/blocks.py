"""A control: how the dimension changes with the number of points, hence with scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from scipy.stats import t as student

from estimators import ESTIMATORS, BlockPoint, EstimationError, blocks
from estimators.estimate import Estimator
from sweep.config import BlocksConfig
from sweep.measurement import Measurement
from sweep.measuring.checkpoint import LayerView, NetworkView
from sweep.measuring.subsamples import neighbors_to_share


class BlocksAnalysis:
    """The mean over b disjoint blocks of N // b points, for several b: N/2, N/4, N/8, ...

    Facco et al. 2017, doi:10.1038/s41598-017-11873-y; Ansuini et al., NeurIPS 2019,
    arXiv:1905.12784. `block_id_4/twonn` is the mean over 4 blocks, with its 95% t-interval
    over them: disjoint blocks share no point, so their spread is an honest error bar at that
    many points. Where the values change with b the layer has no one dimension, or the
    estimator a bias at so few points: for high dimensions TwoNN falls as b grows.
    """

    name = "blocks"
    controls = True
    network_quantities: tuple[str, ...] = ()

    def __init__(self, config: BlocksConfig) -> None:
        self.config = config
        self.settings: Mapping[str, Any] = config.model_dump()
        self.estimators = [ESTIMATORS[name] for name in config.estimators]
        self.layer_quantities = tuple(
            f"block_id_{number}/{estimator.name}"
            for estimator in self.estimators
            for number in config.numbers
        )

    @property
    def num_neighbors(self) -> int:
        most = max(estimator.num_neighbors for estimator in self.estimators)
        return neighbors_to_share(most, 1 / max(self.config.numbers))

    def measure_network(self, view: NetworkView) -> Iterable[Measurement]:
        return ()

    def measure_layer(self, view: LayerView) -> Iterable[Measurement]:
        for estimator in self.estimators:
            for number in self.config.numbers:
                yield self._measure(view, estimator, number)

    def finish(self, rows: list[Measurement]) -> list[Measurement]:
        return rows

    def _measure(self, view: LayerView, estimator: Estimator, number: int) -> Measurement:
        point: BlockPoint | None = None
        reach = None
        settings: dict[str, Any] = {"estimator": estimator.name, **view.sampling}
        settings |= {"num_blocks": number, "blocks_seed": self.config.seed}
        try:
            table = view.neighbors(self.num_neighbors)
            (point,) = blocks(table, estimator, seed=self.config.seed, numbers=[number])
            reach = float(student.ppf(0.975, number - 1)) * point.stderr
            settings |= {"interval": "t over blocks 0.95", "std": point.std, "scale": point.scale}
        except EstimationError as error:
            settings["error"] = str(error)
        mean = math.nan if point is None else point.mean
        return view.checkpoint.layer_row(
            view.layer,
            self.name,
            f"block_id_{number}/{estimator.name}",
            mean,
            low=None if reach is None else mean - reach,
            high=None if reach is None else mean + reach,
            num_samples=view.num_samples // number,
            settings=settings,
        )
