"""Trials read back from MLflow, as a table: all of an experiment, or those that a filter leaves."""

from __future__ import annotations

import ast
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pandas as pd

from sweep.errors import UserError
from sweep.measurement import read_rows
from sweep.nearest import did_you_mean
from sweep.numbers import interval_columns, layer_columns
from sweep.reader import axis_names
from sweep.regression.variables import Variable
from sweep.results import NOBODY, sorted_trials
from sweep.scalars import scalar_name
from sweep.secrets import hide_password
from sweep.tracking.content import POPULATION, STOPPED_BY
from sweep.tracking.names import BY_EPOCH, EPOCHS_TRAINED, quantity_name
from sweep.tracking.store import TAG, answering, check_there, connect, search_runs

DOWNLOADS = 8  # at once, of runs' artifacts
ROWS_FILE = "measurements.parquet"
NO_SETTING = "data.digest"  # a parameter that tells the data, and nothing of the network


@dataclass(frozen=True)
class TrackedTrials:
    """Trials of one experiment.

    table: one line a trial, the columns of `numbers.numbers_table`. settings: names of the
    columns that are parameters. data: digests of the data sets that they were measured on.
    """

    table: pd.DataFrame
    settings: tuple[str, ...]
    data: tuple[str, ...]

    @property
    def axes(self) -> list[str]:
        """The settings on which trained trials differ.

        That a network lacks a setting which others have goes with its name, and is no difference.
        """
        trained = self.table[self.table["role"] == "trained"]
        return [
            key
            for key in sorted(self.settings, key=_place)
            if trained[key].dropna().astype(str).nunique() + self._lacked(trained[key]) > 1
        ]

    def _lacked(self, column: pd.Series) -> int:
        return int(not str(column.name).startswith("model.") and bool(column.isna().any()))


def read_sealed(
    uri: str,
    experiment: str,
    digests: Mapping[str, str],
    filter_string: str = "",
) -> TrackedTrials:
    """Those trials of a sweep that a filter leaves.

    digests: of the rows of each trial that belongs to the sweep now, by its key. Raises
    UserError if MLflow doesn't answer, or misses one of them as it is sealed.
    """
    check_there(uri)
    client = connect(uri)
    with answering(uri):
        found = client.get_experiment_by_name(experiment)
        runs = search_runs(client, found.experiment_id) if found else []
        whole = {str(run.info.run_id): run for run in runs if _is_sealed(run, digests)}
        keys = {run.data.tags[TAG + "trial"] for run in whole.values()}
        missing = digests.keys() - keys
        if missing:
            raise UserError(
                f"MLflow experiment {experiment!r} at {hide_password(uri)} misses {len(missing)} "
                f"of {len(digests)} trials: run `idsweep track {experiment}`"
            )
        if filter_string:
            left = search_runs(client, found.experiment_id, filter_string)
            kept = {str(run.info.run_id) for run in left}
            whole = {run_id: run for run_id, run in whole.items() if run_id in kept}
    return _tracked(list(whole.values()), {})


def read_experiment(
    uri: str, experiment: str, filter_string: str = "", layers: Sequence[Variable] = ()
) -> TrackedTrials:
    """Those trials of an experiment that a filter leaves, without the sweep's own files.

    layers: such as `id/twonn[0.5]`, read from each run's measurements. Runs that are not
    whole are left out. Raises UserError if there is no such experiment, or nothing in it.
    """
    check_there(uri)
    client = connect(uri)
    with answering(uri):
        found = client.get_experiment_by_name(experiment)
        if found is None or found.lifecycle_stage == "deleted":
            names = [one.name for one in client.search_experiments()]
            raise UserError(
                f"no experiment {experiment!r} at {hide_password(uri)}; "
                f"{did_you_mean(experiment, names)}there is: {', '.join(sorted(names)[:20])}"
            )
        runs = [
            run
            for run in search_runs(client, found.experiment_id, filter_string)
            if TAG + "trial" in run.data.tags and TAG + "rows" in run.data.tags
        ]
        if not runs:
            why = f"that {filter_string!r} leaves" if filter_string else "in it"
            raise UserError(
                f"experiment {experiment!r} at {hide_password(uri)} has no whole trial {why}"
            )
        asked = _read_layers(client, runs, layers) if layers else {}
    return _tracked(runs, asked)


def _is_sealed(run: Any, digests: Mapping[str, str]) -> bool:
    """Whether a run is of a trial of the sweep, with the rows that are sealed now."""
    tags = run.data.tags
    key = tags.get(TAG + "trial")
    return key in digests and tags.get(TAG + "rows") == digests[key]


def _tracked(runs: Sequence[Any], layers: Mapping[str, Mapping[str, float]]) -> TrackedTrials:
    # Two runs of one trial, which an answer that was lost can leave, are one.
    unique = {run.data.tags[TAG + "trial"]: run for run in runs}
    settings: dict[str, None] = {}
    records = []
    for key, run in unique.items():
        params = {name: _parsed(text) for name, text in run.data.params.items()}
        params.pop(NO_SETTING, None)
        settings |= dict.fromkeys(params)
        records.append(
            {
                "trial": key,
                "name": run.info.run_name,
                "role": run.data.tags[TAG + "role"],
                **params,
                # Runs hold it of trials that were stopped; the others came to their end.
                EPOCHS_TRAINED: float(params.get("training.epochs", 0.0)),
                "stopped_by": run.data.tags.get(STOPPED_BY, NOBODY),
                **_population(run),
                **_numbers(run),
                **layers.get(str(run.info.run_id), {}),
            }
        )
    data = sorted({run.data.params.get(NO_SETTING, "") for run in unique.values()} - {""})
    return TrackedTrials(sorted_trials(records), tuple(settings), tuple(data))


def _population(run: Any) -> dict[str, str]:
    """Which population the trial trained in, if it did."""
    name = run.data.tags.get(POPULATION)
    return {"population": name} if name else {}


def _numbers(run: Any) -> dict[str, float]:
    """Scalars, the last of the history, ends of intervals; no profiles, no earlier epochs."""
    metrics = {quantity_name(name): value for name, value in run.data.metrics.items()}
    found = {
        name: value
        for name, value in metrics.items()
        if not name.startswith(BY_EPOCH)
        and name != "relative_depth"
        and scalar_name(name, "peak") not in metrics  # a profile: one value per layer
    }
    for tag, text in run.data.tags.items():
        if re.fullmatch(re.escape(TAG) + r"intervals(\.\d+)?", tag):
            found |= interval_columns(json.loads(text))
    return found


def _read_layers(
    client: Any, runs: Sequence[Any], layers: Sequence[Variable]
) -> dict[str, dict[str, float]]:
    """By run, the layers that are asked for, of its last checkpoint."""
    read = partial(_layers_of, client, layers)
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        found = list(pool.map(read, [str(run.info.run_id) for run in runs]))
    return dict(zip([str(run.info.run_id) for run in runs], found, strict=True))


def _layers_of(client: Any, layers: Sequence[Variable], run_id: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="idsweep-") as folder:
        path = Path(client.download_artifacts(run_id, ROWS_FILE, folder))
        rows = read_rows(path)
    last = max((row.checkpoint for row in rows), default=0.0)
    return layer_columns([row for row in rows if row.checkpoint == last], layers)


def _place(setting: str) -> tuple[int, str]:
    """Settings in the order of the schema, as a sweep's own axes are; others behind them."""
    known = _schema()
    return known.get(setting, len(known)), setting


@lru_cache(maxsize=1)
def _schema() -> dict[str, int]:
    return {name: number for number, name in enumerate(axis_names())}


@lru_cache(maxsize=10_000)
def _parsed(text: str) -> Any:
    """MLflow keeps parameters as text: back to the number, truth value or name it was."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
