"""A regression kept as a run of an experiment, whoever made that experiment."""

from __future__ import annotations

import time

from sweep.errors import UserError
from sweep.regression import Regression
from sweep.report.regression_figure import regression_pictures
from sweep.secrets import hide_password
from sweep.tracking.regression_run import describe_regression
from sweep.tracking.store import TAG, answering, connect
from sweep.tracking.writer import RunWriter


def keep_regression(uri: str, experiment: str, regression: Regression) -> str:
    """Make the run, unless the same regression has one; returns its key.

    With tables, JSON, the words, and the picture as PNG and SVG. Raises UserError if MLflow
    does not answer, or has no such experiment.
    """
    client = connect(uri)
    with answering(uri):
        found = client.get_experiment_by_name(experiment)
        if found is None:
            raise UserError(f"no experiment {experiment!r} at {hide_password(uri)}")
        writer = RunWriter(
            client, found.experiment_id, filter_string=f"tags.`{TAG}role` = 'regression'"
        )
        now = int(time.time() * 1000)
        files = regression_pictures(regression)
        return writer.write(describe_regression(regression, experiment, now, files))
