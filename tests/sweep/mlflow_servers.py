"""Real MLflow servers for tests, and a door in front of one that can jam, lag or shut."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

POSTGRES_PLACES = "/usr/lib/postgresql/*/bin"
START_SECONDS = 120


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class MlflowServer:
    """`mlflow server` on loopback; it can be killed and started again on the same store."""

    def __init__(self, folder, store, *arguments, artifacts=None, environment=None):
        self.folder = folder
        self.port = free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        self._arguments = ["--backend-store-uri", store, *arguments]
        self._arguments += ["--artifacts-destination", artifacts or str(folder / "artifacts")]
        self._environment = environment or {}
        self._process = None

    def start(self):
        command = [sys.executable, "-m", "mlflow", "server", *self._arguments]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        environment = {
            **os.environ,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            **self._environment,
        }
        with (self.folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(requests.RequestException):
                if requests.get(f"{self.uri}/health", timeout=2).ok:
                    return self
            log = (self.folder / "server.log").read_text()
            assert self._process.poll() is None, log
            assert time.monotonic() < deadline, log
            time.sleep(0.2)

    def kill(self):
        """SIGKILL, with its workers: the group is its own."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
            self._process = None


class Door:
    """A port that leads to a server: open, slow, shut, or answering nobody.

    delay: seconds before each connection's answer. shut: connections are refused at once.
    swallow: so many requests that change something reach the server, but no answer comes back.
    """

    def __init__(self, port):
        self._to = port
        self.delay = 0.0
        self.shut = False
        self.swallow = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        self._ended = True
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(10)

    def _serve(self):
        while not self._ended:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client):
        with client, suppress(OSError):
            if self.shut:
                return
            with socket.create_connection(("127.0.0.1", self._to)) as server:
                while asked := _read_message(client):
                    server.sendall(asked)
                    answer = _read_message(server)
                    if self.swallow and b"/runs/create" in asked[:200]:
                        self.swallow -= 1
                        return
                    if self.shut:
                        return
                    time.sleep(self.delay)
                    client.sendall(answer)


def _read_message(connection):
    """One HTTP message with a Content-Length, or chunked; empty at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        got = connection.recv(65536)
        if not got:
            return b""
        data += got
    head, _, body = data.partition(b"\r\n\r\n")
    fields = head.lower()
    if b"transfer-encoding: chunked" in fields:
        while not body.endswith(b"0\r\n\r\n"):
            got = connection.recv(65536)
            if not got:
                break
            body += got
    elif b"content-length:" in fields:
        length = int(fields.split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            got = connection.recv(65536)
            if not got:
                break
            body += got
    return head + b"\r\n\r\n" + body


@contextmanager
def postgres():
    """A PostgreSQL of its own on loopback, run by a user who is not root."""
    # Another user can't look into pytest's own folders.
    with tempfile.TemporaryDirectory(prefix="idsweep-postgres-") as folder:
        database = Postgres(postgres_programs(), Path(folder))
        database.start()
        try:
            yield database
        finally:
            database.stop()


class Postgres:
    """uri: as SQLAlchemy takes it, the same after a restart."""

    def __init__(self, programs, folder):
        self._programs = programs
        self._folder = folder
        self._port = free_port()
        self.uri = f"postgresql+psycopg2://mlflow@127.0.0.1:{self._port}/postgres"
        self._as_user = []
        if os.geteuid() == 0:  # which PostgreSQL refuses to be
            user = some_user()
            shutil.chown(folder, user)
            self._as_user = ["setpriv", f"--reuid={user}", "--clear-groups", "--regid", "nogroup"]
        begin = [programs / "initdb", "-D", folder / "db", "-U", "mlflow", "-A", "trust"]
        done = subprocess.run(
            [*self._as_user, *begin, "-E", "UTF8", "--no-sync"],
            **self._place,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def _place(self):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self._folder)}
        return {"cwd": self._folder, "env": environment}

    def start(self):
        run = [self._programs / "postgres", "-D", self._folder / "db", "-c", f"port={self._port}"]
        run += ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        run += ["-c", f"unix_socket_directories={self._folder}"]
        path = self._folder / "log"
        with path.open("a") as log:
            self._process = subprocess.Popen(
                [*self._as_user, *run], **self._place, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.uri.replace("+psycopg2", "")):
            assert self._process.poll() is None, path.read_text()
            assert time.monotonic() < deadline, path.read_text()
            time.sleep(0.1)

    def stop(self):
        """End it at once, with what is asked of it just then; its files stay."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(60)


def _answers(uri):
    import psycopg2

    try:
        psycopg2.connect(uri).close()
    except psycopg2.OperationalError:
        return False
    return True


def postgres_programs():
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/").glob(POSTGRES_PLACES[1:]))
    for place in reversed(places):
        if (place / "initdb").is_file() and (place / "postgres").is_file():
            return place
    reason = "needs PostgreSQL's programs: apt-get install postgresql"
    if os.environ.get("IDSWEEP_ALL_TESTS"):
        pytest.fail(reason)
    pytest.skip(reason)


def some_user():
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)
