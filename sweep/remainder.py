"""What of a sweep isn't sealed yet: found, and brought through training and measuring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sweep.config.search import seconds
from sweep.execution import Cluster
from sweep.progress import Progress, Status, StatusObserver
from sweep.results import TrialResult, is_complete, load_trial
from sweep.scalars import scalars
from sweep.sealing import remove_unfinished
from sweep.space import Trial
from sweep.tracking import TrackingThread
from sweep.training.checkpoints import is_trained, read_history
from sweep.training.searching import Search
from sweep.training.stopping import as_trained
from sweep.training.supply import Supply
from sweep.work import Clock, Failure, Work


class Remainder:
    """The open trials of a sweep, and those that its search still suggests.

    trials: all of the sweep; suggested ones are added to it.
    keep_plan: writes the plan when a search adds to it. None: nothing is trained, and what
        isn't trained yet is left out.
    """

    def __init__(
        self,
        work: Work,
        trials: list[Trial],
        progress: Progress,
        tracking: TrackingThread,
        keep_plan: Callable[[Sequence[Trial]], None] | None,
    ) -> None:
        self._work = work
        self._trials = trials
        self._progress = progress
        self._tracking = tracking
        self._keep_plan = keep_plan
        self._sealed = [trial for trial in trials if is_complete(work, trial)]
        self._status = Status(len(trials), len(self._sealed))

    def execute(self, cluster: Cluster, clock: Clock) -> dict[str, Failure]:
        """Train, measure and track; returns what failed, by trial name."""
        to_train, to_measure = self._open()
        for trial in self._sealed:
            self._tracking.submit(trial)
        search = self._search()
        budget = self._work.config.search.time_budget
        supply = Supply(to_train, search, seconds(budget) if budget else None)
        if not (supply or to_measure):
            if len(self._sealed) == len(self._trials):
                self._progress.note("nothing to do: all is sealed")
            return {}

        def started() -> None:
            clock.mark_once("first trial")
            self._tracking.begin()

        failures: dict[str, Failure] = {}
        observer = StatusObserver(
            status=self._status,
            progress=self._progress,
            on_measured=self._measured,
            on_failed=lambda trial, failure: failures.update({trial.name: failure}),
            on_started=started,
        )
        self._progress.begin(self._status)
        try:
            cluster.execute(self._work, supply, to_measure, observer)
        finally:
            self._progress.end()
        remove_unfinished(self._work.sweep_paths.trials)  # of workers that died at work
        self._tell_left_out(supply, search)
        return failures

    def _open(self) -> tuple[list[Trial], list[Trial]]:
        """Those to train and measure, and those only to measure.

        A network that isn't trained here is sealed as it begins, by whoever measures it.
        """
        work, sealed = self._work, {trial.key for trial in self._sealed}
        to_train: list[Trial] = []
        to_measure: list[Trial] = []
        for trial in self._trials:
            if trial.key not in sealed:
                begins = trial.epoch and not is_trained(trial, work.paths(trial))
                (to_train if begins else to_measure).append(trial)
        if self._keep_plan is None and to_train:
            left_out = f"{len(to_train)} trials are not trained yet, and left out: `run` trains"
            self._progress.note(left_out)
            to_train = []
        self._progress.note(
            f"{len(self._trials)} trials: {len(self._sealed)} sealed, {len(to_train)} to train, "
            f"{len(to_train) + len(to_measure)} to measure"
        )
        return to_train, to_measure

    def _search(self) -> Search | None:
        if self._keep_plan is None or not self._work.config.search.adaptive:
            return None
        value = partial(_value, self._work)
        search = Search(self._work.config, self._work.data.digest, self._trials, value, self._add)
        self._progress.note(search.in_words())
        self._status.total += max(0, search.num_left)
        return search

    def _add(self, new: list[Trial]) -> list[Trial]:
        """Make suggested trials part of the sweep; returns those not measured yet."""
        self._trials.extend(new)
        if self._keep_plan is not None:
            self._keep_plan(self._trials)
        done = [trial for trial in new if is_complete(self._work, trial)]
        for trial in done:
            self._tracking.submit(trial)
        self._status.total += len(new) - 1  # one of them was counted before it was known
        self._status.skipped += len(done)
        return [trial for trial in new if trial not in done]

    def _measured(self, trial: Trial) -> str:
        self._tracking.submit(trial)
        return _in_words(trial, load_trial(self._work, trial))

    def _tell_left_out(self, supply: Supply, search: Search | None) -> None:
        num_left = search.num_left if search else 0
        if search and search.is_exhausted:
            self._progress.note(
                f"search: the space holds no more trials: {num_left} fewer than asked"
            )
            num_left = 0
        if not_begun := supply.left_out + num_left:
            self._progress.note(
                f"search.time_budget: {self._work.config.search.time_budget} are over, "
                f"{not_begun} trials did not begin: the next run goes on"
            )


def _value(work: Work, trial: Trial) -> float | None:
    """What a search is told of a trial: its last epoch's number; None while it isn't trained."""
    paths = work.paths(trial)
    sealed = as_trained(work.config, trial, paths)
    if not sealed.epoch or not is_trained(sealed, paths):
        return None
    return read_history(paths.checkpoint(sealed.epoch))[-1][work.config.search.metric]


def _in_words(trial: Trial, result: TrialResult) -> str:
    found = scalars(result.rows)
    parts = [
        f"{name} {found[name].value:.3g}"
        for name in ("test_accuracy", *(n for n in found if "last_hidden" in n))
        if name in found
    ]
    return f"{trial.name}: " + ", ".join(parts[:2])
