"""The Ray cluster: reaching it, checking that it is large enough, running a sweep on it."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sweep.config import SweepConfig
from sweep.errors import UserError
from sweep.observer import Observer
from sweep.space import Trial
from sweep.work import Work

CONNECT_SECONDS = 3.0


@dataclass(frozen=True)
class Capacity:
    """What one node of the cluster has at the most, and where that is known from."""

    cpus: float
    gpus: float
    where: str


@dataclass
class RayCluster:
    """Ray Tune around training, measuring actors beside it.

    address: of a running cluster ("host:port", "auto"); None starts one on this machine
        that listens on loopback alone and ends with this process.
    """

    address: str | None = None
    _started: bool = field(default=False, init=False)

    def check(self, config: SweepConfig) -> None:
        """Raise UserError if nothing answers, or if no node can hold one trial or actor."""
        if self.address is None:
            check_capacity(config, local_capacity())  # before the seconds that Ray takes
        else:
            self._connect()
            check_capacity(config, _cluster_capacity(self.address))

    def execute(
        self, work: Work, train: Sequence[Trial], measure: Sequence[Trial], observer: Observer
    ) -> None:
        self._connect()
        from sweep.measuring.actors import MeasuringPool
        from sweep.training.tune import tune_trials

        pool = MeasuringPool(work, observer)
        try:
            for trial in measure:
                pool.submit(trial)
            if train:
                tune_trials(work, train, _Forward(observer, pool))
            pool.drain()
        finally:
            pool.stop()

    def close(self) -> None:
        if self._started:
            import ray

            ray.shutdown()
            self._started = False

    def _connect(self) -> None:
        if self._started:
            return
        if self.address is not None:
            _probe(self.address)
        # A cluster that Ray starts here demands a token by itself, and writes it to a file
        # that only this user can read. For a running one RAY_AUTH_MODE must say what it demands.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")
        import ray

        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self.address is None:
            capacity = local_capacity()
            settings |= {
                "address": "local",
                "num_cpus": int(capacity.cpus),
                "num_gpus": int(capacity.gpus),
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",
            }
        else:
            settings["address"] = self.address
        try:
            ray.init(**settings)
        except (ConnectionError, RuntimeError, ValueError) as error:
            first_line = (str(error).splitlines() or [""])[0]
            raise UserError(
                f"no Ray cluster at {self.address or 'this machine'} ({first_line}): "
                "start one with `ray start --head`, or leave --address out"
            ) from error
        self._started = True


def check_capacity(config: SweepConfig, capacity: Capacity) -> None:
    """Raise UserError with the numbers if one trial or actor fits on no node."""
    asked = config.resources
    for name, wanted, there in (
        ("resources.cpus", asked.cpus, capacity.cpus),
        ("resources.gpus", asked.gpus, capacity.gpus),
        ("measure.cpus_per_actor", config.measure.cpus_per_actor, capacity.cpus),
    ):
        if wanted > there:
            unit = "GPUs" if name.endswith("gpus") else "CPUs"
            raise UserError(
                f"{name}: {wanted:g} {unit} asked, but {capacity.where} has {there:g}: "
                f"ask for at most {there:g}"
            )
    reserved = config.measure.cpus_per_actor * config.measure.actors
    if config.resources.cpus + reserved > capacity.cpus and "this machine" in capacity.where:
        raise UserError(
            f"measure.cpus_per_actor: {config.measure.actors} actors reserve {reserved:g} CPUs, "
            f"which leaves none of the {capacity.cpus:g} of {capacity.where} for a trial of "
            f"{asked.cpus}: use fewer, or 0 to let actors run in the gaps"
        )


def local_capacity() -> Capacity:
    """What this machine may use: the cores this process is allowed, and torch's GPUs."""
    import torch

    return Capacity(len(os.sched_getaffinity(0)), torch.cuda.device_count(), "this machine")


def _cluster_capacity(address: str) -> Capacity:
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return Capacity(
        max((node.get("CPU", 0.0) for node in nodes), default=0.0),
        max((node.get("GPU", 0.0) for node in nodes), default=0.0),
        f"the largest of {len(nodes)} nodes at {address}",
    )


def _probe(address: str) -> None:
    """Ray waits long for a cluster that isn't there; a connection tells within seconds."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if address == "auto":
        return
    if not colon or not port.isdigit():
        raise UserError(f"--address takes HOST:PORT or auto, but got {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"nothing answers at Ray address {address} ({error}): "
            "start a cluster there with `ray start --head`, or leave --address out"
        ) from error


class _Forward:
    """Passes all events on, and each trained trial to the measuring actors."""

    def __init__(self, observer: Observer, pool: Any) -> None:
        self._observer = observer
        self._pool = pool
        self.started = observer.started
        self.epoch = observer.epoch
        self.measured = observer.measured
        self.failed = observer.failed

    def trained(self, trial: Trial) -> None:
        self._observer.trained(trial)
        self._pool.submit(trial)
