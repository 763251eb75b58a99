"""Where a sweep was tracked last, kept beside it, so that later commands need not be told."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from sweep.paths import Storage, SweepPaths
from sweep.sealing import write_file
from sweep.secrets import has_password
from sweep.tracking.store import SQLITE

EMBEDDED = "embedded"
NOT_REMEMBERED = (
    "the tracking URI holds a password, so it is not remembered: give it each time, or leave "
    "the password to MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
)


def choose_uri(storage: Storage, name: str, given: str | None) -> str:
    """Where a sweep is tracked: as the user gives it, else as it was given last, else here.

    given: "embedded" is the storage's own store, whatever was given last.
    """
    if given is None:
        return remembered_uri(storage, name) or storage.tracking_uri
    return storage.tracking_uri if given == EMBEDDED else _absolute(given)


def keep_uri(storage: Storage, name: str, uri: str, note: Callable[[str], None]) -> None:
    """Remember where the sweep is tracked; `note` is told if a password forbids it."""
    if uri == storage.tracking_uri:
        storage.sweep(name).tracking.unlink(missing_ok=True)
    elif has_password(uri):
        note(NOT_REMEMBERED)
    else:
        remember(storage.sweep(name), uri)


def remember(paths: SweepPaths, uri: str) -> None:
    """Keep the URI that the user gave for this sweep. Raises ValueError if it has a password."""
    if has_password(uri):
        raise ValueError("a URI with a password must not be written down")
    write_file(paths.tracking, json.dumps({"uri": uri}) + "\n")


def remembered_uri(storage: Storage, name: str) -> str | None:
    """The URI that was given last for this sweep; None: the storage's own store."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads(storage.sweep(name).tracking.read_text())["uri"])
    return None


def tracked_elsewhere(storage: Storage) -> dict[str, str]:
    """URI by sweep, of the sweeps that are not in the storage's own store."""
    found = {name: remembered_uri(storage, name) for name in storage.sweep_names()}
    return {name: uri for name, uri in found.items() if uri is not None}


def _absolute(uri: str) -> str:
    """The same URI wherever it is opened from: a database's file may be given relative to here."""
    if uri.startswith(SQLITE):
        return SQLITE + str(Path(uri.removeprefix(SQLITE)).absolute())
    return uri
