"""Back up MLflow's tracking store with its artifacts, and restore it. PostgreSQL or SQLite.

    python deploy/tracking_backup.py backup FOLDER [--keep 14]
    python deploy/tracking_backup.py restore FOLDER/2026-01-31T03-30-00Z

Where things are comes from the server's own environment: MLFLOW_BACKEND_STORE_URI,
MLFLOW_ARTIFACTS_DESTINATION (a folder or s3://), MLFLOW_AUTH_CONFIG_PATH (users, if their database
is another), libpq's PG* and AWS's variables; or from --store and --artifacts.

The server may run during a backup. The database is read first, in one transaction, and then the
artifacts: so each run of the copy has its artifacts; some of a later run may be there as well. A
restore goes into an empty database and an empty place for artifacts, with the server stopped.

A backup is a folder, sealed by its manifest: until that is written it has another name. It holds
what the store holds, password hashes among it, so nobody but its owner may read it.
"""

from __future__ import annotations

import argparse
import configparser
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from pyarrow import fs

MANIFEST = "manifest.json"
UNFINISHED = ".unfinished-"
BLOCK = 1 << 20
POSTGRES_PLACES = "usr/lib/postgresql/*/bin"


class BackupError(Exception):
    """What the operator can mend, in one line."""


@dataclass(frozen=True)
class Sqlite:
    """A database that is a file."""

    path: Path

    name = "sqlite"

    def dump(self, target: Path) -> None:
        if not self.path.is_file():
            raise BackupError(f"there is no SQLite file at {self.path}: check the store's URI")
        # SQLite's own copy: whole, whatever is written meanwhile.
        with closing(sqlite3.connect(self.path)) as here, closing(sqlite3.connect(target)) as copy:
            here.backup(copy)

    def check_empty(self) -> None:
        if self.path.exists():
            raise BackupError(f"{self.path} exists: move it away before a restore")

    def restore(self, source: Path) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{UNFINISHED}{self.path.name}")
        shutil.copyfile(source, temporary)
        temporary.replace(self.path)


@dataclass(frozen=True)
class Postgres:
    """A database of a server; `variables` are libpq's, so that no password is in `ps`."""

    variables: tuple[tuple[str, str], ...]

    name = "postgresql"

    def dump(self, target: Path) -> None:
        self._run("pg_dump", "--format=custom", "--no-owner", f"--file={target}")

    def check_empty(self) -> None:
        sql = "select count(*) from pg_tables where schemaname = 'public'"
        found = self._run("psql", "--no-psqlrc", "--tuples-only", "--no-align", f"--command={sql}")
        if found.strip() != "0":
            raise BackupError(
                f"the database has {found.strip()} tables: restore into an empty one (dropdb, "
                "createdb)"
            )

    def restore(self, source: Path) -> None:
        # One transaction: all of it or nothing.
        options = ("--no-owner", "--exit-on-error", "--single-transaction")
        database = dict(self.variables).get("PGDATABASE") or os.environ.get("PGDATABASE", "mlflow")
        self._run("pg_restore", *options, f"--dbname={database}", str(source))

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [_postgres_program(program), *arguments],
            env={**os.environ, **dict(self.variables)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines() or ["no reason given"]
            raise BackupError(f"{program}: {lines[-1]}")
        return done.stdout


Database = Sqlite | Postgres


def database_of(uri: str) -> Database:
    """The database that an SQLAlchemy URI names."""
    parts = urlsplit(uri)
    kind = parts.scheme.partition("+")[0]
    if kind == "sqlite":
        return Sqlite(Path(uri.partition(":///")[2]).absolute())
    if kind != "postgresql":
        raise BackupError(f"a store is sqlite:///... or postgresql://..., but this begins {kind!r}")
    given = {
        "PGHOST": parts.hostname,
        "PGPORT": str(parts.port) if parts.port else None,
        "PGUSER": unquote(parts.username) if parts.username else None,
        "PGPASSWORD": unquote(parts.password) if parts.password else None,
        "PGDATABASE": parts.path.lstrip("/"),
    }
    return Postgres(tuple((name, value) for name, value in given.items() if value))


def databases(store: str) -> dict[str, Database]:
    """The store's, and that of users if it is another."""
    found = {"store": database_of(store)}
    ini = os.environ.get("MLFLOW_AUTH_CONFIG_PATH")
    if ini:
        config = configparser.ConfigParser()
        config.read(ini)
        users = database_of(config.get("mlflow", "database_uri", fallback=store))
        if users != found["store"]:
            found["users"] = users
    return found


def artifacts_of(place: str) -> tuple[Any, str]:
    """The file system and the root of artifacts."""
    if not place.startswith("s3://"):
        return fs.LocalFileSystem(), str(Path(place.removeprefix("file://")).absolute())
    options: dict[str, Any] = {}
    endpoint = os.environ.get("MLFLOW_S3_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        scheme, _, host = endpoint.partition("://")
        options = {"scheme": scheme, "endpoint_override": host}
        options["region"] = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    return fs.S3FileSystem(**options), place.removeprefix("s3://").rstrip("/")


def list_files(filesystem: Any, root: str) -> Iterator[str]:
    """Paths below the root, in order."""
    chosen = fs.FileSelector(root, recursive=True, allow_not_found=True)
    for info in sorted(filesystem.get_file_info(chosen), key=lambda info: info.path):
        if info.type == fs.FileType.File:
            yield info.path.removeprefix(root).lstrip("/")


def copy_file(from_fs: Any, source: str, to_fs: Any, target: str) -> str:
    """Returns the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    if isinstance(to_fs, fs.LocalFileSystem):
        Path(target).parent.mkdir(parents=True, exist_ok=True)
    with from_fs.open_input_stream(source) as reading, to_fs.open_output_stream(target) as writing:
        while block := reading.read(BLOCK):
            digest.update(block)
            writing.write(block)
    return digest.hexdigest()


def back_up(folder: Path, store: str, artifacts: str, keep: int | None) -> Path:
    """Copy everything into a new folder below `folder`; returns it."""
    name = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    target, unfinished = folder / name, folder / f"{UNFINISHED}{name}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if target.exists():
        raise BackupError(f"{target} exists: there was a backup within this second")
    unfinished.mkdir(mode=0o700)
    files, kinds = {}, {}
    for what, database in databases(store).items():
        kinds[what] = database.name
        database.dump(unfinished / what)
        files[what] = _digest(unfinished / what)
    filesystem, root = artifacts_of(artifacts)
    for path in list_files(filesystem, root):
        here = unfinished / "artifacts" / path
        files[f"artifacts/{path}"] = copy_file(
            filesystem, f"{root}/{path}", fs.LocalFileSystem(), str(here)
        )
    manifest = json.dumps({"databases": kinds, "files": files}, indent=1)
    (unfinished / MANIFEST).write_text(manifest + "\n")
    os.sync()
    unfinished.rename(target)
    if keep:
        whole = sorted(path.parent for path in folder.glob(f"[0-9]*/{MANIFEST}"))
        for old in whole[:-keep]:
            shutil.rmtree(old)
    return target


def restore(backup: Path, store: str, artifacts: str) -> int:
    """Put a backup back; returns how many artifacts there were. Nothing is overwritten."""
    if not (backup / MANIFEST).is_file():
        raise BackupError(f"{backup} is no whole backup: it has no {MANIFEST}")
    manifest = json.loads((backup / MANIFEST).read_text())
    for name, digest in manifest["files"].items():
        if ".." in PurePosixPath(name).parts or not (backup / name).is_file():
            raise BackupError(f"{backup}: {name} is not there, so nothing was restored")
        if _digest(backup / name) != digest:
            raise BackupError(f"{backup}: {name} was changed since, so nothing was restored")
    targets = databases(store)
    for what, kind in manifest["databases"].items():
        if what not in targets or targets[what].name != kind:
            there = targets[what].name if what in targets else "none"
            raise BackupError(f"the backup's {what} is of {kind}, but the server's is {there}")
    filesystem, root = artifacts_of(artifacts)
    if next(list_files(filesystem, root), None) is not None:
        raise BackupError(f"{artifacts} is not empty: move it away before a restore")
    for what in manifest["databases"]:
        targets[what].check_empty()
    # Artifacts first: a run that can be seen has them.
    paths = [name for name in manifest["files"] if name.startswith("artifacts/")]
    for name in paths:
        to = f"{root}/{name.removeprefix('artifacts/')}"
        copy_file(fs.LocalFileSystem(), str(backup / name), filesystem, to)
    for what in manifest["databases"]:
        targets[what].restore(backup / what)
    return len(paths)


def _postgres_program(name: str) -> str:
    found = shutil.which(name)
    places = sorted(Path("/").glob(f"{POSTGRES_PLACES}/{name}"))
    if not found and not places:
        raise BackupError(f"{name} is not installed: apt-get install postgresql-client")
    return found or str(places[-1])


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """Exits with 2, and one line, for what the operator can mend."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("action", choices=("backup", "restore"))
    parser.add_argument("folder", type=Path, help="of all backups; for restore, one backup")
    parser.add_argument("--store", default=os.environ.get("MLFLOW_BACKEND_STORE_URI"))
    parser.add_argument("--artifacts", default=os.environ.get("MLFLOW_ARTIFACTS_DESTINATION"))
    parser.add_argument("--keep", type=int, help="so many whole backups stay, the newest")
    given = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        if not given.store or not given.artifacts:
            raise BackupError(
                "which store, and which artifacts? Set MLFLOW_BACKEND_STORE_URI and "
                "MLFLOW_ARTIFACTS_DESTINATION, or give --store and --artifacts"
            )
        if given.action == "backup":
            if given.keep is not None and given.keep < 1:
                raise BackupError(f"--keep must be at least 1, but got {given.keep}")
            print(back_up(given.folder, given.store, given.artifacts, given.keep))
        else:
            count = restore(given.folder, given.store, given.artifacts)
            print(f"restored {given.folder}, with {count} artifacts")
    except (BackupError, OSError, sqlite3.Error) as error:
        print(f"tracking_backup.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
