"""MLflow as a projection of what is sealed: written by the driver alone, and idempotent.

Experiment = sweep. One run per trial, found again by the tag `idsweep.trial`; runs of
their own for the sweep's file and report, and for each regression. Timestamps are those
of the sealed files, so sending a run a second time changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from sweep.measuring.sealed import sealed_digest
from sweep.paths import Storage
from sweep.regression import Regression
from sweep.results import TrialResult
from sweep.space import Trial
from sweep.tracking.content import (
    NOTE,
    RunContent,
    sealed_at,
    trial_content,
    trial_identity,
)
from sweep.tracking.description import describe, report_link
from sweep.tracking.embedded import open_embedded
from sweep.tracking.known import KnownRun
from sweep.tracking.linked import data_inputs
from sweep.tracking.owntags import write_own_tags
from sweep.tracking.regression_run import (
    regression_content,
    regression_digest,
    regression_identity,
)
from sweep.tracking.store import TAG, answering, connect
from sweep.tracking.views import make_views
from sweep.tracking.writer import RunWriter
from sweep.work import Work

KIND = "mlflow.experimentKind"  # so that MLflow's pages need not guess, and open on the runs


class Tracker(Protocol):
    """Where results are shown. Each call may be repeated without effect."""

    def begin(self, work: Work, source: str) -> None:
        """The sweep and its file."""

    def trial(self, work: Work, result: TrialResult) -> None:
        """A trial that is trained and measured."""

    def regression(self, work: Work, regression: Regression, pictures: Sequence[Path]) -> None:
        """A regression, with pictures of it."""

    def has_regression(self, regression: Regression) -> bool:
        """Whether a regression is there, whole."""

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

    def has_regression(self, regression: Regression) -> bool:  # noqa: ARG002
        return False

    def report(self, work: Work, page: Path) -> None:
        pass


class MlflowTracker:
    """Projects results into an MLflow tracking store.

    uri: of a tracking server or database; None is SQLite inside the storage.
    run_id: of the run that holds the sweep's file and report, once begun.
    Raises UserError from `begin` if nothing answers there.
    """

    run_id = ""

    def __init__(self, storage: Storage, uri: str | None = None) -> None:
        self.uri = uri or storage.tracking_uri
        self._embedded = self.uri == storage.tracking_uri
        self._served = self.uri.startswith(("http://", "https://"))
        self._storage = storage
        self._experiment = ""
        self._report = ""
        self._inputs: list[Any] = []
        self._runs: Any = None  # a RunWriter, once begun

    def begin(self, work: Work, source: str) -> None:
        with answering(self.uri):
            self._begin(work, source)

    def trial(self, work: Work, result: TrialResult) -> None:
        with answering(self.uri):
            digest = sealed_digest(work.config, result.trial, work.paths(result.trial))
            if not self._runs.has(trial_identity(result.trial), digest):
                self._runs.write(self._content(work, result, digest))

    def has(self, work: Work, trial: Trial) -> bool:
        """Whether the trial is there, whole, with the rows that are sealed; reads none of them."""
        digest = sealed_digest(work.config, trial, work.paths(trial))
        return bool(self._runs.has(trial_identity(trial), digest))

    def regression(self, work: Work, regression: Regression, pictures: Sequence[Path]) -> None:
        with answering(self.uri):
            self._runs.write(regression_content(work, regression, pictures))

    def has_regression(self, regression: Regression) -> bool:
        digest = regression_digest(regression)
        return bool(self._runs.has(regression_identity(digest), digest))

    def report(self, work: Work, page: Path) -> None:
        with answering(self.uri):
            self._runs.put_files(self._sweep_run(work), {page.name: page.read_bytes()})

    def settle(self) -> None:
        """Delete what was made twice because an answer did not come back."""
        with answering(self.uri):
            self._runs.settle()

    def _content(self, work: Work, result: TrialResult, digest: str) -> RunContent:
        return trial_content(work, result, digest, self._inputs, self._experiment, self._report)

    def _begin(self, work: Work, source: str) -> None:
        if self._embedded:
            open_embedded(self._storage)
        client = connect(self.uri)
        self._experiment = self._find_experiment(client, work)
        self._runs = RunWriter(client, self._experiment, asks_again=self._served)
        run = self._sweep_run(work)
        self._runs.put_files(run, {"sweep.yaml": source.encode()})
        self._runs.finish(run)
        self.run_id = run.run_id
        self._report = report_link(self._experiment, run.run_id)
        self._inputs = data_inputs(work.data)
        views = make_views(work.config)
        tags = dict(view.tag for view in views)
        tags[NOTE] = describe(work.config, self._experiment, run.run_id, views)
        write_own_tags(client, self._experiment, tags)

    def _sweep_run(self, work: Work) -> KnownRun:
        """The run that holds the sweep's file and report; its settings may change, so no params."""
        name = work.config.name
        tags = {TAG + "role": "sweep", TAG + "sweep": name}
        run: KnownRun = self._runs.find("sweep", f"sweep {name}", sealed_at(work), tags)
        return run

    def _find_experiment(self, client: Any, work: Work) -> str:
        name = work.config.name
        experiment = client.get_experiment_by_name(name)
        if experiment is None:
            # A server knows where its artifacts go; a bare database would use this folder.
            location = None if self._served else (self._storage.artifacts / name).as_uri()
            return str(client.create_experiment(name, location, {KIND: "custom_model_development"}))
        if experiment.lifecycle_stage == "deleted":
            client.restore_experiment(experiment.experiment_id)
        return str(experiment.experiment_id)
