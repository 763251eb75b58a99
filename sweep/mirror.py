"""A storage in a bucket: every process works in a folder of its machine, its mirror.

What is sealed is sent when it is whole, files first and manifest last, so the bucket holds whole
outputs too, or none. Names in the bucket are those below the storage's folder. Looking at a sweep
needs no weights and no images, so these are fetched only by who asks for a folder whole.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from sweep.bucket import Bucket
from sweep.errors import SealError
from sweep.paths import Storage, SweepPaths, TrialPaths
from sweep.sealing import MANIFEST, TEMPORARY_PREFIX, file_digest, is_sealed

HEAVY = (".safetensors", ".arrow", ".pt")  # weights and images
READ = (".json", ".yaml")  # of the files made anew each time, what a later run reads
PARALLEL = 16  # files on their way at a time
# Made and used on one machine: names of files and folders in a sweep, and how they begin.
STAYS_HERE = ("lock", "tune")
BEGIN_HERE = ("activations-", "scratch-", TEMPORARY_PREFIX)


class Mirror(Protocol):
    """What passes between a storage and the processes that work in it."""

    def fetch(self, folder: Path, *, whole: bool = False) -> None:
        """Bring a sealed folder here, if it is sealed there; whole: also weights and images."""

    def send(self, folder: Path) -> None:
        """Send a sealed folder."""

    def fetch_all(self, folder: Path) -> set[str]:
        """Bring all here that lies below a folder, without weights and images.

        Returns the names of all that is there.
        """

    def send_all(self, folder: Path) -> None:
        """Send what is sealed below a folder and isn't there, and the files of the folder itself.

        Of these, which are made anew each time, what isn't here any more is removed there.
        """

    def send_files(self, folder: Path) -> None:
        """Of that, only the files of the folder itself."""


class NoMirror:
    """For a storage in a folder that all see."""

    def fetch(self, folder: Path, *, whole: bool = False) -> None:
        pass

    def send(self, folder: Path) -> None:
        pass

    def fetch_all(self, folder: Path) -> set[str]:  # noqa: ARG002
        return set()

    def send_all(self, folder: Path) -> None:
        pass

    def send_files(self, folder: Path) -> None:
        pass


@dataclass(frozen=True)
class BucketMirror:
    """Between a bucket and this machine's folder of it."""

    root: Path
    bucket: Bucket

    def fetch(self, folder: Path, *, whole: bool = False) -> None:
        name = self._name(folder)
        if is_sealed(folder) and not (whole and _lacks(folder)):
            return
        there = self.bucket.list(name)
        if f"{name}/{MANIFEST}" in there:
            self._fetch_sealed(name, list(there), whole=whole)

    def send(self, folder: Path) -> None:
        if f"{self._name(folder)}/{MANIFEST}" not in self.bucket.list(self._name(folder)):
            self._send_sealed(folder)

    def fetch_all(self, folder: Path) -> set[str]:
        there = self.bucket.list(self._name(folder))
        groups: dict[str, list[str]] = defaultdict(list)
        for name in there:
            groups[name.rpartition("/")[0]].append(name)
        sealed = {group for group, names in groups.items() if f"{group}/{MANIFEST}" in names}
        plain = [
            name
            for group, names in groups.items()
            if group not in sealed and not _belongs_to_sealed(group)
            for name in names
            if name.endswith(READ)
        ]
        wanted = [group for group in sealed if not is_sealed(self.root / group)]
        with ThreadPoolExecutor(PARALLEL) as threads:
            # The results are asked for, so that an error is told.
            list(threads.map(lambda name: self.bucket.fetch(name, self.root / name), plain))
            list(threads.map(lambda g: self._fetch_sealed(g, groups[g], whole=False), wanted))
        return there

    def send_all(self, folder: Path) -> None:
        there = self.bucket.list(self._name(folder))
        self._send_all_sealed(folder, there)
        self._send_plain(folder, there)

    def send_files(self, folder: Path) -> None:
        self._send_plain(folder, self.bucket.list(self._name(folder), deep=False))

    def _send_plain(self, folder: Path, there: Iterable[str]) -> None:
        """Send a folder's own files, and remove there what isn't here any more."""
        here = {
            self._name(path)
            for path in folder.glob("*")
            if path.is_file() and not _stays(path.name)
        }
        for name in here:
            self.bucket.send(self.root / name, name)
        group = self._name(folder)
        for name in set(there) - here:
            if name.rpartition("/")[0] == group and name.endswith(READ):
                self.bucket.remove(name)

    def sync(self, paths: SweepPaths) -> None:
        """Make a sweep here and there the same, where no other process works on it.

        What is sealed is brought and sent. Of the files made anew each time the bucket's count:
        another machine may have made them later. A stop is sent where the bucket knows of none.
        """
        reported = _content(paths.reported)
        there = self.fetch_all(paths.folder)
        as_here = reported is not None and reported == _content(paths.reported)
        as_here = as_here and self._name(paths.reported) in there
        for path in paths.folder.glob("*"):
            kept = self._name(path) in there if path.name.endswith(READ) else as_here
            if path.is_file() and not kept and not _stays(path.name):
                path.unlink()
        self._send_all_sealed(paths.folder, there)
        for folder in paths.folder.glob("trials/*"):
            stopped = TrialPaths(folder).stopped
            if stopped.is_file() and self._name(stopped) not in there:
                self.bucket.send(stopped, self._name(stopped))

    def _send_all_sealed(self, folder: Path, there: set[str]) -> None:
        for manifest in folder.rglob(MANIFEST):
            below = manifest.relative_to(self.root)
            # The first two parts are the sweep's name, which may be any.
            if below.as_posix() not in there and not any(map(_stays, below.parts[2:])):
                self._send_sealed(manifest.parent)

    def _send_sealed(self, folder: Path) -> None:
        if _lacks(folder):
            return  # fetched without its weights, so it is there
        names = [path.name for path in folder.iterdir() if path.name != MANIFEST]
        for name in [*names, MANIFEST]:
            self.bucket.send(folder / name, self._name(folder / name))

    def _fetch_sealed(self, group: str, names: list[str], *, whole: bool) -> None:
        folder = self.root / group
        chosen = [name for name in names if whole or not name.endswith(HEAVY)]
        if is_sealed(folder):  # its weights or images are what it lacks
            for name in chosen:
                if not (self.root / name).is_file():
                    self.bucket.fetch(name, self.root / name)
            self._check(folder, group)
            return
        temporary = folder.parent / f"{TEMPORARY_PREFIX}{folder.name}-{uuid.uuid4().hex[:8]}"
        temporary.mkdir(parents=True)
        try:
            for name in chosen:
                self.bucket.fetch(name, temporary / name.rpartition("/")[2])
            self._check(temporary, group)
            try:
                temporary.rename(folder)
            except OSError:
                if not is_sealed(folder):
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        if whole and _lacks(folder):
            self._fetch_sealed(group, names, whole=True)

    def _check(self, folder: Path, group: str) -> None:
        """Raise SealError if a file that came in a folder is not the one that was sealed."""
        for name, expected in _manifest(folder)["files"].items():
            path = folder / name
            if not path.is_file():
                continue
            size, digest = os.stat(path).st_size, expected.get("sha256")
            if size != expected["bytes"] or (digest and file_digest(path) != digest):
                path.unlink()
                place = f"{self.bucket.uri}/{group}"
                raise SealError(
                    f"{place}/{name} is not what was sealed there: delete {place} and "
                    f"{self.root / group} and run the sweep again"
                )

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def mirror_of(storage: Storage) -> Mirror:
    """The mirror of a storage; one that does nothing where the storage is a folder."""
    return _bucket_mirror(storage) if storage.remote else NoMirror()


@lru_cache(maxsize=8)
def _bucket_mirror(storage: Storage) -> BucketMirror:
    return BucketMirror(storage.folder, Bucket.reach(storage.remote))


def fetch_trial(storage: Storage, paths: TrialPaths, *whole: Path) -> None:
    """Bring what is sealed of a trial here; `whole`: folders with all that is in them."""
    if storage.remote:
        mirror = _bucket_mirror(storage)
        there = mirror.fetch_all(paths.folder)
        if paths.failure.relative_to(storage.folder).as_posix() not in there:
            paths.failure.unlink(missing_ok=True)  # of an earlier try
        for folder in whole:
            mirror.fetch(folder, whole=True)


def sync_sweep(storage: Storage, paths: SweepPaths) -> None:
    """Bring a sweep here, and send what an interrupted process sealed here but didn't send.

    Its lock must be held.
    """
    if storage.remote:
        _bucket_mirror(storage).sync(paths)


def _stays(name: str) -> bool:
    """Whether a file or folder of a sweep is of this machine alone."""
    return name in STAYS_HERE or name.startswith(BEGIN_HERE)


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _belongs_to_sealed(group: str) -> bool:
    """Whether files of this folder are nothing without their manifest."""
    parts = group.split("/")
    return parts[0] == "data" or (parts[0] == "sweeps" and len(parts) > 4)


def _manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    return found


def _lacks(folder: Path) -> bool:
    """Whether files are missing that the manifest names."""
    return any(not (folder / name).is_file() for name in _manifest(folder)["files"])
