"""The Ray cluster: reaching it, checking that it is large enough, running a sweep on it."""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sweep.config import SweepConfig
from sweep.errors import UserError
from sweep.observer import Observer
from sweep.space import Trial
from sweep.work import Work

CONNECT_SECONDS = 3.0
GIGABYTE = 1e9
# Of this machine's memory, what actors may ask for; the rest is the system's and Ray's own.
SHARE_OF_MEMORY = 0.8


@dataclass(frozen=True)
class Node:
    """What one node has: CPUs, GPUs, and GB of memory that tasks may ask for."""

    cpus: float
    gpus: float = 0.0
    memory: float = math.inf


@dataclass(frozen=True)
class Capacity:
    """What each node has, and where the nodes are."""

    nodes: tuple[Node, ...]
    where: str

    @property
    def cpus(self) -> float:
        """The most CPUs that one node has."""
        return max((node.cpus for node in self.nodes), default=0.0)

    @property
    def gpus(self) -> float:
        """The most GPUs that one node has."""
        return max((node.gpus for node in self.nodes), default=0.0)

    @property
    def memory(self) -> float:
        """The most GB of memory that one node has."""
        return max((node.memory for node in self.nodes), default=0.0)


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
                "_memory": int(capacity.memory * GIGABYTE),
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",
            }
        else:
            settings["address"] = self.address
        handler = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(**settings)
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, handler)  # Ray's own would abort this process
        except (ConnectionError, RuntimeError, ValueError) as error:
            first_line = (str(error).splitlines() or [""])[0]
            raise UserError(
                f"no Ray cluster at {self.address or 'this machine'} ({first_line}): "
                "start one with `ray start --head`, or leave --address out"
            ) from error
        self._started = True


def check_capacity(config: SweepConfig, capacity: Capacity) -> None:
    """Raise UserError with the numbers if one trial or actor fits on no node."""
    asked, measure = config.resources, config.measure
    for name, wanted, there, unit in (
        ("resources.cpus", asked.cpus, capacity.cpus, "CPUs"),
        ("resources.gpus", asked.gpus, capacity.gpus, "GPUs"),
        ("measure.cpus_per_actor", measure.cpus_per_actor, capacity.cpus, "CPUs"),
        ("measure.gpus_per_actor", measure.gpus_per_actor, capacity.gpus, "GPUs"),
        ("measure.memory_per_actor", measure.memory_per_actor, capacity.memory, "GB of memory"),
    ):
        if wanted > there:
            raise UserError(
                f"{name}: {wanted:g} {unit} asked, but {capacity.where} has {there:.3g}: "
                f"ask for at most {there:.3g}"
            )
    if not any(node.cpus >= asked.cpus and node.gpus >= asked.gpus for node in capacity.nodes):
        raise UserError(
            f"resources: no node of {capacity.where} has {asked.cpus} CPUs and {asked.gpus:g} "
            "GPUs at once: ask for less of one"
        )
    reserved = measure.cpus_per_actor * measure.actors
    total = sum(node.cpus for node in capacity.nodes)
    if asked.cpus + reserved > total:
        raise UserError(
            f"measure.cpus_per_actor: {measure.actors} actors reserve {reserved:g} of the "
            f"{total:g} CPUs of {capacity.where}, which leaves too few for a trial of "
            f"{asked.cpus}: use fewer, or 0 to let actors run in the gaps"
        )
    held = sum(int(node.memory // measure.memory_per_actor) for node in capacity.nodes)
    if measure.actors > held:
        raise UserError(
            f"measure.actors: {measure.actors} actors of {measure.memory_per_actor:g} GB asked, "
            f"but {capacity.where} has memory for {held}: use fewer, or less "
            "measure.memory_per_actor"
        )


def local_capacity() -> Capacity:
    """What this machine may use: the cores this process is allowed, torch's GPUs, memory."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    node = Node(
        float(len(os.sched_getaffinity(0))),
        float(torch.cuda.device_count()),
        SHARE_OF_MEMORY * memory,
    )
    return Capacity((node,), "this machine")


def _cluster_capacity(address: str) -> Capacity:
    import ray

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return Capacity(
        tuple(
            Node(node.get("CPU", 0.0), node.get("GPU", 0.0), node.get("memory", 0.0) / GIGABYTE)
            for node in nodes
        ),
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
