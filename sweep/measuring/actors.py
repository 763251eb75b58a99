"""Ray actors around measuring: long-lived, created once per sweep. Thin: `measure_trial` works."""

from __future__ import annotations

import queue
import threading
from typing import Any

import ray

from sweep.measuring.measure import MEASURING_THREADS, measure_trial
from sweep.observer import Observer
from sweep.space import Trial
from sweep.work import Failure, Work, describe_failure, record_failure

# An actor that dies comes back, and what it was measuring is measured again.
ACTOR_RETRIES = 3
POLL_SECONDS = 0.2


class MeasuringActor:
    """Measures one checkpoint after the other in a process of its own."""

    def __init__(self, work: Work) -> None:
        import torch

        self._work = work
        torch.set_num_threads(MEASURING_THREADS)

    def measure(self, trial: Trial) -> Failure | None:
        """Seal the trial's measurements; returns why it could not."""
        paths = self._work.paths(trial)
        try:
            measure_trial(self._work.config, trial, self._work.data, paths)
        except Exception as error:
            failure = describe_failure("measure", error)
            record_failure(paths, failure)
            return failure
        return None


class MeasuringPool:
    """Hands trials to the actors as they come, one each at a time, and tells the observer."""

    def __init__(self, work: Work, observer: Observer) -> None:
        self._work = work
        self._observer = observer
        self._waiting: queue.SimpleQueue[Trial | None] = queue.SimpleQueue()
        options = {
            "num_cpus": work.config.measure.cpus_per_actor,
            "max_restarts": -1,
            "max_task_retries": ACTOR_RETRIES,
        }
        make = ray.remote(MeasuringActor).options(**options)
        self._idle = [make.remote(work) for _ in range(work.config.measure.actors)]
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name="measuring", daemon=True)
        self._thread.start()

    def submit(self, trial: Trial) -> None:
        """Measure this trial as soon as an actor is free."""
        if self._error is not None:
            raise self._error
        self._waiting.put(trial)

    def drain(self) -> None:
        """Wait until all that was submitted is measured or failed."""
        self._waiting.put(None)
        while self._thread.is_alive():
            self._thread.join(POLL_SECONDS)  # short, so that Ctrl-C is heard
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Hand out nothing more; what is running is abandoned.

        Returns when the pool asks Ray nothing any more, so that Ray may be shut down.
        """
        self._stopped.set()
        self._thread.join()

    def _serve(self) -> None:
        try:
            self._hand_out()
        except BaseException as error:
            if not self._stopped.is_set():
                self._error = error

    def _hand_out(self) -> None:
        running: dict[Any, tuple[Any, Trial]] = {}
        more = True
        while (more or running) and not self._stopped.is_set():
            while more and self._idle:
                try:
                    trial = self._waiting.get(timeout=0 if running else POLL_SECONDS)
                except queue.Empty:
                    break
                if trial is None:
                    more = False
                    break
                actor = self._idle.pop()
                running[actor.measure.remote(trial)] = (actor, trial)
            if running:
                done, _ = ray.wait(list(running), timeout=POLL_SECONDS)
                for reference in done:
                    actor, trial = running.pop(reference)
                    self._idle.append(actor)
                    self._tell(reference, trial)

    def _tell(self, reference: Any, trial: Trial) -> None:
        try:
            failure: Failure | None = ray.get(reference, timeout=60)
        except ray.exceptions.RayError as error:
            reason = str(error).splitlines()[0]
            if isinstance(error, ray.exceptions.ActorDiedError):
                reason = f"its actor died {ACTOR_RETRIES + 1} times (killed, or out of memory?)"
            failure = Failure("measure", reason, str(error))
            record_failure(self._work.paths(trial), failure)
        if failure is None:
            self._observer.measured(trial)
        else:
            self._observer.failed(trial, failure)
