"""A storage in a bucket, opened: where its mirror lies on this machine, whose it is."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.bucket import Bucket
from sweep.errors import UserError
from sweep.mirror import READ
from sweep.paths import MARKER, PROBE_PREFIX, SCHEMA_VERSION, Storage, read_marker

if TYPE_CHECKING:
    from sweep.config import SweepConfig

MIRRORS = "IDSWEEP_MIRRORS"  # the variable that says where mirrors lie


def open_bucket(uri: str, *, create: bool) -> Storage:
    """The storage at a URI, with the names of its sweeps; checked as a folder is.

    Its mirror is named by the storage's id, so another storage at the same URI, after the
    first was deleted, finds nothing old in it.
    """
    uri = uri.rstrip("/")
    bucket = Bucket.reach(uri)
    content = bucket.read(MARKER)
    if content is not None:
        name = read_marker(content.decode(), uri)["id"]
    elif not create:
        raise UserError(f"there is no idsweep storage at {uri}: run a sweep first")
    elif bucket.folders("") or any(map(_is_foreign, bucket.list("", deep=False))):
        raise UserError(
            f"{uri} is not an idsweep storage and not empty: choose another prefix with --storage"
        )
    else:
        name = uuid.uuid4().hex
    if create:  # reading may be allowed where writing isn't
        probe = f"{PROBE_PREFIX}{uuid.uuid4().hex}"
        bucket.write(probe, b"")
        bucket.remove(probe)
    storage = Storage(_mirrors() / name, uri)
    if content is not None:
        bucket.fetch(MARKER, storage.folder / MARKER)
        for kind in ("sweeps", "suites"):
            for folder in bucket.folders(kind):
                for file in bucket.list(folder, deep=False):
                    if file.endswith(READ):
                        bucket.fetch(file, storage.folder / file)
    return storage


def claim_bucket(storage: Storage) -> None:
    """Mark the place in the bucket as this storage. Raises UserError if it is another's."""
    bucket = Bucket.reach(storage.remote)
    content = bucket.read(MARKER)
    if content is None:
        marker = {"schema": SCHEMA_VERSION, "id": storage.folder.name}
        bucket.write(MARKER, (json.dumps(marker) + "\n").encode())
    elif read_marker(content.decode(), storage.remote)["id"] != storage.folder.name:
        raise UserError(f"{storage.remote} was just made by another run: run this one again")
    bucket.fetch(MARKER, storage.folder / MARKER)


def on_this_machine(storage: Storage) -> Storage:
    """The same storage with its mirror here, for a process that was sent one from elsewhere."""
    return replace(storage, folder=_mirrors() / storage.folder.name)


def check_bucket(config: SweepConfig, storage: Storage) -> None:
    """Raise UserError if the sweep needs a folder that all processes share, and has a bucket."""
    why = ""
    if config.scheduler.name == "pbt":
        why = "scheduler.name: pbt hands on the state of a training in the middle"
    elif any(resources.workers > 1 for resources in config.resources.each()):
        why = "resources: several workers train one network"
    if storage.remote and why:
        raise UserError(
            f"{why}, which takes a storage in a folder that all nodes share, but got "
            f"{storage.remote}"
        )


def _is_foreign(name: str) -> bool:
    return not name.startswith(PROBE_PREFIX)


def _mirrors() -> Path:
    default = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "idsweep" / "mirrors"
    return Path(os.path.abspath(Path(os.environ.get(MIRRORS) or default).expanduser()))
