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
    """What each node has, as (CPUs, GPUs), and where the nodes are."""

    nodes: tuple[tuple[float, float], ...]
    where: str

    @property
    def cpus(self) -> float:
        """The most CPUs that one node has."""
        return max((cpus for cpus, _ in self.nodes), default=0.0)

    @property
    def gpus(self) -> float:
        """The most GPUs that one node has."""
        return max((gpus for _, gpus in self.nodes), default=0.0)


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
        check_capacity(config, self.capacity())

    def capacity(self) -> Capacity:
        """What the cluster has; without an address known before the seconds that Ray takes."""
        if self.address is None:
            return local_capacity()
        self._connect()
        return _cluster_capacity(self.address)

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
    if not any(cpus >= asked.cpus and gpus >= asked.gpus for cpus, gpus in capacity.nodes):
        raise UserError(
            f"resources: no node of {capacity.where} has {asked.cpus} CPUs and {asked.gpus:g} "
            "GPUs at once: ask for less of one"
        )
    reserved = config.measure.cpus_per_actor * config.measure.actors
    total = sum(cpus for cpus, _ in capacity.nodes)
    if asked.cpus + reserved > total:
        raise UserError(
            f"measure.cpus_per_actor: {config.measure.actors} actors reserve {reserved:g} of the "
            f"{total:g} CPUs of {capacity.where}, which leaves too few for a trial of "
            f"{asked.cpus}: use fewer, or 0 to let actors run in the gaps"
        )


def local_capacity() -> Capacity:
    """What this machine may use: the cores this process is allowed, and torch's GPUs."""
    import torch

    node = (float(len(os.sched_getaffinity(0))), float(torch.cuda.device_count()))
    return Capacity((node,), "this machine")


def _cluster_capacity(address: str) -> Capacity:
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return Capacity(
        tuple((node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in nodes),
        f"the cluster of {len(nodes)} nodes at {address}",
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
