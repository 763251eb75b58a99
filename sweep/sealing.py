"""Sealed or absent: how every output of a sweep reaches the disk.

An output is a folder of files with a `manifest.json`. It is written under a temporary
name beside its place, synced, and renamed into place with the manifest written last. A
reader therefore finds a whole output or none, whatever was killed when.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweep.errors import SealError, UserError

MANIFEST = "manifest.json"
TEMPORARY_PREFIX = ".writing-"


@contextmanager
def seal(folder: Path, *, durable: bool = True, **facts: Any) -> Iterator[Path]:
    """Write an output: yields a temporary folder; on leaving, it is sealed as `folder`.

    durable: whether to wait until the disk has it, and to keep digests; without, it
        outlives a killed process but perhaps not the machine: for what can be made again.
    facts: JSON values kept in the manifest, readable by `read_manifest`. A dictionary among
        them may still be filled inside: the manifest is written last.

    An exception inside leaves nothing behind. If someone else sealed the same folder in
    the meantime, theirs stays: what is sealed never changes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.parent / f"{TEMPORARY_PREFIX}{folder.name}-{uuid.uuid4().hex[:8]}"
    temporary.mkdir()
    try:
        yield temporary
        files: dict[str, dict[str, Any]] = {}
        for path in sorted(temporary.iterdir()):
            files[path.name] = {"bytes": path.stat().st_size}
            if durable:
                files[path.name]["sha256"] = file_digest(path)
                _sync(path)
        facts |= {"host": platform.node(), "files": files}
        manifest = json.dumps(facts, indent=1, sort_keys=True)
        (temporary / MANIFEST).write_text(manifest + "\n")
        if durable:
            _sync(temporary / MANIFEST)
            _sync(temporary)
        try:
            temporary.rename(folder)
        except OSError:
            if not is_sealed(folder):
                raise
        if durable:
            _sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def is_sealed(folder: Path) -> bool:
    """Whether `folder` holds a whole output."""
    return (folder / MANIFEST).is_file()


def read_manifest(folder: Path, *, whole: bool = True) -> dict[str, Any]:
    """The manifest of a sealed folder.

    whole: whether the files that it names must be there; the mirror of a bucket may lack some.

    Raises SealError if there is none, or if a file it names is gone or of another size.
    """
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise SealError(f"{folder} is not sealed ({error}): run the sweep again") from error
    for name, expected in manifest["files"].items() if whole else ():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size != expected["bytes"]:
            raise SealError(
                f"{path} must have {expected['bytes']} bytes, but has "
                f"{'none' if size is None else size}: delete {folder} and run the sweep again"
            )
    return manifest


def write_file(path: Path, content: str | bytes) -> None:
    """Replace one file whole: for outputs that are made anew each time, such as a report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f"{TEMPORARY_PREFIX}{path.name}-{uuid.uuid4().hex[:8]}"
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        _sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_output(path: Path, *suffixes: str) -> None:
    """Raise UserError unless a file that the user asks for can be made, before any work."""
    if path.suffix not in suffixes:
        raise UserError(f"the output must end in {' or '.join(suffixes)}, but got {str(path)!r}")
    if not path.absolute().parent.is_dir():
        raise UserError(f"the folder {path.absolute().parent} does not exist: make it first")
    if path.is_dir():
        raise UserError(f"{path} can't be written (it is a folder): choose another")
    try:
        # A file system may refuse where the mode bits allow (read-only mounts, root), so try.
        with tempfile.TemporaryFile(prefix=TEMPORARY_PREFIX, dir=path.absolute().parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def write_output(path: Path, content: str | bytes) -> None:
    """Write a file that the user asked for; raises UserError if that can't be done."""
    try:
        write_file(path, content)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} can't be written ({error.strerror}): choose another")


def remove_unfinished(folder: Path, older_than: float = 0.0) -> int:
    """Delete what killed writers left below `folder`; returns how many there were.

    older_than: seconds, by the clock of the file system; where others may be writing, spare
        what is younger.
    """
    latest = _time_of(folder) - older_than if older_than else math.inf
    count = 0
    for path in list(folder.rglob(f"{TEMPORARY_PREFIX}*")):
        with suppress(FileNotFoundError):  # its writer may be done with it just now
            if _last_change(path) <= latest:
                count += 1
                _remove(path)
    return count


def _last_change(path: Path) -> float:
    """When a file was written last, or anything in a folder."""
    inside = path.rglob("*") if path.is_dir() else ()
    times: list[float] = [one.lstat().st_mtime for one in (path, *inside)]
    return max(times)


def _remove(path: Path) -> None:
    """Delete a file or a folder that someone may still be writing.

    A folder gets another name first: its writer may outlive the driver by seconds, and must
    not seal what is half deleted.
    """
    if not path.is_dir():
        path.unlink()
        return
    renamed = path.parent / f"{TEMPORARY_PREFIX}removed-{uuid.uuid4().hex[:8]}"
    path.rename(renamed)
    shutil.rmtree(renamed, ignore_errors=True)


def _time_of(folder: Path) -> float:
    """Now, by the clock that dates files in `folder`: this machine's may differ, or jump."""
    with tempfile.NamedTemporaryFile(prefix=TEMPORARY_PREFIX, dir=folder) as file:
        return os.stat(file.name).st_mtime


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_key(content: Any, length: int = 12) -> str:
    """A key for JSON content: equal content, equal key, whatever the order of its keys."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
