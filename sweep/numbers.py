"""The table of a regression from sealed rows: trials with their intervals, history, layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from sweep.measurement import Measurement
from sweep.regression.variables import HIGH, HISTORY, LOW, Variable, layer_value
from sweep.results import TrialResult, sorted_trials, stop_columns, trial_parameters
from sweep.scalars import Scalar, scalars


def numbers_table(results: Iterable[TrialResult], layers: Sequence[Variable] = ()) -> pd.DataFrame:
    """The columns of `trials_table` and on top what else can be asked for by name.

    "low:NAME" and "high:NAME": ends of each scalar's interval. "history/NAME": the last of the
    training history. And the given layers, such as "id/twonn[0.5]".
    """
    return sorted_trials([_record(result, layers) for result in results])


def _record(result: TrialResult, layers: Sequence[Variable]) -> dict[str, Any]:
    found = scalars(result.rows)
    last = result.history[-1] if result.history else {}
    return {
        "trial": result.trial.key,
        "name": result.trial.name,
        "role": result.trial.role,
        **trial_parameters(result.trial),
        **stop_columns(result.trial),
        **{name: scalar.value for name, scalar in found.items()},
        **interval_columns(intervals_of(found)),
        **{HISTORY + name: value for name, value in last.items() if name != "epoch"},
        **layer_columns(result.rows, layers),
    }


def intervals_of(found: Mapping[str, Scalar]) -> dict[str, list[float]]:
    """Both ends of every scalar that has an interval; four digits, as they are tracked."""
    return {
        name: [_four_digits(scalar.low), _four_digits(scalar.high)]
        for name, scalar in found.items()
        if scalar.low is not None
        and scalar.high is not None
        and math.isfinite(scalar.low)
        and math.isfinite(scalar.high)
    }


def interval_columns(intervals: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Columns "low:NAME" and "high:NAME" of each interval."""
    ends = {LOW + name: low for name, (low, _) in intervals.items()}
    return ends | {HIGH + name: high for name, (_, high) in intervals.items()}


def layer_columns(rows: Sequence[Measurement], layers: Sequence[Variable]) -> dict[str, float]:
    """Value and ends of each layer that is asked for, of one checkpoint's rows."""
    found: dict[str, float] = {}
    for variable in layers:
        profile = [row for row in rows if row.quantity == variable.quantity]
        triple = layer_value([r for r in profile if r.layer_index is not None], str(variable.layer))
        if triple is not None:
            names = variable.name, LOW + variable.name, HIGH + variable.name
            found |= dict(zip(names, triple, strict=True))
    return found


def _four_digits(value: float) -> float:
    return float(f"{value:.4g}")
