"""MLflow as a projection of what is sealed: written by the driver alone, and idempotent.

Experiment = sweep. One run per trial, found again by the tag `idsweep.trial`; runs of
their own for the sweep's file and report, and for each regression. Timestamps are those
of the sealed files, so sending a run a second time changes nothing.
"""

from __future__ import annotations

import ast
import json
import logging
import math
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from sweep.errors import UserError
from sweep.measurement import Measurement, write_rows
from sweep.paths import Storage
from sweep.regression import Regression
from sweep.results import TrialResult, scalar_name, scalars, sorted_trials, trial_parameters
from sweep.sealing import MANIFEST, content_key
from sweep.space import flatten
from sweep.work import Work

TAG = "idsweep."
METRICS_PER_BATCH = 1000
PARAMS_PER_BATCH = 100
ANSWER_SECONDS = 3.0


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
        self._client = connect(self.uri)
        self._experiment = self._find_experiment(work)
        self._runs = {_identity(run): run for run in search_runs(self._client, self._experiment)}
        timestamp = _sealed_at(work.data.folder)
        run_id = self._find_run("sweep", work.config.name, timestamp, {"role": "sweep"})
        self._params(run_id, flatten(_sweep_parameters(work)))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sweep.yaml"
            path.write_text(source)
            self._client.log_artifact(run_id, str(path))
        self._finish(run_id, timestamp)

    def trial(self, work: Work, result: TrialResult) -> None:
        from sweep.report.static import draw_profile

        trial = result.trial
        digest = content_key([vars(row) for row in result.rows if math.isfinite(row.value)])
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
            write_rows(table, result.rows)
            draw_profile(result).savefig(figure, dpi=100)
            self._client.log_artifact(run_id, str(table))
            self._client.log_artifact(run_id, str(figure))
        self._client.set_tag(run_id, TAG + "rows", digest)  # last: now it is whole
        self._finish(run_id, timestamp)

    def regression(self, work: Work, regression: Regression, pictures: Sequence[Path]) -> None:
        digest = content_key(regression.to_json())
        identity = f"regression={digest}"
        known = self._runs.get(identity)
        if known is not None and known.data.tags.get(TAG + "rows") == digest:
            return
        timestamp = _sealed_at(work.data.folder)
        name = f"regression-{regression.num_trials}-trials"
        tags = {"role": "regression", "regression": digest}
        run_id = self._find_run(identity, name, timestamp, tags)
        self._params(run_id, flatten({"regression": work.config.regression.model_dump()}))
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

    def report(self, work: Work, page: Path) -> None:
        timestamp = _sealed_at(work.data.folder)
        run_id = self._find_run("sweep", work.config.name, timestamp, {"role": "sweep"})
        self._client.log_artifact(run_id, str(page))

    def _find_experiment(self, work: Work) -> str:
        name = work.config.name
        experiment = self._client.get_experiment_by_name(name)
        if experiment is None:
            location = (self._storage.artifacts / name).as_uri() if self._embedded else None
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
            Metric(key, value, timestamp, step)
            for key, value, step in metrics
            if math.isfinite(value)  # MLflow would store NaN as 0
        ]
        for start in range(0, len(entities), METRICS_PER_BATCH):
            self._client.log_batch(run_id, metrics=entities[start : start + METRICS_PER_BATCH])

    def _finish(self, run_id: str, timestamp: int) -> None:
        self._client.set_terminated(run_id, "FINISHED", end_time=timestamp)


def send(call: Callable[[], None]) -> None:
    """Make a tracker's call; if MLflow is gone by now, `idsweep track` brings what it misses."""
    import requests
    from mlflow.exceptions import MlflowException

    with suppress(MlflowException, requests.RequestException, OSError):
        call()


def connect(uri: str) -> Any:
    """An MLflow client for `uri`; UserError within seconds if nothing answers."""
    if uri.startswith(("http://", "https://")):
        _probe(uri)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow
    from mlflow.exceptions import MlflowException

    for name in ("alembic", "mlflow"):  # each tells of every table it makes
        logging.getLogger(name).setLevel(logging.WARNING)

    try:
        return mlflow.MlflowClient(tracking_uri=uri)
    except (MlflowException, OSError) as error:
        first_line = (str(error).splitlines() or [""])[0]
        raise UserError(f"MLflow does not answer at {hide_password(uri)}: {first_line}") from error


def search_runs(client: Any, experiment_id: str) -> list[Any]:
    """All runs of an experiment that are not deleted."""
    runs: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment_id], max_results=1000, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def read_trials(uri: str, experiment: str, keys: set[str]) -> Any:
    """The table of trials read back from MLflow: the same columns as `trials_table`.

    keys: the trials that belong to the sweep now. Raises UserError if MLflow doesn't
    answer or misses one of them.
    """
    client = connect(uri)
    found = client.get_experiment_by_name(experiment)
    runs = search_runs(client, found.experiment_id) if found else []
    records = []
    for run in runs:
        key = run.data.tags.get(TAG + "trial")
        if key not in keys or TAG + "rows" not in run.data.tags:
            continue
        params = {name: _parsed(text) for name, text in run.data.params.items()}
        params.pop("data.digest", None)
        metrics = run.data.metrics
        summary = {
            name: value
            for name, value in metrics.items()
            if not name.startswith("history/")
            and name != "relative_depth"
            and scalar_name(name, "peak") not in metrics  # a profile: one value per layer
        }
        records.append(
            {
                "trial": key,
                "name": run.info.run_name,
                "role": run.data.tags[TAG + "role"],
                **params,
                **summary,
            }
        )
    missing = keys - {str(record["trial"]) for record in records}
    if missing:
        raise UserError(
            f"MLflow experiment {experiment!r} at {hide_password(uri)} misses {len(missing)} of "
            f"{len(keys)} trials: run `idsweep track {experiment}`"
        )
    return sorted_trials(records)


def hide_password(text: str) -> str:
    """A text without the user and password that a URI in it may hold."""
    return re.sub(r"://[^/@\s]*@", "://***@", text)


def _parsed(text: str) -> Any:
    """MLflow keeps parameters as text: back to the number, truth value or name it was."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _probe(uri: str) -> None:
    import requests

    try:
        requests.get(uri.rstrip("/") + "/health", timeout=ANSWER_SECONDS)
    except requests.RequestException as error:
        raise UserError(
            f"MLflow does not answer at {hide_password(uri)} ({type(error).__name__})"
        ) from error


def _identity(run: Any) -> str:
    tags = run.data.tags
    for name in ("trial", "regression"):
        if TAG + name in tags:
            return f"{name}={tags[TAG + name]}"
    return str(tags.get(TAG + "role", run.info.run_id))


def _sealed_at(folder: Path) -> int:
    """Milliseconds since 1970 at which a folder was sealed."""
    return int((folder / MANIFEST).stat().st_mtime * 1000)


def _sweep_parameters(work: Work) -> dict[str, Any]:
    config = work.config
    return {
        "data": config.data.model_dump() | {"digest": work.data.digest},
        "measure": config.measure.model_dump(),
        "analyses": config.analyses.model_dump(),
    }


def _trial_metrics(result: TrialResult) -> list[tuple[str, float, int]]:
    """(key, value, step): history by epoch, profiles by layer index, scalars at step 0."""
    metrics = [
        (f"history/{name}", value, int(record["epoch"]))
        for record in result.history
        for name, value in record.items()
        if name != "epoch"
    ]
    metrics += _profile_metrics(result.rows)
    for name, scalar in scalars(result.rows).items():
        metrics.append((name, scalar.value, 0))
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
        "number per trial. Regressions are runs of their own."
    )


def serve_ui(storage: Storage, port: int) -> int:
    """Serve the embedded store's MLflow pages on loopback until stopped; returns its exit code."""
    import subprocess
    import sys

    arguments = ["--backend-store-uri", storage.tracking_uri, "--host", "127.0.0.1"]
    arguments += ["--port", str(port), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    print(f"MLflow on http://127.0.0.1:{port}; Ctrl-C ends it", flush=True)  # noqa: T201
    try:
        command = [sys.executable, "-m", "mlflow", "server", *arguments]
        return subprocess.call(command, env=environment)
    except KeyboardInterrupt:
        return 0
