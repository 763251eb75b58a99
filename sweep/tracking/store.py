"""Reaching an MLflow store."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sweep.collector import collector_paused
from sweep.errors import UserError, first_line
from sweep.secrets import hide_password

TAG = "idsweep."
SQLITE = "sqlite:///"
# To take a connection, and to answer: a busy server may take its time for that.
ANSWER_SECONDS = (3.0, 20.0)
RUNS_PER_PAGE = 1000
SETTINGS = {
    # Each failure is told soon, and whoever called tries again with what it knows by then.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",  # nothing leaves this machine unasked
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
REFUSALS = {
    401: "refuses the user or the password: set MLFLOW_TRACKING_USERNAME and "
    "MLFLOW_TRACKING_PASSWORD",
    403: "refuses what this user may not do: ask for the right to edit experiments there",
}


@contextmanager
def answering(uri: str) -> Iterator[None]:
    """Whatever MLflow, its database or the network raise inside is a UserError in one line."""
    prepare_mlflow()
    import requests
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ImportError as error:
        raise UserError(
            f"no driver for the database {hide_password(uri)} ({error}): install "
            "idsweep[postgres] and write postgresql+psycopg2://..., or ask for a server before it"
        ) from error
    except (MlflowException, SQLAlchemyError, requests.RequestException, OSError) as error:
        says = first_line(error)[:200]
        for code, problem in REFUSALS.items():
            if f"failed with error code {code}" in says:
                raise UserError(f"MLflow at {hide_password(uri)} {problem}") from error
        raise UserError(
            f"MLflow at {hide_password(uri)} failed ({type(error).__name__}: {hide_password(says)})"
        ) from error


def connect(uri: str) -> Any:
    """An MLflow client for `uri`; UserError within seconds if nothing answers."""
    if uri.startswith(("http://", "https://")):
        _probe(uri)
    path = _sqlite_file(uri)
    if path is not None and path.is_dir():  # MLflow would try to open it for minutes
        raise UserError(f"{uri} is a folder: name a file in it, such as {SQLITE}{path}/mlflow.db")
    prepare_mlflow()
    import mlflow

    with answering(uri):
        return mlflow.MlflowClient(tracking_uri=uri)


def check_there(uri: str) -> None:
    """Raise UserError for an SQLite file that is not there: who only looks must not make it."""
    path = _sqlite_file(uri)
    if path is not None and not path.exists():
        raise UserError(f"there is no MLflow store {path}: nothing was tracked there yet")


def _sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite URI; None for any other."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0]) if uri.startswith(SQLITE) else None


def prepare_mlflow() -> None:
    """Settings that MLflow reads as it is imported or called; what the user has set stays."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("alembic", "mlflow"):  # each tells of every table it makes
        logging.getLogger(name).setLevel(logging.WARNING)
    # It prints a traceback of what it raises too, and we tell that in one line.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def send(call: Callable[[], None]) -> bool:
    """Make a tracker's call; if MLflow is gone by now, `idsweep track` brings what it misses.

    Returns whether it is there.
    """
    with suppress(UserError):
        call()
        return True
    return False


def search_runs(client: Any, experiment_id: str, filter_string: str = "") -> list[Any]:
    """All runs of an experiment that are not deleted, or those that a filter leaves of them."""
    runs: list[Any] = []
    token = None
    with collector_paused():
        while True:
            page = client.search_runs(
                [experiment_id], filter_string, max_results=RUNS_PER_PAGE, page_token=token
            )
            runs += page
            token = page.token
            if not token:
                return runs


def _probe(uri: str) -> None:
    import requests

    try:
        requests.get(uri.rstrip("/") + "/health", timeout=ANSWER_SECONDS)
    except requests.RequestException as error:
        raise UserError(
            f"MLflow does not answer at {hide_password(uri)} ({type(error).__name__})"
        ) from error
