"""Whether an MLflow store works: it answers, lets this user in, and keeps files."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from sweep.errors import UserError
from sweep.secrets import hide_password
from sweep.tracking.store import answering, connect

PROXIED = "mlflow-artifacts:"
EXPERIMENTS = 1000


def examine_store(uri: str) -> tuple[int, str]:
    """How many experiments it shows, and why files can't be kept there, or "".

    A small file goes to a server's artifact store and is removed again; nothing else is
    written. Raises UserError if the store does not answer or refuses this user.
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
        return len(found), _round_trip(client, uri)
    path = Path(where.removeprefix("file://"))
    if where.startswith(("/", "file:")) and not os.access(path.parent, os.W_OK):
        return len(found), (
            f"the server leaves them to its clients at {path}, which is not here: start it with "
            "--artifacts-destination"
        )
    return len(found), ""


def _round_trip(client: Any, uri: str) -> str:
    """Put a file there, read it and remove it; returns what failed, or ""."""
    from mlflow.utils.rest_utils import http_request

    credentials = client._tracking_client.store.get_host_creds()
    name = f"idsweep-probe-{uuid.uuid4().hex}.txt"
    place = f"/api/2.0/mlflow-artifacts/artifacts/{name}"
    calls = (("PUT", b"idsweep"), ("GET", None), ("DELETE", None))
    try:
        with answering(uri):
            for method, body in calls:
                given = {} if body is None else {"data": body}
                answer = http_request(
                    credentials, place, method, max_retries=0, timeout=10, **given
                )
                if answer.status_code >= 400:
                    return f"{method} of a small file was answered {answer.status_code}"
    except UserError as error:
        return hide_password(str(error))
    return ""
