"""A place in a bucket: files listed, sent, fetched and removed by their names below it."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pyarrow import fs

from sweep.diskspace import is_full
from sweep.errors import UserError, first_line
from sweep.sealing import TEMPORARY_PREFIX

PAUSES = (1.0, 4.0, 10.0)  # seconds between tries, for a bucket that is disturbed for a moment
DENIED = "ACCESS_DENIED"  # in what pyarrow says

P = ParamSpec("P")
R = TypeVar("R")


def _persistent(call: Callable[P, R]) -> Callable[P, R]:
    """Try again what failed in a way that may pass."""

    @wraps(call)
    def persistent(*args: P.args, **options: P.kwargs) -> R:
        for pause in PAUSES:
            try:
                return call(*args, **options)
            except UserError as error:
                if not _may_pass(error.__cause__):
                    raise
            time.sleep(pause)
        return call(*args, **options)

    return persistent


@dataclass(frozen=True)
class Bucket:
    """Files below a prefix. uri: as the user gave it. root: the prefix in the file system."""

    uri: str
    root: str
    filesystem: Any

    @classmethod
    @lru_cache(maxsize=8)  # finding out a bucket's region takes a request
    def reach(cls, uri: str) -> Bucket:
        """The place that a URI names, s3://BUCKET/PREFIX or gs://...

        Credentials come from the environment. Raises UserError if it can't be reached, or if
        the bucket does not exist.
        """
        from sweep.config.data import StorageOptions
        from sweep.data.filesystem import reach

        if not re.fullmatch(r"\w+://[^/]+(/.*)?", uri):
            raise UserError(f"--storage takes s3://BUCKET/PREFIX, but {uri!r} names no bucket")
        with _told(uri):
            filesystem, root = reach(uri, StorageOptions(), "--storage")
            bucket = root.partition("/")[0]
            if filesystem.get_file_info(bucket).type == fs.FileType.NotFound:
                raise UserError(f"storage {uri}: there is no bucket {bucket!r}: make it first")
        return cls(uri, root, filesystem)

    def list(self, name: str, *, deep: bool = True) -> set[str]:
        """Names of the files below one, or with `deep` off of those directly below."""
        return {path for path, kind in self._found(name, deep) if kind == fs.FileType.File}

    def folders(self, name: str) -> set[str]:
        """Names of the folders directly below one."""
        found = self._found(name, deep=False)
        return {path for path, kind in found if kind == fs.FileType.Directory}

    @_persistent
    def _found(self, name: str, deep: bool) -> Iterator[tuple[str, Any]]:
        place = f"{self.root}/{name}".rstrip("/")
        with _told(self.uri):
            found = self.filesystem.get_file_info(
                fs.FileSelector(place, recursive=deep, allow_not_found=True)
            )
        # A name is a path of this machine too: one that leads out of the mirror is nobody's here.
        return (
            (info.path.removeprefix(f"{self.root}/"), info.type)
            for info in found
            if ".." not in info.path.split("/")
        )

    @_persistent
    def send(self, path: Path, name: str) -> None:
        """Put a file of this machine there, whole."""
        with _told(self.uri):
            fs.copy_files(
                str(path),
                f"{self.root}/{name}",
                source_filesystem=fs.LocalFileSystem(),
                destination_filesystem=self.filesystem,
            )

    @_persistent
    def fetch(self, name: str, path: Path) -> None:
        """Bring a file here, whole, in place of what is there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.parent / f"{TEMPORARY_PREFIX}{path.name}-{uuid.uuid4().hex[:8]}"
        try:
            with _told(self.uri):
                fs.copy_files(
                    f"{self.root}/{name}",
                    str(temporary),
                    source_filesystem=self.filesystem,
                    destination_filesystem=fs.LocalFileSystem(),
                )
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    @_persistent
    def read(self, name: str) -> bytes | None:
        """The content of a small file; None: there is none."""
        with _told(self.uri):
            try:
                with self.filesystem.open_input_stream(f"{self.root}/{name}") as stream:
                    content: bytes = stream.read()
                    return content
            except FileNotFoundError:
                return None

    @_persistent
    def write(self, name: str, content: bytes) -> None:
        """Replace a small file."""
        with _told(self.uri), self.filesystem.open_output_stream(f"{self.root}/{name}") as stream:
            stream.write(content)

    @_persistent
    def changed(self, name: str) -> datetime | None:
        """When a file was written last, by the bucket's clock; None: there is none."""
        with _told(self.uri):
            found: datetime | None = self.filesystem.get_file_info(f"{self.root}/{name}").mtime
            return found

    @_persistent
    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        with _told(self.uri), suppress(FileNotFoundError):
            self.filesystem.delete_file(f"{self.root}/{name}")


def _may_pass(error: BaseException | None) -> bool:
    lasting = isinstance(error, FileNotFoundError | PermissionError) or DENIED in str(error)
    return isinstance(error, OSError) and not lasting and not is_full(error)


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """What goes wrong with a bucket, in one line."""
    try:
        yield
    except UserError:
        raise
    except (OSError, ValueError) as error:
        says = first_line(error)
        raise UserError(
            f"storage {uri} can't be used ({says}): check the name, AWS_ENDPOINT_URL and "
            "the credentials in the environment"
        ) from error
