"""Where sweeps and jobs stand, as tables."""

from __future__ import annotations

import time
from functools import partial

from rich.console import Console

from sweep.report.console import plain_table, say
from sweep.status import Overview, SweepStatus

SHOWN_FAILURES = 10
_table = partial(
    plain_table,
    numeric={"trials", "trained", "stopped", "measured", "tracked", "failed", "runs for", "left"},
)


def print_overview(found: Overview, console: Console) -> None:
    """Sweeps, what failed in them, jobs."""
    if found.storage is not None:
        _print_sweeps(found, console)
    if found.address is not None:
        if found.storage is not None:
            console.print()
        _print_jobs(found, console)


def _print_sweeps(found: Overview, console: Console) -> None:
    say(console, f"storage: {found.storage}")
    if not found.sweeps:
        say(console, "no sweep was run there yet")
        return
    table = _table(
        "sweep", "trials", "trained", "stopped", "measured", "tracked", "failed", "driver",
        "runs for", "left",
    )  # fmt: skip
    for sweep in found.sweeps:
        if sweep.problem:
            continue
        table.add_row(
            sweep.name,
            str(sweep.trials),
            f"{sweep.trained}/{sweep.to_train}",
            str(sweep.stopped),
            str(sweep.measured),
            "?" if sweep.tracked is None else str(sweep.tracked),
            str(len(sweep.failures)),
            sweep.driver or "none",
            _time(sweep.seconds),
            _time(sweep.seconds_left),
        )
    if table.row_count:
        console.print(table)
    for sweep in found.sweeps:
        _print_problems(sweep, console)


def _print_problems(sweep: SweepStatus, console: Console) -> None:
    if sweep.problem:
        say(console, f"{sweep.name}: {sweep.problem}")
    for name, failure in sweep.failures[:SHOWN_FAILURES]:
        say(console, f"failed: {sweep.name}/{name} ({failure.stage}): {failure.reason}")
    if len(sweep.failures) > SHOWN_FAILURES:
        say(console, f"and {len(sweep.failures) - SHOWN_FAILURES} more failed: see --json")


def _print_jobs(found: Overview, console: Console) -> None:
    say(console, f"cluster: {found.address}")
    if not found.jobs:
        say(console, "no job was submitted there yet")
        return
    table = _table("job", "sweep", "state", "began", "runs for", "storage")
    for job in found.jobs:
        began = (
            ""
            if job.started is None
            else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job.started))
        )
        seconds = None if job.started is None else (job.ended or time.time()) - job.started
        table.add_row(
            job.key, job.name or "none", job.status.lower(), began, _time(seconds), job.storage
        )
    console.print(table)
    for job in found.jobs:
        if job.status == "FAILED":
            say(console, f"failed: {job.key}: {' '.join(job.message.split())[:300]}")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"
