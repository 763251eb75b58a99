"""One driver a sweep: others are kept out while it lives, and let in however it dies."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from sweep.errors import UserError

LOOKS, LOOK_SECONDS = 5, 0.1  # `living_driver` holds the lock for a moment


@contextmanager
def only_driver(path: Path, name: str) -> Iterator[None]:
    """Hold the lock file of the sweep `name`; the system lets go of it when this process dies.

    On a shared file system it holds between machines too. Raises UserError with the other's
    process and machine if one is alive.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            _lock(file)
        except BlockingIOError as error:
            file.seek(0)
            raise UserError(
                f"sweep {name!r} is being run already by process "
                f"{file.read().strip() or 'unknown'} (lock {path}): "
                "wait for it, or choose another --storage"
            ) from error
        except OSError as error:
            raise UserError(
                f"{path} can't be locked ({error.strerror}): choose a --storage on a file system "
                "with locks"
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _lock(file: TextIO) -> None:
    """Lock the file for this process alone; OSError if another has it for longer than a look."""
    for _ in range(LOOKS):
        with suppress(BlockingIOError):
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(LOOK_SECONDS)
    return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def living_driver(path: Path) -> str:
    """The process that holds a sweep's lock, as it wrote itself there; "" if none does."""
    try:
        with path.open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip() or "unknown"
    except OSError:
        return ""
    return ""
