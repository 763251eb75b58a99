"""Files of a table data set, here or in a bucket."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pyarrow import fs

from sweep.data.local import lack
from sweep.errors import UserError, first_line

if TYPE_CHECKING:
    from sweep.config import DataConfig
    from sweep.config.data import StorageOptions

# Seconds: a server that isn't there is told of soon; a slow one may take its time.
CONNECT_SECONDS = 10.0
REQUEST_SECONDS = 120.0


@dataclass(frozen=True)
class StoredFiles:
    """Files of one file system. paths: sorted. root: what they are all below."""

    filesystem: Any
    root: str
    paths: list[str]

    @property
    def local(self) -> bool:
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def short(self, path: str) -> str:
        """A path as a message shows it: below the root."""
        return path.removeprefix(self.root).lstrip("/") or path.rpartition("/")[2]


def list_files(config: DataConfig, endings: Sequence[str]) -> StoredFiles:
    """The file at `data.path`, or all files below it that end so.

    Names that begin with "." or "_" are passed over, as Spark and others mark their own.

    Raises UserError if there are none, or the place can't be reached.
    """
    where = config.path or ""
    try:
        filesystem, root = reach(where, config.storage_options)
        info = filesystem.get_file_info(root)
        if info.type == fs.FileType.File:
            return StoredFiles(filesystem, root.rpartition("/")[0], [root])
        entries = filesystem.get_file_info(
            fs.FileSelector(root, recursive=True, allow_not_found=True)
        )
    except (OSError, ValueError) as error:
        raise _unreachable(where, error) from error
    paths = sorted(
        entry.path
        for entry in entries
        if entry.type == fs.FileType.File
        and entry.path.lower().endswith(tuple(endings))
        and not any(
            part.startswith((".", "_")) for part in entry.path.removeprefix(root).split("/")
        )
    )
    if not paths:
        endings_in_words = " or ".join(endings)
        problem = f"no file ending in {endings_in_words}" if entries else "nothing"
        raise lack(config, f"there is {problem} at {where}")
    return StoredFiles(filesystem, root, paths)


def reach(where: str, options: StorageOptions, key: str = "data.path") -> tuple[Any, str]:
    """The file system, and the path in it. key: what the user named `where` by."""
    if "://" not in where:
        return fs.LocalFileSystem(), where
    parts = urlsplit(where)
    endpoint = options.endpoint_override or _endpoint_of_environment()
    if "@" in parts.netloc or "secret" in parts.query or "@" in (endpoint or ""):
        # Not shown: what stands there is a secret.
        raise UserError(
            f"{key}: credentials don't belong into a path or an endpoint: leave them to the "
            "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or a role)"
        )
    if parts.scheme != "s3" or parts.query:
        filesystem, path = fs.FileSystem.from_uri(where)
        return filesystem, path
    chosen: dict[str, Any] = {"anonymous": True} if options.anonymous else {}
    region = options.region or os.environ.get("AWS_REGION", os.environ.get("AWS_DEFAULT_REGION"))
    if endpoint:
        scheme, found, host = endpoint.rpartition("://")
        chosen |= {"endpoint_override": host, "scheme": scheme if found else "https"}
        region = region or "us-east-1"
    if region:
        chosen["region"] = region
    filesystem = fs.S3FileSystem(
        connect_timeout=CONNECT_SECONDS, request_timeout=REQUEST_SECONDS, **chosen
    )
    return filesystem, f"{parts.netloc}{parts.path}".rstrip("/")


def _endpoint_of_environment() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def _unreachable(where: str, error: Exception) -> UserError:
    if isinstance(error, UserError):
        return error
    says = first_line(error)
    return UserError(
        f"data.path: {where} can't be reached ({says}): check the path, "
        "data.storage_options and the credentials in the environment"
    )
