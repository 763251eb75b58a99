"""Two drivers on one storage: the second is told who the first is, and follows when it is dead."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

from sweep.errors import UserError
from sweep.lock import living_driver, only_driver
from sweep.paths import claim_storage, open_storage

HOLD = """
import sys, time
from pathlib import Path
from sweep.lock import only_driver
with only_driver(Path(sys.argv[1]), "tiny"):
    print("held", flush=True)
    time.sleep(600)
"""
MAKE = """
import sys
from sweep.paths import open_storage
from sweep.tracking.embedded import open_embedded
storage = open_storage(sys.argv[1], create=True)
open_embedded(storage)
print(storage.tracking_file.stat().st_ino, end="")
"""


def holder(lock, *prefix):
    command = [*prefix, sys.executable, "-c", HOLD, str(lock)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "held"
    return process


def test_the_second_is_refused_while_the_first_lives_and_follows_it(tmp_path):
    lock = tmp_path / "lock"
    first = holder(lock)
    try:
        words = f"run already by process {first.pid} on {socket.gethostname()}"
        with pytest.raises(UserError, match=words) as caught, only_driver(lock, "tiny"):
            pass
        assert "\n" not in str(caught.value)
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
    with only_driver(lock, "tiny"):
        assert living_driver(lock) == f"{os.getpid()} on {socket.gethostname()}"
    assert living_driver(lock) == ""


def test_who_only_looks_keeps_no_driver_out(tmp_path):
    lock = tmp_path / "lock"
    with only_driver(lock, "tiny"):
        pass
    stop = threading.Event()

    def look():
        while not stop.is_set():
            living_driver(lock)

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            with only_driver(lock, "tiny"):
                time.sleep(0.001)
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_another_machine_on_a_shared_disk_is_kept_out_by_its_name(tmp_path):
    probe = ["unshare", "-u", "true"]
    if not shutil.which("unshare") or subprocess.run(probe, capture_output=True).returncode:
        if os.environ.get("IDSWEEP_ALL_TESTS"):
            pytest.fail("needs Linux and root, to have another host name")
        pytest.skip("needs Linux and root, to have another host name")
    lock = tmp_path / "lock"
    other = holder(
        lock, "unshare", "-u", "--kill-child", "sh", "-c", 'hostname elsewhere; exec "$@"', "sh"
    )
    try:
        with pytest.raises(UserError, match="on elsewhere"), only_driver(lock, "tiny"):
            pass
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


def test_two_sweeps_that_make_the_store_of_mlflow_at_once_keep_each_others_runs(tmp_path):
    storage = open_storage(tmp_path / "storage", create=True)
    claim_storage(storage)
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(storage.folder)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    made = [maker.communicate(timeout=120)[0] for maker in makers]
    assert made[0] == made[1] == str(storage.tracking_file.stat().st_ino)  # the first one's stayed
    assert list(storage.folder.glob(".writing-*")) == []
