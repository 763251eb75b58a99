"""A storage in a bucket: the same rows from any machine, and nothing done twice."""

import time

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from sweep import lease as leases
from sweep.bucket import Bucket
from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.export import export_rows
from sweep.lease import only_lease
from sweep.paths import claim_storage, open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress, SilentProgress
from sweep.results import load_results, rows_digest
from sweep.sweepfile import load_sweep
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
    with pytest.raises(UserError, match="is not what was sealed there"):
        load_results(open_storage(URI, create=False), "tiny")
