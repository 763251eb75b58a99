"""Populations of trials that train together: population based training, as plain functions.

M. Jaderberg et al., "Population Based Training of Neural Networks", arXiv:1711.09846, with
synchronous exchanges: every so many epochs all members wait for each other, and the worst
go on from weights and optimizer of the best, with settings of the best a little changed.
What follows is drawn from the scheduler's seed, the epoch and the member's key alone, so a
population comes to the same wherever, and however often interrupted, it is trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sweep.config import Choice, LogUniform, SchedulerConfig, SweepConfig, Uniform
from sweep.config.search import better
from sweep.errors import UserError
from sweep.sealing import content_key
from sweep.space import Trial

FACTORS = (0.8, 1.2)
# Of the section `scheduler`, what a population's result depends on.
SETTINGS = {"every", "quantile", "mutations", "resample", "seed", "metric", "mode"}


@dataclass(frozen=True)
class Standing:
    """How a member does. score: more is better; None: its loss is not finite any more.

    values: what it trains with now, of the settings that change.
    """

    key: str
    score: float | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Exploit:
    """A member that goes on from another's weights. values: its settings from now on."""

    member: str
    source: str
    values: Mapping[str, float]


def exchanges(config: SchedulerConfig, epochs: int) -> list[int]:
    """The epochs after which members wait for each other, of a training of so many."""
    return list(range(config.every, epochs, config.every))


def score_of(config: SchedulerConfig, record: Mapping[str, float]) -> float | None:
    """A number of which more is better; None without a record of an epoch."""
    if not record:
        return None
    sign = 1.0 if better(config.metric, config.mode) == "max" else -1.0
    return sign * record[config.metric]


def choose_exploits(
    config: SchedulerConfig, standings: Sequence[Standing], epoch: int
) -> list[Exploit]:
    """Who goes on from whose weights after an epoch, by the standings of all members.

    As many of the worst as `quantile` says, and all whose loss is not finite, each from one
    of as many of the best. Ties are broken by key.
    """
    number = min(math.ceil(len(standings) * config.quantile), len(standings) // 2)
    ranked = sorted(
        standings, key=lambda one: (-math.inf if one.score is None else one.score, one.key)
    )
    worst = ranked[:number] + [one for one in ranked[number:] if one.score is None]
    best = [one for one in ranked[len(ranked) - number :] if one.score is not None]
    if not best:
        return []
    found = []
    for member in worst:
        rng = np.random.default_rng(int(content_key([config.seed, epoch, member.key]), 16))
        source = best[int(rng.integers(len(best)))]
        values = {
            key.partition(".")[2]: _changed(source.values[key.partition(".")[2]], axis, config, rng)
            for key, axis in sorted(config.mutations.items())
        }
        found.append(Exploit(member.key, source.key, values))
    return found


def _changed(
    value: Any,
    axis: Uniform | LogUniform | Choice,
    config: SchedulerConfig,
    rng: np.random.Generator,
) -> float:
    drawn = rng.random() < config.resample
    if isinstance(axis, Choice):
        options: list[Any] = list(axis.choice)
        if drawn or value not in options:
            return options[int(rng.integers(len(options)))]  # type: ignore[no-any-return]
        place = options.index(value) + int(rng.choice([-1, 1]))
        return options[min(max(place, 0), len(options) - 1)]  # type: ignore[no-any-return]
    low, high = axis.uniform if isinstance(axis, Uniform) else axis.loguniform
    if drawn or value is None:
        if isinstance(axis, LogUniform):
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return float(rng.uniform(low, high))
    return float(min(max(value * rng.choice(FACTORS), low), high))


def in_populations(config: SweepConfig, trials: Sequence[Trial]) -> list[Trial]:
    """The trials, those that train as members of populations, if the sweep has such.

    Trials that differ in nothing but the settings that change and in their seed belong
    together. A member's key holds all members and the scheduler's settings, for its result
    depends on them. Raises UserError for a population of one, and for what can't change.
    """
    if config.scheduler.name != "pbt":
        return list(trials)
    changing = {key.partition(".")[2] for key in config.scheduler.mutations}
    groups: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.epoch:
            common = trial.config.model_dump_json(exclude={"training": {*changing, "seed"}})
            groups.setdefault(common, []).append(trial)
    settings = config.scheduler.model_dump(include=SETTINGS)
    members: dict[str, Trial] = {}
    for group in groups.values():
        _check(group, changing)
        population = content_key([settings, sorted(trial.key for trial in group)])
        for trial in group:
            key = content_key([trial.key, population])
            members[trial.key] = replace(trial, key=key, population=population)
    return [members.get(trial.key, trial) for trial in trials]


def _check(group: Sequence[Trial], changing: set[str]) -> None:
    first = group[0]
    if len(group) < 2:
        raise UserError(
            f"scheduler: pbt needs populations of at least two, but {first.name} is alone: put "
            "axes of the settings that change, or seeds, in the space"
        )
    if "momentum" in changing and first.config.training.optimizer not in ("sgd", "nesterov"):
        raise UserError(
            f"scheduler.mutations: training.momentum changes nothing of {first.name}, whose "
            f"optimizer is {first.config.training.optimizer}: leave it out, or use sgd"
        )
