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

    num_threads: torch threads; None takes as many as on Ray, for the same bits:
        `resources.cpus` while training, `measure.threads` while measuring.
    """

    num_threads: int | None = None

    def check(self, config: SweepConfig) -> None:
        pass

    def execute(
        self, work: Work, train: Sequence[Trial], measure: Sequence[Trial], observer: Observer
    ) -> None:
        import torch

        train_threads = self.num_threads or work.config.resources.cpus
        to_train = {trial.key for trial in train}
        for trial in [*measure, *train]:
            stage = "train"
            try:
                if trial.key in to_train:
                    observer.started(trial)
                    torch.set_num_threads(train_threads)
                    train_trial(trial, work.data, work.paths(trial), partial(observer.epoch, trial))
                    observer.trained(trial)
                stage = "measure"
                torch.set_num_threads(self.num_threads or work.config.measure.threads)
                measure_trial(work.config, trial, work.data, work.paths(trial))
            except Exception as error:
                failure = describe_failure(stage, error)
                record_failure(work.paths(trial), failure)
                observer.failed(trial, failure)
            else:
                observer.measured(trial)

    def close(self) -> None:
        pass
