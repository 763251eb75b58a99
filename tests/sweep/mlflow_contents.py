"""All that an MLflow store holds of an experiment, as plain values that can be compared."""

from sweep.tracking import connect, search_runs


def everything(uri, experiment="tiny", histories=None):
    """Of each run: name, status, times, parameters, tags, metrics, artifacts.

    histories: metrics of which all points are read, others being their newest value; None: all.
    """
    client = connect(uri)
    found = client.get_experiment_by_name(experiment)
    runs = search_runs(client, found.experiment_id)
    return {
        run.info.run_id: (
            run.info.run_name,
            run.info.status,
            run.info.start_time,
            run.info.end_time,
            run.data.params,
            {key: value for key, value in run.data.tags.items() if "mlflow" not in key},
            {
                key: [
                    (m.step, m.timestamp, m.value)
                    for m in client.get_metric_history(run.info.run_id, key)
                ]
                if histories is None or key in histories
                else value
                for key, value in run.data.metrics.items()
            },
            sorted(file.path for file in client.list_artifacts(run.info.run_id)),
        )
        for run in runs
    }
