"""From numbers of networks to one estimate with a 95% interval."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from sweep.claims.statistics import (
    PER_NETWORK,
    NoValueError,
    Reading,
    is_on_log,
    network_scalar,
)
from sweep.config import ClaimConfig, RegressionConfig
from sweep.mean import mean_interval
from sweep.regression import MIN_CONFIGURATIONS
from sweep.regression.correlation import ClusteredSample, correlate
from sweep.results import TrialResult
from sweep.scalars import scalar_name

CORRELATION = "correlation"


@dataclass(frozen=True)
class Values:
    """Of each network its numbers, one or the two to correlate, and its configuration.

    configurations: all that a trial is but its seed. without: networks that have no number,
        by reason.
    """

    values: list[tuple[float, ...]] = field(default_factory=list)
    configurations: list[str] = field(default_factory=list)
    without: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval; over: "configurations", or "seeds" of the only one."""

    value: float
    low: float
    high: float
    over: str


def read_values(
    claim: ClaimConfig, chosen: Sequence[TrialResult], results: Sequence[TrialResult]
) -> Values:
    """The claim's statistic of each chosen network; results: all, for untrained twins."""
    twins = {r.trial.config.model_dump_json(): r for r in results if r.trial.role == "untrained"}
    found = Values()
    for result in chosen:
        try:
            if claim.statistic == CORRELATION:
                names = _predictor(result, claim.quantity), claim.response
                numbers = tuple(network_scalar(result, name) for name in names)
            else:
                numbers = (PER_NETWORK[claim.statistic].read(Reading(result, claim, twins)),)
        except NoValueError as error:
            found.without[str(error)] += 1
        else:
            found.values.append(numbers)
            found.configurations.append(_configuration(result))
    return found


def _predictor(result: TrialResult, quantity: str) -> str:
    """The scalar that a quantity is correlated by: of layers, that of the last hidden one."""
    layered = any(r.quantity == quantity and r.layer_index is not None for r in result.rows)
    return scalar_name(quantity, "last_hidden") if layered else quantity


def estimate_values(claim: ClaimConfig, found: Values, config: RegressionConfig) -> Estimate:
    """Their mean or correlation. Raises NoValueError if there are too few for an interval.

    config: resamples and seed of a correlation's bootstrap.
    """
    if not found.values:
        raise NoValueError("no network has a value")
    if claim.statistic == CORRELATION:
        return _correlation(found, config)
    values = [numbers[0] for numbers in found.values]
    if not is_on_log(claim.statistic):
        return _mean(values, found.configurations)
    mean = _mean([math.log(value) for value in values], found.configurations)
    return Estimate(math.exp(mean.value), math.exp(mean.low), math.exp(mean.high), mean.over)


def _mean(values: Sequence[float], configurations: Sequence[str]) -> Estimate:
    """Seeds of a configuration are averaged; Student's t over configurations, or over seeds."""
    members: dict[str, list[float]] = {}
    for key, value in zip(configurations, values, strict=True):
        members.setdefault(key, []).append(value)
    several = len(members) > 1
    means = [fmean(own) for own in members.values()] if several else list(values)
    if len(means) < 2:
        raise NoValueError("one network gives no interval")
    return Estimate(*mean_interval(means), "configurations" if several else "seeds")


def _correlation(found: Values, config: RegressionConfig) -> Estimate:
    """Pearson's r with its bootstrap interval over whole configurations."""
    keys = sorted(set(found.configurations))
    if len(keys) < MIN_CONFIGURATIONS:
        raise NoValueError(f"{len(keys)} configurations, needs {MIN_CONFIGURATIONS}")
    place = {key: number for number, key in enumerate(keys)}
    # In one order whatever that of the trials: it decides what is resampled.
    pairs = sorted(zip(found.configurations, found.values, strict=True))
    sample = ClusteredSample(
        np.array([numbers[0] for _, numbers in pairs]),
        np.array([numbers[1] for _, numbers in pairs]),
        np.array([place[key] for key, _ in pairs], np.int64),
        np.zeros(len(pairs), np.int64),
    )
    if not sample.varies():
        raise NoValueError("the quantity or the response does not vary")
    r = correlate(sample, "pearson", config.resamples, np.random.default_rng(config.seed))
    if math.isnan(r.low):
        raise NoValueError("too few configurations for an interval")
    return Estimate(r.value, r.low, r.high, "configurations")


def _configuration(result: TrialResult) -> str:
    config = result.trial.config
    training = config.training.model_copy(update={"seed": 0})
    return config.model_copy(update={"training": training}).model_dump_json()
