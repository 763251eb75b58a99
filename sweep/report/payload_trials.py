"""The trials of a page's data: what each network is, column by column."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from sweep.regression import FAMILY, family_of
from sweep.report.significant import significant
from sweep.report.variants import variant_color
from sweep.results import NOBODY, TrialResult, trial_parameters
from sweep.scalars import scalars
from sweep.summary import exploits_in_words, variant

# What every trial has beside its configuration.
ROLE, FAMILY_COLUMN, VARIANT = "role", "family", "variant"


def trial_columns(results: Sequence[TrialResult]) -> dict[str, Any]:
    """Names and keys, what differs between the trials as coded columns, and what doesn't.

    configuration: the same number for trials that differ in nothing but their seed.
    """
    flat = [trial_parameters(result.trial) for result in results]
    keys = dict.fromkeys(key for row in flat for key in row)
    columns = {
        ROLE: coded(result.trial.role for result in results),
        FAMILY_COLUMN: coded(family_of(row[FAMILY]) for row in flat),
        VARIANT: coded(variant(result.trial) for result in results),
    }
    if any(result.trial.stopped for result in results):
        columns["stopped_by"] = coded(result.trial.stopped or NOBODY for result in results)
        columns["epochs_trained"] = coded(result.trial.epoch for result in results)
    if any(result.trial.population for result in results):
        columns["population"] = coded(result.trial.population or "none" for result in results)
        columns["took_over"] = coded(exploits_in_words(result) for result in results)
    constants: dict[str, Any] = {}
    for key in keys:
        column = coded(_json_value(row.get(key)) for row in flat)
        if len(column["values"]) > 1:
            columns[key] = column
        elif column["values"]:
            constants[key] = column["values"][0]
    columns[VARIANT] = _first_the_usual(columns[VARIANT])
    return {
        "key": [result.trial.key for result in results],
        "name": [result.trial.name for result in results],
        "columns": columns,
        "configuration": coded(result.trial.configuration for result in results)["codes"],
        "constants": constants,
        "variant_colors": [variant_color(name) for name in columns[VARIANT]["values"]],
    }


def coded(values: Iterable[Hashable]) -> dict[str, list[Any]]:
    """A column as its distinct values in order, and for each trial the place of its own.

    >>> coded(["mlp", "cnn", "mlp"])
    {'values': ['cnn', 'mlp'], 'codes': [1, 0, 1]}
    """
    given = list(values)
    # By type too: 1, 1.0 and True are one key of a dictionary, and three settings.
    distinct = {(type(value).__name__, value) for value in given}
    order = sorted(distinct, key=lambda pair: _rank(pair[1]))
    place = {pair: number for number, pair in enumerate(order)}
    return {
        "values": [value for _, value in order],
        "codes": [place[type(value).__name__, value] for value in given],
    }


def scalar_columns(results: Sequence[TrialResult]) -> dict[str, dict[str, list[float | None]]]:
    """Each scalar of the trials: values, and the ends of its intervals where one has them."""
    found = [scalars(result.rows) for result in results]
    columns: dict[str, dict[str, list[float | None]]] = {}
    for name in dict.fromkeys(name for one in found for name in one):
        members = [one.get(name) for one in found]
        columns[name] = {"value": significant(m.value if m else None for m in members)}
        for end in ("low", "high"):
            ends = significant(getattr(m, end) if m else None for m in members)
            if any(value is not None for value in ends):
                columns[name][end] = ends
    return columns


def _first_the_usual(column: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Variants in the order of a reader: true labels, changed ones, untrained."""
    values = column["values"]
    order = sorted(
        range(len(values)),
        key=lambda code: (
            "untrained" in values[code],
            values[code] != "true labels",
            len(values[code].split(", ")),
            code,
        ),
    )
    place = {code: number for number, code in enumerate(order)}
    return {
        "values": [values[code] for code in order],
        "codes": [place[code] for code in column["codes"]],
    }


def _rank(value: Any) -> tuple[int, float, str]:
    """Numbers by size, then words, then what is not set."""
    if value is None:
        return (2, 0.0, "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, float(value), "")
    return (1, 0.0, str(value))


def _json_value(value: Any) -> Hashable:
    """A setting as JSON has it; lists and what is not finite as text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return str(value)
