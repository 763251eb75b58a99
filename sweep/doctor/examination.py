"""What `idsweep doctor` is asked, understood; then facts, then findings."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from pathlib import Path

from sweep.doctor.checks import judge
from sweep.doctor.collect import Question, collect
from sweep.doctor.findings import Diagnosis
from sweep.errors import UserError
from sweep.paths import Storage, open_storage
from sweep.suite import open_suite
from sweep.sweepfile import is_suite, load_sweep


def examine(
    sweep: str | None,
    overrides: Sequence[str],
    address: str | None,
    storage: str,
    tracking_uri: str | None,
) -> tuple[Diagnosis, bool]:
    """The diagnosis, and whether something hangs still, so that this process must be ended.

    sweep: a sweep or suite that is to run. address: of the cluster; None: this machine.
    Raises UserError if the sweep is wrong, or the address is no address.
    """
    if address is not None and address != "auto" and not re.fullmatch(r"[^\s/@]+:\d+", address):
        raise UserError(f"--address takes HOST:PORT or auto, but got {address!r}")
    files = []
    if sweep is not None:
        suite = is_suite(sweep)
        files = open_suite(sweep, overrides).sweeps if suite else [load_sweep(sweep, overrides)]
    problem = ""
    try:
        folder = open_storage(storage, create=True)
    except UserError as error:
        problem = str(error)
        bucket = "://" in storage
        folder = Storage(
            Path("/") if bucket else Path(os.path.abspath(Path(storage).expanduser())),
            storage if bucket else "",
        )
    configs = tuple(file.config for file in files)
    facts = collect(Question(address, folder, problem, tracking_uri, configs))
    hangs = any(thread.name.startswith("doctor") for thread in threading.enumerate())
    return judge(facts), hangs
