"""The embedded store's pages are served, on this machine alone."""

import socket
import subprocess
import sys
import time

import psutil
import requests


def test_ui_serves_the_embedded_store_on_loopback(finished, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    storage = str(finished.results.work.storage.folder)
    command = [sys.executable, "-m", "sweep", "ui", "--storage", storage, "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    family = []
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                answer = requests.get(
                    f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get-by-name",
                    params={"experiment_name": "tiny"},
                    timeout=5,
                )
                break
            except requests.ConnectionError:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.3)
        assert answer.json()["experiment"]["name"] == "tiny"
        family = psutil.Process(process.pid).children(recursive=True)
        listening = [
            connection.laddr.ip
            for child in family
            for connection in child.net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert set(listening) == {"127.0.0.1"}
    finally:
        process.terminate()
        process.wait(30)
        _, alive = psutil.wait_procs(family, timeout=10)
        for child in alive:
            child.kill()
    assert family
    assert alive == []
