"""Tracking beside a running sweep."""

from __future__ import annotations

import queue
import threading

from sweep.paths import Storage
from sweep.progress import Progress
from sweep.results import load_trial
from sweep.space import Trial
from sweep.tracking.store import hide_password
from sweep.tracking.tracker import MlflowTracker, NullTracker, Tracker
from sweep.work import Work


class TrackingThread:
    """Tracks each trial as it is measured, beside the sweep; the sweep never waits for it."""

    def __init__(
        self, work: Work, source: str, storage: Storage, uri: str | None, progress: Progress
    ) -> None:
        self.tracker: Tracker = NullTracker()
        self._work = work
        self._source = source
        self._mlflow = MlflowTracker(storage, uri)
        self._progress = progress
        self._queue: queue.SimpleQueue[Trial | None] = queue.SimpleQueue()
        self._away = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="tracking", daemon=True)
        self._thread.start()

    def submit(self, trial: Trial) -> None:
        self._queue.put(trial)

    def drain(self) -> str | None:
        """Wait until all is tracked; returns MLflow's URI, or None if it went away."""
        self._queue.put(None)
        while self._thread.is_alive():
            self._thread.join(0.2)  # short, so that Ctrl-C is heard
        return None if self._away else self._mlflow.uri

    def stop(self) -> None:
        """Track nothing more; returns when nothing more is written."""
        self._stopped.set()
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        try:
            self._mlflow.begin(self._work, self._source)
            self.tracker = self._mlflow
            while (trial := self._queue.get()) is not None and not self._stopped.is_set():
                self._mlflow.trial(self._work, load_trial(self._work, trial))
        except Exception as error:  # whatever MLflow does, the sweep goes on
            first_line = (str(error).splitlines() or [""])[0]
            self._away = True
            self.tracker = NullTracker()
            self._progress.note(
                f"tracking is off: {hide_password(first_line)}; the sweep goes on, and "
                f"`idsweep track {self._work.config.name}` catches up"
            )
