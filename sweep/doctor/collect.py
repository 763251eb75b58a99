"""Finding out about a cluster, this machine, MLflow and a sweep: each within its time limit."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep.cluster import RayCluster
from sweep.config import SweepConfig
from sweep.connection import check_answers
from sweep.doctor.facts import ClusterFacts, Facts, NodeFacts, SweepFacts, TrackingFacts
from sweep.doctor.probe import examine, lacking, versions
from sweep.errors import UserError, first_line
from sweep.needs import needed
from sweep.nodes import NodeCalls, RayNode, ray_nodes
from sweep.paths import Storage
from sweep.preflight import bucket_problems, storage_problems
from sweep.tracking import choose_uri, hide_password

CLUSTER_SECONDS = 50.0
NODE_SECONDS = 25.0
SHORT_SECONDS = 8.0
TRACKING_SECONDS = 45.0


@dataclass(frozen=True)
class Question:
    """What the doctor is asked about. address: None for this machine."""

    address: str | None
    storage: Storage
    storage_problem: str
    tracking_uri: str | None
    sweeps: tuple[SweepConfig, ...] = ()


def collect(question: Question) -> Facts:
    """All facts. The cluster is left as it was; one that is started here for it ends with it."""
    began = time.monotonic()
    cluster = _Task(lambda: _cluster(question))
    tracking = _Task(lambda: _tracking(question))
    found = cluster.result(CLUSTER_SECONDS)
    where = _where(question.address)
    if isinstance(found, str):
        found = (ClusterFacts(where, problem=found), ())
    mlflow = tracking.result(max(TRACKING_SECONDS - (time.monotonic() - began), 3.0))
    if isinstance(mlflow, str):
        uri = hide_password(question.tracking_uri or "")
        mlflow = TrackingFacts(uri, problem=f"MLflow {uri}: {mlflow}")
    storage = question.storage
    return Facts(
        versions=versions(),
        storage=storage.remote or str(storage.folder),
        storage_problem=question.storage_problem,
        disk=_disk(storage.folder),
        cluster=found[0],
        tracking=mlflow,
        sweeps=found[1],
        seconds=time.monotonic() - began,
    )


class _Task:
    """A function in a thread of its own, which may be left behind if it hangs."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._result: Any = "broken off"
        self._began = time.monotonic()
        self._thread = threading.Thread(
            target=self._run, args=(function,), name="doctor", daemon=True
        )
        self._thread.start()

    def _run(self, function: Callable[[], Any]) -> None:
        try:
            self._result = function()
        except UserError as error:
            self._result = str(error)
        except Exception as error:
            says = first_line(error)[:200]
            self._result = f"{type(error).__name__}: {says}"

    def result(self, seconds: float) -> Any:
        """What it returned; a string says why there is nothing."""
        self._thread.join(seconds)
        if not self._thread.is_alive():
            return self._result
        return f"no answer within {time.monotonic() - self._began:.0f} s"


def _cluster(question: Question) -> tuple[ClusterFacts, tuple[SweepFacts, ...]]:
    from sweep.doctor import ray_facts

    where = _where(question.address)
    if question.address not in (None, "auto"):
        check_answers(question.address)
        met = ray_facts.try_with_token(question.address)
        if met == "refused":
            # Ray itself would try for long, and say no more than that it failed.
            problem = f"{where} refuses this process: it shows no token, or another one"
            return ClusterFacts(where, problem=problem, stranger=met), ()
        if not met:
            problem = f"{where} takes a connection, but does not answer: it hangs, or is no Ray"
            return ClusterFacts(where, problem=problem), ()
    cluster = RayCluster(question.address)
    try:
        cluster._connect()
        stranger = _Task(ray_facts.try_without_token)
        nodes = ray_nodes()
        facts = _nodes(nodes, question)
        sweeps = tuple(_sweep(config, question.storage, cluster) for config in question.sweeps)
        dashboard = ray_facts.dashboard()
        return (
            ClusterFacts(
                where=where,
                nodes=tuple(facts),
                tokens=ray_facts.shows_token(),
                stranger=_known(stranger.result(SHORT_SECONDS)),
                dashboard=dashboard,
                dashboard_stranger=ray_facts.try_dashboard(dashboard) if dashboard else "",
            ),
            sweeps,
        )
    finally:
        cluster.close()


def _nodes(nodes: list[RayNode], question: Question) -> list[NodeFacts]:
    folder = _existing(question.storage.folder)
    wanted = [needed(config) for config in question.sweeps]
    modules = sorted({module for each, _ in wanted for module in each})
    paths = sorted({os.path.abspath(os.path.expanduser(p)) for _, each in wanted for p in each})
    with NodeCalls(nodes) as calls:
        given = {node.key: (str(folder), node.gpus) for node in nodes if node.alive}
        told = calls.ask_each(examine, given, seconds=NODE_SECONDS)
        calls.forget(told.missing())
        storage: dict[str, str] = {}
        if not question.storage_problem:
            storage = _storage(calls, question.storage)
        missing = calls.ask(lacking, modules, paths, seconds=SHORT_SECONDS).given()
        clocks = calls.clock_offsets(seconds=SHORT_SECONDS).given()
    return [
        NodeFacts(
            node=node,
            silent=told.missing().get(node.key, ""),
            told=told.given().get(node.key, {}),
            storage=storage.get(node.key, ""),
            clock=clocks.get(node.key),
            lacking=tuple(missing.get(node.key, ())),
        )
        for node in nodes
    ]


def _storage(calls: NodeCalls, storage: Storage) -> dict[str, str]:
    if storage.remote:
        return bucket_problems(calls, storage.remote, seconds=SHORT_SECONDS)
    return storage_problems(calls, storage.folder, seconds=SHORT_SECONDS)


def _tracking(question: Question) -> TrackingFacts:
    from sweep.tracking.examine import examine_store

    storage = question.storage
    name = question.sweeps[0].name if question.sweeps else ""
    uri = choose_uri(storage, name, question.tracking_uri)
    shown = hide_password(uri)
    file_system = ""
    if uri.startswith("sqlite:///"):
        path = Path(uri.removeprefix("sqlite:///").partition("?")[0])
        file_system = _file_system(path.parent)
        if not path.exists():
            return TrackingFacts(shown, file_system=file_system)
    try:
        experiments, artifacts = examine_store(uri)
    except UserError as error:
        return TrackingFacts(shown, problem=str(error))
    return TrackingFacts(
        shown, experiments=experiments, artifacts=artifacts, file_system=file_system
    )


def _sweep(config: SweepConfig, storage: Storage, cluster: RayCluster) -> SweepFacts:
    from sweep.results import plan_trials

    try:
        cluster.check(config)
        capacity = ""
    except UserError as error:
        capacity = str(error)
    trials, data = plan_trials(config, storage)
    problem = ""
    if data is None and config.data.path and "://" not in config.data.path:
        path = Path(config.data.path)
        problem = "" if path.exists() else f"data.path: there is no {path} on the driver"
    return SweepFacts(config.name, len(trials), capacity, problem, data is not None)


def _known(answer: str) -> str:
    return answer if answer in ("refused", "let in") else ""


def _where(address: str | None) -> str:
    return "this machine" if address is None else f"the cluster at {address}"


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _disk(folder: Path) -> tuple[float, float] | None:
    from sweep.doctor.probe import disk

    found = disk(str(_existing(folder)))
    return None if found is None else (found[0], found[1])


def _file_system(folder: Path) -> str:
    """The type of the file system that a folder is on, such as ext4 or nfs4; "": not known."""
    folder = _existing(folder)
    try:
        lines = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return ""
    mounts = [(fields[1], fields[2]) for fields in map(str.split, lines) if len(fields) > 2]
    unescaped = [(re.sub(r"\\040", " ", place), kind) for place, kind in mounts]
    above = [(len(place), kind) for place, kind in unescaped if folder.is_relative_to(place)]
    return max(above, default=(0, ""))[1]
