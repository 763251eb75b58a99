"""A cluster of two nodes that share nothing but what a test says."""

import json
import sys
import time

import pandas as pd
import pytest

from sweep.export import export_rows
from tests.nodes import services
from tests.nodes.cluster import HUB
from tests.nodes.conftest import HALF

pytestmark = pytest.mark.ray
IDSWEEP = [sys.executable, "-m", "sweep"]


def sweep(machines, file, storage, *more, node=0, **options):
    command = [*IDSWEEP, "run", str(file), "--storage", str(storage)]
    command += ["--address", machines.address, *more]
    return machines.run(node, command, **options)


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


def test_the_doctor_names_the_node_that_has_not_the_storage(machines):
    command = [*IDSWEEP, "doctor", "--address", machines.address, "--json"]
    done = machines.run(0, [*command, "--storage", machines.folder / "private" / "results"])
    assert done.returncode == 1, done.stderr
    findings = json.loads(done.stdout)["findings"]
    (storage,) = [finding for finding in findings if finding["check"] == "storage"]
    assert storage["level"] == "FAIL"
    assert storage["text"].startswith("10.77.0.2: ")
    assert "a folder that all nodes share" in storage["remedy"]
    texts = {finding["check"]: finding["text"] for finding in findings}
    assert any(finding["text"].startswith("2 alive") for finding in findings)
    assert "a connection without it was refused" in texts["token"]
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


def test_nothing_is_shared_but_a_bucket_and_mlflow(machines, tiny_file, finished, tmp_path):
    few = ["--set", HALF, "--set", "measure.actors=2", "--tracking-uri", services.MLFLOW]
    command = ["export", "tiny", "-o", machines.folder / "shared" / "bucket.parquet"]
    with services.s3(machines, "results"), services.mlflow(machines):
        storage = "s3://results/here"
        done = sweep(machines, tiny_file, storage, *few, env=services.TRACKING_SETTINGS)
        assert done.returncode == 0, done.stdout + done.stderr
        # From the other node, whose mirror knows only what its workers did.
        again = sweep(machines, tiny_file, storage, *few, env=services.TRACKING_SETTINGS, node=1)
        assert "12 trials: 12 sealed, 0 to train, 0 to measure" in again.stdout, again.stderr
        export = machines.run(1, [*IDSWEEP, *command, "--storage", storage])
        assert export.returncode == 0, export.stderr
        stranger = machines.run(
            1, [*IDSWEEP, "track", "tiny", "--storage", storage, "--tracking-uri", services.MLFLOW]
        )
        assert stranger.returncode == 2, stranger.stderr
        assert len(stranger.stderr.splitlines()) == 1
        commands = machines.run(HUB, ["sh", "-c", "cat /proc/[0-9]*/cmdline"]).stdout
    export_rows(finished.results.work.storage, "tiny", tmp_path / "one.parquet")
    rows = pd.read_parquet(machines.folder / "shared" / "bucket.parquet")
    whole = pd.read_parquet(tmp_path / "one.parquet")
    expected = whole[whole["trial"].isin(rows["trial"])].reset_index(drop=True)
    assert rows["trial"].nunique() == 12
    pd.testing.assert_frame_equal(rows, expected, check_exact=True)
    # Each node trained, and each measured.
    for pattern in ("checkpoint-0*1.00", "measured-*/*"):
        hosts = {
            json.loads(path.read_text())["host"]
            for node in (0, 1)
            for path in (machines.home(node) / ".cache" / "idsweep" / "mirrors").rglob(
                f"{pattern}/manifest.json"
            )
        }
        assert hosts == {"node-0", "node-1"}
    # Artifacts went through the server, and no password went anywhere.
    artifacts = machines.folder / "mlflow" / "artifacts"
    assert list(artifacts.rglob("measurements.parquet")), done.stdout + again.stdout
    secrets = (services.SECRET, services.PASSWORD, services.DATABASE_PASSWORD)
    texts = {"output": done.stdout + done.stderr, "commands": commands}
    for path in machines.folder.rglob("*"):
        if path.is_file() and path.stat().st_size < 1e8:
            texts[str(path)] = path.read_bytes().decode(errors="replace")
    found = [name for name, text in texts.items() if any(secret in text for secret in secrets)]
    assert found == []
