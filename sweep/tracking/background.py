"""Tracking beside a running sweep."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque

from sweep.errors import first_line
from sweep.paths import Storage
from sweep.progress import Progress
from sweep.results import load_trial
from sweep.secrets import hide_password
from sweep.space import Trial
from sweep.tracking.tracker import MlflowTracker, NullTracker, Tracker
from sweep.work import Work

FIRST_WAIT, LONGEST_WAIT = 2.0, 60.0  # seconds between attempts to reach MLflow again
# At the end of a sweep, without any trial being tracked; MLflow's runs are also looked through
# then, page by page, which takes the longer the more there are.
PATIENCE_SECONDS, PATIENCE_PER_RUN = 60.0, 0.05


class TrackingThread:
    """Tracks each trial as it is measured, beside the sweep; the sweep never waits for it.

    If MLflow goes away, what comes is kept and tried again, ever more seldom; once more when
    the sweep has ended, and then it is left to `idsweep track`.
    """

    def __init__(
        self, work: Work, source: str, storage: Storage, uri: str | None, progress: Progress
    ) -> None:
        self._work = work
        self._source = source
        self._mlflow = MlflowTracker(storage, uri)
        self._progress = progress
        self._queue: queue.SimpleQueue[Trial | None] = queue.SimpleQueue()
        self._pending: deque[Trial] = deque()
        self._begun = False
        self._away = False
        self._submitted = 0
        self._moved = time.monotonic()  # when something was tracked last
        self._stopped = threading.Event()
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="tracking", daemon=True)
        self._thread.start()

    @property
    def tracker(self) -> Tracker:
        """What takes results now: MLflow, or nothing while it is away."""
        return self._mlflow if self._begun and not self._away else NullTracker()

    def begin(self) -> None:
        """Reach MLflow now; without a word, when the first trial is there.

        Not before Ray is up and trains: MLflow's imports take seconds of a core.
        """
        self._wanted.set()

    def submit(self, trial: Trial) -> None:
        self._submitted += 1
        self._queue.put(trial)
        self._wanted.set()

    def drain(self) -> str | None:
        """Wait until all is tracked; returns MLflow's URI, or None if it went away."""
        self._queue.put(None)
        self._wanted.set()
        self._moved = time.monotonic()
        patience = PATIENCE_SECONDS + PATIENCE_PER_RUN * self._submitted
        while self._thread.is_alive():
            self._thread.join(0.2)  # short, so that Ctrl-C is heard
            if time.monotonic() - self._moved > patience:
                self._stopped.set()
                self._tell_away(f"MLflow did nothing for {patience:.0f} s")
                break
        return None if self._away else self._mlflow.uri

    def stop(self) -> None:
        """Track nothing more; returns when nothing more is written, or MLflow hangs."""
        self._stopped.set()
        self._queue.put(None)
        self._wanted.set()
        self._thread.join(PATIENCE_SECONDS)

    def _serve(self) -> None:
        self._wanted.wait()
        draining, wait, due = False, FIRST_WAIT, time.monotonic()
        while not self._stopped.is_set():
            open_work = self._pending or not self._begun
            if open_work and (draining or time.monotonic() >= due):
                try:
                    self._catch_up()
                    wait = FIRST_WAIT
                except Exception as error:  # whatever MLflow does, the sweep goes on
                    self._begun = False  # what is there must be looked at again
                    self._tell_away(first_line(error))
                    due, wait = time.monotonic() + wait, min(2 * wait, LONGEST_WAIT)
                    if draining:
                        return
                continue
            if draining:
                self._settle()
                return
            try:
                seconds = max(0.0, due - time.monotonic()) if open_work else None
                trial = self._queue.get(timeout=seconds)
            except queue.Empty:
                continue
            if trial is None:
                draining = True
            else:
                self._pending.append(trial)

    def _catch_up(self) -> None:
        if not self._begun:
            self._mlflow.begin(self._work, self._source)
            self._begun = True
        while self._pending and not self._stopped.is_set():
            trial = self._pending[0]
            if not self._mlflow.has(self._work, trial):
                self._mlflow.trial(self._work, load_trial(self._work, trial))
            self._pending.popleft()
            self._moved = time.monotonic()
        if self._away:
            self._away = False
            self._progress.note("tracking is on again, and has caught up")

    def _settle(self) -> None:
        try:
            self._mlflow.settle()
        except Exception as error:
            self._tell_away(first_line(error))

    def _tell_away(self, reason: str) -> None:
        if not self._away:
            self._away = True
            self._progress.note(
                f"tracking is off: {hide_password(reason)}; the sweep goes on, it is tried "
                f"again, and `idsweep track {self._work.config.name}` catches up"
            )
