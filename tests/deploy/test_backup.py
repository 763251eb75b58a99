"""Back up, destroy, restore: the runs are the same. Real databases, object store and server."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from sweep.outcome import track_sweep
from sweep.paths import open_storage
from sweep.progress import SilentProgress
from sweep.tracking import connect, search_runs
from tests.deploy.files import DEPLOY, compose
from tests.sweep.mlflow_contents import everything
from tests.sweep.mlflow_servers import START_SECONDS, MlflowServer, free_port, postgres

SCRIPT = DEPLOY / "tracking_backup.py"


def call(*arguments, **environment):
    return subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def succeed(*arguments, **environment):
    done = call(*arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def refuse(match, *arguments, **environment):
    done = call(*arguments, **environment)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert match in done.stderr
    assert done.stderr.count("\n") == 1


def artifact_bytes(uri, experiment, folder):
    """Every file of every run, by name."""
    client = connect(uri)
    runs = search_runs(client, client.get_experiment_by_name(experiment).experiment_id)
    found = {}
    for run in runs:
        target = folder / run.info.run_id
        target.mkdir(parents=True)
        client.download_artifacts(run.info.run_id, "", str(target))
        files = [path for path in sorted(target.rglob("*")) if path.is_file()]
        found |= {str(path.relative_to(folder)): path.read_bytes() for path in files}
    return found


def few_of(finished, folder):
    """A storage with four trials of the finished sweep, not tracked yet."""
    source = finished.results.work.storage.folder
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("mlflow*"))
    for trial in sorted((folder / "sweeps" / "tiny" / "trials").iterdir())[4:]:
        shutil.rmtree(trial)
    return open_storage(folder, create=False)


@pytest.fixture(scope="module")
def copied(finished, tmp_path_factory):
    """Tracked in SQLite and a folder. Who destroys artifacts restores them."""
    storage = few_of(finished, tmp_path_factory.mktemp("copied") / "storage")
    track_sweep(storage, "tiny", "embedded", SilentProgress())
    return storage


def test_sqlite_is_the_same_after_a_restore(copied, tmp_path):
    where = ("--store", copied.tracking_uri, "--artifacts", copied.artifacts)
    before = everything(copied.tracking_uri)
    files = artifact_bytes(copied.tracking_uri, "tiny", tmp_path / "before")
    assert len(files) >= 8
    backup = succeed("backup", tmp_path / "backups", *where)
    refuse("exists", "restore", backup, *where[:2], "--artifacts", tmp_path / "nowhere")
    # This process may still hold the old file open, so another is restored: it is read for sure.
    again = ("--store", f"sqlite:///{tmp_path / 'again.db'}", *where[2:])
    refuse("is not empty", "restore", backup, *again)
    shutil.rmtree(copied.artifacts)
    assert f"{len(files)} artifacts" in succeed("restore", backup, *again)
    assert everything(again[1]) == before
    assert artifact_bytes(again[1], "tiny", tmp_path / "after") == files
    for path in [tmp_path / "backups", *(tmp_path / "backups").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_backup_amid_writing_is_whole(copied, tmp_path):
    """SQLite's own copy: what a plain copy of the file would tear."""
    client = connect(copied.tracking_uri)
    run = client.create_run(client.get_experiment_by_name("tiny").experiment_id)
    ended = threading.Event()

    def write():
        step = 0
        while not ended.is_set():
            client.log_metric(run.info.run_id, "step", step, step=step)
            step += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backup = succeed(
            "backup", tmp_path, "--store", copied.tracking_uri, "--artifacts", copied.artifacts
        )
    finally:
        ended.set()
        writer.join()
    store = f"sqlite:///{tmp_path / 'again.db'}"
    succeed("restore", backup, "--store", store, "--artifacts", tmp_path / "artifacts")
    steps = [m.step for m in connect(store).get_metric_history(run.info.run_id, "step")]
    assert steps == list(range(len(steps)))


def test_old_backups_go_and_unfinished_ones_never_count(copied, tmp_path):
    folder = tmp_path / "backups"
    for day in ("2026-01-01T00-00-00Z", "2026-01-02T00-00-00Z"):
        (folder / day).mkdir(parents=True)
        (folder / day / "manifest.json").write_text("{}")
    (folder / ".unfinished-2026-01-03T00-00-00Z").mkdir()
    where = ("--store", copied.tracking_uri, "--artifacts", copied.artifacts)
    refuse("at least 1", "backup", folder, "--keep", "0", *where)
    backup = succeed("backup", folder, "--keep", "2", *where)
    left = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    assert left == ["2026-01-02T00-00-00Z", backup.rpartition("/")[2]]
    refuse("no whole backup", "restore", folder / ".unfinished-2026-01-03T00-00-00Z", *where)


@pytest.mark.parametrize("harm", ["changed", "gone", "outside"])
def test_a_backup_that_was_harmed_restores_nothing(copied, tmp_path, harm):
    where = ("--store", copied.tracking_uri, "--artifacts", copied.artifacts)
    backup = tmp_path / succeed("backup", tmp_path / "backups", *where)
    manifest = json.loads((backup / "manifest.json").read_text())
    name = min(name for name in manifest["files"] if name.startswith("artifacts/"))
    if harm == "changed":
        (backup / name).write_bytes(b"other")
    elif harm == "gone":
        (backup / name).unlink()
    else:
        (tmp_path / "backups" / "evil").write_bytes(b"evil")
        manifest["files"]["artifacts/../../evil"] = "0" * 64
        (backup / "manifest.json").write_text(json.dumps(manifest))
    target = tmp_path / "restored"
    refuse(
        "nothing was restored",
        *("restore", backup, "--store", f"sqlite:///{target}/mlflow.db"),
        *("--artifacts", target / "artifacts"),
    )
    assert not target.exists()


def test_mistakes_are_one_line_without_secrets(tmp_path):
    refuse("MLFLOW_BACKEND_STORE_URI", "backup", tmp_path, MLFLOW_BACKEND_STORE_URI="")
    refuse(
        "there is no SQLite file",
        "backup",
        tmp_path / "b",
        "--store",
        "sqlite:///no",
        "--artifacts",
        "a",
    )
    done = call("backup", tmp_path / "c", "--store", "mysql://u:hunter2@h/d", "--artifacts", "a")
    assert done.returncode == 2
    assert "hunter2" not in done.stderr
    refuse(
        "pg_dump",
        *("backup", tmp_path / "d", "--artifacts", "a"),
        *("--store", f"postgresql://u:hunter2@127.0.0.1:{free_port()}/d"),
    )


def answers(endpoint):
    with suppress(requests.RequestException):
        return requests.get(endpoint, timeout=5).ok
    return False


@contextmanager
def objects(folder):
    """An object store that speaks S3, on loopback; it forgets all when it ends."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(endpoint):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield endpoint
    finally:
        process.terminate()
        process.wait(30)


def test_the_server_of_the_compose_file_comes_back_whole(finished, tmp_path, monkeypatch):
    """Its own command and environment, on PostgreSQL and an object store: all but containers."""
    made, text = compose()
    service = yaml.safe_load(text)["services"]["mlflow"]
    environment = {name: str(value) for name, value in service["environment"].items()}
    environment["MLFLOW_AUTH_CONFIG_PATH"] = str(DEPLOY / "mlflow" / "auth.ini")
    for name, value in (("USERNAME", "admin"), ("PASSWORD", made["MLFLOW_AUTH_ADMIN_PASSWORD"])):
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    storage = few_of(finished, tmp_path / "storage")
    with postgres() as database, objects(tmp_path) as endpoint:
        place = urlsplit(database.uri)
        environment |= {"PGHOST": place.hostname, "PGPORT": str(place.port)}
        environment |= {"PGDATABASE": "postgres", "MLFLOW_S3_ENDPOINT_URL": endpoint}
        make_bucket(environment)
        environment["MLFLOW_SERVER_ALLOWED_HOSTS"] = "127.0.0.1:*"
        server = MlflowServer(
            tmp_path,
            environment["MLFLOW_BACKEND_STORE_URI"],
            *("--app-name", "basic-auth"),
            artifacts=environment["MLFLOW_ARTIFACTS_DESTINATION"],
            environment=environment,
        )
        try:
            server.start()
            track_sweep(storage, "tiny", server.uri, SilentProgress())
            before = everything(server.uri)
            files = artifact_bytes(server.uri, "tiny", tmp_path / "before")
            assert len(files) >= 8
            backup = succeed("backup", tmp_path / "backups", **environment)
            server.kill()
            refuse(
                "tables: restore into an empty one",
                "restore",
                backup,
                **{**environment, "MLFLOW_ARTIFACTS_DESTINATION": str(tmp_path / "nowhere")},
            )
            destroy(database.uri, environment)
            succeed("restore", backup, **environment)
            server.start()
            assert everything(server.uri) == before
            assert artifact_bytes(server.uri, "tiny", tmp_path / "after") == files
        finally:
            server.kill()
    log = (tmp_path / "server.log").read_bytes()
    for name in ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "MLFLOW_AUTH_ADMIN_PASSWORD"):
        assert made[name].encode() not in log


def make_bucket(environment):
    """Twice is the same as once."""
    for _ in range(2):
        subprocess.run(
            [sys.executable, DEPLOY / "mlflow" / "make_bucket.py"],
            env={**os.environ, **environment},
            check=True,
        )


def destroy(uri, environment):
    """Drop all that the server holds."""
    import boto3
    import psycopg2

    connection = psycopg2.connect(uri.replace("+psycopg2", ""))
    with connection, connection.cursor() as cursor:
        cursor.execute("drop schema public cascade; create schema public")
    connection.close()
    client = boto3.client(
        "s3",
        endpoint_url=environment["MLFLOW_S3_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
    )
    for found in client.list_objects_v2(Bucket="mlflow")["Contents"]:
        client.delete_object(Bucket="mlflow", Key=found["Key"])
