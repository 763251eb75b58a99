"""Response, predictors and covariates by name.

A name is a scalar of a trial (`id_last_hidden/twonn`), a setting that is a number
(`model.width`), the last value of the training history (`history/train_loss`), or a layer
of a profile: `id/twonn[layer3]` by its name, `id/twonn[0.5]` at a relative depth,
interpolated between layers, `id/twonn[-2]` by its position (0 is the first measured, -1 the
last). Any of them may stand in `log(...)` or `logit(...)`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logit

from sweep.errors import UserError
from sweep.measurement import Measurement
from sweep.nearest import did_you_mean
from sweep.regression.clusters import Floats

LOW, HIGH = "low:", "high:"  # before a column's name: the ends of its intervals
HISTORY = "history/"
TOO_LARGE = 1e100
TRANSFORMS = {"log": np.log, "logit": logit}


@dataclass(frozen=True)
class Variable:
    """What one name asks for.

    text: as given. transform: "log", "logit", or "". name: the column of the table.
    quantity, layer: the two halves of `id/twonn[0.5]`, None for what is no layer.
    """

    text: str
    transform: str
    name: str
    quantity: str | None = None
    layer: str | None = None


def parse_variable(text: str) -> Variable:
    """A name taken apart.

    >>> parse_variable("log(id/twonn[-2])")
    Variable(text='log(id/twonn[-2])', transform='log', name='id/twonn[-2]', \
quantity='id/twonn', layer='-2')
    """
    given = text.strip()
    inside = re.fullmatch(r"(log|logit)\((.+)\)", given)
    transform, name = (inside[1], inside[2].strip()) if inside else ("", given)
    at = re.fullmatch(r"([^\[\]]+)\[(.+)\]", name)
    return Variable(given, transform, name, *((at[1], at[2]) if at else ()))


def layers_asked(names: Sequence[str]) -> list[Variable]:
    """Those of the names that are of single layers, each column once."""
    found = {one.name: one for one in map(parse_variable, names) if one.layer is not None}
    return list(found.values())


def read_column(table: pd.DataFrame, text: str) -> Floats:
    """(T,) values of a variable; NaN where a trial has none, or no logarithm.

    Raises UserError with the nearest name if no trial has it, or if it is no number.
    """
    variable = parse_variable(text)
    if variable.name not in table:
        if variable.layer is not None:
            raise UserError(f"no trial has a layer {variable.layer!r} of {variable.quantity!r}")
        known = [str(name) for name in table if is_numeric(table[name])]
        there = f"there are {len(known)} numbers a trial, such as {', '.join(_examples(known))}"
        if not known:
            there = f"no column holds numbers; there is: {', '.join(map(str, table))}"
        raise UserError(
            f"no trial has {variable.name!r}; {did_you_mean(variable.name, known)}{there}"
        )
    if not is_numeric(table[variable.name]):
        raise UserError(f"{variable.name!r} is no number, so nothing can be regressed on it")
    values = table[variable.name].to_numpy(np.float64, na_value=np.nan)
    return apply_transform(variable, values)


def check_column(table: pd.DataFrame, text: str) -> None:
    """Raise UserError with the nearest name unless a table has this number."""
    read_column(table, text)


def apply_transform(variable: Variable, values: Floats) -> Floats:
    """The values on the scale that the variable asks for; NaN where there is none.

    None is also what is so large that its square is no number: a network that diverged.
    """
    if not variable.transform:
        return np.where(np.abs(values) < TOO_LARGE, values, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.asarray(TRANSFORMS[variable.transform](values), np.float64)
    return np.where(np.isfinite(found), found, np.nan)


def is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers (no truth values), and may lack some."""
    if pd.api.types.is_bool_dtype(column):
        return False
    if pd.api.types.is_numeric_dtype(column):
        return True
    there = column.dropna()
    return len(there) > 0 and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in there
    )


def layer_value(rows: Sequence[Measurement], layer: str) -> tuple[float, float, float] | None:
    """Value and ends of the interval (NaN without one) at a layer of one profile.

    rows: of one network and one quantity. A layer of that name comes first, then a whole
    number is a position, and one with a decimal point a relative depth. None where the
    network has no such layer.
    """
    profile = sorted(rows, key=lambda row: row.layer_index or 0)
    named = [row for row in profile if row.layer == layer]
    if named:
        return _with_ends(named[0])
    try:
        position = int(layer)
    except ValueError:
        return _at_depth(profile, layer)
    inside = -len(profile) <= position < len(profile)
    return _with_ends(profile[position]) if inside else None


def _at_depth(profile: Sequence[Measurement], layer: str) -> tuple[float, float, float] | None:
    try:
        depth = float(layer)
    except ValueError:
        return None
    placed = [row for row in profile if row.relative_depth is not None]
    if not placed or not placed[0].relative_depth <= depth <= placed[-1].relative_depth:  # type: ignore[operator]
        return None
    depths = [row.relative_depth for row in placed]
    columns = np.array([_with_ends(row) for row in placed])
    value, low, high = (float(np.interp(depth, depths, column)) for column in columns.T)  # type: ignore[arg-type]
    return value, low, high


def _with_ends(row: Measurement) -> tuple[float, float, float]:
    low, high = (math.nan if end is None else end for end in (row.low, row.high))
    return row.value, low, high


def _examples(names: Sequence[str]) -> list[str]:
    likely = [name for name in names if "last_hidden" in name or name.startswith("test_")]
    return (likely or list(names))[:4]
