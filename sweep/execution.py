"""Where training and measuring happen: the cluster is a parameter.

`LocalProcess` is a plain loop in this process. `sweep.cluster.RayCluster` does the same on
Ray. Both tell an observer, and both leave the same sealed outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from sweep.config import SweepConfig
from sweep.measuring.measure import measure_trial
from sweep.observer import Observer
from sweep.space import Trial
from sweep.training.trainer import train_trial
from sweep.work import Work, describe_failure, record_failure


class Cluster(Protocol):
    """Trains and measures trials."""

    def check(self, config: SweepConfig) -> None:
        """Raise UserError if the cluster can't be reached or can't hold one trial."""

    def execute(
        self, work: Work, train: Sequence[Trial], measure: Sequence[Trial], observer: Observer
    ) -> None:
        """Train and then measure the first trials; measure the second, trained already."""

    def close(self) -> None:
        """Give back what `check` and `execute` took."""


@dataclass(frozen=True)
class LocalProcess:
    """One trial after the other in this process: for tests, debugging and comparison.

    num_threads: torch threads; None takes the `resources.cpus` of the sweep, as on Ray.
    """

    num_threads: int | None = None

    def check(self, config: SweepConfig) -> None:
        pass

    def execute(
        self, work: Work, train: Sequence[Trial], measure: Sequence[Trial], observer: Observer
    ) -> None:
        import torch

        torch.set_num_threads(self.num_threads or work.config.resources.cpus)
        to_train = {trial.key for trial in train}
        for trial in [*measure, *train]:
            stage = "train"
            try:
                if trial.key in to_train:
                    observer.started(trial)
                    train_trial(trial, work.data, work.paths(trial), partial(observer.epoch, trial))
                    observer.trained(trial)
                stage = "measure"
                measure_trial(work.config, trial, work.data, work.paths(trial))
                observer.measured(trial)
            except Exception as error:
                failure = describe_failure(stage, error)
                record_failure(work.paths(trial), failure)
                observer.failed(trial, failure)

    def close(self) -> None:
        pass
