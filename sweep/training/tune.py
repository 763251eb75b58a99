"""Ray Tune around training: one Tune trial is one network. Thin: `train_trial` does the work."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import ray
from ray import tune
from ray.tune.execution import class_cache
from ray.tune.search import Searcher

from sweep.diskspace import disk_full
from sweep.mirror import fetch_trial, mirror_of
from sweep.observer import Observer
from sweep.space import Trial
from sweep.training.checkpoints import is_trained
from sweep.training.scheduling import (
    NOT_BEGIN,
    ask_to_stop,
    make_scheduler,
)
from sweep.training.stopping import as_trained
from sweep.training.supply import Supply
from sweep.training.trainable import DISK, request_for, told_of, train_in_worker
from sweep.work import (
    WORKER_RETRIES,
    Failure,
    Work,
    describe_death,
    read_failure,
    record_failure,
)

# Trials that wait for room at once: enough for an autoscaler to see what is wanted.
MIN_PENDING, PENDING_PER_CPU = 200, 1.1

QUIET = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # sealed outputs are the record
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C stops at once: nothing sealed can be lost
    "RAY_CHDIR_TO_TRIAL_DIR": "0",  # relative paths keep their meaning
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "3600",
}


def tune_trials(
    work: Work,
    trials: Supply | Iterable[Trial],
    observer: Observer,
    most_at_once: int | None = None,
    *,
    inherited: bool = False,
) -> None:
    """Train the trials under Ray Tune; returns when each is sealed or failed.

    most_at_once: how many are trained, or wait for room, at a time; None: all that fit.
    inherited: whether workers have this process's environment already.
    """
    cpus = ray.cluster_resources().get("CPU", 1.0)
    pending = max(MIN_PENDING, int(cpus * PENDING_PER_CPU))
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # a failed trial is told by us
    os.environ.update(QUIET | {"TUNE_MAX_PENDING_TRIALS_PG": str(most_at_once or pending)})
    supply = Supply.of(trials)
    given: dict[str, Trial] = {}
    config = work.config
    tuner = tune.Tuner(
        tune.with_resources(
            partial(train_in_worker, work=work), partial(request_for, config=config)
        ),
        tune_config=tune.TuneConfig(
            search_alg=_Hand(supply, given),
            scheduler=make_scheduler(work, supply.waiting),
            num_samples=-1,  # until the supply is empty
            max_concurrent_trials=most_at_once,
            reuse_actors=True,
            trial_name_creator=lambda trial: str(trial.config["trial"]),
            trial_dirname_creator=lambda trial: str(trial.config["trial"]),
        ),
        run_config=tune.RunConfig(
            name=config.name,
            storage_path=str(work.sweep_paths.tune),
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=WORKER_RETRIES),
            callbacks=[_Tell(work, supply, given, observer)],
        ),
    )
    with _handed_on(inherited):
        tuner.fit()


@contextmanager
def _handed_on(inherited: bool) -> Iterator[None]:
    """Which variables of the environment Tune gives its workers, while it makes them.

    No secrets: Ray logs what is handed on, and each node has its own. Nothing at all where it is
    `inherited`: Ray gives workers that it has started already to no one who hands anything on.
    """
    names, values = class_cache.ENV_VARS_TO_PROPAGATE, class_cache.DEFAULT_ENV_VARS
    before = set(names), dict(values)
    if inherited:
        names.clear()
        values.clear()
    else:
        names.difference_update([name for name in names if name.startswith("AWS_")])
    try:
        yield
    finally:
        names.update(before[0])
        values.update(before[1])


class _Hand(Searcher):
    """Hands the trials of a supply to Tune, and notes which it gave."""

    def __init__(self, supply: Supply, given: dict[str, Trial]) -> None:
        super().__init__()
        self._supply = supply
        self._given = given
        self._members: set[str] = set()  # of populations, while they train

    def __getstate__(self) -> dict[str, Any]:
        return {}  # Tune pickles it for a restore, which is not our way back

    def suggest(self, trial_id: str) -> Any:
        trial = next(self._supply, None)
        if trial is None:
            # While members pause, Tune would else end the processes that they go on in.
            return None if self._members else Searcher.FINISHED
        if trial.population:
            self._members.add(trial_id)
        self._given[trial.key] = trial
        return told_of(trial)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        self._members.discard(trial_id)  # the supply is told when the trial is sealed or failed

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError


class _Tell(tune.Callback):
    """Passes Tune's events on, in the words of a sweep."""

    def __init__(
        self, work: Work, supply: Supply, given: dict[str, Trial], observer: Observer
    ) -> None:
        self._work = work
        self._supply = supply
        self._given = given
        self._observer = observer
        self._late: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        return {}  # as above

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        ours = self._ours(trial)
        if self._supply.is_late:
            self._late.add(ours.key)
            ask_to_stop(trial, ours.key, NOT_BEGIN)
        else:
            self._observer.started(ours)

    def on_trial_result(
        self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any
    ) -> None:
        if DISK in result:
            raise disk_full(self._work.storage.folder)
        if "epoch" in result:
            self._observer.epoch(self._ours(trial), result)

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        ours = self._ours(trial)
        if not self._sealed(ours):
            paths = self._work.paths(ours)
            if ours.key in self._late:
                self._supply.put_back()
                return
            failure = read_failure(paths)
            self._failed(ours, failure or Failure("train", "ended without a checkpoint"))

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        ours = self._ours(trial)
        if self._sealed(ours):
            return  # it died after its checkpoint was sealed
        failure = describe_death("train", trial.get_error(), WORKER_RETRIES + 1)
        paths = self._work.paths(ours)
        record_failure(paths, failure)
        mirror_of(self._work.storage).send_files(paths.folder)
        self._failed(ours, failure)

    def _sealed(self, trial: Trial) -> bool:
        """Whether the trial is sealed, at its end or where it was stopped; then it is told."""
        paths = self._work.paths(trial)
        fetch_trial(self._work.storage, paths)
        found = as_trained(self._work.config, trial, paths)
        if not is_trained(found, paths):
            return False
        self._observer.trained(found)
        self._supply.tell(found)
        return True

    def _failed(self, trial: Trial, failure: Failure) -> None:
        self._observer.failed(trial, failure)
        self._supply.tell(trial)

    def _ours(self, trial: Any) -> Trial:
        return self._given[trial.config["trial"]]
