"""Reaching an MLflow store, and reading the trials back from it."""

from __future__ import annotations

import ast
import logging
import os
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pandas as pd

from sweep.errors import UserError
from sweep.paths import Storage
from sweep.results import scalar_name, sorted_trials
from sweep.sealing import TEMPORARY_PREFIX
from sweep.tracking.names import BY_EPOCH, quantity_name

TAG = "idsweep."
ANSWER_SECONDS = 3.0


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Whatever MLflow, its database or the network raise inside is a UserError in one line."""
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, requests.RequestException, OSError) as error:
        first_line = (str(error).splitlines() or [""])[0][:200]
        raise UserError(
            f"MLflow at {hide_password(uri)} failed ({type(error).__name__}: "
            f"{hide_password(first_line)})"
        ) from error


def create_embedded(storage: Storage) -> None:
    """Make the storage's SQLite store, sealed or absent: its tables take seconds to make."""
    if storage.tracking_file.exists():
        return
    temporary = storage.folder / f"{TEMPORARY_PREFIX}mlflow-{uuid.uuid4().hex[:8]}.db"
    try:
        connect(f"sqlite:///{temporary}").search_experiments()
        temporary.rename(storage.tracking_file)
    finally:
        temporary.unlink(missing_ok=True)


def connect(uri: str) -> Any:
    """An MLflow client for `uri`; UserError within seconds if nothing answers."""
    if uri.startswith(("http://", "https://")):
        _probe(uri)
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    import mlflow

    for name in ("alembic", "mlflow"):  # each tells of every table it makes
        logging.getLogger(name).setLevel(logging.WARNING)

    with answering(uri):
        return mlflow.MlflowClient(tracking_uri=uri)


def send(call: Callable[[], None]) -> None:
    """Make a tracker's call; if MLflow is gone by now, `idsweep track` brings what it misses."""
    with suppress(UserError):
        call()


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


def read_trials(uri: str, experiment: str, digests: Mapping[str, str]) -> pd.DataFrame:
    """The table of trials read back from MLflow: the same columns as `trials_table`.

    digests: of the rows of each trial that belongs to the sweep now, by its key. Raises
    UserError if MLflow doesn't answer, or misses one of them as it is sealed.
    """
    client = connect(uri)
    with answering(uri):
        found = client.get_experiment_by_name(experiment)
        runs = search_runs(client, found.experiment_id) if found else []
    records = []
    for run in runs:
        key = run.data.tags.get(TAG + "trial")
        if key not in digests or run.data.tags.get(TAG + "rows") != digests[key]:
            continue
        params = {name: _parsed(text) for name, text in run.data.params.items()}
        params.pop("data.digest", None)
        metrics = {quantity_name(name): value for name, value in run.data.metrics.items()}
        summary = {
            name: value
            for name, value in metrics.items()
            if not name.startswith(("history/", BY_EPOCH))
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
    missing = digests.keys() - {str(record["trial"]) for record in records}
    if missing:
        raise UserError(
            f"MLflow experiment {experiment!r} at {hide_password(uri)} misses {len(missing)} of "
            f"{len(digests)} trials: run `idsweep track {experiment}`"
        )
    return sorted_trials(records)


def hide_password(text: str) -> str:
    """A text without the user and password that a URI in it may hold."""
    return re.sub(r"://\S*@", "://***@", text)


def serve_ui(storage: Storage, port: int) -> int:
    """Serve the embedded store's MLflow pages on loopback until stopped; returns its exit code."""
    import subprocess
    import sys

    arguments = ["--backend-store-uri", storage.tracking_uri, "--host", "127.0.0.1"]
    arguments += ["--port", str(port), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    print(f"starting MLflow on http://127.0.0.1:{port}; Ctrl-C ends it", flush=True)  # noqa: T201
    try:
        command = [sys.executable, "-m", "mlflow", "server", *arguments]
        return subprocess.call(command, env=environment)
    except KeyboardInterrupt:
        return 0


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
