"""Servers for the machines of a test, at the hub: S3, and MLflow with PostgreSQL behind it."""

import os
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.nodes.cluster import HUB
from tests.sweep.mlflow_servers import postgres_programs, some_user

START_SECONDS = 120
DATABASE_PASSWORD = "database-password-0123"
PASSWORD = "tracking-password-0123"
SECRET = "bucket-secret-0123"
ADDRESS = "10.77.0.254"
S3 = f"http://{ADDRESS}:9000"
MLFLOW = f"http://{ADDRESS}:5000"
# What a process on any node is given to reach the bucket.
S3_SETTINGS = {
    "AWS_ENDPOINT_URL": S3,
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_REGION": "us-east-1",
}
TRACKING_SETTINGS = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": PASSWORD}


@contextmanager
def serving(machines, name, command, ready, **options):
    """A server at the hub, until the block is left; `ready` is a URL that it answers."""
    path = machines.folder / f"{name}.log"
    with path.open("w") as log:
        server = machines.popen(HUB, command, stdout=log, stderr=log, **options)
    probe = f"import urllib.request; urllib.request.urlopen('{ready}', timeout=5)"
    try:
        deadline = time.monotonic() + START_SECONDS
        while machines.run(HUB, [sys.executable, "-S", "-c", probe], timeout=30).returncode:
            assert server.poll() is None, path.read_text()
            assert time.monotonic() < deadline, path.read_text()
            time.sleep(0.2)
        yield
    finally:
        server.kill()
        server.wait()


@contextmanager
def s3(machines, bucket):
    """A server that speaks S3, with one empty bucket."""
    command = [Path(sys.executable).parent / "moto_server", "-H", "0.0.0.0", "-p", "9000"]
    with serving(machines, "s3", command, f"{S3}/moto-api/"):
        make = "from pyarrow import fs; import sys; fs.S3FileSystem(allow_bucket_creation=True, "
        make += "endpoint_override=sys.argv[1], region='us-east-1').create_dir(sys.argv[2])"
        done = machines.run(HUB, [sys.executable, "-c", make, S3, bucket], env=S3_SETTINGS)
        assert done.returncode == 0, done.stderr
        yield


@contextmanager
def mlflow(machines):
    """MLflow that asks for a password, hands artifacts on, and keeps its runs in PostgreSQL.

    No password stands on a command line.
    """
    programs = postgres_programs()
    with tempfile.TemporaryDirectory(prefix="idsweep-postgres-") as folder:
        data = Path(folder)
        (data / "password").write_text(DATABASE_PASSWORD)
        as_user = []
        if os.geteuid() == 0:  # which PostgreSQL refuses to be
            for path in (data, data / "password"):
                shutil.chown(path, some_user())
            as_user = ["setpriv", f"--reuid={some_user()}", "--regid=nogroup", "--clear-groups"]
        begin = [programs / "initdb", "-D", data / "db", "-U", "mlflow", "-A", "scram-sha-256"]
        begin += [f"--pwfile={data / 'password'}", "--no-sync"]
        done = machines.run(HUB, [*as_user, *begin], cwd=folder)
        assert done.returncode == 0, done.stderr
        run = [programs / "postgres", "-D", data / "db", "-c", "listen_addresses=127.0.0.1"]
        run += ["-c", "fsync=off", "-c", f"unix_socket_directories={data}"]
        with (machines.folder / "postgres.log").open("w") as log:
            database = machines.popen(HUB, [*as_user, *run], cwd=folder, stdout=log, stderr=log)
        try:
            _wait_for_database(machines, database)
            command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
            command += ["--host", ADDRESS, "--port", "5000", "--workers", "1", "--serve-artifacts"]
            own = machines.folder / "mlflow"
            own.mkdir()
            command += ["--artifacts-destination", own / "artifacts"]
            uri = f"postgresql+psycopg2://mlflow:{DATABASE_PASSWORD}@127.0.0.1/postgres"
            settings = {
                "MLFLOW_BACKEND_STORE_URI": uri,
                "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "a" * 32,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            }
            with serving(
                machines, "mlflow", ["env", "-C", own, *command], f"{MLFLOW}/health", env=settings
            ):
                yield
        finally:
            with suppress(ProcessLookupError):
                database.kill()
            database.wait()


def _wait_for_database(machines, database):
    probe = "import os, psycopg2; psycopg2.connect(os.environ['DATABASE']).close()"
    uri = f"postgresql://mlflow:{DATABASE_PASSWORD}@127.0.0.1/postgres"
    deadline = time.monotonic() + START_SECONDS
    while machines.run(HUB, [sys.executable, "-c", probe], env={"DATABASE": uri}).returncode:
        assert database.poll() is None
        assert time.monotonic() < deadline
