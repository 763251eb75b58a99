"""What MLflow holds of one trial: pure functions of what is sealed."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq

from sweep.measurement import Measurement, to_table
from sweep.report.profile_picture import draw_profile_svg
from sweep.results import TrialResult, trial_parameters
from sweep.scalars import Scalar, scalars
from sweep.sealing import MANIFEST
from sweep.space import Trial
from sweep.tracking.description import run_link
from sweep.tracking.linked import checkpoint_tags
from sweep.tracking.names import BY_EPOCH, EPOCHS_TRAINED
from sweep.tracking.store import TAG
from sweep.work import Work

MAX_TAG_LETTERS = 5000  # MLflow of today takes 8,000, older servers 5,000
STOPPED_BY = TAG + "stopped_by"
POPULATION = TAG + "population"
EXPLOITS = "exploits.json"  # whose weights a member of a population took over, and when
INTERVALS = TAG + "intervals"
NOTE = "mlflow.note.content"
PICTURE = "profile.svg"
OWN_RUN = "OWN-RUN"

Point = tuple[str, float, int]  # key, value, step


@dataclass(frozen=True)
class RunContent:
    """A run whole.

    identity: what it is of, as sweep.tracking.known tells it. timestamp: milliseconds since
    1970. digest: of all that it holds; equal: nothing to send. files: artifacts by name.
    note: Markdown for its page; OWN_RUN in it stands for its own key.
    """

    identity: str
    name: str
    timestamp: int
    digest: str
    tags: dict[str, str]
    params: dict[str, Any] = field(default_factory=dict)
    metrics: list[Point] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    note: str = ""


def trial_identity(trial: Trial) -> str:
    """Under which its run is found again."""
    return f"trial={trial.key}"


def trial_content(
    work: Work, result: TrialResult, digest: str, inputs: list[Any], experiment: str, report: str
) -> RunContent:
    """Everything of a trial.

    digest: of all its rows. inputs: its data sets. experiment: its key. report: link to the
    sweep's report.
    """
    trial = result.trial
    found = scalars(result.rows)
    link = checkpoint_tags(work, trial)
    tags = {
        TAG + "role": trial.role,
        TAG + "family": trial.config.model.name,
        TAG + "trial": trial.key,
        TAG + "sweep": work.config.name,
        **link,
        **interval_tags(found),
        **({STOPPED_BY: trial.stopped} if trial.stopped else {}),
        **({POPULATION: trial.population} if trial.population else {}),
    }
    return RunContent(
        identity=trial_identity(trial),
        name=trial.name,
        timestamp=sealed_at(work, trial),
        digest=digest,
        tags=tags,
        params=trial_parameters(trial) | {"data.digest": work.data.digest},
        metrics=trial_metrics(result, found),
        inputs=inputs,
        files={
            "measurements.parquet": _parquet(result.all_rows),
            PICTURE: draw_profile_svg(result).encode(),
            **({EXPLOITS: _json(result.exploits)} if trial.population else {}),
        },
        note=_note(trial, link, experiment, report),
    )


def sealed_at(work: Work, trial: Trial | None = None) -> int:
    """Milliseconds since 1970 at which a trial, or without one the data set, was sealed."""
    folder = work.data.folder if trial is None else work.paths(trial).checkpoint(trial.epoch)
    return int((folder / MANIFEST).stat().st_mtime * 1000)


def interval_tags(found: Mapping[str, Scalar]) -> dict[str, str]:
    """Both ends of each scalar's interval, four digits, as JSON: {"id_peak/twonn": [9.1, 10.9]}.

    What one tag can't hold goes on in `idsweep.intervals.1`, `.2` and so on, each JSON of
    its own.
    """
    parts: list[list[str]] = [[]]
    letters = 2
    for name, scalar in found.items():
        ends = scalar.low, scalar.high
        if ends[0] is None or ends[1] is None or not all(map(math.isfinite, (ends[0], ends[1]))):
            continue
        part = f"{json.dumps(name)}: [{_short(ends[0])}, {_short(ends[1])}]"
        if letters + len(part) > MAX_TAG_LETTERS:
            parts.append([])
            letters = 2
        parts[-1].append(part)
        letters += len(part) + 2
    return {
        INTERVALS + (f".{number}" if number else ""): "{" + ", ".join(part) + "}"
        for number, part in enumerate(parts)
        if part
    }


def trial_metrics(result: TrialResult, found: Mapping[str, Scalar]) -> list[Point]:
    """History by epoch, profiles by layer index, scalars at step 0.

    Of a trial measured at several epochs the scalars of each too, its number being the step,
    for steps are whole and epochs may not be.
    """
    metrics = [
        (f"history/{name}", value, int(record["epoch"]))
        for record in result.history
        for name, value in record.items()
        if name != "epoch"
    ]
    if result.trial.stopped:
        metrics.append((EPOCHS_TRAINED, result.trial.epoch, 0))
    metrics += _profile_metrics(result.rows)
    metrics += [(name, scalar.value, 0) for name, scalar in found.items()]
    if result.earlier:
        by_epoch = {**result.earlier, result.trial.epoch: result.rows}
        for step, (epoch, rows) in enumerate(by_epoch.items()):
            metrics.append((f"{BY_EPOCH}epoch", epoch, step))
            metrics += [
                (BY_EPOCH + name, scalar.value, step) for name, scalar in scalars(rows).items()
            ]
    return metrics


def _profile_metrics(rows: Sequence[Measurement]) -> list[Point]:
    metrics = []
    depths: dict[int, float] = {}
    for row in rows:
        if row.layer_index is None or row.quantity == "last_hidden":
            continue
        metrics.append((row.quantity, row.value, row.layer_index))
        depths[row.layer_index] = row.relative_depth or 0.0
    metrics += [("relative_depth", depth, index) for index, depth in sorted(depths.items())]
    return metrics


def _note(trial: Trial, link: Mapping[str, str], experiment: str, report: str) -> str:
    """What its page says of the run, as Markdown: where to look, and where the weights are."""
    lines = [
        f"{trial.role.capitalize()} network{_stopped(trial)}. [Its profile]"
        f"({run_link(experiment, OWN_RUN, PICTURE)}) | [The sweep's report]({report})"
    ]
    if TAG + "checkpoint" in link:
        digest = link.get(TAG + "checkpoint_sha256", "")
        lines.append(
            f"Weights: `{link[TAG + 'checkpoint']}`" + (f", SHA-256 `{digest}`" if digest else "")
        )
    return "\n\n".join(lines)


def _stopped(trial: Trial) -> str:
    return f", stopped by {trial.stopped} after {trial.epoch:g} epochs" if trial.stopped else ""


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode()


def _parquet(rows: Sequence[Measurement]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(to_table(rows), sink)
    return sink.getvalue()


def _short(value: float) -> str:
    return json.dumps(float(f"{value:.4g}"))
