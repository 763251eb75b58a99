"""A storage in a bucket: the same rows from any machine, and nothing done twice."""

import json
import socket
import threading
import time
from types import SimpleNamespace

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from sweep import bucket as buckets
from sweep import lease as leases
from sweep.bucket import Bucket
from sweep.checking import plan_sweep
from sweep.errors import ClusterLost, UserError
from sweep.execution import LocalProcess
from sweep.export import export_rows
from sweep.lease import lease_holder, only_lease
from sweep.mirror import mirror_of, sync_sweep
from sweep.paths import claim_storage, open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress, SilentProgress
from sweep.results import load_results, rows_digest
from sweep.sealing import seal, write_file
from sweep.space import make_trials
from sweep.sweepfile import load_sweep
from sweep.training.supply import Supply
from sweep.training.tune import _Tell
from sweep.work import Work, can_be_helped
from tests.sweep.command_line import call

SECRET = "not-to-be-seen"
URI = "s3://results/sweeps"
FEW = ["space=[{training.seed: {grid: [0, 1, 2]}}]", "model.name=mlp", "model.width=4"]
FEW += ["measure.untrained=false"]


@pytest.fixture(scope="module")
def client():
    """A server that speaks S3 on loopback with one bucket, and the environment that leads there."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "tester")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setattr(leases, "SETTLE_SECONDS", 0.1)
        there = fs.S3FileSystem(
            endpoint_override=f"{host}:{port}",
            scheme="http",
            region="us-east-1",
            allow_bucket_creation=True,
        )
        there.create_dir("results")
        yield there
    running.stop()


@pytest.fixture
def machine(client, monkeypatch, tmp_path):
    """Go to a machine by its name: it has mirrors of its own. Begins on one without any."""

    def go(name):
        monkeypatch.setenv("IDSWEEP_MIRRORS", str(tmp_path / name))
        return tmp_path / name

    go("new")
    return go


def run(file):
    lines = []
    storage = open_storage(URI, create=True)
    result = run_sweep(load_sweep(file, FEW), storage, LocalProcess(), PlainProgress(lines.append))
    assert result.failures == {}
    return result, "\n".join(lines)


@pytest.fixture(scope="module")
def ran(client, tiny_file, tmp_path_factory):
    """A sweep of three networks run from a machine that is gone then, but for its mirror."""
    folder = tmp_path_factory.mktemp("ran")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IDSWEEP_MIRRORS", str(folder))
        result, _ = run(tiny_file)
    return result, folder


def objects(client, part):
    found = client.get_file_info(fs.FileSelector("results", recursive=True))
    return [info.path for info in found if part in info.path and info.type == fs.FileType.File]


def test_another_machine_finds_everything_done(ran, tiny_file, machine, tmp_path):
    again, lines = run(tiny_file)
    assert "3 trials: 3 sealed, 0 to train, 0 to measure" in lines
    assert again.regression == ran[0].regression
    # Neither weights nor images were needed.
    assert list((tmp_path / "new").rglob("rows.parquet"))
    assert not [*tmp_path.rglob("*.safetensors"), *tmp_path.rglob("*.arrow")]
    # A folder gives the same rows.
    plain = open_storage(tmp_path / "plain", create=True)
    run_sweep(load_sweep(tiny_file, FEW), plain, LocalProcess(), SilentProgress())
    for name, storage in (("plain", plain), ("bucket", open_storage(URI, create=False))):
        export_rows(storage, "tiny", tmp_path / f"{name}.parquet")
    assert (tmp_path / "bucket.parquet").read_bytes() == (tmp_path / "plain.parquet").read_bytes()


def test_a_check_elsewhere_counts_what_is_sealed(ran, tiny_file, machine):
    plan = plan_sweep(load_sweep(tiny_file, FEW).config, open_storage(URI, create=False))
    assert (plan.trained, plan.measured) == (3, 3)


def test_commands_take_a_bucket(ran, machine, tmp_path, capsys):
    for command in (
        ["regress", "tiny", "--no-track"],
        ["export", "tiny", "-o", tmp_path / "rows.csv"],
        ["status"],
    ):
        code, out, err = call(capsys, *command, "--storage", URI)
        assert code == 0, (command, out, err)
    code, _, err = call(capsys, "export", "none", "-o", "x.csv", "--storage", URI)
    assert code == 2
    assert "no sweep 'none'" in err


def test_no_secret_is_kept(ran, client):
    files = [path for path in ran[1].rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    with pytest.raises(UserError, match="credentials don't belong") as caught:
        open_storage(f"s3://tester:{SECRET}@results/x", create=True)
    assert SECRET not in str(caught.value)


def test_one_driver_at_a_time(ran, machine, monkeypatch):
    first = open_storage(URI, create=True)
    with only_lease(first, "tiny"):
        machine("second")
        second = open_storage(URI, create=False)
        refused = pytest.raises(UserError, match=r"'tiny' is being run already by process \d+ on")
        with refused, only_lease(second, "tiny"):
            pass
        with only_lease(second, "another"):
            pass
        # The first falls silent: nothing says that it is dead but the time.
        monkeypatch.setattr(leases, "OLD_SECONDS", 1.0)
        time.sleep(2.1)
        with only_lease(second, "tiny"):
            pass
    # A killed driver's own machine need not wait: it holds the lock of the mirror.
    monkeypatch.setattr(leases, "OLD_SECONDS", 60.0)
    leases._Lease(Bucket.reach(URI), "tiny", str(first.folder)).take()
    with only_lease(first, "tiny"):
        pass


@pytest.mark.parametrize("create", [True, False])
def test_a_bucket_that_cannot_be_used_is_told_in_one_line(client, machine, create):
    def problem(where):
        with pytest.raises(UserError) as caught:
            open_storage(where, create=create)
        text = str(caught.value)
        assert "\n" not in text
        return text

    assert "there is no bucket 'none'" in problem("s3://none/x")
    assert "can't be used" in problem("nonsense://results")
    assert "names no bucket" in problem("s3://")
    if not create:
        assert "there is no idsweep storage at" in problem("s3://results/none")


def test_a_place_that_holds_something_else_is_left_alone(client, machine):
    with client.open_output_stream("results/mine/thesis.tex") as stream:
        stream.write(b"dear to somebody")
    with pytest.raises(UserError, match="is not an idsweep storage and not empty"):
        open_storage("s3://results/mine", create=True)


def test_a_storage_made_anew_finds_nothing_old(client, machine):
    storage = open_storage("s3://results/short", create=True)
    claim_storage(storage)
    assert open_storage("s3://results/short", create=True) == storage
    client.delete_dir("results/short")
    assert open_storage("s3://results/short", create=True).folder != storage.folder


def test_what_is_lost_is_made_again_and_what_is_broken_is_told(ran, tiny_file, client, machine):
    lost = objects(client, "/measured-")
    for path in lost:
        client.delete_file(path)
    again, lines = run(tiny_file)
    assert "3 trials: 0 sealed, 0 to train, 3 to measure" in lines
    digests = [[rows_digest(e.rows) for e in r.results.results] for r in (again, ran[0])]
    assert digests[0] == digests[1]
    assert sorted(objects(client, "/measured-")) == sorted(lost)
    with client.open_output_stream(objects(client, "rows.parquet")[0]) as stream:
        stream.write(b"something else")
    machine("third")
    place = rf"{URI}/sweeps/tiny/trials/\w+/measured-[\d.]+/[\w-]+"
    both = rf"is not what was sealed there: delete {place} and /.*/third/"
    with pytest.raises(UserError, match=both):
        load_results(open_storage(URI, create=False), "tiny")


@pytest.fixture
def place(client, machine):
    """A storage of its own in the bucket, opened on the machine of that name."""
    uri = f"s3://results/{machine('first').parent.name}"

    def at(name):
        machine(name)
        storage = open_storage(uri, create=True)
        claim_storage(storage)
        return storage

    return at


def in_bucket(storage):
    return Bucket.reach(storage.remote).list("")


@pytest.mark.parametrize("name", ["tuned", "tune", "lockin", "lock", "scratch-1"])
def test_a_sweep_may_have_any_name(place, name):
    storage = place("first")
    paths = storage.sweep(name)
    for folder in ("trials/k/checkpoint-1", "trials/k/scratch-1/a", "tune/k"):
        with seal(paths.folder / folder):
            pass
    write_file(paths.lock, "mine")
    write_file(paths.folder / "locked.json", "{}")
    mirror_of(storage).send_all(paths.folder)
    sent = {"trials/k/checkpoint-1/manifest.json", "locked.json"}
    assert in_bucket(storage) == {"storage.json", *(f"sweeps/{name}/{each}" for each in sent)}


def test_the_later_report_counts(place):
    first, second = place("first"), place("second")
    here, there = first.sweep("s"), second.sweep("s")

    def write(storage, what):
        paths = storage.sweep("s")
        write_file(paths.report, what)
        write_file(paths.reported, json.dumps(what))
        mirror_of(storage).send_files(paths.folder)

    write_file(here.tracking, "{}")
    write_file(here.lock, "mine")
    write(first, "of the first")
    sync_sweep(first, here)
    assert here.report.read_text() == "of the first"
    sync_sweep(second, there)
    there.tracking.unlink()
    write(second, "of the second")
    sync_sweep(first, here)
    mirror_of(first).send_files(here.folder)
    assert json.loads(here.reported.read_text()) == "of the second"
    assert not here.report.exists()
    assert not here.tracking.exists()
    assert here.lock.exists()
    bucket = Bucket.reach(first.remote)
    assert bucket.read("sweeps/s/report.html") == b"of the second"
    assert "sweeps/s/tracking.json" not in in_bucket(first)


def test_a_stop_that_was_not_sent_is(place):
    storage = place("first")
    trial = storage.sweep("s").trial("k")
    with seal(trial.checkpoint(1)):
        pass
    write_file(trial.stopped, "{}")
    sync_sweep(storage, storage.sweep("s"))
    assert {"sweeps/s/trials/k/stopped.json"} < in_bucket(storage)


def test_who_lost_the_lease_ends(place, monkeypatch):
    monkeypatch.setattr(leases, "RENEW_SECONDS", 1.0)
    first, second = place("first"), place("second")
    monkeypatch.setattr(leases, "OLD_SECONDS", 0.0)
    began = time.monotonic()
    taken = pytest.raises(ClusterLost, match="'s' was taken over by process")
    with taken, only_lease(first, "s"):
        other = leases._Lease(Bucket.reach(second.remote), "s", str(second.folder))
        other.take()
        time.sleep(30)
    assert time.monotonic() - began < 20
    assert other._holder()["owner"] == other._owner


def test_the_same_path_in_another_container_is_another_mirror(place):
    storage = place("first")
    bucket, folder = Bucket.reach(storage.remote), storage.folder
    leases._Lease(bucket, "s", str(folder)).take()
    leases._Lease(bucket, "s", str(folder)).take()
    folder.rename(folder.with_name("of another container"))
    folder.mkdir()
    with pytest.raises(UserError, match="is being run already"):
        leases._Lease(bucket, "s", str(folder)).take()


def test_status_goes_by_the_clock_of_the_bucket(place, monkeypatch):
    storage = place("first")
    ahead = SimpleNamespace(time=lambda: time.time() + 3600, sleep=time.sleep)
    monkeypatch.setattr(leases, "time", ahead)
    with only_lease(storage, "s"):
        assert lease_holder(storage, "s")
    assert not lease_holder(storage, "s")


def test_a_bucket_that_is_away_for_a_moment_is_asked_again(client, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    filesystem = fs.S3FileSystem(
        endpoint_override=f"127.0.0.1:{port}",
        scheme="http",
        region="us-east-1",
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
    )
    bucket = Bucket("s3://results", "results", filesystem)
    monkeypatch.setattr(buckets, "PAUSES", ())
    with pytest.raises(UserError, match="can't be used") as caught:
        bucket.write("back", b"again")
    assert can_be_helped(caught.value)
    assert not can_be_helped(UserError("misspelt"))
    monkeypatch.setattr(buckets, "PAUSES", (0.5,) * 20)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    later = threading.Timer(1.0, server.start)
    later.start()
    try:
        bucket.write("back", b"again")
        assert bucket.read("back") == b"again"
    finally:
        later.join()
        server.stop()


def test_a_lease_of_a_bucket_that_is_gone_harms_nobody(place, client, monkeypatch):
    monkeypatch.setattr(buckets, "PAUSES", ())
    storage = place("first")
    with only_lease(storage, "s"):
        bucket = Bucket.reach(storage.remote)
        nowhere = fs.S3FileSystem(endpoint_override="127.0.0.1:9", scheme="http", region="x")
        object.__setattr__(bucket, "filesystem", nowhere)
    Bucket.reach.cache_clear()


def test_why_a_process_died_is_known_elsewhere(place, tiny_file):
    config = load_sweep(tiny_file, FEW).config
    trial = make_trials(config, "")[0]
    storage = place("first")
    failed = []
    observer = SimpleNamespace(failed=lambda trial, failure: failed.append(failure))
    tell = _Tell(Work(config, storage, None), Supply.of([]), {trial.key: trial}, observer)
    of_tune = SimpleNamespace(config={"trial": trial.key}, get_error=lambda: "The actor died")
    tell.on_trial_error(0, [], of_tune)
    assert failed[0].kind == "died"
    assert f"sweeps/tiny/trials/{trial.key}/failure.json" in in_bucket(storage)


def test_who_is_to_delete_a_trial_is_told_both_places(place):
    storage = place("first")
    paths = storage.sweep("s").trial("k")
    assert paths.in_words == f"{paths.folder} and {storage.remote}/sweeps/s/trials/k"
