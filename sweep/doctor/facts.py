"""What was found out about a cluster, before anyone judges it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sweep.nodes import RayNode


@dataclass(frozen=True)
class NodeFacts:
    """What is known of one node.

    silent: why it did not answer, or "". told: what it said of itself (`probe.examine`).
    storage: why it has not the driver's storage, or "". clock: seconds by which its clock is
    ahead of the driver's and how uncertain that is; None: not measured. lacking: files and
    modules of the sweep that it has not.
    """

    node: RayNode
    silent: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    storage: str = ""
    clock: tuple[float, float] | None = None
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True)
class ClusterFacts:
    """The cluster as a whole. where: in words. problem: why it can't be reached, or "".

    tokens: whether this process shows a token. stranger: what a connection without one met,
    "refused" or "let in"; "" if that is not known. dashboard: HOST:PORT, "" if there is none;
    dashboard_stranger: as stranger.
    """

    where: str
    problem: str = ""
    nodes: tuple[NodeFacts, ...] = ()
    tokens: bool = False
    stranger: str = ""
    dashboard: str = ""
    dashboard_stranger: str = ""


@dataclass(frozen=True)
class TrackingFacts:
    """MLflow. uri: without a password. problem: why it does not work, or "".

    experiments: how many there are, at least; None: none was made yet. artifacts: why files
    can't be kept there, or "". file_system: under an SQLite file.
    """

    uri: str
    problem: str = ""
    experiments: int | None = None
    artifacts: str = ""
    file_system: str = ""


@dataclass(frozen=True)
class SweepFacts:
    """A sweep that is to run. capacity, data: why not, or "". prepared: whether its data is."""

    name: str
    num_trials: int
    capacity: str = ""
    data: str = ""
    prepared: bool = False


@dataclass(frozen=True)
class Facts:
    """All of it. storage: the folder or bucket. storage_problem: on the driver, or "".

    disk: GB free and in all where the storage is, on the driver; None for a bucket.
    """

    versions: dict[str, str]
    storage: str
    storage_problem: str
    disk: tuple[float, float] | None
    cluster: ClusterFacts
    tracking: TrackingFacts
    sweeps: tuple[SweepFacts, ...] = ()
    seconds: float = 0.0
