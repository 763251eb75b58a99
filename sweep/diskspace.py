"""A disk that is full: told in one line, with how much is free, wherever it was noticed."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweep.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
# Libraries that raise errors of their own pass on what the system said.
WORDS = ("no space left on device", "disk quota exceeded", "database or disk is full")
MEGABYTE = 1e6


class DiskFull(UserError):  # noqa: N818 - what happened, as the others here
    """There is no room for what is to be written."""


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one behind it, comes of a disk without room."""
    while error is not None:
        if isinstance(error, DiskFull):
            return True
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if any(words in str(error).lower() for words in WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


def disk_full(folder: Path) -> DiskFull:
    """What to tell of the disk on which `folder` is."""
    usage = shutil.disk_usage(folder)
    return DiskFull(
        f"the disk of {folder} is full: {usage.free / MEGABYTE:,.1f} MB of "
        f"{usage.total / MEGABYTE:,.0f} MB free: make room there; what is sealed is kept, and "
        "the same command goes on from there"
    )


@contextmanager
def telling_when_full(folder: Path) -> Iterator[None]:
    """Errors that come of a full disk leave as DiskFull of the disk of `folder`."""
    try:
        yield
    except Exception as error:
        if isinstance(error, DiskFull) or not is_full(error):
            raise
        raise disk_full(folder) from error
