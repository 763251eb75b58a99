"""Whether a sweep that was disturbed came to what an undisturbed one comes to."""

import json
from collections import Counter

from sweep.export import export_rows
from sweep.paths import open_storage
from sweep.sealing import MANIFEST, TEMPORARY_PREFIX
from sweep.tracking import connect, search_runs


def rows_of(storage, name, folder):
    """The bytes of the exported rows."""
    export_rows(storage, name, folder / "rows.parquet")
    return (folder / "rows.parquet").read_bytes()


def tracked(uri, name):
    """Of each run of a trial or a regression all that doesn't say where or when it was made."""
    client = connect(uri)
    experiment = client.get_experiment_by_name(name).experiment_id
    found = Counter()
    for run in search_runs(client, experiment):
        tags = run.data.tags
        which = tags.get("idsweep.trial") or tags.get("idsweep.regression")
        if which is None:
            continue
        points = {
            key: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, key)]
            for key in ("id/twonn", "relative_depth", "history/train_loss")
            if key in run.data.metrics
        }
        files = sorted(file.path for file in client.list_artifacts(run.info.run_id))
        weights = tags.get("idsweep.checkpoint_sha256")
        content = [which, run.info.run_name, run.info.status, weights, files]
        found[json.dumps([*content, run.data.params, run.data.metrics, points])] += 1
    return found


def seals(folder, name):
    """When each output of the sweep was sealed; what is being written is not among them."""
    found = {}
    for path in (folder / "sweeps" / name).rglob(MANIFEST):
        lasting = "checkpoint-" in str(path) or "measured-" in str(path)
        if lasting and TEMPORARY_PREFIX not in str(path):
            found[str(path.relative_to(folder))] = path.stat().st_mtime_ns
    return found


def problems_of(folder, name, sealed_before, expected_rows, expected_runs, scratch):
    """What is wrong with a sweep that ended well; nothing, if all is as it must be.

    sealed_before: what `seals` gave while the sweep was disturbed.
    """
    storage = open_storage(folder, create=False)
    found = []
    now = seals(folder, name)
    changed = [path for path, when in sealed_before.items() if now.get(path) != when]
    if changed:
        found.append(f"sealed, and then changed: {changed}")
    left = [str(path) for path in (folder / "sweeps").rglob(f"{TEMPORARY_PREFIX}*")]
    if left:
        found.append(f"half-written files are left: {left}")
    if rows_of(storage, name, scratch) != expected_rows:
        found.append("other rows")
    runs = tracked(storage.tracking_uri, name)
    doubled = [json.loads(run)[1] for run, count in runs.items() if count > 1]
    if doubled:
        found.append(f"doubled in MLflow: {doubled}")
    if set(expected_runs) - set(runs):
        lacking = [json.loads(run)[1] for run in set(expected_runs) - set(runs)]
        found.append(f"not in MLflow, or otherwise: {lacking}")
    # A run that ended with a trial given up has told a regression of the others.
    others = [json.loads(run)[1] for run in set(runs) - set(expected_runs)]
    others = [other for other in others if not other.startswith("regression")]
    if others:
        found.append(f"in MLflow, and not expected: {others}")
    return found
