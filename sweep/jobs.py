"""A cluster's jobs: the dashboard's HTTP interface, with Ray's token. Needs no Ray here.

Ray's own client has no time limits, and takes RAY_ADDRESS over the address it is given.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from sweep.errors import UserError
from sweep.nearest import nearest

ANSWER_SECONDS = (5.0, 60.0)
POLL_SECONDS, MOST_POLL_SECONDS = 1.0, 10.0
AWAY_SECONDS = 120.0
RUNNING = ("PENDING", "RUNNING")
NAME, SWEEPS, STORAGE = "idsweep.name", "idsweep.sweeps", "idsweep.storage"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Job:
    """One job. started, ended: seconds since the epoch, None if not yet."""

    key: str
    status: str
    message: str
    started: float | None
    ended: float | None
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        return self.status in RUNNING

    @property
    def name(self) -> str:
        """Of the sweep or suite; "" for a job that is none of idsweep's."""
        return self.metadata.get(NAME, "")

    @property
    def sweeps(self) -> set[str]:
        """Names of the sweeps that it runs."""
        return set(filter(None, self.metadata.get(SWEEPS, "").split(",")))

    @property
    def storage(self) -> str:
        return self.metadata.get(STORAGE, "")


class NoDashboardError(UserError):
    """The dashboard can't be reached, now."""


class JobServer:
    """The jobs of one cluster. All methods raise UserError in one line if they fail."""

    def __init__(self, address: str) -> None:
        import requests

        self.address = _url(address)
        self._session = requests.Session()
        # A proxy leads to no tunnel on loopback.
        self._session.trust_env = urlsplit(self.address).hostname not in LOOPBACK
        self._session.auth = _Token(_token())

    def jobs(self) -> list[Job]:
        """All jobs that were submitted, the newest last."""
        found = self._json("GET", "/api/jobs/")
        if not isinstance(found, list):
            raise UserError(f"{self.address} is no Ray dashboard: --address takes its address")
        jobs = [_job(entry) for entry in found if entry.get("submission_id")]
        return sorted(jobs, key=lambda job: job.started or 0.0)

    def job(self, key: str) -> Job:
        """One job as it stands."""
        return _job(self._json("GET", f"/api/jobs/{quote(key, safe='')}"))

    def find(self, text: str) -> Job:
        """The job of this id, else the newest of this sweep or suite."""
        jobs = self.jobs()
        by_key = {job.key: job for job in jobs}
        by_name = {name: job for job in jobs for name in (*job.sweeps, job.name) if name}
        found = by_key.get(text) or by_name.get(text)
        if found is None:
            known = [*by_key, *sorted(by_name)]
            hint = nearest(text, known) if known else "it has none"
            raise UserError(f"no job {text!r} at {self.address}; {hint}")
        return found

    def submit(
        self, key: str, entrypoint: str, package: bytes, metadata: Mapping[str, str]
    ) -> None:
        """Start a job on the head, in a folder of its own with the files of a zip archive.

        Raises UserError if there is a job of this id.
        """
        import hashlib

        name = f"_ray_pkg_{hashlib.sha256(package).hexdigest()[:16]}.zip"
        self._call("PUT", f"/api/packages/gcs/{name}", data=package)
        self._call(
            "POST",
            "/api/jobs/",
            json={
                "entrypoint": entrypoint,
                "submission_id": key,
                "runtime_env": {"working_dir": f"gcs://{name}"},
                "metadata": dict(metadata),
                "entrypoint_num_cpus": 0,
            },
        )

    def logs(self, key: str) -> str:
        """All that the job has printed."""
        return str(self._json("GET", f"/api/jobs/{quote(key, safe='')}/logs").get("logs") or "")

    def follow(self, key: str) -> Iterator[str]:
        """What the job prints, piece by piece, until it ends.

        A connection that is lost for a while is taken up again.
        """
        shown, pause, answered = 0, POLL_SECONDS, time.monotonic()
        while True:
            try:
                running = self.job(key).running
                text = self.logs(key)
                answered = time.monotonic()
            except NoDashboardError:
                if time.monotonic() - answered > AWAY_SECONDS:
                    raise
                time.sleep(pause)
                continue
            if len(text) > shown:
                yield text[shown:]
                shown, pause = len(text), POLL_SECONDS
            if not running:
                return
            time.sleep(pause)
            pause = min(1.5 * pause, MOST_POLL_SECONDS)

    def stop(self, key: str) -> bool:
        """Ask a job to end; whether it was running."""
        found = self._json("POST", f"/api/jobs/{quote(key, safe='')}/stop")
        return bool(found.get("stopped"))

    def _json(self, method: str, place: str) -> Any:
        answer = self._call(method, place)
        try:
            return answer.json()
        except ValueError as error:
            raise UserError(
                f"{self.address} is no Ray dashboard: --address takes its address"
            ) from error

    def _call(self, method: str, place: str, **given: Any) -> Any:
        import requests

        try:
            answer = self._session.request(
                method,
                self.address + place,
                timeout=ANSWER_SECONDS,
                allow_redirects=False,
                **given,
            )
        except requests.RequestException as error:
            raise NoDashboardError(
                f"no Ray dashboard answers at {self.address} ({type(error).__name__}): it is on "
                "loopback of the head (`pip install 'idsweep[cluster]'` there), so open a tunnel: "
                "ssh -L 8265:127.0.0.1:8265 HEAD"
            ) from error
        if answer.ok:
            return answer
        if answer.status_code in (401, 403):
            what = "asks for a token" if answer.status_code == 401 else "refuses the token"
            raise UserError(
                f"the cluster at {self.address} {what}: set RAY_AUTH_MODE=token, and "
                "RAY_AUTH_TOKEN_PATH to a file with its token"
            )
        if answer.status_code in (404, 405) and place == "/api/jobs/":
            raise UserError(f"{self.address} is no Ray dashboard: --address takes its address")
        # A server's traceback ends with what went wrong, if not with a line that says nothing.
        lines = [line for line in answer.text.splitlines() if len(line.strip()) > 1] or [""]
        raise UserError(f"{self.address} answered {answer.status_code} ({lines[-1].strip()[:200]})")


class _Token:
    """Shows the token with every request; without one, shows nothing of the user's either."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _token() -> str:
    """Ray's token, looked for where Ray looks; "" where RAY_AUTH_MODE asks for none."""
    if os.environ.get("RAY_AUTH_MODE", "").lower() != "token":
        return ""
    if token := os.environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    path = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or "~/.ray/auth_token").expanduser()
    try:
        return path.read_text().strip()
    except OSError as error:
        raise UserError(
            f"RAY_AUTH_MODE is token, but {path} can't be read ({error.strerror}): put the "
            "cluster's token there, or name its file in RAY_AUTH_TOKEN_PATH"
        ) from error


def _url(address: str) -> str:
    """The dashboard's URL, from it or from HOST:PORT."""
    url = address if "://" in address else f"http://{address}"
    parts = urlsplit(url)
    try:
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port is not None
    except ValueError:
        whole = False
    if not whole or "@" in parts.netloc or parts.query or parts.fragment:
        raise UserError(
            "--address takes the dashboard's address, such as http://127.0.0.1:8265, but got "
            f"{address.rpartition('@')[2]!r}"
        )
    return url.rstrip("/")


def _job(entry: Mapping[str, Any]) -> Job:
    def seconds(name: str) -> float | None:
        return entry[name] / 1000 if entry.get(name) else None

    return Job(
        key=entry.get("submission_id") or entry.get("job_id") or "",
        status=entry.get("status") or "",
        message=entry.get("message") or "",
        started=seconds("start_time"),
        ended=seconds("end_time"),
        metadata=entry.get("metadata") or {},
    )
