"""Whether an MLflow store works: it answers, lets this user in, and keeps files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sweep.tracking.store import answering, connect

PROXIED = "mlflow-artifacts:"
EXPERIMENTS = 1000


def examine_store(uri: str) -> tuple[int, str]:
    """How many experiments it shows, and why files can't be kept there, or "".

    Nothing is written, so nothing can be left there: whether a server's artifact store can be
    written shows with the first run. Raises UserError if the store does not answer or refuses
    this user.
    """
    # Who asks whether it answers has no time to try again and again.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
    client = connect(uri)
    with answering(uri):
        found = client.search_experiments(max_results=EXPERIMENTS)
    where = next((one.artifact_location for one in found), "")
    if not uri.startswith(("http://", "https://")):
        return len(found), ""
    if where.startswith(PROXIED):
        with answering(uri):
            return len(found), _listing(client)
    path = Path(where.removeprefix("file://"))
    if where.startswith(("/", "file:")) and not os.access(path.parent, os.W_OK):
        return len(found), (
            f"the server leaves them to its clients at {path}, which is not here: start it with "
            "--artifacts-destination"
        )
    return len(found), ""


def _listing(client: Any) -> str:
    """Ask the server what it keeps in a folder that no one has; returns what failed, or ""."""
    from mlflow.utils.rest_utils import http_request

    credentials = client._tracking_client.store.get_host_creds()
    given = {"params": {"path": "idsweep-probe"}, "max_retries": 0, "timeout": 10}
    answer = http_request(credentials, "/api/2.0/mlflow-artifacts/artifacts", "GET", **given)
    return "" if answer.status_code < 400 else f"its artifact store answers {answer.status_code}"
