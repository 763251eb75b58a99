"""Which trials MLflow has."""

from __future__ import annotations

from sweep.tracking.known import know
from sweep.tracking.store import SQLITE, TAG, answering, check_there, connect, search_runs


def tracked_trials(uri: str, experiment: str) -> set[str]:
    """Keys of the trials that have a whole run in an experiment.

    Raises UserError if MLflow does not answer.
    """
    if uri.startswith(SQLITE):
        check_there(uri)
    client = connect(uri)
    with answering(uri):
        found = client.get_experiment_by_name(experiment)
        if found is None:
            return set()
        runs = search_runs(client, found.experiment_id)
    return {
        run.data.tags[f"{TAG}trial"]
        for run in runs
        if f"{TAG}trial" in run.data.tags and know(run).finished
    }
