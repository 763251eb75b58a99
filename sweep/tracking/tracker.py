"""MLflow as a projection of what is sealed: written by the driver alone, and idempotent.

Experiment = sweep. One run per trial, found again by the tag `idsweep.trial`; runs of
their own for the sweep's file and report, and for each regression. Timestamps are those
of the sealed files, so sending a run a second time changes nothing.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from sweep.measurement import Measurement, write_rows
from sweep.paths import Storage
from sweep.regression import Regression
from sweep.results import TrialResult, rows_digest, scalars, trial_parameters
from sweep.sealing import MANIFEST, content_key
from sweep.tracking.names import BY_EPOCH, metric_name
from sweep.tracking.store import TAG, answering, connect, create_embedded, search_runs
from sweep.work import Work

METRICS_PER_BATCH = 1000
PARAMS_PER_BATCH = 100


class Tracker(Protocol):
    """Where results are shown. Each call may be repeated without effect."""

    def begin(self, work: Work, source: str) -> None:
        """The sweep and its file."""

    def trial(self, work: Work, result: TrialResult) -> None:
        """A trial that is trained and measured."""

    def regression(self, work: Work, regression: Regression, pictures: Sequence[Path]) -> None:
        """A regression, with pictures of it."""

    def report(self, work: Work, page: Path) -> None:
        """The report's page."""


class NullTracker:
    """Tracks nothing."""

    def begin(self, work: Work, source: str) -> None:
        pass

    def trial(self, work: Work, result: TrialResult) -> None:
        pass

    def regression(self, work: Work, regression: Regression, pictures: Sequence[Path]) -> None:
        pass

    def report(self, work: Work, page: Path) -> None:
        pass


class MlflowTracker:
    """Projects results into an MLflow tracking store.

    uri: of a tracking server or database; None is SQLite inside the storage.
    Raises UserError from `begin` if nothing answers there.
    """

    def __init__(self, storage: Storage, uri: str | None = None) -> None:
        self.uri = uri or storage.tracking_uri
        self._embedded = uri is None
        self._storage = storage
        self._client: Any = None
        self._experiment = ""
        self._runs: dict[str, Any] = {}

    def begin(self, work: Work, source: str) -> None:
        with answering(self.uri):
            self._begin(work, source)

    def trial(self, work: Work, result: TrialResult) -> None:
        with answering(self.uri):
            self._trial(work, result)

    def regression(self, work: Work, regression: Regression, pictures: Sequence[Path]) -> None:
        with answering(self.uri):
            self._regression(work, regression, pictures)

    def report(self, work: Work, page: Path) -> None:
        with answering(self.uri):
            run_id = self._sweep_run(work)
            self._client.log_artifact(run_id, str(page))

    def _begin(self, work: Work, source: str) -> None:
        if self._embedded:
            create_embedded(self._storage)
        self._client = connect(self.uri)
        self._experiment = self._find_experiment(work)
        self._runs = {_identity(run): run for run in search_runs(self._client, self._experiment)}
        run_id = self._sweep_run(work)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sweep.yaml"
            path.write_text(source)
            self._client.log_artifact(run_id, str(path))
        self._finish(run_id, _sealed_at(work.data.folder))

    def _sweep_run(self, work: Work) -> str:
        """The run that holds the sweep's file and report; its settings may change, so no params."""
        timestamp = _sealed_at(work.data.folder)
        return self._find_run("sweep", work.config.name, timestamp, {"role": "sweep"})

    def _trial(self, work: Work, result: TrialResult) -> None:
        from sweep.report.static import draw_profile

        trial = result.trial
        digest = rows_digest(result.all_rows)
        known = self._runs.get(f"trial={trial.key}")
        if known is not None:
            projected = known.data.tags.get(TAG + "rows")
            if projected == digest:
                return
            if projected is not None:  # measured anew with other settings: a fresh run
                self._client.delete_run(known.info.run_id)
                del self._runs[f"trial={trial.key}"]
        timestamp = _sealed_at(work.paths(trial).checkpoint(trial.epoch))
        tags = {"role": trial.role, "family": trial.config.model.name, "trial": trial.key}
        run_id = self._find_run(f"trial={trial.key}", trial.name, timestamp, tags)
        self._params(run_id, trial_parameters(trial) | {"data.digest": work.data.digest})
        self._metrics(run_id, _trial_metrics(result), timestamp)
        with tempfile.TemporaryDirectory() as folder:
            table, figure = Path(folder) / "measurements.parquet", Path(folder) / "profile.png"
            write_rows(table, result.all_rows)
            draw_profile(result).savefig(figure, dpi=100)
            self._client.log_artifact(run_id, str(table))
            self._client.log_artifact(run_id, str(figure))
        self._client.set_tag(run_id, TAG + "rows", digest)  # last: now it is whole
        self._finish(run_id, timestamp)

    def _regression(self, work: Work, regression: Regression, pictures: Sequence[Path]) -> None:
        digest = content_key(regression.to_json())
        identity = f"regression={digest}"
        known = self._runs.get(identity)
        if known is not None and known.data.tags.get(TAG + "rows") == digest:
            return
        timestamp = _sealed_at(work.data.folder)
        name = f"regression-{regression.num_trials}-trials"
        tags = {"role": "regression", "regression": digest}
        run_id = self._find_run(identity, name, timestamp, tags)
        settings = {name: getattr(regression, name) for name in ("response", "resamples", "seed")}
        self._params(run_id, settings)
        metrics = []
        for row in regression.correlations:
            scope = row.scope.replace(" ", "_")
            key = f"{row.method}/{row.predictor.replace('/', '_')}/{scope}"
            metrics += [(key, row.value, 0), (f"{key}/p", row.p_value, 0)]
        self._metrics(run_id, metrics, timestamp)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "regression.json"
            path.write_text(json.dumps(regression.to_json(), indent=1) + "\n")
            self._client.log_artifact(run_id, str(path))
            path = Path(folder) / "regression.csv"
            pd.DataFrame([vars(row) for row in regression.correlations]).to_csv(path, index=False)
            self._client.log_artifact(run_id, str(path))
            for picture in pictures:
                self._client.log_artifact(run_id, str(picture))
        self._client.set_tag(run_id, TAG + "rows", digest)
        self._finish(run_id, timestamp)

    def _find_experiment(self, work: Work) -> str:
        name = work.config.name
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            # A server knows where its artifacts go; a bare database would use this folder.
            served = self.uri.startswith(("http://", "https://"))
            location = None if served else (self._storage.artifacts / name).as_uri()
            tags = {"mlflow.note.content": _describe(work)}
            return str(self._client.create_experiment(name, location, tags))
        if experiment.lifecycle_stage == "deleted":
            self._client.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)

    def _find_run(self, identity: str, name: str, timestamp: int, tags: dict[str, str]) -> str:
        if identity not in self._runs:
            self._runs[identity] = self._client.create_run(
                self._experiment,
                start_time=timestamp,
                tags={TAG + key: value for key, value in tags.items()},
                run_name=name,
            )
        return str(self._runs[identity].info.run_id)

    def _params(self, run_id: str, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        entities = [Param(key, str(value)) for key, value in params.items()]
        for start in range(0, len(entities), PARAMS_PER_BATCH):
            self._client.log_batch(run_id, params=entities[start : start + PARAMS_PER_BATCH])

    def _metrics(self, run_id: str, metrics: list[tuple[str, float, int]], timestamp: int) -> None:
        from mlflow.entities import Metric

        entities = [
            Metric(metric_name(key), value, timestamp, step)
            for key, value, step in metrics
            if math.isfinite(value)  # MLflow would store NaN as 0
        ]
        for start in range(0, len(entities), METRICS_PER_BATCH):
            self._client.log_batch(run_id, metrics=entities[start : start + METRICS_PER_BATCH])

    def _finish(self, run_id: str, timestamp: int) -> None:
        self._client.set_terminated(run_id, "FINISHED", end_time=timestamp)


def _identity(run: Any) -> str:
    tags = run.data.tags
    for name in ("trial", "regression"):
        if TAG + name in tags:
            return f"{name}={tags[TAG + name]}"
    return str(tags.get(TAG + "role", run.info.run_id))


def _sealed_at(folder: Path) -> int:
    """Milliseconds since 1970 at which a folder was sealed."""
    return int((folder / MANIFEST).stat().st_mtime * 1000)


def _trial_metrics(result: TrialResult) -> list[tuple[str, float, int]]:
    """(key, value, step): history by epoch, profiles by layer index, scalars at step 0.

    Of a trial measured at several epochs the scalars of each too, its number being the step,
    for steps are whole and epochs may not be.
    """
    metrics = [
        (f"history/{name}", value, int(record["epoch"]))
        for record in result.history
        for name, value in record.items()
        if name != "epoch"
    ]
    metrics += _profile_metrics(result.rows)
    for name, scalar in scalars(result.rows).items():
        metrics.append((name, scalar.value, 0))
    if result.earlier:
        by_epoch = {**result.earlier, result.trial.epoch: result.rows}
        for step, (epoch, rows) in enumerate(by_epoch.items()):
            metrics.append((f"{BY_EPOCH}epoch", epoch, step))
            for name, scalar in scalars(rows).items():
                metrics.append((BY_EPOCH + name, scalar.value, step))
    return metrics


def _profile_metrics(rows: list[Measurement]) -> list[tuple[str, float, int]]:
    metrics = []
    depths: dict[int, float] = {}
    for row in rows:
        if row.layer_index is None or row.quantity == "last_hidden":
            continue
        metrics.append((row.quantity, row.value, row.layer_index))
        depths[row.layer_index] = row.relative_depth or 0.0
    metrics += [("relative_depth", depth, index) for index, depth in sorted(depths.items())]
    return metrics


def _describe(work: Work) -> str:
    return (
        f"{work.config.description}\n\n"
        "One run per trial (tag `idsweep.role`: trained or untrained). `id/twonn` has one value "
        "per layer, step = layer index; `relative_depth` has the same steps, so it can be the "
        "x-axis of a chart. `id_last_hidden/...`, `id_peak/...` and `test_accuracy` are one "
        "number per trial. `id/twonn/class/NAME` is measured on one class, `id/twonn/classes` is "
        "the mean over them. `by_epoch/...` has the same of networks measured at several epochs, "
        "a step each, and `by_epoch/epoch` says which. Regressions are runs of their own."
    )
