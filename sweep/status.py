"""Where sweeps stand, from what is sealed in a storage and from the jobs of a cluster."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sweep.config import SweepConfig
from sweep.errors import UserError
from sweep.jobs import Job, JobServer
from sweep.lease import lease_holder
from sweep.lock import living_driver
from sweep.measuring import make_analyses
from sweep.measuring.sealed import measured_folder
from sweep.nearest import nearest
from sweep.paths import Storage, TrialPaths
from sweep.results import load_plan
from sweep.sealing import MANIFEST
from sweep.space import Trial
from sweep.tracking import choose_uri
from sweep.tracking.counting import tracked_trials
from sweep.training.checkpoints import is_trained
from sweep.work import Failure, read_failure


@dataclass(frozen=True)
class SweepStatus:
    """How far one sweep is.

    trials: planned so far. to_train: of these. stopped: early, of those trained. tracked: None
    if MLflow was not asked, or says nothing. failures: by trial name, of trials without result.
    driver: the process that runs it, or "". seconds: it has run, and seconds_left at the pace
    so far, None if not known. problem: why nothing else is known, or "".
    """

    name: str
    trials: int = 0
    to_train: int = 0
    trained: int = 0
    stopped: int = 0
    measured: int = 0
    tracked: int | None = None
    failures: tuple[tuple[str, Failure], ...] = ()
    driver: str = ""
    seconds: float | None = None
    seconds_left: float | None = None
    problem: str = ""


@dataclass(frozen=True)
class Overview:
    """Sweeps of a storage and jobs of a cluster; None where none was asked."""

    storage: str | None
    sweeps: tuple[SweepStatus, ...]
    address: str | None
    jobs: tuple[Job, ...]

    @property
    def running(self) -> bool:
        """Whether anything is under way."""
        return any(sweep.driver for sweep in self.sweeps) or any(job.running for job in self.jobs)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        jobs = [asdict(job) | {"name": job.name, "sweeps": sorted(job.sweeps)} for job in self.jobs]
        sweeps = [
            asdict(sweep)
            | {"failures": [{"trial": name, **vars(why)} for name, why in sweep.failures]}
            for sweep in self.sweeps
        ]
        return {
            "storage": self.storage,
            "sweeps": sweeps,
            "address": self.address,
            "jobs": jobs,
        }


def overview(what: str | None, storage: Storage | None, server: JobServer | None) -> Overview:
    """All sweeps and jobs, or those of one sweep or job.

    Raises UserError, with the nearest name, if neither knows it.
    """
    names = storage.sweep_names() if storage is not None else []
    jobs = server.jobs() if server is not None else []
    if what is not None:
        known = [*names, *(job.key for job in jobs), *(name for job in jobs for name in job.sweeps)]
        chosen = [job for job in jobs if what in (job.key, job.name) or what in job.sweeps]
        asked = {what} | {name for job in chosen if what == job.key for name in job.sweeps}
        names = [name for name in names if name in asked]
        if not names and not chosen:
            hint = nearest(what, sorted(set(known))) if known else "there is none yet"
            raise UserError(f"no sweep and no job {what!r}; {hint}")
        jobs = chosen
    return Overview(
        None if storage is None else storage.remote or str(storage.folder),
        tuple(sweep_status(storage, name, tracked=what is not None) for name in names)
        if storage is not None
        else (),
        None if server is None else server.address,
        tuple(jobs),
    )


def sweep_status(storage: Storage, name: str, *, tracked: bool) -> SweepStatus:
    """How far a sweep is. tracked: whether to ask MLflow, which takes seconds."""
    lock = storage.sweep(name).lock
    driver = lease_holder(storage, name) if storage.remote else living_driver(lock)
    try:
        plan = load_plan(storage, name)
    except UserError as error:
        return SweepStatus(name, driver=driver, problem=str(error))
    work = plan.work
    ended = {
        trial.key: _measured_at(work.config, trial, work.paths(trial)) for trial in plan.trials
    }
    to_train = [trial for trial in plan.trials if trial.epoch]
    failed = {
        trial.name: failure
        for trial in plan.trials
        if ended[trial.key] is None and (failure := read_failure(work.paths(trial)))
    }
    times = [at for at in ended.values() if at is not None]
    # Of files from a bucket only the names are true; of a lock, when it was taken.
    began = _modified(lock) if driver and not storage.remote else None
    now = time.time()
    return SweepStatus(
        name=name,
        trials=len(plan.trials),
        to_train=len(to_train),
        trained=sum(is_trained(trial, work.paths(trial)) for trial in to_train),
        stopped=sum(bool(trial.stopped) for trial in to_train),
        measured=len(times),
        tracked=_tracked(storage, plan.work.config.name, set(ended)) if tracked else None,
        failures=tuple(failed.items()),
        driver=driver,
        seconds=None if began is None else now - began,
        seconds_left=None
        if began is None
        else time_left(times, began, now, len(plan.trials) - len(times) - len(failed)),
    )


def time_left(ended: Sequence[float], began: float, now: float, num_left: int) -> float | None:
    """Seconds for what is left, at the pace of what has ended since a run began.

    >>> time_left([5.0, 20.0, 30.0], 10.0, 30.0, 4)
    40.0
    """
    done = sum(at >= began for at in ended)
    return (now - began) / done * num_left if done else None


def _measured_at(config: SweepConfig, trial: Trial, paths: TrialPaths) -> float | None:
    """When the last of the trial's measurements was sealed; None if one is not."""
    latest = 0.0
    for checkpoint in trial.checkpoints:
        for analysis in make_analyses(config.analyses):
            at = _modified(measured_folder(config, checkpoint, paths, analysis) / MANIFEST)
            if at is None:
                return None
            latest = max(latest, at)
    return latest


def _modified(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def _tracked(storage: Storage, name: str, keys: set[str]) -> int | None:
    """How many of these trials MLflow has; None if it does not answer."""
    try:
        return len(tracked_trials(choose_uri(storage, name, None), name) & keys)
    except UserError:
        return None
