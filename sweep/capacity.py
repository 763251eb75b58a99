"""What a machine or a cluster has, and may come to have, against what a sweep asks."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.autoscaler import node_types
from sweep.config import SweepConfig, TrialResources
from sweep.errors import UserError

GIGABYTE = 1e9
# Of this machine's memory, what actors may ask for; the rest is the system's and Ray's own.
SHARE_OF_MEMORY = 0.8
# NVIDIA's, AMD's and that of the Windows subsystem.
GPU_DRIVERS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


@dataclass(frozen=True)
class Node:
    """What one node has: CPUs, GPUs, and GB of memory that tasks may ask for."""

    cpus: float
    gpus: float = 0.0
    memory: float = math.inf


@dataclass(frozen=True)
class Capacity:
    """What each node has, and where the nodes are.

    most_nodes: how many of the nodes there can be at once; None: all of them.
    """

    nodes: tuple[Node, ...]
    where: str
    most_nodes: int | None = None

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

    def total(self, amounts: list[float]) -> float:
        """The sum over nodes, as many as there can be at once, of one amount each.

        The first node is the head, which is always there.
        """
        if self.most_nodes is None:
            return sum(amounts)
        return amounts[0] + sum(sorted(amounts[1:], reverse=True)[: self.most_nodes - 1])


def local_capacity() -> Capacity:
    """What this machine may use: the cores this process is allowed, torch's GPUs, memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIGABYTE
    node = Node(
        float(len(os.sched_getaffinity(0))),
        float(_local_gpus()),
        SHARE_OF_MEMORY * memory,
    )
    return Capacity((node,), "this machine")


def num_at_once(config: SweepConfig, capacity: Capacity) -> int:
    """How many trials find room beside each other; one at least."""
    asked = [(one.cpus * one.workers, one.gpus) for one in config.resources.each()]
    held = [
        max(min(node.cpus // cpus, node.gpus // gpus if gpus else math.inf) for cpus, gpus in asked)
        for node in capacity.nodes
    ]
    return max(1, int(capacity.total(held)))


def _local_gpus() -> int:
    """GPUs as torch counts them; where no driver shows one, torch need not be imported."""
    if not any(Path(driver).exists() for driver in GPU_DRIVERS):
        return 0
    import torch

    return torch.cuda.device_count()


def with_autoscaler(now: Capacity, config: Mapping[str, Any] | None) -> Capacity:
    """What a cluster can come to have: its nodes now, and what its autoscaler may add.

    config: as `sweep.autoscaler.autoscaling_config` finds it.
    """
    kinds = node_types(config) if config else []
    if config is None or not kinds:
        return now
    nodes = list(now.nodes)
    words = []
    for name, most, resources in kinds:
        node = Node(
            float(resources.get("CPU", 0)),
            float(resources.get("GPU", 0)),
            resources.get("memory", math.inf) / GIGABYTE,
        )
        nodes += [node] * most
        words.append(f"{most} {name} of {node.cpus:g} CPUs and {node.gpus:g} GPUs")
    limit = int(config["max_workers"])
    # Workers that are up stand in the list twice, but there can't be more nodes than this.
    where = f"{now.where}, whose autoscaler adds at most " + ", ".join(words)
    if sum(most for _, most, _ in kinds) > limit:
        where += f", {limit} in all"
    return Capacity(tuple(nodes), where, max(len(now.nodes), 1 + limit))


def check_capacity(config: SweepConfig, capacity: Capacity) -> None:
    """Raise UserError with the numbers if one trial or actor fits on no node."""
    for each in config.resources.each():
        _check_trial(each, capacity)
    asked, measure = config.resources, config.measure
    for name, wanted, there, unit in (
        ("measure.cpus_per_actor", measure.cpus_per_actor, capacity.cpus, "CPUs"),
        ("measure.gpus_per_actor", measure.gpus_per_actor, capacity.gpus, "GPUs"),
        ("measure.memory_per_actor", measure.memory_per_actor, capacity.memory, "GB of memory"),
    ):
        if wanted > there:
            raise UserError(
                f"{name}: {wanted:g} {unit} asked, but {capacity.where} has {there:.3g}: "
                f"ask for at most {there:.3g}"
            )
    reserved = measure.cpus_per_actor * measure.actors
    total = capacity.total([node.cpus for node in capacity.nodes])
    if asked.cpus + reserved > total:
        raise UserError(
            f"measure.cpus_per_actor: {measure.actors} actors reserve {reserved:g} of the "
            f"{total:g} CPUs of {capacity.where}, which leaves too few for a trial of "
            f"{asked.cpus}: use fewer, or 0 to let actors run in the gaps"
        )
    held = capacity.total([node.memory // measure.memory_per_actor for node in capacity.nodes])
    if measure.actors > held:
        raise UserError(
            f"measure.actors: {measure.actors} actors of {measure.memory_per_actor:g} GB asked, "
            f"but {capacity.where} has memory for {held:g}: use fewer, or less "
            "measure.memory_per_actor"
        )


def _check_trial(asked: TrialResources, capacity: Capacity) -> None:
    """Raise UserError with the numbers if no node holds a worker of a trial, or not all fit."""
    gpus = asked.gpus / asked.workers
    each = " for each worker" if asked.workers > 1 else ""
    for name, wanted, there, unit in (
        ("resources.cpus", asked.cpus, capacity.cpus, "CPUs"),
        ("resources.gpus", gpus, capacity.gpus, "GPUs"),
    ):
        if wanted > there:
            raise UserError(
                f"{name}: {wanted:g} {unit} asked{each}, but {capacity.where} has {there:.3g}: "
                f"ask for at most {there:.3g}"
            )
    if not any(node.cpus >= asked.cpus and node.gpus >= gpus for node in capacity.nodes):
        raise UserError(
            f"resources: no node of {capacity.where} has {asked.cpus} CPUs and {gpus:g} "
            f"GPUs at once{each}: ask for less of one"
        )
    held = capacity.total(
        [
            min(node.cpus // asked.cpus, node.gpus // gpus if gpus else math.inf)
            for node in capacity.nodes
        ]
    )
    if asked.workers > held:
        raise UserError(
            f"resources.workers: {asked.workers} workers of {asked.cpus} CPUs and {gpus:g} GPUs "
            f"asked for one trial, but {capacity.where} holds {held:g}: use fewer"
        )
