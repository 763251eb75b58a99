"""Sealed or absent, whatever happens in between."""

import errno
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep.errors import SealError, UserError
from sweep.lock import only_driver
from sweep.sealing import (
    check_output,
    content_key,
    is_sealed,
    read_manifest,
    remove_unfinished,
    seal,
    write_file,
)
from sweep.watchdog import watched


def test_seals_whole_with_its_facts(tmp_path):
    with seal(tmp_path / "a" / "out", color="red") as folder:
        (folder / "x.bin").write_bytes(b"123")
        assert not is_sealed(tmp_path / "a" / "out")
    manifest = read_manifest(tmp_path / "a" / "out")
    assert manifest["color"] == "red"
    assert manifest["files"]["x.bin"]["bytes"] == 3


def test_an_exception_leaves_nothing(tmp_path):
    def break_off():
        with seal(tmp_path / "out") as folder:
            (folder / "x").write_text("half")
            raise RuntimeError("broken off")

    with pytest.raises(RuntimeError, match="broken off"):
        break_off()
    assert list(tmp_path.iterdir()) == []


def test_what_is_sealed_never_changes(tmp_path):
    with seal(tmp_path / "out") as slow:
        (slow / "x").write_text("slow")
        with seal(tmp_path / "out") as fast:
            (fast / "x").write_text("fast")
    assert (tmp_path / "out" / "x").read_text() == "fast"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_shortened_file_is_told(tmp_path):
    with seal(tmp_path / "out") as folder:
        (folder / "x").write_text("whole")
    (tmp_path / "out" / "x").write_text("wh")
    with pytest.raises(SealError, match="must have 5 bytes, but has 2"):
        read_manifest(tmp_path / "out")


def test_a_killed_writer_leaves_only_what_is_swept(tmp_path):
    (tmp_path / "trials" / ".writing-out-1234").mkdir(parents=True)
    (tmp_path / ".writing-report-1").write_text("half")
    assert remove_unfinished(tmp_path) == 2
    assert list(tmp_path.rglob(".writing-*")) == []


def test_what_others_may_be_writing_is_spared(tmp_path):
    (tmp_path / ".writing-young").write_text("half")
    assert remove_unfinished(tmp_path, older_than=3600) == 0
    old = tmp_path / ".writing-old"
    old.write_text("half")
    os.utime(old, (0, 0))
    assert remove_unfinished(tmp_path, older_than=3600) == 1
    assert [path.name for path in tmp_path.iterdir()] == [".writing-young"]


def test_write_file_replaces_whole(tmp_path):
    write_file(tmp_path / "deep" / "x", "one")
    write_file(tmp_path / "deep" / "x", b"two")
    assert (tmp_path / "deep" / "x").read_bytes() == b"two"
    assert len(list((tmp_path / "deep").iterdir())) == 1


def test_an_output_that_cannot_be_written_is_told_before_any_work(tmp_path):
    check_output(tmp_path / "new.png", ".png")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match=r"folder\.png can't be written \(it is a folder\)"):
        check_output(tmp_path / "folder.png", ".png")
    with pytest.raises(UserError, match=r"/proc/x\.png can't be written \(.*\): choose another"):
        check_output(Path("/proc/x.png"), ".png")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), JSON, max_size=4))
def test_a_key_depends_on_content_alone(content):
    reordered = dict(reversed(list(content.items())))
    assert content_key(content) == content_key(reordered)
    assert content_key(content) == content_key(json.loads(json.dumps(content)))
    assert content_key(content) != content_key({**content, "one more": 1})


def test_a_folder_that_is_written_into_is_spared(tmp_path):
    folder = tmp_path / ".writing-part"
    folder.mkdir()
    (folder / "x").write_text("half")
    os.utime(folder, (0, 0))
    assert remove_unfinished(tmp_path, older_than=3600) == 0
    os.utime(folder / "x", (0, 0))
    os.utime(folder, (0, 0))
    assert remove_unfinished(tmp_path, older_than=3600) == 1


def test_a_watch_is_spared_until_it_is_over(tmp_path):
    path = tmp_path / ".writing-watch-train"
    with watched(path, minutes=120):
        over = path.stat().st_mtime
        assert over == pytest.approx(time.time() + 7200, abs=60)
        assert remove_unfinished(tmp_path, older_than=3600) == 0
    assert not path.exists()


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with (
        pytest.raises(UserError, match=r"lock can't be locked \(No locks available\): choose"),
        only_driver(tmp_path / "lock", "tiny"),
    ):
        pass
