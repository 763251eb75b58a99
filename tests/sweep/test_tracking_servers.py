"""MLflow over HTTP: slow, gone, killed, behind a password, on PostgreSQL; a full disk. All real."""

import resource
import shutil
import signal
import time
from contextlib import contextmanager

import pytest

from sweep.across import regress_across
from sweep.errors import UserError
from sweep.outcome import track_sweep
from sweep.paths import open_storage
from sweep.progress import PlainProgress, SilentProgress
from sweep.question import Question
from sweep.results import load_results, sealed_digests
from sweep.scalars import scalars
from sweep.tracking import (
    MlflowTracker,
    TrackingThread,
    background,
    connect,
    read_sealed,
    search_runs,
    track_trials,
)
from tests.sweep.mlflow_contents import everything
from tests.sweep.mlflow_servers import Door, MlflowServer, postgres

PROFILES = ("id/twonn", "relative_depth")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    server = MlflowServer(folder, f"sqlite:///{folder / 'server.db'}").start()
    yield server
    server.kill()


@pytest.fixture
def door(server):
    door = Door(server.port)
    yield door
    door.close()


@pytest.fixture
def sealed(finished, tmp_path, request):
    """The finished sweep under a name of this test's, so that a shared server keeps them apart."""
    folder = tmp_path / "copy"
    storage = finished.results.work.storage
    shutil.copytree(storage.folder, folder, ignore=shutil.ignore_patterns("mlflow*"))
    name = request.node.name.split("[")[0].removeprefix("test_")[:40].replace("_", "-")
    (folder / "sweeps" / "tiny").rename(folder / "sweeps" / name)
    plan = folder / "sweeps" / name / "sweep.json"
    plan.write_text(plan.read_text().replace('"name": "tiny"', f'"name": "{name}"'))
    return load_results(open_storage(folder, create=False), name)


@contextmanager
def tracking(sealed, uri, lines=None):
    work = sealed.work
    progress = SilentProgress() if lines is None else PlainProgress(lines.append)
    thread = TrackingThread(work, sealed.source, work.storage, uri, progress)
    try:
        yield thread
    finally:
        thread.stop()


def assert_whole(sealed, uri, extra=1):
    """Every trial once, whole, with its own numbers, each point once."""
    name = sealed.work.config.name
    held = everything(uri, name, PROFILES)
    assert len(held) == len(sealed.results) + extra
    trials = {row[5]["idsweep.trial"]: row for row in held.values() if "idsweep.trial" in row[5]}
    assert set(trials) == {result.trial.key for result in sealed.results}
    digests = sealed_digests(sealed)
    for result in sealed.results:
        _, status, _, _, _, tags, metrics, files = trials[result.trial.key]
        assert status == "FINISHED"
        assert tags["idsweep.rows"] == digests[result.trial.key]
        profile = [(r.layer_index, r.value) for r in result.rows if r.quantity == "id/twonn"]
        assert [(step, value) for step, _, value in metrics["id/twonn"]] == profile
        for scalar, found in scalars(result.rows).items():
            assert metrics[scalar] == found.value
        assert files == ["measurements.parquet", "profile.svg"]
    return held


def test_a_server_holds_what_sqlite_holds(sealed, server):
    storage, name = sealed.work.storage, sealed.work.config.name
    here = everything(track_sweep(storage, name, "embedded", SilentProgress()), name, PROFILES)
    track_sweep(storage, name, server.uri, SilentProgress())
    there = assert_whole(sealed, server.uri, extra=2)

    def sorted_rows(held):
        return sorted(repr(row) for row in held.values())

    assert sorted_rows(there) == sorted_rows(here)
    track_sweep(storage, name, None, SilentProgress())  # the server is remembered
    assert everything(server.uri, name, PROFILES) == there
    asked = [Question((name,)), Question((name,), tracking_uri="embedded")]
    served, embedded = (regress_across(question, storage) for question in asked)
    assert served.source == f"MLflow at {server.uri}"
    assert served.regression == embedded.regression


def test_a_slow_server_holds_up_nothing(sealed, server, door):
    door.delay = 0.1
    with tracking(sealed, door.uri) as thread:
        began = time.monotonic()
        for result in sealed.results[:6]:
            thread.submit(result.trial)
        assert time.monotonic() - began < 0.1
        assert thread.drain() == door.uri
    held = everything(server.uri, sealed.work.config.name, ())
    assert len(held) == 6 + 1


def test_answers_that_get_lost_double_nothing(sealed, server, door, monkeypatch):
    """The server makes a run, its answer is lost, and the client asks again."""
    monkeypatch.setattr(background, "FIRST_WAIT", 0.1)
    with tracking(sealed, door.uri) as thread:
        for number, result in enumerate(sealed.results):
            if number == 5:
                door.swallow = 4
            thread.submit(result.trial)
        assert thread.drain() == door.uri
    assert door.swallow == 0
    assert_whole(sealed, server.uri)


def test_a_server_that_comes_within_the_sweep_is_caught_up_with(sealed, server, door, monkeypatch):
    monkeypatch.setattr(background, "FIRST_WAIT", 0.1)
    door.shut = True
    lines = []
    with tracking(sealed, door.uri, lines) as thread:
        for result in sealed.results:
            thread.submit(result.trial)
        wait_for(lambda: any("tracking is off" in line for line in lines))
        door.shut = False
        wait_for(lambda: any("on again" in line for line in lines))
        assert thread.drain() == door.uri
    assert len([line for line in lines if "tracking is off" in line]) == 1
    assert_whole(sealed, server.uri)


def test_a_server_killed_amid_tracking_is_caught_up_with(sealed, server, monkeypatch):
    monkeypatch.setattr(background, "FIRST_WAIT", 0.2)
    lines = []
    with tracking(sealed, server.uri, lines) as thread:
        for result in sealed.results[:12]:
            thread.submit(result.trial)
        wait_for(lambda: len(runs_of(server.uri, sealed)) >= 3)
        server.kill()
        for result in sealed.results[12:]:
            thread.submit(result.trial)
        wait_for(lambda: any("tracking is off" in line for line in lines))
        server.start()
        assert thread.drain() == server.uri
    assert_whole(sealed, server.uri)


@contextmanager
def files_of_at_most(num_bytes):
    """As on a full disk, no file grows beyond so much; of this process."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_fills_up_amid_tracking_is_caught_up_with(sealed):
    storage, name = sealed.work.storage, sealed.work.config.name
    lines = []
    with tracking(sealed, None, lines) as thread:
        thread.submit(sealed.results[0].trial)
        wait_for(lambda: storage.tracking_file.exists() and len(runs_of(None, sealed)) > 1)
        full = max(path.stat().st_size for path in storage.folder.glob("mlflow.db*")) + 100_000
        with files_of_at_most(full):
            for result in sealed.results[1:]:
                thread.submit(result.trial)
            assert thread.drain() is None
    told = [line for line in lines if "tracking is off" in line]
    assert len(told) == 1
    assert "\n" not in told[0]
    assert len(runs_of(None, sealed)) < len(sealed.results)
    track_sweep(storage, name, None, SilentProgress())
    assert_whole(sealed, storage.tracking_uri, extra=2)


def test_postgresql_behind_a_password_and_restarted(sealed, tmp_path, monkeypatch):
    """A few trials: each request costs this server the checking of a password."""
    monkeypatch.setattr(background, "FIRST_WAIT", 0.2)
    for result in sealed.results[3:]:
        shutil.rmtree(sealed.work.paths(result.trial).folder)
    storage, name = sealed.work.storage, sealed.work.config.name
    few = load_results(storage, name)
    password = "no-such-secret-1234"

    def track(uri):
        tracker = MlflowTracker(storage, uri)
        tracker.begin(few.work, few.source)
        track_trials(tracker, few, SilentProgress())

    with postgres() as database:
        environment = {
            "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
            "MLFLOW_AUTH_ADMIN_PASSWORD": password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "a key of this test",
        }
        server = MlflowServer(
            tmp_path, database.uri, "--app-name", "basic-auth", environment=environment
        )
        try:
            server.start()
            monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
            for wrong in ("wrong-password", ""):
                monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", wrong)
                with pytest.raises(UserError, match="set MLFLOW_TRACKING_USERNAME and") as caught:
                    track_sweep(storage, name, server.uri, SilentProgress())
                assert "\n" not in str(caught.value)
                assert "wrong-password" not in str(caught.value)
            monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
            lines = []
            with tracking(few, server.uri, lines) as thread:
                thread.submit(few.results[0].trial)
                wait_for(lambda: len(runs_of(server.uri, few)) > 1)
                database.stop()
                for result in few.results[1:]:
                    thread.submit(result.trial)
                wait_for(lambda: any("tracking is off" in line for line in lines))
                database.start()
                assert thread.drain() == server.uri
            held = assert_whole(few, server.uri)
            track(server.uri)
            assert everything(server.uri, name, PROFILES) == held
            digests = sealed_digests(few)
            assert len(read_sealed(server.uri, name, digests).table) == len(few.results) == 3
        finally:
            server.kill()
    written = [path for path in storage.folder.rglob("*") if path.is_file()]
    assert not [path for path in written if password.encode() in path.read_bytes()]


def runs_of(uri, sealed):
    client = connect(uri or sealed.work.storage.tracking_uri)
    found = client.get_experiment_by_name(sealed.work.config.name)
    return search_runs(client, found.experiment_id) if found else []


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
