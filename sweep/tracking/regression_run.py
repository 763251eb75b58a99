"""What MLflow holds of one regression: its settings, numbers, tables and pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sweep.regression import Regression
from sweep.sealing import content_key
from sweep.tracking.content import RunContent, sealed_at
from sweep.tracking.store import TAG
from sweep.work import Work


def regression_content(work: Work, regression: Regression, pictures: Sequence[Path]) -> RunContent:
    """A regression as a run of its own, found again by the digest of its results."""
    digest = content_key(regression.to_json())
    metrics = []
    for row in regression.correlations:
        scope = row.scope.replace(" ", "_")
        key = f"{row.method}/{row.predictor.replace('/', '_')}/{scope}"
        metrics += [(key, row.value, 0), (f"{key}/p", row.p_value, 0)]
    files = {
        "regression.json": (json.dumps(regression.to_json(), indent=1) + "\n").encode(),
        "regression.csv": pd.DataFrame([vars(row) for row in regression.correlations])
        .to_csv(index=False)
        .encode(),
    }
    return RunContent(
        identity=f"regression={digest}",
        name=f"regression of {regression.response}, {regression.num_trials} trials",
        timestamp=sealed_at(work),
        digest=digest,
        tags={
            TAG + "role": "regression",
            TAG + "sweep": work.config.name,
            TAG + "regression": digest,
        },
        params={name: getattr(regression, name) for name in ("response", "resamples", "seed")},
        metrics=metrics,
        files=files | {picture.name: picture.read_bytes() for picture in pictures},
    )
