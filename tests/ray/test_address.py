"""A cluster that runs already: reached by its address, with its token, and left running."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.ray
RAY = Path(sys.executable).parent / "ray"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def head(tmp_path):
    """A head of 2 CPUs on loopback in token mode: its address, and a client's environment."""
    port, token = free_port(), tmp_path / "token"
    token.write_text("a" * 64)
    token.chmod(0o600)
    environment = os.environ | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    options = [f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=2"]
    options += ["--include-dashboard=false", "--disable-usage-stats", "--block"]
    with (tmp_path / "head.log").open("w") as log:
        process = subprocess.Popen(
            [RAY, "start", "--head", *options],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while not answers(port):
            assert process.poll() is None, (tmp_path / "head.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield f"127.0.0.1:{port}", environment
    finally:
        process.terminate()
        process.wait(30)


def run(file, folder, address, environment, *more):
    command = [sys.executable, "-m", "sweep", "run", str(file), "--storage", str(folder)]
    command += ["--address", address, "--set", "space=[{}]", *more]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)


def test_a_sweep_runs_on_a_cluster_that_is_there(head, tiny_file, tmp_path):
    address, environment = head
    done = run(tiny_file, tmp_path / "storage", address, environment)
    assert done.returncode == 0, done.stderr
    assert "2/2 done" in done.stdout
    too_much = run(tiny_file, tmp_path / "none", address, environment, "--set", "resources.cpus=3")
    assert too_much.returncode == 2
    assert f"3 CPUs asked, but the cluster at {address} with 1 node now has 2" in too_much.stderr
    # Without the token nobody gets in, and is told so in one line.
    stranger = {key: value for key, value in environment.items() if "RAY_AUTH" not in key}
    refused = run(tiny_file, tmp_path / "none", address, stranger | {"HOME": str(tmp_path)})
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1].startswith("idsweep: ")
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "none").exists()
    assert answers(int(address.rpartition(":")[2]))
