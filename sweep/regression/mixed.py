"""A linear model that knows about families: random intercepts, or clustered errors.

Legend: N networks (configurations, seeds averaged), T trials, K covariates.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from sweep.regression.clusters import Floats, Ints, mean_by
from sweep.regression.scopes import TooFewError

BOUNDARY = 1e-4  # share of the variance below which statsmodels finds none
MIN_FAMILIES = 5  # fewer can't tell the variance between families


@dataclass(frozen=True)
class LinearModel:
    """response = intercept of the family + slope * predictor (+ covariates) + rest.

    kind: "mixed", with intercepts drawn from a normal law, or "ols", with an intercept of
        each family and errors clustered by configuration. why: the reason for that.
    slope: per unit of the predictor, with standard error, 95% interval and p-value.
    standardized: the same in standard deviations of both. family_share: of the variance
        that the predictor leaves, the part between families; None under "ols".
    notes: what statsmodels warned of, in our words.
    """

    kind: str
    why: str
    slope: float
    error: float
    low: float
    high: float
    p_value: float
    standardized: float
    family_share: float | None
    num_families: int
    num_networks: int
    notes: tuple[str, ...] = ()


def fit_model(
    x: Floats, y: Floats, covariates: Floats, configuration: Ints, family: Sequence[str] | None
) -> LinearModel:
    """Fit (T,) y on (T,) x and (T, K) covariates; family: (T,), None where there is one.

    With five families or more: statsmodels' MixedLM, a random intercept by family, fitted by
    REML to configurations (their seeds averaged), intervals by Student's t with the degrees of
    freedom that are left within families: by the normal law a true null is refused in one of
    ten small samples. With fewer: OLS with an intercept of each family and errors clustered
    by configuration, intervals by Student's t. Raises TooFewError unless there are more
    configurations than coefficients, an intercept of each family among them: from families
    of one network nobody can tell the variance between families from that within.
    """
    labels = np.array(family if family is not None else ["all"] * len(x))
    names, number = np.unique(labels, return_inverse=True)
    num_networks = len(np.unique(configuration))
    num_coefficients = len(names) + 1 + covariates.shape[1]
    if num_networks <= num_coefficients:
        raise TooFewError(
            f"{num_networks} configurations for the {num_coefficients} coefficients of a linear "
            "model"
        )
    if len(names) < MIN_FAMILIES:
        kind = "family" if len(names) == 1 else "families"
        why = f"{len(names)} {kind}, fewer than {MIN_FAMILIES}"
        return _fit_ols(x, y, covariates, configuration, number, why)
    num = int(configuration.max()) + 1
    columns = mean_by(configuration, np.column_stack([x, y, covariates]), num)
    groups = np.empty(num, np.int64)
    groups[configuration] = number
    found = _fit_mixed(columns[:, 0], columns[:, 1], columns[:, 2:], groups)
    if found is None:
        why = f"the mixed model of {len(names)} families did not converge"
        return _fit_ols(x, y, covariates, configuration, number, why)
    return found


def _fit_mixed(x: Floats, y: Floats, covariates: Floats, groups: Ints) -> LinearModel | None:
    """None where no optimizer of statsmodels finds the maximum, or an error of the slope."""
    from statsmodels.regression.mixed_linear_model import MixedLM

    design = np.column_stack([np.ones(len(x)), _standard(x), _standard(covariates)])
    scale_x, scale_y = float(x.std()), float(y.std())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = MixedLM(_standard(y), design, groups=groups).fit(reml=True)
        except np.linalg.LinAlgError:
            return None
        slope, error = float(found.fe_params[1]), float(found.bse[1])
        variance = float(np.asarray(found.cov_re)[0, 0])
    if not found.converged or not np.isfinite(error) or not error:
        return None
    freedom = len(x) - len(np.unique(groups)) - 1 - covariates.shape[1]
    reach = float(student.ppf(0.975, freedom)) * error
    unit = scale_y / scale_x
    return LinearModel(
        kind="mixed",
        why=f"{len(np.unique(groups))} families, {MIN_FAMILIES} or more",
        slope=slope * unit,
        error=error * unit,
        low=(slope - reach) * unit,
        high=(slope + reach) * unit,
        p_value=float(2 * student.sf(abs(slope) / error, freedom)),
        standardized=slope,
        family_share=variance / (variance + float(found.scale)),
        num_families=len(np.unique(groups)),
        num_networks=len(x),
        notes=_told(caught, variance / (variance + float(found.scale))),
    )


def _fit_ols(
    x: Floats, y: Floats, covariates: Floats, configuration: Ints, number: Ints, why: str
) -> LinearModel:
    from statsmodels.regression.linear_model import OLS

    intercepts = np.eye(int(number.max()) + 1)[number]
    design = np.column_stack([intercepts, _standard(x), _standard(covariates)])
    at = intercepts.shape[1]
    scale_x, scale_y = float(x.std()), float(y.std())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = OLS(_standard(y), design).fit(
            cov_type="cluster", cov_kwds={"groups": configuration}, use_t=True
        )
        interval = np.asarray(found.conf_int())[at]
        error, p_value = float(found.bse[at]), float(found.pvalues[at])
    unit = scale_y / scale_x
    return LinearModel(
        kind="ols",
        why=why,
        slope=float(found.params[at]) * unit,
        error=error * unit,
        low=float(interval[0]) * unit,
        high=float(interval[1]) * unit,
        p_value=p_value,
        standardized=float(found.params[at]),
        family_share=None,
        num_families=at,
        num_networks=int(configuration.max()) + 1,
        notes=_told(caught, 1.0),
    )


def _standard(values: Floats) -> Floats:
    """(N,) or (N, K) columns of mean 0 and deviation 1; a constant stays 0."""
    spread = values.std(axis=0)
    return np.asarray((values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _told(caught: Sequence[Any], family_share: float) -> tuple[str, ...]:
    """Each warning once; those of a variance at its boundary are many, and have one cause."""
    texts = dict.fromkeys(" ".join(str(one.message).split()) for one in caught)
    if family_share > BOUNDARY:
        return tuple(f"statsmodels warns: {text}" for text in texts)
    return ("the families' intercepts show no variance of their own",)
