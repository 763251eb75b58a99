"""Ray actors around measuring: long-lived, created once per sweep. Thin: `Session` works."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import ray

from sweep.arrival import arrive
from sweep.capacity import GIGABYTE
from sweep.diskspace import disk_full
from sweep.errors import TrialFailure
from sweep.measuring.schedule import Schedule
from sweep.measuring.session import Session
from sweep.measuring.units import Unit
from sweep.mirror import fetch_trial, mirror_of
from sweep.observer import Observer
from sweep.space import Trial
from sweep.watchdog import watched
from sweep.work import (
    Failure,
    Work,
    can_be_helped,
    describe_death,
    describe_failure,
    record_failure,
)

# An actor that dies comes back, and the unit that it was doing is done again.
ACTOR_RETRIES = 3
POLL_SECONDS = 0.2
# An actor whose machine is lost can't be reached until Ray notices, by default after half a
# minute, and each call fails at once; then it comes back elsewhere.
UNREACHABLE_SECONDS, UNREACHABLE_PAUSE = 180.0, 1.0


@dataclass(frozen=True)
class Outcome:
    """What a unit came to: the units after it, if it was the start, or why it failed.

    helped: whether it may succeed when it is done again. unreachable: whether it was not
    tried at all, for the actor could not be asked.
    """

    phases: list[list[Unit]]
    failure: Failure | None = None
    helped: bool = False
    unreachable: bool = False


class MeasuringActor:
    """Does one unit of work after the other in a process of its own."""

    def __init__(self, work: Work) -> None:
        import torch

        self._work = work
        self._here: Work | None = None
        self._session: Session | None = None
        torch.set_num_threads(work.config.measure.threads)

    def measure(self, unit: Unit) -> Outcome:
        """Do the unit, keeping the network for the next one of the same trial."""
        try:
            work = self._here = self._here or arrive(self._work)
            with _watched(unit, work):
                return self._measure(unit, work)
        except Exception as error:
            if self._session is not None and isinstance(error, TrialFailure):
                self._session.discard()
            self._session = None
            return Outcome([], describe_failure("measure", error), can_be_helped(error))

    def _measure(self, unit: Unit, work: Work) -> Outcome:
        trial = unit.trial
        if self._session is None or self._session.trial != trial:
            self._session = None  # gives the last network's memory back first
            paths = work.paths(trial)
            fetch_trial(work.storage, paths, paths.checkpoint(trial.epoch))
            # What units hand to each other lies on a disk, so who shares none takes them all.
            share = 1 if work.storage.remote else work.config.measure.actors
            self._session = Session(work.config, trial, work.data, paths, share)
        if unit.kind == "start":
            phases = self._session.start()
            if not work.storage.remote:
                return Outcome(phases)
            for each in (unit for phase in phases for unit in phase):
                self._session.run(each)
            mirror_of(work.storage).send_all(work.paths(trial).folder)
        else:
            self._session.run(unit)
        return Outcome([])


def _watched(unit: Unit, work: Work) -> AbstractContextManager[None]:
    """Ends this process if the unit hangs; the one that comes back tells of it."""
    name = "-".join([f"{unit.trial.epoch:g}", unit.kind, *map(str, unit.place)])
    limit = work.config.resources.max_minutes_without_progress
    return watched(work.paths(unit.trial).watch(name), limit)


class MeasuringPool:
    """Hands units of work to the actors, one each at a time, and tells the observer.

    check: raises if the whole cluster is gone, of which a failed unit may be the first sign.
    """

    def __init__(self, work: Work, observer: Observer, check: Callable[[], None]) -> None:
        self._work = work
        self._observer = observer
        self._check = check
        self._waiting: queue.SimpleQueue[Trial | None] = queue.SimpleQueue()
        config = work.config.measure
        options = {
            "num_cpus": config.cpus_per_actor,
            "num_gpus": config.gpus_per_actor,
            "memory": int(config.memory_per_actor * GIGABYTE),
            "max_restarts": -1,
            "max_task_retries": ACTOR_RETRIES,
            "scheduling_strategy": "SPREAD",  # over nodes, also where they reserve nothing
        }
        self._make = ray.remote(MeasuringActor).options(**options)
        self._idle = [_Actor() for _ in range(config.actors)]
        if config.cpus_per_actor or config.gpus_per_actor:
            for actor in self._idle:  # before trials take what it reserves
                actor.handle = self._make.remote(work)
        self._schedule = Schedule()
        self._trials: dict[str, Trial] = {}  # by key: units know one checkpoint of theirs
        self._tries: Counter[Unit] = Counter()
        self._unreachable: dict[Unit, float] = {}  # since when
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

    def stop(self, *, wait: bool = True) -> None:
        """Hand out nothing more; what is running is abandoned.

        wait: until the pool asks Ray nothing any more, so that Ray may be shut down.
        """
        self._stopped.set()
        if wait:
            self._thread.join()

    def _serve(self) -> None:
        try:
            self._hand_out()
        except BaseException as error:
            if not self._stopped.is_set():
                self._error = error

    def _hand_out(self) -> None:
        running: dict[Any, tuple[_Actor, Unit]] = {}
        more = True
        while (more or running or not self._schedule.is_empty) and not self._stopped.is_set():
            more = self._take_in(wait=not running) if more else False
            self._start(running)
            if running:
                done, _ = ray.wait(list(running), timeout=POLL_SECONDS)
                for reference in done:
                    actor, unit = running.pop(reference)
                    self._idle.append(actor)
                    self._end(unit, self._outcome(actor, reference))

    def _take_in(self, *, wait: bool) -> bool:
        """Schedule the trials that have come; returns whether more may follow."""
        timeout = POLL_SECONDS if wait and self._schedule.is_empty else 0
        while True:
            try:
                trial = self._waiting.get(block=timeout > 0, timeout=timeout or None)
            except queue.Empty:
                return True
            if trial is None:
                return False
            self._trials[trial.key] = trial
            self._schedule.add(trial)
            timeout = 0

    def _start(self, running: dict[Any, tuple[_Actor, Unit]]) -> None:
        for actor in list(self._idle):
            unit = self._schedule.next(actor.last)
            if unit is not None:
                self._idle.remove(actor)
                actor.last = unit.trial.key
                # Only now: its start takes seconds of a core, and the first trial comes first.
                actor.handle = actor.handle or self._make.remote(self._work)
                actor.restarts = _num_restarts(actor)
                running[actor.handle.measure.remote(unit)] = (actor, unit)

    def _outcome(self, actor: _Actor, reference: Any) -> Outcome:
        try:
            outcome: Outcome = ray.get(reference, timeout=60)
        except ray.exceptions.RayError as error:
            self._check()
            # Ray has the same words for an actor that died at each attempt.
            unreachable = (
                isinstance(error, ray.exceptions.ActorUnavailableError)
                and _num_restarts(actor) - actor.restarts < ACTOR_RETRIES
            )
            failure = describe_death("measure", error, ACTOR_RETRIES + 1)
            return Outcome([], failure, unreachable=unreachable)
        return outcome

    def _wait_for(self, unit: Unit) -> bool:
        """Whether to ask an actor again that can't be reached; a pause, if so."""
        since = self._unreachable.setdefault(unit, time.monotonic())
        if time.monotonic() - since > UNREACHABLE_SECONDS:
            return False
        time.sleep(UNREACHABLE_PAUSE)
        return True

    def _end(self, unit: Unit, outcome: Outcome) -> None:
        trial = self._trials[unit.trial.key]
        paths = self._work.paths(trial)
        if outcome.failure is not None and outcome.failure.kind == "disk":
            raise disk_full(self._work.storage.folder)
        if outcome.unreachable and self._wait_for(unit) and self._schedule.again(unit):
            return
        if outcome.helped and self._tries[unit] < ACTOR_RETRIES and self._schedule.again(unit):
            self._tries[unit] += 1
            return
        if outcome.failure is not None and not self._schedule.give_up(trial):
            record_failure(paths, outcome.failure)
            mirror_of(self._work.storage).send_files(paths.folder)
            self._observer.failed(trial, outcome.failure)
        self._schedule.planned(trial, outcome.phases)
        if self._schedule.done(unit):
            fetch_trial(self._work.storage, paths)
            if paths.failure.exists():
                paths.failure.unlink()
                mirror_of(self._work.storage).send_files(paths.folder)
            self._observer.measured(trial)


@dataclass
class _Actor:
    """handle: once it is started. last: key of the trial that it worked on last.

    restarts: how often it had come back when that was handed out.
    """

    handle: Any = None
    last: str | None = None
    restarts: int = 0


def _num_restarts(actor: _Actor) -> int:
    """How often Ray has started the actor's process anew; 0 before its first start."""
    from ray._private import state

    found: dict[str, Any] = state.actors(actor.handle._actor_id.hex()) or {}
    return int(found.get("NumRestarts", 0))
