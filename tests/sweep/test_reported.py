"""A finished sweep run again: it says so, and makes nothing twice."""

import json

import pytest

from sweep.execution import LocalProcess
from sweep.paths import open_storage
from sweep.pipeline import run_sweep
from sweep.progress import PlainProgress
from sweep.sweepfile import parse_sweep

SWEEP = """
name: small
model: {name: mlp, width: 4, depth: 1}
training: {epochs: 1, num_images: 16, batch_size: 8}
measure: {layers: last_hidden, num_samples: 8, untrained: false}
analyses: {accuracy_images: 8, intrinsic: null, linear: null}
regression: {predictors: [training.seed]}
space:
  - training.seed: {grid: SEEDS}
"""
NOTHING, UNCHANGED = "nothing to do: all is sealed", "the report is as it was"


class Sweep:
    def __init__(self, folder):
        self.storage = open_storage(folder, create=True)
        self.paths = self.storage.sweep("small")

    def run(self, seeds=(0, 1, 2), more="", **options):
        """Run it; what it said."""
        said = []
        text = SWEEP.replace("SEEDS", str(list(seeds))) + more
        progress = PlainProgress(said.append)
        file = parse_sweep(text, "small")
        run_sweep(file, self.storage, LocalProcess(), progress, **options)
        return "\n".join(said)

    def written(self):
        return self.paths.report.stat().st_mtime_ns


@pytest.fixture
def sweep(tmp_path):
    made = Sweep(tmp_path)
    first = made.run()
    assert NOTHING not in first
    assert UNCHANGED not in first
    return made


def test_nothing_is_made_twice(sweep):
    before = sweep.written()
    again = sweep.run()
    assert NOTHING in again
    assert UNCHANGED in again
    assert sweep.written() == before


def test_what_changes_the_report_makes_it_anew(sweep):
    before = sweep.written()
    assert UNCHANGED not in sweep.run(seeds=(0, 1, 2, 3))
    longer = sweep.written()
    assert longer > before
    assert NOTHING in (said := sweep.run(seeds=(0, 1, 2, 3), more="description: other words\n"))
    assert UNCHANGED not in said
    assert sweep.written() > longer
    sweep.paths.report.unlink()
    assert UNCHANGED not in sweep.run(seeds=(0, 1, 2, 3), more="description: other words\n")
    sweep.paths.reported.write_text("{")
    assert UNCHANGED not in sweep.run(seeds=(0, 1, 2, 3), more="description: other words\n")
    assert UNCHANGED in sweep.run(seeds=(0, 1, 2, 3), more="description: other words\n")


def test_a_report_that_mlflow_lacks_is_brought(sweep):
    """While nothing answers, none counts as made; elsewhere it is made again."""
    away = "http://127.0.0.1:9"
    assert "tracking is off" in sweep.run(tracking_uri=away)
    assert not sweep.paths.reported.exists()
    assert UNCHANGED not in sweep.run(tracking_uri="embedded")
    assert json.loads(sweep.paths.reported.read_text())["tracked"].startswith("sqlite:///")
    assert UNCHANGED in sweep.run(tracking_uri="embedded")


def test_what_is_gone_from_the_folder_comes_back(sweep):
    sweep.paths.regression.unlink()
    assert UNCHANGED not in sweep.run()
    assert sweep.paths.regression.is_file()
    sweep.paths.report.write_text("another's")
    assert UNCHANGED not in sweep.run()
    assert sweep.paths.report.read_text() != "another's"
    assert UNCHANGED in sweep.run()


def test_what_is_gone_from_mlflow_comes_back(sweep):
    from mlflow import MlflowClient

    client = MlflowClient(sweep.storage.tracking_uri)
    experiment = client.get_experiment_by_name("small").experiment_id

    def roles():
        runs = client.search_runs([experiment])
        return {run.data.tags["idsweep.role"]: run.info.run_id for run in runs}

    for role in ("regression", "sweep"):
        client.delete_run(roles()[role])
        assert UNCHANGED not in sweep.run()
        assert role in roles()
    assert UNCHANGED in sweep.run()
