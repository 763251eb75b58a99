"""What MLflow holds of one regression: its settings, numbers, tables, words and pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from sweep.regression import Regression, read_regression
from sweep.report.regression_figure import regression_pictures
from sweep.sealing import content_key
from sweep.spreadsheet import plain_text
from sweep.tracking.content import RunContent, sealed_at
from sweep.tracking.store import TAG
from sweep.work import Work


def regression_content(work: Work, regression: Regression, pictures: Sequence[Path]) -> RunContent:
    """The regression of a sweep, with the pictures that were drawn of it."""
    files = {picture.name: picture.read_bytes() for picture in pictures}
    files |= regression_pictures(regression)
    return describe_regression(regression, work.config.name, sealed_at(work), files)


def regression_digest(regression: Regression) -> str:
    """A digest of its results."""
    return content_key(regression.to_json())


def regression_identity(digest: str) -> str:
    """By what its run is found again."""
    return f"regression={digest}"


def describe_regression(
    regression: Regression, sweep: str, timestamp: int, pictures: Mapping[str, bytes]
) -> RunContent:
    """A regression as a run of its own, found again by the digest of its results.

    timestamp: milliseconds since 1970, for a run that isn't there yet. Metrics are few, under
    keys that every regression has; all else is in the files.
    """
    record = regression.to_json()
    digest = regression_digest(regression)
    tables = {stem: table.map(plain_text) for stem, table in regression.tables().items()}
    files = {f"{stem}.csv": table.to_csv(index=False).encode() for stem, table in tables.items()}
    files["regression.json"] = (json.dumps(record, indent=1) + "\n").encode()
    files["regression.txt"] = ("\n".join(read_regression(regression)) + "\n").encode()
    return RunContent(
        identity=regression_identity(digest),
        name=f"regression of {regression.response}, {regression.num_trials} trials",
        timestamp=timestamp,
        digest=digest,
        tags={TAG + "role": "regression", TAG + "sweep": sweep, TAG + "regression": digest},
        params=regression.parameters(),
        metrics=[(name, value, 0) for name, value in regression.metrics().items()],
        files={**files, **pictures},
    )
