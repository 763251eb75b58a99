"""The MLflow store inside a storage: one SQLite file, made and opened here."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sweep.errors import UserError
from sweep.paths import Storage
from sweep.sealing import TEMPORARY_PREFIX
from sweep.tracking.store import connect, prepare_mlflow
from sweep.tracking.views import TRIALS_TAG, trials_link

# A write-ahead log is shared through memory, so all who open the file must be on one machine.
LOCAL_FILE_SYSTEMS = ["btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs"]
MOUNTS = Path("/proc/mounts")
BUSY_SECONDS = 5.0
ENDING_SECONDS = 5.0  # for a server that was asked to end


def open_embedded(storage: Storage) -> None:
    """Make the storage's SQLite store if it isn't there, and prepare it for many writes.

    It is sealed or absent: its tables take seconds to make. On a disk of this machine it
    keeps a write-ahead log: one wait for the disk a commit instead of three, and pages may
    be read while a sweep writes.
    """
    if not storage.tracking_file.exists():
        _create(storage)
    if is_local(storage.folder):
        _keep_log(storage.tracking_file)
        _wait_less(storage.tracking_file)


def is_local(folder: Path) -> bool:
    """Whether a folder is on a disk of this machine; False where that can't be told."""
    try:
        mounts = [line.split(" ")[1:3] for line in MOUNTS.read_text().splitlines()]
    except OSError:
        return False
    resolved = folder.resolve()
    around = [(where, kind) for where, kind in mounts if resolved.is_relative_to(_unescape(where))]
    return bool(around) and max(around, key=lambda one: len(one[0]))[1] in LOCAL_FILE_SYSTEMS


def serve_ui(storage: Storage, port: int) -> int:
    """Serve the embedded store's MLflow pages on loopback until stopped; returns its exit code."""
    arguments = ["--backend-store-uri", storage.tracking_uri, "--host", "127.0.0.1"]
    arguments += ["--port", str(port), "--workers", "1"]
    environment = {"MLFLOW_DISABLE_TELEMETRY": "true", **os.environ}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    address = f"http://127.0.0.1:{port}"
    lines = [f"starting MLflow on {address}; Ctrl-C ends it"]
    lines += [f"  {name}: {address}/{link}" for name, link in first_links(storage).items()]
    print("\n".join(lines), flush=True)  # noqa: T201
    command = [sys.executable, "-m", "mlflow", "server", *arguments]
    # A group of its own: MLflow's server starts others, and all of them are to end with us.
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _end_group(server)


def _end_group(server: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started; what does not end when asked to is killed."""
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, kind)
        with suppress(subprocess.TimeoutExpired):
            server.wait(ENDING_SECONDS)


def first_links(storage: Storage) -> dict[str, str]:
    """Of each sweep in the store, where its table of trials is on MLflow's pages."""
    if not storage.tracking_file.exists():
        return {}
    found = connect(storage.tracking_uri).search_experiments()
    return {
        experiment.name: trials_link(experiment.experiment_id)
        for experiment in sorted(found, key=lambda one: str(one.name))
        if TRIALS_TAG in experiment.tags
    }


def _create(storage: Storage) -> None:
    prepare_mlflow()
    from mlflow.exceptions import MlflowException
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    temporary = storage.folder / f"{TEMPORARY_PREFIX}mlflow-{uuid.uuid4().hex[:8]}.db"
    try:
        store = SqlAlchemyStore(f"sqlite:///{temporary}", storage.artifacts.as_uri())
        store.search_experiments()
        store.engine.dispose()  # or it would keep a file open that has another name by then
        _put(temporary, storage.tracking_file)
    except MlflowException as error:
        raise UserError(
            f"MLflow's store can't be made in {storage.folder} ({str(error).splitlines()[0]}): "
            "make room, or choose another with --tracking-uri"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _put(temporary: Path, place: Path) -> None:
    """Give the new store its name, unless another sweep's driver was faster: its runs stay."""
    try:
        os.link(temporary, place)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        if not place.exists():
            temporary.rename(place)


def _keep_log(file: Path) -> None:
    """Turn the write-ahead log on; a file that is in use as it is stays so."""
    with (
        suppress(sqlite3.OperationalError),
        closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as connection,
    ):
        connection.execute("PRAGMA journal_mode=WAL")


def _wait_less(file: Path) -> None:
    """With a write-ahead log a commit needs no wait for the disk.

    A lost machine may cost the last commits, which `idsweep track` brings again; the file
    stays whole. SQLite keeps this setting per connection, so connections get it as they open.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not _RELAXED:
        event.listen(Engine, "connect", _relax)
    _RELAXED.add(str(file.resolve()))


_RELAXED: set[str] = set()  # files, as SQLite names them


def _relax(connection: Any, _: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        file = connection.execute("PRAGMA database_list").fetchone()[2]
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode == "wal" and file in _RELAXED:
            connection.execute("PRAGMA synchronous=NORMAL")


def _unescape(mount: str) -> str:
    """A path as the kernel writes it: spaces and the like as octal numbers."""
    return mount.encode().decode("unicode_escape")
