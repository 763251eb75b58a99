"""What a sweep has sealed, read back: rows, scalars and one table of trials.

Knows rows, never an analysis by name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
import pyarrow as pa

from sweep.collector import collector_paused
from sweep.config import RegressionConfig, SweepConfig, TrialConfig
from sweep.data.partitions import ImageData, prepared_data
from sweep.errors import UserError
from sweep.measurement import Measurement, last_hidden, to_table
from sweep.measuring import make_analyses
from sweep.measuring.sealed import is_measured, read_measurements, sealed_digest
from sweep.nearest import nearest
from sweep.paths import Storage
from sweep.sealing import check_output, content_key, write_file, write_output
from sweep.space import Trial, flatten, make_trials
from sweep.training.checkpoints import Record, is_trained, read_history
from sweep.work import Work

# What `scalars` makes of a quantity that is measured per layer.
SUMMARIES = ("last_hidden", "peak", "peak_depth", "slope")
HALF = 0.5  # relative depth from which the slope is taken


@dataclass(frozen=True)
class Scalar:
    """One number of a trial, with its 95% interval where it has one."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class TrialResult:
    """A trial that is trained and measured.

    rows: of the last checkpoint. earlier: of those before, by epoch, ascending.
    """

    trial: Trial
    rows: list[Measurement]
    history: list[Record]
    earlier: dict[float, list[Measurement]] = field(default_factory=dict)

    @property
    def all_rows(self) -> list[Measurement]:
        """The rows of all checkpoints, in the order of their epochs."""
        return [row for rows in (*self.earlier.values(), self.rows) for row in rows]


@dataclass(frozen=True)
class SweepResults:
    """All of a sweep that is sealed. `trials` are those of its plan, sealed or not."""

    work: Work
    source: str
    trials: list[Trial]
    results: list[TrialResult]


def write_plan(work: Work, source: str, trials: Sequence[Trial]) -> None:
    """Keep what the sweep is: the file as given, and as understood with its trials."""
    paths = work.sweep_paths
    write_file(paths.source, source)
    plan = {
        "config": work.config.model_dump(),
        "trials": [
            {
                "key": trial.key,
                "role": trial.role,
                "config": trial.config.model_dump(),
                "earlier": trial.earlier,
            }
            for trial in trials
        ],
    }
    write_file(paths.plan, json.dumps(plan, indent=1) + "\n")


def load_results(
    storage: Storage, name: str, chosen: Callable[[Trial], bool] | None = None
) -> SweepResults:
    """Read what is sealed of the sweep that was last run under this name.

    chosen: which of its trials to read; None reads all. `trials` are those of the plan.
    """
    return load_sealed(load_plan(storage, name), chosen)


def load_sealed(plan: SweepResults, chosen: Callable[[Trial], bool] | None = None) -> SweepResults:
    """A plan with what is sealed of it, or of its chosen trials."""
    with collector_paused():
        results = [
            load_trial(plan.work, trial)
            for trial in plan.trials
            if (chosen is None or chosen(trial)) and is_complete(plan.work, trial)
        ]
    return replace(plan, results=results)


def load_plan(storage: Storage, name: str) -> SweepResults:
    """The sweep that was last run under this name, with all its trials and no result."""
    known = storage.sweep_names()
    if name not in known:  # also keeps a name with a path in it out
        if name in storage.suite_names():
            raise UserError(
                f"{name!r} is a suite: name one of its sweeps; there is: {', '.join(known)}"
            )
        raise UserError(
            f"no sweep {name!r} in {storage.folder}; "
            f"there is: {', '.join(known) or 'none yet'}: run it first"
        )
    paths = storage.sweep(name)
    try:
        plan = json.loads(paths.plan.read_text())
        config = SweepConfig.model_validate(plan["config"])
    except (OSError, ValueError, KeyError) as error:
        first_line = str(error).splitlines()[0]
        raise UserError(
            f"{paths.plan} can't be read ({first_line}): run the sweep again"
        ) from error
    data = prepared_data(config.data, storage)
    if data is None:
        raise UserError(f"the data of sweep {name!r} is not prepared: run the sweep again")
    trials = [
        Trial(
            entry["key"],
            entry["role"],
            TrialConfig.model_validate(entry["config"]),
            tuple(entry["earlier"]),
        )
        for entry in plan["trials"]
    ]
    return SweepResults(Work(config, storage, data), paths.source.read_text(), trials, [])


def load_trial(work: Work, trial: Trial) -> TrialResult:
    """Rows and history of a trial that is complete."""
    paths = work.paths(trial)
    rows = read_measurements(work.config, trial, paths)
    earlier = {
        epoch: read_measurements(work.config, trial.at(epoch), paths) for epoch in trial.earlier
    }
    return TrialResult(trial, rows, read_history(paths.checkpoint(trial.epoch)), earlier)


def is_complete(work: Work, trial: Trial) -> bool:
    """Whether the trial is trained and measured."""
    paths = work.paths(trial)
    return is_trained(trial, paths) and is_measured(work.config, trial, paths)


def sealed_digests(plan: SweepResults) -> dict[str, str]:
    """A digest of the sealed rows of each complete trial of a plan, by key; reads no row."""
    work = plan.work
    return {
        trial.key: sealed_digest(work.config, trial, work.paths(trial))
        for trial in plan.trials
        if is_complete(work, trial)
    }


def plan_trials(config: SweepConfig, storage: Storage) -> tuple[list[Trial], ImageData | None]:
    """The trials of a sweep; without prepared data their keys are provisional."""
    data = prepared_data(config.data, storage)
    return make_trials(config, data.digest if data else ""), data


def scalars(rows: Sequence[Measurement]) -> dict[str, Scalar]:
    """The numbers that sum up one checkpoint, by name.

    A quantity of the network keeps its name. A quantity of layers, such as "id/twonn",
    gives `id_last_hidden/twonn`, `id_peak/twonn` (its largest value over the layers after
    the input and before the output), `id_peak_depth/twonn` (where that is) and
    `id_slope/twonn` (its least-squares slope over relative depth, from half depth to the last
    hidden layer, where there are two layers). Numbers that are not finite are left out.
    """
    hidden = last_hidden(rows)
    found: dict[str, Scalar] = {}
    profiles: dict[str, list[Measurement]] = {}
    for row in rows:
        if not math.isfinite(row.value) or row.quantity == "last_hidden":
            continue
        if row.layer_index is None:
            found[row.quantity] = Scalar(row.value, row.low, row.high)
        else:
            profiles.setdefault(row.quantity, []).append(row)
    for quantity, profile in profiles.items():
        for row in profile:
            if row.layer_index == hidden.get((row.trial, row.checkpoint)):
                name = scalar_name(quantity, "last_hidden")
                found[name] = Scalar(row.value, row.low, row.high)
        inner = [row for row in profile if 0 < (row.relative_depth or 0) < 1] or profile
        peak = max(inner, key=lambda row: row.value)
        found[scalar_name(quantity, "peak")] = Scalar(peak.value, peak.low, peak.high)
        found[scalar_name(quantity, "peak_depth")] = Scalar(peak.relative_depth or 0.0)
        last = hidden.get((peak.trial, peak.checkpoint))
        slope = None if last is None else _slope(profile, last)
        if slope is not None:
            found[scalar_name(quantity, "slope")] = Scalar(slope)
    return found


def _slope(profile: Sequence[Measurement], last_hidden: int) -> float | None:
    """Least squares over the layers from half depth to the last hidden one; None for one."""
    places = [
        (row.relative_depth, row.value)
        for row in profile
        if row.relative_depth is not None
        and row.relative_depth >= HALF
        and (row.layer_index or 0) <= last_hidden
    ]
    if len({depth for depth, _ in places}) < 2:
        return None
    center = fmean(depth for depth, _ in places)
    spread = sum((depth - center) ** 2 for depth, _ in places)
    return sum((depth - center) * value for depth, value in places) / spread


def rows_digest(rows: Iterable[Measurement]) -> str:
    """A digest of the rows: equal for equal rows. NaN is no JSON, so it stands as text."""
    return content_key([repr(row) for row in rows])


def scalar_name(quantity: str, summary: str) -> str:
    """From "id/twonn@cat" and "peak" to "id_peak/twonn@cat", whatever the class is called.

    >>> scalar_name("pc_id@a/b", "peak")
    'pc_id_peak@a/b'
    """
    measured, at, probe = quantity.partition("@")
    head, slash, tail = measured.partition("/")
    return f"{head}_{summary}{slash}{tail}{at}{probe}"


def settle_regression(config: SweepConfig) -> RegressionConfig:
    """The sweep's regression with its predictors named, each a number that a trial will have.

    Raises UserError with the nearest name if the response, a predictor or a covariate is none.
    """
    from sweep.reader import axis_names
    from sweep.regression.predictors import are_twins, default_predictors
    from sweep.regression.variables import HISTORY, parse_variable

    analyses = make_analyses(config.analyses)
    quantities = [name for analysis in analyses for name in analysis.layer_quantities]
    known = [name for analysis in analyses for name in analysis.network_quantities]
    known += [scalar_name(name, summary) for name in quantities for summary in SUMMARIES]
    regression = config.regression
    predictors = regression.predictors
    if predictors is None:
        usual = [a.layer_quantities for a in analyses if not a.controls]
        found = default_predictors([name for names in usual for name in names], known)
        predictors = [name for name in found if not are_twins(name, regression.response)]
    asked = [("response", regression.response)]
    asked += [("predictors", name) for name in predictors]
    asked += [("covariates", name) for name in regression.covariates or []]
    settings = axis_names()
    for key, text in asked:
        variable = parse_variable(text)
        name, allowed = variable.name, known
        if variable.quantity is not None:
            name, allowed = variable.quantity, quantities
        if name not in allowed and name not in settings and not name.startswith(HISTORY):
            raise UserError(
                f"regression.{key}: this sweep measures no {name!r}; {nearest(name, allowed)}"
            )
    return regression.model_copy(update={"predictors": predictors})


def trial_parameters(trial: Trial) -> dict[str, Any]:
    """The configuration of a trial under dotted keys."""
    return flatten(trial.config.model_dump())


def trials_table(results: Iterable[TrialResult]) -> pd.DataFrame:
    """One line a trial: trial, name, role, its configuration, its scalars."""
    return sorted_trials(
        [
            {
                "trial": result.trial.key,
                "name": result.trial.name,
                "role": result.trial.role,
                **trial_parameters(result.trial),
                **{name: scalar.value for name, scalar in scalars(result.rows).items()},
            }
            for result in results
        ]
    )


def sorted_trials(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Records of trials as a table in the order of their keys, wherever they came from."""
    table = pd.DataFrame(records)
    return table.sort_values("trial", ignore_index=True) if len(table) else table


def export_rows(storage: Storage, name: str, output: Path) -> int:
    """Write all measurement rows of a sweep to one Parquet or CSV file; returns their number.

    Trials stand in the order of the plan, so equal sweeps give equal bytes.
    """
    check_export(output)
    results = load_results(storage, name)
    return write_rows_to(output, [row for result in results.results for row in result.all_rows])


def check_export(output: Path) -> None:
    """Raise UserError unless rows can be written to this file, before any work."""
    check_output(output, *WRITERS)


def write_rows_to(output: Path, rows: Sequence[Measurement]) -> int:
    """Write measurement rows to a .parquet or .csv file; returns their number."""
    table = to_table(rows)
    sink = pa.BufferOutputStream()
    WRITERS[output.suffix](table, sink)
    write_output(output, sink.getvalue().to_pybytes())
    return int(table.num_rows)


def _write_parquet(table: pa.Table, sink: Any) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, sink)


def _write_csv(table: pa.Table, sink: Any) -> None:
    import pyarrow.csv

    pyarrow.csv.write_csv(table, sink)


WRITERS: dict[str, Callable[[pa.Table, Any], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
}
