"""Where a sweep was tracked last is known to later commands, and a password never is."""

import os
import shutil

import pytest

from sweep.paths import open_storage
from sweep.tracking import choose_uri, keep_uri, remember, remembered_uri, tracked_elsewhere
from tests.sweep.command_line import call


@pytest.fixture
def own(finished, tmp_path):
    """The finished sweep in a storage of its own, tracked nowhere."""
    storage = finished.results.work.storage.folder
    shutil.copytree(storage, tmp_path / "own", ignore=shutil.ignore_patterns("mlflow*"))
    return open_storage(tmp_path / "own", create=False)


def test_the_uri_given_last_is_taken_until_another_is_given(storage):
    lines = []
    first, second = "http://127.0.0.1:1", "sqlite:////tmp/elsewhere.db"
    assert choose_uri(storage, "a", None) == storage.tracking_uri
    for uri in (first, second):
        keep_uri(storage, "a", uri, lines.append)
        assert choose_uri(storage, "a", None) == remembered_uri(storage, "a") == uri
        assert choose_uri(storage, "a", "http://127.0.0.1:2") == "http://127.0.0.1:2"
        assert choose_uri(storage, "b", None) == storage.tracking_uri
    keep_uri(storage, "a", choose_uri(storage, "a", "embedded"), lines.append)
    assert choose_uri(storage, "a", None) == storage.tracking_uri
    assert remembered_uri(storage, "a") is None
    assert lines == []


@pytest.mark.parametrize(
    "uri",
    ["http://me:secret@host:5000", "postgresql://me:secret@host/db", "http://host?password=secret"],
)
def test_a_uri_with_a_password_is_never_written(storage, uri):
    lines = []
    keep_uri(storage, "a", uri, lines.append)
    assert remembered_uri(storage, "a") is None
    assert len(lines) == 1
    assert "secret" not in lines[0]
    with pytest.raises(ValueError, match="password"):
        remember(storage.sweep("a"), uri)
    assert not storage.sweep("a").tracking.exists()


def test_a_damaged_note_is_no_note(storage):
    storage.sweep("a").tracking.parent.mkdir(parents=True)
    for text in ("", "[]", '{"url": 1}', "{"):
        storage.sweep("a").tracking.write_text(text)
        assert remembered_uri(storage, "a") is None


def test_commands_follow_it(own, tmp_path, monkeypatch, capsys):
    """An old sweep goes into another MLflow, named relative to another folder, and stays found."""
    monkeypatch.chdir(tmp_path)
    storage = ["--storage", own.folder]
    call(capsys, "track", "tiny", *storage, "--tracking-uri", "sqlite:///other.db")
    uri = f"sqlite:///{tmp_path / 'other.db'}"
    assert tracked_elsewhere(own) == {"tiny": uri}
    monkeypatch.chdir(os.sep)
    code, told, _ = call(capsys, "track", "tiny", *storage)
    assert (code, told.splitlines()[-1]) == (0, f"tracked in {uri}")
    assert f"from MLflow at {uri}" in call(capsys, "regress", "tiny", *storage)[1]
    assert not own.tracking_file.exists()
    code, _, refused = call(capsys, "ui", *storage, "--port", "1")
    assert code == 2
    assert f"sweep tiny is tracked at {uri}" in refused
