"""Which trials are compared with which: all, by family, by experiment, along each axis."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sweep.regression.clusters import Clusters, Floats, Ints
from sweep.regression.correlation import varies
from sweep.regression.families import FAMILY, GIVEN, SEED, families

POPULATION = "population"  # a column, where trials trained as such
EXPERIMENT = "experiment"  # a column, where trials of several are put together
ALL = "all trials"
ALONG = "along "
MIN_CONFIGURATIONS = 4


@dataclass(frozen=True)
class Scope:
    """name: "all trials", "family cnn", "along model.width". rows: (T,) of the table.

    fixed: the settings in which compared trials agree; empty where nothing is held fixed.
    """

    name: str
    rows: Ints
    fixed: tuple[str, ...] | None = None

    @property
    def axis(self) -> str | None:
        """What varies within its groups, and nothing else."""
        return self.name.removeprefix(ALONG) if self.name.startswith(ALONG) else None


class TooFewError(Exception):
    """Why there is no coefficient."""


def in_order(table: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """The table sorted by what its trials are, so that no arbitrary key decides a draw.

    Trials of a configuration stand in the order of their seeds: a permutation then lays
    equal seeds upon each other.
    """
    ordered = sorted(axes)  # however they are named first
    keys = [*(axis for axis in ordered if axis != SEED), *(a for a in ordered if a == SEED)]
    marks = [_marks(table[key]) for key in keys]
    for name in ("name", "trial"):
        if name in table:
            marks.append(table[name].astype(str).to_numpy())
    order = np.lexsort(marks[::-1]) if marks else np.arange(len(table))
    return table.iloc[order].reset_index(drop=True)


def make_scopes(table: pd.DataFrame, axes: Sequence[str]) -> list[Scope]:
    """All scopes of a table, in the order in which they are told."""
    everything = np.arange(len(table))
    scopes = [Scope(ALL, everything)]
    family = families(table)
    for title, column in (("family", family), (EXPERIMENT, table.get(EXPERIMENT))):
        if column is not None and column.nunique() > 1:
            for value in sorted(column.unique()):
                scopes.append(Scope(f"{title} {value}", everything[(column == value).to_numpy()]))
    for axis in axes:
        if axis not in (SEED, EXPERIMENT, GIVEN):
            fixed = tuple(key for key in axes if key not in (axis, SEED))
            scopes.append(Scope(ALONG + axis, everything, fixed))
    return scopes


def clusters_of(
    table: pd.DataFrame, axes: Sequence[str], fixed: Sequence[str] | None = None
) -> tuple[Ints, Clusters]:
    """Which rows can be compared, (T,), and how they go together.

    fixed: rows that agree in these make a group; groups with one configuration drop out.
    Raises TooFewError where too few configurations are left.
    """
    configuration = numbered(table, [axis for axis in axes if axis != SEED])
    if len(table) and configuration.max() == 0:
        configuration = np.arange(len(table))  # nothing varies but the seed: trials count
    if POPULATION in table:
        configuration = _populations_whole(configuration, table[POPULATION])
    group = numbered(table, fixed or ())
    rows = np.arange(len(table))
    if fixed is not None and len(table):
        pairs = np.unique(np.column_stack([group, configuration]), axis=0)
        several = np.bincount(pairs[:, 0]) > 1
        rows = rows[several[group]]
        configuration, group = (
            np.unique(labels[rows], return_inverse=True)[1] for labels in (configuration, group)
        )
    num = len(np.unique(configuration))
    if num < MIN_CONFIGURATIONS:
        whole = " (a population counts as one)" if POPULATION in table else ""
        raise TooFewError(f"{num} configurations{whole}, needs {MIN_CONFIGURATIONS}")
    return rows, Clusters(configuration.astype(np.int64), group.astype(np.int64))


def _populations_whole(configuration: Ints, population: pd.Series) -> Ints:
    """(T,) a number for each row, the same for all members of a population.

    They go back to few networks that were taken over, so they are no more independent of
    each other than seeds of one configuration.
    """
    labels = [
        f"population {name}" if name else f"configuration {number:08d}"
        for name, number in zip(population.fillna(""), configuration, strict=True)
    ]
    return np.asarray(np.unique(labels, return_inverse=True)[1])


def check_varies(x: Floats, y: Floats, clusters: Clusters) -> None:
    """Raise TooFewError unless (T,) x and y both vary within some group."""
    if not varies(x, clusters) or not varies(y, clusters):
        raise TooFewError("the predictor or the response does not vary")


def numbered(table: pd.DataFrame, keys: Sequence[str]) -> Ints:
    """(T,) a number for each row, equal where all keys are, in the order of their values."""
    number = np.zeros(len(table), np.int64)
    for key in sorted(keys):
        marks, own = np.unique(_marks(table[key]), return_inverse=True)
        number = np.unique(number * len(marks) + own, return_inverse=True)[1]
    return number


def labels_of(table: pd.DataFrame, configuration: Ints) -> list[str]:
    """(C,) a name for each configuration: that of its first trial, without the seed."""
    names = table["name"] if "name" in table else table.get("trial", pd.Series(table.index))
    first = np.unique(configuration, return_index=True)[1]
    labels = [str(names.iloc[row]) for row in first]
    return [re.sub(r"-s\d+$", "", label) for label in labels] if SEED in table else labels


def _marks(column: pd.Series) -> Any:
    """Values as text; 8 and 8.0 are one."""
    return np.array([_mark(value) for value in column.tolist()])


def _mark(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{float(value):020.9f}" if abs(value) < 1e9 and value >= 1e-6 else repr(float(value))


def family_labels(table: pd.DataFrame) -> list[str] | None:
    """(T,) the family of each row; None where there are not two."""
    found = families(table)
    return None if found is None or found.nunique() < 2 else [str(name) for name in found]


__all__ = [
    "ALL",
    "ALONG",
    "EXPERIMENT",
    "FAMILY",
    "MIN_CONFIGURATIONS",
    "SEED",
    "Scope",
    "TooFewError",
    "check_varies",
    "clusters_of",
    "family_labels",
    "in_order",
    "labels_of",
    "make_scopes",
    "numbered",
]
