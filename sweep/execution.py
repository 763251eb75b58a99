"""Where training and measuring happen: the cluster is a parameter.

`LocalProcess` is a plain loop in this process. `sweep.cluster.RayCluster` does the same on
Ray. Both tell an observer, and both leave the same sealed outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sweep.arrival import arrive
from sweep.config import SweepConfig
from sweep.measuring.measure import measure_trial
from sweep.mirror import mirror_of
from sweep.observer import Observer
from sweep.paths import Storage
from sweep.space import Trial
from sweep.training.checkpoints import Record, is_trained
from sweep.training.generations import in_generations, next_segment
from sweep.training.segments import WHOLE
from sweep.training.stopping import as_trained, stop_if_reached
from sweep.training.supply import Supply
from sweep.training.trainer import train_trial
from sweep.work import Work, describe_failure, record_failure


class Cluster(Protocol):
    """Trains and measures trials."""

    def check(self, config: SweepConfig) -> None:
        """Raise UserError if the cluster can't be reached or can't hold one trial."""

    def check_storage(self, storage: Storage) -> None:
        """Raise UserError unless every process of the cluster sees this storage."""

    def execute(
        self,
        work: Work,
        train: Supply | Sequence[Trial],
        measure: Sequence[Trial],
        observer: Observer,
    ) -> None:
        """Train and then measure the first trials; measure the second, trained already."""

    def close(self) -> None:
        """Give back what `check` and `execute` took."""


@dataclass(frozen=True)
class LocalProcess:
    """One trial after the other in this process: for tests, debugging and comparison.

    Schedulers judge trials that run beside each other, so they stop none here.

    num_threads: torch threads; None takes as many as on Ray, for the same bits:
        `resources.cpus` while training, `measure.threads` while measuring.
    """

    num_threads: int | None = None

    def check(self, config: SweepConfig) -> None:
        pass

    def check_storage(self, storage: Storage) -> None:
        pass

    def execute(
        self,
        work: Work,
        train: Supply | Sequence[Trial],
        measure: Sequence[Trial],
        observer: Observer,
    ) -> None:
        work = arrive(work)
        supply = Supply.of(train)
        supply.measure = lambda trial: self._measure(work, trial, observer)
        for trial in measure:
            self._measure(work, trial, observer)
        for trial in in_generations(work, supply):
            observer.started(trial)
            sealed = self._train(work, trial, observer)
            if sealed is not None and not is_trained(sealed, work.paths(trial)):
                continue  # a member of a population that waits for the others
            supply.tell(sealed or trial)
            if sealed is not None:
                observer.trained(sealed)
                self._measure(work, sealed, observer)

    def _train(self, work: Work, trial: Trial, observer: Observer) -> Trial | None:
        """The trial as sealed; None if it failed."""
        import torch

        def on_epoch(record: Record) -> None:
            observer.epoch(trial, record)
            stop_if_reached(work.config, trial, record)

        paths = work.paths(trial)
        resources = work.config.resources.of(trial.config)
        try:
            torch.set_num_threads(self.num_threads or resources.cpus)
            segment = next_segment(work, trial) if trial.population else WHOLE
            train_trial(trial, work.data, paths, on_epoch, segment=segment)
        except Exception as error:
            self._fail("train", work, trial, observer, error)
            return None
        return as_trained(work.config, trial, paths)

    def _measure(self, work: Work, trial: Trial, observer: Observer) -> None:
        import torch

        try:
            torch.set_num_threads(self.num_threads or work.config.measure.threads)
            paths = work.paths(trial)
            mirror_of(work.storage).fetch(paths.checkpoint(trial.epoch), whole=True)
            measure_trial(work.config, trial, work.data, paths)
        except Exception as error:
            self._fail("measure", work, trial, observer, error)
        else:
            mirror_of(work.storage).send_all(work.paths(trial).folder)
            observer.measured(trial)

    def _fail(
        self, stage: str, work: Work, trial: Trial, observer: Observer, error: Exception
    ) -> None:
        failure = describe_failure(stage, error)
        record_failure(work.paths(trial), failure)
        mirror_of(work.storage).send_all(work.paths(trial).folder)
        observer.failed(trial, failure)

    def close(self) -> None:
        pass
