"""MLflow shows what is sealed: once, whole, and again if it was away. Real MLflow on SQLite."""

import http.server
import shutil
import socket
import threading

import pytest

from sweep.errors import UserError
from sweep.execution import LocalProcess
from sweep.numbers import numbers_table
from sweep.outcome import track_sweep
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress, SilentProgress
from sweep.regression import regress
from sweep.results import load_results, sealed_digests, settle_regression
from sweep.scalars import scalars
from sweep.space import varied_keys
from sweep.sweepfile import load_sweep
from sweep.tracking import connect, hide_password, read_sealed
from sweep.tracking.embedded import open_embedded
from sweep.tracking.names import metric_name, quantity_name
from tests.sweep.mlflow_contents import everything


@pytest.fixture(scope="module")
def few(tiny_file, tmp_path_factory):
    """A sweep of four networks. Don't change it."""
    storage = open_storage(tmp_path_factory.mktemp("few") / "storage", create=True)
    small = ["space=[{training.seed: {grid: [0, 1]}}]", "regression.resamples=100"]
    run_sweep(load_sweep(tiny_file, small), storage, LocalProcess(), SilentProgress())
    return storage


@pytest.fixture
def own_copy(few, tmp_path):
    """The few in a storage of their own, tracked into a fresh store."""
    folder = tmp_path / "copy"
    shutil.copytree(few.folder, folder, ignore=shutil.ignore_patterns("mlflow*"))
    storage = open_storage(folder, create=False)
    return storage, track_sweep(storage, "tiny", None, SilentProgress())


def test_a_run_holds_profile_history_scalars_and_artifacts(finished):
    uri = finished.tracking_uri
    runs = {name: rest for name, *rest in everything(uri).values()}
    result = next(r for r in finished.results.results if r.trial.role == "trained")
    status, _, _, params, tags, metrics, artifacts = runs[result.trial.name]
    assert status == "FINISHED"
    assert tags["idsweep.trial"] == result.trial.key
    assert tags["idsweep.role"] == "trained"
    assert params["model.width"] == str(result.trial.config.model.width)
    profile = [(r.layer_index, r.value) for r in result.rows if r.quantity == "id/twonn"]
    assert [(step, value) for step, _, value in metrics["id/twonn"]] == profile
    depths = [(r.layer_index, r.relative_depth) for r in result.rows if r.quantity == "id/twonn"]
    assert [(step, value) for step, _, value in metrics["relative_depth"]] == depths
    assert [value for *_, value in metrics["history/train_loss"]] == [
        record["train_loss"] for record in result.history
    ]
    for name, scalar in scalars(result.rows).items():
        assert [value for *_, value in metrics[name]] == [scalar.value]
    assert artifacts == ["measurements.parquet", "profile.svg"]


def test_sweep_and_regression_are_runs_of_their_own(finished):
    runs = list(everything(finished.tracking_uri).values())
    assert len(runs) == 24 + 2
    roles = {tags["idsweep.role"]: artifacts for *_, tags, _, artifacts in runs}
    assert roles["sweep"] == ["report.html", "sweep.yaml"]
    pictures = {"overview.png", "profiles.png"}
    pictures |= {"regression.png", "regression.svg"}
    tables = {f"{stem}.csv" for stem in finished.regression.tables()}
    assert set(roles["regression"]) == pictures | tables | {"regression.json", "regression.txt"}


def test_tracking_twice_changes_nothing(own_copy):
    storage, uri = own_copy
    before = everything(uri)
    track_sweep(storage, "tiny", None, SilentProgress())
    assert everything(uri) == before


def test_tracking_goes_on_when_settings_change(tiny_file, tmp_path):
    """Run, track, and run again with other settings: one run a trial, with the newest rows."""
    storage = open_storage(tmp_path / "storage", create=True)
    small = ["space=[{}]", "regression.resamples=100"]
    for more in ([], ["measure.num_samples=60", "measure.actors=2"], ["analyses.linear=null"]):
        file = load_sweep(tiny_file, [*small, *more])
        result = run_sweep(file, storage, LocalProcess(), SilentProgress())
        assert result.tracking_uri is not None
        uri = track_sweep(storage, "tiny", None, SilentProgress())
        trials = [row for row in everything(uri).values() if "idsweep.trial" in row[5]]
        assert len(trials) == 2
        results = load_results(storage, "tiny").results
        for found in results:
            value = scalars(found.rows)["id_last_hidden/twonn"].value
            (metrics,) = [row[6] for row in trials if row[5]["idsweep.trial"] == found.trial.key]
            assert [v for *_, v in metrics["id_last_hidden/twonn"]] == [value]


def test_stale_rows_in_mlflow_are_not_taken(finished):
    digests = sealed_digests(finished.results)
    read_sealed(finished.tracking_uri, "tiny", digests)
    digests[next(iter(digests))] = "of other rows"
    with pytest.raises(UserError, match="misses 1 of 24 trials"):
        read_sealed(finished.tracking_uri, "tiny", digests)


def test_a_store_that_was_killed_while_it_was_made_is_made_again(storage):
    connect(f"sqlite:///{storage.folder}/.writing-mlflow-1.db")  # a leftover, with no tables
    open_embedded(storage)
    assert connect(storage.tracking_uri).search_experiments()
    before = storage.tracking_file.stat().st_mtime_ns
    open_embedded(storage)
    assert storage.tracking_file.stat().st_mtime_ns == before


def test_what_is_no_mlflow_is_told_in_one_line(finished, tmp_path):
    class Pages(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        do_POST = do_GET  # noqa: N815 - the names are the protocol's

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        uri = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(UserError, match=r"MLflow at .* failed") as caught:
            track_sweep(finished.results.work.storage, "tiny", uri, SilentProgress())
        assert "\n" not in str(caught.value)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_run_broken_off_is_completed_and_a_deleted_one_comes_back_once(own_copy):
    storage, uri = own_copy
    before = everything(uri)
    client = connect(uri)
    trials = [run_id for run_id, row in before.items() if "idsweep.trial" in row[5]]
    # As if the driver had been killed between two batches: the mark of a whole run is missing.
    client.delete_tag(trials[0], "idsweep.rows")
    client.delete_run(trials[1])
    track_sweep(storage, "tiny", None, SilentProgress())
    after = everything(uri)
    assert len(after) == len(before)
    assert after[trials[0]] == before[trials[0]]
    assert sorted(map(repr, after.values())) == sorted(map(repr, before.values()))


def test_regression_from_mlflow_is_that_of_the_sealed_rows(finished):
    results = finished.results
    digests = sealed_digests(results)
    from_mlflow = read_sealed(finished.tracking_uri, "tiny", digests).table
    from_rows = numbers_table(results.results)
    assert set(from_mlflow) == set(from_rows)
    axes = varied_keys(results.trials)
    config = settle_regression(results.work.config)
    assert regress(from_mlflow, axes, config) == regress(from_rows, axes, config)
    assert regress(from_mlflow, axes, config) == finished.regression


def test_missing_trials_are_told(finished):
    with pytest.raises(UserError, match=r"misses 1 of 1 trials: run `idsweep track tiny`"):
        read_sealed(finished.tracking_uri, "tiny", {"unknown": "digest"})


@pytest.mark.parametrize("name", ["cat", "a/b", "a:2f:b", "..", "été", "a@b, (c)", "classes'"])
def test_names_of_classes_are_allowed_and_come_back(name):
    from mlflow.utils.validation import _validate_metric_name

    found = metric_name(f"id/twonn@{name}")
    _validate_metric_name(found)
    assert quantity_name(found) == f"id/twonn@{name}"


def test_names_of_classes_that_are_too_long_stay_distinct():
    found = {metric_name(f"id_last_hidden/twonn@{'x' * 400}{end}") for end in "ab"}
    assert len(found) == 2
    assert max(map(len, found)) <= 250


def test_profiles_of_classes_are_tracked_and_read_back(tiny_file, storage):
    settings = ["space=[{}]", "measure.class_samples=40", "measure.probe_classes=['3', '7']"]
    file = load_sweep(tiny_file, settings)
    result = run_sweep(file, storage, LocalProcess(), SilentProgress())
    assert result.tracking_uri is not None
    found = result.results.results[0]
    runs = {row[0]: row[6] for row in everything(result.tracking_uri).values()}
    for name, metric in (("3", "class/3"), ("7", "class/7"), ("classes", "classes")):
        profile = [r.value for r in found.rows if r.quantity == f"id/twonn@{name}"]
        assert [v for *_, v in runs[found.trial.name][f"id/twonn/{metric}"]] == profile
    digests = sealed_digests(result.results)
    from_mlflow = read_sealed(result.tracking_uri, "tiny", digests).table
    from_rows = numbers_table(result.results.results)
    assert set(from_mlflow) == set(from_rows)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_sweep_goes_on_without_mlflow_and_track_catches_up(tiny_file, tmp_path):
    lines = []
    storage = open_storage(tmp_path / "storage", create=True)
    result = run_sweep(
        load_sweep(tiny_file, ["space=[{}]"]),
        storage,
        LocalProcess(),
        PlainProgress(lines.append),
        f"http://user:secret@127.0.0.1:{free_port()}",
    )
    told = [line for line in lines if "tracking is off" in line]
    assert len(told) == 1
    assert "`idsweep track tiny` catches up" in told[0]
    assert "secret" not in "".join(lines)
    assert result.tracking_uri is None
    assert result.report.is_file()
    assert len(load_results(storage, "tiny").results) == 2
    uri = track_sweep(storage, "tiny", None, SilentProgress())
    names = {row[0] for row in everything(uri).values()}
    assert {r.trial.name for r in load_results(storage, "tiny").results} < names


def test_passwords_are_hidden():
    assert hide_password("postgresql://me:pw@host/db") == "postgresql://***@host/db"
    assert hide_password("http://me:p@ss/w@host down") == "http://***@host down"
    assert hide_password("sqlite:////tmp/x.db") == "sqlite:////tmp/x.db"


def test_a_folder_for_a_database_is_told_at_once(tmp_path):
    with pytest.raises(
        UserError, match=r"is a folder: name a file in it, such as sqlite:///.*\.db"
    ):
        connect(f"sqlite:///{tmp_path}")
