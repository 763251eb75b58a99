"""A cluster of two nodes that share nothing but what a test says."""

import json
import sys
import time

import pytest

from sweep.export import export_rows
from sweep.paths import open_storage
from tests.nodes.cluster import Machines

pytestmark = pytest.mark.ray
IDSWEEP = [sys.executable, "-m", "sweep"]


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    with Machines(tmp_path_factory.mktemp("nodes") / "m") as running:
        yield running


def sweep(machines, file, storage, *more, node=0, **options):
    command = [*IDSWEEP, "run", str(file), "--storage", str(storage)]
    command += ["--address", machines.address, *more]
    return machines.run(node, command, **options)


def manifests(storage, pattern):
    return [
        json.loads((folder / "manifest.json").read_text())
        for folder in storage.glob(f"sweeps/tiny/trials/*/{pattern}")
    ]


def test_a_storage_that_each_node_has_for_itself_is_refused_and_left_alone(machines, tiny_file):
    began = time.monotonic()
    done = sweep(machines, tiny_file, machines.folder / "private" / "results")
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert "node 10.77.0.2 must see the same folder" in line
    assert "choose with --storage" in line
    assert time.monotonic() - began < 60
    for node in (0, 1):
        assert list((machines.folder / f"node-{node}" / "private").iterdir()) == []


def test_a_client_without_the_token_is_told_so(machines, tiny_file):
    wrong = machines.home(0) / "wrong"
    wrong.write_text("b" * 64)
    for settings in (
        {"RAY_AUTH_MODE": "token"},
        {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(wrong)},
        {"RAY_AUTH_MODE": "disabled"},
    ):
        done = sweep(
            machines, tiny_file, machines.folder / "shared" / "x", token=False, env=settings
        )
        assert done.returncode == 2, done.stderr
        (line,) = done.stderr.splitlines()
        assert line.startswith("idsweep: ")
        assert "token" in line
        assert not (machines.folder / "shared" / "x").exists()


def test_a_sweep_uses_both_nodes_and_gives_the_rows_of_one_process(
    machines, tiny_file, finished, tmp_path
):
    folder = machines.folder / "shared" / "results"
    done = sweep(machines, tiny_file, folder, "--set", "measure.actors=2", node=1)
    assert done.returncode == 0, done.stdout + done.stderr
    for pattern in ("checkpoint-0*1.00", "measured-*/*"):
        hosts = {manifest["host"] for manifest in manifests(folder, pattern)}
        assert hosts == {"node-0", "node-1"}
    for name, storage in (
        ("two", open_storage(folder, create=False)),
        ("one", finished.results.work.storage),
    ):
        export_rows(storage, "tiny", tmp_path / f"{name}.parquet")
    assert (tmp_path / "two.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()
