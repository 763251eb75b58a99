"""Checks of the machines: nodes, versions, GPUs, disks, memory, limits, clocks. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from sweep.doctor.facts import Facts
from sweep.doctor.findings import (
    FAIL,
    OK,
    WARN,
    Finding,
    by_bounds,
    few_names,
    nodes_that_answer,
    pairs_told,
    worst_of,
)

CLOCK_WARN, CLOCK_FAIL = 1.0, 60.0
STORAGE_WARN, STORAGE_FAIL = 10.0, 1.0  # GB
TEMPORARY_WARN, TEMPORARY_FAIL = 0.80, 0.95  # of the disk; Ray stops spilling at the second
OPEN_FILES = 8192  # what Ray itself asks for
MEMORY_WARN = 0.10  # free, of all; from 0.05 on Ray ends workers


def check_nodes(facts: Facts) -> Iterator[Finding]:
    """Whether nodes are there, alive and answering."""
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
        names = few_names(one.node.address for one in dead)
        remedy = "right if they were taken away; else see /tmp/ray/session_latest/logs there"
        yield Finding("nodes", WARN, f"{len(dead)} gone: {names}", remedy)
    for one in alive:
        if one.silent:
            remedy = "look at that machine: disk, memory, network; then `ray stop` and start it"
            text = f"{one.node.address} doesn't answer: {one.silent}"
            yield Finding("nodes", FAIL, text, remedy)


def check_versions(facts: Facts) -> Iterator[Finding]:
    """Whether all nodes have the driver's versions."""
    answering = nodes_that_answer(facts)
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
            text = f"{name} {there} on {few_names(nodes)}, but {here} on the driver"
            exact = here.partition(" ")[0]
            remedy = f"install {name}=={exact} there" if exact != "none" else f"install {name} here"
            if there.partition(" ")[0] == exact:
                remedy = "install the same state of the code there: the sources differ"
            yield Finding("versions", FAIL, text, remedy)
    if not differ:
        what = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
        where = f"equal on {len(answering)} nodes: " if len(answering) > 1 else ""
        yield Finding("versions", OK, f"{where}{what}")


def check_gpus(facts: Facts) -> Iterator[Finding]:
    """Whether torch sees the GPUs that Ray counts, and they compute right numbers."""
    answering = nodes_that_answer(facts)
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
            text = f"{one.node.address}: {few_names(wrong)} computes wrong numbers"
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
        text = f"{counted:g} counted, seen and computing: {few_names(names)}" if names else "none"
        yield Finding("gpus", OK, text)


def check_disks(facts: Facts) -> Iterator[Finding]:
    """Whether there is room for results and for Ray's own files."""
    if facts.disk is not None and facts.disk[1]:
        free, total = facts.disk
        text = f"storage: {free:,.3g} of {total:,.3g} GB free"
        remedy = "free some, or choose another --storage"
        yield by_bounds(free >= STORAGE_WARN, free >= STORAGE_FAIL, "disk", text, remedy)
    shares = [
        (1 - free / total, free, one)
        for one, (free, total) in pairs_told(facts, "temporary")
        if total > 0
    ]
    if shares:
        share, free, one = max(shares, key=lambda each: each[0])
        text = f"Ray's temporary folder: {free:,.3g} GB free, {share:.0%} used"
        text += worst_of(facts, one)
        remedy = "free some there, or start Ray with --temp-dir on a larger disk"
        good, bearable = share <= TEMPORARY_WARN, share <= TEMPORARY_FAIL
        yield by_bounds(good, bearable, "disk", text, remedy)


def check_memory(facts: Facts) -> Iterator[Finding]:
    """Whether memory is free, and shared memory holds Ray's object store."""
    small = [
        (one, total)
        for one, (_, total) in pairs_told(facts, "shared_memory")
        if one.node.object_store > total * 1.01
    ]
    for one, total in small:
        text = (
            f"{one.node.address}: /dev/shm has {total:.3g} GB, less than Ray's object store of "
            f"{one.node.object_store:.3g} GB, which is on disk therefore"
        )
        remedy = f"enlarge it (docker run --shm-size={one.node.object_store:.0f}g)"
        yield Finding("memory", WARN, text, f"{remedy}, or --object-store-memory less")
    free = [
        (left / total, left, total, one) for one, (left, total) in pairs_told(facts, "memory_free")
    ]
    if free:
        share, left, total, one = min(free, key=lambda each: each[0])
        text = f"{left:.3g} of {total:.3g} GB free{worst_of(facts, one)}"
        remedy = "end what else runs there: Ray ends workers when 5% are left"
        yield by_bounds(share >= MEMORY_WARN, True, "memory", text, remedy)


def check_open_files(facts: Facts) -> Iterator[Finding]:
    """Whether processes may open as many files as Ray needs."""
    limits = [(one, one.told["open_files"]) for one in nodes_that_answer(facts)]
    known = [(limit, one) for one, limit in limits if limit is not None]
    if not known:
        return
    limit, one = min(known, key=lambda each: each[0])
    text = f"{limit:,} a process{worst_of(facts, one)}"
    remedy = f"raise it where Ray is started: `ulimit -n {8 * OPEN_FILES}`"
    yield by_bounds(limit >= OPEN_FILES, True, "open files", text, remedy)


def check_clocks(facts: Facts) -> Iterator[Finding]:
    """How far the clocks of the nodes are from the driver's."""
    measured = [(one, one.clock) for one in nodes_that_answer(facts) if one.clock is not None]
    if not measured:
        return
    one, (offset, error) = max(measured, key=lambda each: abs(each[1][0]))
    # What the round trip leaves open speaks for the clock.
    certain = max(abs(offset) - error, 0.0)
    text = f"at most {abs(offset):.3g} s apart (± {error:.2g} s){worst_of(facts, one)}"
    remedy = "let the machines follow a time server (chrony, systemd-timesyncd)"
    yield by_bounds(certain <= CLOCK_WARN, certain <= CLOCK_FAIL, "clocks", text, remedy)
