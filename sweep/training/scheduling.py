"""Schedulers of Ray Tune, made to ask a trial to stop instead of ending it.

Tune ends a trial by an exit in the thread that trains, in the middle of `tune.report`, and
counts it as complete before that thread has ended: nothing would be sealed for certain.
Here a scheduler's "stop" becomes a message to the worker, which seals what it has and then
ends by itself, as every trial does. If it dies in between, Tune starts it anew, and it is
asked again at the same epoch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from typing import Any

from ray import tune
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler, MedianStoppingRule, TrialScheduler
from ray.tune.schedulers.async_hyperband import AsyncHyperBandScheduler

from sweep.config.search import better
from sweep.space import Trial
from sweep.training.generations import Populations
from sweep.work import Work

NOT_BEGIN = "time budget"
PAUSE = "pause"  # a result of a member of a population
# In a worker: which trial was asked to stop, and by whom. A message arrives before `tune.report`
# returns, since an actor does in order what one caller asks of it.
_asked: dict[str, str] = {}


def ask_to_stop(tune_trial: Any, key: str, by: str) -> None:
    """Send the worker of a running Tune trial the message that it should stop."""
    actor = tune_trial.temporary_state.ray_actor
    if actor is not None:
        actor.execute.remote(partial(_note, key=key, by=by))


def who_asked(key: str) -> str:
    """In a worker: who asked the trial to stop; "": nobody."""
    return _asked.get(key, "")


def forget(key: str) -> None:
    """In a worker: the trial has ended."""
    _asked.pop(key, None)


def _note(trainable: Any, key: str, by: str) -> None:  # noqa: ARG001  (Tune passes it)
    _asked[key] = by


def pause_for_exchange() -> None:
    """In a worker: the member's state is sealed; it goes on when all members have come as far."""
    tune.report({PAUSE: True})


def make_scheduler(work: Work, trials: Iterable[Trial]) -> TrialScheduler:
    """The scheduler that the sweep file asks for, over these trials and those suggested later."""
    config = work.config
    settings = config.scheduler
    common: dict[str, Any] = {
        "time_attr": "epoch",
        "metric": settings.metric,
        "mode": better(settings.metric, settings.mode),
        "grace_period": settings.grace_epochs,
    }
    match settings.name:
        case "asha":
            epochs = [trial.config.training.epochs for trial in trials]
            most = settings.max_epochs or max([config.training.epochs, *epochs])
            return AskingScheduler(
                "asha",
                AsyncHyperBandScheduler(
                    **common,
                    max_t=max(most, settings.grace_epochs),
                    reduction_factor=settings.reduction_factor,
                    stop_last_trials=False,
                ),
            )
        case "median":
            return AskingScheduler(
                "median",
                MedianStoppingRule(
                    **common,
                    min_samples_required=settings.min_trials,
                    min_time_slice=sys.maxsize,  # a paused trial would begin anew
                ),
            )
        case "pbt":
            return GenerationScheduler(Populations(work))
    return FIFOScheduler()


class GenerationScheduler(FIFOScheduler):  # type: ignore[misc]  # Ray's classes are untyped
    """Pauses the members of a population until they may go on.

    What they go on from is sealed, so Tune's own checkpoints have no part in it: a paused
    trial begins anew, with its next segment.
    """

    def __init__(self, populations: Populations) -> None:
        super().__init__()
        self._populations = populations

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:  # noqa: ARG002
        self._populations.regain(trial.config["trial"])

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> Any:
        if PAUSE not in result:
            return TrialScheduler.CONTINUE
        self._populations.arrive(trial.config["trial"])
        tune_controller.pause_trial(trial, should_checkpoint=False)
        return TrialScheduler.NOOP

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:  # noqa: ARG002
        self._populations.lose(trial.config["trial"])

    def on_trial_complete(
        self,
        tune_controller: Any,  # noqa: ARG002
        trial: Any,
        result: dict[str, Any],  # noqa: ARG002
    ) -> None:
        self._populations.lose(trial.config["trial"])  # trained or failed: nobody waits for it

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The first that may go on; one not begun may have states of an earlier run too."""
        for trial in tune_controller.get_trials():
            waits = trial.status in (TuneTrial.PENDING, TuneTrial.PAUSED)
            if waits and self._populations.may_go_on(trial.config["trial"]):
                return trial
        return None


class AskingScheduler(TrialScheduler):  # type: ignore[misc]  # Ray's classes are untyped
    """A scheduler whose decision to stop a trial is sent to the trial, which goes on to its end."""

    def __init__(self, name: str, inner: TrialScheduler) -> None:
        super().__init__()
        self._name = name
        self._inner = inner
        self._last: dict[str, dict[str, Any]] = {}
        self._stops: dict[str, float] = {}
        self._added: set[str] = set()

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        if trial.trial_id not in self._added:  # else it is tried again
            self._added.add(trial.trial_id)
            self._inner.on_trial_add(tune_controller, trial)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> Any:
        if "epoch" not in result:
            return TrialScheduler.CONTINUE
        identity, epoch = trial.trial_id, result["epoch"]
        decision = TrialScheduler.CONTINUE
        # The epochs of a worker that died and is tried again were judged before.
        last = self._last.get(identity)
        if identity not in self._stops and (last is None or epoch > last["epoch"]):
            self._last[identity] = result
            decision = self._inner.on_trial_result(tune_controller, trial, result)
            if decision == TrialScheduler.STOP:
                self._stops[identity] = epoch
        if epoch >= self._stops.get(identity, float("inf")):
            ask_to_stop(trial, trial.config["trial"], self._name)
            return TrialScheduler.CONTINUE
        return decision

    def on_trial_complete(
        self,
        tune_controller: Any,
        trial: Any,
        result: dict[str, Any],  # noqa: ARG002
    ) -> None:
        # Tune's own last result is the word that the trial is done, without any number.
        last = self._last.pop(trial.trial_id, None)
        if last is not None:
            self._inner.on_trial_complete(tune_controller, trial, last)

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        self._inner.on_trial_error(tune_controller, trial)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        self._inner.on_trial_remove(tune_controller, trial)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        return self._inner.choose_trial_to_run(tune_controller)

    def debug_string(self) -> Any:
        return self._inner.debug_string()
