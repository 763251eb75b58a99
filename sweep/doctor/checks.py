"""Facts to findings: what is well, what is not, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sweep.doctor.facts import ClusterFacts, Facts, NodeFacts

Level = Literal["ok", "warn", "FAIL"]
OK: Level = "ok"
WARN: Level = "warn"
FAIL: Level = "FAIL"

CLOCK_WARN, CLOCK_FAIL = 1.0, 60.0
STORAGE_WARN, STORAGE_FAIL = 10.0, 1.0  # GB
TEMPORARY_WARN, TEMPORARY_FAIL = 0.80, 0.95  # of the disk; Ray stops spilling at the second
OPEN_FILES = 8192  # what Ray itself asks for
MEMORY_WARN = 0.10  # free, of all; from 0.05 on Ray ends workers
LOOPBACK = ("127.", "localhost", "::1", "[::1]")
NETWORK = ("nfs", "cifs", "smb", "lustre", "gpfs", "fuse", "ceph", "glusterfs", "beegfs")


@dataclass(frozen=True)
class Finding:
    """One line: the check, how it went, the numbers, and if it did not go well the remedy."""

    check: str
    level: Level
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in order."""

    findings: tuple[Finding, ...]
    seconds: float

    def count(self, level: Level) -> int:
        """How many findings are of this level."""
        return sum(finding.level == level for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "ok": not self.count(FAIL),
            "seconds": round(self.seconds, 1),
            "findings": [asdict(finding) for finding in self.findings],
        }


def judge(facts: Facts) -> Diagnosis:
    """Every check, on what was found."""
    checks: list[Callable[[Facts], Iterator[Finding]]] = [
        _nodes,
        _versions,
        _gpus,
        _storage,
        _disks,
        _memory,
        _open_files,
        _clocks,
        _tokens,
        _dashboard,
        _tracking,
        _sweeps,
    ]
    findings = [finding for check in checks for finding in check(facts)]
    return Diagnosis(tuple(findings), facts.seconds)


def _nodes(facts: Facts) -> Iterator[Finding]:
    cluster = facts.cluster
    if cluster.problem:
        remedy = "see that it runs: `ray status` on its head"
        if cluster.stranger == "refused":
            remedy = "set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file with its token"
        yield Finding("cluster", FAIL, cluster.problem, remedy)
        return
    alive = [one for one in cluster.nodes if one.node.alive]
    dead = [one for one in cluster.nodes if not one.node.alive]
    total = {
        name: sum(getattr(one.node, name) for one in alive) for name in ("cpus", "gpus", "memory")
    }
    text = (
        f"{len(alive)} alive on {cluster.where}: {total['cpus']:g} CPUs, {total['gpus']:g} GPUs, "
        f"{total['memory']:.3g} GB for tasks"
    )
    if not alive:
        yield Finding("nodes", FAIL, text, "start them: `ray start --address=HEAD:6379`")
    elif not total["cpus"]:
        remedy = (
            "right if an autoscaler brings workers: run this again while a sweep runs, for "
            "they can be checked only then"
        )
        yield Finding("nodes", WARN, text, remedy)
    else:
        yield Finding("nodes", OK, text)
    if dead:
        names = _names(one.node.address for one in dead)
        remedy = "right if they were taken away; else see /tmp/ray/session_latest/logs there"
        yield Finding("nodes", WARN, f"{len(dead)} gone: {names}", remedy)
    for one in alive:
        if one.silent:
            remedy = "look at that machine: disk, memory, network; then `ray stop` and start it"
            text = f"{one.node.address} doesn't answer: {one.silent}"
            yield Finding("nodes", FAIL, text, remedy)


def _versions(facts: Facts) -> Iterator[Finding]:
    answering = _answering(facts)
    differ = False
    if not answering:
        return
    for name, here in facts.versions.items():
        others: dict[str, list[str]] = {}
        for one in answering:
            there = one.told["versions"].get(name, "none")
            if there != here:
                others.setdefault(there, []).append(one.node.address)
        for there, nodes in others.items():
            differ = True
            text = f"{name} {there} on {_names(nodes)}, but {here} on the driver"
            exact = here.partition(" ")[0]
            remedy = f"install {name}=={exact} there" if exact != "none" else f"install {name} here"
            if there.partition(" ")[0] == exact:
                remedy = "install the same state of the code there: the sources differ"
            yield Finding("versions", FAIL, text, remedy)
    if not differ:
        what = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
        where = f"equal on {len(answering)} nodes: " if len(answering) > 1 else ""
        yield Finding("versions", OK, f"{where}{what}")


def _gpus(facts: Facts) -> Iterator[Finding]:
    answering = _answering(facts)
    if not answering:
        return
    counted = sum(one.node.gpus for one in answering)
    failed = False
    for one in answering:
        told = one.told["gpus"]
        seen, wanted = len(told["found"]), one.node.gpus
        text = f"{one.node.address}: Ray counts {wanted:g} GPUs, torch sees {seen}"
        if problem := told.get("problem"):
            text += f" ({problem})"
        wrong = [name for name, right in told["found"] if not right]
        if wrong:
            failed = True
            text = f"{one.node.address}: {_names(wrong)} computes wrong numbers"
            yield Finding("gpus", FAIL, text, "take the device out, and test its memory")
        elif wanted > seen:
            failed = True
            remedy = (
                "install a torch with CUDA and a driver that fits it (`nvidia-smi` must work "
                "there), or start the node with --num-gpus=0"
            )
            yield Finding("gpus", FAIL, text, remedy)
        elif seen and not wanted:
            failed = True
            yield Finding("gpus", WARN, text, f"start the node with --num-gpus={seen} to use them")
    if not failed:
        names = sorted({name for one in answering for name, _ in one.told["gpus"]["found"]})
        text = f"{counted:g} counted, seen and computing: {_names(names)}" if names else "none"
        yield Finding("gpus", OK, text)


def _storage(facts: Facts) -> Iterator[Finding]:
    if facts.storage_problem:
        remedy = "choose with --storage a folder that can be written"
        yield Finding("storage", FAIL, facts.storage_problem, remedy)
        return
    failed = [one for one in _answering(facts) if one.storage]
    for one in failed:
        text = f"{one.node.address}: {one.storage}"
        remedy = (
            "choose with --storage a folder that all nodes share (NFS) under the same path, or a "
            "bucket (s3://...)"
        )
        yield Finding("storage", FAIL, text, remedy)
    count = len(_answering(facts))
    if not failed:
        where = f"the same on the driver and {count} nodes" if count > 1 else "here"
        yield Finding("storage", OK, f"{facts.storage}: written and read, {where}")


def _disks(facts: Facts) -> Iterator[Finding]:
    if facts.disk is not None and facts.disk[1]:
        free, total = facts.disk
        text = f"storage: {free:,.3g} of {total:,.3g} GB free"
        remedy = "free some, or choose another --storage"
        yield _by(free >= STORAGE_WARN, free >= STORAGE_FAIL, "disk", text, remedy)
    shares = [
        (1 - free / total, free, one)
        for one, (free, total) in _told(facts, "temporary")
        if total > 0
    ]
    if shares:
        share, free, one = max(shares, key=lambda each: each[0])
        text = f"Ray's temporary folder: {free:,.3g} GB free, {share:.0%} used"
        text += _where(facts, one)
        remedy = "free some there, or start Ray with --temp-dir on a larger disk"
        good, bearable = share <= TEMPORARY_WARN, share <= TEMPORARY_FAIL
        yield _by(good, bearable, "disk", text, remedy)


def _memory(facts: Facts) -> Iterator[Finding]:
    small = [
        (one, total)
        for one, (_, total) in _told(facts, "shared_memory")
        if one.node.object_store > total * 1.01
    ]
    for one, total in small:
        text = (
            f"{one.node.address}: /dev/shm has {total:.3g} GB, less than Ray's object store of "
            f"{one.node.object_store:.3g} GB, which is on disk therefore"
        )
        remedy = f"enlarge it (docker run --shm-size={one.node.object_store:.0f}g)"
        yield Finding("memory", WARN, text, f"{remedy}, or --object-store-memory less")
    free = [(left / total, left, total, one) for one, (left, total) in _told(facts, "memory_free")]
    if free:
        share, left, total, one = min(free, key=lambda each: each[0])
        text = f"{left:.3g} of {total:.3g} GB free{_where(facts, one)}"
        remedy = "end what else runs there: Ray ends workers when 5% are left"
        yield _by(share >= MEMORY_WARN, True, "memory", text, remedy)


def _open_files(facts: Facts) -> Iterator[Finding]:
    limits = [(one, one.told["open_files"]) for one in _answering(facts)]
    known = [(limit, one) for one, limit in limits if limit is not None]
    if not known:
        return
    limit, one = min(known, key=lambda each: each[0])
    text = f"{limit:,} a process{_where(facts, one)}"
    remedy = f"raise it where Ray is started: `ulimit -n {8 * OPEN_FILES}`"
    yield _by(limit >= OPEN_FILES, True, "open files", text, remedy)


def _clocks(facts: Facts) -> Iterator[Finding]:
    measured = [(one, one.clock) for one in _answering(facts) if one.clock is not None]
    if not measured:
        return
    one, (offset, error) = max(measured, key=lambda each: abs(each[1][0]))
    # What the round trip leaves open speaks for the clock.
    certain = max(abs(offset) - error, 0.0)
    text = f"at most {abs(offset):.3g} s apart (± {error:.2g} s){_where(facts, one)}"
    remedy = "let the machines follow a time server (chrony, systemd-timesyncd)"
    yield _by(certain <= CLOCK_WARN, certain <= CLOCK_FAIL, "clocks", text, remedy)


def _tokens(facts: Facts) -> Iterator[Finding]:
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


def _dashboard(facts: Facts) -> Iterator[Finding]:
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


def _tracking(facts: Facts) -> Iterator[Finding]:
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


def _sweeps(facts: Facts) -> Iterator[Finding]:
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
    for one in _answering(facts):
        if one.lacking:
            text = f"{one.node.address} lacks {_names(one.lacking)}"
            yield Finding("sweep", FAIL, text, "bring it there, under the same path or name")


def _answering(facts: Facts) -> list[NodeFacts]:
    return [one for one in facts.cluster.nodes if one.node.alive and one.told]


def _told(facts: Facts, name: str) -> list[tuple[NodeFacts, tuple[float, float]]]:
    """Pairs of numbers that nodes told, of those that know them."""
    return [
        (one, (one.told[name][0], one.told[name][1]))
        for one in _answering(facts)
        if one.told.get(name) is not None
    ]


def _is_remote(cluster: ClusterFacts) -> bool:
    return len(cluster.nodes) > 1


def _where(facts: Facts, one: NodeFacts) -> str:
    """Which node, where there are several: the worst of them."""
    return f" (worst: {one.node.address})" if len(_answering(facts)) > 1 else ""


def _by(good: bool, bearable: bool, check: str, text: str, remedy: str) -> Finding:
    level: Level = "ok" if good else "warn" if bearable else "FAIL"
    return Finding(check, level, text, "" if good else remedy)


def _names(names: Sequence[str] | Iterator[str]) -> str:
    """A few of them, and how many more."""
    listed = list(names)
    more = f" and {len(listed) - 4} more" if len(listed) > 4 else ""
    return ", ".join(listed[:4]) + more
