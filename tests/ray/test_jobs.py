"""A sweep as a job of a cluster that runs: submitted, followed, refused twice; and the doctor."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.sweep.command_line import call

pytestmark = pytest.mark.ray
PROGRAMS = Path(sys.executable).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    """A head with a dashboard, in token mode: both addresses, and a client's environment."""
    folder = tmp_path_factory.mktemp("head")
    port, dashboard = free_port(), free_port()
    token = folder / "token"
    token.write_text("a" * 64)
    token.chmod(0o600)
    environment = {key: value for key, value in os.environ.items() if "RAY_" not in key}
    environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    environment["PATH"] = f"{PROGRAMS}:{os.environ['PATH']}"  # where jobs find idsweep
    options = [f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=2"]
    options += [f"--dashboard-port={dashboard}", "--dashboard-host=127.0.0.1"]
    options += [f"--dashboard-agent-listen-port={free_port()}"]
    options += [f"--ray-client-server-port={free_port()}", "--disable-usage-stats", "--block"]
    with (folder / "head.log").open("w") as log:
        process = subprocess.Popen(
            [PROGRAMS / "ray", "start", "--head", *options],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{dashboard}"
    try:
        deadline = time.monotonic() + 90
        while not serves_jobs(url, token.read_text()):
            assert process.poll() is None, (folder / "head.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.5)
        yield f"127.0.0.1:{port}", url, environment
    finally:
        process.terminate()
        process.wait(60)  # it drains first


def serves_jobs(url, token):
    try:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{url}/api/jobs/", headers=headers, timeout=5).ok
    except requests.RequestException:
        return False


def idsweep(environment, *words):
    """A command in a process of its own."""
    command = [PROGRAMS / "idsweep", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=180)


@pytest.fixture
def client(head, monkeypatch):
    """The client's environment, for commands in this process."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, head[2][name])


def test_a_job_goes_on_without_its_client(head, client, tiny_file, tmp_path, capsys):
    _, url, environment = head
    storage = tmp_path / "storage"
    asked = ["--storage", storage, "--address", url, "--set", "space=[{}]"]
    sent = idsweep(environment, "submit", tiny_file, *asked)
    assert sent.returncode == 0, sent.stderr
    assert "job idsweep-tiny-1 at" in sent.stdout

    # Its client has ended. The same sweep is not run twice at once.
    code, _, err = call(capsys, "submit", tiny_file, *asked)
    assert code == 2
    assert "by job idsweep-tiny-1 already" in err

    code, out, err = call(capsys, "logs", "tiny", "--follow", "--address", url)
    assert code == 0, out + err
    assert "2/2 done" in out
    assert "job idsweep-tiny-1: succeeded" in err
    assert (storage / "sweeps" / "tiny" / "report.html").is_file()

    # Once it has ended, it may be sent again, and ended.
    assert "job idsweep-tiny-2 at" in call(capsys, "submit", tiny_file, *asked)[1]
    code, out, _ = call(capsys, "cancel", "idsweep-tiny-2", "--address", url)
    assert code == 0
    assert "job idsweep-tiny-2 is told to end" in out

    code, out, _ = call(capsys, "status", "tiny", "--storage", storage, "--address", url, "--json")
    found = json.loads(out)
    (sweep,) = found["sweeps"]
    assert (sweep["trained"], sweep["measured"], sweep["tracked"]) == (1, 2, 2)
    first, second = found["jobs"]
    assert (first["key"], first["status"]) == ("idsweep-tiny-1", "SUCCEEDED")
    assert second["key"] == "idsweep-tiny-2"


def test_strangers_and_unknown_jobs_are_told_so(head, client, capsys, monkeypatch):
    url = head[1]
    code, _, err = call(capsys, "logs", "idsweep-tiny-9", "--address", url)
    assert code == 2
    assert "did you mean 'idsweep-tiny-" in err
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    code, _, err = call(capsys, "logs", "tiny", "--address", url)
    assert code == 2
    assert "asks for a token: set RAY_AUTH_MODE=token" in err


def test_the_doctor_finds_a_head_well_and_a_sweep_too_large(head, tmp_path):
    address, url, environment = head
    storage = tmp_path / "storage"
    asked = ["doctor", "--address", address, "--storage", storage]
    done = idsweep(environment, *asked, "digits", "--set", "resources.cpus=3", "--json")
    findings = json.loads(done.stdout)["findings"]
    by_check = {finding["check"]: finding for finding in findings}
    assert done.returncode == 1
    assert [f["check"] for f in findings if f["level"] == "FAIL"] in (["sweep"], ["disk", "sweep"])
    assert "3 CPUs asked" in by_check["sweep"]["text"]
    assert "a connection without it was refused" in by_check["token"]["text"]
    assert f"{url.removeprefix('http://')}, asks for the token" in by_check["dashboard"]["text"]
    assert not storage.exists()
