"""Profiles at several epochs: sealed on the way, each measured, and no trace in the outcome."""

import pytest
import torch

from sweep.execution import LocalProcess
from sweep.export import export_rows
from sweep.measurement import read_rows
from sweep.models.catalog import build_network
from sweep.numbers import numbers_table
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress, SilentProgress
from sweep.results import rows_digest, sealed_digests
from sweep.scalars import scalars
from sweep.sealing import file_digest
from sweep.sweepfile import parse_sweep
from sweep.tracking import connect, read_sealed, search_runs
from sweep.training.checkpoints import WEIGHTS, load_checkpoint, read_history

TEXT = """
name: dynamics
model: {name: mlp, width: 16}
training: {epochs: 2}
measure: {num_samples: 60, untrained: false, epochs: [1, 0, 0.5, 7]}
analyses: {linear: null}
"""


def run(folder, *overrides):
    storage = open_storage(folder, create=True)
    sweep = parse_sweep(TEXT, "dynamics.yaml", overrides)
    return run_sweep(sweep, storage, LocalProcess(), SilentProgress()).results


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return run(tmp_path_factory.mktemp("dynamics") / "storage")


def weights(results, epoch):
    (trial,) = results.trials
    return results.work.paths(trial).checkpoint(epoch) / WEIGHTS


def test_each_epoch_before_the_last_has_rows_of_its_own(results):
    (result,) = results.results
    assert list(result.earlier) == [0.0, 0.5, 1.0]
    for epoch, rows in {**result.earlier, 2.0: result.rows}.items():
        assert {row.checkpoint for row in rows} == {epoch}
        assert scalars(rows).keys() == scalars(result.rows).keys()
    accuracy = [scalars(rows)["test_accuracy"].value for rows in result.earlier.values()]
    assert accuracy[0] < accuracy[1] < accuracy[2]


def test_the_first_is_the_network_at_initialization(results):
    (trial,) = results.trials
    work = results.work
    loaded = load_checkpoint(trial.at(0.0), work.data, work.paths(trial)).network
    fresh = build_network(trial.config.model, work.data, trial.config.training.seed).network
    pairs = zip(loaded.parameters(), fresh.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_history_ends_where_the_checkpoint_does(results):
    found = [len(read_history(weights(results, epoch).parent)) for epoch in (0, 0.5, 1, 2)]
    assert found == [0, 0, 1, 2]


def test_they_change_nothing_of_the_last(results, tmp_path):
    alone = run(tmp_path / "storage", "measure.epochs=[]")
    assert file_digest(weights(alone, 2)) == file_digest(weights(results, 2))
    assert rows_digest(alone.results[0].rows) == rows_digest(results.results[0].rows)


def test_one_added_later_is_trained_again_and_measured_alone(tmp_path):
    before = run(tmp_path / "storage", "measure.epochs=[]")
    sealed = {path: path.stat().st_mtime_ns for path in weights(before, 2).parent.iterdir()}
    after = run(tmp_path / "storage", "measure.epochs=[1]")
    assert {path: path.stat().st_mtime_ns for path in sealed} == sealed
    assert list(after.results[0].earlier) == [1.0]


def test_the_export_holds_all(results, tmp_path):
    storage = results.work.storage
    export_rows(storage, "dynamics", tmp_path / "rows.parquet")
    rows = read_rows(tmp_path / "rows.parquet")
    assert list(dict.fromkeys(row.checkpoint for row in rows)) == [0.0, 0.5, 1.0, 2.0]


def test_mlflow_has_each_and_gives_the_last_back(results):
    storage = results.work.storage
    client = connect(storage.tracking_uri)
    experiment = client.get_experiment_by_name("dynamics").experiment_id
    (run,) = [
        run
        for run in search_runs(client, experiment)
        if run.data.tags.get("idsweep.role") == "trained"
    ]
    steps = client.get_metric_history(run.info.run_id, "by_epoch/epoch")
    assert {metric.step: metric.value for metric in steps} == {0: 0, 1: 0.5, 2: 1, 3: 2}
    (result,) = results.results
    table = read_sealed(storage.tracking_uri, "dynamics", sealed_digests(results)).table
    assert set(table.columns) == set(numbers_table([result]).columns)


def test_the_report_shows_the_course(results):
    paths = results.work.sweep_paths
    assert paths.picture("dynamics").read_bytes().startswith(b"\x89PNG")
    assert 'data-part="epochs"' in paths.report.read_text()


def test_measuring_alone_leaves_out_epochs_that_were_never_sealed(tmp_path):
    before = run(tmp_path / "storage", "measure.epochs=[1]")
    lines = []
    sweep = parse_sweep(TEXT, "dynamics.yaml", ["measure.epochs=[0,1]"])
    after = run_sweep(
        sweep, before.work.storage, LocalProcess(), PlainProgress(lines.append), train=False
    )
    (result,) = after.results.results
    assert list(result.earlier) == [1.0]
    assert any("not sealed at all of measure.epochs" in line for line in lines)


def test_epochs_that_no_trial_reaches_are_told(tmp_path):
    lines = []
    sweep = parse_sweep(TEXT, "dynamics.yaml")
    storage = open_storage(tmp_path / "storage", create=True)
    run_sweep(sweep, storage, LocalProcess(), PlainProgress(lines.append))
    assert "measure.epochs: no trial reaches 7" in lines


def test_a_small_fraction_of_an_epoch_is_a_step(tmp_path):
    found = run(tmp_path / "storage", "measure.epochs=[0,0.01]")
    assert file_digest(weights(found, 0)) != file_digest(weights(found, 0.01))
