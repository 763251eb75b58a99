"""One owner of paths, and a storage that is what it says."""

import json
from pathlib import Path

import pytest

from sweep.errors import UserError
from sweep.paths import SCHEMA_VERSION, Storage, claim_storage, open_storage, storage_id


def test_storage_is_absolute_and_marked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = open_storage("results", create=True)
    assert not storage.folder.exists()  # opening writes nothing
    claim_storage(storage)
    assert storage.folder == tmp_path / "results"
    assert open_storage("results", create=False) == storage
    found = json.loads((storage.folder / "storage.json").read_text())
    assert found["schema"] == SCHEMA_VERSION
    assert found["id"] == storage_id(storage) != ""


def test_everything_lies_inside_the_storage():
    storage = Storage(Path("/s"))
    sweep = storage.sweep("digits")
    trial = sweep.trial("abc")
    for path in (
        storage.data("k"),
        storage.artifacts,
        sweep.plan,
        sweep.report,
        trial.checkpoint(0.5),
        trial.measured(20, "linear", "k"),
    ):
        assert path.is_relative_to("/s")
    assert trial.checkpoint(0.5) != trial.checkpoint(0.25)


@pytest.mark.parametrize("content", ['{"schema": 99}', "not json", "[]"])
def test_refuses_another_schema(tmp_path, content):
    (tmp_path / "storage.json").write_text(content)
    with pytest.raises(UserError, match=r"schema 99|can't be read"):
        open_storage(tmp_path, create=True)


def test_refuses_a_folder_of_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("dear to somebody")
    with pytest.raises(UserError, match="not an idsweep storage and not empty"):
        open_storage(tmp_path, create=True)


def test_leftovers_of_a_killed_run_are_nobodys(tmp_path):
    (tmp_path / ".writing-storage.json-1234").write_text("half")
    (tmp_path / ".idsweep-probe-1").touch()
    open_storage(tmp_path, create=True)


def test_refuses_a_name_that_the_file_system_does_not_take(tmp_path):
    with pytest.raises(UserError, match="can't be used"):
        open_storage(tmp_path / ("x" * 300), create=True)


def test_refuses_what_is_not_there(tmp_path):
    with pytest.raises(UserError, match="there is no idsweep storage"):
        open_storage(tmp_path / "none", create=False)


def test_refuses_what_can_not_be_written():
    with pytest.raises(UserError, match="must be writable, but /proc refuses"):
        open_storage("/proc/results", create=True)
