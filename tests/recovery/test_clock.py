"""The clock of the machine jumps while a sweep runs: a day ahead, then two hours back."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.recovery.kills import stage_of
from tests.recovery.processes import family, kill, start
from tests.recovery.verdict import problems_of, rows_of, seals, tracked

pytestmark = pytest.mark.ray
DAY, HOUR = 86400, 3600
RUN_SECONDS = 200


@pytest.fixture
def set_clock(tmp_path, monkeypatch):
    """A function that sets by how many seconds the clock of what is started now is off."""
    library, file = tmp_path / "shift.so", tmp_path / "shift"
    if shutil.which("cc") is None:
        if os.environ.get("IDSWEEP_ALL_TESTS"):
            pytest.fail("needs a C compiler: apt-get install gcc")
        pytest.skip("needs a C compiler")
    source = Path(__file__).with_name("shift.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)

    def set_clock(seconds):
        (tmp_path / "new").write_text(str(seconds))
        (tmp_path / "new").replace(file)

    set_clock(0)
    monkeypatch.setenv("SHIFT_FILE", str(file))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    return set_clock


def test_a_clock_that_jumps_changes_nothing(finished, tiny_file, tmp_path, set_clock, monkeypatch):
    folder, log = tmp_path / "storage", tmp_path / "log"
    with log.open("w") as output:
        process = start(tiny_file, folder, output)
    monkeypatch.delenv("LD_PRELOAD")  # for what comes after

    def until(number):
        deadline = time.monotonic() + RUN_SECONDS
        while sum(stage_of(folder, "tiny", 16)[1]) < number:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    try:
        until(3)
        set_clock(DAY)
        until(12)
        set_clock(-2 * HOUR)
        known = seals(folder, "tiny")
        assert process.wait(RUN_SECONDS) == 0, log.read_text()
    finally:
        for member in reversed(family(process)):
            kill(member)
        process.wait()
    whole = tmp_path / "whole"
    whole.mkdir()
    storage = finished.results.work.storage
    expected = rows_of(storage, "tiny", whole), tracked(storage.tracking_uri, "tiny")
    assert problems_of(folder, "tiny", known, *expected, tmp_path) == []
    assert "failed: " not in log.read_text()
