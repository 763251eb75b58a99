"""Checks of what the sweep depends on: storage, token, dashboard, MLflow, sweep files. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sweep.doctor.facts import ClusterFacts, Facts
from sweep.doctor.findings import FAIL, OK, WARN, Finding, few_names, nodes_that_answer

LOOPBACK = ("127.", "localhost", "::1", "[::1]")
NETWORK = ("nfs", "cifs", "smb", "lustre", "gpfs", "fuse", "ceph", "glusterfs", "beegfs")


def check_storage(facts: Facts) -> Iterator[Finding]:
    """Whether every node writes and reads the driver's storage."""
    if facts.storage_problem:
        remedy = "choose with --storage a folder that can be written"
        yield Finding("storage", FAIL, facts.storage_problem, remedy)
        return
    failed = [one for one in nodes_that_answer(facts) if one.storage]
    for one in failed:
        text = f"{one.node.address}: {one.storage}"
        remedy = (
            "choose with --storage a folder that all nodes share (NFS) under the same path, or a "
            "bucket (s3://...)"
        )
        yield Finding("storage", FAIL, text, remedy)
    count = len(nodes_that_answer(facts))
    if not failed:
        where = f"the same on the driver and {count} nodes" if count > 1 else "here"
        yield Finding("storage", OK, f"{facts.storage}: written and read, {where}")


def check_tokens(facts: Facts) -> Iterator[Finding]:
    """Whether the cluster turns away who has no token."""
    cluster = facts.cluster
    if cluster.problem:
        return
    remedy = (
        "whoever reaches it runs code as its user. Set RAY_AUTH_MODE=token and the same token "
        "(RAY_AUTH_TOKEN_PATH) on every node and client, and start it anew"
    )
    if cluster.stranger == "let in":
        yield Finding("token", FAIL, "a connection without a token is let in", remedy)
    elif not cluster.tokens:
        yield Finding("token", FAIL, "RAY_AUTH_MODE is not `token` here", remedy)
    elif cluster.stranger == "refused":
        yield Finding("token", OK, "on; a connection without it was refused")
    else:
        text = "on here; whether one without it is refused could not be tried"
        yield Finding("token", WARN, text, "see deploy/SECURITY.md")


def check_dashboard(facts: Facts) -> Iterator[Finding]:
    """Whether the dashboard is out of reach, or at least asks for the token."""
    cluster = facts.cluster
    if cluster.problem:
        return
    if not cluster.dashboard:
        text = "none, so no `idsweep submit`" if _is_remote(cluster) else "none"
        yield Finding("dashboard", OK, text)
        return
    let_in = cluster.dashboard_stranger == "let in"
    guard = {"refused": ", asks for the token", "let in": ", asks for no token"}.get(
        cluster.dashboard_stranger, ""
    )
    if cluster.dashboard.startswith(LOOPBACK):
        text = f"on loopback alone: {cluster.dashboard}{guard}"
        remedy = "every user of that machine runs code as Ray's: set RAY_AUTH_MODE=token"
        yield Finding("dashboard", WARN if let_in else OK, text, remedy if let_in else "")
        return
    text = f"listens on {cluster.dashboard}, beyond loopback{guard}"
    remedy = (
        "start the head with --dashboard-host=127.0.0.1, and reach it through a tunnel: "
        "ssh -L 8265:127.0.0.1:8265 HEAD"
    )
    yield Finding("dashboard", FAIL if let_in or not cluster.tokens else WARN, text, remedy)


def check_tracking(facts: Facts) -> Iterator[Finding]:
    """Whether MLflow answers and takes files."""
    found = facts.tracking
    if found.problem:
        remedy = "a sweep goes on without it, and `idsweep track` catches up; see deploy/README.md"
        yield Finding("mlflow", FAIL, found.problem, remedy)
        return
    if found.experiments is None:
        text = f"{found.uri}: to be made by the first run"
    else:
        text = f"{found.uri}: answers, {found.experiments} experiments seen"
    if found.artifacts:
        remedy = "see its --artifacts-destination and the rights of this user"
        yield Finding("mlflow", WARN, f"{text}; files: {found.artifacts}", remedy)
    elif found.file_system.startswith(NETWORK):
        remedy = "SQLite may break there: use a server (--tracking-uri http://HOST:5000)"
        text += f"; on a network file system ({found.file_system})"
        yield Finding("mlflow", WARN, text, remedy)
    else:
        yield Finding("mlflow", OK, text)


def check_sweeps(facts: Facts) -> Iterator[Finding]:
    """Whether the sweep files' trials fit, and their data and modules are there."""
    for found in facts.sweeps:
        fits = f"a trial and an actor fit ({found.num_trials} trials)"
        remedy = "change the file, or the cluster" if found.capacity else ""
        text = f"{found.name}: {found.capacity or fits}"
        yield Finding("sweep", FAIL if remedy else OK, text, remedy)
        there = "prepared" if found.prepared else "there, and prepared when the sweep begins"
        remedy = "mend data.path, or bring the files there" if found.data else ""
        yield Finding(
            "data", FAIL if remedy else OK, f"{found.name}: {found.data or there}", remedy
        )
    for one in nodes_that_answer(facts):
        if one.lacking:
            text = f"{one.node.address} lacks {few_names(one.lacking)}"
            yield Finding("sweep", FAIL, text, "bring it there, under the same path or name")


def _is_remote(cluster: ClusterFacts) -> bool:
    return len(cluster.nodes) > 1
