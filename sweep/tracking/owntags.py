"""Tags of an experiment that idsweep keeps, as long as nobody else has taken them over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sweep.sealing import content_key

# Digest of each value as we wrote it last. MLflow's pages hide tags that begin with its name.
WRITTEN = "mlflow.idsweep.written"


def write_own_tags(client: Any, experiment: str, tags: Mapping[str, str]) -> None:
    """Set what differs. What a person has changed or deleted since we wrote it is left alone."""
    there: dict[str, str] = client.get_experiment(experiment).tags
    try:
        written = dict(json.loads(there.get(WRITTEN, "{}")))
    except ValueError:
        written = {}
    changed = False
    for key, value in tags.items():
        found = there.get(key)
        ours = written.get(key)
        if ours is not None and (found is None or content_key(found) != ours):
            continue
        if found != value:
            client.set_experiment_tag(experiment, key, value)
        if ours != content_key(value):
            written[key] = content_key(value)
            changed = True
    if changed:
        client.set_experiment_tag(experiment, WRITTEN, json.dumps(written, sort_keys=True))
