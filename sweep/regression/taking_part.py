"""Which predictors are compared with each other, and on which networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sweep.regression.clusters import mean_by
from sweep.regression.footing import Footing, compare_predictors
from sweep.regression.holdout import MIN_FAMILIES
from sweep.regression.scopes import (
    TooFewError,
    clusters_of,
)
from sweep.regression.study import MIN_SHARE, Study, network_families


def compare_all(study: Study, predictors: Sequence[str]) -> Footing | None:
    """All predictors on the networks that have every one of them."""
    y = study.column(study.response)
    there = np.isfinite(y)
    names, left_out, columns = [], [], []
    for name in predictors:
        column = study.column(name)
        share = float(np.isfinite(column[there]).mean()) if there.any() else 0.0
        if share < MIN_SHARE:
            left_out.append(f"{name}: {share:.0%} of the trials have it")
        elif np.ptp(column[there & np.isfinite(column)]) == 0:
            left_out.append(f"{name}: it does not vary")
        else:
            names.append(name)
            columns.append(column)
    if len(names) < 2 or np.ptp(y[there]) == 0:
        return None
    x = np.column_stack(columns)
    rows = np.flatnonzero(there & np.isfinite(x).all(axis=1))
    try:
        _, clusters = clusters_of(study.table.iloc[rows], study.axes)
    except TooFewError:
        return None
    x, y = x[rows], y[rows]
    num = clusters.num_configurations
    mean_x, mean_y = (mean_by(clusters.configuration, v, num) for v in (x, y))
    varied = np.ptp(mean_x, axis=0) > 0
    if varied.sum() < 2 or np.ptp(mean_y) == 0:
        return None
    family = (
        None if study.family is None else network_families(study.family[rows].tolist(), clusters)
    )
    by_family = family is not None and len(set(family)) >= MIN_FAMILIES
    fold = np.arange(len(mean_y))
    if by_family:
        fold = np.unique(np.array(family), return_inverse=True)[1]
    return compare_predictors(
        [name for name, own in zip(names, varied, strict=True) if own],
        mean_x[:, varied],
        mean_y,
        fold,
        "family" if by_family else "network",
        left_out,
        study.config.resamples,
        study.config.seed,
    )
