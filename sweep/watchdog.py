"""Ending a process whose work stands still, with word of where it stood.

Python's own `faulthandler` does it from a thread that needs no lock of Python's, so that a loop
in a library is ended too. The process that takes the work up again reads what it left.
"""

from __future__ import annotations

import faulthandler
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from sweep.errors import TrialFailure

SECONDS_A_MINUTE = 60.0
SHARE = 0.05  # of the limit, in which progress is noted once: noting it starts a thread
MAX_LETTERS = 20_000


class Hung(TrialFailure):
    """The work stood still. `traceback` says where, thread by thread."""

    def __init__(self, reason: str, traceback: str) -> None:
        super().__init__(reason)
        self.traceback = traceback


class _Watch:
    """The one watch of this process: what it guards, and when it was set last."""

    file: TextIO | None = None
    seconds = 0.0
    since = 0.0


@contextmanager
def watched(path: Path, minutes: float | None) -> Iterator[None]:
    """Work that must call `progress` every so many minutes, or this process ends.

    path: where the traceback then is. Raises Hung if an earlier process left one there.
    """
    if minutes is None:
        yield
        return
    _raise_if_hung(path, minutes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as _Watch.file:
        _Watch.seconds = minutes * SECONDS_A_MINUTE
        _set()
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            _Watch.file = None
            path.unlink(missing_ok=True)


def progress() -> None:
    """The work goes on. Cheap enough for every step; nothing where none is watched."""
    if _Watch.file is not None and time.monotonic() - _Watch.since > SHARE * _Watch.seconds:
        _set()


def _set() -> None:
    _Watch.since = time.monotonic()
    if _Watch.file is not None:
        _look_young(_Watch.file.fileno())
        faulthandler.dump_traceback_later(_Watch.seconds, exit=True, file=_Watch.file)


def _look_young(descriptor: int) -> None:
    """Date the file at the end of the watch: other sweeps remove what was long left alone."""
    os.utime(descriptor)
    end = os.stat(descriptor).st_mtime + _Watch.seconds  # by the clock of the file system
    os.utime(descriptor, (end, end))


def _raise_if_hung(path: Path, minutes: float) -> None:
    try:
        left = path.read_text(errors="replace")[:MAX_LETTERS]
    except OSError:
        return
    if left.startswith("Timeout"):
        path.unlink(missing_ok=True)
        raise Hung(
            f"it stood still for {minutes:g} minutes and was ended: see the details for where, or "
            "raise resources.max_minutes_without_progress",
            left,
        )
