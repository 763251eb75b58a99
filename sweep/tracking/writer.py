"""Runs written into one MLflow experiment: each once, whole or known to be unfinished."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from sweep.tracking.content import NOTE, OWN_RUN, RunContent
from sweep.tracking.known import PROJECTED, PROJECTION, ROWS, KnownRun, know, sort_doubles
from sweep.tracking.names import metric_name
from sweep.tracking.store import search_runs

# Of MLflow's 1,000 entries, 100 parameters and 100 tags a batch; two tags are ours.
METRICS_PER_BATCH, PARAMS_PER_BATCH, TAGS_PER_BATCH = 800, 100, 98


class RunWriter:
    """Writes runs of one experiment, which it has looked through when it was made.

    A run's rows digest goes in with its last batch, and its end comes after: what was broken
    off at any moment is found unfinished, and completed by sending it again.

    filter_string: of the runs to look through, as MLflow has it; no other may be written.
    asks_again: whether the client repeats a request whose answer does not come, unseen by us:
    over HTTP it does, and the first may have been heard.
    """

    def __init__(
        self, client: Any, experiment: str, *, asks_again: bool = True, filter_string: str = ""
    ) -> None:
        self._client = client
        self._filter = filter_string
        self._asks_again = asks_again
        self._experiment = experiment
        self._known: dict[str, KnownRun] = {}
        self._doubtful = False
        self.look()

    def look(self) -> None:
        """See which runs are there, and delete what is doubled."""
        found = search_runs(self._client, self._experiment, self._filter)
        self._known, doubled = sort_doubles(found)
        for run_id in doubled:
            self._client.delete_run(run_id)
        self._doubtful = False

    def settle(self) -> None:
        """Look again if a run may have been made twice: asked for twice, for want of an answer."""
        if self._doubtful:
            self.look()

    def has(self, identity: str, digest: str) -> bool:
        """Whether a run is there, whole, with these rows."""
        known = self._known.get(identity)
        return known is not None and known.is_whole(digest)

    def write(self, content: RunContent) -> str:
        """Bring a run to what `content` says; returns its key. Nothing is sent if it is so."""
        known = self._known.get(content.identity)
        if known is not None and known.is_whole(content.digest):
            return known.run_id
        if known is not None and known.digest not in (None, content.digest):
            # Measured anew with other settings, and points can't be taken back: a fresh run.
            self._client.delete_run(known.run_id)
            del self._known[content.identity]
            known = None
        run = known or self._create(content.identity, content.name, content.timestamp, content.tags)
        self.put_files(run, content.files)
        if content.inputs:
            self._client.log_inputs(run.run_id, content.inputs)
        # A run made a moment ago has its tags.
        self._log(run, content, {} if known is None else content.tags)
        self._client.set_terminated(run.run_id, "FINISHED", end_time=run.timestamp)
        self._known[content.identity] = replace(
            run, digest=content.digest, projection=PROJECTION, finished=True
        )
        return run.run_id

    def find(self, identity: str, name: str, timestamp: int, tags: dict[str, str]) -> KnownRun:
        """A run that is filled piece by piece; made if it isn't there."""
        return self._known.get(identity) or self._create(identity, name, timestamp, tags)

    def finish(self, run: KnownRun) -> None:
        """End a run that `find` gave, unless it has ended."""
        if not run.finished:
            self._client.set_terminated(run.run_id, "FINISHED", end_time=run.timestamp)

    def put_files(self, run: KnownRun, files: dict[str, bytes]) -> None:
        """Artifacts by name, each replaced whole."""
        if not files:
            return
        folder = _local_folder(run.artifacts)
        if folder is not None:
            _write(folder, files)
            return
        with tempfile.TemporaryDirectory() as temporary:
            _write(Path(temporary), files)
            self._client.log_artifacts(run.run_id, temporary)

    def _create(self, identity: str, name: str, timestamp: int, tags: dict[str, str]) -> KnownRun:
        self._doubtful = self._asks_again
        run = self._client.create_run(
            self._experiment, start_time=timestamp, tags=tags, run_name=name
        )
        self._known[identity] = know(run)
        return self._known[identity]

    def _log(self, run: KnownRun, content: RunContent, tags: dict[str, str]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        metrics = [
            Metric(metric_name(key), value, run.timestamp, step)
            for key, value, step in content.metrics
            if math.isfinite(value)  # MLflow would store NaN as 0
        ]
        params = [Param(key, str(value)) for key, value in content.params.items()]
        labels = [RunTag(key, value) for key, value in tags.items()]
        if content.note:
            labels.append(RunTag(NOTE, content.note.replace(OWN_RUN, run.run_id)))
        batches: list[Any] = list(
            zip_longest(
                _pieces(metrics, METRICS_PER_BATCH),
                _pieces(params, PARAMS_PER_BATCH),
                _pieces(labels, TAGS_PER_BATCH),
                fillvalue=[],
            )
        ) or [([], [], [])]
        for batch in batches[:-1]:
            self._client.log_batch(run.run_id, *batch)
        metrics, params, labels = batches[-1]
        marks = [RunTag(PROJECTED, PROJECTION), RunTag(ROWS, content.digest)]
        self._client.log_batch(run.run_id, metrics, params, [*labels, *marks])  # now it is whole


def _pieces(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _local_folder(uri: str) -> Path | None:
    """The folder that an artifact URI names on this machine, which needs no server to write."""
    parts = urlsplit(uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(url2pathname(parts.path))
    return Path(uri) if uri.startswith("/") else None


def _write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
