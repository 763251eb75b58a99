"""A storage on a disk too small: one line, and once there is room the same command goes on."""

import os
import shutil
import subprocess
import sys

import pytest

from sweep.paths import open_storage
from tests.recovery.verdict import rows_of

pytestmark = pytest.mark.ray
# In a mount namespace of its own, that nobody else sees the disk, and that it ends with the run.
SCRIPT = """set -e
mount -t tmpfs -o size=2900k tmpfs {disk}
{run} > {log}.full 2>&1 && code=0 || code=$?
echo $code > {log}.code
mount -o remount,size=500m {disk}
{run} > {log}.room 2>&1
cp -a {disk}/storage {kept}
"""


def need_mounts():
    probe = ["unshare", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    if shutil.which("unshare") and not subprocess.run(probe, capture_output=True).returncode:
        return
    reason = "needs Linux and root, to mount a small disk"
    if os.environ.get("IDSWEEP_ALL_TESTS"):
        pytest.fail(reason)
    pytest.skip(reason)


# What is prepared takes 0.5 MB, the store of MLflow 1.5 MB, each trial some 60 kB.
def test_a_full_disk_ends_the_sweep_with_one_line(finished, tiny_file, tmp_path):
    need_mounts()
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    run = f"{sys.executable} -m sweep run {tiny_file} --storage {disk}/storage"
    log = tmp_path / "log"
    script = SCRIPT.format(disk=disk, run=run, log=log, kept=kept)
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], timeout=400)
    log = (tmp_path / "log.full").read_text()
    assert done.returncode == 0, log
    assert (tmp_path / "log.code").read_text().strip() == "2", log
    (line,) = [line for line in log.splitlines() if line.startswith("idsweep: ")]
    assert f"the disk of {disk}/storage is full: " in line
    assert "MB free: make room there" in line
    assert "Traceback" not in log
    expected = rows_of(finished.results.work.storage, "tiny", tmp_path)
    assert rows_of(open_storage(kept, create=False), "tiny", tmp_path) == expected
