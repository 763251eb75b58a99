"""Facts to findings: what is well, what is not, and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sweep.doctor.facts import Facts
from sweep.doctor.findings import Diagnosis, Finding
from sweep.doctor.machines import (
    check_clocks,
    check_disks,
    check_gpus,
    check_memory,
    check_nodes,
    check_open_files,
    check_versions,
)
from sweep.doctor.services import (
    check_dashboard,
    check_storage,
    check_sweeps,
    check_tokens,
    check_tracking,
)


def judge(facts: Facts) -> Diagnosis:
    """Every check, on what was found."""
    checks: list[Callable[[Facts], Iterator[Finding]]] = [
        check_nodes,
        check_versions,
        check_gpus,
        check_storage,
        check_disks,
        check_memory,
        check_open_files,
        check_clocks,
        check_tokens,
        check_dashboard,
        check_tracking,
        check_sweeps,
    ]
    findings = [finding for check in checks for finding in check(facts)]
    return Diagnosis(tuple(findings), facts.seconds)
